//! The table `sessions`.

use tokio_postgres::Row;

use super::failure::{Failure, commit};
use super::pool::Client;
use super::text::Text;
use crate::{KeyId, MAX_SESSIONS, SessionHash, SessionRecord, StoreError, Timestamp};

/// Of those who begin one at once one counts after the other.
const LOCK: &str = "LOCK TABLE sessions IN SHARE ROW EXCLUSIVE MODE";

const COUNT: &str = "SELECT count(*) FROM sessions";

const FORGET_OLDEST: &str = "\
    DELETE FROM sessions WHERE hash = (SELECT hash FROM sessions ORDER BY created_at, hash LIMIT 1)";

const HOLD_KEY: &str = "SELECT id FROM api_keys WHERE id = $1 FOR SHARE";

/// Of a key that was taken back nobody begins one; who takes it back at this moment waits, and finds
/// the session.
const INSERT: &str = "\
    INSERT INTO sessions (hash, key_id, created_at, expires_at)
    SELECT $1, id, $3, $4 FROM api_keys WHERE id = $2 AND revoked_at IS NULL FOR SHARE";

const BY_HASH: &str = "\
    SELECT hash, key_id, created_at, expires_at FROM sessions WHERE hash = $1 AND expires_at > $2";

const DELETE: &str = "DELETE FROM sessions WHERE hash = $1";

pub(super) const DELETE_OF_KEY: &str = "DELETE FROM sessions WHERE key_id = $1";

pub(super) async fn create(mut client: Client, session: &SessionRecord) -> Result<(), Failure> {
    let transaction = client.transaction().await?;
    // The key before the table, as those who take a key back do: else each may wait for the other.
    let hold = transaction.prepare_cached(HOLD_KEY).await?;
    transaction
        .query_opt(&hold, &[&Text(&session.key_id.0)])
        .await?;
    transaction.batch_execute(LOCK).await?;
    let count = transaction.prepare_cached(COUNT).await?;
    let num_sessions: i64 = transaction.query_one(&count, &[]).await?.try_get(0)?;
    if num_sessions >= MAX_SESSIONS as i64 {
        let forget = transaction.prepare_cached(FORGET_OLDEST).await?;
        transaction.execute(&forget, &[]).await?;
    }
    let insert = transaction.prepare_cached(INSERT).await?;
    let num_inserted = transaction
        .execute(
            &insert,
            &[
                &session.hash.0.as_slice(),
                &Text(&session.key_id.0),
                &session.created_at.0,
                &session.expires_at.0,
            ],
        )
        .await?;
    if num_inserted == 0 {
        return Err(StoreError::NotFound.into());
    }
    commit(transaction).await
}

pub(super) async fn by_hash(
    client: Client,
    hash: SessionHash,
    now: Timestamp,
) -> Result<Option<SessionRecord>, Failure> {
    let statement = client.prepare_cached(BY_HASH).await?;
    let row = client
        .query_opt(&statement, &[&hash.0.as_slice(), &now.0])
        .await?;
    row.as_ref().map(|row| record(row, hash)).transpose()
}

pub(super) async fn delete(client: Client, hash: SessionHash) -> Result<(), Failure> {
    let statement = client.prepare_cached(DELETE).await?;
    client.execute(&statement, &[&hash.0.as_slice()]).await?;
    Ok(())
}

pub(super) async fn delete_of_key(client: Client, id: &KeyId) -> Result<usize, Failure> {
    let statement = client.prepare_cached(DELETE_OF_KEY).await?;
    Ok(client.execute(&statement, &[&Text(&id.0)]).await? as usize)
}

/// The row of this hash, in the order of the columns above.
fn record(row: &Row, hash: SessionHash) -> Result<SessionRecord, Failure> {
    Ok(SessionRecord {
        hash,
        key_id: KeyId(row.try_get(1)?),
        created_at: Timestamp(row.try_get(2)?),
        expires_at: Timestamp(row.try_get(3)?),
    })
}
