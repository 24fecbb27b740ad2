//! The tables `requests` and `request_contents`.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, TransactionBehavior, params};

use crate::sums::DAY_MS;
use crate::{
    KeyId, MAX_ROWS, RequestOutcome, RequestQuery, RequestRecord, StoreError, Timestamp, UsageBy,
    UsageQuery, UsageSum,
};

const INSERT: &str = "\
    INSERT INTO requests (id, key_id, started_at, operation, requested_model, deployment, outcome,
        is_stream, first_token_ms, duration_ms, prompt_tokens, completion_tokens, reasoning_tokens)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
    ON CONFLICT (id) DO NOTHING";

const INSERT_CONTENT: &str = "\
    INSERT INTO request_contents (request_id, content) VALUES (?1, ?2)";

macro_rules! columns {
    () => {
        "id, key_id, started_at, operation, requested_model, deployment, outcome, is_stream, \
         first_token_ms, duration_ms, prompt_tokens, completion_tokens, reasoning_tokens, \
         (SELECT content FROM request_contents WHERE request_id = id)"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM requests WHERE id = ?1");

const PROBE: &str = "SELECT EXISTS (SELECT 1 FROM requests)";

pub(super) fn insert(
    connection: &mut Connection,
    requests: &[RequestRecord],
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction.prepare_cached(INSERT)?;
        let mut content_statement = transaction.prepare_cached(INSERT_CONTENT)?;
        for request in requests {
            let num_inserted = statement.execute(params![
                request.id,
                request.key_id.as_ref().map(|id| &id.0),
                request.started_at.0,
                request.operation,
                request.requested_model,
                request.deployment,
                request.outcome,
                request.is_stream,
                request.first_token_ms,
                request.duration_ms,
                request.prompt_tokens,
                request.completion_tokens,
                request.reasoning_tokens,
            ])?;
            if let Some(content) = &request.content
                && num_inserted > 0
            {
                content_statement.execute(params![request.id, content])?;
            }
        }
    }
    Ok(transaction.commit()?)
}

pub(super) fn by_id(
    connection: &Connection,
    id: &str,
) -> Result<Option<RequestRecord>, StoreError> {
    let mut statement = connection.prepare_cached(BY_ID)?;
    Ok(statement.query_one([id], record).optional()?)
}

pub(super) fn list(
    connection: &Connection,
    query: &RequestQuery,
) -> Result<Vec<RequestRecord>, StoreError> {
    let limit = query.limit.min(MAX_ROWS) as i64;
    let mut values: Vec<&dyn ToSql> = Vec::new();
    if let Some(key_id) = &query.key_id {
        values.push(&key_id.0);
    }
    if let Some(cursor) = &query.after {
        values.push(&cursor.started_at.0);
        values.push(&cursor.id);
    }
    if let Some(RequestOutcome::Is(word)) = &query.outcome {
        values.push(word);
    }
    values.push(&limit);
    let sql = list_sql(query);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(&values[..], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One statement for each combination of filters: SQLite can use an index only for conditions that
/// are there.
fn list_sql(query: &RequestQuery) -> String {
    let conditions: Vec<_> = [
        query.key_id.as_ref().map(|_| "key_id = ?"),
        query.after.as_ref().map(|_| "(started_at, id) < (?, ?)"),
        query.outcome.as_ref().map(|outcome| match outcome {
            RequestOutcome::Ok => "outcome = 'ok'",
            // The first part is that of the index of those that did not end well.
            RequestOutcome::Failed => "outcome <> 'ok' AND outcome <> 'canceled'",
            RequestOutcome::Is(_) if is_ok(outcome) => "outcome = ?",
            RequestOutcome::Is(_) => "outcome <> 'ok' AND outcome = ?",
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let conditions = match conditions.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", conditions.join(" AND ")),
    };
    // SQLite would rather sort all of them than look through them in their order.
    let index = match (&query.key_id, &query.outcome) {
        (_, None) => "",
        (Some(_), _) => "INDEXED BY requests_by_key",
        (None, Some(outcome)) if is_ok(outcome) => "INDEXED BY requests_by_start",
        (None, Some(_)) => "INDEXED BY requests_not_ok",
    };
    format!(
        "SELECT {} FROM requests {index} {conditions} ORDER BY started_at DESC, id DESC LIMIT ?",
        columns!()
    )
}

fn is_ok(outcome: &RequestOutcome) -> bool {
    match outcome {
        RequestOutcome::Ok => true,
        RequestOutcome::Failed => false,
        RequestOutcome::Is(word) => word == "ok",
    }
}

pub(super) fn sum(
    connection: &Connection,
    query: &UsageQuery,
) -> Result<Vec<UsageSum>, StoreError> {
    let mut values: Vec<&dyn ToSql> = vec![&query.since.0, &query.until.0];
    if let Some(key_id) = &query.key_id {
        values.push(&key_id.0);
    }
    let mut statement = connection.prepare_cached(&sum_sql(query.by, query.key_id.is_some()))?;
    let rows = statement.query_map(&values[..], |row| usage(row, query.since))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn sum_sql(by: UsageBy, has_key: bool) -> String {
    let (start, key) = match by {
        // Rounded down, before 1970 as well.
        UsageBy::Day => (
            format!("started_at - (started_at % {DAY_MS} + {DAY_MS}) % {DAY_MS}"),
            "NULL",
        ),
        UsageBy::Key => ("NULL".to_owned(), "key_id"),
    };
    let of_key = if has_key { "AND key_id = ?" } else { "" };
    format!(
        "SELECT {start}, {key}, count(*), sum(outcome NOT IN ('ok', 'canceled')),
            sum(prompt_tokens), sum(completion_tokens)
        FROM requests
        WHERE started_at >= ? AND started_at < ? {of_key}
            AND operation IN ('chat', 'text_completion')
        GROUP BY 1, 2 ORDER BY 1, 2"
    )
}

/// A row in the order of the columns above.
fn usage(row: &Row<'_>, since: Timestamp) -> rusqlite::Result<UsageSum> {
    let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    Ok(UsageSum {
        start: row.get::<_, Option<_>>(0)?.map_or(since, Timestamp),
        key_id: row.get::<_, Option<_>>(1)?.map(KeyId),
        num_requests: number(2)?,
        num_failed: number(3)?,
        prompt_tokens: number(4)?,
        completion_tokens: number(5)?,
    })
}

/// Reads something that is in the file.
pub(super) fn probe(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(PROBE)?;
    Ok(statement.query_one([], |_| Ok(()))?)
}

/// A row in the order of the columns above.
fn record(row: &Row<'_>) -> rusqlite::Result<RequestRecord> {
    Ok(RequestRecord {
        id: row.get(0)?,
        key_id: row.get::<_, Option<_>>(1)?.map(KeyId),
        started_at: Timestamp(row.get(2)?),
        operation: row.get(3)?,
        requested_model: row.get(4)?,
        deployment: row.get(5)?,
        outcome: row.get(6)?,
        is_stream: row.get(7)?,
        first_token_ms: row.get(8)?,
        duration_ms: row.get(9)?,
        prompt_tokens: row.get(10)?,
        completion_tokens: row.get(11)?,
        reasoning_tokens: row.get(12)?,
        content: row.get(13)?,
    })
}

#[cfg(test)]
pub(super) fn queries() -> Vec<String> {
    use crate::RequestCursor;

    let mut queries = Vec::new();
    for bits in 0..16 {
        let query = RequestQuery {
            key_id: (bits & 1 != 0).then(|| KeyId(String::new())),
            after: (bits & 2 != 0).then(|| RequestCursor {
                started_at: Timestamp(0),
                id: String::new(),
            }),
            outcome: match bits >> 2 {
                0 => None,
                1 => Some(RequestOutcome::Ok),
                2 => Some(RequestOutcome::Failed),
                _ => Some(RequestOutcome::Is(String::new())),
            },
            limit: 1,
        };
        queries.push(list_sql(&query));
    }
    queries.extend([INSERT_CONTENT, BY_ID, PROBE].map(str::to_owned));
    queries
}

/// These group, and what is grouped is sorted.
#[cfg(test)]
pub(super) fn grouping_queries() -> Vec<String> {
    let kinds = [UsageBy::Day, UsageBy::Key].into_iter();
    let sums = kinds.flat_map(|by| [false, true].map(|has_key| sum_sql(by, has_key)));
    sums.collect()
}
