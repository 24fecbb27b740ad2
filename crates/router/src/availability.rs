//! When a model could be had, from what was seen of it: hour by hour, and days of that.
//!
//! An hour in which nobody looked says nothing, neither good nor bad; it is counted under its own
//! name. Being listed is one kind of evidence and being answered another: both are told.

mod day;
mod history;

use std::fmt;

use store::{Hour, Timestamp};

use crate::catalog::{Deployment, Model, Tier};

pub use day::{Availability, Day, EvidenceHours};
pub use history::{History, Sight};

/// Days that are told at most.
pub const MAX_DAYS: u32 = 90;

/// What is known of an hour, the best last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HourStatus {
    /// Those who were asked did not have it.
    NotListed,
    /// Nobody looked, or looking failed.
    #[default]
    NotObserved,
    /// It was listed, and nothing showed that it could be called.
    ListedOnly,
    /// It was listed or asked for, and could be called.
    Callable,
}

impl HourStatus {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotListed => "not_listed",
            Self::NotObserved => "not_observed",
            Self::ListedOnly => "listed_only",
            Self::Callable => "callable",
        }
    }
}

/// The verdict on an hour, the best last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verdict {
    /// What is known.
    pub status: HourStatus,
    /// Whether nothing speaks against calling it, of an hour in which it was only listed.
    pub is_uncontradicted: bool,
}

impl Verdict {
    /// Whether the hour counts as one in which the model could be had: it was callable, or it was
    /// listed and nothing spoke against that. `None` if nobody looked.
    pub fn is_good(self) -> Option<bool> {
        match self.status {
            HourStatus::NotObserved => None,
            HourStatus::NotListed => Some(false),
            HourStatus::ListedOnly => Some(self.is_uncontradicted),
            HourStatus::Callable => Some(true),
        }
    }
}

impl Sight {
    /// The verdict on one deployment from what was seen of it within an hour.
    ///
    /// An answer is worth more than any word of its host; without one the host's word on its health
    /// counts, unless everything we tried failed. What is not listed for nothing cannot be had for
    /// nothing, whoever answers. Where only requests tell of the hour, they were sent because the
    /// last list had it.
    pub fn verdict(&self) -> Verdict {
        let is_answered = self.num_probes_ok + self.num_served > 0;
        let is_failed = !is_answered && self.num_probes_failed + self.num_failed > 0;
        let status = match self.is_listed {
            Some(false) => HourStatus::NotListed,
            _ if is_answered => HourStatus::Callable,
            None if is_failed => HourStatus::ListedOnly,
            None => HourStatus::NotObserved,
            Some(true) if self.is_up == Some(true) && !is_failed => HourStatus::Callable,
            Some(true) => HourStatus::ListedOnly,
        };
        Verdict {
            status,
            is_uncontradicted: !is_failed && (is_answered || self.is_up != Some(false)),
        }
    }
}

/// The verdict on a model within an hour: that on its best hosted deployment. A deployment that was
/// to be looked at and was not might have had it, so that the hour is bad only if all were looked at.
pub fn verdict(model: &Model, history: &History, hour: Hour) -> Verdict {
    let verdicts = hosted(model).filter_map(|one| match history.sight(&one.key, hour) {
        Some(sight) => Some(sight.verdict()),
        None => is_expected(one, hour).then(Verdict::default),
    });
    verdicts.max().unwrap_or_default()
}

fn hosted(model: &Model) -> impl Iterator<Item = &Deployment> {
    model
        .deployments
        .iter()
        .filter(|one| one.tier == Tier::Hosted)
}

/// Whether a deployment was known within an hour, so that somebody should have looked at it.
fn is_expected(deployment: &Deployment, hour: Hour) -> bool {
    let is_gone = deployment.gone_at.is_some_and(|at| Hour::of(at) <= hour);
    Hour::of(deployment.first_seen_at) <= hour && !is_gone
}

/// When a model could be had within the last `num_days` days of UTC, today included. Days before
/// it was first seen are empty.
pub fn availability(
    model: &Model,
    history: &History,
    now: Timestamp,
    num_days: u32,
) -> Availability {
    let today = UtcDay::of(now);
    let num_days = num_days.clamp(1, MAX_DAYS);
    let days = (0..num_days).rev();
    let days = days.map(|ago| day(model, history, UtcDay(today.0 - i64::from(ago)), now));
    Availability {
        days: days.collect(),
    }
}

/// The hours of a day up to now in which a model could be had.
pub fn day(model: &Model, history: &History, date: UtcDay, now: Timestamp) -> Day {
    let first_hour = hosted(model).map(|one| Hour::of(one.first_seen_at)).min();
    let mut day = Day::new(date);
    for (number, hour) in date.hours().enumerate() {
        if hour > Hour::of(now) {
            break;
        }
        let verdict = verdict(model, history, hour);
        let is_looked_at = verdict.status != HourStatus::NotObserved;
        // The hour that runs may still be looked at.
        let is_over = hour < Hour::of(now);
        if is_looked_at || (is_over && first_hour.is_some_and(|first| first <= hour)) {
            day.add(number, verdict);
        }
        let sights = hosted(model).filter_map(|one| history.sight(&one.key, hour));
        day.evidence.add(sights);
    }
    day
}

/// A day of UTC: whole days since 1970-01-01. Shown as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcDay(pub i64);

impl UtcDay {
    /// The day that a moment lies in.
    pub fn of(at: Timestamp) -> Self {
        Self(at.0.div_euclid(86_400_000))
    }

    /// Its hours.
    pub fn hours(self) -> impl Iterator<Item = Hour> {
        let first = self.0.saturating_mul(24);
        (first..first.saturating_add(24)).map(Hour)
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = time::OffsetDateTime::from_unix_timestamp(self.0.saturating_mul(86_400));
        match moment {
            Ok(moment) => {
                let date = moment.date();
                let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
                write!(f, "{year:04}-{month:02}-{day:02}")
            }
            // Further away than dates go.
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests;
