//! What PostgreSQL says, by what the caller can do; and whether the connection was lost.

use deadpool_postgres::Transaction;
use tokio_postgres::error::{Error, SqlState};

use crate::StoreError;
use crate::error::BoxError;

/// Why a call came to nothing.
pub(super) enum Failure {
    /// The connection broke before anything was committed, or the call may be made twice.
    Lost(BoxError),
    /// The connection broke when it was about to be done, and it may not be done twice.
    LostAtTheEnd(BoxError),
    /// Anything else.
    Refused(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Some(code) = error.code() else {
            // Not from the server. What it sent cannot be read, or the connection is gone.
            return if error.is_closed() || is_io(&error) {
                Self::Lost(Box::new(error))
            } else {
                Self::Refused(StoreError::Database(Box::new(error)))
            };
        };
        // Classes of states that tell of the connection, and of a server that stops or starts.
        let is_lost = code.code().starts_with("08") || code.code().starts_with("57P");
        if is_lost {
            return Self::Lost(Box::new(error));
        }
        let error = if *code == SqlState::UNIQUE_VIOLATION {
            StoreError::Duplicate
        } else if [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
            // It took longer than the limit.
            SqlState::QUERY_CANCELED,
        ]
        .contains(code)
        {
            StoreError::Busy
        } else if *code == SqlState::DISK_FULL {
            StoreError::Full
        } else {
            StoreError::Database(Box::new(error))
        };
        Self::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

fn is_io(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<std::io::Error>())
}

/// Commits what may not be done twice. A connection that breaks here leaves open whether it was
/// done, so that nobody may try again.
pub(super) async fn commit(transaction: Transaction<'_>) -> Result<(), Failure> {
    match transaction.commit().await.map_err(Failure::from) {
        Err(Failure::Lost(error)) => Err(Failure::LostAtTheEnd(error)),
        result => result,
    }
}
