//! What is known of a model.

/// The name by which a model is asked for, such as `openai/gpt-oss-20b`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(pub String);

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A model as one provider offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// Its name.
    pub id: ModelId,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Who made it.
    pub owned_by: String,
    /// When it came to be, in seconds since 1970.
    pub created: i64,
    /// The most tokens of a prompt and its answer together.
    pub context_length: usize,
}

impl ModelInfo {
    /// Whether `name` means this model; case does not matter.
    pub fn answers_to(&self, name: &str) -> bool {
        self.id.0.eq_ignore_ascii_case(name)
            || self
                .aliases
                .iter()
                .any(|alias| alias.eq_ignore_ascii_case(name))
    }
}
