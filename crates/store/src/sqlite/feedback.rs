//! The table `feedback`.

use rusqlite::{Connection, Row, ToSql, params};

use crate::sums::HOUR_MS;
use crate::{
    FeedbackQuery, FeedbackRecord, FeedbackSum, Hour, KeyId, MAX_ROWS, StoreError, Timestamp,
};

const INSERT: &str = "\
    INSERT INTO feedback (id, key_id, model, request_id, is_success, issue, details, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const ON_REQUEST: &str = "\
    SELECT id, key_id, model, request_id, is_success, issue, details, created_at
    FROM feedback WHERE request_id = ?1 ORDER BY created_at, id LIMIT ?2";

pub(super) fn insert(connection: &Connection, feedback: &FeedbackRecord) -> Result<(), StoreError> {
    connection.prepare_cached(INSERT)?.execute(params![
        feedback.id,
        feedback.key_id.as_ref().map(|id| &id.0),
        feedback.model,
        feedback.request_id,
        feedback.is_success,
        feedback.issue,
        feedback.details,
        feedback.created_at.0,
    ])?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    query: &FeedbackQuery,
    limit: usize,
) -> Result<Vec<FeedbackRecord>, StoreError> {
    let limit = limit.min(MAX_ROWS) as i64;
    let mut values = values(query);
    values.push(&limit);
    let mut statement = connection.prepare_cached(&list_sql(query))?;
    let rows = statement.query_map(&values[..], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn on_requests(
    connection: &Connection,
    request_ids: &[String],
) -> Result<Vec<FeedbackRecord>, StoreError> {
    let mut statement = connection.prepare_cached(ON_REQUEST)?;
    let mut feedback = Vec::new();
    for id in request_ids {
        let room = (MAX_ROWS - feedback.len()) as i64;
        let rows = statement.query_map(params![id, room], record)?;
        for row in rows {
            feedback.push(row?);
        }
    }
    Ok(feedback)
}

pub(super) fn sum(
    connection: &Connection,
    query: &FeedbackQuery,
    by_hour: bool,
) -> Result<Vec<FeedbackSum>, StoreError> {
    let first = query.since.map(Hour::of).unwrap_or_default();
    let mut statement = connection.prepare_cached(&sum_sql(query, by_hour))?;
    let rows = statement.query_map(&values(query)[..], |row| feedback_sum(row, first))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One statement for each combination of filters: SQLite can use an index only for conditions that
/// are there.
fn list_sql(query: &FeedbackQuery) -> String {
    let conditions = conditions(query);
    format!(
        "SELECT id, key_id, model, request_id, is_success, issue, details, created_at
        FROM feedback {conditions} ORDER BY created_at DESC, id DESC LIMIT ?"
    )
}

fn sum_sql(query: &FeedbackQuery, by_hour: bool) -> String {
    let conditions = conditions(query);
    let hour = if by_hour {
        // Rounded down, before 1970 as well.
        format!("(created_at - (created_at % {HOUR_MS} + {HOUR_MS}) % {HOUR_MS}) / {HOUR_MS}")
    } else {
        "NULL".to_owned()
    };
    format!(
        "SELECT {hour}, model, issue, count(*), count(DISTINCT key_id)
        FROM feedback {conditions} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
}

/// The unary plus keeps SQLite from the longer of two ways: a key says less than a model does.
fn conditions(query: &FeedbackQuery) -> String {
    let model = if query.key_id.is_some() {
        "+model = ?"
    } else {
        "model = ?"
    };
    let conditions: Vec<_> = [
        query.since.map(|_| "created_at >= ?"),
        query.model.as_ref().map(|_| model),
        query.key_id.as_ref().map(|_| "key_id = ?"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if conditions.is_empty() {
        return String::new();
    }
    format!("WHERE {}", conditions.join(" AND "))
}

/// In the order of the conditions.
fn values(query: &FeedbackQuery) -> Vec<&dyn ToSql> {
    let mut values: Vec<&dyn ToSql> = Vec::new();
    if let Some(since) = &query.since {
        values.push(&since.0);
    }
    if let Some(model) = &query.model {
        values.push(model);
    }
    if let Some(key_id) = &query.key_id {
        values.push(&key_id.0);
    }
    values
}

/// A row in the order of the columns above.
fn record(row: &Row<'_>) -> rusqlite::Result<FeedbackRecord> {
    Ok(FeedbackRecord {
        id: row.get(0)?,
        key_id: row.get::<_, Option<_>>(1)?.map(KeyId),
        model: row.get(2)?,
        request_id: row.get(3)?,
        is_success: row.get(4)?,
        issue: row.get(5)?,
        details: row.get(6)?,
        created_at: Timestamp(row.get(7)?),
    })
}

fn feedback_sum(row: &Row<'_>, first: Hour) -> rusqlite::Result<FeedbackSum> {
    Ok(FeedbackSum {
        hour: row.get::<_, Option<_>>(0)?.map_or(first, Hour),
        model: row.get(1)?,
        issue: row.get(2)?,
        count: row.get::<_, i64>(3)?.cast_unsigned(),
        num_reporters: row.get::<_, i64>(4)?.cast_unsigned(),
    })
}

#[cfg(test)]
pub(super) fn queries() -> Vec<String> {
    let mut queries: Vec<_> = all_filters().iter().map(list_sql).collect();
    queries.extend([INSERT, ON_REQUEST].map(str::to_owned));
    queries
}

/// These group, and what is grouped is sorted.
#[cfg(test)]
pub(super) fn grouping_queries() -> Vec<String> {
    let filters = all_filters();
    let sums = filters
        .iter()
        .flat_map(|query| [sum_sql(query, false), sum_sql(query, true)]);
    sums.collect()
}

#[cfg(test)]
fn all_filters() -> Vec<FeedbackQuery> {
    let bits = (0..8).map(|bits| FeedbackQuery {
        since: (bits & 1 != 0).then_some(Timestamp(0)),
        model: (bits & 2 != 0).then(String::new),
        key_id: (bits & 4 != 0).then(|| KeyId(String::new())),
    });
    bits.collect()
}
