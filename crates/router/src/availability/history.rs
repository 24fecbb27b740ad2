//! What was seen, by deployment and hour.

use std::collections::HashMap;

use store::{
    DeploymentKey, Hour, Observation, OutcomeSum, Resolution, Store, StoreError, SumQuery,
    Timestamp,
};

use super::UtcDay;
use crate::error::FaultDomain;
use crate::model_info::ModelId;

const HOURS_A_DAY: i64 = 24;

/// Everything that was seen of one deployment within an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Whether its provider listed it; `None` if its list was not read.
    pub is_listed: Option<bool>,
    /// Whether its provider said that it can be called.
    pub is_up: Option<bool>,
    /// Probes that it answered.
    pub num_probes_ok: u64,
    /// Probes that it failed.
    pub num_probes_failed: u64,
    /// Requests of users that it answered.
    pub num_served: u64,
    /// Requests of users that failed by its own fault.
    pub num_failed: u64,
}

/// What was seen of all deployments.
#[derive(Clone, Debug, Default)]
pub struct History(HashMap<DeploymentKey, HashMap<Hour, Sight>>);

impl History {
    /// Reads what is known of the last days up to now, of one model or of all.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read(
        store: &dyn Store,
        model: Option<&ModelId>,
        num_days: u32,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let this_hour = Hour::of(now);
        let today = this_hour.0.div_euclid(HOURS_A_DAY);
        let from = Hour((today + 1 - i64::from(num_days)) * HOURS_A_DAY);
        Self::read_hours(store, model, from, Hour(this_hour.0 + 1)).await
    }

    /// Reads what is known of a day, of all models. Many days are less to hold one by one.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read_day(store: &dyn Store, date: UtcDay) -> Result<Self, StoreError> {
        let from = Hour(date.0.saturating_mul(HOURS_A_DAY));
        Self::read_hours(store, None, from, Hour(from.0.saturating_add(HOURS_A_DAY))).await
    }

    async fn read_hours(
        store: &dyn Store,
        model: Option<&ModelId>,
        from: Hour,
        until: Hour,
    ) -> Result<Self, StoreError> {
        let id = model.map(|model| model.0.as_str());
        let observations = store.observations(id, from, until).await?;
        let query = SumQuery {
            since: Some(from.start()),
            until: Some(until.start()),
            model: id.map(str::to_owned),
            resolution: Resolution::Hour,
        };
        Ok(Self::new(&observations, &store.sum_attempts(&query).await?))
    }

    /// Puts together what was observed and what became of requests, the latter by the hour or finer.
    pub fn new(observations: &[Observation], sums: &[OutcomeSum]) -> Self {
        let mut history = Self::default();
        for one in observations {
            let sight = history.entry(&one.key, one.hour);
            sight.is_listed = Some(sight.is_listed == Some(true) || one.is_listed);
            sight.is_up = one.is_up.or(sight.is_up);
            sight.num_probes_ok += u64::from(one.num_probes_ok);
            sight.num_probes_failed += u64::from(one.num_probes_failed);
        }
        for sum in sums {
            let is_ok = sum.outcome == "ok";
            let is_its_fault = sum.fault_domain == FaultDomain::Host.as_str();
            if !is_ok && !is_its_fault {
                continue;
            }
            let sight = history.entry(&sum.deployment, Hour::of(sum.start));
            match is_ok {
                true => sight.num_served += sum.sum.count,
                false => sight.num_failed += sum.sum.count,
            }
        }
        history
    }

    fn entry(&mut self, key: &DeploymentKey, hour: Hour) -> &mut Sight {
        if !self.0.contains_key(key) {
            self.0.insert(key.clone(), HashMap::new());
        }
        let of_key = self.0.entry(key.clone()).or_default();
        of_key.entry(hour).or_default()
    }

    /// What was seen of a deployment within an hour; `None`: nothing.
    pub fn sight(&self, key: &DeploymentKey, hour: Hour) -> Option<&Sight> {
        self.0.get(key)?.get(&hour)
    }
}
