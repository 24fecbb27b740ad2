//! The table `api_keys`.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::sessions;
use crate::{
    KeyHash, KeyId, KeyQuota, KeyRecord, KeySettings, MAX_KEYS, NewKey, StoreError, Timestamp,
};

const COUNT: &str = "SELECT count(*) FROM api_keys";

/// Makes room for a new key: the oldest one that opens no door any more goes.
const FORGET_ONE: &str = "\
    DELETE FROM api_keys WHERE id = (
        SELECT id FROM api_keys WHERE revoked_at IS NOT NULL OR expires_at <= ?1
        ORDER BY created_at, id LIMIT 1)";

macro_rules! columns {
    () => {
        "id, name, prefix, created_at, expires_at, revoked_at, last_used_at, is_admin, \
         keeps_content, requests_per_minute, requests_per_day, tokens_per_minute, \
         tokens_per_day, preferences"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO api_keys (id, name, prefix, hash, created_at, expires_at, is_admin,
        keeps_content, requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day,
        preferences)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) RETURNING ",
    columns!()
);

const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM api_keys WHERE hash = ?1");

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM api_keys WHERE id = ?1");

const ALL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM api_keys ORDER BY created_at DESC, id DESC"
);

const HAS_ACTIVE: &str = "\
    SELECT EXISTS (
        SELECT 1 FROM api_keys
        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?1))";

const REVOKE: &str = concat!(
    "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1 RETURNING ",
    columns!()
);

/// The settings stand in the order of the columns, the new ones before the old ones. `IS` also takes
/// two missing values for the same.
const REPLACE_SETTINGS: &str = concat!(
    "UPDATE api_keys SET is_admin = ?2, keeps_content = ?3, requests_per_minute = ?4,
        requests_per_day = ?5, tokens_per_minute = ?6, tokens_per_day = ?7, preferences = ?8
    WHERE id = ?1 AND is_admin = ?9 AND keeps_content = ?10 AND requests_per_minute IS ?11
        AND requests_per_day IS ?12 AND tokens_per_minute IS ?13 AND tokens_per_day IS ?14
        AND preferences IS ?15
    RETURNING ",
    columns!()
);

const RELABEL: &str = concat!(
    "UPDATE api_keys SET name = coalesce(?2, name),
     expires_at = CASE WHEN ?3 THEN ?4 ELSE expires_at END WHERE id = ?1 RETURNING ",
    columns!()
);

const TOUCH: &str = "\
    UPDATE api_keys SET last_used_at = ?2
    WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";

pub(super) fn create(connection: &mut Connection, key: &NewKey) -> Result<KeyRecord, StoreError> {
    durably(connection, |connection| insert(connection, key))
}

fn insert(connection: &mut Connection, key: &NewKey) -> Result<KeyRecord, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let num_keys: i64 = transaction
        .prepare_cached(COUNT)?
        .query_one([], |row| row.get(0))?;
    let is_full = num_keys >= MAX_KEYS as i64;
    if is_full
        && transaction
            .prepare_cached(FORGET_ONE)?
            .execute([key.created_at.0])?
            == 0
    {
        return Err(StoreError::TooMany {
            what: "keys",
            max: MAX_KEYS,
            advice: "revoke one that nobody needs",
        });
    }
    let KeySettings {
        is_admin,
        keeps_content,
        quota,
        preferences,
    } = &key.settings;
    let record = transaction.prepare_cached(INSERT)?.query_one(
        params![
            key.id.0,
            key.name,
            key.prefix,
            key.hash.0,
            key.created_at.0,
            key.expires_at.map(|time| time.0),
            is_admin,
            keeps_content,
            quota.requests_per_minute,
            quota.requests_per_day,
            quota.tokens_per_minute,
            quota.tokens_per_day,
            preferences,
        ],
        record,
    )?;
    transaction.commit()?;
    Ok(record)
}

pub(super) fn by_hash(
    connection: &Connection,
    hash: KeyHash,
) -> Result<Option<KeyRecord>, StoreError> {
    let mut statement = connection.prepare_cached(BY_HASH)?;
    Ok(statement.query_one([hash.0], record).optional()?)
}

