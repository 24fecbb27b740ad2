//! `freeway models` as a user meets it: every state that a cache can be in.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use engine::synth::{self, SynthSpec};
use serde_json::{Value, json};

/// A cache that nothing else uses.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Puts a whole checkpoint there, as a download does; returns its directory.
    fn add(&self, id: &str) -> PathBuf {
        let repository = self
            .0
            .path()
            .join(format!("models--{}", id.replace('/', "--")));
        let snapshot = repository.join("snapshots/abc");
        let go_on = &mut |_| ControlFlow::Continue(());
        synth::write(&SynthSpec::tiny(), 1, &snapshot, 1, go_on).unwrap();
        fs::create_dir_all(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), "abc").unwrap();
        snapshot
    }

    fn run(&self, args: &[&str], model: &str) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_freeway"))
            .arg("models")
            .args(args)
            .env("HF_HUB_CACHE", self.0.path())
            .env("FREEWAY_MODEL", model)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        output
    }

    fn table(&self) -> String {
        String::from_utf8(self.run(&[], "").stdout).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.run(&["--json"], "").stdout).unwrap()
    }

    fn model(&self, name: &str) -> Value {
        let json = self.json();
        let models = json["models"].as_array().unwrap();
        models
            .iter()
            .find(|model| model["name"] == name)
            .unwrap()
            .clone()
    }
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The line of the table about a model.
fn line<'a>(table: &'a str, name: &str) -> &'a str {
    table.lines().find(|line| line.starts_with(name)).unwrap()
}

#[test]
fn with_an_empty_cache_there_is_the_demo_and_what_can_be_pulled() {
    let cache = Cache::new();
    let table = cache.table();
    assert!(
        line(&table, "demo").starts_with("demo * "),
        "it answers: {table}"
    );
    assert!(line(&table, "demo").contains("in the binary"), "{table}");
    let small = line(&table, "openai/gpt-oss-20b");
    for word in [
        "to pull: 13.8 GB",
        "20.9 B",
        "24",
        "4 of 32",
        "12.8 GB / 15.9 GB",
    ] {
        assert!(small.contains(word), "{word:?} is missing in {small}");
    }
    let large = line(&table, "openai/gpt-oss-120b");
    for word in ["to pull: 65.3 GB", "116.8 B", "36", "4 of 128"] {
        assert!(large.contains(word), "{word:?} is missing in {large}");
    }
    let json = cache.json();
    assert_eq!(json["cache"], json!(cache.0.path()));
    assert_eq!(json["models"].as_array().unwrap().len(), 1);
    assert_eq!(json["pullable"].as_array().unwrap().len(), 2);
    assert_eq!(
        json["pullable"][0]["shape"]["weight_bytes"],
        13_761_264_768_u64
    );
}

#[test]
fn a_checkpoint_in_the_cache_is_measured_and_answers_by_default() {
    let cache = Cache::new();
    let path = cache.add("openai/gpt-oss-20b");
    let model = cache.model("openai/gpt-oss-20b");
    assert_eq!(model["state"], "ready");
    assert_eq!(model["default"], true);
    assert_eq!(model["path"], json!(path));
    let shape = &model["shape"];
    assert_eq!(shape["weight_bytes"], SynthSpec::tiny().num_tensor_bytes());
    assert_eq!(shape["layers"], 4);
    assert_eq!(shape["experts"], 8);
    assert_eq!(shape["fits"], "yes");
    assert_eq!(shape["fitting_tokens"], 131_072);
    assert!(shape["memory_bytes_8k"].as_u64() < shape["memory_bytes_full"].as_u64());
    assert!(model["disk_bytes"].as_u64() > shape["weight_bytes"].as_u64());
    assert_eq!(
        cache.json()["pullable"].as_array().unwrap().len(),
        1,
        "only the other"
    );
    let table = cache.table();
    assert!(
        line(&table, "openai/gpt-oss-20b").contains(" * "),
        "{table}"
    );
}

#[test]
fn the_variable_says_which_model_answers() {
    let cache = Cache::new();
    cache.add("openai/gpt-oss-20b");
    let named = [
        ("demo", "demo"),
        ("openai/gpt-oss-20b", "openai/gpt-oss-20b"),
    ];
    for (variable, name) in named {
        let output = cache.run(&[], variable);
        let table = String::from_utf8(output.stdout).unwrap();
        assert!(line(&table, name).contains(" * "), "{table}");
        assert_eq!(table.matches(" * ").count(), 1, "{table}");
    }
    let directory = Cache::new();
    let path = directory.add("a/b");
    let path = path.to_str().unwrap();
    let table = String::from_utf8(cache.run(&[], path).stdout).unwrap();
    assert!(
        line(&table, path).contains(" * "),
        "a directory outside the cache: {table}"
    );
    let output = cache.run(&[], "/nonexistent");
    assert!(
        stderr(&output).contains("FREEWAY_MODEL"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_download_that_was_cut_off_says_how_to_go_on() {
    let cache = Cache::new();
    let path = cache.add("openai/gpt-oss-20b");
    fs::remove_file(path.join("model-00001-of-00001.safetensors")).unwrap();
    let model = cache.model("openai/gpt-oss-20b");
    assert_eq!(model["state"], "partial");
    assert_eq!(model["default"], false);
    let table = cache.table();
    assert!(
        table.contains("`freeway pull openai/gpt-oss-20b` gets the rest"),
        "{table}"
    );
    assert!(line(&table, "demo").contains(" * "), "{table}");
}

#[test]
fn damaged_entries_are_shown_with_their_reason_and_never_a_crash() {
    for (file, contents) in [
        (
            "config.json",
            "{\"model_type\": \"gpt_oss\", \"hidden_size\": -1}",
        ),
        ("config.json", "not JSON"),
        (
            "model.safetensors.index.json",
            "{\"weight_map\": {\"x\": \"../../x\"}}",
        ),
        ("model-00000-of-00001.safetensors", "short"),
        (
            "model-00000-of-00001.safetensors",
            "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}",
        ),
    ] {
        let cache = Cache::new();
        let path = cache.add("openai/gpt-oss-20b");
        fs::write(path.join(file), contents).unwrap();
        let model = cache.model("openai/gpt-oss-20b");
        assert_ne!(model["state"], "ready", "{file}");
        assert!(
            model["next_step"]
                .as_str()
                .unwrap()
                .contains("freeway pull"),
            "{model}"
        );
        if model["state"] == "damaged" {
            let reason = model["reason"].as_str().unwrap();
            assert!(reason.contains(path.to_str().unwrap()), "{reason}");
            assert!(cache.table().contains("--verify"));
        }
    }
}

#[test]
fn models_that_are_not_gpt_oss_are_left_out() {
    let cache = Cache::new();
    let path = cache.add("meta-llama/Llama-3.2-1B");
    fs::write(path.join("config.json"), "{\"model_type\": \"llama\"}").unwrap();
    assert_eq!(cache.json()["models"].as_array().unwrap().len(), 1);
    let nowhere = Path::new("/nonexistent");
    let output = Command::new(env!("CARGO_BIN_EXE_freeway"))
        .arg("models")
        .env("HF_HUB_CACHE", nowhere)
        .env_remove("FREEWAY_MODEL")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}
