//! How often models fail, as this API tells it. What this server saw itself comes first; where it
//! saw nothing, what users reported.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use store::{FeedbackRecord, FeedbackSum, OutcomeSum, Timestamp};

use super::percent;
use crate::catalog::{Catalog, Model};
use crate::error::FaultDomain;
use crate::reliability::feedback::{self, Reports};
use crate::reliability::{self, Rate, Tally};

/// What a rate rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribution {
    /// On nothing: there is no rate.
    #[default]
    None,
    /// On the attempts of this server.
    Attempts,
    /// On reports of users.
    Reports,
}

impl Attribution {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::None, Self::Attempts, Self::Reports];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Attempts => "attempts",
            Self::Reports => "reports",
        }
    }
}

/// How often a model fails.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorRate {
    /// The rate; `None`: nothing is known.
    pub rate: Option<Rate>,
    /// What it rests on.
    pub attribution: Attribution,
    /// Those that failed because the host had too much to do.
    pub num_rate_limited: u64,
    /// Those that failed because the host did not have it.
    pub num_unavailable: u64,
    /// Those that failed otherwise.
    pub num_other: u64,
    /// Those that did not fail.
    pub num_ok: u64,
    /// How many users reported.
    pub num_reporters: u64,
    /// Attempts that failed by somebody else's fault, which are not in the rate.
    pub num_by_others: BTreeMap<FaultDomain, u64>,
}

static NOTHING_KNOWN: ErrorRate = ErrorRate {
    rate: None,
    attribution: Attribution::None,
    num_rate_limited: 0,
    num_unavailable: 0,
    num_other: 0,
    num_ok: 0,
    num_reporters: 0,
    num_by_others: BTreeMap::new(),
};

/// How often each model fails, by its id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorRates(BTreeMap<String, ErrorRate>);

impl ErrorRate {
    /// The share that fails as this API has it: nothing known is 0.
    pub fn share(&self) -> f64 {
        self.rate.map_or(0.0, |rate| rate.share())
    }

    fn of_attempts(tally: &Tally) -> Self {
        let failures = |kinds: &[&str]| -> u64 {
            let counts = kinds
                .iter()
                .filter_map(|&kind| tally.host_failures.get(kind));
            counts.sum()
        };
        let num_rate_limited = failures(&["rate_limited", "overloaded"]);
        let num_unavailable = failures(&["unavailable"]);
        let num_failed = tally.num_failed_by(FaultDomain::Host);
        let mut num_by_others = tally.num_failed.clone();
        num_by_others.remove(&FaultDomain::Host);
        Self {
            rate: tally.rate(),
            attribution: tally
                .rate()
                .map_or(Attribution::None, |_| Attribution::Attempts),
            num_rate_limited,
            num_unavailable,
            num_other: num_failed - num_rate_limited - num_unavailable,
            num_ok: tally.num_ok,
            num_reporters: 0,
            num_by_others,
        }
    }

    /// Takes what was reported, as far as nothing was seen.
    fn take_reports(&mut self, reports: &Reports) {
        self.num_reporters = reports.num_reporters;
        if self.rate.is_some() {
            return;
        }
        let count = |issue: &str| reports.num_issues.get(issue).copied().unwrap_or(0);
        self.rate = reports.rate();
        self.attribution = reports
            .rate()
            .map_or(Attribution::None, |_| Attribution::Reports);
        self.num_rate_limited = count("rate_limited");
        self.num_unavailable = count("unavailable");
        self.num_other = reports.num_failed() - self.num_rate_limited - self.num_unavailable;
        self.num_ok = reports.num_ok;
    }

    /// How many cases failed.
    pub fn num_failed(&self) -> u64 {
        self.num_rate_limited + self.num_unavailable + self.num_other
    }

    /// What the rate rests on, for those who want to know.
    pub(super) fn grounds(&self) -> Value {
        let end = |end: fn(&Rate) -> f64| self.rate.as_ref().map(end).map(percent);
        json!({
            "samples": self.rate.map_or(0, |rate| rate.num_cases),
            "errorRateLow": end(|rate| rate.interval.low),
            "errorRateHigh": end(|rate| rate.interval.high),
            "reporters": self.num_reporters,
            "attribution": self.attribution.as_str(),
        })
    }

