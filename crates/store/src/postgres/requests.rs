//! The tables `requests` and `request_contents`.

use std::collections::BTreeMap;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::failure::Failure;
use super::number::{optional_u32_at, optional_wide, u32_at};
use super::pool::Client;
use super::rows::column;
use super::text::{Text, optional};
use crate::sums::DAY_MS;
use crate::{
    KeyId, MAX_ROWS, RequestOutcome, RequestQuery, RequestRecord, Timestamp, UsageBy, UsageQuery,
    UsageSum,
};

/// One statement for a whole batch, which is all done or nothing, and may be sent again.
const INSERT: &str = "\
    WITH batch AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::text[],
            $6::text[], $7::text[], $8::bool[], $9::int8[], $10::int8[], $11::int8[], $12::int8[],
            $13::int8[], $14::text[])
        AS b (id, key_id, started_at, operation, requested_model, deployment, outcome, is_stream,
            first_token_ms, duration_ms, prompt_tokens, completion_tokens, reasoning_tokens,
            content)
    ), new AS (
        INSERT INTO requests (id, key_id, started_at, operation, requested_model, deployment,
            outcome, is_stream, first_token_ms, duration_ms, prompt_tokens, completion_tokens,
            reasoning_tokens)
        SELECT id, key_id, started_at, operation, requested_model, deployment, outcome, is_stream,
            first_token_ms, duration_ms, prompt_tokens, completion_tokens, reasoning_tokens
        FROM batch
        ON CONFLICT (id) DO NOTHING RETURNING id
    )
    INSERT INTO request_contents (request_id, content)
    SELECT id, content FROM new JOIN batch USING (id) WHERE content IS NOT NULL
    ON CONFLICT (request_id) DO NOTHING";

