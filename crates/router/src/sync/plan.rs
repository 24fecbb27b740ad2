//! What a look at a provider changes. Pure: everything it decides by is an argument.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};
use store::{
    CatalogUpdate, DeploymentKey, DeploymentRecord, Hour, MAX_BATCH, ModelRecord, Observation,
    ProviderSync, SpecChange, Timestamp,
};

use crate::catalog::{
    Catalog, Deployment, MAX_LIST_MODELS, Model, StoredDeployment, StoredModel, StoredStatus, Tier,
    author_of, merged_spec,
};
use crate::model_info::{ModelId, ModelInfo, ModelSpec};
use crate::provider::{EndpointStatus, ListSource};

/// How long it is noted that a deployment is not there any more.
const NOTED_AWAY_MS: i64 = 90 * 86_400_000;

/// With what the error of a doubted list begins: by it the next look knows.
const DOUBT: &str = "doubted: ";

/// What a look at a provider saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// What it lists.
    pub models: Vec<ModelInfo>,
    /// What it said of the health of some, by its names for them.
    pub statuses: HashMap<String, EndpointStatus>,
}

/// What to write, and what that means.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The rows.
    pub update: CatalogUpdate,
    /// That it was looked.
    pub sync: ProviderSync,
    /// The short of it, for people.
    pub summary: SyncSummary,
}

/// The short of what a look at a provider found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncSummary {
    /// Models that it lists.
    pub num_listed: usize,
    /// Its names for those that are new.
    pub appeared: Vec<String>,
    /// Its names for those that are back.
    pub returned: Vec<String>,
    /// Its names for those that are gone.
    pub left: Vec<String>,
    /// Fields that changed.
    pub num_changed_fields: usize,
    /// Why what is missing is not taken for gone.
    pub doubt: Option<String>,
    /// Why nothing was seen.
    pub error: Option<String>,
}

/// Decides what a look at `provider` at `now` changes. `seen` is what was seen or why nothing was,
/// `source` where, `before` the note of the look before.
///
/// A look that failed changes nothing. A list that lacks more than half of what was offered is
/// doubted: what it has is seen, what it lacks is neither seen nor gone, until the next list lacks
/// it too. One that stands in the settings is never doubted, nor is the first one by other settings.
pub fn plan_update(
    provider: &str,
    source: &ListSource,
    known: &Catalog,
    before: Option<&ProviderSync>,
    seen: Result<&Look, &str>,
    now: Timestamp,
) -> Plan {
    let look = match seen {
        Ok(look) if look.models.len() > MAX_LIST_MODELS => {
            let got = look.models.len();
            let error = format!("it lists {got} models, and {MAX_LIST_MODELS} are taken at most");
            return failed(provider, before, &error, now);
        }
        Ok(look) => look,
        Err(error) => return failed(provider, before, error, now),
    };
    let mut planner = Planner {
        provider,
        now,
        known: deployments_at(provider, known),
        after: BTreeMap::new(),
        touched: BTreeSet::new(),
        update: CatalogUpdate::default(),
        summary: SyncSummary::default(),
    };
    planner.see(look);
    planner.miss(source, before);
    planner.models(known);
    let doubt = planner.summary.doubt.as_ref();
    Plan {
        sync: ProviderSync {
            provider: provider.to_owned(),
            tried_at: now,
            succeeded_at: Some(now),
            error: doubt.map(|doubt| format!("{DOUBT}{doubt}")),
            settings: source.settings.clone(),
        },
        update: planner.update,
        summary: planner.summary,
    }
}

/// Whether the last list was doubted.
pub(super) fn is_doubted(sync: &ProviderSync) -> bool {
    let error = sync.error.as_ref();
    error.is_some_and(|error| error.starts_with(DOUBT))
}

fn failed(provider: &str, before: Option<&ProviderSync>, error: &str, now: Timestamp) -> Plan {
    Plan {
        update: CatalogUpdate::default(),
        sync: ProviderSync {
            provider: provider.to_owned(),
            tried_at: now,
            succeeded_at: before.and_then(|before| before.succeeded_at),
            error: Some(error.to_owned()),
            settings: before.map_or_else(String::new, |before| before.settings.clone()),
        },
        summary: SyncSummary {
            error: Some(error.to_owned()),
            ..SyncSummary::default()
        },
    }
}

fn deployments_at<'a>(provider: &str, known: &'a Catalog) -> BTreeMap<&'a str, &'a Deployment> {
    let hosted = known.deployments().map(|(_, one)| one);
    hosted
        .filter(|one| one.tier == Tier::Hosted && one.key.provider == provider)
        .map(|one| (one.key.name.as_str(), one))
        .collect()
}

