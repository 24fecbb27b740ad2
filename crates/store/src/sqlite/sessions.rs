//! The table `sessions`.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::keys::durably;
use crate::{KeyId, MAX_SESSIONS, SessionHash, SessionRecord, StoreError, Timestamp};

const COUNT: &str = "SELECT count(*) FROM sessions";

const FORGET_OLDEST: &str = "\
    DELETE FROM sessions WHERE hash = (SELECT hash FROM sessions ORDER BY created_at, hash LIMIT 1)";

/// Of a key that was taken back nobody begins one.
const INSERT: &str = "\
    INSERT INTO sessions (hash, key_id, created_at, expires_at)
    SELECT ?1, id, ?3, ?4 FROM api_keys WHERE id = ?2 AND revoked_at IS NULL";

const BY_HASH: &str = "\
    SELECT hash, key_id, created_at, expires_at FROM sessions WHERE hash = ?1 AND expires_at > ?2";

const DELETE: &str = "DELETE FROM sessions WHERE hash = ?1";

pub(super) const DELETE_OF_KEY: &str = "DELETE FROM sessions WHERE key_id = ?1";

pub(super) fn create(
    connection: &mut Connection,
    session: &SessionRecord,
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let num_sessions: i64 = transaction
        .prepare_cached(COUNT)?
        .query_one([], |row| row.get(0))?;
    if num_sessions >= MAX_SESSIONS as i64 {
        transaction.prepare_cached(FORGET_OLDEST)?.execute([])?;
    }
    let num_inserted = transaction.prepare_cached(INSERT)?.execute(params![
        session.hash.0,
        session.key_id.0,
        session.created_at.0,
        session.expires_at.0,
    ])?;
    if num_inserted == 0 {
        return Err(StoreError::NotFound);
    }
    Ok(transaction.commit()?)
}

pub(super) fn by_hash(
    connection: &Connection,
    hash: SessionHash,
    now: Timestamp,
) -> Result<Option<SessionRecord>, StoreError> {
    let mut statement = connection.prepare_cached(BY_HASH)?;
    let found = statement.query_one(params![hash.0, now.0], record);
    Ok(found.optional()?)
}

/// Who logged out is logged out, also after a power cut.
pub(super) fn delete(connection: &mut Connection, hash: SessionHash) -> Result<(), StoreError> {
    durably(connection, |connection| {
        connection.prepare_cached(DELETE)?.execute([hash.0])?;
        Ok(())
    })
}

/// Within [`durably`], for the same reason.
pub(super) fn delete_of_key(connection: &Connection, id: &KeyId) -> Result<usize, StoreError> {
    Ok(connection.prepare_cached(DELETE_OF_KEY)?.execute([&id.0])?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    Ok(SessionRecord {
        hash: SessionHash(row.get(0)?),
        key_id: KeyId(row.get(1)?),
        created_at: Timestamp(row.get(2)?),
        expires_at: Timestamp(row.get(3)?),
    })
}

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[COUNT, FORGET_OLDEST, INSERT, BY_HASH, DELETE, DELETE_OF_KEY];
