//! Brings the schema of a database up to date. Everything lies in the schema that the URL names in
//! `options`, else in the user's usual one.

use super::failure::Failure;
use super::lock::lock_key;
use super::pool::Client;
use crate::StoreError;

/// How the schema came to be. Its version is how many of these were applied to it; what is here
/// never changes, new ones are added below. The numbers are those of SQLite.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/postgres/0001_keys_and_requests.sql"),
    include_str!("../../migrations/postgres/0002_catalog_and_attempts.sql"),
    include_str!("../../migrations/postgres/0003_settings_of_syncs.sql"),
    include_str!("../../migrations/postgres/0004_sessions.sql"),
];

const CURRENT: &str = "SELECT current_schema()::text";

/// An upgrade of a large table may take its time; nobody answers meanwhile.
const NO_HURRY: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";

const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";

const HAS_VERSION: &str = "\
    SELECT EXISTS (
        SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'freeway_schema')";

/// The names that the first migration takes.
const IS_TAKEN: &str = "\
    SELECT EXISTS (
        SELECT 1 FROM pg_tables
        WHERE schemaname = $1 AND tablename IN ('api_keys', 'requests'))";

const CREATE_VERSION: &str = "\
    CREATE TABLE freeway_schema (
        is_the_only BOOLEAN PRIMARY KEY DEFAULT true CHECK (is_the_only),
        version     BIGINT NOT NULL
    );
    INSERT INTO freeway_schema (version) VALUES (0)";

const VERSION: &str = "SELECT version FROM freeway_schema";

const SET_VERSION: &str = "UPDATE freeway_schema SET version = $1";

/// Returns the name of the schema. One that is not ours, or too new, is not changed.
pub(super) async fn prepare(mut client: Client, server: &str) -> Result<String, Failure> {
    let transaction = client.transaction().await?;
    let row = transaction.query_one(CURRENT, &[]).await?;
    let Some(schema) = row.try_get::<_, Option<String>>(0)? else {
        let problem = format!(
            "{server} has no schema for this user; make the one that the search_path names"
        );
        return Err(StoreError::InvalidUrl { problem }.into());
    };
    transaction.batch_execute(NO_HURRY).await?;
    // Of those who start at once one does it, and the others find it done.
    let key = lock_key(&schema, "migrations");
    transaction.execute(LOCK, &[&key]).await?;
    let has_version = transaction.query_one(HAS_VERSION, &[&schema]).await?;
    let version = if has_version.try_get(0)? {
        transaction.query_one(VERSION, &[]).await?.try_get(0)?
    } else {
        let is_taken = transaction.query_one(IS_TAKEN, &[&schema]).await?;
        if is_taken.try_get(0)? {
            let server = server.to_owned();
            return Err(StoreError::ForeignSchema { server, schema }.into());
        }
        transaction.batch_execute(CREATE_VERSION).await?;
        0
    };
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(version) if version <= known => {
            for migration in &MIGRATIONS[version..] {
                transaction.batch_execute(migration).await?;
            }
        }
        _ => {
            return Err(StoreError::NewerSchema {
                place: server.to_owned(),
                found: version,
                known: known as i64,
            }
            .into());
        }
    }
    transaction.execute(SET_VERSION, &[&(known as i64)]).await?;
    transaction.commit().await?;
    Ok(schema)
}
