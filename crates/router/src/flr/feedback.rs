//! `POST /api/v1/models/feedback`: what users say of models.

use serde_json::Value;

use crate::catalog::Catalog;
use crate::error::shortened;
use crate::model_info::ModelId;

/// Longest body that is read.
pub const MAX_FEEDBACK_BYTES: usize = 64 << 10;
/// Longest text of a user that is kept.
pub const MAX_DETAILS_CHARS: usize = 1000;
/// Longest name of a request.
pub const MAX_REQUEST_ID_CHARS: usize = 100;

/// What may go wrong, in the words of this API.
pub const ISSUES: [&str; 3] = ["rate_limited", "unavailable", "error"];

/// What a user said of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Of which.
    pub model: ModelId,
    /// Whether it answered.
    pub is_success: bool,
    /// What went wrong.
    pub issue: Option<String>,
    /// In the user's words.
    pub details: Option<String>,
    /// Which request it is about, of this server's.
    pub request_id: Option<String>,
    /// Whether it is only tried out, and nothing is to be kept.
    pub is_dry_run: bool,
}

/// Why feedback is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// It cannot be read.
    #[error("{message}")]
    Invalid {
        /// What is wrong and what to do.
        message: String,
    },
    /// There is no such model.
    #[error(
        "Unknown modelId {model:?}: feedback is taken on models that this server knows; \
         GET /api/v1/models/ids lists them"
    )]
    UnknownModel {
        /// What was sent.
        model: String,
    },
}

impl FeedbackError {
    /// The status of the answer.
    pub fn http_status(&self) -> u16 {
        400
    }
}

fn invalid(message: &str) -> FeedbackError {
    FeedbackError::Invalid {
        message: message.to_owned(),
    }
}

/// Reads feedback.
///
/// # Errors
/// If it is none, contradicts itself, or is on a model that nobody knows.
pub fn parse_feedback(body: &[u8], catalog: &Catalog) -> Result<Feedback, FeedbackError> {
    if body.len() > MAX_FEEDBACK_BYTES {
        return Err(invalid("The body is longer than 64 KiB; shorten details"));
    }
    let body: Value =
        serde_json::from_slice(body).map_err(|_| invalid("The body must be valid JSON"))?;
    if !body.is_object() {
        return Err(invalid("The body must be a JSON object"));
    }
    let name = body.get("modelId").and_then(Value::as_str).map(str::trim);
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| invalid("modelId is required and must be a string"))?;
    let is_success = body.get("success") == Some(&Value::Bool(true));
    let issue = match (
        is_success,
        body.get("issue").filter(|issue| !issue.is_null()),
    ) {
        (true, None) => None,
        (true, Some(_)) => {
            return Err(invalid("issue must be absent when success is true"));
        }
        (false, issue) => {
            let issue = issue
                .and_then(Value::as_str)
                .filter(|issue| ISSUES.contains(issue));
            let issue = issue.ok_or_else(|| {
                invalid("issue must be one of rate_limited, unavailable, error, or success true")
            })?;
            Some(issue.to_owned())
        }
    };
    let model = catalog
        .find(name)
        .ok_or_else(|| FeedbackError::UnknownModel {
            model: shortened(name.to_owned()),
        })?;
    let words = |key: &str, max_chars: usize| {
        let words = body.get(key)?.as_str()?.trim();
        (!words.is_empty()).then(|| words.chars().take(max_chars).collect())
    };
    Ok(Feedback {
        model: model.id.clone(),
        is_success,
        issue,
        details: words("details", MAX_DETAILS_CHARS),
        request_id: words("requestId", MAX_REQUEST_ID_CHARS),
        is_dry_run: body.get("dryRun").is_some_and(is_truthy),
    })
}

/// Whether JavaScript takes a value for true.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}
