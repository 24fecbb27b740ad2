//! A store for tests, that fails when a test wants.

use std::sync::Arc;

use async_trait::async_trait;
use store::{
    AttemptRecord, CatalogUpdate, Counter, DeploymentRecord, FeedbackQuery, FeedbackRecord,
    FeedbackSum, Hour, KeyHash, KeyId, KeyRecord, KeySettings, ModelRecord, NewKey, Observation,
    OutcomeSum, ProviderSync, RequestQuery, RequestRecord, Retention, SessionHash, SessionRecord,
    SpecChange, Store, StoreError, StoreLock, SumQuery, Take, Taken, Timestamp, UsageQuery,
    UsageSum,
};

/// What is asked before each call, by the name of its method.
type Before = Box<dyn Fn(&str) -> Result<(), StoreError> + Send + Sync>;

/// A store in memory.
pub(crate) struct FlakyStore {
    pub(crate) store: Arc<dyn Store>,
    before: Before,
}

impl FlakyStore {
    /// One whose calls fail as `before` says of their methods.
    pub(crate) async fn new(
        before: impl Fn(&str) -> Result<(), StoreError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            store: store::connect("sqlite::memory:").await.unwrap(),
            before: Box::new(before),
        })
    }
}

/// A store that does what the one inside does, after `before` has let the call pass.
macro_rules! store_of_calls {
    ($(fn $method:ident($($argument:ident: $type:ty),* $(,)?) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for FlakyStore {
            $(async fn $method(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                (self.before)(stringify!($method))?;
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
    fn create_session(session: &SessionRecord) -> ();
    fn session(hash: SessionHash, now: Timestamp) -> Option<SessionRecord>;
    fn delete_session(hash: SessionHash) -> ();
    fn delete_sessions_of(id: &KeyId) -> usize;
    fn relabel_key(
        id: &KeyId,
        name: Option<&str>,
        expires_at: Option<Option<Timestamp>>,
    ) -> KeyRecord;
    fn touch_keys(uses: &[(KeyId, Timestamp)]) -> ();
    fn insert_requests(requests: &[RequestRecord]) -> ();
    fn request(id: &str) -> Option<RequestRecord>;
    fn requests(query: &RequestQuery) -> Vec<RequestRecord>;
    fn sum_requests(query: &UsageQuery) -> Vec<UsageSum>;
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
