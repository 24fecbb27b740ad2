//! What was seen and the store has not taken yet.

use std::collections::{BTreeMap, BTreeSet};

use store::{
    CatalogUpdate, DeploymentRecord, MAX_BATCH, ModelRecord, ProviderSync, Store, StoreError,
    Timestamp,
};

use super::plan::pieces;

/// Looks that are not written, the newest last and one for each provider.
#[derive(Default)]
pub(super) struct Unwritten(Vec<UnwrittenLook>);

struct UnwrittenLook {
    update: CatalogUpdate,
    sync: ProviderSync,
}

impl Unwritten {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in a look, together with an older one at the same provider.
    pub(super) fn keep(&mut self, update: CatalogUpdate, sync: ProviderSync) {
        let is_same = |one: &UnwrittenLook| one.sync.provider == sync.provider;
        let known = self.0.iter().position(is_same);
        let known = known.map(|place| self.0.remove(place).update);
        let update = joined(known.unwrap_or_default(), update);
        self.0.push(UnwrittenLook { update, sync });
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
    /// word counts, unless it lies after `now`, by a clock that went wrong. Wants the lock of those who
    /// look.
    pub(super) async fn write(
        &mut self,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let syncs = store.syncs().await?;
        let is_newer = |look: &UnwrittenLook| {
            let same = syncs.iter().find(|one| one.provider == look.sync.provider);
            same.is_none_or(|one| one.tried_at <= look.sync.tried_at || one.tried_at > now)
        };
        self.0.retain(is_newer);
        while let Some(look) = self.0.first_mut() {
            let mut left = pieces(std::mem::take(&mut look.update)).into_iter();
            while let Some(piece) = left.next() {
                if let Err(error) = store.update_catalog(&piece).await {
                    // Nothing of it was written.
                    look.update = left.fold(piece, joined);
                    return Err(error);
                }
            }
            store.record_sync(&look.sync).await?;
            self.0.remove(0);
        }
        Ok(())
    }
}

/// Two updates, one after the other. Of what happened the oldest is forgotten beyond what a store takes
/// at once, so that a store that is full for days does not fill the memory.
fn joined(mut first: CatalogUpdate, mut second: CatalogUpdate) -> CatalogUpdate {
    let models: BTreeSet<_> = second.models.iter().map(|one| &one.id).collect();
    first.models.retain(|one| !models.contains(&one.id));
    let deployments: BTreeSet<_> = second.deployments.iter().map(|one| &one.key).collect();
    let is_older = |one: &DeploymentRecord| !deployments.contains(&one.key);
    first.deployments.retain(is_older);
    first.models.append(&mut second.models);
    first.deployments.append(&mut second.deployments);
    first.changes.append(&mut second.changes);
    first.observations.append(&mut second.observations);
    let num_changes = first.changes.len().saturating_sub(MAX_BATCH);
    first.changes.drain(..num_changes);
    let num_observations = first.observations.len().saturating_sub(MAX_BATCH);
    first.observations.drain(..num_observations);
    first
}
