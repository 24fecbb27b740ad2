//! Lists of models, and what else hosts tell of themselves. Every field is optional: of a list of
//! hundreds one odd entry must not cost the others.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::{FreeRule, ListedModel};
use crate::model_info::{ModelId, ModelInfo, ModelSpec, ReasoningSpec};
use crate::provider::EndpointStatus;

/// Most entries of a list that are read, and longest name.
const MAX_ENTRIES: usize = 10_000;
const MAX_NAME_BYTES: usize = 256;
/// Longest description that is kept.
const MAX_DESCRIPTION_CHARS: usize = 8192;
/// Most entries of the lists within a model, and most characters of each.
const MAX_WORDS: usize = 64;

#[derive(Deserialize)]
struct Envelope {
    data: Vec<Value>,
}

/// The entries of `{"data": […]}`, or of a bare list; `None` if it is neither.
fn entries(json: &[u8]) -> Option<Vec<Value>> {
    let mut entries = match serde_json::from_slice::<Envelope>(json) {
        Ok(envelope) => envelope.data,
        Err(_) => serde_json::from_slice(json).ok()?,
    };
    entries.truncate(MAX_ENTRIES);
    Some(entries)
}

/// Free models of OpenRouter's `/models`. `None` if it is no such list, or an empty one, which
/// OpenRouter's never is.
pub(crate) fn openrouter_list(json: &[u8], free: &FreeRule) -> Option<Vec<ModelInfo>> {
    let entries = entries(json).filter(|entries| !entries.is_empty())?;
    let models = entries
        .iter()
        .filter_map(Value::as_object)
        .filter_map(|model| openrouter_model(model, free));
    Some(without_repeats(models))
}

fn openrouter_model(model: &Map<String, Value>, free: &FreeRule) -> Option<ModelInfo> {
    let name = name_of(model)?;
    let is_free = match free {
        FreeRule::ZeroPrices => has_zero_prices(model.get("pricing")?.as_object()?),
        FreeRule::Everything => true,
        FreeRule::Named(names) => names.iter().any(|one| *one == name),
    };
    if !is_free {
        return None;
    }
    let id = name.strip_suffix(":free").unwrap_or(&name).to_owned();
    let null = Value::Null;
    let architecture = model.get("architecture").unwrap_or(&null);
    let top = model.get("top_provider").unwrap_or(&null);
    let text = |value: &Value| value.as_str().map(|text| cut(text, MAX_NAME_BYTES));
    let field = |name: &str| model.get(name).and_then(text);
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).filter(|&n| n > 0);
    let spec = ModelSpec {
        name: field("name").unwrap_or_else(|| id.clone()),
        description: model
            .get("description")
            .and_then(Value::as_str)
            .map(|text| cut(text, MAX_DESCRIPTION_CHARS))
            .unwrap_or_default(),
        created: model.get("created").and_then(Value::as_i64),
        // What the host of first choice takes counts, where it says less than the model could.
        context_length: number(top.get("context_length")).or(number(model.get("context_length"))),
        max_output_tokens: number(top.get("max_completion_tokens")),
        modality: architecture.get("modality").and_then(text),
        input_modalities: words(architecture.get("input_modalities")),
        output_modalities: words(architecture.get("output_modalities")),
        supported_parameters: words(model.get("supported_parameters")),
        is_moderated: top.get("is_moderated").and_then(Value::as_bool),
        trains_on_prompts: None,
        expiration_date: field("expiration_date").map(|date| cut(&date, 10)),
        knowledge_cutoff: field("knowledge_cutoff"),
        hugging_face_id: field("hugging_face_id").filter(|id| !id.is_empty()),
        quantization: None,
        reasoning: model.get("reasoning").and_then(reasoning),
    };
    let owned_by = id.split('/').next().unwrap_or_default().to_owned();
    Some(ModelInfo {
        aliases: match id == name {
            true => Vec::new(),
            false => vec![name.clone()],
        },
        id: ModelId(id),
        provider_name: name,
        owned_by,
        spec,
    })
}

fn reasoning(value: &Value) -> Option<ReasoningSpec> {
    let object = value.as_object()?;
    let default_effort = object.get("default_effort").and_then(Value::as_str);
    Some(ReasoningSpec {
        is_mandatory: object
            .get("mandatory")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        efforts: words(object.get("supported_efforts")),
        default_effort: default_effort.map(|effort| cut(effort, MAX_WORDS)),
    })
}

