//! The store in PostgreSQL, which several servers may share: each method takes a connection of a
//! small pool and speaks to the server.

mod attempts;
mod catalog;
mod counters;
mod failure;
mod feedback;
mod keys;
mod lock;
mod number;
mod pool;
mod requests;
mod retention;
mod rows;
mod schema;
mod sessions;
mod text;
mod tls;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::connect::PostgresLocation;
use crate::{
    AttemptRecord, CatalogUpdate, Counter, DeploymentRecord, FeedbackQuery, FeedbackRecord,
    FeedbackSum, Hour, KeyHash, KeyId, KeyRecord, KeySettings, MAX_BATCH, MAX_ROWS, ModelRecord,
    NewKey, Observation, OutcomeSum, ProviderSync, RequestQuery, RequestRecord, Retention,
    SessionHash, SessionRecord, SpecChange, Store, StoreError, StoreLock, SumQuery, Take, Taken,
    Timestamp, UsageQuery, UsageSum, check_len, check_update,
};
use pool::Connections;

pub(crate) use tls::Roots;

/// A PostgreSQL database.
pub(crate) struct PostgresStore {
    connections: Connections,
    /// The schema that everything lies in; locks are named after it.
    schema: String,
    /// Room for the locks of this process.
    locks: Arc<Semaphore>,
}

impl PostgresStore {
    pub(crate) async fn open(location: PostgresLocation) -> Result<Self, StoreError> {
        let connections = Connections::new(location)?;
        let schema = connections.prepare().await?;
        Ok(Self {
            connections,
            schema,
            locks: Arc::new(Semaphore::new(lock::MAX_LOCKS)),
        })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn create_key(&self, key: NewKey) -> Result<KeyRecord, StoreError> {
        self.connections
            .run(|client| keys::create(client, &key))
            .await
    }

    async fn key_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        self.connections
            .run(|client| keys::by_hash(client, hash))
            .await
    }

