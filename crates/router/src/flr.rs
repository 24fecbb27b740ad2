//! The API of Free LLM Router in JSON, so that its clients can ask this server instead: which free
//! models there are, in which order, how reliable they are and since when. Pure: the server reads the
//! store and the clock.
//!
//! Names, defaults and odd inputs are as there. Beside its fields are further ones with what the
//! numbers rest on. An id that is given out is OpenRouter's name where OpenRouter has the model, so
//! that a client that calls OpenRouter with it goes on working; this server takes either.

mod availability;
mod cases;
mod errors;
mod feedback;
mod health;
mod models;
mod params;

use store::{ProviderSync, Timestamp};

use serde_json::{Value, json};

use crate::catalog::{Catalog, Deployment, Model, Tier};
use crate::model_info::{ModelKind, ModelSpec};

pub use availability::{AvailabilityParams, BadDays, availability_body, availability_params};
pub use cases::{Cases, CasesOf};
pub use errors::{Attribution, ErrorRate, ErrorRates, Point};
pub use feedback::{Feedback, FeedbackError, MAX_FEEDBACK_BYTES, parse_feedback};
pub use health::{HealthParams, health_body, health_params};
pub use models::{full_body, ids_body};
pub use params::{ListParams, is_for, list_params, sort};

/// The words of the errors of this API, when the server fails.
pub mod failures {
    /// Of the list of ids.
    pub const IDS: &str = "Failed to fetch model IDs";
    /// Of the list of models.
    pub const MODELS: &str = "Failed to fetch models";
    /// Of feedback.
    pub const FEEDBACK: &str = "Failed to submit feedback";
    /// Of health.
    pub const HEALTH: &str = "Failed to fetch health data";
    /// Of availability.
    pub const AVAILABILITY: &str = "Failed to fetch availability data";
}

/// The provider whose names are given out.
const OPENROUTER: &str = "openrouter";

/// Tokens from which on a context is long.
const LONG_CONTEXT: u64 = 100_000;

/// Seconds after which the list counts as stale. There is a look in every hour, but not always at
/// the same minute.
const STALE_AFTER_S: u64 = 90 * 60;

/// How old the list of models is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When a list was last read; `None`: never.
    pub updated_at: Option<Timestamp>,
    /// Its age in seconds; `None` if no list was ever read.
    pub age_s: Option<u64>,
    /// Whether it is too old.
    pub is_stale: bool,
}

impl Freshness {
    /// Of the newest list of those that were read. Where no provider is set up to be asked for its
    /// list nothing grows old.
    pub fn of(syncs: &[ProviderSync], num_hosted_providers: usize, now: Timestamp) -> Self {
        let updated_at = syncs.iter().filter_map(|sync| sync.succeeded_at).max();
        if num_hosted_providers == 0 {
            return Self {
                updated_at: updated_at.or(Some(now)),
                age_s: Some(0),
                is_stale: false,
            };
        }
        let age_s = updated_at.map(|at| {
            let age_ms = now.0.saturating_sub(at.0).max(0);
            u64::try_from(age_ms / 1000).unwrap_or(u64::MAX)
        });
        Self {
            updated_at,
            age_s,
            is_stale: age_s.is_none_or(|age_s| age_s > STALE_AFTER_S),
        }
    }

    /// The headers of an answer from a list that is too old.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        if !self.is_stale {
            return Vec::new();
        }
        let age = self
            .age_s
            .map_or_else(|| "Infinity".to_owned(), |age_s| age_s.to_string());
        vec![
            ("x-data-stale", "true".to_owned()),
            ("x-data-age-seconds", age),
        ]
    }

    fn meta(&self) -> Option<Value> {
        self.is_stale
            .then(|| json!({ "stale": true, "ageSeconds": self.age_s }))
    }
}

/// The body of an error.
pub fn error_body(message: &str) -> Value {
    json!({ "error": message })
}

/// The body of an error with a word for programs.
pub fn coded_error_body(message: &str, code: &str, request_id: &str) -> Value {
    json!({ "error": message, "code": code, "requestId": request_id })
}

/// A model as this API shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown<'a> {
    /// The model.
    pub model: &'a Model,
    /// The name that is given out.
    pub id: &'a str,
    /// What the one says whose name is given out, and what others say where it is silent.
    pub spec: ModelSpec,
}

impl<'a> Shown<'a> {
    /// As it is shown.
    pub fn of(model: &'a Model) -> Self {
        let here = at_openrouter(model);
        let spec = match here {
            None => model.spec.clone(),
            Some(here) => spec_at(model, here),
        };
        Self {
            model,
            id: here.map_or(&model.id.0, |here| &here.key.name),
            spec,
        }
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        match self.spec.name.is_empty() {
            true => self.id,
            false => &self.spec.name,
        }
    }

