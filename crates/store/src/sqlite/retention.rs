//! What is forgotten after a while.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::attempts::kept_since;
use crate::sums::{HOUR_MS, floor};
use crate::{Hour, Retention, StoreError};

/// Rows of a kind that one call forgets, so that others who write do not wait long.
const MAX_FORGOTTEN: i64 = 2_000;

/// Their content goes with them.
const REQUESTS: &str = "\
    DELETE FROM requests WHERE rowid IN (
        SELECT rowid FROM requests WHERE started_at < ?1 ORDER BY started_at, id LIMIT ?2)";

const ATTEMPTS: &str = "\
    DELETE FROM attempts WHERE rowid IN (
        SELECT rowid FROM attempts WHERE started_at < ?1 ORDER BY started_at LIMIT ?2)";

const HOURS: &str = "\
    DELETE FROM attempt_hours
    WHERE (start, model, provider, name, outcome, fault_domain) IN (
        SELECT start, model, provider, name, outcome, fault_domain
        FROM attempt_hours WHERE start < ?1
        ORDER BY start, model, provider, name, outcome, fault_domain LIMIT ?2)";

const OBSERVATIONS: &str = "\
    DELETE FROM observations WHERE (hour, provider, name) IN (
        SELECT hour, provider, name FROM observations WHERE hour < ?1
        ORDER BY hour, provider, name LIMIT ?2)";

const FEEDBACK: &str = "\
    DELETE FROM feedback WHERE rowid IN (
        SELECT rowid FROM feedback WHERE created_at < ?1 ORDER BY created_at, id LIMIT ?2)";

const COUNTERS: &str = "\
    DELETE FROM counters WHERE (name, start) IN (
        SELECT name, start FROM counters WHERE start < ?1 ORDER BY start LIMIT ?2)";

const SESSIONS: &str = "\
    DELETE FROM sessions WHERE hash IN (
        SELECT hash FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

const SET_KEPT_SINCE: &str = "\
    INSERT INTO kept_since (kind, at) VALUES (?1, ?2)
    ON CONFLICT (kind) DO UPDATE SET at = max(at, excluded.at)";

pub(super) fn prune(connection: &mut Connection, limits: &Retention) -> Result<usize, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut num_rows = 0;
    if let Some(before) = limits.requests_before {
        num_rows += forget(&transaction, REQUESTS, before.0)?;
    }
    if let Some(before) = limits.attempts_before {
        set_kept_since(&transaction, "attempts", before.0)?;
        num_rows += forget(&transaction, ATTEMPTS, before.0)?;
    }
    if let Some(before) = limits.hours_before {
        // An hour stays as long as a part of it does, or a single attempt of it.
        let before = before.0.min(kept_since(&transaction, "attempts")?);
        let before = floor(before, HOUR_MS);
        set_kept_since(&transaction, "attempt_hours", before)?;
        num_rows += forget(&transaction, HOURS, before)?;
    }
    if let Some(before) = limits.observations_before {
        num_rows += forget(&transaction, OBSERVATIONS, Hour::of(before).0)?;
    }
    if let Some(before) = limits.feedback_before {
        num_rows += forget(&transaction, FEEDBACK, before.0)?;
    }
    if let Some(before) = limits.counters_before {
        num_rows += forget(&transaction, COUNTERS, before.0)?;
    }
    if let Some(before) = limits.sessions_before {
        num_rows += forget(&transaction, SESSIONS, before.0)?;
    }
    transaction.commit()?;
    Ok(num_rows)
}

fn forget(transaction: &Transaction<'_>, sql: &str, before: i64) -> Result<usize, StoreError> {
    let mut statement = transaction.prepare_cached(sql)?;
    Ok(statement.execute([before, MAX_FORGOTTEN])?)
}

fn set_kept_since(transaction: &Transaction<'_>, kind: &str, at: i64) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached(SET_KEPT_SINCE)?;
    statement.execute(params![kind, at])?;
    Ok(())
}

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    REQUESTS,
    ATTEMPTS,
    HOURS,
    OBSERVATIONS,
    FEEDBACK,
    COUNTERS,
    SESSIONS,
    SET_KEPT_SINCE,
];