    /// How many cases there were of each kind.
    pub(super) fn counts(&self) -> Value {
        json!({
            "rateLimited": self.num_rate_limited,
            "unavailable": self.num_unavailable,
            "error": self.num_other,
            "successCount": self.num_ok,
        })
    }

    /// Attempts that failed by somebody else's fault.
    pub(super) fn others(&self) -> Value {
        let counts = self.num_by_others.iter();
        counts
            .map(|(domain, count)| (domain.as_str().to_owned(), json!(count)))
            .collect()
    }
}

impl ErrorRates {
    /// Of what this server saw and what was reported, over the same time. For the reports of one
    /// caller alone there are no attempts. Sums of reports are by the hour. What runs on this
    /// machine does not count for a model that is hosted.
    pub fn new(catalog: &Catalog, attempts: &[OutcomeSum], reports: &[FeedbackSum]) -> Self {
        let counted = attempts.iter().filter(|sum| is_counted(catalog, sum));
        let tallies = reliability::by_model(counted);
        let mut rates: BTreeMap<String, ErrorRate> = tallies
            .into_iter()
            .map(|(model, tally)| (model, ErrorRate::of_attempts(&tally)))
            .collect();
        for (model, reports) in feedback::by_model(reports) {
            rates.entry(model).or_default().take_reports(&reports);
        }
        Self(rates)
    }

    /// Of nothing.
    pub const fn new_empty() -> Self {
        Self(BTreeMap::new())
    }

    /// That of a model.
    pub fn of(&self, model: &Model) -> &ErrorRate {
        self.0.get(&model.id.0).unwrap_or(&NOTHING_KNOWN)
    }
}

/// Cases of a model, for charts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its id.
    pub model: String,
    /// When, or the beginning of the time that it is the sum of.
    pub at: Timestamp,
    /// What it rests on.
    pub attribution: Attribution,
    /// Cases that failed.
    pub num_failed: u64,
    /// All cases.
    pub num_cases: u64,
}

impl Point {
    /// The cases that attempts of this server are.
    pub fn of_attempts(catalog: &Catalog, sums: &[OutcomeSum]) -> Vec<Self> {
        let point = |sum: &OutcomeSum| {
            let is_failed = sum.fault_domain == FaultDomain::Host.as_str();
            let num_cases = sum.sum.count;
            (sum.outcome == "ok" || is_failed).then(|| Self {
                model: sum.model.clone(),
                at: sum.start,
                attribution: Attribution::Attempts,
                num_failed: if is_failed { num_cases } else { 0 },
                num_cases,
            })
        };
        let counted = sums.iter().filter(|sum| is_counted(catalog, sum));
        counted.filter_map(point).collect()
    }

    /// The cases that reports are, with their moments: for charts by the minute.
    pub fn of_reports(records: &[FeedbackRecord]) -> Vec<Self> {
        let point = |record: &FeedbackRecord| Self {
            model: record.model.clone(),
            at: record.created_at,
            attribution: Attribution::Reports,
            num_failed: u64::from(!record.is_success),
            num_cases: 1,
        };
        records.iter().map(point).collect()
    }

    /// The cases that reports are, of sums by the hour: whoever says the same again within an hour
    /// counts once.
    pub fn of_report_sums(sums: &[FeedbackSum]) -> Vec<Self> {
        let point = |sum: &FeedbackSum| {
            let weight = sum.count.min(sum.num_reporters.max(1));
            Self {
                model: sum.model.clone(),
                at: sum.hour.start(),
                attribution: Attribution::Reports,
                num_failed: if sum.issue.is_some() { weight } else { 0 },
                num_cases: weight,
            }
        };
        sums.iter().map(point).collect()
    }
}

/// Whether an attempt tells of its model as this API lists it: it was made where that is hosted, or
/// it is hosted nowhere.
fn is_counted(catalog: &Catalog, sum: &OutcomeSum) -> bool {
    let model = catalog.model(&sum.model);
    model.is_some_and(|model| model.is_told_by(&sum.deployment))
}
