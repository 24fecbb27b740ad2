//! Which models the sample has, where, and what became of each: the file `models.toml`.

use anyhow::Context;
use router::{ModelId, ModelInfo, ModelKind, ModelSpec, ReasoningSpec};
use serde::Deserialize;
use store::DeploymentKey;
use time::Date;
use time::macros::format_description;

/// The file as a whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleModels {
    #[serde(rename = "model")]
    pub(super) models: Vec<SampleModel>,
}

/// A model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleModel {
    pub(super) id: String,
    /// Its name for people, at hosts that tell one.
    name: String,
    /// The day it was published.
    created: Option<String>,
    /// Tokens of a prompt and its answer.
    context: Option<u64>,
    /// Tokens of an answer.
    max_output: Option<u64>,
    /// `tools`, `reasoning`, `vision`.
    #[serde(default)]
    can: Vec<String>,
    is_moderated: Option<bool>,
    #[serde(default)]
    kind: ModelKind,
    /// How often it is asked for, compared with others.
    #[serde(default)]
    pub(super) weight: u32,
    /// What it is.
    #[serde(default)]
    about: String,
    pub(super) at: Vec<SampleDeployment>,
}

/// A model at a host. Days are those since the start.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SampleDeployment {
    pub(super) host: String,
    pub(super) name: String,
    /// From when on it is listed.
    pub(super) from_day: f64,
    /// Until when it is listed.
    pub(super) until_day: Option<f64>,
    /// Between which days it is not listed.
    pub(super) away: Option<(f64, f64)>,
    /// Between which days it is listed and cannot be called.
    pub(super) down: Option<(f64, f64)>,
    /// The share of hours in which its host says that it cannot be called.
    pub(super) down_share: f64,
    /// The share of requests that fail by its own fault.
    pub(super) fails: f64,
    /// The median time to the first token.
    pub(super) first_token_ms: f64,
    pub(super) tokens_per_second: f64,
    /// What the host says of it that differs from the model.
    context: Option<u64>,
    max_output: Option<u64>,
    /// Nobody looked at it since it was first seen.
    pub(super) unknown: bool,
    /// The host says nothing of it but its name.
    bare: bool,
    #[serde(rename = "change")]
    pub(super) changes: Vec<SampleChange>,
}

/// From a day on the host says something else of a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleChange {
    pub(super) day: f64,
    context: Option<u64>,
    max_output: Option<u64>,
    /// A parameter that is taken from then on.
    add: Option<String>,
}

impl SampleModels {
    pub(super) fn read() -> anyhow::Result<Self> {
        toml::from_str(include_str!("models.toml")).context("models.toml")
    }

    /// Every deployment with its model.
    pub(super) fn deployments(&self) -> impl Iterator<Item = (&SampleModel, &SampleDeployment)> {
        let models = self.models.iter();
        models.flat_map(|model| model.at.iter().map(move |at| (model, at)))
    }
}

impl SampleDeployment {
    pub(super) fn key(&self) -> DeploymentKey {
        DeploymentKey {
            provider: self.host.clone(),
            name: self.name.clone(),
        }
    }

    /// Whether it is listed on this day.
    pub(super) fn is_listed(&self, day: f64) -> bool {
        let is_within = |&(from, until): &(f64, f64)| (from..until).contains(&day);
        day >= self.from_day
            && self.until_day.is_none_or(|until| day < until)
            && !self.away.as_ref().is_some_and(is_within)
    }

    /// Whether it is listed and, for days, cannot be called.
    pub(super) fn is_down(&self, day: f64) -> bool {
        self.down
            .is_some_and(|(from, until)| (from..until).contains(&day))
    }

    /// Whether its host tells more of it than a name and two limits.
    pub(super) fn is_told(&self) -> bool {
        self.host == "openrouter"
    }
}

impl SampleModel {
    pub(super) fn can(&self, what: &str) -> bool {
        self.can.iter().any(|one| one == what)
    }

    /// Whether it is for conversations.
    pub(super) fn is_chat(&self) -> bool {
        self.kind == ModelKind::Chat
    }

    /// What its host lists of it on this day.
    pub(super) fn info(&self, at: &SampleDeployment, day: f64) -> anyhow::Result<ModelInfo> {
        let author = self.id.split('/').next().unwrap_or_default();
        let mut spec = match at.is_told() {
            true if at.bare => ModelSpec {
                name: self.name.clone(),
                ..ModelSpec::default()
            },
            true => self.spec()?,
            false => ModelSpec {
                context_length: at.context,
                max_output_tokens: at.max_output,
                kind: self.kind,
                ..ModelSpec::default()
            },
        };
        for change in at.changes.iter().filter(|change| change.day <= day) {
            spec.context_length = change.context.or(spec.context_length);
            spec.max_output_tokens = change.max_output.or(spec.max_output_tokens);
            spec.supported_parameters.extend(change.add.clone());
            spec.supported_parameters.sort();
        }
        Ok(ModelInfo {
            id: ModelId(self.id.clone()),
            provider_name: at.name.clone(),
            aliases: Vec::new(),
            owned_by: author.to_owned(),
            spec,
        })
    }

    fn spec(&self) -> anyhow::Result<ModelSpec> {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let inputs = match self.can("vision") {
            true => words(&["text", "image"]),
            false => words(&["text"]),
        };
        let mut parameters = vec!["max_tokens", "stop", "temperature"];
        if self.can("tools") {
            parameters.extend(["tool_choice", "tools"]);
        }
        match self.can("reasoning") {
            true => parameters.extend(["include_reasoning", "reasoning"]),
            false => parameters.extend(["seed", "top_p"]),
        }
        parameters.sort_unstable();
        let modality = match self.can("vision") {
            true => "text+image->text",
            false => "text->text",
        };
        Ok(ModelSpec {
            name: self.name.clone(),
            description: self.about.clone(),
            created: self.created.as_deref().map(seconds).transpose()?,
            context_length: self.context,
            max_output_tokens: self.max_output,
            modality: Some(modality.to_owned()),
            input_modalities: inputs,
            output_modalities: words(&["text"]),
            supported_parameters: words(&parameters),
            is_moderated: Some(self.is_moderated.unwrap_or(false)),
            reasoning: self.can("reasoning").then(ReasoningSpec::default),
            kind: self.kind,
            ..ModelSpec::default()
        })
    }
}

/// The beginning of a day, in seconds since 1970.
fn seconds(day: &str) -> anyhow::Result<i64> {
    let date = Date::parse(day, format_description!("[year]-[month]-[day]"));
    let date = date.with_context(|| format!("{day:?} is no day"))?;
    Ok(date.midnight().assume_utc().unix_timestamp())
}
