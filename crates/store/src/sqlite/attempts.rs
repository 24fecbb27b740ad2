//! The table `attempts`, and the sums over it: `attempt_hours` and `attempt_days`.

use rusqlite::{Connection, Row, ToSql, Transaction, TransactionBehavior, params};

use crate::sums::{DAY_MS, HOUR_MS, KeptSince, Parts, Source, Sums, floor, width_ms};
use crate::{
    AttemptRecord, AttemptSum, DeploymentKey, MAX_ROWS, OutcomeSum, Resolution, StoreError,
    SumQuery, Timestamp,
};

macro_rules! columns {
    () => {
        "request_id, number, model, provider, name, started_at, outcome, fault_domain, \
         http_status, first_token_ms, duration_ms, prompt_tokens, completion_tokens, \
         reasoning_tokens, is_exploration"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO attempts (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT (request_id, number) DO NOTHING"
);

const OF_REQUEST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM attempts WHERE request_id = ?1 ORDER BY number"
);

const ANSWERED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM attempts WHERE outcome = 'ok' AND model = ?1 AND started_at >= ?2
    ORDER BY started_at DESC, request_id DESC, number DESC LIMIT ?3"
);

const KEPT_SINCE: &str = "SELECT at FROM kept_since WHERE kind = ?1";

pub(super) fn insert(
    connection: &mut Connection,
    attempts: &[AttemptRecord],
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut hours, mut days) = (Sums::default(), Sums::default());
    {
        let mut statement = transaction.prepare_cached(INSERT)?;
        for attempt in attempts {
            let num_inserted = statement.execute(params![
                attempt.request_id,
                attempt.number,
                attempt.model,
                attempt.deployment.provider,
                attempt.deployment.name,
                attempt.started_at.0,
                attempt.outcome,
                attempt.fault_domain,
                attempt.http_status,
                attempt.first_token_ms,
                attempt.duration_ms,
                attempt.prompt_tokens,
                attempt.completion_tokens,
                attempt.reasoning_tokens,
                attempt.is_exploration,
            ])?;
            if num_inserted > 0 {
                hours.add_attempt(floor(attempt.started_at.0, HOUR_MS), attempt);
                days.add_attempt(floor(attempt.started_at.0, DAY_MS), attempt);
            }
        }
    }
    add_sums(&transaction, Source::Hours, hours)?;
    add_sums(&transaction, Source::Days, days)?;
    Ok(transaction.commit()?)
}

fn add_sums(transaction: &Transaction<'_>, into: Source, sums: Sums) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached(&add_sql(into))?;
    for one in sums.into_vec() {
        statement.execute(params![
            one.start.0,
            one.model,
            one.deployment.provider,
            one.deployment.name,
            one.outcome,
            one.fault_domain,
            one.sum.count as i64,
            one.sum.num_first_tokens as i64,
            one.sum.first_token_ms as i64,
            one.sum.duration_ms as i64,
            one.sum.completion_tokens as i64,
        ])?;
    }
    Ok(())
}

pub(super) fn of_requests(
    connection: &Connection,
    request_ids: &[String],
) -> Result<Vec<AttemptRecord>, StoreError> {
    let mut statement = connection.prepare_cached(OF_REQUEST)?;
    let mut attempts = Vec::new();
    for id in request_ids {
        for attempt in statement.query_map([id], record)? {
            attempts.push(attempt?);
        }
    }
    Ok(attempts)
}

