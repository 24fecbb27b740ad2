//! Thousands of requests at hosts of which a third of the answers are faulty.
//!
//! `make chaos` is the long run; it writes what it measured.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mock::{Behaviour, Mock};
use router::{FailureKind, FaultDomain};
use serde_json::{Value, json};
use store::{AttemptRecord, Store};
use tempfile::tempdir;
use tokio::task::JoinSet;

use super::gateway::{Gateway, chat, provider, send};

/// Requests, where nobody says how many.
const NUM_REQUESTS: usize = 800;
/// Requests for each model on average. A host that fails so often is soon left alone, so that with
/// more of them most answers would be good ones.
const REQUESTS_PER_MODEL: usize = 40;
const NUM_CLIENTS: usize = 32;
/// Who fails; a further host never does.
const HOSTS: [&str; 3] = ["a", "b", "c"];
/// The share of their answers that is faulty.
const FAULTY: f64 = 0.3;
/// What memory may grow by in the second half of the run.
const MAX_GROWTH_KIB: u64 = 16 << 10;

/// What a faulty answer is, how often of a hundred, and what has to be recorded.
fn faults() -> Vec<(f64, Behaviour, FailureKind)> {
    use Behaviour as B;
    use FailureKind as K;
    vec![
        (14.0, B::UpstreamBusy, K::RateLimited),
        (12.0, B::Internal, K::Internal),
        (10.0, B::BadGateway, K::Internal),
        (8.0, B::Overloaded, K::Overloaded),
        (8.0, B::ErrorIn200, K::Internal),
        (8.0, B::NoEndpoints, K::Unavailable),
        (8.0, B::CloseBeforeHead, K::Network),
        (4.0, B::ResetBeforeHead, K::Network),
        (6.0, B::HalfEvent, K::BrokenStream),
        (6.0, B::EmptyAnswer, K::EmptyAnswer),
        (4.0, B::EmptyBody, K::EmptyAnswer),
        (4.0, B::Html, K::InvalidResponse),
        (2.0, B::InvalidUtf8, K::InvalidResponse),
        (2.0, B::CutJson, K::BrokenStream),
        (2.0, B::NotHttp, K::InvalidResponse),
        (2.0, B::HangBeforeHead, K::Timeout),
    ]
}

/// What has to be recorded of what a host did.
fn recorded_as(behaviour: &str) -> &'static str {
    let fault = faults()
        .into_iter()
        .find(|(_, fault, _)| fault.name() == behaviour);
    fault.map_or("ok", |(_, _, kind)| kind.as_str())
}

/// A request that was answered or refused.
struct Done {
    id: String,
    trail: String,
    is_answered: bool,
}

