//! Looks at what providers have, at the start and every hour, and keeps the catalogue up to date.
//!
//! Of several servers that share a database one looks and writes, and the others read what it wrote.
//! What runs on this machine is looked at every minute and kept in memory only. Without a network
//! the catalogue is the last one that was seen. What the store does not take is kept in memory, and
//! written as soon as it does.

mod local;
mod look;
mod plan;
mod probe;
mod schedule;
mod unwritten;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use store::{
    DeploymentKey, DeploymentRecord, Hour, ModelRecord, ProviderSync, Store, StoreError, Timestamp,
};
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::catalog::{Catalog, LocalModels, Tier};
use crate::error::shortened;
use crate::provider::Provider;
use crate::recorder::now;
use plan::is_doubted;

pub use look::look;
pub use plan::{Look, Plan, SyncSummary, plan_update};
pub use probe::choose_probes;
pub use schedule::is_due;
use unwritten::Unwritten;

/// The lock of the server that looks.
const LOCK: &str = "sync";
/// How often it is checked whether there is something to do.
const TICK: Duration = Duration::from_secs(60);

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
    /// The rows of the store, as they were last read.
    rows: (Vec<ModelRecord>, Vec<DeploymentRecord>),
    /// What was seen and could not be written yet.
    unwritten: Unwritten,
    /// What both say.
    stored: Catalog,
    /// The last look at each provider.
    syncs: Vec<ProviderSync>,
    /// Whether the look of the start is done.
    has_started: bool,
    /// The newest look that [`Self::stored`] knows of.
    stored_as_of: Timestamp,
    local: Vec<LocalModels>,
    /// What the last pass could not do.
    problems: watch::Sender<Arc<[String]>>,
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
            rows: (Vec::new(), Vec::new()),
            unwritten: Unwritten::default(),
            stored: Catalog::builtin(),
            syncs: Vec::new(),
            has_started: false,
            stored_as_of: Timestamp(i64::MIN),
            local: Vec::new(),
            problems: watch::Sender::new(Arc::new([])),
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

    /// What keeps the catalogue from being up to date, `what: why`, now and whenever that changes.
    pub fn problems(&self) -> watch::Receiver<Arc<[String]>> {
        self.problems.subscribe()
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
        loop {
            let pass = match self.has_started {
                true => Pass::Due,
                false => Pass::Start,
            };
            if let Err(error) = self.pass(pass, now()).await {
                tracing::warn!(%error, "the catalogue is not brought up to date");
            }
            tokio::time::sleep(TICK.min(self.config.interval)).await;
        }
    }

    /// Looks at the providers whose turn it is.
    ///
    /// # Errors
    /// What the store says. The catalogue is then the last one, with what was seen; what could not be
    /// written is written by a later pass.
    pub async fn pass(&mut self, pass: Pass, now: Timestamp) -> Result<PassReport, StoreError> {
        let mut problems = self.look_at_local(now).await;
        let result = self.look_at_hosted(pass, now).await;
        self.publish();
        problems.extend(self.unread());
        if let Err(error) = &result {
            problems.push(format!(
                "catalogue: the store does not take what hosts list, which is kept in memory and \
                 written when it does: {error}"
            ));
        }
        let problems: Arc<[String]> = problems.into();
        self.problems.send_if_modified(|known| {
            let is_new = *known != problems;
            *known = problems;
            is_new
        });
        result
    }

    async fn look_at_hosted(
        &mut self,
        pass: Pass,
        now: Timestamp,
    ) -> Result<PassReport, StoreError> {
        let mut syncs = self.store.syncs().await?;
        let newest = syncs.iter().map(|sync| sync.tried_at).max();
        self.unwritten.lay_over_syncs(&mut syncs);
        let due = self.due(pass, &syncs, now);
        if due.is_empty() && self.unwritten.is_empty() {
            self.has_started = true;
            // Others may have looked.
            if newest.is_some_and(|newest| newest > self.stored_as_of) {
                self.reload().await?;
            }
            return Ok(PassReport::default());
        }
        let (_lock, mut failure) = match self.store.try_lock(LOCK).await {
            Ok(Some(lock)) => (Some(lock), None),
            Ok(None) => {
                self.reload().await?;
                return Ok(PassReport {
                    is_left_to_another: true,
                    ..PassReport::default()
                });
            }
            // What is seen is good for this server all the same.
            Err(error) => (None, Some(error)),
        };
        if failure.is_none() {
            failure = self.write(now).await.err();
        }
        // Whoever had the lock before may have done it meanwhile.
        let mut syncs = self.store.syncs().await?;
        self.unwritten.lay_over_syncs(&mut syncs);
        let due = self.due(pass, &syncs, now);
        let hour = Hour::of(now);
        let looks = due.iter().map(|target| look(&*target.provider, hour));
        let looks = join_all(looks).await;
        self.has_started = true;
        let mut report = PassReport::default();
        for (target, seen) in due.iter().zip(looks) {
            let id = &target.provider.id().0;
            let before = last_of(&syncs, target);
            let seen = seen.map_err(|error| shortened(error.message));
            let seen = seen.as_ref().map_err(String::as_str);
            let source = target.provider.list_source();
            let plan = plan_update(id, &source, &self.stored, before, seen, now);
            log(id, &plan.summary);
            self.unwritten.keep(plan.update, plan.sync);
            report.providers.push((id.clone(), plan.summary));
            // The next provider may have the same models. A store that failed once is given a rest.
            match failure {
                None => failure = self.write(now).await.err(),
                Some(_) => self.lay_over(),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => {
                report.probes = self.probe(now).await?;
                Ok(report)
            }
        }
    }

    /// Writes what is unwritten, and reads what there is then.
    async fn write(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let written = self.unwritten.write(&*self.store, now).await;
        let read = self.reload().await;
        written.and(read)
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

    /// The hosts whose last list could not be read or is doubted. Their own words are for the log:
    /// whoever reads this need not have a key.
    fn unread(&self) -> Vec<String> {
        let hosted = self.targets.iter().filter(|one| one.tier == Tier::Hosted);
        let failed = hosted.filter_map(|one| {
            let last = last_of(&self.syncs, one)?;
            last.error.as_ref()?;
            let id = &last.provider;
            Some(match is_doubted(last) {
                true => format!(
                    "{id}: its list of models lacks more than half of what it had, which is offered \
                     until the next list lacks it, too; `freeway sync` reads it now"
                ),
                false => format!(
                    "{id}: its list of models cannot be read, so what it listed last is offered; \
                     the log and `freeway sync` say why"
                ),
            })
        });
        failed.collect()
    }

    async fn reload(&mut self) -> Result<(), StoreError> {
        let read = self.read().await;
        self.lay_over();
        read
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        self.syncs = self.store.syncs().await?;
        self.rows = self.store.catalog().await?;
        let newest = self.syncs.iter().map(|sync| sync.tried_at).max();
        self.stored_as_of = newest.unwrap_or(self.stored_as_of);
        Ok(())
    }

    /// Makes the catalogue of what the store has and what it does not have yet.
    fn lay_over(&mut self) {
        let (models, deployments) = self.unwritten.over(&self.rows);
        self.stored = Catalog::from_store(models, deployments);
        self.unwritten.lay_over_syncs(&mut self.syncs);
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
