//! What models there are and who has them: a snapshot that never changes. Whoever looks again makes
//! a new one and puts it in the place of the old one, so that routing waits for nobody.
//!
//! One model may have several deployments. [`canonical_id`] says which names of hosts mean the same
//! model; [`Catalog::find`] says which model a name means.

mod builtin;
mod canonical;
mod list;
mod lookup;
mod merge;
pub mod openai_list;
pub mod openrouter;
mod stored;

use std::collections::HashMap;

use store::{DeploymentKey, DeploymentRecord, ModelRecord, Timestamp};

use crate::model_info::{ModelId, ModelInfo, ModelKind, ModelSpec};
use crate::provider::EndpointStatus;

pub use builtin::DEMO_ID;
pub use canonical::canonical_id;
pub use list::{ListError, MAX_LIST_BYTES, MAX_LIST_MODELS, ModelList};
pub(crate) use merge::merged_spec;
pub(crate) use stored::{StoredDeployment, StoredModel, StoredStatus};

/// The snapshot. Everything in it is in the order of the ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    models: Vec<Model>,
    names: lookup::Names,
}

/// A model, whoever has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its id, such as `openai/gpt-oss-20b`.
    pub id: ModelId,
    /// Who made it, as in its id.
    pub author: String,
    /// What is known of it, from everybody who has it.
    pub spec: ModelSpec,
    /// When it was first seen; `None` if it was never seen, only built in.
    pub first_seen_at: Option<Timestamp>,
    /// When it was last seen.
    pub last_seen_at: Option<Timestamp>,
    /// Who has it or had it, by provider and name.
    pub deployments: Vec<Deployment>,
}

/// A model at one provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// The provider, and its name for the model.
    pub key: DeploymentKey,
    /// The id of the model.
    pub model: ModelId,
    /// What this provider says of it.
    pub spec: ModelSpec,
    /// Other names for it there.
    pub aliases: Vec<String>,
    /// Who made it, in the words of this provider.
    pub owned_by: String,
    /// What the provider last said of its health, and when.
    pub status: Option<(EndpointStatus, Timestamp)>,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
    /// Since when it is not offered any more.
    pub gone_at: Option<Timestamp>,
    /// Where it runs.
    pub tier: Tier,
}

/// Where a deployment runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// At somebody's who lets others use it.
    Hosted,
    /// On this machine or one of its owner's.
    Local,
    /// The demo model of this program.
    Demo,
}

impl Tier {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Hosted, Self::Local, Self::Demo];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hosted => "hosted",
            Self::Local => "local",
            Self::Demo => "demo",
        }
    }
}

/// What the providers of this machine and of its owner's others run now. It is never stored:
/// several servers that share a database each have their own.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalModels {
    /// The provider.
    pub provider: String,
    /// [`Tier::Local`] or [`Tier::Demo`].
    pub tier: Tier,
    /// What it runs.
    pub models: Vec<ModelInfo>,
    /// When it began to, as far as is known.
    pub since: Timestamp,
}

impl Model {
    /// Whether anybody offers it now.
    pub fn is_active(&self) -> bool {
        self.active().next().is_some()
    }

    /// Who offers it now.
    pub fn active(&self) -> impl Iterator<Item = &Deployment> {
        self.deployments.iter().filter(|one| one.is_active())
    }

    /// Whether somebody else than this machine and its owner's offers it now.
    pub fn is_hosted(&self) -> bool {
        self.active().any(|one| one.tier == Tier::Hosted)
    }

    /// Whether what became of a request at this deployment tells of the model as hosts offer it: one of
    /// them was asked, or none ever had it.
    pub fn is_told_by(&self, key: &DeploymentKey) -> bool {
        let hosted = self
            .deployments
            .iter()
            .filter(|one| one.tier == Tier::Hosted);
        let mut hosted = hosted.peekable();
        hosted.peek().is_none() || hosted.any(|one| one.key == *key)
    }

    /// Whether it is for conversations.
    pub fn is_chat(&self) -> bool {
        self.spec.kind == ModelKind::Chat
    }

    /// Its deployment at this provider: one that is offered now before one that is gone.
    pub fn at(&self, provider: &str) -> Option<&Deployment> {
        let here = || {
            let all = self.deployments.iter();
            all.filter(|one| one.key.provider == provider)
        };
        here().find(|one| one.is_active()).or_else(|| here().next())
    }
}

impl Deployment {
    /// Whether it is offered now.
    pub fn is_active(&self) -> bool {
        self.gone_at.is_none()
    }

    /// What a provider offers, as a deployment that is seen at `now` for the first time.
    fn new(info: ModelInfo, provider: &str, tier: Tier, now: Timestamp) -> Self {
        Self {
            key: DeploymentKey {
                provider: provider.to_owned(),
                name: info.provider_name,
            },
            model: info.id,
            spec: info.spec,
            aliases: info.aliases,
            owned_by: info.owned_by,
            status: None,
            first_seen_at: now,
            last_seen_at: now,
            gone_at: None,
            tier,
        }
    }
}

impl Catalog {
    /// What is known before anybody was asked: the models that this program can run by itself.
    pub fn builtin() -> Self {
        Self::from_store(Vec::new(), Vec::new())
    }

