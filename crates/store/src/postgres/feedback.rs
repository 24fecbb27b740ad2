//! The table `feedback`.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::failure::{Failure, commit};
use super::number::u64_at;
use super::pool::Client;
use super::text::{Text, optional};
use crate::sums::HOUR_MS;
use crate::{FeedbackQuery, FeedbackRecord, FeedbackSum, Hour, KeyId, MAX_ROWS, Timestamp};

macro_rules! columns {
    () => {
        "id, key_id, model, request_id, is_success, issue, details, created_at"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO feedback (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
);

const ON_REQUESTS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM unnest($1::text[]) WITH ORDINALITY AS asked (request_id, place)
    JOIN feedback USING (request_id) ORDER BY place, created_at, id LIMIT $2"
);

pub(super) async fn insert(mut client: Client, feedback: &FeedbackRecord) -> Result<(), Failure> {
    let transaction = client.transaction().await?;
    let statement = transaction.prepare_cached(INSERT).await?;
    transaction
        .execute(
            &statement,
            &[
                &Text(&feedback.id),
                &feedback.key_id.as_ref().map(|id| Text(&id.0)),
                &Text(&feedback.model),
                &optional(feedback.request_id.as_ref()),
                &feedback.is_success,
                &optional(feedback.issue.as_ref()),
                &optional(feedback.details.as_ref()),
                &feedback.created_at.0,
            ],
        )
        .await?;
    // A second time it would be a duplicate of itself.
    commit(transaction).await
}

pub(super) async fn list(
    client: Client,
    query: &FeedbackQuery,
    limit: usize,
) -> Result<Vec<FeedbackRecord>, Failure> {
    let limit = limit.min(MAX_ROWS) as i64;
    let filter = Filter::of(query);
    let mut values = filter.values();
    values.push(&limit);
    let statement = client.prepare_cached(&list_sql(query)).await?;
    let rows = client.query(&statement, &values).await?;
    rows.iter().map(record).collect()
}

pub(super) async fn on_requests(
    client: Client,
    request_ids: &[String],
) -> Result<Vec<FeedbackRecord>, Failure> {
    let ids: Vec<_> = request_ids.iter().map(|id| Text(id)).collect();
    let statement = client.prepare_cached(ON_REQUESTS).await?;
    let rows = client
        .query(&statement, &[&ids, &(MAX_ROWS as i64)])
        .await?;
    rows.iter().map(record).collect()
}

pub(super) async fn sum(
    client: Client,
    query: &FeedbackQuery,
    by_hour: bool,
) -> Result<Vec<FeedbackSum>, Failure> {
    let first = query.since.map(Hour::of).unwrap_or_default();
    let statement = client.prepare_cached(&sum_sql(query, by_hour)).await?;
    let rows = client
        .query(&statement, &Filter::of(query).values())
        .await?;
    rows.iter().map(|row| feedback_sum(row, first)).collect()
}

/// One statement for each combination of filters, as in SQLite.
fn list_sql(query: &FeedbackQuery) -> String {
    let (conditions, num_values) = conditions(query);
    format!(
        "SELECT {} FROM feedback {conditions} ORDER BY created_at DESC, id DESC LIMIT ${}",
        columns!(),
        num_values + 1
    )
}

fn sum_sql(query: &FeedbackQuery, by_hour: bool) -> String {
    let (conditions, _) = conditions(query);
    let hour = if by_hour {
        // Rounded down, before 1970 as well.
        format!("(created_at - (created_at % {HOUR_MS} + {HOUR_MS}) % {HOUR_MS}) / {HOUR_MS}")
    } else {
        "NULL::int8".to_owned()
    };
    format!(
        "SELECT {hour}, model, issue, count(*), count(DISTINCT key_id)
        FROM feedback {conditions} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 NULLS FIRST"
    )
}

/// The conditions, and how many values they take.
fn conditions(query: &FeedbackQuery) -> (String, usize) {
    let columns: Vec<_> = [
        query.since.map(|_| "created_at >="),
        query.model.as_ref().map(|_| "model ="),
        query.key_id.as_ref().map(|_| "key_id ="),
    ]
    .into_iter()
    .flatten()
    .collect();
    if columns.is_empty() {
        return (String::new(), 0);
    }
    let numbered: Vec<_> = (1..)
        .zip(&columns)
        .map(|(number, column)| format!("{column} ${number}"))
        .collect();
    (format!("WHERE {}", numbered.join(" AND ")), columns.len())
}

/// The values of the conditions.
struct Filter<'a> {
    since: Option<i64>,
    model: Option<Text<'a>>,
    key_id: Option<Text<'a>>,
}

impl<'a> Filter<'a> {
    fn of(query: &'a FeedbackQuery) -> Self {
        Self {
            since: query.since.map(|since| since.0),
            model: optional(query.model.as_ref()),
            key_id: query.key_id.as_ref().map(|id| Text(&id.0)),
        }
    }

    /// In the order of the conditions.
    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
        if let Some(since) = &self.since {
            values.push(since);
        }
        if let Some(model) = &self.model {
            values.push(model);
        }
        if let Some(key_id) = &self.key_id {
            values.push(key_id);
        }
        values
    }
}

/// A row in the order of the columns above.
fn record(row: &Row) -> Result<FeedbackRecord, Failure> {
    Ok(FeedbackRecord {
        id: row.try_get(0)?,
        key_id: row.try_get::<_, Option<_>>(1)?.map(KeyId),
        model: row.try_get(2)?,
        request_id: row.try_get(3)?,
        is_success: row.try_get(4)?,
        issue: row.try_get(5)?,
        details: row.try_get(6)?,
        created_at: Timestamp(row.try_get(7)?),
    })
}

fn feedback_sum(row: &Row, first: Hour) -> Result<FeedbackSum, Failure> {
    Ok(FeedbackSum {
        hour: row.try_get::<_, Option<_>>(0)?.map_or(first, Hour),
        model: row.try_get(1)?,
        issue: row.try_get(2)?,
        count: u64_at(row, 3)?,
        num_reporters: u64_at(row, 4)?,
    })
}
