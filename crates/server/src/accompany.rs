//! What is done with every request before its endpoint sees it, and with every response: a name, a
//! line in the metrics, and a trace if requests are traced.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use router::otlp::{RequestTrace, Tracer};
use tracing::Instrument;

use crate::routes::AppState;

/// OpenAI's clients show this header in their errors.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What models answer; this alone is traced.
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const COMPLETIONS: &str = "/v1/completions";

/// The name of the request, by which its record is found; in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Accompanies a request from its head to its answer. One layer for all of it: each costs every
/// request a copy of what is below.
pub(crate) async fn accompany(
    State(app): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = router::request_id();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    // Paths and methods that no route knows are not told apart: they are the client's to make up.
    let route = matched.as_ref().map_or("other", MatchedPath::as_str);
    let method = known(request.method());
    let tracer = app.router.tracer();
    let trace = tracer.and_then(|tracer| begin_trace(tracer, &id, route, &request));
    let extensions = request.extensions_mut();
    extensions.insert(RequestId(id.clone()));
    if let Some(trace) = &trace {
        extensions.insert(trace.clone());
    }
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span).await;
    let status = response.status().as_u16();
    app.router.metrics().http_response(route, method, status);
    if let Some(trace) = trace {
        trace.responded(status);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The name of a method that HTTP has.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Begins the trace of a request that a model is to answer, if it is to be traced.
fn begin_trace(tracer: &Tracer, id: &str, route: &str, request: &Request) -> Option<RequestTrace> {
    if !matches!(route, CHAT | COMPLETIONS) || request.method() != Method::POST {
        return None;
    }
    let parent = traceparent(request.headers());
    tracer.begin(id, "POST", route, parent)
}

/// What the client says of its trace. Said twice it says nothing.
fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("traceparent").into_iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}
