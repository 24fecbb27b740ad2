//! The table `api_keys`.

use tokio_postgres::Row;

use super::failure::{Failure, commit};
use super::number::{optional_u32_at, optional_wide};
use super::pool::Client;
use super::sessions::DELETE_OF_KEY;
use super::text::{Text, optional};
use crate::{
    KeyHash, KeyId, KeyQuota, KeyRecord, KeySettings, MAX_KEYS, NewKey, StoreError, Timestamp,
};

/// Of those who add a key at once one counts after the other.
const LOCK: &str = "LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE";

const COUNT: &str = "SELECT count(*) FROM api_keys";

/// Makes room for a new key: the oldest one that opens no door any more goes.
const FORGET_ONE: &str = "\
    DELETE FROM api_keys WHERE id = (
        SELECT id FROM api_keys WHERE revoked_at IS NOT NULL OR expires_at <= $1
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
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING ",
    columns!()
);

const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM api_keys WHERE hash = $1");

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM api_keys WHERE id = $1");

const ALL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM api_keys ORDER BY created_at DESC, id DESC"
);

const HAS_ACTIVE: &str = "\
    SELECT EXISTS (
        SELECT 1 FROM api_keys
        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1))";

const REVOKE: &str = concat!(
    "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING ",
    columns!()
);

/// The settings stand in the order of the columns, the new ones before the old ones. Of those who
/// replace the same ones at once the second sees, once the first is done, that they are others.
const REPLACE_SETTINGS: &str = concat!(
    "UPDATE api_keys SET is_admin = $2, keeps_content = $3, requests_per_minute = $4,
        requests_per_day = $5, tokens_per_minute = $6, tokens_per_day = $7, preferences = $8
    WHERE id = $1 AND is_admin = $9 AND keeps_content = $10
        AND requests_per_minute IS NOT DISTINCT FROM $11
        AND requests_per_day IS NOT DISTINCT FROM $12
        AND tokens_per_minute IS NOT DISTINCT FROM $13
        AND tokens_per_day IS NOT DISTINCT FROM $14
        AND preferences IS NOT DISTINCT FROM $15
    RETURNING ",
    columns!()
);

const RELABEL: &str = concat!(
    "UPDATE api_keys SET name = coalesce($2, name),
     expires_at = CASE WHEN $3 THEN $4 ELSE expires_at END WHERE id = $1 RETURNING ",
    columns!()
);

/// In the order of the ids, so that nobody waits for one who waits for them.
const TOUCH: &str = "\
    WITH uses AS (
        SELECT id, max(at) AS at FROM unnest($1::text[], $2::int8[]) AS u (id, at) GROUP BY id
    ), locked AS MATERIALIZED (
        SELECT id FROM api_keys WHERE id IN (SELECT id FROM uses) ORDER BY id FOR UPDATE
    )
    UPDATE api_keys SET last_used_at = uses.at
    FROM locked JOIN uses USING (id)
    WHERE api_keys.id = uses.id
        AND (api_keys.last_used_at IS NULL OR api_keys.last_used_at < uses.at)";

pub(super) async fn create(mut client: Client, key: &NewKey) -> Result<KeyRecord, Failure> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    let count = transaction.prepare_cached(COUNT).await?;
    let num_keys: i64 = transaction.query_one(&count, &[]).await?.try_get(0)?;
    if num_keys >= MAX_KEYS as i64 {
        let forget = transaction.prepare_cached(FORGET_ONE).await?;
        if transaction.execute(&forget, &[&key.created_at.0]).await? == 0 {
            return Err(StoreError::TooMany {
                what: "keys",
                max: MAX_KEYS,
                advice: "revoke one that nobody needs",
            }
            .into());
        }
    }
    let KeySettings {
        is_admin,
        keeps_content,
        quota,
        preferences,
    } = &key.settings;
    let insert = transaction.prepare_cached(INSERT).await?;
    let row = transaction
        .query_one(
            &insert,
            &[
                &Text(&key.id.0),
                &Text(&key.name),
                &Text(&key.prefix),
                &key.hash.0.as_slice(),
                &key.created_at.0,
                &key.expires_at.map(|time| time.0),
                is_admin,
                keeps_content,
                &optional_wide(quota.requests_per_minute),
                &optional_wide(quota.requests_per_day),
                &optional_wide(quota.tokens_per_minute),
                &optional_wide(quota.tokens_per_day),
                &optional(preferences.as_ref()),
            ],
        )
        .await?;
    let record = record(&row)?;
    commit(transaction).await?;
    Ok(record)
}

pub(super) async fn by_hash(client: Client, hash: KeyHash) -> Result<Option<KeyRecord>, Failure> {
    let statement = client.prepare_cached(BY_HASH).await?;
    let row = client.query_opt(&statement, &[&hash.0.as_slice()]).await?;
    row.as_ref().map(record).transpose()
}

