//! What changed in the catalogue, told as a few entries: what one look at a provider found is one piece
//! of news, however many models it concerns. Pure.

use std::collections::BTreeMap;

use router::catalog::Catalog;
use router::flr::Shown;
use serde_json::Value;
use store::{SpecChange, Timestamp};

use super::row::url;
use super::{host_name, text};

/// Entries that are told at most.
pub(crate) const MAX_ENTRIES: usize = 100;
/// Models of one look that have entries of their own. More of them share one.
const MAX_APART: usize = 3;
/// Models that a shared entry names.
const MAX_NAMED: usize = 50;
/// Characters of a value.
const MAX_VALUE_CHARS: usize = 80;

/// A piece of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name, which stays the same for ever.
    pub(crate) id: String,
    /// When it was seen.
    pub(crate) at: Timestamp,
    /// What happened, in a line.
    pub(crate) title: String,
    /// More about it, line by line.
    pub(crate) lines: Vec<String>,
    /// The path of a page about it.
    pub(crate) path: String,
}

/// What happened to deployments at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Appeared,
    Returned,
    Left,
    Changed,
}

impl Event {
    fn of(change: &SpecChange) -> Option<Self> {
        match change.field.as_str() {
            "appeared" => Some(Self::Appeared),
            "returned" => Some(Self::Returned),
            "left" => Some(Self::Left),
            _ => limit(change).map(|_| Self::Changed),
        }
    }

    /// For ids.
    fn word(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Returned => "returned",
            Self::Left => "left",
            Self::Changed => "changed",
        }
    }

    fn of_one(self) -> &'static str {
        match self {
            Self::Appeared => "is free now",
            Self::Returned => "is free again",
            Self::Left => "is no longer free",
            Self::Changed => "changed",
        }
    }

    fn of_many(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Returned => "returned",
            Self::Left => "left",
            Self::Changed => "changed",
        }
    }
}

/// What one look found, by what it was, and then by the id of the model.
type Look<'a> = BTreeMap<Event, BTreeMap<&'a str, Vec<&'a SpecChange>>>;

/// The news, the newest first. `changes` are those of the store, the newest first; `is_cut` says that
/// there are older ones, so that of the oldest look some may be missing.
pub(crate) fn entries(catalog: &Catalog, changes: &[SpecChange], is_cut: bool) -> Vec<Entry> {
    let oldest = changes.last().map(|change| change.at).filter(|_| is_cut);
    let is_one_look = changes.first().map(|change| change.at) == oldest;
    let mut looks: BTreeMap<(i64, &str), Look<'_>> = BTreeMap::new();
    for change in changes {
        // Half a look would be counted wrong; if there is no other, that is said.
        if Some(change.at) == oldest && !is_one_look {
            continue;
        }
        // The same is told of the model as a whole.
        let (Some(key), Some(event)) = (&change.deployment, Event::of(change)) else {
            continue;
        };
        let look = looks.entry((-change.at.0, &key.provider)).or_default();
        let models = look.entry(event).or_default();
        models.entry(&change.model).or_default().push(change);
    }
    let mut entries = Vec::new();
    for ((negative_at, provider), look) in looks {
        let at = Timestamp(-negative_at);
        for (event, models) in look {
            if models.len() > MAX_APART {
                let is_at_least = is_cut && is_one_look;
                entries.push(shared(catalog, event, provider, at, &models, is_at_least));
                continue;
            }
            for (model, changes) in models {
                entries.push(alone(catalog, event, provider, at, model, &changes));
            }
        }
        if entries.len() >= MAX_ENTRIES {
            break;
        }
    }
    entries.truncate(MAX_ENTRIES);
    entries
}

/// What one look found of one model.
fn alone(
    catalog: &Catalog,
    event: Event,
    provider: &str,
    at: Timestamp,
    model: &str,
    changes: &[&SpecChange],
) -> Entry {
    let (name, path) = name_and_path(catalog, model);
    let host = host_name(provider);
    let mut lines: Vec<String> = match event {
        Event::Changed => changes.iter().filter_map(|change| limit(change)).collect(),
        _ => vec![format!("{name} {} at {host}.", event.of_one())],
    };
    lines.sort_unstable();
    lines.dedup();
    lines.extend(about(catalog, model, event));
    Entry {
        id: format!("freeway:{}:{provider}:{}:{model}", event.word(), at.0),
        at,
        title: format!("{name} {} at {host}", event.of_one()),
        lines,
        path,
    }
}

