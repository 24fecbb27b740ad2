//! `freeway serve` through the binary: how it begins, answers with the real engine, and ends.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

#[path = "support/output.rs"]
mod output;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use output::{assert_fails, assert_success, stdout};

/// A home of its own: no keys, no models, no settings.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn freeway(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freeway"));
        command
            .args(args)
            .env("XDG_DATA_HOME", self.path())
            .env("HF_HOME", self.path())
            .env_remove("HF_HUB_CACHE")
            .stdin(Stdio::null());
        // An empty variable is one that is not set.
        for name in ["CONFIG", "LISTEN", "MODEL", "STORE", "LOG"] {
            command.env(format!("FREEWAY_{name}"), "");
        }
        command
    }

    /// A server that should not start.
    fn refused(&self, args: &[&str]) -> Output {
        self.freeway(&[&["serve"], args].concat()).output().unwrap()
    }

    fn serve(&self, args: &[&str]) -> Serving {
        let fixed = ["serve", "--listen", "127.0.0.1:0"];
        Self::start(self.freeway(&[&fixed, args].concat()))
    }

    fn start(mut command: Command) -> Serving {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| {
                said.push(line.clone());
                Some(
                    line.split_once("http://")?
                        .1
                        .split_once("/v1")?
                        .0
                        .to_owned(),
                )
            })
            .expect("the server did not start");
        // What it logs from then on is read, so that it never waits for a reader.
        let log = thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        Serving {
            child,
            address,
            said: said.join("\n"),
            log,
        }
    }
}

struct Serving {
    child: Child,
    address: String,
    /// What it said up to its being ready.
    said: String,
    log: thread::JoinHandle<String>,
}

impl Serving {
    /// Status and body of a request.
    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }

    fn ask(&self, question: &str, headers: &str) -> (u16, Value) {
        let body = json!({
            "model": "auto",
            "temperature": 0,
            "messages": [{"role": "user", "content": question}],
        });
        let (status, body) = self.send("POST", "/v1/chat/completions", headers, &body.to_string());
        (status, serde_json::from_str(&body).unwrap())
    }

    /// SIGTERM; the exit code and what was logged.
    fn end(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        (code, self.log.join().unwrap())
    }
}

/// Waits until it is so, but not for ever.
fn soon(is_so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < patience, "it never came");
        thread::yield_now();
    }
}

#[test]
fn the_demo_answers_and_the_server_ends_in_good_order() {
    let home = Home::new();
    let server = home.serve(&[]);
    let (status, answer) = server.ask("What is 27 + 58?", "");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["choices"][0]["message"]["content"], "27 + 58 = 85");
    assert_eq!(answer["model"], "demo");
    assert_eq!(server.send("GET", "/readyz", "", "").0, 200);
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("draining"), "{log}");
    assert!(!log.contains("27 + 58"), "no prompts in the log: {log}");
    assert!(home.path().join("freeway/freeway.db").is_file());
}

#[test]
fn other_machines_need_a_key_and_keys_work_at_once() {
    let home = Home::new();
    for args in [
        &["--listen", "0.0.0.0:0"][..],
        &["--listen", "[::]:0"],
        &["--require-key"],
    ] {
        assert_fails(&home.refused(args), 2, &["freeway keys create"]);
    }
    let created = home.freeway(&["keys", "create"]).output().unwrap();
    assert_success(&created);
    let key = stdout(&created);
    let server = home.serve(&["--require-key"]);
    assert_eq!(server.ask("Hello", "").0, 401);
    let headers = format!("authorization: Bearer {}\r\n", key.trim());
    assert_eq!(server.ask("Hello", &headers).0, 200);
    // A key that is made while the server runs is known at once.
    let created = home.freeway(&["keys", "create"]).output().unwrap();
    assert_success(&created);
    let key = stdout(&created);
    let headers = format!("authorization: Bearer {}\r\n", key.trim());
    assert_eq!(server.ask("Hello", &headers).0, 200);
    let (_, log) = server.end();
    assert!(!log.contains(key.trim()), "no keys in the log");
}

