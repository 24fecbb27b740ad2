//! `freeway doctor` as a user meets it: on a machine that is well, and on one that is not.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use engine::synth::{self, SynthSpec};
use serde_json::{Value, json};

/// Runs `freeway doctor` at home in a directory, with no other variables than these.
fn doctor(home: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_freeway"));
    // What a process needs to start on Windows.
    let system = std::env::var_os("SystemRoot").unwrap_or_default();
    command
        .env_clear()
        .env("SystemRoot", system)
        .env("HOME", home)
        .env("HF_HOME", home)
        .arg("doctor")
        .args(args)
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command.output().unwrap()
}

fn text(output: &Output) -> &str {
    assert!(
        output.stderr.is_empty(),
        "{:?}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::str::from_utf8(&output.stdout).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(text(output)).unwrap()
}

/// What a report says of this severity: what is wrong, and what to do.
fn problems(report: &Value, severity: &str) -> Vec<(String, String)> {
    let word = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
    report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|problem| problem["severity"] == severity)
        .map(|problem| (word(problem, "what"), word(problem, "next_step")))
        .collect()
}

/// Asserts that one of the problems has all these words, between what is wrong and what to do.
#[track_caller]
fn assert_among(problems: &[(String, String)], words: &[&str]) {
    let has_all = |(what, next_step): &&(String, String)| {
        let text = format!("{what} {next_step}");
        !next_step.is_empty() && words.iter().all(|word| text.contains(word))
    };
    assert!(
        problems.iter().any(|p| has_all(&p)),
        "{words:?} is not among {problems:#?}"
    );
}

fn checkpoint(cache: &Path, id: &str) -> std::path::PathBuf {
    let repository = cache
        .join("hub")
        .join(format!("models--{}", id.replace('/', "--")));
    let snapshot = repository.join("snapshots/abc");
    let go_on = &mut |_| ControlFlow::Continue(());
    synth::write(&SynthSpec::tiny(), 1, &snapshot, 1, go_on).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), "abc").unwrap();
    snapshot
}

#[test]
fn a_machine_that_is_well_is_described_and_measured() {
    let home = tempfile::tempdir().unwrap();
    let output = doctor(home.path(), &["--json"], &[]);
    let report = json_of(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(problems(&report, "broken"), []);
    assert!(report["processor"]["threads"].as_u64().unwrap() >= 1);
    let isa = report["processor"]["instruction_set"].as_str().unwrap();
    assert!(["avx512", "avx2", "neon", "scalar"].contains(&isa), "{isa}");
    assert!(
        report["memory"]["available_bytes"].as_u64() <= report["memory"]["total_bytes"].as_u64()
    );
    assert_eq!(report["cache"]["path"], json!(home.path().join("hub")));
    assert_eq!(report["cache"]["exists"], false);
    assert!(report["cache"]["free_bytes"].as_u64().unwrap() > 0);
    assert_eq!(report["store"]["exists"], false);
    assert_eq!(report["variables"], json!({"HF_HOME": home.path()}));

    let models = report["models"].as_array().unwrap();
    let names: Vec<_> = models
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["demo", "openai/gpt-oss-20b", "openai/gpt-oss-120b"]);
    assert_eq!(models[0]["default"], true);
    assert_eq!(models[1]["here"], false);
    assert_eq!(models[1]["decode_bytes_per_token"], 2_567_954_688_u64);
    let bandwidth = &report["read_bandwidth"]["bytes_per_second"];
    if let (Some(rate), Some(bandwidth)) = (
        models[1]["max_decode_tokens_per_second"].as_f64(),
        bandwidth.as_f64(),
    ) {
        let product = rate * 2_567_954_688.0;
        assert!(
            (product / bandwidth - 1.0).abs() < 1e-6,
            "{product} {bandwidth}"
        );
    }
    assert!(
        models[0]["max_decode_tokens_per_second"].is_null(),
        "caches hold the demo"
    );
}

