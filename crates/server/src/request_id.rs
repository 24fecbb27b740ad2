//! The name of a request, by which its record is found.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

/// OpenAI's clients show this header in their errors.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The name of the request, in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Gives every request a name and says it in the answer.
pub(crate) async fn name(mut request: Request, next: Next) -> Response {
    let id = router::request_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
