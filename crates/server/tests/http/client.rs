//! A server under test, and a client that speaks raw HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use router::catalog::{Catalog, LocalModels, Tier};
use router::provider::Provider;
use router::provider::scripted::{self, ScriptedEngine};
use router::recorder::{KeepDays, Recorder, RecorderTask, now};
use router::{Accounts, Metrics, Router, RouterConfig};
use serde_json::{Value, json};
use server::{Access, Server, ServerConfig};
use store::{RequestQuery, RequestRecord, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Long enough that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Arc<ScriptedEngine>,
    pub(crate) store: Arc<dyn Store>,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    recorder: Option<RecorderTask>,
}

/// How to start one.
pub(crate) struct Setup {
    pub(crate) config: ServerConfig,
    pub(crate) with_keys: bool,
    /// Tokens of a sequence, and requests in flight.
    pub(crate) limits: (usize, usize),
    /// What there is besides the scripted model.
    pub(crate) catalog: Catalog,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: ServerConfig::default(),
            with_keys: false,
            limits: (4096, 4),
            catalog: Catalog::builtin(),
        }
    }
}

impl Setup {
    pub(crate) async fn start(
        self,
        write: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Running {
        let store = store::connect("sqlite::memory:").await.unwrap();
        let metrics = Arc::new(Metrics::default());
        let (recorder, recorder_task) = Recorder::spawn(
            Arc::clone(&store),
            Arc::clone(&metrics),
            KeepDays::default(),
        );
        let (provider, engine) = scripted::provider(self.limits, write);
        let local = LocalModels {
            provider: provider.id().0.clone(),
            tier: Tier::Local,
            models: provider.models().await.unwrap(),
            since: now(),
        };
        let providers = vec![Arc::new(provider) as Arc<dyn Provider>];
        let config = RouterConfig::default();
        let accounts = Accounts::new(providers);
        let router = Router::new(accounts, config, Arc::clone(&store), recorder, metrics);
        router.set_catalog(Arc::new(self.catalog.with_local(&[local])));
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(any_port, self.config).await.unwrap();
        let address = server.address();
        let access = match self.with_keys {
            true => Access::Keys(Arc::clone(&store)),
            false => Access::Loopback,
        };
        let (shutdown, is_over) = oneshot::channel::<()>();
        let served = Arc::clone(&store);
        let task = tokio::spawn(async move {
            let is_over = async {
                let _ = is_over.await;
            };
            server
                .serve(Arc::new(router), served, access, is_over)
                .await;
        });
        Running {
            address,
            engine,
            store,
            shutdown: Some(shutdown),
            task,
            recorder: Some(recorder_task),
        }
    }
}

impl From<ServerConfig> for Setup {
    fn from(config: ServerConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }
}

/// What is to come within a test's patience.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it never came")
}

/// A server with these settings that echoes 80 MB to a client that does not read them, and computes
/// until it is told to stop. The client stays as long as its connection is kept.
pub(crate) async fn with_a_client_that_does_not_read(
    config: ServerConfig,
) -> (Running, Connection) {
    let setup = Setup {
        limits: (4_000_000, 16),
        ..ServerConfig {
            max_body_bytes: 64 << 20,
            ..config
        }
        .into()
    };
    let server = setup.start(|_| "{gate}".to_owned()).await;
    let prompt = "word ".repeat(1_000_000);
    let body = json!({"model": "auto", "prompt": prompt, "n": 16, "echo": true, "stream": true});
    let mut connection = server.connect().await;
    connection
        .request("POST", "/v1/completions", "", &body.to_string())
        .await;
    server.until_in_flight(16).await;
    (server, connection)
}

/// A server whose model always writes `turn`.
pub(crate) async fn serving(turn: &str) -> Running {
    let turn = turn.to_owned();
    Setup::default().start(move |_| turn.clone()).await
}

impl Running {
    /// Tells the server to end.
    pub(crate) fn shut_down(&mut self) {
        drop(self.shutdown.take());
    }

