//! Sample data: a demonstration database in memory, the same on every machine, so that all pages can be
//! seen before anybody was asked for anything.
//!
//! It speaks of one fixed moment, [`MOMENT`]. The models are those of public lists by name; every number
//! and every event is invented, by a generator with a fixed seed. Nothing of it touches the user's
//! database, and no host is asked.

mod events;
mod keys;
mod lists;
mod models;
mod random;
mod requests;
mod sights;

use std::sync::Arc;

use anyhow::Context;
use router::catalog::Catalog;
use store::{Store, Timestamp};

use crate::data_dir;
use models::SampleModels;
use random::Random;

pub(crate) use keys::add_key_of_this_run;

/// 2026-03-19T12:00:00Z, the moment that the sample data speaks of.
pub(crate) const MOMENT: Timestamp = Timestamp(1_773_921_600_000);

/// 2026-02-07T00:00:00Z, when it began to be watched which models there are.
const START: Timestamp = Timestamp(1_770_422_400_000);

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Whole hours of the sample, up to that of the moment.
const NUM_HOURS: i64 = (MOMENT.0 - START.0) / HOUR_MS;

/// Within its hour, when hosts are asked for their lists.
const LOOK_MS: i64 = 7 * 60_000;

/// The hosts of the sample.
pub(crate) const HOSTS: [&str; 4] = ["cloudflare", "groq", "nvidia", "openrouter"];

/// A store in memory with the sample data, and the catalogue that it shows: of hosts that nobody asks.
pub(crate) async fn open() -> anyhow::Result<(Arc<dyn Store>, Catalog)> {
    let store = data_dir::connect("sqlite::memory:").await?;
    let filled = fill(&store).await;
    let catalog = filled.context("cannot make the sample data")?;
    Ok((store, catalog))
}

/// Fills an empty store.
async fn fill(shared: &Arc<dyn Store>) -> anyhow::Result<Catalog> {
    let store = &**shared;
    let models = SampleModels::read()?;
    // One generator for each part, so that a change of one leaves the others as they are.
    keys::write(store, &mut Random::new(1)).await?;
    events::write(store, &models).await?;
    sights::write(store, &models, &mut Random::new(2)).await?;
    requests::write(store, &models, &mut Random::new(3)).await?;
    keys::count(shared).await?;
    let (models, deployments) = store.catalog().await?;
    Ok(Catalog::from_store(models, deployments))
}

/// The moment that is so many days, whole and in parts, after the start.
fn day(days: f64) -> Timestamp {
    Timestamp(START.0 + (days * DAY_MS as f64) as i64)
}

/// The beginning of the `number`-th hour of the sample.
fn hour(number: i64) -> Timestamp {
    Timestamp(START.0 + number * HOUR_MS)
}

#[cfg(test)]
mod tests;
