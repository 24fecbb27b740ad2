//! Looks at what runs on this machine.

use std::time::Duration;

use futures_util::future::join_all;
use store::Timestamp;

use super::Syncer;
use crate::catalog::{LocalModels, Tier};

/// How long a provider of this machine may take to say what it runs.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(5);

impl Syncer {
    /// What runs here. A provider that does not answer is taken to run what it ran: it is asked
    /// anyway before somebody else is. Returns what is wrong.
    pub(super) async fn look_at_local(&mut self, now: Timestamp) -> Vec<String> {
        let mut problems = Vec::new();
        let mut problem = |id: &str| {
            problems.push(format!(
                "{id}: it does not say what it runs; start it, or see that its base_url is right"
            ));
        };
        let local = self.targets.iter().filter(|one| one.tier != Tier::Hosted);
        let looks = local.map(async |target| {
            let models = tokio::time::timeout(LOCAL_TIMEOUT, target.provider.models());
            (target, models.await)
        });
        for (target, models) in join_all(looks).await {
            let id = &target.provider.id().0;
            let known = self.local.iter().position(|one| one.provider == *id);
            match models {
                Ok(Ok(models)) => {
                    let new = LocalModels {
                        provider: id.clone(),
                        tier: target.tier,
                        since: known.map_or(now, |place| self.local[place].since),
                        models,
                    };
                    match known {
                        Some(place) => self.local[place] = new,
                        None => self.local.push(new),
                    }
                }
                Ok(Err(error)) => {
                    tracing::debug!(provider = %id, %error, "a local provider does not answer");
                    problem(id);
                }
                Err(_) => {
                    tracing::debug!(provider = %id, "a local provider hangs");
                    problem(id);
                }
            }
        }
        problems
    }
}
