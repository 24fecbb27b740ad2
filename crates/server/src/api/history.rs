//! `GET /api/admin/requests` and `GET /api/v1/requests`: what became of requests, with every attempt
//! and with what users said of them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use router::{Caller, InvalidRequest};
use serde_json::{Value, json};
use store::{
    AttemptRecord, FeedbackRecord, KeyId, RequestCursor, RequestOutcome, RequestQuery,
    RequestRecord, StoreError, Timestamp,
};

use crate::body::json_response;
use crate::error::ApiError;
use crate::moment;
use crate::query::Query;
use crate::routes::AppState;

/// Requests of a page, if nothing is said.
pub(crate) const DEFAULT_LIMIT: usize = 20;
/// Requests of a page at most.
pub(crate) const MAX_LIMIT: usize = 100;

/// Everybody's, or those of one key.
pub(crate) async fn of_all(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    let key = query.get("key").map(|id| KeyId(id.to_owned()));
    page(&app, &query, key).await
}

/// The caller's own. Without keys, everybody is everybody.
pub(crate) async fn of_caller(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, ApiError> {
    page(&app, &Query::of(&uri), caller.key_id).await
}

async fn page(
    app: &AppState,
    query: &Query<'_>,
    key_id: Option<KeyId>,
) -> Result<Response, ApiError> {
    let mut page = HistoryPage::read(
        app,
        RequestQuery {
            key_id,
            after: query.get("before").map(cursor).transpose()?,
            outcome: query.get("outcome").map(outcome),
            limit: limit(query)?,
        },
    )
    .await?;
    let requests = std::mem::take(&mut page.requests);
    let requests: Vec<_> = requests
        .iter()
        .map(|request| {
            let attempts = page.attempts.remove(&request.id).unwrap_or_default();
            let feedback = page.feedback.remove(&request.id).unwrap_or_default();
            request_json(
                request,
                attempts.iter().map(attempt_json).collect(),
                feedback.iter().map(feedback_json).collect(),
            )
        })
        .collect();
    Ok(json_response(
        StatusCode::OK,
        &json!({"requests": requests, "next": page.next}),
    ))
}

/// A page of the history.
pub(crate) struct HistoryPage {
    pub(crate) requests: Vec<RequestRecord>,
    /// By request.
    pub(crate) attempts: HashMap<String, Vec<AttemptRecord>>,
    /// Likewise.
    pub(crate) feedback: HashMap<String, Vec<FeedbackRecord>>,
    /// The place of the next page, if there is one.
    pub(crate) next: Option<String>,
}

impl HistoryPage {
    pub(crate) async fn read(app: &AppState, query: RequestQuery) -> Result<Self, StoreError> {
        let limit = query.limit;
        let query = RequestQuery {
            // One more tells whether there is a next page.
            limit: limit + 1,
            ..query
        };
        let mut requests = app.store.requests(&query).await?;
        let is_last = requests.len() <= limit;
        requests.truncate(limit);
        let ids: Vec<_> = requests.iter().map(|request| request.id.clone()).collect();
        let mut attempts: HashMap<String, Vec<AttemptRecord>> = HashMap::new();
        for attempt in app.store.attempts(&ids).await? {
            let id = attempt.request_id.clone();
            attempts.entry(id).or_default().push(attempt);
        }
        let mut feedback: HashMap<String, Vec<FeedbackRecord>> = HashMap::new();
        for said in app.store.feedback_on(&ids).await? {
            if let Some(id) = said.request_id.clone() {
                feedback.entry(id).or_default().push(said);
            }
        }
        let next = requests.last().filter(|_| !is_last);
        Ok(Self {
            next: next.map(|request| cursor_text(&request.cursor())),
            requests,
            attempts,
            feedback,
        })
    }
}

/// How requests ended, in a word: `ok`, `failed` for those without an answer whose client waited, or how
/// exactly.
pub(crate) fn outcome(word: &str) -> RequestOutcome {
    match word {
        "ok" => RequestOutcome::Ok,
        "failed" => RequestOutcome::Failed,
        word => RequestOutcome::Is(word.to_owned()),
    }
}

fn limit(query: &Query<'_>) -> Result<usize, InvalidRequest> {
    let Some(text) = query.get("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| {
        InvalidRequest::of(
            "limit",
            format!("limit must be a number from 1 to {MAX_LIMIT}"),
        )
    })
}

/// A place in the list: `MILLISECONDS.ID`.
fn cursor_text(cursor: &RequestCursor) -> String {
    format!("{}.{}", cursor.started_at.0, cursor.id)
}

pub(crate) fn cursor(text: &str) -> Result<RequestCursor, InvalidRequest> {
    let read = || {
        let (ms, id) = text.split_once('.')?;
        Some(RequestCursor {
            started_at: Timestamp(ms.parse().ok()?),
            id: id.to_owned(),
        })
    };
    let message = "before must be what an earlier page gave as next";
    read().ok_or_else(|| InvalidRequest::of("before", message))
}

fn request_json(request: &RequestRecord, attempts: Vec<Value>, feedback: Vec<Value>) -> Value {
    let mut json = json!({
        "id": request.id,
        "keyId": request.key_id.as_ref().map(|id| &id.0),
        "startedAt": moment::json(request.started_at),
        "operation": request.operation,
        "requestedModel": request.requested_model,
        "deployment": request.deployment,
        "outcome": request.outcome,
        "isStream": request.is_stream,
        "firstTokenMs": request.first_token_ms,
        "durationMs": request.duration_ms,
        "promptTokens": request.prompt_tokens,
        "completionTokens": request.completion_tokens,
        "reasoningTokens": request.reasoning_tokens,
        "attempts": attempts,
        "feedback": feedback,
    });
    if let Some(content) = &request.content {
        let content = serde_json::from_str(content).unwrap_or_else(|_| json!(content));
        json["content"] = content;
    }
    json
}

fn attempt_json(attempt: &AttemptRecord) -> Value {
    json!({
        "number": attempt.number,
        "model": attempt.model,
        "provider": attempt.deployment.provider,
        "name": attempt.deployment.name,
        "startedAt": moment::json(attempt.started_at),
        "outcome": attempt.outcome,
        "faultDomain": Some(&attempt.fault_domain).filter(|domain| !domain.is_empty()),
        "httpStatus": attempt.http_status,
        "firstTokenMs": attempt.first_token_ms,
        "durationMs": attempt.duration_ms,
        "promptTokens": attempt.prompt_tokens,
        "completionTokens": attempt.completion_tokens,
        "reasoningTokens": attempt.reasoning_tokens,
        "isExploration": attempt.is_exploration,
    })
}

fn feedback_json(feedback: &FeedbackRecord) -> Value {
    json!({
        "modelId": feedback.model,
        "success": feedback.is_success,
        "issue": feedback.issue,
        "details": feedback.details,
        "createdAt": moment::json(feedback.created_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_is_read_back_and_nothing_else_is() {
        let place = RequestCursor {
            started_at: Timestamp(1_763_827_200_123),
            id: "req_a.b".to_owned(),
        };
        assert_eq!(cursor(&cursor_text(&place)), Ok(place));
        for wrong in ["", "12", "x.req_a", "99999999999999999999.a"] {
            assert!(cursor(wrong).is_err(), "{wrong}");
        }
    }
}
