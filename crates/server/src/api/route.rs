//! `POST /v1/route/explain`: whom a conversation would be sent to, and why. Nobody is asked.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use router::Caller;
use router::openai::ChatRequest;

use crate::body::json_response;
use crate::error::ApiError;
use crate::routes::AppState;

pub(crate) async fn explain(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let request = app
        .bodies
        .read(&headers, body, ChatRequest::from_json)
        .await?;
    let told = app.router.explain(&caller, &Arc::new(request))?;
    Ok(json_response(StatusCode::OK, &told))
}