/// What one look found of many models.
fn shared(
    catalog: &Catalog,
    event: Event,
    provider: &str,
    at: Timestamp,
    models: &BTreeMap<&str, Vec<&SpecChange>>,
    is_at_least: bool,
) -> Entry {
    let host = host_name(provider);
    let more = if is_at_least { " or more" } else { "" };
    let count = text::number(models.len() as u64);
    let title = format!("{count}{more} models {} at {host}", event.of_many());
    let named = models.iter().take(MAX_NAMED);
    let mut lines: Vec<String> = named
        .map(|(model, changes)| {
            let (name, _) = name_and_path(catalog, model);
            let changes: Vec<_> = changes.iter().filter_map(|change| limit(change)).collect();
            match changes.is_empty() {
                true => name,
                false => format!("{name}: {}", changes.join("; ")),
            }
        })
        .collect();
    if models.len() > MAX_NAMED {
        let rest = (models.len() - MAX_NAMED) as u64;
        lines.push(format!("and {} more", text::number(rest)));
    }
    Entry {
        id: format!("freeway:{}:{provider}:{}", event.word(), at.0),
        at,
        title,
        lines,
        path: "/models".to_owned(),
    }
}

/// What a new model is.
fn about(catalog: &Catalog, model: &str, event: Event) -> Option<String> {
    let known = catalog.model(model).filter(|_| event == Event::Appeared)?;
    let spec = &known.spec;
    let limit = |words: &str, tokens: Option<u64>| {
        tokens.map(|tokens| format!("{words} {} tokens", text::number(tokens)))
    };
    let facts = [
        limit("context", spec.context_length),
        limit("longest answer", spec.max_output_tokens),
        (!spec.input_modalities.is_empty())
            .then(|| format!("takes {}", text::name(&spec.input_modalities.join(", ")))),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    (!facts.is_empty()).then(|| facts.join("; "))
}

/// What a model is called, and where its page is. One that is gone from the catalogue has no page.
fn name_and_path(catalog: &Catalog, id: &str) -> (String, String) {
    match catalog.model(id) {
        None => (text::name(id), "/models".to_owned()),
        Some(model) => {
            let shown = Shown::of(model);
            (text::name(shown.name()), url(shown.id))
        }
    }
}

/// What changed of a limit, in words; `None` if it is none that users feel.
fn limit(change: &SpecChange) -> Option<String> {
    let what = match change.field.as_str() {
        "context_length" => "context",
        "max_output_tokens" => "longest answer",
        "input_modalities" => "inputs",
        "output_modalities" => "outputs",
        "supported_parameters" => return Some(format!("parameters: {}", parameters(change))),
        "is_moderated" => "moderated",
        "trains_on_prompts" => "may train on prompts",
        "expiration_date" => "free until",
        "quantization" => "quantization",
        _ => return None,
    };
    let words = |json: &Option<String>| {
        let known = json.as_deref().map(value).filter(|text| !text.is_empty());
        known.unwrap_or_else(|| "unknown".to_owned())
    };
    Some(format!(
        "{what}: {} → {}",
        words(&change.old),
        words(&change.new)
    ))
}

/// Parameters are many: only those that came and went are told.
pub(super) fn parameters(change: &SpecChange) -> String {
    let words = |json: &Option<String>| -> Vec<String> {
        let json = json.as_deref().unwrap_or("[]");
        serde_json::from_str(json).unwrap_or_default()
    };
    let (old, new) = (words(&change.old), words(&change.new));
    let differing = |these: &[String], others: &[String]| {
        let of_these = these.iter().filter(|word| !others.contains(word));
        of_these.map(|word| text::name(word)).collect::<Vec<_>>()
    };
    let parts = [
        ("added", differing(&new, &old)),
        ("removed", differing(&old, &new)),
    ];
    let parts = parts.into_iter().filter(|(_, words)| !words.is_empty());
    let parts: Vec<_> = parts
        .map(|(what, words)| format!("{what} {}", shortened(&words.join(", "))))
        .collect();
    parts.join(", ")
}

/// A value of a specification, which is JSON, for people; empty if it is not stated.
pub(super) fn value(json: &str) -> String {
    let words = match serde_json::from_str(json) {
        Ok(Value::Null) => return String::new(),
        Ok(Value::Bool(true)) => "yes".to_owned(),
        Ok(Value::Bool(false)) => "no".to_owned(),
        Ok(Value::Number(number)) => match number.as_u64() {
            Some(count) => text::number(count),
            None => number.to_string(),
        },
        Ok(Value::String(words)) => words,
        Ok(Value::Array(items)) => {
            let items = items.iter().map(|item| match item {
                Value::String(words) => words.clone(),
                other => other.to_string(),
            });
            items.collect::<Vec<_>>().join(", ")
        }
        Ok(Value::Object(_)) | Err(_) => json.to_owned(),
    };
    shortened(&text::name(&words))
}

fn shortened(words: &str) -> String {
    match words.char_indices().nth(MAX_VALUE_CHARS) {
        None => words.to_owned(),
        Some((end, _)) => format!("{}…", &words[..end]),
    }
}

#[cfg(test)]
mod tests;
