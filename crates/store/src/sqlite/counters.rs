//! The table `counters`.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::counting::{Counts, as_stored};
use crate::{Counter, StoreError, Take, Taken};

const VALUE: &str = "SELECT value FROM counters WHERE name = ?1 AND start = ?2";

const SET: &str = "\
    INSERT INTO counters (name, start, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (name, start) DO UPDATE SET value = excluded.value";

const RAISE: &str = "\
    INSERT INTO counters (name, start, value) VALUES (?1, ?2, ?3)
    ON CONFLICT (name, start) DO UPDATE SET value = max(value, excluded.value)";

pub(super) fn take(connection: &mut Connection, takes: &[Take]) -> Result<Taken, StoreError> {
    // The lock of the writer from the first look on: nobody counts in between.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut before = HashMap::new();
    for take in takes {
        before.insert(&take.counter, value(&transaction, &take.counter)?);
    }
    let mut counts = Counts::new(before);
    let taken = counts.take(takes);
    if matches!(taken, Taken::Done(_)) {
        {
            let mut statement = transaction.prepare_cached(SET)?;
            for (counter, value) in counts.changed() {
                statement.execute(params![counter.name, counter.start.0, value])?;
            }
        }
        transaction.commit()?;
    }
    Ok(taken)
}

pub(super) fn values(
    connection: &mut Connection,
    counters: &[Counter],
) -> Result<Vec<u64>, StoreError> {
    // All of one moment.
    let transaction = connection.transaction()?;
    let values = counters.iter().map(|counter| value(&transaction, counter));
    values.map(|value| value.map(i64::cast_unsigned)).collect()
}

pub(super) fn raise(
    connection: &mut Connection,
    values: &[(Counter, u64)],
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction.prepare_cached(RAISE)?;
        for (counter, value) in values {
            statement.execute(params![counter.name, counter.start.0, as_stored(*value)])?;
        }
    }
    Ok(transaction.commit()?)
}

fn value(connection: &Connection, counter: &Counter) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(VALUE)?;
    let value = statement
        .query_one(params![counter.name, counter.start.0], |row| row.get(0))
        .optional()?;
    Ok(value.unwrap_or(0))
}

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[VALUE, SET, RAISE];
