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
mod counting;
mod error;
mod key_change;
mod postgres;
mod records;
mod session;
mod sqlite;
mod sums;
mod usage;

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
pub use key_change::change_key_settings;
pub use records::{
    KeyId, KeyQuota, KeyRecord, KeySettings, NewKey, RequestCursor, RequestOutcome, RequestQuery,
    RequestRecord, Timestamp,
};
pub use session::{SessionHash, SessionRecord, SessionToken};
pub use usage::{UsageBy, UsageQuery, UsageSum};

/// Keys that a store takes, revoked and expired ones included.
pub const MAX_KEYS: usize = 10_000;

/// Records that one call adds, changes or deletes at most.
pub const MAX_BATCH: usize = 10_000;

/// Sessions that there are at most. Who begins one more ends the oldest.
pub const MAX_SESSIONS: usize = 1_000;

/// Requests that one query lists at most.
pub const MAX_ROWS: usize = 1_000;

/// A database that keeps Freeway's state. Implementations are safe to share and to call at once.
///
/// Every call may also fail with [`StoreError::Busy`], [`StoreError::Full`],
/// [`StoreError::Damaged`], [`StoreError::Closed`], [`StoreError::Panicked`],
/// [`StoreError::Unreachable`] and [`StoreError::Database`]; it has then changed nothing, unless the
/// connection to a server broke at the very end. Text may hold any character; PostgreSQL keeps
/// U+FFFD in the place of U+0000. A call that the caller stops waiting for
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

    /// The key of this id, revoked and expired ones included.
    async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// All keys, the newest first; of the same millisecond, the greatest id first.
    async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// Whether any key is neither revoked nor expired at `now`.
    async fn has_active_key(&self, now: Timestamp) -> Result<bool, StoreError>;

    /// Revokes a key from `at` on, and ends its sessions. A key that is revoked already keeps its
    /// first time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key.
    async fn revoke_key(&self, id: &KeyId, at: Timestamp) -> Result<KeyRecord, StoreError>;

    /// Begins a session. Beyond [`MAX_SESSIONS`] the oldest one ends.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key or it was revoked, and
    /// [`StoreError::Duplicate`] if there is a session of this hash.
    async fn create_session(&self, session: &SessionRecord) -> Result<(), StoreError>;

    /// The session of this hash, unless it is over at `now`. Whether its key still opens the door is
    /// not looked at.
    async fn session(
        &self,
        hash: SessionHash,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError>;

    /// Ends a session, if it is there.
    async fn delete_session(&self, hash: SessionHash) -> Result<(), StoreError>;

    /// Ends all sessions of a key; returns how many there were.
    async fn delete_sessions_of(&self, id: &KeyId) -> Result<usize, StoreError>;

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

    /// The request of this id.
    async fn request(&self, id: &str) -> Result<Option<RequestRecord>, StoreError>;

    /// Requests that match, the newest first; of the same millisecond, the greatest id first.
    async fn requests(&self, query: &RequestQuery) -> Result<Vec<RequestRecord>, StoreError>;

    /// Sums over the requests of a span that asked a model, by day or by key.
    async fn sum_requests(&self, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError>;

    /// Replaces the settings of a key if they still are `old`. `None`: somebody else changed them,
    /// and nothing was written; [`change_key_settings`] begins anew then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key.
    async fn replace_key_settings(
        &self,
        id: &KeyId,
        old: &KeySettings,
        new: &KeySettings,
    ) -> Result<Option<KeyRecord>, StoreError>;

    /// Gives a key another name, another end (`Some(None)`: none), or both; `None` leaves what is
    /// there, so that two who change different ones do not undo each other.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such key.
    async fn relabel_key(
        &self,
        id: &KeyId,
        name: Option<&str>,
        expires_at: Option<Option<Timestamp>>,
    ) -> Result<KeyRecord, StoreError>;

    /// The whole catalogue: every model and every deployment, also those that are gone. By id, and
    /// by provider and name.
    async fn catalog(&self) -> Result<(Vec<ModelRecord>, Vec<DeploymentRecord>), StoreError>;

    /// Writes what a look at a provider found, all or none, one row after the other.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_BATCH`] rows of a kind.
    async fn update_catalog(&self, update: &CatalogUpdate) -> Result<(), StoreError>;

    /// Changes of specifications since `since`, of one model or of all, the newest first and of the
    /// same millisecond the last written, at most `limit` and [`MAX_ROWS`].
    async fn spec_changes(
        &self,
        model: Option<&str>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<SpecChange>, StoreError>;

    /// What was seen from hour `from` to before hour `until`, of the deployments of one model or of
    /// all, by hour and then by deployment.
    async fn observations(
        &self,
        model: Option<&str>,
        from: Hour,
        until: Hour,
    ) -> Result<Vec<Observation>, StoreError>;

    /// Notes a look at a provider's list; one row for each provider. A look that failed, without a
    /// time of success, leaves the last one.
    async fn record_sync(&self, sync: &ProviderSync) -> Result<(), StoreError>;

    /// The last look at each provider, by provider.
    async fn syncs(&self) -> Result<Vec<ProviderSync>, StoreError>;

    /// Takes a lock that processes which share the database respect, if nobody has it. It is given
    /// back when what is returned is dropped, and when this process dies; on another machine that is
    /// seen a moment later.
    async fn try_lock(&self, name: &str) -> Result<Option<StoreLock>, StoreError>;

    /// Adds attempts and their sums, all or none. An attempt that is there already is left as it
    /// is and not summed again, so that a batch may be sent again.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_BATCH`].
    async fn insert_attempts(&self, attempts: &[AttemptRecord]) -> Result<(), StoreError>;

    /// The attempts of these requests, by request in the order asked and then by number.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_ROWS`] requests.
    async fn attempts(&self, request_ids: &[String]) -> Result<Vec<AttemptRecord>, StoreError>;

    /// The newest attempts of a model that answered, since `since`, at most `limit` and
    /// [`MAX_ROWS`]: for percentiles of times. The newest first; of the same millisecond, the
    /// greatest request and number first.
    async fn answered_attempts(
        &self,
        model: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<AttemptRecord>, StoreError>;

    /// Sums over attempts, by start, deployment and outcome.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] for a span of more than six hours by the minute, or one without a
    /// beginning. One without an end has six hours then.
    async fn sum_attempts(&self, query: &SumQuery) -> Result<Vec<OutcomeSum>, StoreError>;

    /// Adds what a user said.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if its id is there already.
    async fn insert_feedback(&self, feedback: &FeedbackRecord) -> Result<(), StoreError>;

    /// What users said, the newest first, at most `limit` and [`MAX_ROWS`]; of the same
    /// millisecond, the greatest id first.
    async fn feedback(
        &self,
        query: &FeedbackQuery,
        limit: usize,
    ) -> Result<Vec<FeedbackRecord>, StoreError>;

    /// What users said of these requests, by request in the order asked and then the oldest first;
    /// at most [`MAX_ROWS`].
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_ROWS`] requests.
    async fn feedback_on(&self, request_ids: &[String]) -> Result<Vec<FeedbackRecord>, StoreError>;

    /// Sums over what users said; by the hour or over the whole span. By hour, model and issue.
    async fn sum_feedback(
        &self,
        query: &FeedbackQuery,
        by_hour: bool,
    ) -> Result<Vec<FeedbackSum>, StoreError>;

    /// Adds to counters, one after the other, all or none, also if several processes do it at once.
    /// Counts end at `i64::MAX`.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_ROWS`].
    async fn take(&self, takes: &[Take]) -> Result<Taken, StoreError>;

    /// What counters are; 0 for those that are not there.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_ROWS`].
    async fn counters(&self, counters: &[Counter]) -> Result<Vec<u64>, StoreError>;

    /// Raises counters to at least these values: somebody else, such as a provider that tells how
    /// much is left, counted more.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`MAX_ROWS`].
    async fn raise_counters(&self, values: &[(Counter, u64)]) -> Result<(), StoreError>;

    /// Forgets what is older than its limit, a batch of each kind; returns how many rows. Call it
    /// until that is 0.
    async fn prune(&self, limits: &Retention) -> Result<usize, StoreError>;

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::FileGone`] if the file of the database was deleted or replaced; it answers then.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Writes what is pending and closes. Calls after it fail with [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}

/// Refuses more than `max` of something in one call.
fn check_len(what: &'static str, len: usize, max: usize) -> Result<(), StoreError> {
    if len > max {
        return Err(StoreError::TooMany {
            what,
            max,
            advice: "send them in several calls",
        });
    }
    Ok(())
}

fn check_update(update: &CatalogUpdate) -> Result<(), StoreError> {
    for (what, len) in [
        ("models written at once", update.models.len()),
        ("deployments written at once", update.deployments.len()),
        ("changes written at once", update.changes.len()),
        ("observations written at once", update.observations.len()),
    ] {
        check_len(what, len, MAX_BATCH)?;
    }
    Ok(())
}

/// Before when what is forgotten; `None`: it is kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Requests and their content.
    pub requests_before: Option<Timestamp>,
    /// Single attempts. Their sums stay.
    pub attempts_before: Option<Timestamp>,
    /// Sums of hours that ended before, and whose single attempts are forgotten. The sums of days
    /// stay.
    pub hours_before: Option<Timestamp>,
    /// Observations of hours that ended before.
    pub observations_before: Option<Timestamp>,
    /// Feedback.
    pub feedback_before: Option<Timestamp>,
    /// Counters that began before.
    pub counters_before: Option<Timestamp>,
    /// Sessions that ended before or then.
    pub sessions_before: Option<Timestamp>,
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
