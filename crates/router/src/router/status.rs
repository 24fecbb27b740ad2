//! How everybody who may be asked is doing at a moment, for people.

use store::Timestamp;

use super::Router;
use crate::breaker::Admission;
use crate::catalog::Tier;
use crate::provider::Load;
use crate::quota::{QuotaAdmission, WindowUse};

/// A provider that may be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct HostStatus {
    /// Its id.
    pub id: String,
    /// What is left of the quotas of our account.
    pub quotas: Vec<WindowUse>,
    /// Whether our account may ask at present.
    pub admission: QuotaAdmission,
    /// Why it cannot answer at present, if that is known without asking it.
    pub unavailable: Option<String>,
    /// How busy it is, where that is known.
    pub load: Option<Load>,
}

/// A deployment that may be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteStatus {
    /// The provider.
    pub provider: String,
    /// What the provider calls the model.
    pub name: String,
    /// The id of the model.
    pub model: String,
    /// Where it runs.
    pub tier: Tier,
    /// Whether it is asked.
    pub breaker: Admission,
    /// Recent good outcomes, of which older ones weigh less.
    pub num_good: f64,
    /// Recent failures of the host or the way to it, likewise.
    pub num_bad: f64,
    /// The usual time to the first token, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// The usual tokens a second after that.
    pub tokens_per_second: Option<f64>,
}

impl Router {
    /// How providers are doing, by id.
    pub fn hosts(&self, now: Timestamp) -> Vec<HostStatus> {
        let mut hosts: Vec<_> = self
            .accounts()
            .hosts()
            .map(|host| {
                let account = host.account();
                HostStatus {
                    id: host.id().to_owned(),
                    quotas: account.uses(now),
                    admission: account.admission(0, now),
                    unavailable: host.provider.unavailable(),
                    load: host.provider.load(),
                }
            })
            .collect();
        hosts.sort_by(|a, b| a.id.cmp(&b.id));
        hosts
    }

    /// How deployments are doing, by model.
    pub fn routes(&self, now: Timestamp) -> Vec<RouteStatus> {
        let table = self.table();
        let routes = table.routes().map(|route| {
            let view = route.health.view(now);
            RouteStatus {
                provider: route.key.provider.clone(),
                name: route.key.name.clone(),
                model: route.model.0.clone(),
                tier: route.tier,
                breaker: view.breaker,
                num_good: view.num_good,
                num_bad: view.num_bad,
                first_token_ms: view.first_token_ms,
                tokens_per_second: view.tokens_per_second,
            }
        });
        routes.collect()
    }
}
