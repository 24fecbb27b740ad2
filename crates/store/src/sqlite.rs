//! The store in SQLite: each method sends its work to the one thread that owns the connection.

mod keys;
mod requests;
mod schema;
mod worker;

use async_trait::async_trait;
use rusqlite::ErrorCode;

use crate::connect::Location;
use crate::{
    KeyHash, KeyId, KeyRecord, MAX_BATCH, NewKey, RequestQuery, RequestRecord, Store, StoreError,
    Timestamp,
};
use worker::Worker;

/// A SQLite database.
pub(crate) struct SqliteStore {
    worker: Worker,
}

impl SqliteStore {
    pub(crate) async fn open(location: Location) -> Result<Self, StoreError> {
        let worker = Worker::start(move || schema::open(&location)).await?;
        Ok(Self { worker })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_key(&self, key: NewKey) -> Result<KeyRecord, StoreError> {
        self.worker
            .run(move |connection| keys::create(connection, &key))
            .await
    }

    async fn key_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        self.worker
            .run(move |connection| keys::by_hash(connection, hash))
            .await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.worker.run(|connection| keys::all(connection)).await
    }

    async fn has_active_key(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.worker
            .run(move |connection| keys::has_active(connection, now))
            .await
    }

    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError> {
        let id = id.clone();
        self.worker
            .run(move |connection| keys::revoke(connection, &id, at))
            .await
    }

    async fn touch_keys(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        check_batch("keys touched at once", uses.len())?;
        let uses = uses.to_vec();
        self.worker
            .run(move |connection| keys::touch(connection, &uses))
            .await
    }

    async fn insert_requests(&self, requests: &[RequestRecord]) -> Result<(), StoreError> {
        check_batch("requests added at once", requests.len())?;
        let requests = requests.to_vec();
        self.worker
            .run(move |connection| requests::insert(connection, &requests))
            .await
    }

    async fn requests(&self, query: &RequestQuery) -> Result<Vec<RequestRecord>, StoreError> {
        let query = query.clone();
        self.worker
            .run(move |connection| requests::list(connection, &query))
            .await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.worker
            .run(|connection| requests::probe(connection))
            .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.worker.close().await
    }
}

fn check_batch(what: &'static str, len: usize) -> Result<(), StoreError> {
    if len > MAX_BATCH {
        return Err(StoreError::TooMany {
            what,
            max: MAX_BATCH,
            advice: "send them in several calls",
        });
    }
    Ok(())
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