/// A plan in the making.
struct Planner<'a> {
    provider: &'a str,
    now: Timestamp,
    /// What was known of this provider, by its names.
    known: BTreeMap<&'a str, &'a Deployment>,
    /// What is offered after this look, of those that were looked at.
    after: BTreeMap<DeploymentKey, Deployment>,
    /// Models of which a deployment was seen or left.
    touched: BTreeSet<ModelId>,
    update: CatalogUpdate,
    summary: SyncSummary,
}

impl Planner<'_> {
    /// Takes what is listed.
    fn see(&mut self, look: &Look) {
        for info in &look.models {
            let key = DeploymentKey {
                provider: self.provider.to_owned(),
                name: info.provider_name.clone(),
            };
            // Of two entries of one name the first counts.
            if self.after.contains_key(&key) {
                continue;
            }
            let status = look.statuses.get(&info.provider_name).copied();
            let known = self.known.get(info.provider_name.as_str()).copied();
            match known {
                None => {
                    self.summary.appeared.push(key.name.clone());
                    self.change(&info.id, Some(&key), "appeared", None, None);
                }
                Some(known) => self.compare(known, info),
            }
            let deployment = Deployment {
                key: key.clone(),
                model: info.id.clone(),
                spec: info.spec.clone(),
                aliases: info.aliases.clone(),
                owned_by: info.owned_by.clone(),
                status: status
                    .map(|status| (status, self.now))
                    .or_else(|| known.and_then(|known| known.status)),
                first_seen_at: known.map_or(self.now, |known| known.first_seen_at),
                last_seen_at: self.now,
                gone_at: None,
                tier: Tier::Hosted,
            };
            self.update.deployments.push(record_of(&deployment));
            self.observe(&key, true, status.map(|status| status.is_up));
            self.touched.insert(info.id.clone());
            self.after.insert(key, deployment);
        }
        self.summary.num_listed = self.after.len();
    }

    /// What changed of a deployment that was known.
    fn compare(&mut self, known: &Deployment, info: &ModelInfo) {
        if !known.is_active() {
            self.summary.returned.push(known.key.name.clone());
            self.change(&info.id, Some(&known.key), "returned", None, None);
        }
        if known.model != info.id {
            let word = |id: &ModelId| Some(Value::from(id.0.as_str()));
            let (old, new) = (word(&known.model), word(&info.id));
            self.change(&info.id, Some(&known.key), "model", old, new);
            self.touched.insert(known.model.clone());
        }
        for (field, old, new) in changed_fields(&known.spec, &info.spec) {
            self.summary.num_changed_fields += 1;
            self.change(&info.id, Some(&known.key), &field, old, new);
        }
    }

    /// Decides about what was known and is not listed.
    fn miss(&mut self, source: &ListSource, before: Option<&ProviderSync>) {
        let known: Vec<&Deployment> = self.known.values().copied().collect();
        let is_missing = |one: &&&Deployment| !self.after.contains_key(&one.key);
        let missing: Vec<&Deployment> = known.iter().filter(is_missing).copied().collect();
        let num_active = known.iter().filter(|one| one.is_active()).count();
        let num_lost = missing.iter().filter(|one| one.is_active()).count();
        let is_meant = source.is_fixed
            || before
                .is_some_and(|before| is_doubted(before) || before.settings != source.settings);
        if 2 * num_lost > num_active && !is_meant {
            self.summary.doubt = Some(format!(
                "the list lacks {num_lost} of {num_active} models that were offered before; if the \
                 next list lacks them too, they are gone"
            ));
            return;
        }
        for one in missing {
            match one.gone_at {
                Some(at) if self.now.0.saturating_sub(at.0) > NOTED_AWAY_MS => continue,
                Some(_) => {}
                None => {
                    self.summary.left.push(one.key.name.clone());
                    self.change(&one.model, Some(&one.key), "left", None, None);
                    let gone = Deployment {
                        gone_at: Some(self.now),
                        ..one.clone()
                    };
                    self.update.deployments.push(record_of(&gone));
                    self.touched.insert(one.model.clone());
                    self.after.insert(one.key.clone(), gone);
                }
            }
            self.observe(&one.key, false, None);
        }
    }

    /// Brings the models up to date whose deployments changed.
    fn models(&mut self, known: &Catalog) {
        for id in std::mem::take(&mut self.touched) {
            let before = known.model(&id.0);
            let was_seen = before.is_some_and(|model| model.first_seen_at.is_some());
            let was_offered = before.is_some_and(Model::is_hosted);
            let mut offered: Vec<&Deployment> = self
                .after
                .values()
                .filter(|one| one.model == id)
                .chain(before.into_iter().flat_map(|model| {
                    let others = model.deployments.iter();
                    others.filter(|one| !self.after.contains_key(&one.key))
                }))
                .filter(|one| one.is_active() && one.tier == Tier::Hosted)
                .collect();
            // OpenRouter says most of its models, and in the same words for all.
            let rank = |one: &Deployment| one.key.provider != "openrouter";
            offered.sort_by(|a, b| (rank(a), &a.key).cmp(&(rank(b), &b.key)));
            let is_offered = !offered.is_empty();
            let spec = match (is_offered, before) {
                (false, Some(before)) => before.spec.clone(),
                _ => merged_spec(&id, None, &offered),
            };
            let is_seen = self
                .after
                .values()
                .any(|one| one.model == id && one.is_active());
            let said = offered.first().map_or("", |one| &one.owned_by);
            let author = match before {
                Some(before) if !is_offered => before.author.clone(),
                _ => author_of(&id.0, said),
            };
            let last_seen_at = before.and_then(|model| model.last_seen_at);
            self.update.models.push(ModelRecord {
                spec: StoredModel { author, spec }.to_json(),
                first_seen_at: before
                    .and_then(|model| model.first_seen_at)
                    .unwrap_or(self.now),
                last_seen_at: last_seen_at.filter(|_| !is_seen).unwrap_or(self.now),
                id: id.0.clone(),
            });
            let word = match (was_seen, was_offered, is_offered) {
                (false, _, true) => Some("appeared"),
                (true, false, true) => Some("returned"),
                (true, true, false) => Some("left"),
                _ => None,
            };
            if let Some(word) = word {
                self.change(&id, None, word, None, None);
            }
        }
    }

    fn observe(&mut self, key: &DeploymentKey, is_listed: bool, is_up: Option<bool>) {
        self.update.observations.push(Observation {
            key: key.clone(),
            hour: Hour::of(self.now),
            is_listed,
            is_up,
            num_probes_ok: 0,
            num_probes_failed: 0,
        });
    }

    fn change(
        &mut self,
        model: &ModelId,
        deployment: Option<&DeploymentKey>,
        field: &str,
        old: Option<Value>,
        new: Option<Value>,
    ) {
        self.update.changes.push(SpecChange {
            model: model.0.clone(),
            deployment: deployment.cloned(),
            at: self.now,
            field: field.to_owned(),
            old: old.map(|value| value.to_string()),
            new: new.map(|value| value.to_string()),
        });
    }
}

