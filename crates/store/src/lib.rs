//! What Freeway remembers: API keys, and the requests it answered. SQL lives here and nowhere else.
//!
//! [`connect()`] opens a database by URL; everything else is the [`Store`] trait, so that nobody
//! above knows which database it is. The crate holds no clock and draws no policy: times come from
//! the caller. Secrets are never stored: of an API key only its SHA-256 ([`KeyHash`]), which is
//! enough because keys are 256 random bits and not passwords.
#![forbid(unsafe_code)]

mod api_key;
mod connect;
mod error;
mod records;
mod sqlite;

use async_trait::async_trait;

pub use api_key::{ApiKey, KeyHash};
pub use connect::connect;
pub use error::StoreError;
pub use records::{
    KeyId, KeyRecord, NewKey, RequestCursor, RequestQuery, RequestRecord, Timestamp,
};

/// Keys that a store takes, revoked and expired ones included.
pub const MAX_KEYS: usize = 10_000;

/// Records that one call adds, changes or deletes at most.
pub const MAX_BATCH: usize = 10_000;

/// Requests that one query lists at most.
pub const MAX_ROWS: usize = 1_000;

/// A database that keeps Freeway's state. Implementations are safe to share and to call at once.
///
/// Every call may also fail with [`StoreError::Busy`], [`StoreError::Full`],
/// [`StoreError::Damaged`], [`StoreError::Closed`], [`StoreError::Panicked`] and
/// [`StoreError::Database`]; it has then changed nothing. A call that the caller stops waiting for
/// is carried out or not, never in part.
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if its id or its hash is there already, and
    /// [`StoreError::TooMany`] if there are [`MAX_KEYS`] that still open the door; of the others the
    /// oldest makes room.
    async fn create_key(&self, key: NewKey) -> Result<KeyRecord, StoreError>;

    /// The key with this hash, revoked and expired ones included.
    async fn key_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError>;

    /// All keys, the newest first; of the same millisecond, the greatest id first.
    async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// Whether any key is neither revoked nor expired at `now`.
    async fn has_active_key(&self, now: Timestamp) -> Result<bool, StoreError>;

    /// Revokes a key from `at` on. A key that is revoked already keeps its first time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key.
    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError>;

    /// Notes when keys were last used. Times older than the known one, and unknown keys, change
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_BATCH`].
    async fn touch_keys(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError>;

    /// Adds what happened to these requests, all or none. A request whose id is there already is
    /// left as it is, so that a batch may be sent again.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_BATCH`].
    async fn insert_requests(&self, requests: &[RequestRecord]) -> Result<(), StoreError>;

    /// Requests that match, the newest first; of the same millisecond, the greatest id first.
    async fn requests(&self, query: &RequestQuery) -> Result<Vec<RequestRecord>, StoreError>;

    /// Forgets requests that began before `before`, the oldest first, at most `limit` and
    /// [`MAX_BATCH`] of them; returns how many. Call it until that is 0.
    async fn delete_requests_before(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Writes what is pending and closes. Calls after it fail with [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}
