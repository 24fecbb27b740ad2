//! The recorder on a store that fails as often as a test wants.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use store::{KeyHash, KeyRecord, NewKey, RequestQuery};

use super::*;

/// A store in memory whose writes fail a number of times.
struct Flaky {
    store: Arc<dyn Store>,
    failures: AtomicUsize,
}

impl Flaky {
    async fn new(failures: usize) -> Arc<Self> {
        Arc::new(Self {
            store: store::connect("sqlite::memory:").await.unwrap(),
            failures: AtomicUsize::new(failures),
        })
    }

    fn fail(&self) -> Result<(), StoreError> {
        let count = |left: usize| left.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count)
        {
            Ok(_) => Err(StoreError::Busy),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Flaky {
    async fn create_key(&self, key: NewKey) -> Result<KeyRecord, StoreError> {
        self.store.create_key(key).await
    }

    async fn key_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        self.store.key_by_hash(hash).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.store.keys().await
    }

    async fn has_active_key(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.store.has_active_key(now).await
    }

    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError> {
        self.store.revoke_key(id, at).await
    }

    async fn touch_keys(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        self.fail()?;
        self.store.touch_keys(uses).await
    }

    async fn insert_requests(&self, requests: &[RequestRecord]) -> Result<(), StoreError> {
        self.fail()?;
        self.store.insert_requests(requests).await
    }

    async fn requests(&self, query: &RequestQuery) -> Result<Vec<RequestRecord>, StoreError> {
        self.store.requests(query).await
    }

    async fn prune(&self, limits: &Retention) -> Result<usize, StoreError> {
        self.store.prune(limits).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
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
    let store = Flaky::new(MAX_ATTEMPTS as usize - 1).await;
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
    let store = Flaky::new(MAX_ATTEMPTS as usize).await;
    let metrics = Arc::new(Metrics::default());
    let shared = Arc::clone(&store) as Arc<dyn Store>;
    let (recorder, task) = Recorder::spawn(shared, Arc::clone(&metrics), KeepDays::default());
    recorder.request(record("a", now()));
    drop(recorder);
    task.finish().await;
    assert_eq!(kept(store.as_ref()).await, [""; 0]);
    assert_eq!(lost(&metrics), "freeway_records_lost_total 1");
}

#[tokio::test]
async fn more_records_than_may_wait_are_counted_as_lost() {
    let store = Flaky::new(0).await;
    let metrics = Arc::new(Metrics::default());
    let shared = Arc::clone(&store) as Arc<dyn Store>;
    let (recorder, _task) = Recorder::spawn(shared, Arc::clone(&metrics), KeepDays::default());
    // The task has had no chance to run: this test has the only thread.
    for number in 0..MAX_WAITING + 3 {
        recorder.request(record(&number.to_string(), now()));
    }
    assert_eq!(lost(&metrics), "freeway_records_lost_total 3");
}

#[tokio::test]
async fn old_requests_are_forgotten() {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let store = Flaky::new(0).await;
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
