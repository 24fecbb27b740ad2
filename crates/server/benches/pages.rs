//! How long pages take with 500 models and 90 days of hourly data, beside the shortest answer of the same
//! server.
//!
//! `cargo bench -p server -- FILE` writes the figures to FILE as JSON.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail wherever it likes")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use router::catalog::Catalog;
use router::recorder::{KeepDays, Recorder};
use router::{Accounts, Metrics, ModelSpec, Router, RouterConfig};
use serde_json::{Value, json};
use server::{Access, Server, ServerConfig};
use store::{
    AttemptRecord, CatalogUpdate, DeploymentKey, DeploymentRecord, Hour, MAX_BATCH, ModelRecord,
    Observation, Store, Timestamp,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const NUM_MODELS: i64 = 500;
const NUM_DAYS: i64 = 90;
const HOUR_MS: i64 = 3_600_000;
/// 2026-03-19T12:00:00Z.
const NOW: Timestamp = Timestamp(1_773_921_600_000);
/// Requests for each page.
const NUM_REQUESTS: usize = 2_000;

fn id(number: i64) -> String {
    format!("author-{}/model-{number}", number % 40)
}

fn key(number: i64) -> DeploymentKey {
    DeploymentKey {
        provider: "openrouter".to_owned(),
        name: format!("{}:free", id(number)),
    }
}

/// A number that looks like chance and is the same each time.
fn mixed(a: i64, b: i64) -> u64 {
    let mut x = (a as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (b as u64);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn rows() -> (Vec<ModelRecord>, Vec<DeploymentRecord>) {
    let first_seen_at = Timestamp(NOW.0 - NUM_DAYS * 24 * HOUR_MS);
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let all = (0..NUM_MODELS).map(|number| {
        let spec = ModelSpec {
            name: format!("Author {}: Model {number} (free)", number % 40),
            description: "A model of which much is said in a few sentences. ".repeat(8),
            context_length: Some(32_768 << (number % 4)),
            max_output_tokens: Some(8_192),
            modality: Some("text->text".to_owned()),
            input_modalities: words(&["text"]),
            output_modalities: words(&["text"]),
            supported_parameters: words(&["max_tokens", "reasoning", "seed", "stop", "tools"]),
            ..ModelSpec::default()
        };
        let spec = json!({"spec": spec}).to_string();
        let model = ModelRecord {
            id: id(number),
            spec: spec.clone(),
            first_seen_at,
            last_seen_at: NOW,
        };
        let deployment = DeploymentRecord {
            key: key(number),
            model: id(number),
            spec,
            first_seen_at,
            last_seen_at: NOW,
            gone_at: None,
        };
        (model, deployment)
    });
    all.unzip()
}

async fn fill(store: &dyn Store) {
    let (models, deployments) = rows();
    let first = CatalogUpdate {
        models,
        deployments,
        ..CatalogUpdate::default()
    };
    store.update_catalog(&first).await.unwrap();
    let last = Hour::of(NOW).0;
    let hours = last - NUM_DAYS * 24 + 1..=last;
    let places: Vec<(i64, i64)> = hours
        .flat_map(|hour| (0..NUM_MODELS).map(move |number| (hour, number)))
        .collect();
    for (done, batch) in places.chunks(MAX_BATCH).enumerate() {
        let observations = batch.iter().map(|&(hour, number)| Observation {
            key: key(number),
            hour: Hour(hour),
            is_listed: !mixed(hour, number).is_multiple_of(50),
            is_up: Some(!mixed(number, hour).is_multiple_of(20)),
            num_probes_ok: 0,
            num_probes_failed: 0,
        });
        let update = CatalogUpdate {
            observations: observations.collect(),
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await.unwrap();
        let attempts: Vec<_> = batch
            .iter()
            .map(|&(hour, number)| attempt(hour, number))
            .collect();
        store.insert_attempts(&attempts).await.unwrap();
        eprint!(
            "\r{} of {} rows",
            done * MAX_BATCH + batch.len(),
            places.len()
        );
    }
    eprintln!();
}

fn attempt(hour: i64, number: i64) -> AttemptRecord {
    let is_ok = !mixed(hour, number).is_multiple_of(10);
    AttemptRecord {
        request_id: format!("req_{hour}_{number}"),
        number: 0,
        model: id(number),
        deployment: key(number),
        started_at: Timestamp((hour * HOUR_MS + 60_000).min(NOW.0)),
        outcome: if is_ok { "ok" } else { "rate_limited" }.to_owned(),
        fault_domain: if is_ok { "" } else { "host" }.to_owned(),
        http_status: Some(200),
        first_token_ms: is_ok.then_some(300 + (mixed(number, hour) % 500) as u32),
        duration_ms: 2_000,
        prompt_tokens: 50,
        completion_tokens: 100,
        reasoning_tokens: 0,
        is_exploration: false,
    }
}

/// A connection that is kept, and the bytes of its last answer.
struct Client(TcpStream);

impl Client {
    /// Asks for a page; how long it took, and how many bytes came.
    async fn get(&mut self, path: &str) -> (Duration, usize) {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\r\n");
        let begun = Instant::now();
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut received = Vec::with_capacity(64 * 1024);
        loop {
            assert!(
                self.0.read_buf(&mut received).await.unwrap() > 0,
                "{path}: cut off"
            );
            if is_whole(&received) {
                break;
            }
        }
        let taken = begun.elapsed();
        assert!(received.starts_with(b"HTTP/1.1 200"), "{path}");
        (taken, received.len())
    }
}

/// Whether an answer is there to its end.
fn is_whole(received: &[u8]) -> bool {
    let Some(end) = received.windows(4).position(|part| part == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    match head.split("content-length: ").nth(1) {
        Some(length) => {
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            received.len() >= end + 4 + length
        }
        None => received.ends_with(b"\r\n0\r\n\r\n"),
    }
}

#[tokio::main]
async fn main() {
    let file = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("pages.db").display());
    let store = store::connect(&url).await.unwrap();
    fill(&*store).await;

    let metrics = Arc::new(Metrics::default());
    let (recorder, _task) = Recorder::spawn(
        Arc::clone(&store),
        Arc::clone(&metrics),
        KeepDays::default(),
    );
    let accounts = Accounts::new([]);
    let config = RouterConfig::default();
    let router = Router::new(accounts, config, Arc::clone(&store), recorder, metrics);
    let (models, deployments) = rows();
    router.set_catalog(Arc::new(Catalog::from_store(models, deployments)));
    let config = ServerConfig {
        sample_moment: Some(NOW),
        hosted_providers: vec!["openrouter".to_owned()],
        ..ServerConfig::default()
    };
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(any_port, config).await.unwrap();
    let address = server.address();
    let served = Arc::clone(&store);
    tokio::spawn(server.serve(
        Arc::new(router),
        served,
        Access::Loopback,
        std::future::pending(),
    ));

    let mut client = Client(TcpStream::connect(address).await.unwrap());
    let (first, _) = client.get("/").await;
    println!("first page after the start: {:.0} ms", ms(first));
    let mut pages = Vec::new();
    let model = |index: usize| {
        let number = mixed(index as i64, 7) % NUM_MODELS as u64;
        format!("/models/{}:free", id(number as i64))
    };
    let all: [(&str, &dyn Fn(usize) -> String); 7] = [
        ("shortest answer", &|_| "/healthz".to_owned()),
        ("home", &|_| "/".to_owned()),
        ("models", &|_| "/models".to_owned()),
        ("models, health", &|_| "/models?tab=health".to_owned()),
        ("models, availability", &|_| {
            "/models?tab=availability".to_owned()
        }),
        ("model", &model),
        ("author", &|index| {
            format!("/providers/author-{}", index % 40)
        }),
    ];
    for (name, path) in all {
        let mut times = Vec::with_capacity(NUM_REQUESTS);
        let mut num_bytes = 0;
        for index in 0..NUM_REQUESTS {
            let (taken, len) = client.get(&path(index)).await;
            times.push(ms(taken));
            num_bytes = num_bytes.max(len);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!(
            "{name:<22} p50 {:>7.3} ms  p99 {:>7.3} ms  most {:>7.3} ms  {num_bytes} bytes",
            at(0.5),
            at(0.99),
            at(1.0)
        );
        pages.push(json!({
            "page": name,
            "requests": times.len(),
            "p50_ms": at(0.5),
            "p99_ms": at(0.99),
            "max_ms": at(1.0),
            "bytes_gzip_with_head": num_bytes,
        }));
    }
    if let Some(file) = file {
        let record: Value = json!({
            "what": "pages of 500 models with 90 days of hourly observations and attempts (1,080,000 \
                     rows of each), one client, gzip, SQLite on disk",
            "first_page_ms": ms(first),
            "pages": pages,
        });
        let text = serde_json::to_string_pretty(&record).unwrap();
        std::fs::write(file, text + "\n").unwrap();
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
