//! When the lists of hosts were read, and what they had.

use super::models::{SampleDeployment, SampleModel, SampleModels};
use super::{DAY_MS, HOUR_MS, LOOK_MS};

/// Hours in which the collector itself stood still: nine on 2026-03-06, from 01:00 on.
const OUTAGE: std::ops::Range<i64> = 27 * 24 + 1..27 * 24 + 10;

/// Further single hours in which it was down, for a new version.
const RESTARTS: [i64; 5] = [64, 233, 417, 598, 851];

/// Hours in which one host alone could not be read.
const UNREAD: [(&str, i64); 12] = [
    ("openrouter", 121),
    ("openrouter", 122),
    ("openrouter", 502),
    ("openrouter", 777),
    ("groq", 88),
    ("groq", 690),
    ("nvidia", 310),
    ("nvidia", 311),
    ("nvidia", 312),
    ("nvidia", 969),
    ("nvidia", 970),
    ("nvidia", 971),
];

/// Whether this server ran in an hour of the sample.
pub(super) fn is_running(hour: i64) -> bool {
    !OUTAGE.contains(&hour) && !RESTARTS.contains(&hour)
}

/// Whether the list of a host was read in an hour.
pub(super) fn is_read(host: &str, hour: i64) -> bool {
    is_running(hour) && !UNREAD.contains(&(host, hour))
}

/// The last hour before `end` in which the list of a host was read.
pub(super) fn last_read(host: &str, end: i64) -> Option<i64> {
    (0..end).rev().find(|&hour| is_read(host, hour))
}

/// The day, whole and in parts, of the look in an hour.
pub(super) fn day_of(hour: i64) -> f64 {
    (hour * HOUR_MS + LOOK_MS) as f64 / DAY_MS as f64
}

/// What a host has on its list on a day.
pub(super) fn listed<'a>(
    models: &'a SampleModels,
    host: &str,
    day: f64,
) -> impl Iterator<Item = (&'a SampleModel, &'a SampleDeployment)> {
    models
        .deployments()
        .filter(move |(_, at)| at.host == host && at.is_listed(day))
}