pub(super) fn answered(
    connection: &Connection,
    model: &str,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<AttemptRecord>, StoreError> {
    let limit = limit.min(MAX_ROWS) as i64;
    let mut statement = connection.prepare_cached(ANSWERED)?;
    let rows = statement.query_map(params![model, since.0, limit], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn sum(
    connection: &mut Connection,
    query: &SumQuery,
) -> Result<Vec<OutcomeSum>, StoreError> {
    // All parts of one moment.
    let transaction = connection.transaction()?;
    let kept = KeptSince {
        attempts: kept_since(&transaction, "attempts")?,
        hours: kept_since(&transaction, "attempt_hours")?,
    };
    let Parts { start, parts } = Parts::of(query, kept)?;
    let mut sums = Sums::default();
    for part in parts {
        let mut values: Vec<&dyn ToSql> = vec![&part.from, &part.until];
        if let Some(model) = &query.model {
            values.push(model);
        }
        let sql = sum_sql(part.source, query.resolution, query.model.is_some());
        let mut statement = transaction.prepare_cached(&sql)?;
        for row in statement.query_map(&values[..], outcome_sum)? {
            let mut row = row?;
            if query.resolution == Resolution::Whole {
                row.start = start;
            }
            sums.add(row);
        }
    }
    Ok(sums.into_vec())
}

/// From when on nothing of a kind is missing, in milliseconds.
pub(super) fn kept_since(connection: &Connection, kind: &str) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(KEPT_SINCE)?;
    let mut rows = statement.query([kind])?;
    Ok(match rows.next()? {
        Some(row) => row.get(0)?,
        None => i64::MIN,
    })
}

fn add_sql(into: Source) -> String {
    let table = table(into);
    format!(
        "INSERT INTO {table} (start, model, provider, name, outcome, fault_domain, count,
            num_first_tokens, first_token_ms, duration_ms, completion_tokens)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        ON CONFLICT (start, model, provider, name, outcome, fault_domain) DO UPDATE SET
            count = count + excluded.count,
            num_first_tokens = num_first_tokens + excluded.num_first_tokens,
            first_token_ms = first_token_ms + excluded.first_token_ms,
            duration_ms = duration_ms + excluded.duration_ms,
            completion_tokens = completion_tokens + excluded.completion_tokens"
    )
}

fn sum_sql(source: Source, resolution: Resolution, has_model: bool) -> String {
    let table = table(source);
    let (time, counts) = match source {
        Source::Attempts => ("started_at", "count(*), count(first_token_ms)"),
        Source::Hours | Source::Days => ("start", "sum(count), sum(num_first_tokens)"),
    };
    let start = match width_ms(resolution) {
        None => "0".to_owned(),
        // Rounded down, before 1970 as well.
        Some(width) => format!("{time} - ({time} % {width} + {width}) % {width}"),
    };
    let of_model = if has_model { "AND model = ?3" } else { "" };
    format!(
        "SELECT {start}, model, provider, name, outcome, fault_domain, {counts},
            coalesce(sum(first_token_ms), 0), sum(duration_ms), sum(completion_tokens)
        FROM {table} WHERE {time} >= ?1 AND {time} < ?2 {of_model}
        GROUP BY 1, 2, 3, 4, 5, 6"
    )
}

fn table(source: Source) -> &'static str {
    match source {
        Source::Attempts => "attempts",
        Source::Hours => "attempt_hours",
        Source::Days => "attempt_days",
    }
}

/// A row in the order of the columns above.
fn record(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    Ok(AttemptRecord {
        request_id: row.get(0)?,
        number: row.get(1)?,
        model: row.get(2)?,
        deployment: DeploymentKey {
            provider: row.get(3)?,
            name: row.get(4)?,
        },
        started_at: Timestamp(row.get(5)?),
        outcome: row.get(6)?,
        fault_domain: row.get(7)?,
        http_status: row.get(8)?,
        first_token_ms: row.get(9)?,
        duration_ms: row.get(10)?,
        prompt_tokens: row.get(11)?,
        completion_tokens: row.get(12)?,
        reasoning_tokens: row.get(13)?,
        is_exploration: row.get(14)?,
    })
}

fn outcome_sum(row: &Row<'_>) -> rusqlite::Result<OutcomeSum> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(OutcomeSum {
        start: Timestamp(row.get(0)?),
        model: row.get(1)?,
        deployment: DeploymentKey {
            provider: row.get(2)?,
            name: row.get(3)?,
        },
        outcome: row.get(4)?,
        fault_domain: row.get(5)?,
        sum: AttemptSum {
            count: number(6)?,
            num_first_tokens: number(7)?,
            first_token_ms: number(8)?,
            duration_ms: number(9)?,
            completion_tokens: number(10)?,
        },
    })
}

#[cfg(test)]
pub(super) fn queries() -> Vec<String> {
    let sources = [Source::Hours, Source::Days];
    let mut queries: Vec<_> = sources.into_iter().map(add_sql).collect();
    queries.extend([INSERT, OF_REQUEST, ANSWERED, KEPT_SINCE].map(str::to_owned));
    queries
}

/// These group, and what is grouped is sorted.
#[cfg(test)]
pub(super) fn grouping_queries() -> Vec<String> {
    let mut queries = Vec::new();
    for source in [Source::Attempts, Source::Hours, Source::Days] {
        for resolution in [
            Resolution::Whole,
            Resolution::Minute,
            Resolution::Hour,
            Resolution::Day,
        ] {
            queries.push(sum_sql(source, resolution, false));
            queries.push(sum_sql(source, resolution, true));
        }
    }
    queries
}
