//! What the store knows of models that others run: read once, for commands that show it.

use std::collections::{BTreeMap, BTreeSet};

use router::availability::{Availability, History, availability};
use router::catalog::{Catalog, Deployment, Model, Tier};
use router::flr::{Cases, CasesOf, ErrorRates};
use router::reliability::Window;
use router::reliability::times::Times;
use store::{MAX_ROWS, ProviderSync, Resolution, SpecChange, Store, StoreError, Timestamp};

/// Days over which availability is told.
pub(crate) const NUM_DAYS: u32 = 30;

/// The catalogue, and what was seen of it.
pub(crate) struct Knowledge<'a> {
    store: &'a dyn Store,
    pub(crate) now: Timestamp,
    pub(crate) catalog: Catalog,
    pub(crate) syncs: Vec<ProviderSync>,
}

/// A model that nobody knows.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no model {name:?} in the catalogue; {}`freeway models --free` lists those there are, \
     `freeway sync` looks for more",
    did_you_mean(similar)
)]
pub(crate) struct UnknownModel {
    /// What was asked for.
    pub(crate) name: String,
    /// Ids that it may have meant, the nearest first.
    pub(crate) similar: Vec<String>,
}

fn did_you_mean(similar: &[String]) -> String {
    match similar.is_empty() {
        true => String::new(),
        false => format!("did you mean {}? ", similar.join(" or ")),
    }
}

impl<'a> Knowledge<'a> {
    pub(crate) async fn read(store: &'a dyn Store, now: Timestamp) -> Result<Self, StoreError> {
        let (models, deployments) = store.catalog().await?;
        Ok(Self {
            store,
            now,
            catalog: Catalog::from_store(models, deployments),
            syncs: store.syncs().await?,
        })
    }

    /// The model that a name means.
    pub(crate) fn find(&self, name: &str) -> Result<&Model, UnknownModel> {
        let found = self.catalog.find(name);
        let found = found.or_else(|| Some(self.catalog.pinned(name)?.0));
        found.ok_or_else(|| UnknownModel {
            name: name.to_owned(),
            similar: self.catalog.near(name),
        })
    }

    /// How often models failed within a window; of one model or of all.
    pub(crate) async fn errors(
        &self,
        model: Option<&Model>,
        window: Window,
    ) -> Result<ErrorRates, StoreError> {
        let of = CasesOf {
            model: model.map(|model| &model.id),
            reporter: None,
        };
        let cases = Cases::read(self.store, of, window, Resolution::Whole, self.now).await?;
        Ok(cases.rates(&self.catalog))
    }

    /// What was seen of models on the last [`NUM_DAYS`] days; of one or of all.
    pub(crate) async fn history(&self, model: Option<&Model>) -> Result<History, StoreError> {
        let model = model.map(|model| &model.id);
        History::read(self.store, model, NUM_DAYS, self.now).await
    }

    /// On which of those days a model could be had.
    pub(crate) fn availability(&self, model: &Model, history: &History) -> Availability {
        availability(model, history, self.now, NUM_DAYS)
    }

    /// How long answers of hosts took within a window; of a model that no host ever had, those of
    /// whoever ran it.
    pub(crate) async fn times(&self, model: &Model, window: Window) -> Result<Times, StoreError> {
        let since = window.since(self.now).unwrap_or_default();
        let attempts = self.store.answered_attempts(&model.id.0, since, MAX_ROWS);
        let attempts = attempts.await?;
        let is_meant = |one: &&store::AttemptRecord| {
            let mut all = model.deployments.iter();
            model.deployments.is_empty() || all.any(|other| other.key == one.deployment)
        };
        Ok(Times::of(attempts.iter().filter(is_meant)))
    }

    /// How a specification changed, the newest first.
    pub(crate) async fn changes(&self, model: &Model) -> Result<Vec<SpecChange>, StoreError> {
        let ever = Timestamp::default();
        let changes = self.store.spec_changes(Some(&model.id.0), ever, MAX_ROWS);
        changes.await
    }

    /// Hosts whose last list could not be read or is doubted, and why.
    pub(crate) fn unread(&self) -> BTreeMap<&str, &str> {
        let syncs = self.syncs.iter();
        syncs
            .filter_map(|sync| Some((sync.provider.as_str(), sync.error.as_deref()?)))
            .collect()
    }
}

/// What went wrong at a host without its name, for where that stands already.
pub(crate) fn without_name<'a>(why: &'a str, host: &str) -> &'a str {
    let rest = why.strip_prefix(host);
    let rest = rest.and_then(|rest| rest.strip_prefix(": "));
    rest.unwrap_or(why)
}

/// The hosts that offer a model now.
pub(crate) fn hosts(model: &Model) -> BTreeSet<&str> {
    let hosted = model.active().filter(|one| one.tier == Tier::Hosted);
    hosted.map(|one| one.key.provider.as_str()).collect()
}

/// The host's own word on its speed: the best of those who offer it now.
pub(crate) fn told_times(model: &Model) -> (Option<f64>, Option<f64>) {
    let statuses = || {
        let status = |one: &'_ Deployment| one.status.map(|(status, _)| status);
        model.active().filter_map(status)
    };
    let first_tokens = statuses().filter_map(|status| status.first_token_ms);
    let speeds = statuses().filter_map(|status| status.tokens_per_second);
    (first_tokens.reduce(f64::min), speeds.reduce(f64::max))
}