#[test]
fn settings_come_from_file_variable_and_flag_in_that_order() {
    let home = Home::new();
    let file = home.path().join("freeway.toml");
    let text =
        "[server]\nmax_body_mib = 1\n[model]\nserved_name = \"from-file\"\nmax_sequences = 2\n";
    std::fs::write(&file, text).unwrap();
    let server = home.serve(&["--config", file.to_str().unwrap()]);
    assert!(
        server
            .send("GET", "/v1/models", "", "")
            .1
            .contains("\"from-file\"")
    );
    assert!(
        server
            .send("GET", "/v1/models/demo", "", "")
            .1
            .contains("\"from-file\"")
    );
    let large = "x".repeat((1 << 20) + 1);
    assert_eq!(server.send("POST", "/v1/completions", "", &large).0, 413);
    server.end();
    let served = [
        "--config",
        file.to_str().unwrap(),
        "--served-name",
        "from-flag",
    ];
    let server = home.serve(&served);
    assert!(
        server
            .send("GET", "/v1/models", "", "")
            .1
            .contains("\"from-flag\"")
    );
    server.end();
}

#[test]
fn what_is_wrong_with_the_settings_is_said_before_a_model_is_loaded() {
    let home = Home::new();
    let file = home.path().join("wrong.toml");
    std::fs::write(&file, "[server]\nlisten_on = \"x\"\n").unwrap();
    let file = file.to_str().unwrap();
    let dated = home.path().join("dated.toml");
    std::fs::write(&dated, "[model]\ndate = \"today\"\n").unwrap();
    for (args, code, words) in [
        (&["--config", file][..], 2, "listen_on"),
        (&["--config", dated.to_str().unwrap()], 2, "YYYY-MM-DD"),
        (&["--config", "/no/such/file"], 1, "/no/such/file"),
        (&["--listen", "localhost"], 2, "--listen"),
        (&["--model", "no-such-model"], 2, "no-such-model"),
        (&["--store", "mysql://x"], 2, "sqlite:"),
        (&["--log", "=="], 2, "log level"),
    ] {
        assert_fails(&home.refused(args), code, &[words]);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_fails(&home.refused(&["--listen", &address]), 1, &[&address]);
}

#[test]
fn a_question_that_nobody_waits_for_any_more_is_not_answered() {
    let home = Home::new();
    let server = home.serve(&[]);
    let body = json!({
        "model": "demo",
        "prompt": "a",
        "max_tokens": 100_000,
        "logit_bias": {"1": 100},
    })
    .to_string();
    let in_flight = || {
        let metrics = server.send("GET", "/metrics", "", "").1;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("freeway_requests_in_flight{"))
            .unwrap();
        line.rsplit(' ').next().unwrap() == "1"
    };
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    soon(in_flight);
    drop(stream);
    soon(|| !in_flight());
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn what_the_real_engine_refuses_is_told_with_its_field() {
    let home = Home::new();
    let server = home.serve(&[]);
    for (more, param) in [
        (json!({"prompt": ""}), "prompt"),
        (json!({"prompt": [[]]}), "prompt"),
        (json!({"prompt": [4_000_000]}), "prompt"),
        (
            json!({"prompt": "a", "logit_bias": {"4000000": 1}}),
            "logit_bias",
        ),
        (json!({"prompt": vec!["a"; 60], "n": 2}), "n"),
        (json!({"prompt": "a ".repeat(140_000)}), "prompt"),
    ] {
        let mut body = json!({"model": "demo"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (status, body) = server.send("POST", "/v1/completions", "", &body.to_string());
        let error: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &error["error"]["param"]),
            (400, &json!(param)),
            "{body}"
        );
    }
    server.end();
}

/// The word of a model in what `GET /api/availability` answers.
fn availability(server: &Serving, model: &str) -> Value {
    let (status, body) = server.send("GET", "/api/availability?days=90", "", "");
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["dates"][89], "2026-03-19");
    let mut models = body["models"].as_array().unwrap().iter();
    models.find(|one| one["modelId"] == model).unwrap().clone()
}