#[test]
fn everything_that_is_broken_is_named_with_a_next_step() {
    let home = tempfile::tempdir().unwrap();
    let foreign = home.path().join("notes.txt");
    fs::write(&foreign, "these are no tables").unwrap();
    let store = format!("sqlite:{}", foreign.display());
    let shard = checkpoint(home.path(), "a/b").join("model-00000-of-00001.safetensors");
    fs::write(shard, "cut off").unwrap();
    let output = doctor(
        home.path(),
        &["--json"],
        &[
            ("FREEWAY_MODEL", "/nonexistent"),
            ("FREEWAY_STORE", &store),
            ("FREEWAY_CONFIG", "/nonexistent.toml"),
            ("HF_ENDPOINT", "not an address"),
        ],
    );
    let report = json_of(&output);
    assert_eq!(output.status.code(), Some(1));
    let broken = problems(&report, "broken");
    assert_eq!(broken.len(), 5, "{broken:#?}");
    assert_among(
        &broken,
        &["FREEWAY_MODEL", "/nonexistent", "`freeway models`"],
    );
    assert_among(&broken, &["store", "notes.txt", "sqlite:PATH"]);
    assert_among(&broken, &["FREEWAY_CONFIG", "/nonexistent.toml"]);
    assert_among(&broken, &["HF_ENDPOINT", "https://huggingface.co"]);
    assert_among(
        &broken,
        &["a/b cannot be used", "freeway pull a/b --verify"],
    );
}

#[test]
fn a_cache_that_is_no_directory_and_a_model_that_is_not_whole_are_broken() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("hub"), "").unwrap();
    let variables = [("FREEWAY_STORE", "mysql://u:secret@db/x")];
    let output = doctor(home.path(), &["--json"], &variables);
    let broken = problems(&json_of(&output), "broken");
    assert_eq!(
        (output.status.code(), broken.len()),
        (Some(1), 2),
        "{broken:#?}"
    );
    assert_among(&broken, &["cache", "cannot be read", "HF_HOME"]);
    assert_among(&broken, &["no SQLite file", "sqlite:PATH"]);
    assert!(!text(&output).contains("secret"), "{}", text(&output));

    let home = tempfile::tempdir().unwrap();
    let id = "openai/gpt-oss-20b";
    let path = checkpoint(home.path(), id);
    fs::remove_file(path.join("model-00001-of-00001.safetensors")).unwrap();
    let output = doctor(home.path(), &["--json"], &[("FREEWAY_MODEL", id)]);
    assert_eq!(output.status.code(), Some(1));
    assert_among(
        &problems(&json_of(&output), "broken"),
        &[id, "not all here", "freeway pull"],
    );
}

#[test]
fn what_merely_could_be_better_is_a_warning() {
    let home = tempfile::tempdir().unwrap();
    let path = checkpoint(home.path(), "openai/gpt-oss-120b");
    fs::remove_file(path.join("model-00001-of-00001.safetensors")).unwrap();
    let variables = [("FREEWAY_MODLE", "demo"), ("HF_HUB_OFFLINE", "1")];
    let output = doctor(home.path(), &["--json"], &variables);
    let report = json_of(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let warnings = problems(&report, "warning");
    assert_among(&warnings, &["FREEWAY_MODLE", "FREEWAY_MODEL"]);
    assert_among(
        &warnings,
        &["openai/gpt-oss-120b", "not all here", "freeway pull"],
    );
}

#[test]
fn the_text_says_the_same_and_shows_no_secret() {
    let home = tempfile::tempdir().unwrap();
    let output = doctor(
        home.path(),
        &[],
        &[
            ("HF_TOKEN", "hf_secret"),
            ("HTTPS_PROXY", "http://ada:secret@proxy:3128"),
            ("FREEWAY_ADMIN_KEY", "secret"),
            ("FREEWAY_LOG", "info\x1b[2Jx"),
        ],
    );
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for word in [
        "processor",
        "memory",
        "openai/gpt-oss-20b",
        "TOKENS/S AT MOST",
        "2.57 GB",
        "HF_TOKEN (set)",
        "FREEWAY_ADMIN_KEY (set)",
        "HTTPS_PROXY=http://…@proxy:3128",
    ] {
        assert!(text.contains(word), "{word:?} is missing in:\n{text}");
    }
    assert!(!text.contains("secret") && !text.contains('\x1b'), "{text}");
}
