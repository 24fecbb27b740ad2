//! The envelope of errors.

use serde_json::{Value, json};

use crate::error::{FailureKind, RouterError};
use crate::policy::Exclusion;
use crate::router::AttemptSummary;

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
        RouterError::NotOffered { .. } => (
            "invalid_request_error",
            Some("model"),
            Some("model_not_offered"),
        ),
        RouterError::ModelNotAllowed { .. } => of_kind(FailureKind::ModelNotAllowed, Some("model")),
        RouterError::QuotaExceeded(_) => of_kind(FailureKind::CallerQuotaExceeded, None),
        RouterError::Provider(provider) => of_kind(provider.kind, provider.param),
        RouterError::Failed(failed) => {
            let mut json = error_body(&failed.error);
            json["error"]["metadata"] = metadata(&failed.trail, &failed.excluded);
            return json;
        }
        RouterError::Exhausted(exhausted) => of_kind(exhausted.kind, None),
    };
    let mut json = json!({"error": {
        "message": error.to_string(),
        "type": kind,
        "param": param,
        "code": code,
    }});
    if let RouterError::Exhausted(exhausted) = error {
        json["error"]["metadata"] = metadata(&exhausted.trail, &exhausted.excluded);
    }
    json
}

/// Who was asked, and who not.
fn metadata(trail: &[AttemptSummary], excluded: &[(String, Exclusion)]) -> Value {
    let attempts = trail.iter().map(|one| {
        let failure = one.failure.map(FailureKind::as_str);
        json!({"deployment": one.deployment, "failure": failure})
    });
    let excluded = excluded.iter().map(|(deployment, why)| {
        let mut json = json!({"deployment": deployment, "reason": why.as_str()});
        if let Some(failure) = why.failure() {
            json["failure"] = failure.as_str().into();
        }
        json
    });
    json!({
        "attempts": attempts.collect::<Vec<_>>(),
        "excluded": excluded.take(MAX_EXCLUDED).collect::<Vec<_>>(),
    })
}

/// Deployments that were not asked and are listed.
const MAX_EXCLUDED: usize = 50;

fn of_kind(
    kind: FailureKind,
    param: Option<&'static str>,
) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    let word = Some(kind.as_str());
    match kind {
        FailureKind::ContextLengthExceeded | FailureKind::ModelNotAllowed => {
            ("invalid_request_error", param, word)
        }
        FailureKind::InvalidRequest => ("invalid_request_error", param, None),
        FailureKind::ContentRefused => ("invalid_request_error", None, Some("content_filter")),
        FailureKind::Overloaded | FailureKind::CallerQuotaExceeded => {
            ("rate_limit_error", None, word)
        }
        FailureKind::RateLimited
        | FailureKind::AccountRateLimited
        | FailureKind::AccountQuotaExhausted => {
            ("rate_limit_error", None, Some("rate_limit_exceeded"))
        }
        FailureKind::Unavailable | FailureKind::ShutDown => {
            ("server_error", None, Some("unavailable"))
        }
        _ => ("server_error", param, word),
    }
}
