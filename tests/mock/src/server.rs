//! The server: connections, and what is done on them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

use crate::answers::{self, Answer, CatalogueModel};
use crate::behaviour::Behaviour;
use crate::plan::Plan;
use crate::request::{Asked, SeenRequest, read};
use crate::script::{Scene, Step, json_answer};

/// Requests that are kept to be looked at.
const MAX_SEEN: usize = 1000;
/// Good answers that are kept ready.
const MAX_PREPARED: usize = 1000;

/// What good answers say, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Pieces of the words: chunks of a stream.
    pub num_pieces: usize,
    /// Bytes of a piece.
    pub piece_bytes: usize,
    /// Between two events of a stream; without a pause all are sent at once.
    pub interval: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            num_pieces: 8,
            piece_bytes: 8,
            interval: Duration::ZERO,
        }
    }
}

/// A server that runs until it is dropped.
pub struct Mock {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    plan: Mutex<Plan>,
    seen: Mutex<Vec<SeenRequest>>,
    num_requests: AtomicU64,
    connections: watch::Sender<usize>,
    catalogue: Mutex<Bytes>,
    good: Answer,
    pace: Pace,
    prepared: Mutex<HashMap<(String, bool, bool, bool), Bytes>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mock {
    /// A server on a free port of loopback.
    pub async fn start() -> io::Result<Self> {
        Self::start_at("127.0.0.1:0", Pace::default()).await
    }

    /// A server there, with good answers of this pace.
    pub async fn start_at(address: &str, pace: Pace) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let pieces = (0..pace.num_pieces).map(|index| piece(index, pace.piece_bytes));
        let models = [
            "openai/gpt-oss-20b:free",
            "openai/gpt-oss-120b:free",
            "mock/good:free",
        ];
        let models = models.map(CatalogueModel::free);
        let shared = Arc::new(Shared {
            plan: Mutex::default(),
            seen: Mutex::default(),
            num_requests: AtomicU64::new(0),
            connections: watch::Sender::new(0),
            catalogue: Mutex::new(answers::catalogue(&models).into()),
            good: Answer {
                content: pieces.collect(),
                ..Answer::default()
            },
            pace,
            prepared: Mutex::default(),
        });
        Ok(Self {
            address: listener.local_addr()?,
            task: tokio::spawn(accept(listener, Arc::clone(&shared))),
            shared,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for clients.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// A base URL that promises TLS, which is not there.
    pub fn false_tls_url(&self) -> String {
        format!("https://{}/v1", self.address)
    }

    /// What is done with every request for `name` from now on: a model, or a path such as `/models`.
    pub fn set(&self, name: &str, behaviour: Behaviour) {
        lock(&self.shared.plan).set(name, behaviour);
    }

    /// What is done with the next requests for `name`, one each.
    pub fn queue(&self, name: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        lock(&self.shared.plan).queue(name, behaviours.into_iter().collect());
    }

    /// What is done with requests for `name`, by chance: weights and behaviours.
    pub fn table(&self, name: &str, seed: u64, rows: impl IntoIterator<Item = (f64, Behaviour)>) {
        lock(&self.shared.plan).table(name, seed, rows.into_iter().collect());
    }

    /// What `GET /models` lists.
    pub fn set_catalogue(&self, models: &[CatalogueModel]) {
        *lock(&self.shared.catalogue) = answers::catalogue(models).into();
    }

    /// How often what was done, by name and behaviour; only for names that anything was planned for
    /// or that say what to do.
    pub fn counts(&self) -> BTreeMap<(String, &'static str), u64> {
        lock(&self.shared.plan).counts.clone()
    }

    /// Requests so far.
    pub fn num_requests(&self) -> u64 {
        self.shared.num_requests.load(Ordering::Relaxed)
    }

    /// The last requests, the oldest first, while there are not too many.
    pub fn seen(&self) -> Vec<SeenRequest> {
        lock(&self.shared.seen).clone()
    }

    /// The number of open connections, to be waited upon.
    pub fn connections(&self) -> watch::Receiver<usize> {
        self.shared.connections.subscribe()
    }

    /// What a good answer says.
    pub fn good_words(&self) -> String {
        self.shared.good.content.concat()
    }

    /// Runs until the server fails.
    pub async fn run(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Words of so many bytes.
fn piece(index: usize, length: usize) -> String {
    let word = format!("{index} words ");
    word.chars().cycle().take(length).collect()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // An error here is one of a single connection, or there are too many files.
        let Ok((socket, _)) = listener.accept().await else {
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            shared.connections.send_modify(|count| *count += 1);
            // A client that leaves is no fault.
            let _ = serve(socket, &shared).await;
            shared.connections.send_modify(|count| *count -= 1);
        });
    }
}

async fn serve(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(8192);
    while let Some(request) = read(&mut socket, &mut buffer).await? {
        shared.num_requests.fetch_add(1, Ordering::Relaxed);
        let steps = shared.steps(&request);
        {
            let mut seen = lock(&shared.seen);
            if seen.len() < MAX_SEEN {
                seen.push(request);
            }
        }
        for step in steps {
            if !take(&mut socket, step).await? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Does a step; returns whether the connection lives on.
async fn take(socket: &mut TcpStream, step: Step) -> io::Result<bool> {
    match step {
        Step::Send(bytes) => socket.write_all(&bytes).await?,
        Step::Repeat(bytes, times) => {
            for _ in 0..times {
                socket.write_all(&bytes).await?;
            }
        }
        Step::Trickle(bytes, pause) => {
            for byte in bytes {
                socket.write_all(&[byte]).await?;
                sleep(pause).await;
            }
        }
        Step::Wait(Duration::ZERO) => yield_now().await,
        Step::Wait(pause) => sleep(pause).await,
        Step::Hang => {
            let mut rest = [0; 1024];
            while socket.read(&mut rest).await? > 0 {}
            return Ok(false);
        }
        Step::Close => return Ok(false),
        Step::Reset => {
            SockRef::from(&*socket).set_linger(Some(Duration::ZERO))?;
            return Ok(false);
        }
    }
    Ok(true)
}

impl Shared {
    fn steps(&self, request: &SeenRequest) -> Vec<Step> {
        let path = request.path.split('?').next().unwrap_or_default();
        if request.method == "GET" {
            return self.steps_of_get(path);
        }
        let is_chat = path.ends_with("/chat/completions");
        let asked: Asked = serde_json::from_slice(&request.body).unwrap_or_default();
        let behaviour = {
            let mut plan = lock(&self.plan);
            match plan.is_empty() && !asked.model.starts_with("fault/") {
                true => Behaviour::Good,
                false => plan.next(&asked.model),
            }
        };
        if behaviour == Behaviour::Good {
            return self.good(&asked, is_chat);
        }
        self.scene(&asked, is_chat).steps(&behaviour)
    }

    fn scene<'a>(&'a self, asked: &'a Asked, is_chat: bool) -> Scene<'a> {
        Scene {
            asked,
            is_chat,
            good: &self.good,
            interval: self.pace.interval,
        }
    }

    /// A good answer, prepared the first time.
    fn good(&self, asked: &Asked, is_chat: bool) -> Vec<Step> {
        let scene = self.scene(asked, is_chat);
        let key = (
            asked.model.clone(),
            asked.stream,
            asked.asks_usage(),
            is_chat,
        );
        if let Some(bytes) = lock(&self.prepared).get(&key) {
            return vec![Step::Send(bytes.clone())];
        }
        let steps = scene.steps(&Behaviour::Good);
        if let [Step::Send(bytes)] = &steps[..] {
            let mut prepared = lock(&self.prepared);
            if prepared.len() < MAX_PREPARED {
                prepared.insert(key, bytes.clone());
            }
        }
        steps
    }

    fn steps_of_get(&self, path: &str) -> Vec<Step> {
        let path = path.strip_prefix("/v1").unwrap_or(path);
        let model = path
            .strip_prefix("/models/")
            .and_then(|rest| rest.strip_suffix("/endpoints"));
        let good = match (path, model) {
            ("/models", _) => lock(&self.catalogue).clone(),
            ("/key", _) => answers::key().into(),
            (_, Some(model)) => answers::endpoints(model).into(),
            _ => {
                let body = Bytes::from_static(b"{\"error\":{\"code\":404,\"message\":\"no\"}}");
                let behaviour = Behaviour::Status(404, Vec::new(), body);
                return self.scene(&Asked::default(), true).steps(&behaviour);
            }
        };
        let behaviour = lock(&self.plan).next(path);
        if behaviour == Behaviour::Good {
            return json_answer(&good);
        }
        if behaviour == Behaviour::CutJson {
            return json_answer(&good[..good.len() / 2]);
        }
        self.scene(&Asked::default(), true).steps(&behaviour)
    }
}
