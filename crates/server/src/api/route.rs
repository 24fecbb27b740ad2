//! `POST /v1/route/explain`: whom a conversation would be sent to, and why. Nobody is asked.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use router::Caller;
use router::openai::ChatRequest;

use crate::body::json_response;
use crate::error::ApiError;
use crate::routes::AppState;

pub(crate) async fn explain(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let request = app.bodies.read(request, ChatRequest::from_json).await?;
    let told = app.router.explain(&caller, &Arc::new(request))?;
    Ok(json_response(StatusCode::OK, &told))
}
