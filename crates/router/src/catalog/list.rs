//! What the lists of models of different forms have in common.

use serde_json::{Map, Value};

use crate::model_info::{ModelInfo, ModelKind};

/// Longest list that is read. OpenRouter's has about a megabyte.
pub const MAX_LIST_BYTES: usize = 16 << 20;
/// Models of one list, at most.
pub const MAX_LIST_MODELS: usize = 5_000;

/// Longest name of a model. Longer ones are no names.
const MAX_NAME_CHARS: usize = 200;
/// Longest other text of a model, after which it is cut off.
const MAX_TEXT_CHARS: usize = 10_000;
/// Words of a list of words, at most.
const MAX_WORDS: usize = 100;

/// What a list says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelList {
    /// The models that are offered for nothing, as listed.
    pub models: Vec<ModelInfo>,
    /// Entries that cannot be read: without a name, or not an object.
    pub num_broken: usize,
    /// Entries that are not offered for nothing, or not now.
    pub num_not_offered: usize,
}

/// Why a list cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It is too long.
    #[error(
        "the list of models has {got} bytes, and {MAX_LIST_BYTES} are read at most; check the \
         provider's base_url"
    )]
    TooLarge {
        /// Its length.
        got: usize,
    },
    /// It has too many models.
    #[error(
        "the list has {got} models, and {MAX_LIST_MODELS} are read at most; check the provider's \
         base_url"
    )]
    TooMany {
        /// How many.
        got: usize,
    },
    /// It is not JSON.
    #[error("the list of models is not JSON: {reason}; check the provider's base_url")]
    NotJson {
        /// What is wrong.
        reason: String,
    },
    /// It is JSON of another form.
    #[error("the JSON has no list of models under \"data\"; check the provider's base_url")]
    NoList,
    /// None of many entries can be read.
    #[error("none of the {got} entries of the list of models can be read: the form has changed")]
    AllBroken {
        /// How many.
        got: usize,
    },
}

/// One entry of a list.
pub(super) enum Entry {
    /// A model that is offered.
    Model(Box<ModelInfo>),
    /// One that costs something, or is not offered now.
    NotOffered,
    /// Nothing that can be read.
    Broken,
}

/// Reads a list whose entries lie at the top or under one of `keys`.
pub(super) fn read(
    body: &[u8],
    keys: &[&str],
    entry: impl Fn(&Map<String, Value>) -> Entry,
) -> Result<ModelList, ListError> {
    if body.len() > MAX_LIST_BYTES {
        return Err(ListError::TooLarge { got: body.len() });
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| ListError::NotJson {
        reason: error.to_string(),
    })?;
    let entries = match &value {
        Value::Array(entries) => entries,
        value => {
            let mut lists = keys.iter().filter_map(|&key| value.get(key)?.as_array());
            lists.next().ok_or(ListError::NoList)?
        }
    };
    if entries.len() > MAX_LIST_MODELS {
        let got = entries.len();
        return Err(ListError::TooMany { got });
    }
    let mut list = ModelList::default();
    for one in entries {
        match one.as_object().map_or(Entry::Broken, &entry) {
            Entry::Model(info) => list.models.push(*info),
            Entry::NotOffered => list.num_not_offered += 1,
            Entry::Broken => list.num_broken += 1,
        }
    }
    if list.num_broken > 0 && list.num_broken == entries.len() {
        return Err(ListError::AllBroken { got: entries.len() });
    }
    Ok(list)
}

/// The name under `key`, if there is one that can be a name.
pub(super) fn name(entry: &Map<String, Value>, key: &str) -> Option<String> {
    let name = entry.get(key)?.as_str()?.trim();
    let is_name = !name.is_empty()
        && name.chars().count() <= MAX_NAME_CHARS
        && !name.chars().any(char::is_control);
    is_name.then(|| name.to_owned())
}

/// The text under `key`.
pub(super) fn text(entry: &Map<String, Value>, key: &str) -> Option<String> {
    let text = entry.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.chars().take(MAX_TEXT_CHARS).collect())
}

/// The count under the first of `keys` that has one. 0 means unknown to some hosts.
pub(super) fn count(entry: &Map<String, Value>, keys: &[&str]) -> Option<u64> {
    let count = |value: &Value| match value {
        Value::String(text) => text.trim().parse().ok(),
        value => {
            let whole = |number: f64| {
                (number.is_finite() && (1.0..1e15).contains(&number)).then_some(number as u64)
            };
            value.as_u64().or_else(|| value.as_f64().and_then(whole))
        }
    };
    let mut counts = keys.iter().filter_map(|&key| count(entry.get(key)?));
    counts.find(|&count| count > 0)
}

/// The words under `key`, each once. What is no word is left out.
pub(super) fn words(entry: &Map<String, Value>, key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let all = entry.get(key).and_then(Value::as_array);
    for word in all.into_iter().flatten().filter_map(Value::as_str) {
        let word: String = word.trim().chars().take(MAX_NAME_CHARS).collect();
        if words.len() < MAX_WORDS && !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// Parts of names of what judges texts.
const CLASSIFIERS: [&str; 7] = [
    "guard",
    "safeguard",
    "guardian",
    "shieldgemma",
    "moderation",
    "safety",
    "promptguard",
];
/// Parts of names of what does not answer in words.
const OTHERS: [&str; 21] = [
    "asr",
    "bge",
    "clip",
    "diffusion",
    "embed",
    "embedding",
    "embeddings",
    "embedqa",
    "flux",
    "imagen",
    "minilm",
    "parakeet",
    "rerank",
    "reranker",
    "rerankqa",
    "sdxl",
    "speech",
    "transcribe",
    "translate",
    "tts",
    "whisper",
];

/// What a model is for, as its name and what it puts out tell.
pub(super) fn kind(name: &str, output_modalities: &[String]) -> ModelKind {
    let name = name.to_ascii_lowercase();
    if name.starts_with("openrouter/") {
        return ModelKind::Router;
    }
    if !output_modalities.is_empty() && !output_modalities.iter().any(|kind| kind == "text") {
        return ModelKind::Other;
    }
    let is_part = |parts: &[&str]| {
        let mut words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
        words.any(|word| parts.contains(&word))
    };
    if is_part(&CLASSIFIERS) {
        ModelKind::Classifier
    } else if is_part(&OTHERS) {
        ModelKind::Other
    } else {
        ModelKind::Chat
    }
}