    async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.connections.run(|client| keys::by_id(client, id)).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.connections.run(keys::all).await
    }

    async fn has_active_key(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.connections
            .run(|client| keys::has_active(client, now))
            .await
    }

    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError> {
        self.connections
            .run(|client| keys::revoke(client, id, at))
            .await
    }

    async fn replace_key_settings(
        &self,
        id: &KeyId,
        old: &KeySettings,
        new: &KeySettings,
    ) -> Result<Option<KeyRecord>, StoreError> {
        self.connections
            .run(|client| keys::replace_settings(client, id, old, new))
            .await
    }

    async fn create_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        self.connections
            .run(|client| sessions::create(client, session))
            .await
    }

    async fn session(
        &self,
        hash: SessionHash,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.connections
            .run(|client| sessions::by_hash(client, hash, now))
            .await
    }

    async fn delete_session(&self, hash: SessionHash) -> Result<(), StoreError> {
        self.connections
            .run(|client| sessions::delete(client, hash))
            .await
    }

    async fn delete_sessions_of(&self, id: &KeyId) -> Result<usize, StoreError> {
        self.connections
            .run(|client| sessions::delete_of_key(client, id))
            .await
    }

    async fn relabel_key(
        &self,
        id: &KeyId,
        name: Option<&str>,
        expires_at: Option<Option<Timestamp>>,
    ) -> Result<KeyRecord, StoreError> {
        self.connections
            .run(|client| keys::relabel(client, id, name, expires_at))
            .await
    }

    async fn touch_keys(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        check_len("keys touched at once", uses.len(), MAX_BATCH)?;
        self.connections
            .run(|client| keys::touch(client, uses))
            .await
    }

    async fn insert_requests(&self, requests: &[RequestRecord]) -> Result<(), StoreError> {
        check_len("requests added at once", requests.len(), MAX_BATCH)?;
        self.connections
            .run(|client| requests::insert(client, requests))
            .await
    }

    async fn request(&self, id: &str) -> Result<Option<RequestRecord>, StoreError> {
        self.connections
            .run(|client| requests::by_id(client, id))
            .await
    }

    async fn requests(&self, query: &RequestQuery) -> Result<Vec<RequestRecord>, StoreError> {
        self.connections
            .run(|client| requests::list(client, query))
            .await
    }

    async fn sum_requests(&self, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
        self.connections
            .run(|client| requests::sum(client, query))
            .await
    }

    async fn catalog(&self) -> Result<(Vec<ModelRecord>, Vec<DeploymentRecord>), StoreError> {
        self.connections.run(catalog::all).await
    }

    async fn update_catalog(&self, update: &CatalogUpdate) -> Result<(), StoreError> {
        check_update(update)?;
        self.connections
            .run(|client| catalog::update(client, update))
            .await
    }

    async fn spec_changes(
        &self,
        model: Option<&str>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<SpecChange>, StoreError> {
        self.connections
            .run(|client| catalog::changes(client, model, since, limit))
            .await
    }

    async fn observations(
        &self,
        model: Option<&str>,
        from: Hour,
        until: Hour,
    ) -> Result<Vec<Observation>, StoreError> {
        self.connections
            .run(|client| catalog::observations(client, model, from, until))
            .await
    }

    async fn record_sync(&self, sync: &ProviderSync) -> Result<(), StoreError> {
        self.connections
            .run(|client| catalog::record_sync(client, sync))
            .await
    }

    async fn syncs(&self) -> Result<Vec<ProviderSync>, StoreError> {
        self.connections.run(catalog::syncs).await
    }

    async fn try_lock(&self, name: &str) -> Result<Option<StoreLock>, StoreError> {
        let key = lock::lock_key(&self.schema, name);
        self.connections
            .run(|client| lock::try_take(client, Arc::clone(&self.locks), key))
            .await
    }

    async fn insert_attempts(&self, attempts: &[AttemptRecord]) -> Result<(), StoreError> {
        check_len("attempts added at once", attempts.len(), MAX_BATCH)?;
        self.connections
            .run(|client| attempts::insert(client, attempts))
            .await
    }

    async fn attempts(&self, request_ids: &[String]) -> Result<Vec<AttemptRecord>, StoreError> {
        check_len(
            "requests whose attempts are asked for",
            request_ids.len(),
            MAX_ROWS,
        )?;
        self.connections
            .run(|client| attempts::of_requests(client, request_ids))
            .await
    }

    async fn answered_attempts(
        &self,
        model: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<AttemptRecord>, StoreError> {
        self.connections
            .run(|client| attempts::answered(client, model, since, limit))
            .await
    }

    async fn sum_attempts(&self, query: &SumQuery) -> Result<Vec<OutcomeSum>, StoreError> {
        self.connections
            .run(|client| attempts::sum(client, query))
            .await
    }

    async fn insert_feedback(&self, feedback: &FeedbackRecord) -> Result<(), StoreError> {
        self.connections
            .run(|client| feedback::insert(client, feedback))
            .await
    }

    async fn feedback(
        &self,
        query: &FeedbackQuery,
        limit: usize,
    ) -> Result<Vec<FeedbackRecord>, StoreError> {
        self.connections
            .run(|client| feedback::list(client, query, limit))
            .await
    }

    async fn feedback_on(&self, request_ids: &[String]) -> Result<Vec<FeedbackRecord>, StoreError> {
        check_len(
            "requests whose feedback is read at once",
            request_ids.len(),
            MAX_ROWS,
        )?;
        self.connections
            .run(|client| feedback::on_requests(client, request_ids))
            .await
    }

    async fn sum_feedback(
        &self,
        query: &FeedbackQuery,
        by_hour: bool,
    ) -> Result<Vec<FeedbackSum>, StoreError> {
        self.connections
            .run(|client| feedback::sum(client, query, by_hour))
            .await
    }

    async fn take(&self, takes: &[Take]) -> Result<Taken, StoreError> {
        check_len("amounts taken at once", takes.len(), MAX_ROWS)?;
        self.connections
            .run(|client| counters::take(client, takes))
            .await
    }

    async fn counters(&self, counters: &[Counter]) -> Result<Vec<u64>, StoreError> {
        check_len("counters asked for at once", counters.len(), MAX_ROWS)?;
        self.connections
            .run(|client| counters::values(client, counters))
            .await
    }

    async fn raise_counters(&self, values: &[(Counter, u64)]) -> Result<(), StoreError> {
        check_len("counters raised at once", values.len(), MAX_ROWS)?;
        self.connections
            .run(|client| counters::raise(client, values))
            .await
    }

    async fn prune(&self, limits: &Retention) -> Result<usize, StoreError> {
        self.connections
            .run(|client| retention::prune(client, limits))
            .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.connections.run(requests::probe).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.connections.close()
    }
}