    /// Whether each word of `text` is in its ids, its name or its description; case does not matter.
    pub fn mentions(&self, text: &str) -> bool {
        let own = [
            self.id,
            &self.model.id.0,
            self.name(),
            &self.spec.description,
        ];
        let own = own.map(str::to_lowercase);
        text.to_lowercase()
            .split_whitespace()
            .all(|word| own.iter().any(|own| own.contains(word)))
    }

    fn context_length(&self) -> u64 {
        self.spec.context_length.unwrap_or(0)
    }
}

/// OpenRouter's deployment of a model: the one it has, or had if nobody else has the model now.
fn at_openrouter(model: &Model) -> Option<&Deployment> {
    let here = model.at(OPENROUTER)?;
    (here.is_active() || !model.is_active()).then_some(here)
}

/// What is true of a model at this deployment. Descriptions are of the model.
fn spec_at(model: &Model, here: &Deployment) -> ModelSpec {
    let (own, all) = (here.spec.clone(), &model.spec);
    let text = |own: String, all: &String| match own.is_empty() {
        true => all.clone(),
        false => own,
    };
    ModelSpec {
        name: text(own.name, &all.name),
        description: text(all.description.clone(), &own.description),
        context_length: own.context_length.or(all.context_length),
        max_output_tokens: own.max_output_tokens.or(all.max_output_tokens),
        ..own
    }
}

/// Whether a model is one that this API lists: offered for nothing, here or elsewhere, and made for
/// words. The demo model is not: nobody asks for it by its merits.
fn is_listed(model: &Model) -> bool {
    let is_offered = model.active().any(|one| one.tier != Tier::Demo);
    is_offered && model.spec.kind != ModelKind::Other
}

/// Whether this machine, or one of its owner's, runs a model now.
fn runs_here(model: &Model) -> bool {
    model.active().any(|one| one.tier != Tier::Hosted)
}

/// The models that are listed and that are wanted, in the order in which they are wanted.
pub fn chosen<'a>(
    catalog: &'a Catalog,
    errors: &ErrorRates,
    params: &ListParams,
) -> Vec<Shown<'a>> {
    params.choose(listed(catalog), errors)
}

/// The models that are listed.
fn listed(catalog: &Catalog) -> Vec<Shown<'_>> {
    let models = catalog.models().iter();
    models
        .filter(|model| is_listed(model))
        .map(Shown::of)
        .collect()
}

/// A moment as JavaScript writes it, such as `2026-03-19T12:30:00.000Z`; `null` for one that no
/// calendar has.
fn moment(at: Timestamp) -> Value {
    let nanos = i128::from(at.0).saturating_mul(1_000_000);
    let Ok(moment) = time::OffsetDateTime::from_unix_timestamp_nanos(nanos) else {
        return Value::Null;
    };
    let (date, hour, minute, second) = parts(moment);
    let milli = moment.millisecond();
    Value::from(format!(
        "{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
    ))
}

/// A moment as charts want it, such as `2026-03-19 12:30:00`.
fn chart_moment(at: Timestamp) -> String {
    let moment = time::OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000));
    let moment = moment.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, hour, minute, second) = parts(moment);
    format!("{date} {hour:02}:{minute:02}:{second:02}")
}

fn parts(moment: time::OffsetDateTime) -> (String, u8, u8, u8) {
    let (year, month, day) = moment.date().to_calendar_date();
    let date = format!("{year:04}-{:02}-{day:02}", u8::from(month));
    let (hour, minute, second) = moment.time().as_hms();
    (date, hour, minute, second)
}

/// A text, or `null` for an empty one.
fn text(text: &str) -> Value {
    match text.is_empty() {
        true => Value::Null,
        false => Value::from(text),
    }
}

/// A share as a percentage with two decimals; a whole one without.
fn percent(share: f64) -> Value {
    let hundredths = (share * 10_000.0).round();
    match hundredths % 100.0 == 0.0 {
        true => Value::from((hundredths / 100.0) as i64),
        false => Value::from(hundredths / 100.0),
    }
}

/// The fields that all lists of models have in common.
fn spec_fields(shown: &Shown<'_>) -> Value {
    let spec = &shown.spec;
    json!({
        "modality": spec.modality,
        "inputModalities": spec.input_modalities,
        "outputModalities": spec.output_modalities,
        "supportedParameters": spec.supported_parameters,
        "contextLength": spec.context_length,
        "maxCompletionTokens": spec.max_output_tokens,
    })
}

/// Adds the members of `more` to `object`.
fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}

#[cfg(test)]
mod tests;
