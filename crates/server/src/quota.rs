//! What is left of a caller's quota, in the headers of answers.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use router::{QuotaState, WindowUse};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The headers of this module: pages may read them.
pub(crate) const HEADERS: [HeaderName; 3] = [LIMIT, REMAINING, RESET];

/// Says how much of a window there is, how much of it is left, and when it begins anew, in seconds
/// since 1970.
pub(crate) fn write_headers(headers: &mut HeaderMap, window: &WindowUse) {
    let reset_s = window.resets_at.0.div_euclid(1000);
    headers.insert(LIMIT, HeaderValue::from(window.limit));
    headers.insert(REMAINING, HeaderValue::from(window.remaining()));
    headers.insert(RESET, HeaderValue::from(reset_s));
}

/// An answer that tells of the window that ends first; for a caller without quota as it is.
pub(crate) fn told(mut response: Response, state: Option<&QuotaState>) -> Response {
    if let Some(window) = state.and_then(QuotaState::tightest) {
        write_headers(response.headers_mut(), &window);
    }
    response
}
