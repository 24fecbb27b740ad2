//! The store in SQLite: each method sends its work to a thread that owns a connection.
//!
//! One thread writes. A file has two more that only read, so that nobody waits for what takes long:
//! one for what a request needs, one for what pages show. In memory one thread does all.

mod attempts;
mod catalog;
mod counters;
mod feedback;
mod identity;
mod keys;
mod lock;
mod requests;
mod retention;
mod schema;
mod sessions;
mod worker;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::ErrorCode;

use crate::connect::SqliteLocation;
use crate::{
    AttemptRecord, CatalogUpdate, Counter, DeploymentRecord, FeedbackQuery, FeedbackRecord,
    FeedbackSum, Hour, KeyHash, KeyId, KeyRecord, KeySettings, MAX_BATCH, MAX_ROWS, ModelRecord,
    NewKey, Observation, OutcomeSum, ProviderSync, RequestQuery, RequestRecord, Retention,
    SessionHash, SessionRecord, SpecChange, Store, StoreError, StoreLock, SumQuery, Take, Taken,
    Timestamp, UsageQuery, UsageSum, check_len, check_update,
};
use identity::OpenedFile;
use lock::Locks;
use worker::Worker;

/// A SQLite database.
pub(crate) struct SqliteStore {
    /// Writes, and counts.
    writer: Arc<Worker>,
    /// Reads what a request waits for.
    lookups: Arc<Worker>,
    /// Reads what takes longer.
    pages: Arc<Worker>,
    locks: Locks,
    /// `None` in memory.
    file: Option<OpenedFile>,
}

impl SqliteStore {
    pub(crate) async fn open(location: SqliteLocation) -> Result<Self, StoreError> {
        match location {
            SqliteLocation::Memory => {
                let worker = Arc::new(Worker::start("store", schema::open_memory).await?);
                Ok(Self {
                    writer: Arc::clone(&worker),
                    lookups: Arc::clone(&worker),
                    pages: worker,
                    locks: Locks::of_memory(),
                    file: None,
                })
            }
            SqliteLocation::File(path) => {
                let [writable, first, second] = std::array::from_fn(|_| path.clone());
                // First: it makes the file, and its schema.
                let writer = Worker::start("store", move || schema::open_file(&writable)).await?;
                let opened = OpenedFile::of(&path);
                let opened = opened.map_err(|error| StoreError::Database(error.into()))?;
                let lookups = Worker::start("store look-ups", move || schema::open_reader(&first));
                let pages = Worker::start("store pages", move || schema::open_reader(&second));
                Ok(Self {
                    writer: Arc::new(writer),
                    lookups: Arc::new(lookups.await?),
                    pages: Arc::new(pages.await?),
                    locks: Locks::BesideFile(path),
                    file: Some(opened),
                })
            }
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_key(&self, key: NewKey) -> Result<KeyRecord, StoreError> {
        self.writer
            .run(move |connection| keys::create(connection, &key))
            .await
    }

    async fn key_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        self.lookups
            .run(move |connection| keys::by_hash(connection, hash))
            .await
    }

    async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let id = id.clone();
        self.lookups
            .run(move |connection| keys::by_id(connection, &id))
            .await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.pages
            .run(move |connection| keys::all(connection))
            .await
    }

    async fn has_active_key(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.lookups
            .run(move |connection| keys::has_active(connection, now))
            .await
    }

    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError> {
        let id = id.clone();
        self.writer
            .run(move |connection| keys::revoke(connection, &id, at))
            .await
    }

    async fn replace_key_settings(
        &self,
        id: &KeyId,
        old: &KeySettings,
        new: &KeySettings,
    ) -> Result<Option<KeyRecord>, StoreError> {
        let (id, old, new) = (id.clone(), old.clone(), new.clone());
        self.writer
            .run(move |connection| keys::replace_settings(connection, &id, &old, &new))
            .await
    }