#[test]
fn sample_data_is_shown_without_a_database_and_without_asking_anybody() {
    let home = Home::new();
    // Whoever asked a host would be seen here.
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let file = home.path().join("freeway.toml");
    let base_url = format!("http://{}/v1", host.local_addr().unwrap());
    let text = format!("[[provider]]\nid = \"openrouter\"\nbase_url = {base_url:?}\n");
    std::fs::write(&file, text).unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--sample-data"];
    let config = ["serve", "--config", file.to_str().unwrap()];
    let mut command = home.freeway(&[&config[..], &listen].concat());
    command.env("OPENROUTER_API_KEY", "sk-or-secret");
    let server = Home::start(command);
    assert!(server.said.contains("sample data"), "{}", server.said);

    let oss = availability(&server, "openai/gpt-oss-20b:free");
    assert_eq!(
        (&oss["availableDays"], &oss["trackedDays"]),
        (&json!(41), &json!(41))
    );
    assert_eq!(oss["availability"]["2026-02-18"], true);
    assert_eq!(oss["contextLength"], 131_072);
    assert_eq!(oss["isActive"], true);
    assert!(
        oss["observedHours"].as_u64().unwrap() < 41 * 24 - 12 - 9,
        "{oss}"
    );
    let down = availability(&server, "moonshotai/kimi-dev-72b:free");
    assert!(
        down["availableDays"].as_u64() < down["trackedDays"].as_u64(),
        "{down}"
    );
    let gone = availability(&server, "minimax/minimax-m2:free");
    assert_eq!(gone["isActive"], false);
    let (_, health) = server.send("GET", "/api/health?range=7d", "", "");
    assert!(health.contains("qwen/qwen3-coder:free"), "{health:.300}");

    // The model of this machine answers, and one of the sample says why it does not.
    let (status, answer) = server.ask("What is 27 + 58?", "");
    assert_eq!(
        (status, &answer["model"]),
        (200, &json!("demo")),
        "{answer}"
    );
    let body =
        json!({"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}]});
    let (status, error) = server.send("POST", "/v1/chat/completions", "", &body.to_string());
    assert_eq!(status, 404, "{error}");
    assert!(error.contains("not set up to ask"), "{error}");
    assert_eq!(server.end().0, Some(0));
    assert!(
        !home.path().join("freeway").exists(),
        "no database was made"
    );
    assert!(host.accept().is_err(), "somebody asked a host");
}

#[test]
fn sample_data_is_not_mixed_with_a_store_and_a_key_for_it_is_printed_where_one_is_needed() {
    let home = Home::new();
    let both = ["--sample-data", "--store", "sqlite:x.db"];
    assert_fails(&home.refused(&both), 2, &["--sample-data", "--store"]);
    let mut command = home.freeway(&["serve", "--sample-data"]);
    let refused = command
        .env("FREEWAY_STORE", "sqlite:x.db")
        .output()
        .unwrap();
    assert_fails(&refused, 2, &["--sample-data", "FREEWAY_STORE"]);

    let server = home.serve(&["--sample-data", "--require-key", "--model", "none"]);
    assert_eq!(server.send("GET", "/api/admin/keys", "", "").0, 401);
    let key = server.said.split_once("fw_").expect("it is printed").1;
    let key: String = key
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    let headers = format!("authorization: Bearer fw_{key}\r\n");
    let (status, keys) = server.send("GET", "/api/admin/keys", &headers, "");
    assert_eq!(status, 200, "{keys}");
    assert!(keys.contains("nightly reports"), "{keys}");
    assert_eq!(server.end().0, Some(0));
}
