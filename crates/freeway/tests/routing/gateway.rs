//! A server with hosts, and a client that keeps what it is told.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use mock::Mock;
use serde_json::Value;
use store::Store;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// What stands before the hosts in every configuration: nobody else is known, and no model runs here.
const SETTINGS: &str = r#"
[model]
name = "none"
[log]
level = "error"
[server]
listen = "127.0.0.1:0"
"#;
/// Where a server keeps what it knows, in its home.
pub(crate) const DATABASE: &str = "freeway.db";

/// Shorter than anything a host does on purpose, longer than what a busy machine takes to do it.
const PATIENCE: &str = "first_byte_timeout_s = 1.5\nfirst_content_timeout_s = 1.5\n\
                        idle_timeout_s = 1.5\nanswer_timeout_s = 1.5\n";

/// Longest log that is kept.
const MAX_LOG_BYTES: usize = 1 << 20;

/// A host, as it is configured.
pub(crate) fn provider(id: &str, mock: &Mock, models: &[(String, String)]) -> String {
    let mut text = format!(
        "[[provider]]\nid = \"{id}\"\nbase_url = \"{}\"\n{PATIENCE}models = [",
        mock.base_url()
    );
    for (name, model) in models {
        write!(text, "{{ name = \"{name}\", id = \"{model}\" }}, ").unwrap();
    }
    text.push_str("]\n");
    text
}

/// The server, and where it keeps what it knows.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: String,
    database: PathBuf,
    log: JoinHandle<String>,
}

impl Gateway {
    /// Starts it on what is in `home`. `settings` are its hosts and its `[routing]`.
    pub(crate) async fn start(home: &Path, settings: &str) -> Self {
        Self::start_with(home, settings, &[]).await
    }

    /// The same with these variables in its environment.
    pub(crate) async fn start_with(
        home: &Path,
        settings: &str,
        variables: &[(&str, &str)],
    ) -> Self {
        Self::start_on(home, format!("{SETTINGS}{settings}"), variables).await
    }

    /// The same for clients with keys only.
    pub(crate) async fn start_with_keys(home: &Path, settings: &str) -> Self {
        let settings = format!("{SETTINGS}require_key = true\n{settings}");
        Self::start_on(home, settings, &[]).await
    }

    async fn start_on(home: &Path, settings: String, variables: &[(&str, &str)]) -> Self {
        let config = home.join("freeway.toml");
        std::fs::write(&config, settings).unwrap();
        let database = home.join(DATABASE);
        let mut command = Command::new(env!("CARGO_BIN_EXE_freeway"));
        command
            .arg("serve")
            .arg("--config")
            .arg(config)
            .env("XDG_DATA_HOME", home)
            .env("HF_HOME", home)
            .env("FREEWAY_STORE", format!("sqlite:{}", database.display()))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for name in ["CONFIG", "LISTEN", "MODEL", "LOG"] {
            command.env(format!("FREEWAY_{name}"), "");
        }
        command.envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next_line().await.unwrap() else {
                panic!("the server did not start: {said}");
            };
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split_once("/v1").unwrap().0.to_owned();
            }
            said.push_str(&line);
        };
        // What it logs from then on is read, so that it never waits for a reader.
        let log = tokio::spawn(async move {
            let mut log = String::new();
            while let Ok(Some(line)) = lines.next_line().await {
                // No test looks at more.
                if log.len() < MAX_LOG_BYTES {
                    log.push_str(&line);
                    log.push('\n');
                }
            }
            log
        });
        Self {
            child,
            address,
            database,
            log,
        }
    }

    /// What it has in memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse().unwrap()
    }

    /// Ends it in good order.
    pub(crate) async fn end(mut self) -> Arc<dyn Store> {
        self.stop().await;
        self.store().await
    }

    /// The same; what it said in its log.
    pub(crate) async fn end_with_log(mut self) -> String {
        self.stop().await;
        self.log.await.unwrap()
    }

    async fn stop(&mut self) {
        let pid = self.child.id().unwrap().to_string();
        let killed = Command::new("kill").arg(pid).status().await.unwrap();
        assert!(killed.success());
        assert_eq!(self.child.wait().await.unwrap().code(), Some(0));
    }

    /// Ends it as a power cut would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    async fn store(&self) -> Arc<dyn Store> {
        let url = format!("sqlite:{}", self.database.display());
        store::connect(&url).await.unwrap()
    }
}

/// What a client got.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Each object that it is made of: one, or one for each event. Every event comes in one piece of
    /// the transfer.
    fn objects(&self) -> Vec<Value> {
        let is_stream = self.header("content-type").starts_with("text/event-stream");
        let texts: Vec<&str> = match is_stream {
            true => self
                .body
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                .collect(),
            false => vec![&self.body],
        };
        texts
            .into_iter()
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect()
    }

    /// The error that it is or ends in.
    pub(crate) fn error(&self) -> Option<Value> {
        self.objects().last()?.get("error").cloned()
    }

    /// What the answer says.
    pub(crate) fn words(&self) -> String {
        let objects = self.objects();
        let said = objects.iter().filter_map(|object| {
            let choice = object.get("choices")?.get(0)?;
            choice
                .get("delta")
                .or(choice.get("message"))?
                .get("content")?
                .as_str()
        });
        said.collect()
    }
}

/// Sends a request; `None` if the connection broke.
pub(crate) async fn send(address: &str, method: &str, path: &str, body: &str) -> Option<Reply> {
    send_as(address, "", method, path, body).await
}

/// The same with a key.
pub(crate) async fn send_as(
    address: &str,
    key: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         authorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let reply = Reply {
        status,
        headers,
        body: body.to_owned(),
    };
    // A stream that was cut off has no last chunk.
    let is_chunked = reply.header("transfer-encoding") == "chunked";
    (!is_chunked || reply.body.ends_with("0\r\n\r\n")).then_some(reply)
}

/// A chat of these models, the first one first.
pub(crate) fn chat(models: &[&str], is_stream: bool) -> String {
    serde_json::json!({
        "model": models[0],
        "models": models,
        "stream": is_stream,
        "messages": [{"role": "user", "content": "Hello?"}],
    })
    .to_string()
}
