//! What Freeway remembers: API keys, and the requests it answered. SQL lives here and nowhere else.
//!
//! [`connect()`] opens a database by URL; everything else is the [`Store`] trait, so that nobody
//! above knows which database it is. The crate holds no clock and draws no policy: times come from
//! the caller. Secrets are never stored: of an API key only its SHA-256 ([`KeyHash`]), which is
//! enough because keys are 256 random bits and not passwords.
#![forbid(unsafe_code)]

mod api_key;
mod attempts;
mod catalog;
mod connect;
mod error;
mod records;
mod sqlite;

use async_trait::async_trait;

pub use api_key::{ApiKey, KeyHash};
pub use attempts::{
    AttemptRecord, AttemptSum, Counter, FeedbackQuery, FeedbackRecord, FeedbackSum, OutcomeSum,
    Resolution, SumQuery, Take, Taken,
};
pub use catalog::{
    CatalogUpdate, DeploymentKey, DeploymentRecord, Hour, ModelRecord, Observation, ProviderSync,
    SpecChange,
};
pub use connect::connect;
pub use error::StoreError;
pub use records::{
    KeyId, KeyQuota, KeyRecord, KeySettings, NewKey, RequestCursor, RequestQuery, RequestRecord,
    Timestamp,
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

    /// Replaces the settings of a key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key.
    async fn set_key_settings(
        &self,
        _id: &KeyId,
        _settings: &KeySettings,
    ) -> Result<KeyRecord, StoreError> {
        Err(StoreError::Closed)
    }

    /// The whole catalogue: every model and every deployment, also those that are gone.
    async fn catalog(&self) -> Result<(Vec<ModelRecord>, Vec<DeploymentRecord>), StoreError> {
        Err(StoreError::Closed)
    }

    /// Writes what a look at a provider found, all or none.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_BATCH`] rows of a kind.
    async fn update_catalog(&self, _update: &CatalogUpdate) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// Changes of specifications since `since`, of one model or of all, the newest first, at most
    /// `limit` and [`MAX_ROWS`].
    async fn spec_changes(
        &self,
        _model: Option<&str>,
        _since: Timestamp,
        _limit: usize,
    ) -> Result<Vec<SpecChange>, StoreError> {
        Err(StoreError::Closed)
    }

    /// What was seen from hour `from` to before hour `until`, of the deployments of one model or of
    /// all, by hour and then by deployment.
    async fn observations(
        &self,
        _model: Option<&str>,
        _from: Hour,
        _until: Hour,
    ) -> Result<Vec<Observation>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Notes a look at a provider's list; one row for each provider.
    async fn record_sync(&self, _sync: &ProviderSync) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// The last look at each provider.
    async fn syncs(&self) -> Result<Vec<ProviderSync>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Takes a lock that processes which share the database respect, if nobody has it. It is given
    /// back when what is returned is dropped, and when this process dies.
    async fn try_lock(&self, _name: &str) -> Result<Option<StoreLock>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Adds attempts and their sums, all or none. An attempt that is there already is left as it
    /// is and not summed again, so that a batch may be sent again.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_BATCH`].
    async fn insert_attempts(&self, _attempts: &[AttemptRecord]) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// The attempts of these requests, by request in the order asked and then by number.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_ROWS`] requests.
    async fn attempts(&self, _request_ids: &[String]) -> Result<Vec<AttemptRecord>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The newest attempts of a model that answered, at most `limit` and [`MAX_ROWS`]: for
    /// percentiles of times.
    async fn answered_attempts(
        &self,
        _model: &str,
        _since: Timestamp,
        _limit: usize,
    ) -> Result<Vec<AttemptRecord>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Sums over attempts, by start, deployment and outcome.
    async fn sum_attempts(&self, _query: &SumQuery) -> Result<Vec<OutcomeSum>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Adds what a user said.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if its id is there already.
    async fn insert_feedback(&self, _feedback: &FeedbackRecord) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// What users said, the newest first, at most `limit` and [`MAX_ROWS`].
    async fn feedback(
        &self,
        _query: &FeedbackQuery,
        _limit: usize,
    ) -> Result<Vec<FeedbackRecord>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Sums over what users said; by the hour or over the whole span. By hour, model and issue.
    async fn sum_feedback(
        &self,
        _query: &FeedbackQuery,
        _by_hour: bool,
    ) -> Result<Vec<FeedbackSum>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Adds to counters, all or none, also if several processes do it at once.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_ROWS`].
    async fn take(&self, _takes: &[Take]) -> Result<Taken, StoreError> {
        Err(StoreError::Closed)
    }

    /// What counters are; 0 for those that are not there.
    async fn counters(&self, _counters: &[Counter]) -> Result<Vec<u64>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Raises counters to at least these values: somebody else, such as a provider that tells how
    /// much is left, counted more.
    async fn raise_counters(&self, _values: &[(Counter, u64)]) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// Forgets what is older than its limit, a batch of each kind; returns how many rows. Call it
    /// until that is 0.
    async fn prune(&self, _limits: &Retention) -> Result<usize, StoreError> {
        Err(StoreError::Closed)
    }

    /// The key of this id, revoked and expired ones included.
    async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let keys = self.keys().await?;
        Ok(keys.into_iter().find(|key| key.id == *id))
    }

    /// The request of this id.
    async fn request(&self, _id: &str) -> Result<Option<RequestRecord>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Writes what is pending and closes. Calls after it fail with [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}

/// Before when what is forgotten; `None`: it is kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Requests and their content.
    pub requests_before: Option<Timestamp>,
    /// Single attempts. Their sums stay.
    pub attempts_before: Option<Timestamp>,
    /// Sums of hours. The sums of days stay.
    pub hours_before: Option<Timestamp>,
    /// Observations.
    pub observations_before: Option<Timestamp>,
    /// Feedback.
    pub feedback_before: Option<Timestamp>,
    /// Counters that began before.
    pub counters_before: Option<Timestamp>,
}

/// A lock of [`Store::try_lock`], held until it is dropped.
pub struct StoreLock {
    /// Whatever gives it back when dropped.
    _held: Box<dyn Send + Sync>,
}

impl StoreLock {
    /// A lock that is given back when `held` is dropped.
    pub(crate) fn new(held: impl Send + Sync + 'static) -> Self {
        Self {
            _held: Box::new(held),
        }
    }
}
