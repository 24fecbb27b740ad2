//! `GET /healthz` (the process lives) and `GET /readyz` (it can answer).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use store::StoreError;

use crate::body::json_response;
use crate::routes::AppState;

/// What is told at most of those that do not answer at present.
pub(crate) const MAX_DEGRADED: usize = 100;

pub(crate) async fn alive() -> Response {
    json_response(StatusCode::OK, &json!({"status": "ok"}))
}

pub(crate) async fn ready(State(app): State<Arc<AppState>>) -> Response {
    let (store, mut degraded) = match app.store.ping().await {
        Ok(()) => (None, Vec::new()),
        // It answers, for as long as this process lives.
        Err(error @ StoreError::FileGone { .. }) => (None, vec![format!("store: {error}")]),
        Err(error) => (Some(error), Vec::new()),
    };
    let problems = [
        (app.is_draining()).then(|| "the server is shutting down".to_owned()),
        app.router.unavailable(),
        store.map(|error| format!("the store does not answer: {error}")),
    ];
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    degraded.extend(app.router.degraded());
    if problems.is_empty() {
        let mut body = json!({"status": "ready"});
        if !degraded.is_empty() {
            degraded.truncate(MAX_DEGRADED);
            body["degraded"] = degraded.into();
        }
        return json_response(StatusCode::OK, &body);
    }
    let body = json!({"status": "not ready", "problems": problems});
    json_response(StatusCode::SERVICE_UNAVAILABLE, &body)
}
