//! `freeway models show --json`: one model, for programs.

use router::catalog::{Deployment, Tier};
use router::provider::AccountLimits;
use serde_json::{Value, json};
use store::SpecChange;

use super::figures::{availability_json, error_rate_json, times_json};
use super::show::{Told, other_names};
use crate::knowledge::told_times;
use crate::moments::rfc3339;

pub(super) fn json(told: &Told<'_>) -> Value {
    let (shown, model) = (&told.shown, told.shown.model);
    let errors: Value = told
        .errors
        .iter()
        .map(|(window, known)| (window.as_str().to_owned(), error_rate_json(known)))
        .collect();
    let days = told.availability.days.iter();
    let days: Vec<Value> = days
        .filter(|day| day.is_tracked() || day.is_unobserved())
        .map(|day| {
            json!({
                "date": day.date.to_string(),
                "status": day.status().as_str(),
                "good_hours": day.num_good(),
                "observed_hours": day.num_observed(),
                "not_observed_hours": day.num_not_observed,
            })
        })
        .collect();
    let mut availability = availability_json(&told.availability);
    availability["by_day"] = days.into();
    let deployments = model.deployments.iter();
    let deployments: Vec<Value> = deployments
        .map(|one| deployment_json(one, told.limits.get(&one.key.provider)))
        .collect();
    json!({
        "id": shown.id,
        "canonical_id": model.id.0,
        "other_names": other_names(shown.id, model),
        "name": shown.name(),
        "author": model.author,
        "spec": shown.spec,
        "first_seen_at": model.first_seen_at.map(rfc3339),
        "last_seen_at": model.last_seen_at.map(rfc3339),
        "is_offered": model.is_active(),
        "deployments": deployments,
        "availability": availability,
        "errors": errors,
        "times": times_json(&told.times, told_times(model)),
        "changes": told.changes.iter().map(change_json).collect::<Vec<_>>(),
    })
}

fn deployment_json(one: &Deployment, limits: Option<&AccountLimits>) -> Value {
    let status = one.status.map(|(status, at)| {
        json!({
            "at": rfc3339(at),
            "is_up": status.is_up,
            "uptime_percent": status.uptime_percent,
            "first_token_ms": status.first_token_ms,
            "tokens_per_second": status.tokens_per_second,
        })
    });
    let limits = limits.map(|limits| {
        json!({
            "requests_per_minute": limits.requests_per_minute,
            "requests_per_day": limits.requests_per_day,
            "tokens_per_minute": limits.tokens_per_minute,
            "tokens_per_day": limits.tokens_per_day,
        })
    });
    json!({
        "provider": one.key.provider,
        "name": one.key.name,
        "is_hosted": one.tier == Tier::Hosted,
        "spec": one.spec,
        "aliases": one.aliases,
        "first_seen_at": rfc3339(one.first_seen_at),
        "last_seen_at": rfc3339(one.last_seen_at),
        "gone_at": one.gone_at.map(rfc3339),
        "account_limits": limits,
        "status": status,
    })
}

fn change_json(change: &SpecChange) -> Value {
    // They are JSON; one that is not is a text.
    let value = |json: &Option<String>| {
        let json = json.as_deref()?;
        Some(serde_json::from_str(json).unwrap_or_else(|_| Value::from(json)))
    };
    json!({
        "at": rfc3339(change.at),
        "deployment": change.deployment.as_ref().map(|key| json!({
            "provider": key.provider,
            "name": key.name,
        })),
        "field": change.field,
        "old": value(&change.old),
        "new": value(&change.new),
    })
}