    async fn create_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let session = session.clone();
        self.writer
            .run(move |connection| sessions::create(connection, &session))
            .await
    }

    async fn session(
        &self,
        hash: SessionHash,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.lookups
            .run(move |connection| sessions::by_hash(connection, hash, now))
            .await
    }

    async fn delete_session(&self, hash: SessionHash) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| sessions::delete(connection, hash))
            .await
    }

    async fn delete_sessions_of(&self, id: &KeyId) -> Result<usize, StoreError> {
        let id = id.clone();
        self.writer
            .run(move |connection| {
                keys::durably(connection, |connection| {
                    sessions::delete_of_key(connection, &id)
                })
            })
            .await
    }

    async fn relabel_key(
        &self,
        id: &KeyId,
        name: Option<&str>,
        expires_at: Option<Option<Timestamp>>,
    ) -> Result<KeyRecord, StoreError> {
        let (id, name) = (id.clone(), name.map(str::to_owned));
        self.writer
            .run(move |connection| keys::relabel(connection, &id, name.as_deref(), expires_at))
            .await
    }

    async fn touch_keys(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        check_len("keys touched at once", uses.len(), MAX_BATCH)?;
        let uses = uses.to_vec();
        self.writer
            .run(move |connection| keys::touch(connection, &uses))
            .await
    }

    async fn insert_requests(&self, requests: &[RequestRecord]) -> Result<(), StoreError> {
        check_len("requests added at once", requests.len(), MAX_BATCH)?;
        let requests = requests.to_vec();
        self.writer
            .run(move |connection| requests::insert(connection, &requests))
            .await
    }

    async fn request(&self, id: &str) -> Result<Option<RequestRecord>, StoreError> {
        let id = id.to_owned();
        self.lookups
            .run(move |connection| requests::by_id(connection, &id))
            .await
    }

    async fn requests(&self, query: &RequestQuery) -> Result<Vec<RequestRecord>, StoreError> {
        let query = query.clone();
        self.pages
            .run(move |connection| requests::list(connection, &query))
            .await
    }

    async fn sum_requests(&self, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
        let query = query.clone();
        self.pages
            .run(move |connection| requests::sum(connection, &query))
            .await
    }

    async fn catalog(&self) -> Result<(Vec<ModelRecord>, Vec<DeploymentRecord>), StoreError> {
        self.pages.run(catalog::all).await
    }

    async fn update_catalog(&self, update: &CatalogUpdate) -> Result<(), StoreError> {
        check_update(update)?;
        let update = update.clone();
        self.writer
            .run(move |connection| catalog::update(connection, &update))
            .await
    }

    async fn spec_changes(
        &self,
        model: Option<&str>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<SpecChange>, StoreError> {
        let model = model.map(str::to_owned);
        self.pages
            .run(move |connection| catalog::changes(connection, model.as_deref(), since, limit))
            .await
    }

    async fn observations(
        &self,
        model: Option<&str>,
        from: Hour,
        until: Hour,
    ) -> Result<Vec<Observation>, StoreError> {
        let model = model.map(str::to_owned);
        self.pages
            .run(move |connection| catalog::observations(connection, model.as_deref(), from, until))
            .await
    }

    async fn record_sync(&self, sync: &ProviderSync) -> Result<(), StoreError> {
        let sync = sync.clone();
        self.writer
            .run(move |connection| catalog::record_sync(connection, &sync))
            .await
    }

    async fn syncs(&self) -> Result<Vec<ProviderSync>, StoreError> {
        self.pages
            .run(move |connection| catalog::syncs(connection))
            .await
    }

    async fn try_lock(&self, name: &str) -> Result<Option<StoreLock>, StoreError> {
        let (locks, name) = (self.locks.clone(), name.to_owned());
        self.lookups.run(move |_| locks.try_take(&name)).await
    }

    async fn insert_attempts(&self, attempts: &[AttemptRecord]) -> Result<(), StoreError> {
        check_len("attempts added at once", attempts.len(), MAX_BATCH)?;
        let attempts = attempts.to_vec();
        self.writer
            .run(move |connection| attempts::insert(connection, &attempts))
            .await
    }

    async fn attempts(&self, request_ids: &[String]) -> Result<Vec<AttemptRecord>, StoreError> {
        check_len(
            "requests whose attempts are asked for",
            request_ids.len(),
            MAX_ROWS,
        )?;
        let request_ids = request_ids.to_vec();
        self.pages
            .run(move |connection| attempts::of_requests(connection, &request_ids))
            .await
    }

    async fn answered_attempts(
        &self,
        model: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<AttemptRecord>, StoreError> {
        let model = model.to_owned();
        self.pages
            .run(move |connection| attempts::answered(connection, &model, since, limit))
            .await
    }

    async fn sum_attempts(&self, query: &SumQuery) -> Result<Vec<OutcomeSum>, StoreError> {
        let query = query.clone();
        self.pages
            .run(move |connection| attempts::sum(connection, &query))
            .await
    }

    async fn insert_feedback(&self, feedback: &FeedbackRecord) -> Result<(), StoreError> {
        let feedback = feedback.clone();
        self.writer
            .run(move |connection| feedback::insert(connection, &feedback))
            .await
    }

    async fn feedback(
        &self,
        query: &FeedbackQuery,
        limit: usize,
    ) -> Result<Vec<FeedbackRecord>, StoreError> {
        let query = query.clone();
        self.pages
            .run(move |connection| feedback::list(connection, &query, limit))
            .await
    }

    async fn feedback_on(&self, request_ids: &[String]) -> Result<Vec<FeedbackRecord>, StoreError> {
        check_len(
            "requests whose feedback is read at once",
            request_ids.len(),
            MAX_ROWS,
        )?;
        let request_ids = request_ids.to_vec();
        self.pages
            .run(move |connection| feedback::on_requests(connection, &request_ids))
            .await
    }

    async fn sum_feedback(
        &self,
        query: &FeedbackQuery,
        by_hour: bool,
    ) -> Result<Vec<FeedbackSum>, StoreError> {
        let query = query.clone();
        self.pages
            .run(move |connection| feedback::sum(connection, &query, by_hour))
            .await
    }

    async fn take(&self, takes: &[Take]) -> Result<Taken, StoreError> {
        check_len("amounts taken at once", takes.len(), MAX_ROWS)?;
        let takes = takes.to_vec();
        self.writer
            .run(move |connection| counters::take(connection, &takes))
            .await
    }

    async fn counters(&self, counters: &[Counter]) -> Result<Vec<u64>, StoreError> {
        check_len("counters asked for at once", counters.len(), MAX_ROWS)?;
        let counters = counters.to_vec();
        self.lookups
            .run(move |connection| counters::values(connection, &counters))
            .await
    }

    async fn raise_counters(&self, values: &[(Counter, u64)]) -> Result<(), StoreError> {
        check_len("counters raised at once", values.len(), MAX_ROWS)?;
        let values = values.to_vec();
        self.writer
            .run(move |connection| counters::raise(connection, &values))
            .await
    }

    async fn prune(&self, limits: &Retention) -> Result<usize, StoreError> {
        let limits = *limits;
        self.writer
            .run(move |connection| retention::prune(connection, &limits))
            .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let file = self.file.clone();
        self.lookups
            .run(move |connection| {
                requests::probe(connection)?;
                file.as_ref().map_or(Ok(()), OpenedFile::check)
            })
            .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        // In memory they are one.
        if !Arc::ptr_eq(&self.lookups, &self.writer) {
            self.pages.close().await?;
            self.lookups.close().await?;
        }
        // Last: it leaves one whole file behind.
        self.writer.close().await
    }
}

/// SQLite's errors, by what the caller can do.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};

        let extended = error
            .sqlite_error()
            .map_or(0, |failure| failure.extended_code);
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation)
                if [SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE].contains(&extended) =>
            {
                StoreError::Duplicate
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged,
            _ => StoreError::Database(Box::new(error)),
        }
    }
}
