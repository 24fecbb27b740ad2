//! The headers that say how a request was routed.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use router::{AttemptSummary, Failed, QuotaState, RouterError};

use crate::error::ApiError;
use crate::quota;

/// Who answers, `provider/name`.
pub(crate) const DEPLOYMENT: HeaderName = HeaderName::from_static("x-freeway-deployment");
/// Who was asked and how that ended, `provider/name=word` with commas between.
pub(crate) const ATTEMPTS: HeaderName = HeaderName::from_static("x-freeway-attempts");

/// Names who answers, if anybody does, and who was asked.
pub(crate) fn name_attempts(
    headers: &mut HeaderMap,
    deployment: Option<&str>,
    trail: &[AttemptSummary],
) {
    let mut name = |header: HeaderName, mut text: String| {
        // Names come from hosts and may have letters that a header cannot.
        if text.contains(|letter| !matches!(letter, ' '..='~')) {
            text = text.replace(|letter| !matches!(letter, ' '..='~'), "?");
        }
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
            headers.insert(header, value);
        }
    };
    if let Some(deployment) = deployment {
        name(DEPLOYMENT, deployment.to_owned());
    }
    let attempts: Vec<String> = trail.iter().map(AttemptSummary::to_text).collect();
    name(ATTEMPTS, attempts.join(","));
}

/// What of an answer goes into the head of the response, once its stream is somebody else's.
pub(crate) struct AnswerHead {
    /// Who answers.
    pub(crate) deployment: String,
    /// Who was asked.
    pub(crate) trail: Vec<AttemptSummary>,
    /// What is left of the caller's quota.
    pub(crate) quota: Option<QuotaState>,
}

impl AnswerHead {
    /// The response with it.
    pub(crate) fn on(&self, mut response: Response) -> Response {
        name_attempts(response.headers_mut(), Some(&self.deployment), &self.trail);
        quota::told(response, self.quota.as_ref())
    }

    /// The error that the answer ended in before any of it was passed on, with it.
    pub(crate) fn on_error(&self, error: ApiError) -> ApiError {
        let ApiError::Router(error) = error else {
            return error;
        };
        let mut trail = self.trail.clone();
        if let Some(last) = trail.last_mut() {
            last.failure = Some(error.kind());
        }
        ApiError::Router(RouterError::Failed(Box::new(Failed {
            retry_after: error.retry_after(),
            excluded: Vec::new(),
            trail,
            error,
        })))
    }
}
