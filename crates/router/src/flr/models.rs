//! `GET /api/v1/models/ids` and `GET /api/v1/models/full`.

use serde_json::{Map, Value, json};

use super::errors::ErrorRates;
use super::{
    Freshness, ListParams, Shown, chosen, extend, moment, percent, runs_here, spec_fields, text,
};
use crate::catalog::Catalog;

/// The body of the list of ids.
pub fn ids_body(
    catalog: &Catalog,
    errors: &ErrorRates,
    params: &ListParams,
    freshness: &Freshness,
    request_id: &str,
) -> Value {
    let chosen = chosen(catalog, errors, params);
    let ids: Vec<&str> = chosen.iter().map(|one| one.id).collect();
    let body = json!({ "ids": ids, "count": ids.len(), "requestId": request_id });
    with_meta(body, freshness)
}

/// The body of the list of models.
pub fn full_body(
    catalog: &Catalog,
    errors: &ErrorRates,
    params: &ListParams,
    freshness: &Freshness,
) -> Value {
    let chosen = chosen(catalog, errors, params);
    let models: Vec<Value> = chosen.iter().map(|one| model_json(one, errors)).collect();
    let mut counts = Map::new();
    for model in catalog.models() {
        let rate = errors.of(model);
        if rate.rate.is_some() {
            let mut of_model = json!({ "errorRate": percent(rate.share()) });
            extend(&mut of_model, rate.counts());
            counts.insert(Shown::of(model).id.to_owned(), of_model);
        }
    }
    let use_cases: Vec<&str> = params.use_cases.iter().map(|case| case.as_str()).collect();
    let mut body = json!({
        "models": models,
        "feedbackCounts": counts,
        "lastUpdated": freshness.updated_at.map(moment),
    });
    if !use_cases.is_empty() {
        extend(&mut body, json!({ "useCases": use_cases }));
    }
    let rest = json!({
        "sort": params.sort.as_str(),
        "excludeModelIds": params.saved.exclude_model_ids,
        "count": models.len(),
        "timeRange": params.window.as_str(),
    });
    extend(&mut body, rest);
    with_meta(body, freshness)
}

fn with_meta(mut body: Value, freshness: &Freshness) -> Value {
    if let Some(meta) = freshness.meta() {
        extend(&mut body, json!({ "_meta": meta }));
    }
    body
}

fn model_json(shown: &Shown<'_>, errors: &ErrorRates) -> Value {
    let (model, spec) = (shown.model, &shown.spec);
    let rate = errors.of(model);
    let mut json = json!({
        "id": shown.id,
        "name": shown.name(),
        "description": text(&spec.description),
        "isModerated": spec.is_moderated,
        "lastSeenAt": model.last_seen_at.map(moment),
        "createdAt": model.first_seen_at.map(moment),
        "issueCount": rate.num_failed(),
        "errorRate": percent(rate.share()),
    });
    extend(&mut json, spec_fields(shown));
    extend(&mut json, rate.grounds());
    let providers: Vec<&str> = model
        .active()
        .map(|one| one.key.provider.as_str())
        .collect();
    let more = json!({
        "otherFaults": rate.others(),
        "canonicalId": model.id.0,
        "providers": providers,
        "runsHere": runs_here(model),
        "expirationDate": spec.expiration_date,
    });
    extend(&mut json, more);
    json
}
