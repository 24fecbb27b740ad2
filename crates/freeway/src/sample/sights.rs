//! What was seen of each deployment, hour by hour.

use store::{CatalogUpdate, Hour, MAX_BATCH, Observation, Store};

use super::lists::{day_of, is_read};
use super::models::{SampleDeployment, SampleModels};
use super::random::Random;
use super::{NUM_HOURS, hour};

/// How often a deployment is probed, compared with how often it is looked at.
const PROBED: f64 = 0.03;

pub(super) async fn write(
    store: &dyn Store,
    models: &SampleModels,
    random: &mut Random,
) -> anyhow::Result<()> {
    let mut observations = Vec::new();
    for (_, at) in models.deployments().filter(|(_, at)| !at.unknown) {
        // What was never there is not missed.
        let mut is_known = false;
        for number in (0..NUM_HOURS).filter(|&number| is_read(&at.host, number)) {
            is_known |= at.is_listed(day_of(number));
            if is_known {
                observations.push(observation(at, number, random));
            }
        }
    }
    for chunk in observations.chunks(MAX_BATCH) {
        let update = CatalogUpdate {
            observations: chunk.to_vec(),
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await?;
    }
    Ok(())
}

fn observation(at: &SampleDeployment, number: i64, random: &mut Random) -> Observation {
    let day = day_of(number);
    let is_listed = at.is_listed(day);
    let is_up = !at.is_down(day) && !random.is(at.down_share);
    let (mut num_probes_ok, mut num_probes_failed) = (0, 0);
    if is_listed && random.is(PROBED) {
        match is_up && !random.is(at.fails) {
            true => num_probes_ok = 1,
            false => num_probes_failed = 1,
        }
    }
    Observation {
        key: at.key(),
        hour: Hour::of(hour(number)),
        is_listed,
        is_up: (is_listed && at.is_told()).then_some(is_up),
        num_probes_ok,
        num_probes_failed,
    }
}
