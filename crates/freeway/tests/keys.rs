//! `freeway keys` through the binary: what it prints where, what it keeps, and with which exit code.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

#[path = "support/output.rs"]
mod output;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use output::{assert_fails, assert_success, stderr, stdout};

/// A home of its own, without keys.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Where the default store is.
    fn store(&self) -> PathBuf {
        self.directory.path().join("freeway/freeway.db")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freeway"));
        command
            .arg("keys")
            .args(args)
            .env("XDG_DATA_HOME", self.directory.path())
            .env_remove("FREEWAY_STORE")
            .stdin(Stdio::null());
        command
    }

    fn keys(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Makes a key and returns it, together with its id.
    fn create(&self, args: &[&str]) -> (String, String) {
        let output = self.keys(&[&["create"], args].concat());
        assert_success(&output);
        let secret = stdout(&output).strip_suffix('\n').unwrap().to_owned();
        let (_, id) = stderr(&output).split_once("freeway keys revoke ").unwrap();
        let id = id.split('`').next().unwrap();
        (secret, id.to_owned())
    }

    fn list(&self) -> Vec<Value> {
        let output = self.keys(&["list", "--json"]);
        assert_success(&output);
        serde_json::from_str(stdout(&output)).unwrap()
    }
}

fn file_contains(path: &Path, text: &str) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn a_new_key_is_alone_on_stdout_and_explained_on_stderr() {
    let home = Home::new();
    let output = home.keys(&["create", "--name", "laptop"]);
    assert_success(&output);
    let secret = stdout(&output).strip_suffix('\n').unwrap();
    assert!(secret.starts_with("fw_") && secret.len() == 46, "{secret}");
    assert!(secret[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let keys = home.list();
    assert_eq!(keys.len(), 1);
    let id = keys[0]["id"].as_str().unwrap();
    let message = stderr(&output);
    for words in ["only time", "Bearer", &format!("freeway keys revoke {id}")] {
        assert!(message.contains(words), "{words:?}: {message}");
    }
    assert!(
        !message.contains(&secret[8..]),
        "logs keep stderr: {message}"
    );
    assert!(!file_contains(&home.store(), &secret[8..]));
}

#[test]
fn a_list_names_each_key_and_gives_none_away() {
    let home = Home::new();
    let (first, first_id) = home.create(&["--name", "laptop"]);
    let (second, second_id) = home.create(&["--expires", "90"]);
    let keys = home.list();
    assert_eq!(keys.len(), 2);
    let find = |id: &str| keys.iter().find(|key| key["id"] == id).unwrap();
    assert_eq!(find(&first_id)["name"], "laptop");
    assert_eq!(find(&first_id)["prefix"], first[..8]);
    assert_eq!(find(&first_id)["state"], "active");
    for member in ["expires_at", "last_used_at", "revoked_at"] {
        assert_eq!(find(&first_id)[member], Value::Null, "{member}");
    }
    assert_eq!(find(&second_id)["name"], "");
    assert!(find(&second_id)["expires_at"].is_string());

    let output = home.keys(&["list"]);
    assert_success(&output);
    let table = stdout(&output);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    for secret in [&first, &second] {
        assert!(table.contains(&format!("{}…", &secret[..8])), "{table}");
        assert!(!table.contains(&secret[8..]), "{table}");
    }
    // The columns begin where their headers do.
    let place = |line: &str, text: &str| {
        let before = line
            .split_once(text)
            .unwrap_or_else(|| panic!("{text}: {table}"));
        before.0.chars().count()
    };
    let line_of = |id: &str| *lines.iter().find(|line| line.starts_with(id)).unwrap();
    assert_eq!(
        place(line_of(&first_id), "laptop"),
        place(lines[0], "NAME"),
        "{table}"
    );
    for id in [&first_id, &second_id] {
        assert_eq!(
            place(line_of(id), "active"),
            place(lines[0], "STATE"),
            "{table}"
        );
    }
}

#[test]
fn a_name_may_stand_alone() {
    let home = Home::new();
    home.create(&["Ada's laptop"]);
    assert_eq!(home.list()[0]["name"], "Ada's laptop");
    let both = ["create", "one", "--name", "two"];
    assert_eq!(home.keys(&both).status.code(), Some(2));
}

#[test]
fn a_key_is_made_with_its_settings_and_they_are_changed_one_by_one() {
    let home = Home::new();
    let (_, id) = home.create(&[
        "worker",
        "--requests-per-minute",
        "20",
        "--tokens-per-day",
        "100000",
        "--allow-model",
        "openai/gpt-oss-20b",
        "--keep-content",
    ]);
    let shown = |home: &Home| -> Value {
        let output = home.keys(&["show", &id, "--json"]);
        assert_success(&output);
        serde_json::from_str(stdout(&output)).unwrap()
    };
    let key = shown(&home);
    assert_eq!(key, home.list()[0]);
    assert_eq!(key["is_admin"], false);
    assert_eq!(key["keeps_content"], true);
    let quota = json!({
        "requests_per_minute": 20,
        "requests_per_day": null,
        "tokens_per_minute": null,
        "tokens_per_day": 100_000,
    });
    assert_eq!(key["quota"], quota);
    let allowed = json!({"allowedModels": ["openai/gpt-oss-20b"]});
    assert_eq!(key["preferences"], allowed);

    let output = home.keys(&[
        "set",
        &id,
        "--admin",
        "--tokens-per-day",
        "none",
        "--preferences",
        r#"{"sort": "leastIssues"}"#,
    ]);
    assert_success(&output);
    assert!(stderr(&output).contains("worker"), "{}", stderr(&output));
    let key = shown(&home);
    assert_eq!(key["is_admin"], true);
    assert_eq!(key["keeps_content"], true, "what is not named stays");
    assert_eq!(key["quota"]["requests_per_minute"], 20);
    assert_eq!(key["quota"]["tokens_per_day"], Value::Null);
    assert_eq!(key["preferences"]["sort"], "leastIssues");
    assert_eq!(
        key["preferences"]["allowedModels"],
        allowed["allowedModels"]
    );

    let table = home.keys(&["list"]);
    let table = stdout(&table);
    assert!(table.contains("20 requests/min"), "{table}");
    assert!(table.contains("admin"), "{table}");
    let card = home.keys(&["show", &id]);
    assert_success(&card);
    let card = stdout(&card);
    for words in ["worker", "0 of 20 used", "leastIssues", "administrator"] {
        assert!(card.contains(words), "{words}: {card}");
    }
}

#[test]
fn settings_that_mean_nothing_are_usage_errors_and_change_nothing() {
    let home = Home::new();
    let (secret, id) = home.create(&["--requests-per-day", "5"]);
    let before = home.list();
    let unlike_a_number = "a number from 1";
    for (args, words) in [
        (&[][..], "say what to change"),
        (&["--requests-per-day", "0"], unlike_a_number),
        (&["--requests-per-day", "-1"], "unexpected argument"),
        (&["--tokens-per-minute", "many"], unlike_a_number),
        (&["--tokens-per-minute", "4294967296"], unlike_a_number),
        (&["--preferences", "{"], "not valid JSON"),
        (&["--preferences", "{\"sort\": \"best\"}"], "must be one of"),
        (&["--allow-model", " "], "allowedModels"),
        (
            &["--allow-model", "a", "--allow-any-model"],
            "cannot be used with",
        ),
        (&["--admin=maybe"], "invalid value"),
    ] {
        let output = home.keys(&[&["set", &id], args].concat());
        assert_fails(&output, 2, &[words]);
    }
    assert_eq!(home.list(), before);
    for command in ["set", "show"] {
        let args = match command {
            "set" => vec!["set", "key_unknown", "--admin"],
            _ => vec!["show", "key_unknown"],
        };
        assert_fails(&home.keys(&args), 1, &["key_unknown", "freeway keys list"]);
        let args: Vec<_> = args
            .iter()
            .map(|arg| {
                if *arg == "key_unknown" {
                    secret.as_str()
                } else {
                    arg
                }
            })
            .collect();
        let output = home.keys(&args);
        assert_fails(&output, 2, &["its id"]);
        assert!(!stderr(&output).contains(&secret[8..]));
    }
}

#[test]
fn without_keys_the_list_is_empty_and_says_how_to_make_one() {
    let home = Home::new();
    let output = home.keys(&["list"]);
    assert_success(&output);
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("freeway keys create"));
    assert_eq!(home.list(), [] as [Value; 0]);
}

#[test]
fn a_revoked_key_stays_listed_and_the_others_stay_active() {
    let home = Home::new();
    let (_, leaked) = home.create(&["--name", "leaked"]);
    home.create(&["--name", "other"]);
    let output = home.keys(&["revoke", &leaked]);
    assert_success(&output);
    assert!(stderr(&output).contains("leaked"), "{}", stderr(&output));
    let state = |keys: &[Value], name: &str| {
        let key = keys.iter().find(|key| key["name"] == name).unwrap().clone();
        (key["state"].clone(), key["revoked_at"].clone())
    };
    let keys = home.list();
    let (revoked, at) = state(&keys, "leaked");
    assert_eq!(revoked, "revoked");
    assert!(at.is_string());
    assert_eq!(state(&keys, "other"), ("active".into(), Value::Null));

    let again = home.keys(&["revoke", &leaked]);
    assert_success(&again);
    assert!(stderr(&again).contains("already"), "{}", stderr(&again));
    assert_eq!(home.list(), keys, "the first time stays");
}

#[test]
fn an_unknown_id_and_a_key_in_its_place_are_told_apart() {
    let home = Home::new();
    let (secret, _) = home.create(&[]);
    let output = home.keys(&["revoke", "key_unknown"]);
    assert_fails(&output, 1, &["key_unknown", "freeway keys list"]);
    let output = home.keys(&["revoke", &secret]);
    assert_fails(&output, 2, &["its id", "freeway keys list"]);
    assert!(!stderr(&output).contains(&secret[8..]));
    assert_eq!(home.list()[0]["state"], "active");
}

#[test]
fn a_bad_expiry_or_name_is_a_usage_error_and_makes_nothing() {
    let home = Home::new();
    for (args, words) in [
        (["--expires", "0"], "at once"),
        (["--expires", "-3"], "such as 90"),
        (["--expires", "2001-01-01"], "at once"),
        (["--expires", "tomorrow"], "such as 90"),
        (["--expires", "99999999999999999999"], "at most"),
        (["--name", "two\nlines"], "one line"),
        (["--name", &"x".repeat(101)], "at most 100"),
    ] {
        assert_fails(&home.keys(&[&["create"], &args[..]].concat()), 2, &[words]);
    }
    assert!(!home.store().exists());
}

#[test]
fn a_date_is_kept_as_its_beginning_in_utc() {
    let home = Home::new();
    home.create(&["--expires", "2099-12-31"]);
    assert_eq!(home.list()[0]["expires_at"], "2099-12-31T00:00:00Z");
}

#[test]
fn the_store_is_the_flag_else_the_variable_else_the_data_directory() {
    let home = Home::new();
    let path = |name: &str| home.directory.path().join(name);
    let url = |name: &str| format!("sqlite:{}", path(name).display());
    let variable = |args: &[&str], value: &str| {
        let output = home.command(args).env("FREEWAY_STORE", value).output();
        assert_success(output.as_ref().unwrap());
    };
    variable(&["create"], "");
    assert!(home.store().exists(), "an empty variable is not set");
    variable(&["create"], &url("of-variable.db"));
    variable(&["create", "--store", &url("of-flag.db")], &url("none.db"));
    variable(&["--store", &url("of-flag.db"), "create"], &url("none.db"));
    assert!(!path("none.db").exists());
    for (name, num_keys) in [
        ("freeway/freeway.db", 1),
        ("of-variable.db", 1),
        ("of-flag.db", 2),
    ] {
        let output = home.keys(&["list", "--json", "--store", &url(name)]);
        let keys: Vec<Value> = serde_json::from_str(stdout(&output)).unwrap();
        assert_eq!(keys.len(), num_keys, "{name}");
    }
}

#[test]
fn a_relative_path_is_one_from_here_even_if_sqlite_has_a_meaning_for_it() {
    let home = Home::new();
    // A colon is no part of a file name on Windows.
    let special = ["file:a.db?mode=memory", "./:memory:"];
    let names = special.into_iter().filter(|_| cfg!(unix));
    for name in names.chain(["a.db", "new/a.db"]) {
        let keys = |command| {
            let mut command = home.command(&[command, "--store", &format!("sqlite:{name}")]);
            let output = command.current_dir(home.directory.path()).output();
            assert_success(output.as_ref().unwrap());
            output.unwrap()
        };
        keys("create");
        assert!(home.directory.path().join(name).is_file(), "{name}");
        assert!(stdout(&keys("list")).contains("active"), "{name}");
    }
}

#[test]
fn a_store_that_cannot_be_used_is_an_error_with_the_next_step() {
    let home = Home::new();
    let text = home.directory.path().join("diary.txt");
    fs::write(&text, "dear diary").unwrap();
    let url = |path: &Path| format!("sqlite:{}", path.display());
    let in_a_file = url(&text.join("freeway.db"));
    for (store, code, words) in [
        ("freeway.db", 2, ["write sqlite:freeway.db", "sqlite:PATH"]),
        ("mysql://u:hunter2@db/x", 2, ["mysql:", "sqlite:PATH"]),
        ("sqlite::memory:", 2, ["forgotten", "sqlite:PATH"]),
        (&url(&text), 1, ["diary.txt", "name another file"]),
        (
            &url(home.directory.path()),
            1,
            ["is not a file", "name the"],
        ),
        (&in_a_file, 1, ["cannot open", "name another place"]),
    ] {
        for command in ["create", "list"] {
            let output = home.keys(&[command, "--store", store]);
            assert_fails(&output, code, &words);
            assert!(!stderr(&output).contains("hunter2"));
        }
    }
    assert_eq!(fs::read(text).unwrap(), b"dear diary");
}

#[test]
fn commands_that_run_at_once_all_succeed() {
    const NUM_COMMANDS: usize = 6;
    let home = Home::new();
    let children: Vec<_> = (0..NUM_COMMANDS)
        .map(|_| {
            let mut command = home.command(&["create"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        assert_success(&child.wait_with_output().unwrap());
    }
    assert_eq!(home.list().len(), NUM_COMMANDS);
}

#[test]
fn of_changes_of_one_key_by_commands_that_run_at_once_none_is_lost() {
    let home = Home::new();
    let (_, id) = home.create(&[]);
    let changes = [
        &["--admin"][..],
        &["--keep-content"],
        &["--requests-per-minute", "1"],
        &["--requests-per-day", "2"],
        &["--tokens-per-minute", "3"],
        &["--tokens-per-day", "4"],
        &["--allow-model", "a/b"],
    ];
    let children = changes.map(|change| {
        let mut command = home.command(&[&["set", &id], change].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    });
    for child in children {
        assert_success(&child.wait_with_output().unwrap());
    }
    let key = &home.list()[0];
    assert_eq!(key["is_admin"], true);
    assert_eq!(key["keeps_content"], true);
    let quota = json!({
        "requests_per_minute": 1,
        "requests_per_day": 2,
        "tokens_per_minute": 3,
        "tokens_per_day": 4,
    });
    assert_eq!(key["quota"], quota);
    assert_eq!(key["preferences"], json!({"allowedModels": ["a/b"]}));
}

#[test]
fn a_key_that_nobody_could_read_is_revoked() {
    let home = Home::new();
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let mut num_keys = 0;
    let mut assert_revoked = |stdout: Stdio| {
        let output = home.command(&["create"]).stdout(stdout).output().unwrap();
        assert_fails(&output, 1, &["could not be printed", "revoked"]);
        num_keys += 1;
        let keys = home.list();
        assert_eq!(keys.len(), num_keys);
        assert!(keys.iter().all(|key| key["state"] == "revoked"), "{keys:?}");
    };
    assert_revoked(closed.into());
    if let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") {
        assert_revoked(full.into());
    }
}

#[cfg(unix)]
#[test]
fn the_store_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    home.create(&[]);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.store()), 0o600);
    assert_eq!(mode(home.store().parent().unwrap()), 0o700);
}
