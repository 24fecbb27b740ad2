//! `freeway route`.

use std::io::Read;
use std::process::{Command, Stdio};

use mock::{Answer, Behaviour};
use serde_json::{Value, json};

use crate::home::Home;
use crate::output::{assert_fails, assert_success, stderr, stdout};

const MODEL: &str = "openai/gpt-oss-20b";
const NAME: &str = "openai/gpt-oss-20b:free";
const TOOLS: &str = r#"[{"name": "weather", "parameters": {"type": "object"}}]"#;

#[test]
fn an_explanation_asks_for_quotas_alone_and_is_that_of_the_api() {
    let home = Home::synced();
    let num_requests = home.hosts[0].num_requests();
    let told = home.json(&["route", "--explain", "--model", MODEL, "Hello?"]);
    assert_eq!(told["object"], "route.explanation");
    let first = &told["order"][0];
    assert_eq!(first["deployment"], format!("host/{NAME}"));
    assert!(first["score"]["reliability"].is_number(), "{first}");
    // What the host counts for itself, and the store does not know.
    let quotas = first["quotas"].as_array().unwrap();
    assert!(
        quotas.iter().any(|quota| quota["remaining"] == 43),
        "{first}"
    );

    let tools = home.file("tools.json", TOOLS);
    let output = home.run(&["route", "--explain", "--tools", &tools, "Hello?"]);
    assert_success(&output);
    let text = stdout(&output);
    for words in ["models  auto", "tools", NAME, "requests per day", "no data"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    assert_eq!(home.hosts[0].num_requests(), num_requests + 2);
}

#[test]
fn the_answer_goes_to_stdout_the_trail_to_stderr_and_the_attempts_into_the_store() {
    let home = Home::with(&["first", "second"]);
    assert_success(&home.run(&["sync"]));
    let told = home.json(&["route", "--explain", "--model", MODEL, "Hello?"]);
    let (best, other) = match told["order"][0]["provider"] == "first" {
        true => (0, "second"),
        false => (1, "first"),
    };
    home.hosts[best].set(NAME, Behaviour::Internal);
    let output = home.run(&["route", "--model", MODEL, "Hello?"]);
    assert_success(&output);
    assert_eq!(
        stdout(&output).trim_end(),
        home.hosts[1 - best].good_words().trim_end()
    );
    let trail = stderr(&output);
    assert!(trail.contains("=internal)"), "{trail}");
    assert!(trail.contains(&format!("({other}/{NAME}=ok)")), "{trail}");

    let shown = home.json(&["models", "show", MODEL]);
    let day = &shown["errors"]["24h"];
    assert!(day["cases"].as_u64().unwrap() >= 2, "{day}");
    assert_eq!(day["ok"], 1);
    assert_eq!(day["attribution"], "attempts");
    let rate = &day["rate"];
    assert!(rate["low"].as_f64().unwrap() > 0.0 && rate["high"].as_f64().unwrap() < 1.0);
    assert_eq!(shown["times"]["answers"], 1);
}

#[test]
fn calls_and_reasoning_are_printed_and_folded() {
    let home = Home::synced();
    let tools = home.file("tools.json", TOOLS);
    home.hosts[0].set(NAME, Behaviour::Calls);
    let args = ["route", "--model", MODEL, "--tools", &tools, "Rain?"];
    let output = home.run(&args);
    assert_success(&output);
    assert!(
        stdout(&output).starts_with("weather({"),
        "{}",
        stdout(&output)
    );
    let answer = home.json(&args);
    let choice = &answer["choices"][0];
    let call = &choice["message"]["tool_calls"][0]["function"];
    assert_eq!(
        (&call["name"], &choice["finish_reason"]),
        (&json!("weather"), &json!("tool_calls"))
    );
    assert_eq!(answer["model"], MODEL);
    assert_eq!(answer["attempts"][0]["outcome"], "ok");
    assert!(
        answer["usage"]["prompt_tokens"].as_u64().unwrap() > 0,
        "{answer}"
    );

    let says = Answer {
        reasoning: vec!["hm".to_owned()],
        ..Answer::of_words(["yes", " indeed"])
    };
    home.hosts[0].set(NAME, Behaviour::Says(says));
    let output = home.run(&["route", "--model", MODEL, "Rain?"]);
    assert_eq!(stdout(&output), "hm\n\nyes indeed\n");
    let output = home.run(&["route", "--model", MODEL, "--hide-reasoning", "Rain?"]);
    assert_eq!(stdout(&output), "yes indeed\n");
}

#[test]
fn the_prompt_and_the_models_arrive_as_they_were_given() {
    let home = Home::synced();
    assert_success(&home.run(&[
        "route",
        "--model",
        &format!("nobody/has, {MODEL}"),
        "What is 27 + 58?",
    ]));
    let seen = home.hosts[0].seen();
    let body: Value = serde_json::from_slice(&seen.last().unwrap().body).unwrap();
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": "What is 27 + 58?"}])
    );
    assert_eq!(body["model"], NAME);
}

#[test]
fn what_goes_wrong_has_a_reason_and_a_code() {
    let home = Home::synced();
    let bad = home.file("bad.json", "[");
    for (args, code, words) in [
        (
            &["route", "--model", "openai/gpt-oss-21b", "x"][..],
            1,
            "did you mean openai/gpt-oss-120b or openai/gpt-oss-20b? `freeway models",
        ),
        (&["route", " "], 2, "prompt is empty"),
        (&["route", "--model", "a,,b", "x"], 2, "a name is empty"),
        (&["route", "--tools", &bad, "x"], 1, "not a tools file"),
        (
            &["route", "--explain", "--model", "nobody", "x"],
            1,
            "there is no model",
        ),
    ] {
        assert_fails(&home.run(args), code, &[words]);
    }
    home.hosts[0].set(NAME, Behaviour::WantsMoney);
    let output = home.run(&["route", "--model", MODEL, "x"]);
    assert_fails(&output, 1, &["it wants money", "=payment_required)"]);
    // For programs, the same object as the API's.
    let output = home.run(&["route", "--json", "--model", MODEL, "x"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let told: Value = serde_json::from_str(stdout(&output)).unwrap();
    let attempt = &told["error"]["metadata"]["attempts"][0];
    assert_eq!(told["error"]["code"], "payment_required");
    assert_eq!(attempt["deployment"], format!("host/{NAME}"));
    home.hosts[0].set(NAME, Behaviour::ErrorInStream);
    let output = home.run(&["route", "--model", MODEL, "x"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[test]
fn ctrl_c_ends_an_answer_and_that_is_the_callers_doing() {
    let home = Home::synced();
    home.hosts[0].set(NAME, Behaviour::HangInStream);
    let mut command = home.command(&["route", "--model", MODEL, "Hello?"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It has begun: whatever comes first is a word of the answer.
    let mut first = [0];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    let pid = child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let day = &home.json(&["models", "show", MODEL])["errors"]["24h"];
    assert_eq!(day["by_others"], json!({"caller": 1}), "{day}");
    assert_eq!(day["rate"], Value::Null, "{day}");
}

#[test]
fn the_model_of_this_machine_answers_where_nobody_else_does() {
    let home = Home::with(&[]);
    let output = home.run(&[
        "route",
        "--local-model",
        "demo",
        "--hide-reasoning",
        "What is 27 + 58?",
    ]);
    assert_success(&output);
    assert!(stdout(&output).contains("85"), "{}", stdout(&output));
    assert!(
        stderr(&output).contains("(local/demo=ok)"),
        "{}",
        stderr(&output)
    );
}
