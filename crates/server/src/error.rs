//! The one map from errors to status and body.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use router::openai::error_body;
use router::{AdmitError, FailureKind, InvalidRequest, RouterError, whole_seconds};
use serde_json::{Value, json};
use store::StoreError;

use crate::auth::Refusal;
use crate::body::{SMALL_BODY_BYTES, json_response};
use crate::quota;
use crate::routing_headers::name_attempts;

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// From the router.
    Router(RouterError),
    /// No key, or not a good one.
    Unauthorized(Refusal),
    /// A page of another site asks.
    Forbidden(String),
    /// The key is good, but not for this.
    NotAdmin,
    /// There is nothing with this name, though there may be others like it.
    NotFound(String),
    /// The body is larger than allowed.
    BodyTooLarge { limit: usize },
    /// The body did not come in time.
    BodyTimeout,
    /// The connection broke off within the body.
    BodyBroken(String),
    /// There is nothing at this path.
    NoSuchPath { method: String, path: String },
    /// There is something, but for other methods.
    MethodNotAllowed {
        method: String,
        allowed: &'static str,
    },
    /// The server is about to end.
    ShuttingDown,
    /// The store does not answer.
    Store(StoreError),
    /// A page could not be made.
    Template(askama::Error),
    /// The store does not answer, and clients know these words for it.
    Failed {
        known_words: &'static str,
        source: Arc<StoreError>,
    },
}

impl From<RouterError> for ApiError {
    fn from(error: RouterError) -> Self {
        Self::Router(error)
    }
}

impl From<InvalidRequest> for ApiError {
    fn from(error: InvalidRequest) -> Self {
        Self::Router(error.into())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Arc<StoreError>> for ApiError {
    fn from(source: Arc<StoreError>) -> Self {
        let known_words = "the store does not answer";
        Self::Failed {
            known_words,
            source,
        }
    }
}

impl From<AdmitError> for ApiError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Exceeded(exceeded) => Self::Router(exceeded.into()),
            AdmitError::Store(error) => Self::Store(error),
        }
    }
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Router(error) => status_of(error.kind()),
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::NotAdmin => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Store(StoreError::TooMany { .. }) => StatusCode::CONFLICT,
            Self::Failed { .. } | Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken(_) => StatusCode::BAD_REQUEST,
            Self::NoSuchPath { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::ShuttingDown | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn body(&self) -> Value {
        let invalid = |code: &str, message: &str| {
            json!({"error": {
                "message": message,
                "type": "invalid_request_error",
                "param": null,
                "code": code,
            }})
        };
        match self {
            Self::Router(error) => error_body(error),
            Self::Unauthorized(refusal) => invalid("invalid_api_key", &refusal.message()),
            Self::Forbidden(message) => invalid("forbidden", message),
            Self::NotAdmin => invalid(
                "admin_required",
                "this needs the key of an administrator; `freeway keys create --admin` makes one",
            ),
            Self::NotFound(message) => invalid("not_found", message),
            Self::BodyTooLarge { limit } => {
                let advice = match *limit > SMALL_BODY_BYTES {
                    true => "send less, or raise max_body_mib",
                    false => "send less",
                };
                let message = format!("the body is larger than {limit} bytes; {advice}");
                invalid("body_too_large", &message)
            }
            Self::BodyTimeout => invalid(
                "body_timeout",
                "the body did not arrive in time; send it again, or raise body_timeout_s",
            ),
            Self::BodyBroken(reason) => invalid(
                "body_broken",
                &format!("the body broke off ({reason}); send it again"),
            ),
            Self::NoSuchPath { method, path } => invalid(
                "unknown_url",
                &format!("there is nothing at {method} {path}; look under /v1 or /api/v1"),
            ),
            Self::MethodNotAllowed { method, allowed } => invalid(
                "method_not_allowed",
                &format!("this path takes {allowed}, not {method}"),
            ),
            Self::ShuttingDown => unavailable("the server is shutting down; try another one"),
            Self::Store(error @ StoreError::TooMany { .. }) => {
                invalid("too_many", &error.to_string())
            }
            Self::Template(error) => unavailable(&format!(
                "this page could not be made ({error}); please report that"
            )),
            Self::Failed { source, .. } => store_unavailable(source),
            Self::Store(error) => store_unavailable(error),
        }
    }
}

