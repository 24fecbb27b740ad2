//! The API of Free LLM Router, so that its clients work here unchanged: the same paths, parameters,
//! members and words. What is new stands beside them.

mod charts;
mod feedback;
mod lists;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use store::StoreError;

use crate::auth::{Auth, exposed_headers};
use crate::error::ApiError;

pub(crate) use charts::{Charts, availability, health};
pub(crate) use feedback::{create as feedback, record_of};
pub(crate) use lists::{full, ids};

/// What to say when the store fails, in the words that clients know.
fn failed<E: Into<Arc<StoreError>>>(known_words: &'static str) -> impl Fn(E) -> ApiError {
    move |source| ApiError::Failed {
        known_words,
        source: source.into(),
    }
}

/// Any page may ask: it needs a key anyway. A server that asks for no key tells only pages of its own
/// machine and those it is told to, since it would answer any other page's user, too.
pub(crate) async fn cors(State(auth): State<Arc<Auth>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    let allowed = match origin {
        Some(origin) if auth.is_keyless() => {
            let is_own = origin.to_str().is_ok_and(|origin| auth.is_own_page(origin));
            is_own.then_some(origin)
        }
        _ => Some(HeaderValue::from_static("*")),
    };
    let headers = response.headers_mut();
    if let Some(allowed) = allowed {
        let methods = HeaderValue::from_static("GET, POST, OPTIONS");
        let names = HeaderValue::from_static("Content-Type, Authorization, X-API-Key");
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        let exposed: Vec<_> = exposed_headers();
        let exposed: Vec<_> = exposed.iter().map(|name| name.as_str()).collect();
        if let Ok(exposed) = HeaderValue::from_str(&exposed.join(", ")) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
    if auth.is_keyless() {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    response
}
