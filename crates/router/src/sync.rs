//! Looks at what providers have, at the start and every hour, and keeps the catalogue up to date.
//!
//! Of several servers that share a database one looks and writes, and the others read what it wrote.
//! What runs on this machine is looked at every minute and kept in memory only. Without a network
//! the catalogue is the last one that was seen.

mod look;
mod plan;
mod probe;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use store::{
    CatalogUpdate, Counter, DeploymentKey, Hour, Observation, ProviderSync, Resolution, Store,
    StoreError, SumQuery, Take, Taken, Timestamp,
};
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::catalog::{Catalog, LocalModels, Tier};
use crate::error::shortened;
use crate::provider::Provider;
use crate::recorder::now;

pub use look::look;
pub use plan::{Look, Plan, SyncSummary, plan_update};
pub use probe::choose_probes;
pub use schedule::is_due;

/// The lock of the server that looks.
const LOCK: &str = "sync";
/// How often it is checked whether there is something to do.
const TICK: Duration = Duration::from_secs(60);
/// How long a provider of this machine may take to say what it runs.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Hours of which it matters when a deployment was last heard of.
const PROBED_HOURS: i64 = 48;
/// The counter of probes.
const PROBES: &str = "probes";

/// A provider to look at.
#[derive(Clone)]
pub struct SyncTarget {
    /// The provider.
    pub provider: Arc<dyn Provider>,
    /// Where its models run.
    pub tier: Tier,
}

/// How to look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SyncConfig {
    /// How often.
    pub interval: Duration,
    /// This server's moment within an interval, 0 to 1: chosen by chance.
    pub phase: f64,
    /// Tiny questions that may be asked within a day of UTC to learn who answers; 0: none.
    pub probes_per_day: u32,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(3600),
            phase: 0.0,
            probes_per_day: 0,
        }
    }
}

/// Which providers a pass looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// All of them.
    All,
    /// Those that nobody looked at just now with the settings that are now.
    Start,
    /// Those whose time has come.
    Due,
}

/// What a pass found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Whether another server that shares the database looks now, so that this one did not.
    pub is_left_to_another: bool,
    /// What was found at each provider that was looked at.
    pub providers: Vec<(String, SyncSummary)>,
    /// Deployments that were probed, and whether they answered.
    pub probes: Vec<(DeploymentKey, bool)>,
}

/// Keeps the catalogue up to date.
pub struct Syncer {
    targets: Vec<SyncTarget>,
    accounts: Accounts,
    store: Arc<dyn Store>,
    config: SyncConfig,
    /// What the store has.
    stored: Catalog,
    /// The newest look that [`Self::stored`] knows of.
    stored_as_of: Timestamp,
    local: Vec<LocalModels>,
    catalog: watch::Sender<Arc<Catalog>>,
}

impl Syncer {
    /// Reads the stored catalogue and looks at what runs on this machine. Without the store there is
    /// what is built in. Probes are taken from `accounts`.
    pub async fn start(
        targets: Vec<SyncTarget>,
        accounts: Accounts,
        store: Arc<dyn Store>,
        config: SyncConfig,
    ) -> Self {
        let (catalog, _) = watch::channel(Arc::new(Catalog::builtin()));
        let mut syncer = Self {
            targets,
            accounts,
            store,
            config,
            stored: Catalog::builtin(),
            stored_as_of: Timestamp(i64::MIN),
            local: Vec::new(),
            catalog,
        };
        if let Err(error) = syncer.reload().await {
            tracing::error!(%error, "cannot read the stored catalogue");
        }
        syncer.look_at_local(now()).await;
        syncer.publish();
        syncer
    }

