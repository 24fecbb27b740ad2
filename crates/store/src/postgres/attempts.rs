//! The table `attempts`, and the sums over it: `attempt_hours` and `attempt_days`.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::failure::Failure;
use super::number::{optional_u16_at, optional_u32_at, optional_wide, u16_at, u32_at, u64_at};
use super::pool::Client;
use super::rows::column;
use super::text::Text;
use crate::sums::{DAY_MS, HOUR_MS, KeptSince, Parts, Source, Sums, width_ms};
use crate::{
    AttemptRecord, AttemptSum, DeploymentKey, MAX_ROWS, OutcomeSum, Resolution, SumQuery, Timestamp,
};

macro_rules! columns {
    () => {
        "request_id, number, model, provider, name, started_at, outcome, fault_domain, \
         http_status, first_token_ms, duration_ms, prompt_tokens, completion_tokens, \
         reasoning_tokens, is_exploration"
    };
}

const OF_REQUESTS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM unnest($1::text[]) WITH ORDINALITY AS asked (request_id, place)
    JOIN attempts USING (request_id) ORDER BY place, number"
);

const ANSWERED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM attempts WHERE outcome = 'ok' AND model = $1 AND started_at >= $2
    ORDER BY started_at DESC, request_id DESC, number DESC LIMIT $3"
);

const KEPT_SINCE: &str = "SELECT at FROM kept_since WHERE kind = $1";