/// Sends the requests of these numbers, `NUM_CLIENTS` at once.
async fn storm(
    gateway: &Gateway,
    numbers: Range<usize>,
    num_models: usize,
    words: &str,
) -> Vec<Done> {
    let next = Arc::new(AtomicUsize::new(numbers.start));
    let words: Arc<str> = words.into();
    let mut clients = JoinSet::new();
    for _ in 0..NUM_CLIENTS {
        let (next, words) = (Arc::clone(&next), Arc::clone(&words));
        let address = gateway.address.clone();
        clients.spawn(async move {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return done;
                }
                let is_stream = number.is_multiple_of(2);
                let model = format!("chaos/{}", number / 2 % num_models);
                let body = chat(&[&model, "chaos/spare"], is_stream);
                let reply = send(&address, "POST", "/v1/chat/completions", &body).await;
                let reply = reply.expect("a connection to the server broke");
                let has_end = !is_stream || reply.body.contains("[DONE]");
                let is_good = reply.status == 200 && reply.error().is_none();
                done.push(Done {
                    id: reply.header("x-request-id").to_owned(),
                    trail: reply.header("x-freeway-attempts").to_owned(),
                    is_answered: is_good && has_end && reply.words() == *words,
                });
            }
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

/// All attempts of these requests.
async fn attempts_of(store: &dyn Store, done: &[Done]) -> HashMap<String, Vec<AttemptRecord>> {
    let mut attempts: HashMap<String, Vec<AttemptRecord>> = HashMap::new();
    let ids: Vec<String> = done.iter().map(|one| one.id.clone()).collect();
    for ids in ids.chunks(200) {
        for attempt in store.attempts(ids).await.unwrap() {
            attempts
                .entry(attempt.request_id.clone())
                .or_default()
                .push(attempt);
        }
    }
    attempts
}

fn env_number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_of_all_answers_may_be_faulty() {
    let num_requests = env_number("CHAOS_REQUESTS").unwrap_or(NUM_REQUESTS);
    let num_models = (num_requests / REQUESTS_PER_MODEL).max(1);
    let spare = Mock::start().await.unwrap();
    let spare_name = ("spare".to_owned(), "chaos/spare".to_owned());
    let mut settings = provider("spare", &spare, &[spare_name]);
    settings += "max_connections = 1000\n";
    let mut mocks = Vec::new();
    for (seed, host) in HOSTS.iter().enumerate() {
        let mock = Mock::start().await.unwrap();
        let names: Vec<(String, String)> = (0..num_models)
            .map(|number| (format!("m{number}"), format!("chaos/{number}")))
            .collect();
        for (number, (name, _)) in names.iter().enumerate() {
            let mut rows = vec![(100.0 * (1.0 - FAULTY) / FAULTY, Behaviour::Good)];
            rows.extend(
                faults()
                    .into_iter()
                    .map(|(weight, fault, _)| (weight, fault)),
            );
            mock.table(name, (seed * num_models + number) as u64, rows);
        }
        settings += &provider(host, &mock, &names);
        mocks.push(mock);
    }
    let home = tempdir().unwrap();
    let gateway = Gateway::start(home.path(), &settings).await;
    let words = spare.good_words();
    let half = num_requests / 2;
    let mut done = storm(&gateway, 0..half, num_models, &words).await;
    let half_kib = gateway.resident_kib();
    done.extend(storm(&gateway, half..num_requests, num_models, &words).await);
    let end_kib = gateway.resident_kib();
    let published = published(&gateway).await;
    let store = gateway.end().await;

    let num_answered = done.iter().filter(|one| one.is_answered).count();
    assert!(
        num_answered * 1000 >= num_requests * 999,
        "{num_answered} of {num_requests} answered"
    );
    // Every attempt that a client was told of is there, in order, and no other.
    let attempts = attempts_of(&*store, &done).await;
    let mut recorded: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for one in &done {
        let mut of_request = attempts[&one.id].clone();
        of_request.sort_by_key(|attempt| attempt.number);
        let trail: Vec<String> = of_request.iter().map(as_in_trail).collect();
        assert_eq!(one.trail, trail.join(","));
        for AttemptRecord {
            deployment,
            outcome,
            ..
        } in of_request
        {
            let key = (deployment.provider, deployment.name, outcome);
            *recorded.entry(key).or_default() += 1;
        }
    }
    // Each is recorded as what its host did, and as nobody else's.
    let mut happened: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    let mut num_faulty = 0;
    for (host, mock) in HOSTS.iter().zip(&mocks) {
        for ((name, behaviour), count) in mock
            .counts()
            .into_iter()
            .filter(|((name, _), _)| name.starts_with('m'))
        {
            let outcome = recorded_as(behaviour);
            num_faulty += if outcome == "ok" { 0 } else { count };
            *happened
                .entry(((*host).to_owned(), name, outcome.to_owned()))
                .or_default() += count;
        }
    }
    let num_by_spare = recorded.remove(&("spare".to_owned(), "spare".to_owned(), "ok".to_owned()));
    // A host that closes a connection that it had kept open without a word may just have been idle for
    // long: then it is asked once more, and the attempt is recorded as what becomes of that.
    let network = FailureKind::Network.as_str();
    let num_network = |counts: &BTreeMap<(String, String, String), u64>| -> u64 {
        let of_network = counts
            .iter()
            .filter(|((.., outcome), _)| outcome == network);
        of_network.map(|(_, count)| count).sum()
    };
    let (num_recorded, num_happened) = (num_network(&recorded), num_network(&happened));
    assert!(0 < num_recorded && num_recorded <= num_happened);
    happened.retain(|(.., outcome), _| outcome != network);
    let mut others = recorded.clone();
    others.retain(|(.., outcome), _| outcome != network);
    assert_eq!(others, happened);
    let num_by_spare = num_by_spare.unwrap_or(0);
    let num_attempts = num_by_spare + recorded.values().sum::<u64>();

    // What is published of a model is the share of its hosts' own faults, and what was injected is
    // within its interval, as often as intervals of 95 % promise.
    let mut num_within = 0;
    let chance = faults()
        .into_iter()
        .filter(|(.., kind)| kind.fault_domain() == FaultDomain::Host);
    let own = FAULTY * chance.map(|(weight, ..)| weight / 100.0).sum::<f64>();
    let others = FAULTY - own;
    for number in 0..num_models {
        let (name, rate) = (format!("m{number}"), &published[&format!("chaos/{number}")]);
        let of_model = |wanted: &dyn Fn(&str) -> bool| -> u64 {
            let rows = recorded
                .iter()
                .filter(|((_, one, outcome), _)| *one == name && wanted(outcome));
            rows.map(|(_, count)| count).sum()
        };
        let num_ok = of_model(&|outcome| outcome == "ok");
        let num_own = of_model(&|outcome| {
            FailureKind::ALL
                .iter()
                .any(|kind| kind.as_str() == outcome && kind.fault_domain() == FaultDomain::Host)
        });
        assert_eq!(rate["samples"], num_ok + num_own, "{name}");
        assert_eq!(rate["issueCount"], num_own, "{name}");
        let end = |field: &str| rate[field].as_f64().unwrap() / 100.0;
        let exact = num_own as f64 / (num_ok + num_own) as f64;
        assert!(
            end("errorRateLow") <= exact && exact <= end("errorRateHigh"),
            "{name}: {rate}"
        );
        // Of those that are no fault of the way to the host.
        let injected = own / (1.0 - others);
        num_within +=
            usize::from(end("errorRateLow") <= injected && injected <= end("errorRateHigh"));
    }
    assert!(
        num_within * 10 >= num_models * 7,
        "{num_within} of {num_models}"
    );
    assert!(
        end_kib <= half_kib + MAX_GROWTH_KIB,
        "{half_kib} KiB grew to {end_kib} KiB"
    );

    let record = json!({
        "requests": num_requests,
        "clients": NUM_CLIENTS,
        "models": num_models,
        "answered": num_answered,
        "attempts": num_attempts,
        "attempts_at_faulty_hosts": num_attempts - num_by_spare,
        "faulty_answers": num_faulty,
        "closed_connections_asked_once_more": num_happened - num_recorded,
        "models_whose_interval_holds_the_injected_rate": num_within,
        "injected_own_fault_rate_percent": 100.0 * own / (1.0 - others),
        "resident_mib_at_half": half_kib / 1024,
        "resident_mib_at_end": end_kib / 1024,
    });
    println!("{record:#}");
    if let Ok(file) = std::env::var("CHAOS_RECORD") {
        std::fs::write(file, format!("{record:#}\n")).unwrap();
    }
}

/// The attempt as the client is told of it.
pub(crate) fn as_in_trail(attempt: &AttemptRecord) -> String {
    let AttemptRecord {
        deployment,
        outcome,
        ..
    } = attempt;
    format!("{}/{}={outcome}", deployment.provider, deployment.name)
}

/// What the server publishes of each model.
async fn published(gateway: &Gateway) -> HashMap<String, Value> {
    // Records are written within a second.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let path = "/api/v1/models/full?timeRange=1h&limit=1000";
    let reply = send(&gateway.address, "GET", path, "").await.unwrap();
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let models = body["models"].as_array().unwrap().iter();
    models
        .map(|model| {
            (
                model["canonicalId"].as_str().unwrap().to_owned(),
                model.clone(),
            )
        })
        .collect()
}
