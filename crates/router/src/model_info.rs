//! What is known of a model.

use serde::{Deserialize, Serialize};

/// The name by which a model is asked for, such as `openai/gpt-oss-20b`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(pub String);

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A model as one provider offers it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Its name, the same at every provider.
    pub id: ModelId,
    /// What this provider calls it, such as `openai/gpt-oss-20b:free`.
    pub provider_name: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Who made it.
    pub owned_by: String,
    /// What it can do here.
    pub spec: ModelSpec,
}

/// What a model can do, as far as it is known. Kept in the store as JSON; a field that is not there
/// is unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSpec {
    /// Its name for people, such as `OpenAI: gpt-oss-20b`.
    pub name: String,
    /// What it is, in its maker's or host's words: text of strangers.
    pub description: String,
    /// When it came to be, in seconds since 1970.
    pub created: Option<i64>,
    /// The most tokens of a prompt and its answer together.
    pub context_length: Option<u64>,
    /// The most tokens of an answer.
    pub max_output_tokens: Option<u64>,
    /// Such as `text+image->text`.
    pub modality: Option<String>,
    /// Such as `text`, `image`.
    pub input_modalities: Vec<String>,
    /// Such as `text`.
    pub output_modalities: Vec<String>,
    /// Parameters of requests that have an effect, such as `tools`.
    pub supported_parameters: Vec<String>,
    /// Whether prompts are moderated before they are answered.
    pub is_moderated: Option<bool>,
    /// Whether prompts may be trained on or published.
    pub trains_on_prompts: Option<bool>,
    /// The day it will be taken away, as `YYYY-MM-DD`.
    pub expiration_date: Option<String>,
    /// Until when it knows of the world, in its maker's words.
    pub knowledge_cutoff: Option<String>,
    /// Where its weights are, such as `openai/gpt-oss-20b`.
    pub hugging_face_id: Option<String>,
    /// How its weights are rounded here, such as `fp4`.
    pub quantization: Option<String>,
    /// What can be said of its reasoning; `None`: nothing is known, or it does not reason.
    pub reasoning: Option<ReasoningSpec>,
    /// What it is for.
    pub kind: ModelKind,
}

/// What a model is for. Only what is for conversations is ever chosen by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// Conversations, as far as is known.
    #[default]
    Chat,
    /// Choosing among other models, such as `openrouter/free`.
    Router,
    /// Judging texts, such as a guard model.
    Classifier,
    /// Something that does not answer in words: embeddings, images, speech.
    #[serde(other)]
    Other,
}

/// How a model reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReasoningSpec {
    /// Whether it always does.
    pub is_mandatory: bool,
    /// The efforts it knows, such as `low`.
    pub efforts: Vec<String>,
    /// The effort when nothing is said.
    pub default_effort: Option<String>,
}

impl ModelInfo {
    /// Whether `name` means this model; case does not matter.
    pub fn answers_to(&self, name: &str) -> bool {
        let is_name = |own: &str| own.eq_ignore_ascii_case(name);
        is_name(&self.id.0)
            || is_name(&self.provider_name)
            || self.aliases.iter().any(|alias| is_name(alias))
    }
}

impl ModelSpec {
    /// Whether images may be sent.
    pub fn takes_images(&self) -> bool {
        self.input_modalities.iter().any(|kind| kind == "image")
    }

    /// Whether a parameter of requests has an effect.
    pub fn supports(&self, parameter: &str) -> bool {
        self.supported_parameters.iter().any(|one| one == parameter)
    }

    /// Whether answers can be made to follow a schema.
    pub fn follows_schemas(&self) -> bool {
        self.supports("structured_outputs") || self.supports("response_format")
    }

    /// Whether it can think before it speaks.
    pub fn reasons(&self) -> bool {
        self.reasoning.is_some()
            || self.supports("reasoning")
            || self.supports("include_reasoning")
            || self.supports("reasoning_effort")
    }
}
