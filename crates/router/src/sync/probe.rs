//! Tiny questions to deployments that nobody asked anything lately: so that it is known whether they
//! answer. Off unless they are given a budget: each counts as a request of our account.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use store::{
    CatalogUpdate, Counter, DeploymentKey, Hour, Observation, OutcomeSum, Resolution, StoreError,
    SumQuery, Take, Taken, Timestamp,
};

use super::Syncer;
use crate::accounts::RequestEnd;
use crate::catalog::{Catalog, Deployment, Tier};
use crate::error::{FailureKind, FaultDomain, RouterError};
use crate::openai::ChatRequest;
use crate::provider::{AnswerEvent, Provider};

/// Hours of which it matters when a deployment was last heard of.
const PROBED_HOURS: i64 = 48;
/// The counter of probes.
pub(super) const PROBES: &str = "probes";
/// Tokens of an answer, at most: fewer and a model that reasons would not come to say anything.
const MAX_TOKENS: u32 = 96;
/// Tokens of the question, about, with what a model of gpt-oss adds to it.
pub(super) const PROMPT_TOKENS: u64 = 72;
/// How long an answer may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);
/// Events of an answer after which it is no short one any more.
const MAX_EVENTS: usize = 10_000;

impl Syncer {
    /// Asks some of those something of whom nothing was heard lately, as the budget of the day and the
    /// quotas of our accounts have it.
    pub(super) async fn probe(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(DeploymentKey, bool)>, StoreError> {
        let budget = self.config.probes_per_day;
        let mut probes = Vec::new();
        if budget == 0 {
            return Ok(probes);
        }
        let counter = Counter {
            name: PROBES.to_owned(),
            start: Timestamp(now.0 - now.0.rem_euclid(86_400_000)),
        };
        let used = self.store.counters(std::slice::from_ref(&counter)).await?;
        let used = used.first().copied().unwrap_or(0);
        let limit = share_of_day(budget, used, now.0);
        let hour = Hour::of(now);
        let from = Hour(hour.0 - PROBED_HOURS);
        let observations = self
            .store
            .observations(None, from, Hour(hour.0 + 1))
            .await?;
        let query = SumQuery {
            since: Some(from.start()),
            until: None,
            model: None,
            resolution: Resolution::Hour,
        };
        let sums = self.store.sum_attempts(&query).await?;
        let mut num_left = limit;
        for key in choose_probes(&self.stored, &observations, &sums, hour) {
            if num_left == 0 {
                break;
            }
            let Some(host) = self.accounts.at(&key.provider) else {
                continue;
            };
            // Those of other accounts may still be asked.
            if !host.take(&*self.store, PROMPT_TOKENS).await {
                continue;
            }
            let take = Take {
                counter: counter.clone(),
                amount: 1,
                limit: Some(u64::from(budget)),
            };
            // Before it is asked: what is sent counts, also if this server dies.
            if let Taken::Refused { .. } = self.store.take(&[take]).await? {
                break;
            }
            num_left -= 1;
            let end = probe(&*host.provider, &key.name).await;
            let more = host.ended(&end, PROMPT_TOKENS);
            if !more.is_empty() {
                self.store.take(&more).await?;
            }
            let Some(is_ok) = answers(end.failure) else {
                continue;
            };
            let update = CatalogUpdate {
                observations: vec![Observation {
                    key: key.clone(),
                    hour,
                    is_listed: true,
                    is_up: None,
                    num_probes_ok: u32::from(is_ok),
                    num_probes_failed: u32::from(!is_ok),
                }],
                ..CatalogUpdate::default()
            };
            self.store.update_catalog(&update).await?;
            probes.push((key, is_ok));
        }
        Ok(probes)
    }
}

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
