//! The tables `requests` and `request_contents`.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, TransactionBehavior, params};

use crate::{KeyId, MAX_ROWS, RequestQuery, RequestRecord, StoreError, Timestamp};

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
    values.push(&limit);
    let sql = list_sql(query.key_id.is_some(), query.after.is_some());
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(&values[..], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One statement for each combination of filters: SQLite can use an index only for conditions that
/// are there.
fn list_sql(has_key: bool, has_cursor: bool) -> String {
    let conditions = match (has_key, has_cursor) {
        (false, false) => "",
        (true, false) => "WHERE key_id = ?",
        (false, true) => "WHERE (started_at, id) < (?, ?)",
        (true, true) => "WHERE key_id = ? AND (started_at, id) < (?, ?)",
    };
    format!(
        "SELECT {} FROM requests {conditions} ORDER BY started_at DESC, id DESC LIMIT ?",
        columns!()
    )
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
    let lists = [(false, false), (true, false), (false, true), (true, true)];
    let mut queries: Vec<_> = lists.into_iter().map(|(k, c)| list_sql(k, c)).collect();
    queries.extend([INSERT_CONTENT, BY_ID, PROBE].map(str::to_owned));
    queries
}