pub(super) async fn by_id(client: Client, id: &KeyId) -> Result<Option<KeyRecord>, Failure> {
    let statement = client.prepare_cached(BY_ID).await?;
    let row = client.query_opt(&statement, &[&Text(&id.0)]).await?;
    row.as_ref().map(record).transpose()
}

pub(super) async fn all(client: Client) -> Result<Vec<KeyRecord>, Failure> {
    let statement = client.prepare_cached(ALL).await?;
    let rows = client.query(&statement, &[]).await?;
    rows.iter().map(record).collect()
}

pub(super) async fn has_active(client: Client, now: Timestamp) -> Result<bool, Failure> {
    let statement = client.prepare_cached(HAS_ACTIVE).await?;
    let row = client.query_one(&statement, &[&now.0]).await?;
    Ok(row.try_get(0)?)
}

pub(super) async fn revoke(
    mut client: Client,
    id: &KeyId,
    at: Timestamp,
) -> Result<KeyRecord, Failure> {
    let transaction = client.transaction().await?;
    let revoke = transaction.prepare_cached(REVOKE).await?;
    let row = transaction
        .query_opt(&revoke, &[&Text(&id.0), &at.0])
        .await?;
    let revoked = record(&row.ok_or(StoreError::NotFound)?)?;
    let end = transaction.prepare_cached(DELETE_OF_KEY).await?;
    transaction.execute(&end, &[&Text(&id.0)]).await?;
    // Done twice it is as if done once.
    transaction.commit().await?;
    Ok(revoked)
}

pub(super) async fn replace_settings(
    client: Client,
    id: &KeyId,
    old: &KeySettings,
    new: &KeySettings,
) -> Result<Option<KeyRecord>, Failure> {
    let statement = client.prepare_cached(REPLACE_SETTINGS).await?;
    let row = client
        .query_opt(
            &statement,
            &[
                &Text(&id.0),
                &new.is_admin,
                &new.keeps_content,
                &optional_wide(new.quota.requests_per_minute),
                &optional_wide(new.quota.requests_per_day),
                &optional_wide(new.quota.tokens_per_minute),
                &optional_wide(new.quota.tokens_per_day),
                &optional(new.preferences.as_ref()),
                &old.is_admin,
                &old.keeps_content,
                &optional_wide(old.quota.requests_per_minute),
                &optional_wide(old.quota.requests_per_day),
                &optional_wide(old.quota.tokens_per_minute),
                &optional_wide(old.quota.tokens_per_day),
                &optional(old.preferences.as_ref()),
            ],
        )
        .await?;
    if row.is_none() {
        by_id(client, id).await?.ok_or(StoreError::NotFound)?;
    }
    row.as_ref().map(record).transpose()
}

pub(super) async fn relabel(
    client: Client,
    id: &KeyId,
    name: Option<&str>,
    expires_at: Option<Option<Timestamp>>,
) -> Result<KeyRecord, Failure> {
    let statement = client.prepare_cached(RELABEL).await?;
    let end = expires_at.flatten().map(|time| time.0);
    let row = client
        .query_opt(
            &statement,
            &[&Text(&id.0), &name.map(Text), &expires_at.is_some(), &end],
        )
        .await?;
    record(&row.ok_or(StoreError::NotFound)?)
}

pub(super) async fn touch(client: Client, uses: &[(KeyId, Timestamp)]) -> Result<(), Failure> {
    let ids: Vec<_> = uses.iter().map(|(id, _)| Text(&id.0)).collect();
    let times: Vec<_> = uses.iter().map(|(_, at)| at.0).collect();
    let statement = client.prepare_cached(TOUCH).await?;
    client.execute(&statement, &[&ids, &times]).await?;
    Ok(())
}

/// A row in the order of the columns above.
fn record(row: &Row) -> Result<KeyRecord, Failure> {
    Ok(KeyRecord {
        id: KeyId(row.try_get(0)?),
        name: row.try_get(1)?,
        prefix: row.try_get(2)?,
        created_at: Timestamp(row.try_get(3)?),
        expires_at: row.try_get::<_, Option<_>>(4)?.map(Timestamp),
        revoked_at: row.try_get::<_, Option<_>>(5)?.map(Timestamp),
        last_used_at: row.try_get::<_, Option<_>>(6)?.map(Timestamp),
        settings: KeySettings {
            is_admin: row.try_get(7)?,
            keeps_content: row.try_get(8)?,
            quota: KeyQuota {
                requests_per_minute: optional_u32_at(row, 9)?,
                requests_per_day: optional_u32_at(row, 10)?,
                tokens_per_minute: optional_u32_at(row, 11)?,
                tokens_per_day: optional_u32_at(row, 12)?,
            },
            preferences: row.try_get(13)?,
        },
    })
}