pub(super) async fn insert(client: Client, attempts: &[AttemptRecord]) -> Result<(), Failure> {
    // Of those with one name the first; in the order of the names, so that nobody waits for one who
    // waits for them.
    let mut batch = BTreeMap::new();
    for attempt in attempts {
        batch
            .entry((&attempt.request_id, attempt.number))
            .or_insert(attempt);
    }
    let batch: Vec<_> = batch.into_values().collect();
    let statement = client.prepare_cached(&insert_sql()).await?;
    client
        .execute(
            &statement,
            &[
                &column(&batch, |one| Text(&one.request_id)),
                &column(&batch, |one| i32::from(one.number)),
                &column(&batch, |one| Text(&one.model)),
                &column(&batch, |one| Text(&one.deployment.provider)),
                &column(&batch, |one| Text(&one.deployment.name)),
                &column(&batch, |one| one.started_at.0),
                &column(&batch, |one| Text(&one.outcome)),
                &column(&batch, |one| Text(&one.fault_domain)),
                &column(&batch, |one| one.http_status.map(i32::from)),
                &column(&batch, |one| optional_wide(one.first_token_ms)),
                &column(&batch, |one| i64::from(one.duration_ms)),
                &column(&batch, |one| i64::from(one.prompt_tokens)),
                &column(&batch, |one| i64::from(one.completion_tokens)),
                &column(&batch, |one| i64::from(one.reasoning_tokens)),
                &column(&batch, |one| one.is_exploration),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn of_requests(
    client: Client,
    request_ids: &[String],
) -> Result<Vec<AttemptRecord>, Failure> {
    let ids: Vec<_> = request_ids.iter().map(|id| Text(id)).collect();
    let statement = client.prepare_cached(OF_REQUESTS).await?;
    let rows = client.query(&statement, &[&ids]).await?;
    rows.iter().map(record).collect()
}

pub(super) async fn answered(
    client: Client,
    model: &str,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<AttemptRecord>, Failure> {
    let limit = limit.min(MAX_ROWS) as i64;
    let statement = client.prepare_cached(ANSWERED).await?;
    let values: &[&(dyn ToSql + Sync)] = &[&Text(model), &since.0, &limit];
    let rows = client.query(&statement, values).await?;
    rows.iter().map(record).collect()
}

pub(super) async fn sum(mut client: Client, query: &SumQuery) -> Result<Vec<OutcomeSum>, Failure> {
    // All parts of one moment.
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let kept = KeptSince {
        attempts: kept_since(&transaction, "attempts").await?,
        hours: kept_since(&transaction, "attempt_hours").await?,
    };
    let Parts { start, parts } = Parts::of(query, kept)?;
    let model = query.model.as_ref().map(|model| Text(model));
    let mut sums = Sums::default();
    for part in parts {
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&part.from, &part.until];
        if let Some(model) = &model {
            values.push(model);
        }
        let sql = sum_sql(part.source, query.resolution, query.model.is_some());
        let statement = transaction.prepare_cached(&sql).await?;
        for row in transaction.query(&statement, &values).await? {
            let mut row = outcome_sum(&row)?;
            if query.resolution == Resolution::Whole {
                row.start = start;
            }
            sums.add(row);
        }
    }
    transaction.commit().await?;
    Ok(sums.into_vec())
}

/// From when on nothing of a kind is missing, in milliseconds.
pub(super) async fn kept_since(transaction: &Transaction<'_>, kind: &str) -> Result<i64, Failure> {
    let statement = transaction.prepare_cached(KEPT_SINCE).await?;
    let row = transaction.query_opt(&statement, &[&kind]).await?;
    Ok(match row {
        Some(row) => row.try_get(0)?,
        None => i64::MIN,
    })
}

/// One statement for a whole batch and its sums, which is all done or nothing, and may be sent
/// again.
fn insert_sql() -> String {
    let hours = add_sql(Source::Hours, HOUR_MS);
    let days = add_sql(Source::Days, DAY_MS);
    format!(
        "WITH new AS (
            INSERT INTO attempts ({})
            SELECT * FROM unnest($1::text[], $2::int4[], $3::text[], $4::text[], $5::text[],
                $6::int8[], $7::text[], $8::text[], $9::int4[], $10::int8[], $11::int8[],
                $12::int8[], $13::int8[], $14::int8[], $15::bool[])
            ON CONFLICT (request_id, number) DO NOTHING RETURNING *
        ), hours AS ({hours})
        {days}",
        columns!()
    )
}

fn add_sql(into: Source, width: i64) -> String {
    let table = table(into);
    format!(
        "INSERT INTO {table} AS known (start, model, provider, name, outcome, fault_domain, count,
            num_first_tokens, first_token_ms, duration_ms, completion_tokens)
        SELECT started_at - (started_at % {width} + {width}) % {width}, model, provider, name,
            outcome, fault_domain, count(*), count(first_token_ms),
            coalesce(sum(first_token_ms), 0)::int8, sum(duration_ms)::int8,
            sum(completion_tokens)::int8
        FROM new GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (start, model, provider, name, outcome, fault_domain) DO UPDATE SET
            count = known.count + excluded.count,
            num_first_tokens = known.num_first_tokens + excluded.num_first_tokens,
            first_token_ms = known.first_token_ms + excluded.first_token_ms,
            duration_ms = known.duration_ms + excluded.duration_ms,
            completion_tokens = known.completion_tokens + excluded.completion_tokens"
    )
}

fn sum_sql(source: Source, resolution: Resolution, has_model: bool) -> String {
    let table = table(source);
    let (time, counts) = match source {
        Source::Attempts => ("started_at", "count(*), count(first_token_ms)"),
        Source::Hours | Source::Days => ("start", "sum(count)::int8, sum(num_first_tokens)::int8"),
    };
    let start = match width_ms(resolution) {
        None => "0::int8".to_owned(),
        // Rounded down, before 1970 as well.
        Some(width) => format!("{time} - ({time} % {width} + {width}) % {width}"),
    };
    let of_model = if has_model { "AND model = $3" } else { "" };
    format!(
        "SELECT {start}, model, provider, name, outcome, fault_domain, {counts},
            coalesce(sum(first_token_ms), 0)::int8, sum(duration_ms)::int8,
            sum(completion_tokens)::int8
        FROM {table} WHERE {time} >= $1 AND {time} < $2 {of_model}
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
fn record(row: &Row) -> Result<AttemptRecord, Failure> {
    Ok(AttemptRecord {
        request_id: row.try_get(0)?,
        number: u16_at(row, 1)?,
        model: row.try_get(2)?,
        deployment: DeploymentKey {
            provider: row.try_get(3)?,
            name: row.try_get(4)?,
        },
        started_at: Timestamp(row.try_get(5)?),
        outcome: row.try_get(6)?,
        fault_domain: row.try_get(7)?,
        http_status: optional_u16_at(row, 8)?,
        first_token_ms: optional_u32_at(row, 9)?,
        duration_ms: u32_at(row, 10)?,
        prompt_tokens: u32_at(row, 11)?,
        completion_tokens: u32_at(row, 12)?,
        reasoning_tokens: u32_at(row, 13)?,
        is_exploration: row.try_get(14)?,
    })
}

fn outcome_sum(row: &Row) -> Result<OutcomeSum, Failure> {
    Ok(OutcomeSum {
        start: Timestamp(row.try_get(0)?),
        model: row.try_get(1)?,
        deployment: DeploymentKey {
            provider: row.try_get(2)?,
            name: row.try_get(3)?,
        },
        outcome: row.try_get(4)?,
        fault_domain: row.try_get(5)?,
        sum: AttemptSum {
            count: u64_at(row, 6)?,
            num_first_tokens: u64_at(row, 7)?,
            first_token_ms: u64_at(row, 8)?,
            duration_ms: u64_at(row, 9)?,
            completion_tokens: u64_at(row, 10)?,
        },
    })
}