pub(super) fn by_id(connection: &Connection, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
    let mut statement = connection.prepare_cached(BY_ID)?;
    Ok(statement.query_one([&id.0], record).optional()?)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<KeyRecord>, StoreError> {
    let mut statement = connection.prepare_cached(ALL)?;
    let rows = statement.query_map([], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn has_active(connection: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(HAS_ACTIVE)?;
    Ok(statement.query_one([now.0], |row| row.get(0))?)
}

pub(super) fn revoke(
    connection: &mut Connection,
    id: &KeyId,
    at: Timestamp,
) -> Result<KeyRecord, StoreError> {
    durably(connection, |connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let revoked = transaction
            .prepare_cached(REVOKE)?
            .query_one(params![id.0, at.0], record)
            .optional()?
            .ok_or(StoreError::NotFound)?;
        sessions::delete_of_key(&transaction, id)?;
        transaction.commit()?;
        Ok(revoked)
    })
}

pub(super) fn replace_settings(
    connection: &mut Connection,
    id: &KeyId,
    old: &KeySettings,
    new: &KeySettings,
) -> Result<Option<KeyRecord>, StoreError> {
    durably(connection, |connection| {
        let replaced = connection
            .prepare_cached(REPLACE_SETTINGS)?
            .query_one(
                params![
                    id.0,
                    new.is_admin,
                    new.keeps_content,
                    new.quota.requests_per_minute,
                    new.quota.requests_per_day,
                    new.quota.tokens_per_minute,
                    new.quota.tokens_per_day,
                    new.preferences,
                    old.is_admin,
                    old.keeps_content,
                    old.quota.requests_per_minute,
                    old.quota.requests_per_day,
                    old.quota.tokens_per_minute,
                    old.quota.tokens_per_day,
                    old.preferences,
                ],
                record,
            )
            .optional()?;
        if replaced.is_none() {
            by_id(connection, id)?.ok_or(StoreError::NotFound)?;
        }
        Ok(replaced)
    })
}

pub(super) fn relabel(
    connection: &mut Connection,
    id: &KeyId,
    name: Option<&str>,
    expires_at: Option<Option<Timestamp>>,
) -> Result<KeyRecord, StoreError> {
    let end = expires_at.flatten().map(|time| time.0);
    durably(connection, |connection| {
        let mut statement = connection.prepare_cached(RELABEL)?;
        statement
            .query_one(params![id.0, name, expires_at.is_some(), end], record)
            .optional()?
            .ok_or(StoreError::NotFound)
    })
}

pub(super) fn touch(
    connection: &mut Connection,
    uses: &[(KeyId, Timestamp)],
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction.prepare_cached(TOUCH)?;
        for (id, at) in uses {
            statement.execute(params![id.0, at.0])?;
        }
    }
    Ok(transaction.commit()?)
}

/// Runs `change` so that what it commits is on the disk when it returns. The log of requests may
/// lose its last seconds in a power cut; a key that was taken back must not come back.
pub(super) fn durably<T>(
    connection: &mut Connection,
    change: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let result = change(connection);
    // Before the result is looked at: also after a failure.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    result
}

/// A row in the order of the columns above.
fn record(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    Ok(KeyRecord {
        id: KeyId(row.get(0)?),
        name: row.get(1)?,
        prefix: row.get(2)?,
        created_at: Timestamp(row.get(3)?),
        expires_at: row.get::<_, Option<_>>(4)?.map(Timestamp),
        revoked_at: row.get::<_, Option<_>>(5)?.map(Timestamp),
        last_used_at: row.get::<_, Option<_>>(6)?.map(Timestamp),
        settings: KeySettings {
            is_admin: row.get(7)?,
            keeps_content: row.get(8)?,
            quota: KeyQuota {
                requests_per_minute: row.get(9)?,
                requests_per_day: row.get(10)?,
                tokens_per_minute: row.get(11)?,
                tokens_per_day: row.get(12)?,
            },
            preferences: row.get(13)?,
        },
    })
}

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    COUNT,
    BY_HASH,
    BY_ID,
    ALL,
    HAS_ACTIVE,
    REVOKE,
    REPLACE_SETTINGS,
    RELABEL,
    TOUCH,
];