    /// The catalogue, now and whenever it changes.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.subscribe()
    }

    /// The hosts at which nobody ever looked with these settings, so that the catalogue lacks what
    /// they have.
    ///
    /// # Errors
    /// What the store says.
    pub async fn unseen(&self) -> Result<Vec<String>, StoreError> {
        let syncs = self.store.syncs().await?;
        let hosted = self.targets.iter().filter(|one| one.tier == Tier::Hosted);
        let unseen = hosted.filter(|one| is_news(one, last_of(&syncs, one)));
        Ok(unseen.map(|one| one.provider.id().0.clone()).collect())
    }

    /// Keeps looking, for ever.
    pub async fn run(mut self) {
        let mut pass = Pass::Start;
        loop {
            match self.pass(pass, now()).await {
                // It does not know our settings.
                Ok(report) if report.is_left_to_another => {}
                Ok(_) => pass = Pass::Due,
                Err(error) => {
                    tracing::warn!(%error, "the catalogue is not brought up to date");
                }
            }
            tokio::time::sleep(TICK.min(self.config.interval)).await;
        }
    }

    /// Looks at the providers whose turn it is.
    ///
    /// # Errors
    /// What the store says. The catalogue is then the last one.
    pub async fn pass(&mut self, pass: Pass, now: Timestamp) -> Result<PassReport, StoreError> {
        self.look_at_local(now).await;
        let result = self.look_at_hosted(pass, now).await;
        self.publish();
        result
    }

    async fn look_at_hosted(
        &mut self,
        pass: Pass,
        now: Timestamp,
    ) -> Result<PassReport, StoreError> {
        let syncs = self.store.syncs().await?;
        let due = self.due(pass, &syncs, now);
        if due.is_empty() {
            // Others may have looked.
            let newest = syncs.iter().map(|sync| sync.tried_at).max();
            if newest.is_some_and(|newest| newest > self.stored_as_of) {
                self.reload().await?;
            }
            return Ok(PassReport::default());
        }
        let Some(_lock) = self.store.try_lock(LOCK).await? else {
            self.reload().await?;
            return Ok(PassReport {
                is_left_to_another: true,
                ..PassReport::default()
            });
        };
        // Whoever had the lock before may have done it meanwhile.
        let syncs = self.store.syncs().await?;
        let due = self.due(pass, &syncs, now);
        self.reload().await?;
        let hour = Hour::of(now);
        let looks = due.iter().map(|target| look(&*target.provider, hour));
        let looks = join_all(looks).await;
        let mut report = PassReport::default();
        for (target, seen) in due.iter().zip(looks) {
            let id = &target.provider.id().0;
            let before = last_of(&syncs, target);
            let seen = seen.map_err(|error| shortened(error.message));
            let seen = seen.as_ref().map_err(String::as_str);
            let source = target.provider.list_source();
            let plan = plan_update(id, &source, &self.stored, before, seen, now);
            log(id, &plan.summary);
            for piece in plan::pieces(plan.update) {
                self.store.update_catalog(&piece).await?;
            }
            self.store.record_sync(&plan.sync).await?;
            report.providers.push((id.clone(), plan.summary));
            // The next provider may have the same models.
            self.reload().await?;
        }
        report.probes = self.probe(now).await?;
        Ok(report)
    }

    fn due(&self, pass: Pass, syncs: &[ProviderSync], now: Timestamp) -> Vec<SyncTarget> {
        let is_due = |target: &&SyncTarget| {
            let last = last_of(syncs, target);
            let SyncConfig {
                interval, phase, ..
            } = self.config;
            let is_start = pass == Pass::Start;
            target.tier == Tier::Hosted
                && (pass == Pass::All
                    || is_start && is_news(target, last)
                    || is_due(last, now, interval, phase, is_start))
        };
        self.targets.iter().filter(is_due).cloned().collect()
    }

    async fn reload(&mut self) -> Result<(), StoreError> {
        let syncs = self.store.syncs().await?;
        let (models, deployments) = self.store.catalog().await?;
        self.stored = Catalog::from_store(models, deployments);
        let newest = syncs.iter().map(|sync| sync.tried_at).max();
        self.stored_as_of = newest.unwrap_or(self.stored_as_of);
        Ok(())
    }

    /// What runs here. A provider that does not answer is taken to run what it ran: it is asked
    /// anyway before somebody else is.
    async fn look_at_local(&mut self, now: Timestamp) {
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
                }
                Err(_) => tracing::debug!(provider = %id, "a local provider hangs"),
            }
        }
    }

    fn publish(&self) {
        let targets = self.targets.iter();
        let providers: Vec<&str> = targets.map(|one| one.provider.id().0.as_str()).collect();
        let stored = self.stored.clone().offered_by(&providers);
        let catalog = stored.with_local(&self.local);
        self.catalog.send_if_modified(|published| {
            let is_new = **published != catalog;
            if is_new {
                *published = Arc::new(catalog);
            }
            is_new
        });
    }

    /// Asks some of those something of whom nothing was heard lately, as the budget of the day and the
    /// quotas of our accounts have it.
    async fn probe(&self, now: Timestamp) -> Result<Vec<(DeploymentKey, bool)>, StoreError> {
        let budget = self.config.probes_per_day;
        let mut probes = Vec::new();
        if budget == 0 {
            return Ok(probes);
        }
        let counter = Counter {
            name: PROBES.to_owned(),
            start: Timestamp(now.0 - now.0.rem_euclid(86_400_000)),
        };
        let used = self.store.counters(std::slice::from_ref(&counter)).await?;
        let used = used.first().copied().unwrap_or(0);
        let limit = probe::share_of_day(budget, used, now.0);
        let hour = Hour::of(now);
        let from = Hour(hour.0 - PROBED_HOURS);
        let observations = self
            .store
            .observations(None, from, Hour(hour.0 + 1))
            .await?;
        let query = SumQuery {
            since: Some(from.start()),
            until: None,
            model: None,
            resolution: Resolution::Hour,
        };
        let sums = self.store.sum_attempts(&query).await?;
        let mut num_left = limit;
        for key in choose_probes(&self.stored, &observations, &sums, hour) {
            if num_left == 0 {
                break;
            }
            let Some(host) = self.accounts.at(&key.provider) else {
                continue;
            };
            // Those of other accounts may still be asked.
            if !host.take(&*self.store, probe::PROMPT_TOKENS).await {
                continue;
            }
            let take = Take {
                counter: counter.clone(),
                amount: 1,
                limit: Some(u64::from(budget)),
            };
            // Before it is asked: what is sent counts, also if this server dies.
            if let Taken::Refused { .. } = self.store.take(&[take]).await? {
                break;
            }
            num_left -= 1;
            let end = probe::probe(&*host.provider, &key.name).await;
            let more = host.ended(&end, probe::PROMPT_TOKENS);
            if !more.is_empty() {
                self.store.take(&more).await?;
            }
            let Some(is_ok) = probe::answers(end.failure) else {
                continue;
            };
            let update = CatalogUpdate {
                observations: vec![Observation {
                    key: key.clone(),
                    hour,
                    is_listed: true,
                    is_up: None,
                    num_probes_ok: u32::from(is_ok),
                    num_probes_failed: u32::from(!is_ok),
                }],
                ..CatalogUpdate::default()
            };
            self.store.update_catalog(&update).await?;
            probes.push((key, is_ok));
        }
        Ok(probes)
    }
}

/// The last look at a provider.
fn last_of<'a>(syncs: &'a [ProviderSync], target: &SyncTarget) -> Option<&'a ProviderSync> {
    let id = &target.provider.id().0;
    syncs.iter().find(|sync| sync.provider == *id)
}

/// Whether nobody looked with the settings that are now.
fn is_news(target: &SyncTarget, last: Option<&ProviderSync>) -> bool {
    let settings = target.provider.list_source().settings;
    last.is_none_or(|last| last.settings != settings)
}

fn log(provider: &str, summary: &SyncSummary) {
    if let Some(error) = &summary.error {
        tracing::warn!(provider, error, "cannot read a provider's list of models");
        return;
    }
    if let Some(doubt) = &summary.doubt {
        tracing::warn!(provider, doubt, "a provider's list of models is doubted");
    }
    tracing::info!(
        provider,
        num_listed = summary.num_listed,
        num_appeared = summary.appeared.len() + summary.returned.len(),
        num_left = summary.left.len(),
        num_changed_fields = summary.num_changed_fields,
        "read a provider's list of models"
    );
}

#[cfg(test)]
mod tests;
