//! The headers that say how a request was routed.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use router::AttemptSummary;

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
    let mut name = |header: HeaderName, text: &str| {
        // Names come from hosts and may have letters that a header cannot.
        let text: String = text
            .chars()
            .map(|letter| match letter {
                ' '..='~' => letter,
                _ => '?',
            })
            .collect();
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header, value);
        }
    };
    if let Some(deployment) = deployment {
        name(DEPLOYMENT, deployment);
    }
    let attempts: Vec<String> = trail.iter().map(AttemptSummary::to_text).collect();
    name(ATTEMPTS, &attempts.join(","));
}
