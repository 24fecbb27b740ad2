//! The one map from errors to status and body.

use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use router::openai::error_body;
use router::{FailureKind, InvalidRequest, RouterError};
use serde_json::{Value, json};

use crate::body::json_response;
use crate::routing_headers::name_attempts;

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// From the router.
    Router(RouterError),
    /// No key, or not a good one.
    Unauthorized(String),
    /// A page of another site asks.
    Forbidden(String),
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
    Store(store::StoreError),
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

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Router(error) => status_of(error.kind()),
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
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
            Self::Unauthorized(message) => invalid("invalid_api_key", message),
            Self::Forbidden(message) => invalid("forbidden", message),
            Self::BodyTooLarge { limit } => invalid(
                "body_too_large",
                &format!("the body is larger than {limit} bytes; send less, or raise max_body_mib"),
            ),
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
                &format!("there is nothing at {method} {path}; the API lies under /v1"),
            ),
            Self::MethodNotAllowed { method, allowed } => invalid(
                "method_not_allowed",
                &format!("this path takes {allowed}, not {method}"),
            ),
            Self::ShuttingDown => unavailable("the server is shutting down; try another one"),
            Self::Store(error) => {
                unavailable(&format!("the store does not answer ({error}); try again"))
            }
        }
    }
}

/// The status that says best what the client can do.
fn status_of(kind: FailureKind) -> StatusCode {
    match kind {
        FailureKind::InvalidRequest | FailureKind::ContextLengthExceeded => StatusCode::BAD_REQUEST,
        FailureKind::ContentRefused => StatusCode::FORBIDDEN,
        FailureKind::ModelNotFound => StatusCode::NOT_FOUND,
        FailureKind::Overloaded
        | FailureKind::RateLimited
        | FailureKind::CallerQuotaExceeded
        | FailureKind::AccountRateLimited
        | FailureKind::AccountQuotaExhausted => StatusCode::TOO_MANY_REQUESTS,
        FailureKind::Timeout | FailureKind::OutOfTime => StatusCode::GATEWAY_TIMEOUT,
        FailureKind::Unavailable
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
        let mut response = json_response(self.status(), &self.body());
        let headers = response.headers_mut();
        match &self {
            Self::Unauthorized(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::MethodNotAllowed { allowed, .. } => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Router(error) => {
                if let Some(wait) = error.retry_after() {
                    headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
                }
                if let RouterError::Exhausted(exhausted) = error {
                    name_attempts(headers, None, &exhausted.trail);
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
