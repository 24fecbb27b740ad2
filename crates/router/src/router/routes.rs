//! How the deployments that may be asked are doing, for people.

use store::Timestamp;

use super::Router;
use crate::breaker::Admission;
use crate::catalog::Tier;

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
