//! `GET /v1/models` and `GET /v1/models/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use router::openai::{model_json, models_json};

use crate::body::json_response;
use crate::error::ApiError;
use crate::routes::AppState;

pub(crate) async fn list(State(app): State<Arc<AppState>>) -> Response {
    json_response(StatusCode::OK, &models_json(&app.router.models()))
}

/// Ids have slashes in them, so this takes the rest of the path.
pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let model = app.router.model(&id)?;
    Ok(json_response(StatusCode::OK, &model_json(model)))
}
