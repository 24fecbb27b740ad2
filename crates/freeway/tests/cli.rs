//! The binary as a user meets it: what it prints where, and with which exit code.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

#[path = "support/output.rs"]
mod output;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use output::{assert_fails, assert_success, stderr, stdout};

/// Runs `freeway` with an empty Hugging Face cache, so that the demo answers on any machine.
fn freeway(args: &[&str], stdin: &str) -> Output {
    let cache = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_freeway"))
        .args(args)
        .env("HF_HUB_CACHE", cache.path())
        .env_remove("FREEWAY_MODEL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that ends before it read its input closes the pipe: that is its right.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn json_of(output: &Output) -> Value {
    assert_success(output);
    serde_json::from_str(stdout(output)).unwrap()
}

#[test]
fn the_demo_reasons_and_answers_a_sum() {
    let output = freeway(&["chat", "What is 27 + 58?"], "");
    assert_success(&output);
    let text = stdout(&output);
    let (reasoning, answer) = text
        .rsplit_once("\n\n")
        .expect("a blank line ends the reasoning");
    assert!(!reasoning.is_empty());
    assert!(answer.contains("85"), "{text}");
    assert!(
        !text.contains('\x1b'),
        "no escape codes in a pipe: {text:?}"
    );
    assert!(
        stderr(&output).contains("demo"),
        "it says which model answers"
    );
}

#[test]
fn json_has_the_parts_of_the_answer_and_what_it_cost() {
    let output = freeway(&["chat", "--json", "What is 27 + 58?"], "");
    let answer = json_of(&output);
    assert!(
        answer["content"].as_str().unwrap().contains("85"),
        "{answer}"
    );
    assert!(!answer["reasoning"].as_str().unwrap().is_empty());
    assert_eq!(answer["tool_calls"], json!([]));
    assert_eq!(answer["finish_reason"], "stop");
    assert_eq!(answer["model"], "demo");
    let usage = &answer["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert!(count("prompt_tokens") > 0 && count("reasoning_tokens") > 0);
    assert!(count("completion_tokens") > count("reasoning_tokens"));
    assert!(answer["timings"]["decode_ms"].as_f64().unwrap() >= 0.0);
}

#[test]
fn an_empty_model_variable_is_one_that_is_not_set() {
    let output = Command::new(env!("CARGO_BIN_EXE_freeway"))
        .args(["chat", "Hello"])
        .env("FREEWAY_MODEL", "")
        .env("HF_HUB_CACHE", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_success(&output);
    assert!(
        stderr(&output).contains("demo"),
        "it says which model answers"
    );
}

#[test]
fn low_effort_answers_without_reasoning() {
    let answer = json_of(&freeway(
        &["chat", "--json", "--effort", "low", "Hello"],
        "",
    ));
    assert_eq!(answer["reasoning"], "");
    assert!(!answer["content"].as_str().unwrap().is_empty());
}

#[test]
fn the_prompt_may_come_from_standard_input() {
    let piped = freeway(&["chat", "--json"], "What is 27 + 58?");
    let dash = freeway(&["chat", "--json", "-"], "What is 27 + 58?");
    let argument = freeway(&["chat", "--json", "What is 27 + 58?"], "ignored");
    let content = |output| json_of(output)["content"].clone();
    assert_eq!(content(&piped), content(&argument));
    assert_eq!(content(&dash), content(&argument));
}

#[test]
fn one_seed_gives_one_answer() {
    let ask = |seed: &str| {
        let args = [
            "chat",
            "--temperature",
            "2",
            "--seed",
            seed,
            "--max-tokens",
            "60",
            "Hello",
        ];
        let output = freeway(&args, "");
        assert_success(&output);
        output.stdout
    };
    assert_eq!(ask("1"), ask("1"));
    let answers: Vec<_> = ["2", "3", "4", "5"].map(ask).into();
    assert!(
        answers.iter().any(|answer| *answer != ask("1")),
        "the seed changes nothing"
    );
}

#[test]
fn max_tokens_ends_the_answer_and_says_so() {
    let args = ["chat", "--json", "--max-tokens", "5", "What is 27 + 58?"];
    let answer = json_of(&freeway(&args, ""));
    assert_eq!(answer["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 5);
    let plain = freeway(&["chat", "--max-tokens", "5", "What is 27 + 58?"], "");
    assert_success(&plain);
    assert!(
        stderr(&plain).contains("--max-tokens"),
        "{}",
        stderr(&plain)
    );
}

#[test]
fn a_declared_function_is_called_with_what_the_user_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tools.json");
    let tools = json!([{"type": "function", "function": {
        "name": "get_weather",
        "description": "Get the current weather for a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"]
        }
    }}]);
    std::fs::write(&file, tools.to_string()).unwrap();
    let args = [
        "chat",
        "--json",
        "--tools",
        file.to_str().unwrap(),
        "What's the weather in Oslo?",
    ];
    let answer = json_of(&freeway(&args, ""));
    assert_eq!(answer["finish_reason"], "tool_calls");
    let call = &answer["tool_calls"][0];
    assert_eq!(call["name"], "get_weather");
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"city": "Oslo"}));
}

