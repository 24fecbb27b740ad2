//! What is left after a server was killed in the middle of its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mock::{Behaviour, Mock};
use store::{Resolution, Store, SumQuery};
use tempfile::tempdir;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::chaos::as_in_trail;
use super::gateway::{Gateway, Reply, chat, provider, send};

const NUM_CLIENTS: usize = 8;
/// Requests of each of the three parts of the test.
const NUM_REQUESTS: usize = 300;
/// What is older may not be lost: records are written once a second, and that takes its time.
const LOST_TIME: Duration = Duration::from_secs(3);

/// Asks so often, or until nobody answers any more; what was answered, and when.
async fn ask(address: &str, num_requests: usize, at_last: Arc<Notify>) -> Vec<(Instant, Reply)> {
    let next = Arc::new(AtomicUsize::new(1));
    let mut clients = JoinSet::new();
    for _ in 0..NUM_CLIENTS {
        let (next, at_last) = (Arc::clone(&next), Arc::clone(&at_last));
        let address = address.to_owned();
        clients.spawn(async move {
            let mut replies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > num_requests {
                    return replies;
                }
                let body = chat(&["mock/m", "mock/spare"], number.is_multiple_of(2));
                match send(&address, "POST", "/v1/chat/completions", &body).await {
                    Some(reply) => replies.push((Instant::now(), reply)),
                    None => return replies,
                }
                if number == num_requests {
                    at_last.notify_one();
                }
            }
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_there_after_a_kill_and_fits_together() {
    let mock = Mock::start().await.unwrap();
    let rows = [(0.8, Behaviour::Good), (0.2, Behaviour::Internal)];
    mock.table("m", 5, rows);
    let names = |name: &str| [(name.to_owned(), format!("mock/{name}"))];
    let settings = provider("a", &mock, &names("m")) + &provider("b", &mock, &names("spare"));
    let home = tempdir().unwrap();
    let gateway = Gateway::start(home.path(), &settings).await;
    let address = gateway.address.clone();
    let mut replies = ask(&address, NUM_REQUESTS, Arc::default()).await;
    tokio::time::sleep(LOST_TIME).await;
    // Then it works without a pause until it is killed.
    let at_last = Arc::new(Notify::new());
    let working = Arc::clone(&at_last);
    let asked = tokio::spawn(async move {
        let first = ask(&address, NUM_REQUESTS, working).await;
        [first, ask(&address, usize::MAX, Arc::default()).await].concat()
    });
    at_last.notified().await;
    gateway.kill().await;
    let killed_at = Instant::now();
    replies.extend(asked.await.unwrap());
    assert!(replies.len() > 2 * NUM_REQUESTS - NUM_CLIENTS);

    let gateway = Gateway::start(home.path(), &settings).await;
    let after = ask(&gateway.address, NUM_REQUESTS, Arc::default()).await;
    assert!(after.iter().all(|(_, reply)| reply.status == 200));
    let store = gateway.end().await;
    let mut num_there = 0;
    // A reply of the killed server can be read after the kill, so its time does not tell the two
    // servers apart.
    let before = replies
        .iter()
        .map(|(at, reply)| (*at + LOST_TIME < killed_at, reply));
    let after = after.iter().map(|(_, reply)| (true, reply));
    for (must_be_there, reply) in before.chain(after) {
        assert_eq!(reply.status, 200, "{reply:?}");
        num_there += check(&*store, reply, must_be_there).await;
    }
    assert!(num_there >= 2 * NUM_REQUESTS);
    sums_fit_together(&*store).await;
}

/// Checks what is recorded of a request: all of it or, if it may be missing, nothing.
async fn check(store: &dyn Store, reply: &Reply, must_be_there: bool) -> usize {
    let id = reply.header("x-request-id").to_owned();
    let mut attempts = store.attempts(std::slice::from_ref(&id)).await.unwrap();
    attempts.sort_by_key(|attempt| attempt.number);
    let trail: Vec<String> = attempts.iter().map(as_in_trail).collect();
    let is_whole = trail.join(",") == reply.header("x-freeway-attempts");
    if must_be_there {
        assert!(is_whole, "{trail:?} of {reply:?}");
        assert!(store.request(&id).await.unwrap().is_some(), "{id}");
    }
    usize::from(is_whole)
}

/// Attempts, their sums by the hour and by the day say the same.
async fn sums_fit_together(store: &dyn Store) {
    let mut sums = Vec::new();
    for resolution in [Resolution::Whole, Resolution::Hour, Resolution::Day] {
        let query = SumQuery {
            since: None,
            until: None,
            model: None,
            resolution,
        };
        let rows = store.sum_attempts(&query).await.unwrap();
        let counts = rows
            .iter()
            .map(|row| (row.outcome == "ok", row.sum.count, row.sum.duration_ms));
        sums.push(counts.fold([0; 4], |mut all, (is_ok, count, duration_ms)| {
            let place = if is_ok { 0 } else { 2 };
            all[place] += count;
            all[place + 1] += duration_ms;
            all
        }));
    }
    assert!(sums[0][0] > 0 && sums[0][2] > 0, "{sums:?}");
    assert!(sums.iter().all(|one| *one == sums[0]), "{sums:?}");
}
