//! Traces of the requests that models answer.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use router::otlp::{RequestTrace, Tracer};

use crate::request_id::RequestId;
use crate::routes::AppState;

/// What models answer.
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const COMPLETIONS: &str = "/v1/completions";

/// Follows a request from its head to its answer, if it is to be traced.
pub(crate) async fn follow(
    State(app): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let tracer = app.router.tracer();
    let Some(trace) = tracer.and_then(|tracer| begin(tracer, &request)) else {
        return next.run(request).await;
    };
    request.extensions_mut().insert(trace.clone());
    let response = next.run(request).await;
    trace.responded(response.status().as_u16());
    response
}

fn begin(tracer: &Tracer, request: &Request) -> Option<RequestTrace> {
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>()?.as_str();
    if !matches!(route, CHAT | COMPLETIONS) || request.method() != Method::POST {
        return None;
    }
    let RequestId(id) = extensions.get::<RequestId>()?;
    let parent = traceparent(request.headers());
    tracer.begin(id, "POST", route, parent)
}

/// What the client says of its trace. Said twice it says nothing.
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("traceparent").into_iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}
