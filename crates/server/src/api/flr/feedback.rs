//! `POST /api/v1/models/feedback`: what users say of a model.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use router::flr::{Feedback, failures, parse_feedback};
use router::recorder::now;
use router::{Caller, InvalidRequest, random_id};
use serde_json::json;
use store::{FeedbackRecord, KeyId, StoreError};
use tokio::time::sleep;

use super::failed;
use crate::body::json_response;
use crate::error::ApiError;
use crate::routes::AppState;

/// Pauses between looks for the record of a request: it is written a moment after the answer ended,
/// and whoever reports at once may be here before.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(300),
    Duration::from_millis(500),
];

pub(crate) async fn create(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = app.small_bodies.read(request, Ok).await?;
    app.quota.admit_report(&caller, now()).await?;
    let feedback = parse_feedback(&body, &app.router.catalog())
        .map_err(|error| InvalidRequest::new(error.to_string()))?;
    let failed = failed(failures::FEEDBACK);
    if let Some(id) = &feedback.request_id
        && !is_own(&app, &caller, id).await.map_err(&failed)?
    {
        let message = "requestId names no request of this key";
        return Err(InvalidRequest::of("requestId", message).into());
    }
    if !feedback.is_dry_run {
        let record = record_of(feedback, caller.key_id);
        app.store.insert_feedback(&record).await.map_err(failed)?;
    }
    Ok(json_response(StatusCode::OK, &json!({"received": true})))
}

/// What is kept of it. It was said now, also where pages speak of another moment.
pub(crate) fn record_of(feedback: Feedback, key_id: Option<KeyId>) -> FeedbackRecord {
    FeedbackRecord {
        id: random_id("fb_"),
        key_id,
        model: feedback.model.0,
        request_id: feedback.request_id,
        is_success: feedback.is_success,
        issue: feedback.issue,
        details: feedback.details,
        created_at: now(),
    }
}

/// Whether a request is the caller's.
async fn is_own(app: &AppState, caller: &Caller, id: &str) -> Result<bool, StoreError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        if let Some(request) = app.store.request(id).await? {
            return Ok(request.key_id == caller.key_id);
        }
        match pauses.next() {
            Some(pause) => sleep(pause).await,
            None => return Ok(false),
        }
    }
}
