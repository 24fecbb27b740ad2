//! OpenRouter's lists: its models, of which those count that cost nothing, and the hosts of one
//! model. Every field may be missing, and new values appear at any time.

use serde_json::{Map, Value};

use super::canonical_id;
use super::list::{self, Entry, ListError, MAX_LIST_BYTES, ModelList};
use crate::model_info::{ModelInfo, ModelSpec, ReasoningSpec};
use crate::provider::EndpointStatus;

/// Levels of a price that are looked through.
const MAX_PRICE_DEPTH: usize = 4;

/// The models that cost nothing, of the answer to `GET /models`.
///
/// # Errors
/// If it is no list of models.
pub fn parse_models(provider: &str, body: &[u8]) -> Result<ModelList, ListError> {
    list::read(body, &["data"], |entry| match model(provider, entry) {
        None => Entry::Broken,
        Some(_) if !is_free(entry.get("pricing")) => Entry::NotOffered,
        Some(info) => Entry::Model(Box::new(info)),
    })
}

/// Whether every price is there and exactly zero: of prompts, of answers, and whatever else is
/// charged for. Below zero are the prices of routers, which stand for somebody else's.
fn is_free(pricing: Option<&Value>) -> bool {
    let Some(Value::Object(prices)) = pricing else {
        return false;
    };
    let is_stated = |key: &str| prices.get(key).is_some_and(|price| !price.is_null());
    let mut prices_only = prices.iter().filter(|(key, _)| *key != "discount");
    is_stated("prompt")
        && is_stated("completion")
        && prices_only.all(|(_, price)| is_zero(price, 0))
}

/// Whether a price, or all those in it, are zero. `null` is no price.
fn is_zero(price: &Value, depth: usize) -> bool {
    if depth > MAX_PRICE_DEPTH {
        return false;
    }
    match price {
        Value::Null => true,
        Value::Bool(_) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim().parse() == Ok(0.0),
        Value::Array(prices) => prices.iter().all(|price| is_zero(price, depth + 1)),
        // Such as prices from so many tokens on.
        Value::Object(prices) => prices.iter().all(|(key, price)| {
            key.starts_with("min_") || key.starts_with("max_") || is_zero(price, depth + 1)
        }),
    }
}

fn model(provider: &str, entry: &Map<String, Value>) -> Option<ModelInfo> {
    let provider_name = list::name(entry, "id")?;
    let slug = list::name(entry, "canonical_slug");
    let hugging_face_id = list::name(entry, "hugging_face_id");
    let id = canonical_id(
        provider,
        &provider_name,
        hugging_face_id.as_deref(),
        slug.as_deref(),
    );
    let empty = Map::new();
    let part = |key: &str| entry.get(key).and_then(Value::as_object).unwrap_or(&empty);
    let (architecture, host) = (part("architecture"), part("top_provider"));
    let output_modalities = list::words(architecture, "output_modalities");
    let owned_by = id.0.split('/').next().unwrap_or_default().to_owned();
    let is_other_name = |slug: &String| *slug != provider_name && *slug != id.0;
    let spec = ModelSpec {
        name: list::text(entry, "name").unwrap_or_default(),
        description: list::text(entry, "description").unwrap_or_default(),
        created: list::count(entry, &["created"]).and_then(|at| i64::try_from(at).ok()),
        context_length: list::count(entry, &["context_length"])
            .or_else(|| list::count(host, &["context_length"])),
        max_output_tokens: list::count(host, &["max_completion_tokens"]),
        modality: list::text(architecture, "modality"),
        input_modalities: list::words(architecture, "input_modalities"),
        supported_parameters: list::words(entry, "supported_parameters"),
        is_moderated: host.get("is_moderated").and_then(Value::as_bool),
        trains_on_prompts: None,
        expiration_date: list::text(entry, "expiration_date"),
        knowledge_cutoff: list::text(entry, "knowledge_cutoff"),
        quantization: None,
        reasoning: entry
            .get("reasoning")
            .and_then(Value::as_object)
            .map(reasoning),
        kind: list::kind(&provider_name, &output_modalities),
        output_modalities,
        hugging_face_id,
    };
    Some(ModelInfo {
        aliases: slug.into_iter().filter(is_other_name).collect(),
        id,
        provider_name,
        owned_by,
        spec,
    })
}

fn reasoning(said: &Map<String, Value>) -> ReasoningSpec {
    ReasoningSpec {
        is_mandatory: said.get("mandatory").and_then(Value::as_bool) == Some(true),
        efforts: list::words(said, "supported_efforts"),
        default_effort: list::text(said, "default_effort"),
    }
}

/// The health of a model, of the answer to `GET /models/{author}/{slug}/endpoints`: that of its best
/// host. Without a host it cannot be called.
///
/// # Errors
/// If it is no list of hosts.
pub fn parse_endpoints(body: &[u8]) -> Result<EndpointStatus, ListError> {
    if body.len() > MAX_LIST_BYTES {
        return Err(ListError::TooLarge { got: body.len() });
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| ListError::NotJson {
        reason: error.to_string(),
    })?;
    let endpoints = value.get("data").and_then(|data| data.get("endpoints"));
    let endpoints = endpoints
        .and_then(Value::as_array)
        .ok_or(ListError::NoList)?;
    let hosts = endpoints
        .iter()
        .filter_map(Value::as_object)
        .map(host_status);
    let best = hosts.reduce(|best, other| match merit(&best) < merit(&other) {
        true => other,
        false => best,
    });
    Ok(best.unwrap_or_default())
}

fn merit(status: &EndpointStatus) -> (bool, u64) {
    // In thousandths of a percent, to be compared.
    let uptime = status.uptime_percent.unwrap_or(0.0) * 1000.0;
    (status.is_up, uptime as u64)
}

fn host_status(host: &Map<String, Value>) -> EndpointStatus {
    let number = |value: Option<&Value>| value?.as_f64().filter(|number| number.is_finite());
    let median = |key: &str| number(host.get(key)?.get("p50")).filter(|&median| median > 0.0);
    let uptime = number(host.get("uptime_last_30m")).or_else(|| number(host.get("uptime_last_1d")));
    // Below zero the host is out of the usual choice, yet it may answer.
    let is_marked_down = number(host.get("status")).is_some_and(|status| status < 0.0);
    let is_failing = uptime.is_some_and(|percent| percent <= 0.0);
    let is_answering = uptime.is_some_and(|percent| percent >= 50.0);
    EndpointStatus {
        is_up: !is_failing && (!is_marked_down || is_answering),
        uptime_percent: uptime,
        // Documents say milliseconds and examples show seconds; nobody answers in 50 ms.
        first_token_ms: median("latency_last_30m").map(|latency| match latency < 50.0 {
            true => latency * 1000.0,
            false => latency,
        }),
        tokens_per_second: median("throughput_last_30m"),
    }
}

#[cfg(test)]
mod tests;