macro_rules! columns {
    () => {
        "id, key_id, started_at, operation, requested_model, deployment, outcome, is_stream, \
         first_token_ms, duration_ms, prompt_tokens, completion_tokens, reasoning_tokens, \
         (SELECT content FROM request_contents WHERE request_id = id)"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM requests WHERE id = $1");

const PROBE: &str = "SELECT EXISTS (SELECT 1 FROM requests)";

pub(super) async fn insert(client: Client, requests: &[RequestRecord]) -> Result<(), Failure> {
    // Of those with one id the first; in the order of the ids, so that nobody waits for one who
    // waits for them.
    let mut batch = BTreeMap::new();
    for request in requests {
        batch.entry(&request.id).or_insert(request);
    }
    let batch: Vec<_> = batch.into_values().collect();
    let statement = client.prepare_cached(INSERT).await?;
    client
        .execute(
            &statement,
            &[
                &column(&batch, |one| Text(&one.id)),
                &column(&batch, |one| one.key_id.as_ref().map(|id| Text(&id.0))),
                &column(&batch, |one| one.started_at.0),
                &column(&batch, |one| Text(&one.operation)),
                &column(&batch, |one| Text(&one.requested_model)),
                &column(&batch, |one| optional(one.deployment.as_ref())),
                &column(&batch, |one| Text(&one.outcome)),
                &column(&batch, |one| one.is_stream),
                &column(&batch, |one| optional_wide(one.first_token_ms)),
                &column(&batch, |one| i64::from(one.duration_ms)),
                &column(&batch, |one| i64::from(one.prompt_tokens)),
                &column(&batch, |one| i64::from(one.completion_tokens)),
                &column(&batch, |one| i64::from(one.reasoning_tokens)),
                &column(&batch, |one| optional(one.content.as_ref())),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn by_id(client: Client, id: &str) -> Result<Option<RequestRecord>, Failure> {
    let statement = client.prepare_cached(BY_ID).await?;
    let row = client.query_opt(&statement, &[&Text(id)]).await?;
    row.as_ref().map(record).transpose()
}

pub(super) async fn list(
    client: Client,
    query: &RequestQuery,
) -> Result<Vec<RequestRecord>, Failure> {
    let limit = query.limit.min(MAX_ROWS) as i64;
    let key_id = query.key_id.as_ref().map(|key_id| Text(&key_id.0));
    let cursor = query.after.as_ref();
    let cursor = cursor.map(|cursor| (cursor.started_at.0, Text(&cursor.id)));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&limit];
    if let Some(key_id) = &key_id {
        values.push(key_id);
    }
    if let Some((started_at, id)) = &cursor {
        values.push(started_at);
        values.push(id);
    }
    let word = match &query.outcome {
        Some(RequestOutcome::Is(word)) => Some(Text(word)),
        _ => None,
    };
    if let Some(word) = &word {
        values.push(word);
    }
    let sql = list_sql(query);
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    rows.iter().map(record).collect()
}

/// One statement for each combination of filters, as in SQLite.
fn list_sql(query: &RequestQuery) -> String {
    let mut conditions: Vec<String> = Vec::new();
    let mut number = 1;
    let mut next = || {
        number += 1;
        format!("${number}")
    };
    if query.key_id.is_some() {
        conditions.push(format!("key_id = {}", next()));
    }
    if query.after.is_some() {
        conditions.push(format!("(started_at, id) < ({}, {})", next(), next()));
    }
    match &query.outcome {
        None => {}
        Some(RequestOutcome::Ok) => conditions.push("outcome = 'ok'".to_owned()),
        Some(RequestOutcome::Failed) => {
            conditions.push("outcome <> 'ok' AND outcome <> 'canceled'".to_owned());
        }
        Some(RequestOutcome::Is(word)) => {
            // By the index of those that did not end well.
            if word != "ok" {
                conditions.push("outcome <> 'ok'".to_owned());
            }
            conditions.push(format!("outcome = {}", next()));
        }
    }
    let conditions = match conditions.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", conditions.join(" AND ")),
    };
    format!(
        "SELECT {} FROM requests {conditions} ORDER BY started_at DESC, id DESC LIMIT $1",
        columns!()
    )
}

pub(super) async fn sum(client: Client, query: &UsageQuery) -> Result<Vec<UsageSum>, Failure> {
    let key_id = query.key_id.as_ref().map(|key_id| Text(&key_id.0));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&query.since.0, &query.until.0];
    if let Some(key_id) = &key_id {
        values.push(key_id);
    }
    let statement = client
        .prepare_cached(&sum_sql(query.by, key_id.is_some()))
        .await?;
    let rows = client.query(&statement, &values).await?;
    rows.iter().map(|row| usage(row, query.since)).collect()
}

fn sum_sql(by: UsageBy, has_key: bool) -> String {
    let (start, key) = match by {
        // Rounded down, before 1970 as well.
        UsageBy::Day => (
            format!("started_at - (started_at % {DAY_MS} + {DAY_MS}) % {DAY_MS}"),
            "NULL::text",
        ),
        UsageBy::Key => ("NULL::int8".to_owned(), "key_id"),
    };
    let of_key = if has_key { "AND key_id = $3" } else { "" };
    format!(
        "SELECT {start}, {key}, count(*),
            count(*) FILTER (WHERE outcome NOT IN ('ok', 'canceled')),
            sum(prompt_tokens)::int8, sum(completion_tokens)::int8
        FROM requests
        WHERE started_at >= $1 AND started_at < $2 {of_key}
            AND operation IN ('chat', 'text_completion')
        GROUP BY 1, 2 ORDER BY 1, 2 NULLS FIRST"
    )
}

/// A row in the order of the columns above.
fn usage(row: &Row, since: Timestamp) -> Result<UsageSum, Failure> {
    let number = |index: usize| -> Result<u64, Failure> {
        Ok(row.try_get::<_, i64>(index)?.cast_unsigned())
    };
    Ok(UsageSum {
        start: row.try_get::<_, Option<_>>(0)?.map_or(since, Timestamp),
        key_id: row.try_get::<_, Option<_>>(1)?.map(KeyId),
        num_requests: number(2)?,
        num_failed: number(3)?,
        prompt_tokens: number(4)?,
        completion_tokens: number(5)?,
    })
}

/// Reads something that is in the database.
pub(super) async fn probe(client: Client) -> Result<(), Failure> {
    let statement = client.prepare_cached(PROBE).await?;
    client.query_one(&statement, &[]).await?;
    Ok(())
}

/// A row in the order of the columns above.
fn record(row: &Row) -> Result<RequestRecord, Failure> {
    Ok(RequestRecord {
        id: row.try_get(0)?,
        key_id: row.try_get::<_, Option<_>>(1)?.map(KeyId),
        started_at: Timestamp(row.try_get(2)?),
        operation: row.try_get(3)?,
        requested_model: row.try_get(4)?,
        deployment: row.try_get(5)?,
        outcome: row.try_get(6)?,
        is_stream: row.try_get(7)?,
        first_token_ms: optional_u32_at(row, 8)?,
        duration_ms: u32_at(row, 9)?,
        prompt_tokens: u32_at(row, 10)?,
        completion_tokens: u32_at(row, 11)?,
        reasoning_tokens: u32_at(row, 12)?,
        content: row.try_get(13)?,
    })
}
