//! What is forgotten after a while.

use deadpool_postgres::Transaction;

use super::attempts::kept_since;
use super::failure::Failure;
use super::pool::Client;
use crate::sums::{HOUR_MS, floor};
use crate::{Hour, Retention};

/// Rows of a kind that one call forgets, so that others who write do not wait long.
const MAX_FORGOTTEN: i64 = 2_000;

/// Here and below: rows that somebody else forgets at the same time are left to them. The content of
/// requests goes with them.
const REQUESTS: &str = "\
    DELETE FROM requests WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM requests WHERE started_at < $1
        ORDER BY started_at, id LIMIT $2 FOR UPDATE SKIP LOCKED))";

const ATTEMPTS: &str = "\
    DELETE FROM attempts WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM attempts WHERE started_at < $1
        ORDER BY started_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

const HOURS: &str = "\
    DELETE FROM attempt_hours WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM attempt_hours WHERE start < $1
        ORDER BY start, model, provider, name, outcome, fault_domain
        LIMIT $2 FOR UPDATE SKIP LOCKED))";

const OBSERVATIONS: &str = "\
    DELETE FROM observations WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM observations WHERE hour < $1
        ORDER BY hour, provider, name LIMIT $2 FOR UPDATE SKIP LOCKED))";

const FEEDBACK: &str = "\
    DELETE FROM feedback WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM feedback WHERE created_at < $1
        ORDER BY created_at, id LIMIT $2 FOR UPDATE SKIP LOCKED))";

const COUNTERS: &str = "\
    DELETE FROM counters WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM counters WHERE start < $1
        ORDER BY start LIMIT $2 FOR UPDATE SKIP LOCKED))";

const SESSIONS: &str = "\
    DELETE FROM sessions WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM sessions WHERE expires_at <= $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

const SET_KEPT_SINCE: &str = "\
    INSERT INTO kept_since AS known (kind, at) VALUES ($1, $2)
    ON CONFLICT (kind) DO UPDATE SET at = greatest(known.at, excluded.at)";

pub(super) async fn prune(mut client: Client, limits: &Retention) -> Result<usize, Failure> {
    let transaction = client.transaction().await?;
    let mut num_rows = 0;
    if let Some(before) = limits.requests_before {
        num_rows += forget(&transaction, REQUESTS, before.0).await?;
    }
    if let Some(before) = limits.attempts_before {
        set_kept_since(&transaction, "attempts", before.0).await?;
        num_rows += forget(&transaction, ATTEMPTS, before.0).await?;
    }
    if let Some(before) = limits.hours_before {
        // An hour stays as long as a part of it does, or a single attempt of it.
        let before = before.0.min(kept_since(&transaction, "attempts").await?);
        let before = floor(before, HOUR_MS);
        set_kept_since(&transaction, "attempt_hours", before).await?;
        num_rows += forget(&transaction, HOURS, before).await?;
    }
    if let Some(before) = limits.observations_before {
        num_rows += forget(&transaction, OBSERVATIONS, Hour::of(before).0).await?;
    }
    if let Some(before) = limits.feedback_before {
        num_rows += forget(&transaction, FEEDBACK, before.0).await?;
    }
    if let Some(before) = limits.counters_before {
        num_rows += forget(&transaction, COUNTERS, before.0).await?;
    }
    if let Some(before) = limits.sessions_before {
        num_rows += forget(&transaction, SESSIONS, before.0).await?;
    }
    transaction.commit().await?;
    Ok(num_rows as usize)
}

async fn forget(transaction: &Transaction<'_>, sql: &str, before: i64) -> Result<u64, Failure> {
    let statement = transaction.prepare_cached(sql).await?;
    let num_rows = transaction
        .execute(&statement, &[&before, &MAX_FORGOTTEN])
        .await?;
    Ok(num_rows)
}

async fn set_kept_since(transaction: &Transaction<'_>, kind: &str, at: i64) -> Result<(), Failure> {
    let statement = transaction.prepare_cached(SET_KEPT_SINCE).await?;
    transaction.execute(&statement, &[&kind, &at]).await?;
    Ok(())
}
