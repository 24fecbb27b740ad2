//! How the hosts and our accounts there are doing, for those who look after this server.

use store::Timestamp;

use super::Router;
use crate::breaker::Admission;
use crate::error::FailureKind;
use crate::provider::Load;
use crate::quota::{QuotaAdmission, WindowUse};

/// A host and our account there.
#[derive(Clone, Debug, PartialEq)]
pub struct HostState {
    /// Its id.
    pub id: String,
    /// Why it cannot answer at present, if that is known without asking.
    pub unavailable: Option<String>,
    /// How busy it is, where that is known.
    pub load: Option<Load>,
    /// Whether our account may be used.
    pub account: QuotaAdmission,
    /// What is left of our quotas.
    pub quotas: Vec<WindowUse>,
    /// How many of its deployments can be asked, those included that rest.
    pub num_deployments: usize,
    /// Those that are given a rest.
    pub resting: Vec<Resting>,
}

/// A deployment that failed and is given a rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Its name at the host.
    pub name: String,
    /// Until when; `None`: one request at a time is let through to see how it does.
    pub until: Option<Timestamp>,
    /// How it failed, where that is known.
    pub why: Option<FailureKind>,
}

impl Router {
    /// What is left of our quotas at a host; `None` if it is not set up here.
    pub fn quotas(&self, host: &str, now: Timestamp) -> Option<Vec<WindowUse>> {
        let mut hosts = self.accounts.hosts();
        let host = hosts.find(|one| one.id() == host)?;
        Some(host.account().uses(now))
    }

    /// How the hosts are doing, by id.
    pub fn hosts(&self, now: Timestamp) -> Vec<HostState> {
        let table = self.table();
        let states = self.accounts.hosts().map(|host| {
            let own = table
                .routes()
                .filter(|route| route.key.provider == host.id());
            let (mut num_deployments, mut resting) = (0, Vec::new());
            for route in own {
                num_deployments += 1;
                let (until, why) = match route.health.view(now).breaker {
                    Admission::Closed => continue,
                    Admission::HalfOpen => (None, None),
                    Admission::Open { until, why, .. } => (Some(until), Some(why)),
                };
                resting.push(Resting {
                    name: route.key.name.clone(),
                    until,
                    why,
                });
            }
            let account = host.account();
            HostState {
                id: host.id().to_owned(),
                unavailable: host.provider.unavailable(),
                load: host.provider.load(),
                account: account.admission(0, now),
                quotas: account.uses(now),
                num_deployments,
                resting,
            }
        });
        let mut states: Vec<_> = states.collect();
        states.sort_by(|a, b| a.id.cmp(&b.id));
        states
    }
}
