//! Who may be asked for what at present: the catalogue, joined with those who can be asked and with
//! how they are doing. A snapshot that is replaced as a whole; what is known of a deployment's
//! health is shared by one snapshot and the next.

use std::collections::HashMap;
use std::sync::Arc;

use store::{DeploymentKey, Timestamp};

use crate::accounts::{Accounts, Host};
use crate::catalog::{Catalog, Tier};
use crate::health::Health;
use crate::model_info::{ModelId, ModelSpec};
use crate::policy::Candidate;

/// A deployment that can be asked.
pub(super) struct Route {
    pub(super) key: DeploymentKey,
    /// `provider/name`, for records and headers.
    pub(super) label: String,
    pub(super) model: ModelId,
    pub(super) spec: ModelSpec,
    pub(super) tier: Tier,
    pub(super) host: Arc<Host>,
    pub(super) health: Arc<Health>,
}

impl Route {
    /// The route as things are at `now`, for a request of about `tokens`.
    pub(super) fn candidate(
        &self,
        group: usize,
        preference: i64,
        tokens: u64,
        now: Timestamp,
    ) -> Candidate<'_> {
        let view = self.health.view(now);
        let account = self.host.account();
        Candidate {
            key: &self.key,
            model: &self.model,
            spec: &self.spec,
            tier: self.tier,
            group,
            preference,
            honors_data_policy: self.host.provider.honors_data_policy(),
            breaker: view.breaker,
            quota: account.admission(tokens, now),
            pace: account.pace(now),
            num_good: view.num_good,
            num_bad: view.num_bad,
            first_token_ms: view.first_token_ms,
            tokens_per_second: view.tokens_per_second,
        }
    }
}

/// The snapshot.
pub(super) struct Table {
    pub(super) catalog: Arc<Catalog>,
    /// By the id of the model: who can be asked for it now.
    routes: HashMap<String, Vec<Arc<Route>>>,
}

impl Table {
    /// Joins a catalogue with the providers that there are. `health` keeps what is known of each
    /// deployment; those that are gone are forgotten.
    pub(super) fn new(
        catalog: Arc<Catalog>,
        accounts: &Accounts,
        health: &mut HashMap<DeploymentKey, Arc<Health>>,
    ) -> Self {
        let mut routes: HashMap<String, Vec<Arc<Route>>> = HashMap::new();
        let mut kept = HashMap::new();
        for (model, deployment) in catalog.deployments() {
            let Some(host) = accounts.at(&deployment.key.provider) else {
                continue;
            };
            if !deployment.is_active() {
                continue;
            }
            let key = &deployment.key;
            let own = health.get(key).cloned().unwrap_or_default();
            kept.insert(key.clone(), Arc::clone(&own));
            let route = Route {
                key: key.clone(),
                label: format!("{}/{}", key.provider, key.name),
                model: model.id.clone(),
                spec: spec_there(&deployment.spec, &model.spec),
                tier: deployment.tier,
                host: Arc::clone(host),
                health: own,
            };
            let of_model = routes.entry(model.id.0.clone()).or_default();
            of_model.push(Arc::new(route));
        }
        *health = kept;
        Self { catalog, routes }
    }

    /// Who can be asked for a model.
    pub(super) fn routes_of(&self, model: &str) -> &[Arc<Route>] {
        self.routes.get(model).map_or(&[], Vec::as_slice)
    }

    /// Everybody who can be asked, by model.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        let models = self.catalog.models().iter();
        models.flat_map(|model| self.routes_of(&model.id.0))
    }
}

/// What a model can do at a host. A host that does not tell its context has that of the model; of
/// what it does not say to support nothing is assumed, either way.
fn spec_there(there: &ModelSpec, anywhere: &ModelSpec) -> ModelSpec {
    ModelSpec {
        context_length: there.context_length.or(anywhere.context_length),
        ..there.clone()
    }
}
