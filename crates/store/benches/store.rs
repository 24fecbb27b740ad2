//! How fast a store is with a million attempts of the last 30 days in it. `cargo bench -p store --
//! URL` with an empty store, which keeps them; without a URL it is a SQLite file that is removed.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement may fail wherever it likes"
)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use store::{
    ApiKey, AttemptRecord, Counter, DeploymentKey, KeyId, KeySettings, NewKey, Resolution, Store,
    SumQuery, Take, Timestamp, connect,
};

const NUM_ATTEMPTS: u64 = 1_000_000;
const BATCH_LEN: u64 = 512;
const NUM_DEPLOYMENTS: u64 = 100;
const HOUR_MS: u64 = 3_600_000;
/// What the attempts are spread over.
const SPAN_MS: u64 = 30 * 24 * HOUR_MS;

/// Attempts as they come: times go forward, and with them the names of requests.
fn attempt(begin_ms: u64, number: u64) -> AttemptRecord {
    // A step that shares no divisor with 2^64 visits numbers in no visible order.
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let deployment = scattered >> 32;
    let is_ok = scattered % 10 > 1;
    AttemptRecord {
        request_id: format!("req_{number:08x}{scattered:016x}"),
        number: 0,
        model: format!("vendor/model-{}", deployment % (NUM_DEPLOYMENTS / 2)),
        deployment: DeploymentKey {
            provider: "history".to_owned(),
            name: format!("vendor/model-{}:free", deployment % NUM_DEPLOYMENTS),
        },
        started_at: Timestamp((begin_ms + number * SPAN_MS / NUM_ATTEMPTS) as i64),
        outcome: if is_ok { "ok" } else { "rate_limited" }.to_owned(),
        fault_domain: if is_ok { "" } else { "account" }.to_owned(),
        http_status: Some(200),
        first_token_ms: is_ok.then_some(300),
        duration_ms: 1_500,
        prompt_tokens: 200,
        completion_tokens: 150,
        reasoning_tokens: 20,
        is_exploration: false,
    }
}

/// Prints the median and the slowest of some runs.
async fn time<F: Future<Output = usize>>(what: &str, num_runs: usize, run: impl Fn() -> F) {
    let mut times: Vec<Duration> = Vec::new();
    let mut num_rows = 0;
    for _ in 0..num_runs {
        let start = Instant::now();
        num_rows = run().await;
        times.push(start.elapsed());
    }
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: median {median:.2?}, slowest {slowest:.2?} ({num_rows} rows)");
}

async fn fill(store: &Arc<dyn Store>, begin_ms: u64) {
    let start = Instant::now();
    let mut last = start;
    let mut number = 0;
    while number < NUM_ATTEMPTS {
        let end = (number + BATCH_LEN).min(NUM_ATTEMPTS);
        let batch: Vec<_> = (number..end).map(|n| attempt(begin_ms, n)).collect();
        store.insert_attempts(&batch).await.unwrap();
        number = end;
        if number.is_multiple_of(BATCH_LEN * 400) {
            let rate = (BATCH_LEN * 400) as f64 / last.elapsed().as_secs_f64();
            println!("  {number} attempts, the last at {rate:.0} a second");
            last = Instant::now();
        }
    }
    let rate = NUM_ATTEMPTS as f64 / start.elapsed().as_secs_f64();
    println!("insert_attempts: {rate:.0} rows a second in batches of {BATCH_LEN}");
}

async fn measure(url: &str) {
    let store = connect(url).await.unwrap();
    let secret = ApiKey::generate().unwrap();
    let key = NewKey {
        id: KeyId::random().unwrap(),
        name: "bench".to_owned(),
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        created_at: Timestamp(0),
        expires_at: None,
        settings: KeySettings::default(),
    };
    store.create_key(key).await.unwrap();
    // On the hour, so that the ends of spans are known not to be.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let begin_ms = now.as_millis() as u64 / HOUR_MS * HOUR_MS - SPAN_MS;
    let end_ms = begin_ms + SPAN_MS;
    fill(&store, begin_ms).await;
    let query = |since_ms: u64, model: Option<&str>, resolution| SumQuery {
        // Not on the hour: both ends are summed from single attempts.
        since: Some(Timestamp((end_ms - since_ms + 1_234_567) as i64)),
        until: Some(Timestamp((end_ms - 1_234_567) as i64)),
        model: model.map(str::to_owned),
        resolution,
    };
    let model = Some("vendor/model-7");
    let month = 30 * 24 * HOUR_MS;
    for (what, query) in [
        ("sum of 30 days", query(month, None, Resolution::Whole)),
        ("sum of 30 days by day", query(month, None, Resolution::Day)),
        (
            "sum of 30 days by hour",
            query(month, None, Resolution::Hour),
        ),
        ("of one model", query(month, model, Resolution::Whole)),
        (
            "of one model by hour",
            query(month, model, Resolution::Hour),
        ),
        (
            "sum of 24 hours",
            query(24 * HOUR_MS, None, Resolution::Whole),
        ),
        (
            "sum of 6 hours by minute",
            query(6 * HOUR_MS, None, Resolution::Minute),
        ),
        (
            "sum of an hour",
            query(HOUR_MS + 2_000_000, None, Resolution::Whole),
        ),
    ] {
        time(what, 9, || async {
            store.sum_attempts(&query).await.unwrap().len()
        })
        .await;
    }
    time("answered_attempts, 1000", 9, || async {
        let listed = store.answered_attempts("vendor/model-7", Timestamp(0), 1_000);
        listed.await.unwrap().len()
    })
    .await;
    time("key_by_hash", 1_001, || async {
        let found = store.key_by_hash(secret.hash()).await.unwrap();
        usize::from(found.is_some())
    })
    .await;
    let takes: Vec<_> = (0..4)
        .map(|i| Take {
            counter: Counter {
                name: format!("counter {i}"),
                start: Timestamp(0),
            },
            amount: 1,
            limit: Some(u64::MAX),
        })
        .collect();
    time("take of 4 counters", 1_001, || async {
        store.take(&takes).await.unwrap();
        takes.len()
    })
    .await;
    let again: Vec<_> = (0..BATCH_LEN)
        .map(|i| attempt(begin_ms, i * 1_953))
        .collect();
    time("a batch of 512 sent again", 9, || async {
        store.insert_attempts(&again).await.unwrap();
        again.len()
    })
    .await;
    store.close().await.unwrap();
    time("connect", 9, || async {
        let store = connect(url).await.unwrap();
        store.ping().await.unwrap();
        1
    })
    .await;
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", directory.path().join("bench.db").display());
    // `cargo bench` adds flags of its own.
    let named = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let url = named.unwrap_or(file);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_all()
        .build()
        .unwrap()
        .block_on(measure(&url));
}
