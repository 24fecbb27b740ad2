//! The lists of models of those who speak OpenAI's API, and what they add to it: Groq's
//! `context_window` and `active`, vLLM's `max_model_len`, llama.cpp's `meta`, Hugging Face's
//! `providers`, Pollinations' list without an envelope. They do not tell prices: whoever sets such a
//! provider up knows what his account pays.

use serde_json::{Map, Value};

use super::canonical_id;
use super::list::{self, Entry, ListError, ModelList};
use crate::model_info::{ModelInfo, ModelSpec, ReasoningSpec};

/// The models of the answer to `GET /models`.
///
/// # Errors
/// If it is no list of models.
pub fn parse_models(provider: &str, body: &[u8]) -> Result<ModelList, ListError> {
    list::read(body, &["data", "models", "result"], |entry| {
        let is_flag = |key: &str, flag: bool| entry.get(key).and_then(Value::as_bool) == Some(flag);
        match model(provider, entry) {
            None => Entry::Broken,
            Some(_) if is_flag("active", false) || is_flag("archived", true) => Entry::NotOffered,
            Some(info) => Entry::Model(Box::new(info)),
        }
    })
}

fn model(provider: &str, entry: &Map<String, Value>) -> Option<ModelInfo> {
    // Cloudflare's own list has another kind of name under `id`, and `name` for what is asked for.
    let own_name = || list::name(entry, "name").filter(|name| name.starts_with("@cf/"));
    let id = || list::name(entry, "id").or_else(|| list::name(entry, "name"));
    let provider_name = own_name().or_else(id)?;
    let hugging_face_id = list::name(entry, "hugging_face_id").or_else(|| {
        // vLLM's name of the weights, if it serves them under another.
        list::name(entry, "root").filter(|root| !root.starts_with(['/', '.']))
    });
    let id = canonical_id(provider, &provider_name, hugging_face_id.as_deref(), None);
    let part = |key: &str| entry.get(key).and_then(Value::as_object);
    let empty = Map::new();
    let architecture = part("architecture").unwrap_or(entry);
    let hosts = entry.get("providers").and_then(Value::as_array);
    let hosts = || hosts.into_iter().flatten().filter_map(Value::as_object);
    let context_length = list::count(
        entry,
        &[
            "context_window",
            "context_length",
            "max_context_length",
            "max_model_len",
        ],
    );
    let output_modalities = list::words(architecture, "output_modalities");
    let mut supported_parameters = list::words(entry, "supported_parameters");
    let mut supports = |parameter: &str, is_so: bool| {
        if is_so && !supported_parameters.iter().any(|known| known == parameter) {
            supported_parameters.push(parameter.to_owned());
        }
    };
    let says = |entry: &Map<String, Value>, keys: &[&str]| {
        let mut flags = keys.iter().filter_map(|&key| entry.get(key)?.as_bool());
        flags.any(|flag| flag)
    };
    let any_says = |keys: &[&str]| says(entry, keys) || hosts().any(|host| says(host, keys));
    supports("tools", any_says(&["tools", "supports_tools"]));
    supports(
        "structured_outputs",
        any_says(&["supports_structured_output"]),
    );
    let reasons = says(entry, &["reasoning", "supports_reasoning"]);
    supports("reasoning", reasons);
    let mut input_modalities = list::words(architecture, "input_modalities");
    if says(entry, &["vision", "supports_vision"])
        && !input_modalities.iter().any(|kind| kind == "image")
    {
        input_modalities.push("image".to_owned());
    }
    let spec = ModelSpec {
        name: list::text(entry, "display_name").unwrap_or_default(),
        description: list::text(entry, "description").unwrap_or_default(),
        created: list::count(entry, &["created"]).and_then(|at| i64::try_from(at).ok()),
        context_length: context_length
            .or_else(|| list::count(part("meta").unwrap_or(&empty), &["n_ctx", "n_ctx_train"]))
            .or_else(|| {
                hosts()
                    .filter_map(|host| list::count(host, &["context_length"]))
                    .max()
            }),
        max_output_tokens: list::count(
            entry,
            &[
                "max_completion_tokens",
                "max_output_tokens",
                "max_output_length",
            ],
        ),
        input_modalities,
        supported_parameters,
        quantization: list::text(entry, "quantization"),
        reasoning: reasons.then(ReasoningSpec::default),
        kind: list::kind(&provider_name, &output_modalities),
        output_modalities,
        hugging_face_id,
        ..ModelSpec::default()
    };
    let is_other_name = |name: &String| *name != provider_name && *name != id.0;
    let aliases = list::words(entry, "aliases").into_iter();
    Some(ModelInfo {
        aliases: aliases.filter(is_other_name).collect(),
        id,
        provider_name,
        owned_by: list::text(entry, "owned_by").unwrap_or_default(),
        spec,
    })
}

#[cfg(test)]
mod tests;
