//! Why a request would go where it would go: the same decision as for a real one, told instead of
//! carried out. Nobody is asked and nothing is counted.

use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use store::Timestamp;

use super::Router;
use super::asked::Asked;
use super::table::Route;
use super::targets::targets;
use super::wishes::{needs_of, policy_of};
use crate::caller::Caller;
use crate::error::RouterError;
use crate::openai::ChatRequest;
use crate::policy::{Exclusion, Score, order};
use crate::recorder::now;

impl Router {
    /// Whom a conversation would be sent to, in order, with scores and quotas; whom not, and why.
    ///
    /// # Errors
    /// If there is no such model, or nobody who offers it.
    pub fn explain(
        &self,
        caller: &Caller,
        request: &Arc<ChatRequest>,
    ) -> Result<Value, RouterError> {
        let asked = Asked::Chat(request);
        let table = self.table();
        let targets = targets(&table, caller, &asked)?;
        let (needs, now) = (needs_of(caller, &asked), now());
        let candidates: Vec<_> = targets
            .iter()
            .map(|target| target.candidate(&needs, now))
            .collect();
        let policy = policy_of(caller, 0.0);
        // Whom chance would put first is left out: it would be another one each time.
        let ranking = order(&candidates, &needs, &policy, 1.0);
        let ranked = ranking.ranked.iter().map(|one| {
            let mut json = route_json(&targets[one.index].route, now);
            json["score"] = score_json(one.score);
            json
        });
        let excluded = ranking.excluded.iter().map(|&(index, why)| {
            let mut json = route_json(&targets[index].route, now);
            json["reason"] = why.as_str().into();
            json["detail"] = detail_json(why);
            json["until"] = why.until().map(rfc3339).into();
            json
        });
        Ok(json!({
            "object": "route.explanation",
            "models": asked.models().collect::<Vec<_>>(),
            "needs": {
                "prompt_tokens": needs.prompt_tokens,
                "output_tokens": needs.output_tokens,
                "tools": needs.tools,
                "images": needs.images,
                "forced_call": needs.forced_call,
                "structured_output": needs.structured_output,
                "reasoning": needs.reasoning,
                "no_training": needs.no_training,
            },
            "order": ranked.collect::<Vec<_>>(),
            "excluded": excluded.collect::<Vec<_>>(),
            "exploration": self.config.exploration,
        }))
    }
}

fn route_json(route: &Route, now: Timestamp) -> Value {
    let view = route.health.view(now);
    let account = route.host.account();
    let quotas = account.uses(now).into_iter().map(|one| {
        json!({
            "window": one.window.as_str(),
            "limit": one.limit,
            "remaining": one.remaining,
            "resets_at": rfc3339(one.resets_at),
        })
    });
    json!({
        "deployment": route.label,
        "provider": route.key.provider,
        "model": route.model.0,
        "tier": route.tier.as_str(),
        "breaker": view.breaker.as_str(),
        "recent": {"ok": rounded(view.num_good), "failed": rounded(view.num_bad)},
        "first_token_ms": view.first_token_ms.map(rounded),
        "tokens_per_second": view.tokens_per_second.map(rounded),
        "quotas": quotas.collect::<Vec<_>>(),
    })
}

fn score_json(score: Score) -> Value {
    json!({
        "total": rounded(score.total),
        "reliability": rounded(score.reliability),
        "speed": rounded(score.speed),
        "quota": rounded(score.quota),
    })
}

fn detail_json(why: Exclusion) -> Value {
    match why {
        Exclusion::ContextTooShort { context_length } => json!({"context_length": context_length}),
        Exclusion::TooManyErrors { error_rate } => json!({"error_rate": rounded(error_rate)}),
        Exclusion::AccountRefused { why, .. } => json!({"failure": why.as_str()}),
        Exclusion::BreakerOpen { why, is_stated, .. } => {
            json!({"failure": why.as_str(), "stated_by_host": is_stated})
        }
        _ => Value::Null,
    }
}

/// To four digits after the point: what is more is noise.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn rfc3339(at: Timestamp) -> Option<String> {
    let nanos = i128::from(at.0) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    time.format(&Rfc3339).ok()
}
