//! `GET /api/health`: which models fail how often, and when.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};
use store::Timestamp;

use super::errors::{Attribution, ErrorRate, ErrorRates, Point};
use super::params::{float, int, is_for, sort, use_cases};
use super::{Shown, chart_moment, extend, moment, percent, spec_fields};
use crate::catalog::Catalog;
use crate::preferences::{Sort, UseCase};
use crate::reliability::Window;
use crate::reliability::series::{bucket_ms, bucket_starts};

/// Which models to tell of.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthParams {
    /// Over which time; never since ever.
    pub window: Window,
    /// What each must be good for.
    pub use_cases: Vec<UseCase>,
    /// Which come first; `None`: those with most issues.
    pub sort: Option<Sort>,
    /// How many, at most.
    pub top_n: Option<usize>,
    /// The error rate in percent up to which they are told of.
    pub max_error_rate: Option<f64>,
    /// Whether only reports of the caller count, if it is known who calls.
    pub is_own_reports: bool,
}

/// Reads the parameters. `get` gives the first value of a name.
pub fn health_params<'a>(get: impl Fn(&str) -> Option<&'a str>) -> HealthParams {
    let get = |name: &str| get(name).map(str::trim).filter(|value| !value.is_empty());
    let window = get("range").and_then(Window::parse);
    HealthParams {
        window: window
            .filter(|&window| window != Window::All)
            .unwrap_or(Window::Week),
        use_cases: use_cases(&get).unwrap_or_default(),
        sort: get("sort").and_then(Sort::parse),
        top_n: get("topN")
            .and_then(int)
            .filter(|&number| number > 0)
            .map(|number| usize::try_from(number).unwrap_or(usize::MAX)),
        max_error_rate: get("maxErrorRate").and_then(float),
        is_own_reports: get("myReports") == Some("true"),
    }
}

/// The body. `points` are the cases of the window; those that a model's rate does not rest on are
/// left out.
pub fn health_body(
    catalog: &Catalog,
    errors: &ErrorRates,
    points: &[Point],
    params: &HealthParams,
    now: Timestamp,
) -> Value {
    let mut shown: Vec<Shown<'_>> = catalog.models().iter().map(Shown::of).collect();
    shown.retain(|one| errors.of(one.model).rate.is_some() && is_for(one, &params.use_cases));
    match params.sort {
        Some(by) => sort(&mut shown, by, errors),
        None => shown.sort_by(|a, b| {
            let num_failed = |one: &Shown<'_>| errors.of(one.model).num_failed();
            num_failed(b)
                .cmp(&num_failed(a))
                .then_with(|| a.id.cmp(b.id))
        }),
    }
    if let Some(max) = params.max_error_rate {
        shown.retain(|one| 100.0 * errors.of(one.model).share() <= max);
    }
    shown.truncate(params.top_n.unwrap_or(usize::MAX));
    let issues: Vec<Value> = shown
        .iter()
        .map(|one| issue_json(one, errors.of(one.model)))
        .collect();
    json!({
        "issues": issues,
        "timeline": timeline(&shown, errors, points, params.window, now),
        "range": params.window.as_str(),
        "lastUpdated": moment(now),
        "count": issues.len(),
    })
}

fn issue_json(shown: &Shown<'_>, rate: &ErrorRate) -> Value {
    let mut json = json!({
        "modelId": shown.id,
        "modelName": shown.name(),
        "errorRate": percent(rate.share()),
    });
    extend(&mut json, spec_fields(shown));
    extend(&mut json, rate.counts());
    extend(
        &mut json,
        json!({ "total": rate.num_failed() + rate.num_ok }),
    );
    extend(&mut json, rate.grounds());
    extend(&mut json, json!({ "otherFaults": rate.others() }));
    json
}

/// Every bucket of the window, with the rates of those models that have cases in it: silence is not
/// drawn as a rate of zero.
fn timeline(
    shown: &[Shown<'_>],
    errors: &ErrorRates,
    points: &[Point],
    window: Window,
    now: Timestamp,
) -> Vec<Value> {
    let Some((since, bucket_ms)) = window.since(now).zip(bucket_ms(window.resolution())) else {
        return Vec::new();
    };
    let named: HashMap<&str, (&str, Attribution)> = shown
        .iter()
        .map(|one| {
            (
                one.model.id.0.as_str(),
                (one.id, errors.of(one.model).attribution),
            )
        })
        .collect();
    let mut buckets: BTreeMap<i64, BTreeMap<&str, (u64, u64)>> =
        bucket_starts(since, now, bucket_ms)
            .into_iter()
            .map(|start| (start.0, BTreeMap::new()))
            .collect();
    for point in points {
        let Some(&(id, attribution)) = named.get(point.model.as_str()) else {
            continue;
        };
        // A sum may begin before the window of which it has a part.
        let start = point.at.0.max(since.0).div_euclid(bucket_ms) * bucket_ms;
        if let Some(bucket) = buckets.get_mut(&start)
            && attribution == point.attribution
        {
            let cases = bucket.entry(id).or_default();
            cases.0 += point.num_failed;
            cases.1 += point.num_cases;
        }
    }
    let with_date = |(start, rates): (i64, BTreeMap<&str, (u64, u64)>)| {
        let mut bucket = Map::new();
        bucket.insert("date".to_owned(), chart_moment(Timestamp(start)).into());
        for (id, (num_failed, num_cases)) in rates {
            if num_cases > 0 {
                let share = num_failed as f64 / num_cases as f64;
                bucket.insert(id.to_owned(), percent(share));
            }
        }
        Value::Object(bucket)
    };
    buckets.into_iter().map(with_date).collect()
}
