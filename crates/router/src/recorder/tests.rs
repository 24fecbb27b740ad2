//! The recorder on a store that fails as often as a test wants.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use store::{
    AttemptRecord, CatalogUpdate, Counter, DeploymentRecord, FeedbackQuery, FeedbackRecord,
    FeedbackSum, Hour, KeyHash, KeyRecord, KeySettings, ModelRecord, NewKey, Observation,
    OutcomeSum, ProviderSync, RequestQuery, SpecChange, StoreLock, SumQuery, Take, Taken,
};

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

    fn before(&self, method: &str) -> Result<(), StoreError> {
        if !["touch_keys", "insert_requests", "insert_attempts"].contains(&method) {
            return Ok(());
        }
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

/// A store that does what the one inside does, after `before` has let the call pass.
macro_rules! store_of_calls {
    ($(fn $method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Flaky {
            $(async fn $method(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.before(stringify!($method))?;
                self.store.$method($($argument),*).await
            })*
        }
    };
}

store_of_calls! {
    fn create_key(key: NewKey) -> KeyRecord;
    fn key_by_hash(hash: KeyHash) -> Option<KeyRecord>;
    fn key(id: &KeyId) -> Option<KeyRecord>;
    fn keys() -> Vec<KeyRecord>;
    fn has_active_key(now: Timestamp) -> bool;
    fn revoke_key(id: &KeyId, at: Timestamp) -> KeyRecord;
    fn replace_key_settings(id: &KeyId, old: &KeySettings, new: &KeySettings) -> Option<KeyRecord>;
    fn touch_keys(uses: &[(KeyId, Timestamp)]) -> ();
    fn insert_requests(requests: &[RequestRecord]) -> ();
    fn request(id: &str) -> Option<RequestRecord>;
    fn requests(query: &RequestQuery) -> Vec<RequestRecord>;
    fn catalog() -> (Vec<ModelRecord>, Vec<DeploymentRecord>);
    fn update_catalog(update: &CatalogUpdate) -> ();
    fn spec_changes(model: Option<&str>, since: Timestamp, limit: usize) -> Vec<SpecChange>;
    fn observations(model: Option<&str>, from: Hour, until: Hour) -> Vec<Observation>;
    fn record_sync(sync: &ProviderSync) -> ();
    fn syncs() -> Vec<ProviderSync>;
    fn try_lock(name: &str) -> Option<StoreLock>;
    fn insert_attempts(attempts: &[AttemptRecord]) -> ();
    fn attempts(request_ids: &[String]) -> Vec<AttemptRecord>;
    fn answered_attempts(model: &str, since: Timestamp, limit: usize) -> Vec<AttemptRecord>;
    fn sum_attempts(query: &SumQuery) -> Vec<OutcomeSum>;
    fn insert_feedback(feedback: &FeedbackRecord) -> ();
    fn feedback(query: &FeedbackQuery, limit: usize) -> Vec<FeedbackRecord>;
    fn feedback_on(request_ids: &[String]) -> Vec<FeedbackRecord>;
    fn sum_feedback(query: &FeedbackQuery, by_hour: bool) -> Vec<FeedbackSum>;
    fn take(takes: &[Take]) -> Taken;
    fn counters(counters: &[Counter]) -> Vec<u64>;
    fn raise_counters(values: &[(Counter, u64)]) -> ();
    fn prune(limits: &Retention) -> usize;
    fn ping() -> ();
    fn close() -> ();
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
