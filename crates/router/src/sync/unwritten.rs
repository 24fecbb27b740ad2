//! What was seen and the store has not taken yet.

use std::collections::{BTreeMap, VecDeque};

use store::{CatalogUpdate, DeploymentRecord, ModelRecord, ProviderSync, Store, StoreError};

use super::plan::pieces;

/// Looks that are not written, in their order and at most one for each provider.
#[derive(Default)]
pub(super) struct Unwritten(Vec<UnwrittenLook>);

struct UnwrittenLook {
    /// All that was seen, for the catalogue.
    update: CatalogUpdate,
    /// What of it is not written.
    pieces: VecDeque<CatalogUpdate>,
    sync: ProviderSync,
}

impl Unwritten {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in a look. One that saw nothing leaves what an older one saw, and is noted.
    pub(super) fn keep(&mut self, update: CatalogUpdate, sync: ProviderSync) {
        let mut all = self.0.iter_mut();
        match all.find(|one| one.sync.provider == sync.provider) {
            Some(known) if update == CatalogUpdate::default() => known.sync = sync,
            _ => {
                self.forget(&sync.provider);
                self.0.push(UnwrittenLook {
                    pieces: pieces(update.clone()).into(),
                    update,
                    sync,
                });
            }
        }
    }

    /// Forgets what was seen at a provider, for a look that sees it anew.
    pub(super) fn forget(&mut self, provider: &str) {
        self.0.retain(|look| look.sync.provider != provider);
    }

    /// The rows of the store with these over them.
    pub(super) fn over(
        &self,
        (models, deployments): &(Vec<ModelRecord>, Vec<DeploymentRecord>),
    ) -> (Vec<ModelRecord>, Vec<DeploymentRecord>) {
        if self.is_empty() {
            return (models.clone(), deployments.clone());
        }
        let updates = || self.0.iter().map(|look| &look.update);
        let models = models.iter().chain(updates().flat_map(|one| &one.models));
        let models: BTreeMap<_, _> = models.map(|one| (&one.id, one)).collect();
        let seen = updates().flat_map(|one| &one.deployments);
        let deployments = deployments.iter().chain(seen);
        let deployments: BTreeMap<_, _> = deployments.map(|one| (&one.key, one)).collect();
        (
            models.into_values().cloned().collect(),
            deployments.into_values().cloned().collect(),
        )
    }

    /// Puts the notes of these looks in the place of those of the store.
    pub(super) fn lay_over_syncs(&self, syncs: &mut Vec<ProviderSync>) {
        for look in &self.0 {
            syncs.retain(|sync| sync.provider != look.sync.provider);
            syncs.push(look.sync.clone());
        }
    }

    /// Writes them, as far as the store takes them. Of what another server has looked at since, its
    /// word counts. Wants the lock of those who look.
    pub(super) async fn write(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let syncs = store.syncs().await?;
        let is_newer = |look: &UnwrittenLook| {
            let same = syncs.iter().find(|one| one.provider == look.sync.provider);
            same.is_none_or(|one| one.tried_at <= look.sync.tried_at)
        };
        self.0.retain(is_newer);
        while let Some(look) = self.0.first_mut() {
            while let Some(piece) = look.pieces.front() {
                store.update_catalog(piece).await?;
                look.pieces.pop_front();
            }
            store.record_sync(&look.sync).await?;
            self.0.remove(0);
        }
        Ok(())
    }
}
