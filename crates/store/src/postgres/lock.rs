//! Locks by name: advisory locks, each on a connection of its own. The server takes it away when
//! the connection ends, however it ends.

use std::sync::Arc;

use deadpool_postgres::Object;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::pool::Client;
use crate::{StoreError, StoreLock};

/// Locks that a process holds at most.
pub(super) const MAX_LOCKS: usize = 8;

const TRY: &str = "SELECT pg_try_advisory_lock($1)";

pub(super) async fn try_take(
    client: Client,
    held: Arc<Semaphore>,
    key: i64,
) -> Result<Option<StoreLock>, Failure> {
    let Ok(place) = held.try_acquire_owned() else {
        return Err(StoreError::TooMany {
            what: "locks held at once",
            max: MAX_LOCKS,
            advice: "give one back",
        }
        .into());
    };
    let is_taken: bool = client.query_one(TRY, &[&key]).await?.try_get(0)?;
    if !is_taken {
        return Ok(None);
    }
    // Away from the pool: the connection is the lock.
    let connection = Object::take(client);
    Ok(Some(StoreLock::new((connection, place))))
}

/// The number of a lock. They are numbers of the whole database, which others use, too.
pub(super) fn lock_key(schema: &str, name: &str) -> i64 {
    let digest = Sha256::digest(format!("freeway\0{schema}\0{name}"));
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest);
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