    /// Waits until it has ended and everything is recorded.
    pub(crate) async fn ended(mut self) -> Vec<RequestRecord> {
        self.shut_down();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
        let recorder = self.recorder.take().unwrap();
        timeout(PATIENCE, recorder.finish()).await.unwrap();
        let query = RequestQuery {
            limit: 1000,
            ..RequestQuery::default()
        };
        self.store.requests(&query).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection {
            stream: TcpStream::connect(self.address).await.unwrap(),
            received: Vec::new(),
        }
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let mut connection = self.connect().await;
        connection.request(method, path, headers, body).await;
        connection.reply().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, "", &body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "", "").await
    }

    pub(crate) async fn chat(&self, body: &Value) -> Reply {
        self.post("/v1/chat/completions", body).await
    }

    /// Waits until so many requests are in the log.
    pub(crate) async fn until_recorded(&self, count: usize) {
        let query = RequestQuery {
            limit: 1000,
            ..RequestQuery::default()
        };
        soon(async {
            while self.store.requests(&query).await.unwrap().len() != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Waits until so many requests are in flight.
    pub(crate) async fn until_in_flight(&self, count: usize) {
        use router::provider::local::TokenEngine;
        let reached = async {
            while self.engine.num_in_flight() != count {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("never {count} in flight"));
    }
}

/// A connection that is read as far as a test wants.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The JSON of each event of a stream; `[DONE]` is a string.
    pub(crate) fn events(&self) -> Vec<Value> {
        events(&self.body)
    }
}

pub(crate) fn events(body: &str) -> Vec<Value> {
    body.split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::from(data)))
        .collect()
}

impl Connection {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn request(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let host = match headers.to_ascii_lowercase().contains("host:") {
            true => "",
            false => "host: localhost\r\n",
        };
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\n{host}{headers}content-length: {length}\r\n\r\n");
        self.write(head.as_bytes()).await;
        self.write(body.as_bytes()).await;
    }

    /// Reads more; 0 bytes are the end.
    async fn read(&mut self) -> usize {
        let mut buffer = vec![0; 16 * 1024];
        let read = self.stream.read(&mut buffer);
        // A reset is an end, too.
        let count = timeout(PATIENCE, read).await.expect("hangs").unwrap_or(0);
        self.received.extend_from_slice(&buffer[..count]);
        count
    }

    /// Reads until `text` was received; what came up to there.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let received = String::from_utf8_lossy(&self.received).into_owned();
            if let Some(place) = received.find(text) {
                return received[..place + text.len()].to_owned();
            }
            assert!(self.read().await > 0, "ended before {text:?}: {received}");
        }
    }

    /// Whether anything has arrived that was not read.
    pub(crate) fn has_received(&self) -> bool {
        self.stream.try_read(&mut [0]).is_ok_and(|count| count > 0)
    }

    /// Whether the server ends the connection without a word.
    pub(crate) async fn is_closed_silently(&mut self) -> bool {
        self.read().await == 0 && self.received.is_empty()
    }

    /// The whole answer: by its length, its chunks, or up to the end of the connection.
    pub(crate) async fn reply(&mut self) -> Reply {
        let (reply, body) = self.raw_reply().await;
        Reply {
            body: String::from_utf8(body).unwrap(),
            ..reply
        }
    }

    /// The same with a body that may be no text, apart.
    pub(crate) async fn raw_reply(&mut self) -> (Reply, Vec<u8>) {
        let head = self.until("\r\n\r\n").await;
        self.received.drain(..head.len());
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let reply = Reply {
            status,
            head,
            body: String::new(),
        };
        let body = if let Some(length) = reply.header("content-length") {
            let length: usize = length.parse().unwrap();
            while self.received.len() < length {
                assert!(self.read().await > 0, "body cut off");
            }
            self.received.drain(..length).collect()
        } else if matches!(status, 204 | 304) {
            Vec::new()
        } else {
            self.chunks().await
        };
        (reply, body)
    }

    /// The body of a chunked answer.
    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.until("\r\n").await;
            self.received.drain(..line.len());
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            while self.received.len() < size + 2 {
                assert!(self.read().await > 0, "chunk cut off");
            }
            body.extend(self.received.drain(..size));
            self.received.drain(..2);
            if size == 0 {
                return body;
            }
        }
    }
}
