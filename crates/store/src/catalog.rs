//! The rows of the catalogue: models, who has them, what was seen of them, how they changed.

use crate::Timestamp;

/// An hour of UTC: whole hours since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub i64);

impl Hour {
    /// The hour that a moment lies in.
    pub fn of(at: Timestamp) -> Self {
        Self(at.0.div_euclid(3_600_000))
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(3_600_000))
    }
}

/// One model at one provider, by names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeploymentKey {
    /// The provider, such as `openrouter`.
    pub provider: String,
    /// What the provider calls the model, such as `openai/gpt-oss-20b:free`.
    pub name: String,
}

/// A model, whoever has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRecord {
    /// Its id, such as `openai/gpt-oss-20b`: without the `:free` of one provider.
    pub id: String,
    /// Its specification: a JSON object whose meaning is the router's matter.
    pub spec: String,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentRecord {
    /// Its names.
    pub key: DeploymentKey,
    /// The id of its model.
    pub model: String,
    /// What this provider says of it (its limits may differ from the model's): a JSON object.
    pub spec: String,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
    /// Since when its provider no longer offers it for nothing; `None` while it does.
    pub gone_at: Option<Timestamp>,
}

/// A change of a specification, of a model or of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecChange {
    /// The id of the model.
    pub model: String,
    /// The deployment that changed; `None`: the model itself.
    pub deployment: Option<DeploymentKey>,
    /// When the change was seen.
    pub at: Timestamp,
    /// What changed, such as `max_output_tokens`, or `appeared`, `left`, `returned`.
    pub field: String,
    /// The value before, as JSON; `None`: there was none.
    pub old: Option<String>,
    /// The value after, as JSON; `None`: there is none.
    pub new: Option<String>,
}

/// What was seen of a deployment within an hour. Later sights of the same hour are merged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Of whom.
    pub key: DeploymentKey,
    /// When.
    pub hour: Hour,
    /// Whether its provider listed it, for nothing, at any sight of the hour.
    pub is_listed: bool,
    /// Whether the provider said that it can be called; the last word of the hour, `None` if it
    /// said nothing.
    pub is_up: Option<bool>,
    /// Probes of ours that it answered within the hour; merging adds.
    pub num_probes_ok: u32,
    /// Probes of ours that it failed within the hour; merging adds.
    pub num_probes_failed: u32,
}

/// Everything that one look at a provider changes, written all or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogUpdate {
    /// Models that are new or changed, or were seen again: each replaces what is there, but the
    /// earlier `first_seen_at` stays.
    pub models: Vec<ModelRecord>,
    /// Deployments that are new or changed, were seen again, or are gone: likewise.
    pub deployments: Vec<DeploymentRecord>,
    /// Changes of specifications.
    pub changes: Vec<SpecChange>,
    /// What was seen.
    pub observations: Vec<Observation>,
}

/// When a provider's list was last read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSync {
    /// The provider.
    pub provider: String,
    /// When it was last tried.
    pub tried_at: Timestamp,
    /// When it last succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// Why the last try failed, if it did.
    pub error: Option<String>,
    /// A fingerprint of the settings of the last try that succeeded; empty: unknown.
    pub settings: String,
}
