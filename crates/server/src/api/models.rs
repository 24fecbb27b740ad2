//! `GET /v1/models` and `GET /v1/models/{id}`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use router::openai::{auto_json, model_json, models_json};
use router::{AUTO, Caller};

use crate::body::json_response;
use crate::error::ApiError;
use crate::routes::AppState;

/// Those that the caller's key may use.
pub(crate) async fn list(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Response {
    let catalog = app.router.catalog();
    let models = catalog.active_models();
    let routable = models.filter(|model| app.router.is_routable(model, &caller));
    json_response(StatusCode::OK, &models_json(routable))
}

/// Ids have slashes in them, so this takes the rest of the path.
pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    if id.eq_ignore_ascii_case(AUTO) {
        return Ok(json_response(StatusCode::OK, &auto_json()));
    }
    let catalog = app.router.catalog();
    let model = catalog.require(&id)?;
    Ok(json_response(StatusCode::OK, &model_json(model)))
}