fn record_of(deployment: &Deployment) -> DeploymentRecord {
    let stored = StoredDeployment {
        owned_by: deployment.owned_by.clone(),
        aliases: deployment.aliases.clone(),
        status: deployment
            .status
            .map(|(status, at)| StoredStatus::of(status, at)),
        spec: deployment.spec.clone(),
    };
    DeploymentRecord {
        key: deployment.key.clone(),
        model: deployment.model.0.clone(),
        spec: stored.to_json(),
        first_seen_at: deployment.first_seen_at,
        last_seen_at: deployment.last_seen_at,
        gone_at: deployment.gone_at,
    }
}

/// The fields of which two specifications say different things, with both.
fn changed_fields(old: &ModelSpec, new: &ModelSpec) -> Vec<(String, Option<Value>, Option<Value>)> {
    let fields = |spec: &ModelSpec| match serde_json::to_value(spec) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (old, new) = (fields(old), fields(new));
    let said = |fields: &Map<String, Value>, field: &str| {
        let is_said = |value: &&Value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(words) => !words.is_empty(),
            _ => true,
        };
        fields.get(field).filter(is_said).cloned()
    };
    new.keys()
        .map(|field| (field.clone(), said(&old, field), said(&new, field)))
        .filter(|(_, old, new)| old != new)
        .collect()
}

/// An update in pieces that a store takes.
pub(super) fn pieces(update: CatalogUpdate) -> Vec<CatalogUpdate> {
    let mut pieces = Vec::new();
    let mut models = update.models.into_iter();
    let mut deployments = update.deployments.into_iter();
    let mut changes = update.changes.into_iter();
    let mut observations = update.observations.into_iter();
    loop {
        let piece = CatalogUpdate {
            models: models.by_ref().take(MAX_BATCH).collect(),
            deployments: deployments.by_ref().take(MAX_BATCH).collect(),
            changes: changes.by_ref().take(MAX_BATCH).collect(),
            observations: observations.by_ref().take(MAX_BATCH).collect(),
        };
        if piece == CatalogUpdate::default() {
            return pieces;
        }
        pieces.push(piece);
    }
}

#[cfg(test)]
mod tests;
