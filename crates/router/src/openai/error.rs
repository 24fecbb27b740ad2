//! The envelope of errors.

use serde_json::{Value, json};

use crate::error::{FailureKind, RouterError};

/// `{"error": {message, type, param, code}}`, as OpenAI's clients expect it.
pub fn error_body(error: &RouterError) -> Value {
    let (kind, param, code) = match error {
        RouterError::Invalid(invalid) => (
            "invalid_request_error",
            invalid.param.as_deref(),
            invalid.code,
        ),
        RouterError::ModelNotFound { .. } => (
            "invalid_request_error",
            Some("model"),
            Some("model_not_found"),
        ),
        RouterError::QuotaExceeded(_) => {
            let code = FailureKind::CallerQuotaExceeded.as_str();
            ("rate_limit_error", None, Some(code))
        }
        RouterError::Provider(provider) => match provider.kind {
            FailureKind::ContextLengthExceeded => (
                "invalid_request_error",
                provider.param,
                Some("context_length_exceeded"),
            ),
            FailureKind::Overloaded => ("rate_limit_error", None, Some("overloaded")),
            FailureKind::InvalidRequest => ("invalid_request_error", None, None),
            FailureKind::Unavailable | FailureKind::ShutDown => {
                ("server_error", None, Some("unavailable"))
            }
            kind => ("server_error", provider.param, Some(kind.as_str())),
        },
    };
    json!({"error": {
        "message": error.to_string(),
        "type": kind,
        "param": param,
        "code": code,
    }})
}
