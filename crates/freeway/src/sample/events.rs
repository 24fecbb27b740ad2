//! The catalogue and its history: the looks at which something changed, carried out as the server does.

use std::collections::HashMap;

use router::catalog::Catalog;
use router::provider::{EndpointStatus, ListSource};
use router::sync::{Look, plan_update};
use store::{ProviderSync, Store, Timestamp};

use super::lists::{day_of, is_read, last_read, listed};
use super::models::SampleModels;
use super::{HOSTS, LOOK_MS, NUM_HOURS, hour};

pub(super) async fn write(store: &dyn Store, models: &SampleModels) -> anyhow::Result<()> {
    for host in HOSTS {
        let mut before = None;
        for number in turning_points(models, host) {
            let look = look(models, host, number)?;
            let (known, deployments) = store.catalog().await?;
            let known = Catalog::from_store(known, deployments);
            let at = Timestamp(hour(number).0 + LOOK_MS);
            let source = ListSource::default();
            let plan = plan_update(host, &source, &known, before.as_ref(), Ok(&look), at);
            let mut update = plan.update;
            // What was seen hour by hour is written as a whole.
            update.observations.clear();
            store.update_catalog(&update).await?;
            before = Some(plan.sync);
        }
        if let Some(sync) = before {
            store.record_sync(&last_sync(sync)).await?;
        }
    }
    Ok(())
}

/// The hours in which the list of a host differs from the one before, and the last one.
fn turning_points(models: &SampleModels, host: &str) -> Vec<i64> {
    let state = |number: i64| {
        let day = day_of(number);
        let listed = listed(models, host, day);
        let told = listed.map(|(_, at)| {
            let changes = at.changes.iter().filter(|change| change.day <= day);
            (at.name.as_str(), changes.count())
        });
        told.collect::<Vec<_>>()
    };
    let mut points = Vec::new();
    let mut known = None;
    for number in (0..NUM_HOURS).filter(|&number| is_read(host, number)) {
        let state = Some(state(number));
        if state != known {
            points.push(number);
            known = state;
        }
    }
    points.extend(last_read(host, NUM_HOURS));
    points.dedup();
    points
}

/// What a host lists in an hour, and says of the health of what it has.
fn look(models: &SampleModels, host: &str, number: i64) -> anyhow::Result<Look> {
    let day = day_of(number);
    let mut look = Look {
        models: Vec::new(),
        statuses: HashMap::new(),
    };
    for (model, at) in listed(models, host, day) {
        look.models.push(model.info(at, day)?);
        if at.is_told() && !at.unknown {
            let is_up = !at.is_down(day);
            let status = EndpointStatus {
                is_up,
                uptime_percent: Some(match is_up {
                    true => 100.0 * (1.0 - at.fails * 0.8),
                    false => 0.0,
                }),
                first_token_ms: is_up.then_some(at.first_token_ms),
                tokens_per_second: is_up.then_some(at.tokens_per_second),
            };
            look.statuses.insert(at.name.clone(), status);
        }
    }
    Ok(look)
}

/// The note of the last look, which failed where the last hours could not be read.
fn last_sync(sync: ProviderSync) -> ProviderSync {
    let last = NUM_HOURS - 1;
    if is_read(&sync.provider, last) {
        return sync;
    }
    ProviderSync {
        tried_at: Timestamp(hour(last).0 + LOOK_MS),
        error: Some(format!(
            "{} answered 503 Service Unavailable",
            sync.provider
        )),
        ..sync
    }
}
