//! The recorder on a store that fails as often as a test wants.

use std::sync::atomic::{AtomicUsize, Ordering};

use store::RequestQuery;

use super::*;
use crate::flaky_store::FlakyStore;

/// A store whose writes of records fail a number of times.
async fn flaky(failures: usize) -> Arc<FlakyStore> {
    let failures = AtomicUsize::new(failures);
    let is_over = move || {
        let count = |left: usize| left.checked_sub(1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        failures.fetch_update(set, fetch, count).is_err()
    };
    FlakyStore::new(move |method| {
        let is_write = ["touch_keys", "insert_requests", "insert_attempts"].contains(&method);
        match !is_write || is_over() {
            true => Ok(()),
            false => Err(StoreError::Busy),
        }
    })
    .await
}

fn record(id: &str, started_at: Timestamp) -> RequestRecord {
    RequestRecord {
        id: id.to_owned(),
        key_id: None,
        started_at,
        operation: "chat".to_owned(),
        requested_model: "m".to_owned(),
        deployment: None,
        outcome: "ok".to_owned(),
        is_stream: false,
        first_token_ms: None,
        duration_ms: 1,
        prompt_tokens: 1,
        completion_tokens: 1,
        reasoning_tokens: 0,
        content: None,
    }
}

async fn kept(store: &dyn Store) -> Vec<String> {
    let query = RequestQuery {
        limit: 100,
        ..RequestQuery::default()
    };
    let records = store.requests(&query).await.unwrap();
    records.into_iter().map(|record| record.id).collect()
}

fn lost(metrics: &Metrics) -> String {
    let text = metrics.to_text();
    let line = text
        .lines()
        .find(|line| line.starts_with("freeway_records_lost_total"));
    line.unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_recovers_loses_nothing() {
    let store = flaky(MAX_ATTEMPTS as usize - 1).await;
    let metrics = Arc::new(Metrics::default());
    let shared = Arc::clone(&store) as Arc<dyn Store>;
    let (recorder, task) = Recorder::spawn(shared, Arc::clone(&metrics), KeepDays::default());
    recorder.request(record("a", now()));
    drop(recorder);
    task.finish().await;
    assert_eq!(kept(store.as_ref()).await, ["a"]);
    assert_eq!(lost(&metrics), "freeway_records_lost_total 0");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_recover_costs_records_and_is_counted() {
    let store = flaky(MAX_ATTEMPTS as usize).await;
    let metrics = Arc::new(Metrics::default());
    let shared = Arc::clone(&store) as Arc<dyn Store>;
    let (recorder, task) = Recorder::spawn(shared, Arc::clone(&metrics), KeepDays::default());
    recorder.request(record("a", now()));
    let losses = Arc::clone(&recorder.losses);
    assert_eq!(losses.lately(now()), None);
    drop(recorder);
    task.finish().await;
    assert_eq!(kept(store.as_ref()).await, [""; 0]);
    assert_eq!(lost(&metrics), "freeway_records_lost_total 1");
    let why = losses.lately(now()).unwrap();
    assert_eq!(why, StoreError::Busy.to_string());
    assert_eq!(losses.lately(Timestamp(now().0 + TOLD_MS)), None);
}

#[tokio::test]
async fn more_records_than_may_wait_are_counted_as_lost() {
    let store = flaky(0).await;
    let metrics = Arc::new(Metrics::default());
    let shared = Arc::clone(&store) as Arc<dyn Store>;
    let (recorder, _task) = Recorder::spawn(shared, Arc::clone(&metrics), KeepDays::default());
    // The task has had no chance to run: this test has the only thread.
    for number in 0..MAX_WAITING + 3 {
        recorder.request(record(&number.to_string(), now()));
    }
    assert_eq!(lost(&metrics), "freeway_records_lost_total 3");
    assert!(recorder.lost_lately(now()).unwrap().contains("too slow"));
}

#[tokio::test]
async fn old_requests_are_forgotten() {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let store = flaky(0).await;
    let old = record("old", Timestamp(now().0 - 8 * DAY_MS));
    let recent = record("recent", Timestamp(now().0 - 6 * DAY_MS));
    store.insert_requests(&[old, recent]).await.unwrap();
    let shared = Arc::clone(&store) as Arc<dyn Store>;
    let (recorder, task) = Recorder::spawn(
        shared,
        Arc::default(),
        KeepDays {
            requests: 7,
            ..KeepDays::default()
        },
    );
    let forgotten = async {
        while kept(store.as_ref()).await.len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, forgotten).await.unwrap();
    assert_eq!(kept(store.as_ref()).await, ["recent"]);
    drop(recorder);
    task.finish().await;
}