/// Whether every price is zero, and those of prompt and completion are there. A price that is no
/// number is not zero; `discount` and `overrides` are no prices.
fn has_zero_prices(pricing: &Map<String, Value>) -> bool {
    let is_zero = |value: &Value| match value {
        Value::String(text) => text.trim().parse::<f64>().is_ok_and(|price| price == 0.0),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let is_told = |name: &str| pricing.get(name).is_some_and(|price| !price.is_null());
    is_told("prompt")
        && is_told("completion")
        && pricing
            .iter()
            .filter(|(name, _)| name.as_str() != "discount" && name.as_str() != "overrides")
            .all(|(_, price)| is_zero(price))
}

/// Models of a list in OpenAI's form. `known` says which names mean which models.
pub(crate) fn openai_list(
    json: &[u8],
    known: &[ListedModel],
    free: &FreeRule,
) -> Option<Vec<ModelInfo>> {
    let models = entries(json)?;
    let models = models.iter().filter_map(|model| {
        let object = model.as_object()?;
        let name = name_of(object)?;
        let is_free = match free {
            FreeRule::Everything => true,
            FreeRule::Named(names) => names.iter().any(|one| *one == name),
            FreeRule::ZeroPrices => has_zero_prices(object.get("pricing")?.as_object()?),
        };
        is_free.then(|| openai_model(object, name, known))
    });
    Some(without_repeats(models))
}

fn openai_model(object: &Map<String, Value>, name: String, known: &[ListedModel]) -> ModelInfo {
    let id = known.iter().find(|model| model.name == name);
    let id = id.map_or_else(|| name.clone(), |model| model.id.clone());
    let owned_by = object.get("owned_by").and_then(Value::as_str);
    // What servers of open models call the context.
    let context_length = [
        "context_length",
        "context_window",
        "max_model_len",
        "max_context_length",
    ]
    .iter()
    .find_map(|field| object.get(*field).and_then(Value::as_u64));
    ModelInfo {
        owned_by: match (id.split_once('/'), owned_by) {
            (Some((maker, _)), _) => maker.to_owned(),
            (None, owner) => cut(owner.unwrap_or_default(), MAX_NAME_BYTES),
        },
        aliases: match id == name {
            true => Vec::new(),
            false => vec![name.clone()],
        },
        spec: ModelSpec {
            name: id.clone(),
            created: object.get("created").and_then(Value::as_i64),
            context_length,
            max_output_tokens: object.get("max_completion_tokens").and_then(Value::as_u64),
            ..ModelSpec::default()
        },
        id: ModelId(id),
        provider_name: name,
    }
}

fn without_repeats(models: impl Iterator<Item = ModelInfo>) -> Vec<ModelInfo> {
    let mut seen = HashSet::new();
    models
        .filter(|model| seen.insert(model.provider_name.clone()))
        .collect()
}

fn name_of(model: &Map<String, Value>) -> Option<String> {
    let name = ["id", "name"]
        .iter()
        .find_map(|field| model.get(*field).and_then(Value::as_str))?;
    let is_name = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.chars().all(|c| !c.is_control() && !c.is_whitespace());
    is_name.then(|| name.to_owned())
}

fn words(value: Option<&Value>) -> Vec<String> {
    let list = value
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let words = list.iter().filter_map(Value::as_str);
    words
        .take(MAX_WORDS)
        .map(|word| cut(word, MAX_WORDS))
        .collect()
}

fn cut(text: &str, max_chars: usize) -> String {
    text.chars().take(max_chars).collect()
}

/// What OpenRouter says of the endpoints of a model, summed up: the best one counts. `None` if it
/// is no such answer.
pub(crate) fn endpoint_status(json: &[u8]) -> Option<EndpointStatus> {
    let value: Value = serde_json::from_slice(json).ok()?;
    let endpoints = value.get("data")?.get("endpoints")?.as_array()?;
    let statuses = endpoints.iter().map(|endpoint| {
        let number = |name: &str| endpoint.get(name).and_then(Value::as_f64);
        let median = |name: &str| endpoint.get(name)?.get("p50").and_then(Value::as_f64);
        EndpointStatus {
            // 0 is well; what is below ranges from degraded to switched off.
            is_up: number("status").is_none_or(|status| status >= 0.0),
            uptime_percent: number("uptime_last_30m").or_else(|| number("uptime_last_1d")),
            first_token_ms: median("latency_last_30m").map(milliseconds),
            tokens_per_second: median("throughput_last_30m"),
        }
    });
    let better = |one: EndpointStatus, other: EndpointStatus| {
        let rank = |status: &EndpointStatus| (status.is_up, status.uptime_percent);
        match rank(&other) > rank(&one) {
            true => other,
            false => one,
        }
    };
    // Nobody runs it: it is listed and cannot be called.
    Some(statuses.reduce(better).unwrap_or_default())
}

/// OpenRouter's documents say milliseconds and show seconds. No hosted model begins within a few
/// tens of milliseconds, and none that is up takes as many seconds.
fn milliseconds(latency: f64) -> f64 {
    const MOST_SECONDS: f64 = 50.0;
    match latency < MOST_SECONDS {
        true => latency * 1000.0,
        false => latency,
    }
}

/// Limit and rest of the free requests of the day, in OpenRouter's `/key`.
pub(crate) fn openrouter_quota(json: &[u8]) -> Option<(Option<u64>, u64)> {
    let value: Value = serde_json::from_slice(json).ok()?;
    let requests = value.get("data")?.get("free_model_daily_requests")?;
    let number = |name: &str| requests.get(name).and_then(Value::as_u64);
    let limit = number("limit");
    let left = || Some(limit?.saturating_sub(number("used")?));
    Some((limit, number("remaining").or_else(left)?))
}

#[cfg(test)]
mod tests;