/// The status that says best what the client can do.
fn status_of(kind: FailureKind) -> StatusCode {
    match kind {
        FailureKind::InvalidRequest | FailureKind::ContextLengthExceeded => StatusCode::BAD_REQUEST,
        FailureKind::ContentRefused | FailureKind::ModelNotAllowed => StatusCode::FORBIDDEN,
        FailureKind::ModelNotFound => StatusCode::NOT_FOUND,
        FailureKind::Overloaded
        | FailureKind::RateLimited
        | FailureKind::CallerQuotaExceeded
        | FailureKind::AccountRateLimited
        | FailureKind::AccountQuotaExhausted => StatusCode::TOO_MANY_REQUESTS,
        FailureKind::Timeout | FailureKind::OutOfTime => StatusCode::GATEWAY_TIMEOUT,
        FailureKind::Unavailable
        | FailureKind::ServerFault
        | FailureKind::ShutDown
        | FailureKind::PaymentRequired
        | FailureKind::KeyRejected
        | FailureKind::DataPolicy => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::Network
        | FailureKind::InvalidResponse
        | FailureKind::BrokenStream
        | FailureKind::EmptyAnswer
        | FailureKind::TruncatedReasoning
        | FailureKind::LeakedTokens
        | FailureKind::ToolCallInText
        | FailureKind::InvalidJson => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What an error says, for pages; in the extensions of its response.
#[derive(Clone, Debug)]
pub(crate) struct Message(pub(crate) String);

/// The error as `/api` tells it.
#[derive(Clone)]
struct PlainBody(Value);

impl ApiError {
    /// `{"error": WORDS, "message", "code"}`: where clients of Free LLM Router's API know words for
    /// it, those are told; `message` says more.
    fn plain_body(&self, envelope: &Value) -> PlainBody {
        let error = &envelope["error"];
        let known_words = match self {
            Self::Unauthorized(refusal) => Some(refusal.known_words()),
            Self::Router(RouterError::QuotaExceeded(_)) => Some("Rate limit exceeded"),
            Self::Failed { known_words, .. } => Some(*known_words),
            _ => None,
        };
        let mut body = match known_words {
            Some(words) => json!({"error": words, "message": error["message"]}),
            None => json!({"error": error["message"]}),
        };
        for name in ["code", "param"] {
            if !error[name].is_null() {
                body[name] = error[name].clone();
            }
        }
        PlainBody(body)
    }
}

/// Writes errors as the paths under `/api` have them.
pub(crate) async fn plain(request: Request, next: Next) -> Response {
    flat(next.run(request).await)
}

/// The same error as the paths under `/api` have it.
pub(crate) fn flat(mut response: Response) -> Response {
    if let Some(PlainBody(body)) = response.extensions_mut().remove() {
        *response.body_mut() = Body::from(body.to_string());
    }
    response
}

fn store_unavailable(error: &StoreError) -> Value {
    unavailable(&format!("the store does not answer ({error}); try again"))
}

fn unavailable(message: &str) -> Value {
    json!({"error": {
        "message": message,
        "type": "server_error",
        "param": null,
        "code": "unavailable",
    }})
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let envelope = self.body();
        let mut response = json_response(self.status(), &envelope);
        let message = envelope["error"]["message"].as_str().unwrap_or_default();
        response
            .extensions_mut()
            .insert(Message(message.to_owned()));
        response.extensions_mut().insert(self.plain_body(&envelope));
        let headers = response.headers_mut();
        match &self {
            Self::Unauthorized(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::MethodNotAllowed { allowed, .. } => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Router(RouterError::QuotaExceeded(error)) => {
                quota::write_headers(headers, &error.exceeded);
                headers.insert(RETRY_AFTER, HeaderValue::from(error.retry_after_s()));
            }
            Self::Router(error) => {
                if let Some(wait) = error.retry_after() {
                    headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
                }
                if let Some(trail) = error.trail() {
                    name_attempts(headers, None, trail);
                }
            }
            Self::ShuttingDown => {
                headers.insert(RETRY_AFTER, HeaderValue::from(1u64));
            }
            _ => {}
        }
        if self.status().is_server_error() {
            tracing::warn!(error = ?self, "request failed");
        }
        response
    }
}