#[test]
#[cfg(unix)]
fn ctrl_c_stops_the_answer_and_exits_with_130() {
    use std::io::Read;

    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("random");
    let model = model.to_str().unwrap();
    // The vocabulary of gpt-oss needs no tokenizer file; noise hardly ever ends by itself.
    assert_success(&freeway(
        &["synth", "--vocab", "201088", "--out", model],
        "",
    ));
    let mut child = Command::new(env!("CARGO_BIN_EXE_freeway"))
        .args(["chat", "--model", model, "--seed", "1", "go on"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).expect("the answer begins");
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    // The pipe has to be emptied, or the answer could not end.
    std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("stopped"), "{}", stderr(&output));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_not_a_panic() {
    let full = || {
        std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freeway"));
        command
            .args(args)
            .env("HF_HUB_CACHE", "/nonexistent")
            .stdin(Stdio::null());
        command
    };
    let status = run(&["chat", "Hello"])
        .stderr(full())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(
        status.success(),
        "notes that nobody can read are no failure"
    );
    for args in [&["chat", "Hello"][..], &["score", "--tokens", "1,2"]] {
        let output = run(args).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(
            stderr(&output).contains("No space left"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn token_ids_may_come_from_a_file_or_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ids.json");
    std::fs::write(&file, "[1, 2,\n3]").unwrap();
    let score = |tokens: &str, stdin: &str| {
        json_of(&freeway(&["score", "--json", "--tokens", tokens], stdin))["tokens"].clone()
    };
    let expected = score("1,2,3", "");
    assert_eq!(score(&format!("@{}", file.display()), ""), expected);
    assert_eq!(score("@-", "1 2 3"), expected);
    assert_fails(&freeway(&["score", "--tokens", "1,x"], ""), 2, &["\"x\""]);
}

#[test]
fn a_bad_command_line_exits_with_2_and_says_what_to_do() {
    assert_fails(
        &freeway(&["chat", "--effort", "huge", "x"], ""),
        2,
        &["low", "medium", "high"],
    );
    assert_fails(
        &freeway(&["chat", "--model", "/no/such", "x"], ""),
        2,
        &["/no/such", "directory"],
    );
    assert_fails(
        &freeway(&["chat", "--model", "openai/gpt-oss-20b", "x"], ""),
        2,
        &["cache"],
    );
    assert_fails(
        &freeway(&["chat", "--temperature", "-1", "x"], ""),
        2,
        &["temperature"],
    );
    assert_fails(&freeway(&["chat", "--top-p", "7", "x"], ""), 2, &["top_p"]);
    assert_fails(
        &freeway(&["chat", "--date", "yesterday", "x"], ""),
        2,
        &["YYYY-MM-DD"],
    );
    assert_fails(&freeway(&["chat", "  "], ""), 2, &["empty"]);
    assert_fails(&freeway(&["score"], ""), 2, &["--tokens"]);
}

#[test]
fn a_bad_file_exits_with_1_and_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("bad.json"), "{\"name\": 1").unwrap();
    for option in ["--tools", "--schema"] {
        assert_fails(
            &freeway(&["chat", option, &path("none.json"), "x"], ""),
            1,
            &["none.json"],
        );
        assert_fails(
            &freeway(&["chat", option, &path("bad.json"), "x"], ""),
            1,
            &["bad.json"],
        );
    }
    assert_fails(
        &freeway(&["chat", "--model", &path(""), "x"], ""),
        1,
        &["safetensors"],
    );
    assert_fails(&freeway(&["harmony", "render"], "{}"), 1, &["messages"]);
    assert_fails(
        &freeway(&["harmony", "parse"], "[1, -1]"),
        1,
        &["token ids"],
    );
    assert_fails(
        &freeway(&["score", "--tokens", "99999999"], ""),
        1,
        &["99999999"],
    );
}

#[test]
fn help_of_every_command_shows_how_to_use_it() {
    for command in ["chat", "score", "synth", "harmony"] {
        let output = freeway(&[command, "--help"], "");
        assert_success(&output);
        assert!(stdout(&output).contains("Usage: freeway"), "{command}");
    }
}

#[test]
fn a_synthetic_checkpoint_can_be_scored_and_its_logits_read() {
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("tiny");
    let model = model.to_str().unwrap();
    assert_success(&freeway(
        &["synth", "--preset", "tiny", "--seed", "3", "--out", model],
        "",
    ));
    let logits = directory.path().join("logits.safetensors");
    let args = [
        "score", "--model", model, "--tokens", "1,2,3,4", "--json", "--exact",
    ];
    let output = freeway(
        &[&args[..], &["--logits-out", logits.to_str().unwrap()]].concat(),
        "",
    );
    let score = json_of(&output);
    let config: Value =
        serde_json::from_slice(&std::fs::read(Path::new(model).join("config.json")).unwrap())
            .unwrap();
    let vocab_size = config["vocab_size"].as_u64().unwrap() as usize;

    let bytes = std::fs::read(logits).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("logits").unwrap();
    assert_eq!(tensor.shape(), [4, vocab_size]);
    let values: Vec<f32> = tensor
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    // The log-probability of the last token, from the row before it, as the plain formula has it.
    let row = &values[2 * vocab_size..3 * vocab_size];
    let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
    let expected = f64::from(row[4]) - sum.ln();
    let printed = score["tokens"][3]["logprob"].as_f64().unwrap();
    assert!(
        (printed - expected).abs() < 1e-4,
        "{printed} is not {expected}"
    );
    assert_eq!(
        score["tokens"][0]["logprob"],
        Value::Null,
        "nothing stands before the first token"
    );
}

#[test]
fn synth_never_writes_over_files() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mine.txt"), "mine").unwrap();
    let output = freeway(&["synth", "--out", directory.path().to_str().unwrap()], "");
    assert_fails(&output, 2, &["empty"]);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn harmony_renders_parses_and_tokenizes() {
    let conversation = json!({"messages": [{"role": "user", "content": "What is 2 + 2?"}]});
    let rendered = freeway(&["harmony", "render"], &conversation.to_string());
    assert_success(&rendered);
    let ids: Vec<u32> = serde_json::from_str(stdout(&rendered)).unwrap();
    assert_eq!(ids.first(), Some(&200_006));
    assert_eq!(ids.last(), Some(&173_781));

    let decoded = freeway(&["harmony", "tokenize", "--decode"], stdout(&rendered));
    assert_eq!(
        stdout(&decoded),
        "<|start|>user<|message|>What is 2 + 2?<|end|><|start|>assistant"
    );
    // Special tokens in a text stay text.
    let tokenized = freeway(&["harmony", "tokenize"], "<|start|>");
    let ids: Vec<u32> = serde_json::from_str(stdout(&tokenized)).unwrap();
    assert!(ids.iter().all(|&id| id < 199_998), "{ids:?}");

    let parsed = freeway(
        &["harmony", "parse"],
        "[200005, 17196, 200008, 4827, 200002]",
    );
    let conversation: Value = serde_json::from_str(stdout(&parsed)).unwrap();
    assert_eq!(conversation["messages"][0]["role"], "assistant");
    assert_eq!(conversation["messages"][0]["channel"], "final");

    // What one prints the other reads, also without the object around it.
    for input in [&conversation, &conversation["messages"]] {
        let again = freeway(&["harmony", "render"], &input.to_string());
        let text = freeway(&["harmony", "tokenize", "--decode"], stdout(&again));
        assert_eq!(
            stdout(&text),
            "<|start|>assistant<|channel|>final<|message|>What<|end|><|start|>assistant"
        );
    }
}

#[test]
fn harmony_says_what_is_wrong_with_its_input_and_where() {
    assert_fails(
        &freeway(&["harmony", "tokenize", "--decode"], "[1, 2, 300000]"),
        1,
        &["300000", "index 2", "201087", "--tokenizer"],
    );
    let output = freeway(&["harmony", "render"], "{\"messages\": 7}");
    assert_fails(&output, 1, &["line 1", "{\"messages\": [{\"role\""]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error.matches("line 1").count(), 1, "{error}");
}
