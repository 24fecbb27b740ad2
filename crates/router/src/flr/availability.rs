//! `GET /api/availability`: on which days models could be had.

use serde_json::{Map, Value, json};
use store::Timestamp;

use super::errors::ErrorRates;
use super::params::{int, is_for, sort, use_cases};
use super::{Shown, extend, moment, runs_here, spec_fields};
use crate::availability::{Availability, History, MAX_DAYS, UtcDay, availability};
use crate::catalog::Catalog;
use crate::preferences::{Sort, UseCase};

/// Which models and days to tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailabilityParams {
    /// How many days, today included.
    pub num_days: u32,
    /// What each must be good for.
    pub use_cases: Vec<UseCase>,
    /// Which come first.
    pub sort: Sort,
}

/// A number of days that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("days must be a whole number from 1 to 90, not {got:?}")]
pub struct BadDays {
    /// What was sent.
    pub got: String,
}

impl BadDays {
    /// The word for programs.
    pub const CODE: &str = "VALIDATION_ERROR";
}

/// Longest part of a wrong value that is repeated.
const MAX_REPEATED_CHARS: usize = 50;

/// Reads the parameters. `get` gives the first value of a name.
///
/// # Errors
/// [`BadDays`].
pub fn availability_params<'a>(
    get: impl Fn(&str) -> Option<&'a str>,
) -> Result<AvailabilityParams, BadDays> {
    let get = |name: &str| get(name).map(str::trim).filter(|value| !value.is_empty());
    let num_days = match get("days") {
        None => MAX_DAYS,
        Some(days) => {
            let number = int(days).ok_or_else(|| BadDays {
                got: days.chars().take(MAX_REPEATED_CHARS).collect(),
            })?;
            number.clamp(1, i64::from(MAX_DAYS)) as u32
        }
    };
    Ok(AvailabilityParams {
        num_days,
        use_cases: use_cases(&get).unwrap_or_default(),
        sort: get("sort")
            .and_then(Sort::parse)
            .unwrap_or(Sort::ContextLength),
    })
}

/// The body. `history` has the days that are asked for; `errors` serve the order alone.
pub fn availability_body(
    catalog: &Catalog,
    history: &History,
    errors: &ErrorRates,
    params: &AvailabilityParams,
    now: Timestamp,
) -> Value {
    let mut shown: Vec<Shown<'_>> = catalog.models().iter().map(Shown::of).collect();
    shown.retain(|one| is_for(one, &params.use_cases));
    sort(&mut shown, params.sort, errors);
    let models: Vec<Value> = shown
        .iter()
        .map(|one| (one, availability(one.model, history, now, params.num_days)))
        .filter(|(_, availability)| availability.num_tracked_days() > 0)
        .map(|(one, availability)| model_json(one, &availability))
        .collect();
    let today = UtcDay::of(now).0;
    let dates: Vec<String> = (0..i64::from(params.num_days))
        .rev()
        .map(|ago| UtcDay(today - ago).to_string())
        .collect();
    json!({
        "models": models,
        "dates": dates,
        "lastUpdated": moment(now),
        "count": models.len(),
    })
}

fn model_json(shown: &Shown<'_>, availability: &Availability) -> Value {
    let (mut is_available, mut status) = (Map::new(), Map::new());
    for day in &availability.days {
        let date = day.date.to_string();
        if let Some(yes) = day.is_available() {
            is_available.insert(date.clone(), yes.into());
        }
        if day.is_tracked() || day.is_unobserved() {
            status.insert(date, day.status().as_str().into());
        }
    }
    let evidence = availability.evidence();
    let (good, observed) = availability.hours();
    let mut json = json!({
        "modelId": shown.id,
        "modelName": shown.name(),
        "isActive": shown.model.is_hosted(),
        "runsHere": runs_here(shown.model),
    });
    extend(&mut json, spec_fields(shown));
    let rest = json!({
        "availability": is_available,
        "status": status,
        "availableDays": availability.num_available_days(),
        "trackedDays": availability.num_tracked_days(),
        "unobservedDays": availability.num_unobserved_days(),
        "availableHours": good,
        "observedHours": observed,
        "availabilityPercent": availability.percent().map(|percent| super::percent(percent / 100.0)),
        "evidenceHours": {
            "listed": evidence.listed,
            "endpointUp": evidence.endpoint_up,
            "probed": evidence.probed,
            "served": evidence.served,
        },
    });
    extend(&mut json, rest);
    json
}
