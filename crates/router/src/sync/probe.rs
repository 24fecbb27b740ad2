//! Tiny questions to deployments that nobody asked anything lately: so that it is known whether they
//! answer. Off unless they are given a budget: each counts as a request of our account.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use store::{DeploymentKey, Hour, Observation, OutcomeSum};

use crate::accounts::RequestEnd;
use crate::catalog::{Catalog, Deployment, Tier};
use crate::error::{FailureKind, FaultDomain, RouterError};
use crate::openai::ChatRequest;
use crate::provider::{AnswerEvent, Provider};

/// Tokens of an answer, at most: fewer and a model that reasons would not come to say anything.
const MAX_TOKENS: u32 = 96;
/// Tokens of the question, about, with what a model of gpt-oss adds to it.
pub(super) const PROMPT_TOKENS: u64 = 72;
/// How long an answer may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);
/// Events of an answer after which it is no short one any more.
const MAX_EVENTS: usize = 10_000;

/// How much may be probed within one interval, of a budget for a day, at `now_ms`: so much that the
/// day's budget is not used up before the day is.
pub(super) fn share_of_day(budget: u32, num_used: u64, now_ms: i64) -> u64 {
    const DAY_MS: i64 = 86_400_000;
    let passed = now_ms.rem_euclid(DAY_MS) as f64 / DAY_MS as f64;
    // What would be used up by the end of this hour, if it were used evenly.
    let allowed = (f64::from(budget) * (passed + 1.0 / 24.0)).min(f64::from(budget));
    (allowed as u64).saturating_sub(num_used)
}

/// The deployments to probe within `hour`: hosted ones for conversations of which nobody knows
/// whether they answered within this hour, first those of which nothing is known for longest.
pub fn choose_probes(
    catalog: &Catalog,
    observations: &[Observation],
    sums: &[OutcomeSum],
    hour: Hour,
) -> Vec<DeploymentKey> {
    let mut tried: HashMap<&DeploymentKey, Hour> = HashMap::new();
    let mut note = |key, at: Hour| {
        let last = tried.entry(key).or_insert(at);
        *last = (*last).max(at);
    };
    for one in observations {
        if one.num_probes_ok + one.num_probes_failed > 0 {
            note(&one.key, one.hour);
        }
    }
    for sum in sums {
        let is_told = sum.outcome == "ok" || sum.fault_domain == FaultDomain::Host.as_str();
        if is_told && sum.sum.count > 0 {
            note(&sum.deployment, Hour::of(sum.start));
        }
    }
    let is_wanted = |one: &Deployment| {
        let is_fresh = tried.get(&one.key).is_some_and(|&at| at >= hour);
        one.is_active() && one.tier == Tier::Hosted && !is_fresh
    };
    let mut chosen: Vec<&DeploymentKey> = catalog
        .deployments()
        .filter(|(model, one)| model.is_chat() && is_wanted(one))
        .map(|(_, one)| &one.key)
        .collect();
    chosen.sort_by_key(|&key| (tried.get(key).copied().unwrap_or(Hour(i64::MIN)), key));
    chosen.into_iter().cloned().collect()
}

/// Asks a deployment something.
pub(super) async fn probe(provider: &dyn Provider, name: &str) -> RequestEnd {
    let asked = tokio::time::timeout(PROBE_TIMEOUT, ask(provider, name));
    let end = asked.await.unwrap_or(RequestEnd {
        failure: Some(FailureKind::Timeout),
        ..RequestEnd::default()
    });
    if let Some(kind) = end.failure {
        let kind = kind.as_str();
        tracing::debug!(provider = %provider.id(), model = name, kind, "probe failed");
    }
    end
}

/// Whether a deployment answers whose probe ended so. `None`: that could not be learned, since it was
/// not its own fault that it did not.
pub(super) fn answers(failure: Option<FailureKind>) -> Option<bool> {
    match failure {
        None => Some(true),
        // It thinks, and it was we who gave it so few tokens.
        Some(FailureKind::TruncatedReasoning) => Some(true),
        Some(kind) => (kind.fault_domain() == FaultDomain::Host).then_some(false),
    }
}

async fn ask(provider: &dyn Provider, name: &str) -> RequestEnd {
    let body = json!({
        "model": name,
        "messages": [{"role": "user", "content": "Reply with the word yes."}],
        "max_tokens": MAX_TOKENS,
        "reasoning": {"effort": "low"},
        "stream": true,
    });
    let body = Bytes::from(body.to_string());
    let failed = |error: RouterError| RequestEnd {
        failure: Some(error.kind()),
        retry_after: match &error {
            RouterError::Provider(error) => error.retry_after,
            _ => None,
        },
        usage: None,
    };
    let request = match ChatRequest::from_json(body) {
        Ok(request) => Arc::new(request),
        Err(error) => return failed(error.into()),
    };
    let mut answer = match provider.chat(name, &request).await {
        Ok(answer) => answer,
        Err(error) => return failed(error),
    };
    let mut end = RequestEnd {
        failure: Some(FailureKind::InvalidResponse),
        ..RequestEnd::default()
    };
    for _ in 0..MAX_EVENTS {
        end.failure = match answer.next().await {
            Some(Ok(AnswerEvent::Ended { fault, .. })) => fault,
            Some(Ok(_)) => continue,
            Some(Err(error)) => {
                end.retry_after = error.retry_after;
                Some(error.kind)
            }
            None => Some(FailureKind::BrokenStream),
        };
        break;
    }
    end.usage = answer.progress().usage;
    end
}