    /// The catalogue that a store keeps, and what is built in. A row that cannot be read counts as
    /// one that says nothing: the next look at its provider mends it.
    pub fn from_store(models: Vec<ModelRecord>, deployments: Vec<DeploymentRecord>) -> Self {
        let mut by_id: HashMap<String, Model> = HashMap::new();
        for record in models {
            let stored = StoredModel::from_json(&record.spec);
            let model = Model {
                author: author_of(&record.id, &stored.author),
                spec: stored.spec,
                first_seen_at: Some(record.first_seen_at),
                last_seen_at: Some(record.last_seen_at),
                deployments: Vec::new(),
                id: ModelId(record.id.clone()),
            };
            by_id.insert(record.id, model);
        }
        for record in deployments {
            let deployment = deployment_of(record);
            by_id
                .entry(deployment.model.0.clone())
                .or_insert_with(|| model_of(&deployment))
                .deployments
                .push(deployment);
        }
        for (id, spec) in builtin::specs() {
            by_id.entry(id.0.clone()).or_insert_with(|| Model {
                author: author_of(&id.0, builtin::DEMO_AUTHOR),
                id,
                spec,
                first_seen_at: None,
                last_seen_at: None,
                deployments: Vec::new(),
            });
        }
        Self::of(by_id.into_values().collect())
    }

    /// The same with what local providers run, in the place of what they ran.
    #[must_use]
    pub fn with_local(self, local: &[LocalModels]) -> Self {
        let mut by_id: HashMap<String, Model> = HashMap::new();
        for mut model in self.models {
            model.deployments.retain(|one| one.tier == Tier::Hosted);
            let is_known = !model.deployments.is_empty() || model.first_seen_at.is_none();
            if is_known || builtin::spec(&model.id).is_some() {
                by_id.insert(model.id.0.clone(), model);
            }
        }
        for one in local {
            for info in &one.models {
                let new = Deployment::new(info.clone(), &one.provider, one.tier, one.since);
                let model = by_id
                    .entry(new.model.0.clone())
                    .or_insert_with(|| model_of(&new));
                if model.deployments.is_empty() {
                    model.spec = merged_spec(&model.id, Some(&model.spec), &[&new]);
                }
                if model.deployments.iter().all(|other| other.key != new.key) {
                    model.deployments.push(new);
                }
            }
        }
        Self::of(by_id.into_values().collect())
    }

    /// The same for a server that can ask these providers alone: what others have is not offered to
    /// it, since they were last seen. Several servers may share a store and not their providers, and
    /// a provider may be set up no more.
    #[must_use]
    pub fn offered_by(mut self, providers: &[&str]) -> Self {
        let all = self.models.iter_mut();
        for one in all.flat_map(|model| &mut model.deployments) {
            let is_out_of_reach = !providers.contains(&one.key.provider.as_str());
            if one.tier == Tier::Hosted && is_out_of_reach && one.gone_at.is_none() {
                one.gone_at = Some(one.last_seen_at);
            }
        }
        self
    }

    fn of(mut models: Vec<Model>) -> Self {
        models.sort_by(|a, b| a.id.cmp(&b.id));
        for model in &mut models {
            model.deployments.sort_by(|a, b| a.key.cmp(&b.key));
        }
        let names = lookup::Names::of(&models);
        Self { models, names }
    }

    /// Every model, also those that nobody offers now, by id.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The models that somebody offers now, by id.
    pub fn active_models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(|model| model.is_active())
    }

    /// The model of this id, and of no other name.
    pub fn model(&self, id: &str) -> Option<&Model> {
        let place = self
            .models
            .binary_search_by(|model| model.id.0.as_str().cmp(id));
        place.ok().map(|place| &self.models[place])
    }

    /// Every deployment with its model, by model and then by key.
    pub fn deployments(&self) -> impl Iterator<Item = (&Model, &Deployment)> {
        let models = self.models.iter();
        models.flat_map(|model| model.deployments.iter().map(move |one| (model, one)))
    }

    /// The deployment of these names.
    pub fn deployment(&self, key: &DeploymentKey) -> Option<(&Model, &Deployment)> {
        let named = self.names.of_name(&key.name);
        let models = named.map(|index| &self.models[index]);
        let mut all =
            models.flat_map(|model| model.deployments.iter().map(move |one| (model, one)));
        all.find(|(_, one)| one.key == *key)
    }
}

/// A model of which only this deployment is known.
fn model_of(deployment: &Deployment) -> Model {
    Model {
        id: deployment.model.clone(),
        author: author_of(&deployment.model.0, &deployment.owned_by),
        spec: merged_spec(&deployment.model, None, &[deployment]),
        first_seen_at: Some(deployment.first_seen_at),
        last_seen_at: Some(deployment.last_seen_at),
        deployments: Vec::new(),
    }
}

fn deployment_of(record: DeploymentRecord) -> Deployment {
    let stored = StoredDeployment::from_json(&record.spec);
    Deployment {
        key: record.key,
        model: ModelId(record.model),
        spec: stored.spec,
        aliases: stored.aliases,
        owned_by: stored.owned_by,
        status: stored.status.map(StoredStatus::into_status),
        first_seen_at: record.first_seen_at,
        last_seen_at: record.last_seen_at,
        gone_at: record.gone_at,
        tier: Tier::Hosted,
    }
}

/// Who made a model: the first part of its id, or what is said.
pub(crate) fn author_of(id: &str, said: &str) -> String {
    match id.split_once('/') {
        Some((author, _)) => author.to_owned(),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests;
