//! Rates over time, for charts: every bucket of the span is there, and one without cases says so.

use std::collections::BTreeMap;

use store::{OutcomeSum, Resolution, Timestamp};

use super::Tally;

/// Buckets of a series, at most: ten years of days.
pub const MAX_BUCKETS: usize = 3_660;

/// A series of tallies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// How long each bucket is, in milliseconds; the first and the last may be cut by the span.
    pub bucket_ms: i64,
    /// The buckets, the oldest first; each with its beginning, in whole minutes, hours or days of UTC.
    pub buckets: Vec<(Timestamp, Tally)>,
}

/// How long the buckets of a resolution are; those of [`Resolution::Whole`] have no length.
pub fn bucket_ms(resolution: Resolution) -> Option<i64> {
    match resolution {
        Resolution::Whole => None,
        Resolution::Minute => Some(60_000),
        Resolution::Hour => Some(3_600_000),
        Resolution::Day => Some(86_400_000),
    }
}

/// The beginnings of all buckets that have a part of the span from `since` to before `until`, the
/// newest [`MAX_BUCKETS`] of them.
pub fn bucket_starts(since: Timestamp, until: Timestamp, bucket_ms: i64) -> Vec<Timestamp> {
    let bucket_ms = bucket_ms.max(1);
    if until <= since {
        return Vec::new();
    }
    let last = (until.0 - 1).div_euclid(bucket_ms);
    let first = since.0.div_euclid(bucket_ms);
    let first = first.max(last.saturating_sub(MAX_BUCKETS as i64 - 1));
    (first..=last)
        .map(|bucket| Timestamp(bucket * bucket_ms))
        .collect()
}

/// The series over the span from `since`, or from the first sum on, to before `until`. Sums of a
/// finer resolution are put together; what lies outside of the span is left out.
pub fn series(
    sums: &[OutcomeSum],
    since: Option<Timestamp>,
    until: Timestamp,
    bucket_ms: i64,
) -> Series {
    let bucket_ms = bucket_ms.max(1);
    let first_sum = || sums.iter().map(|sum| sum.start).min();
    let since = since.or_else(first_sum).unwrap_or(until);
    let starts = bucket_starts(since, until, bucket_ms);
    let mut buckets: BTreeMap<Timestamp, Tally> = starts
        .into_iter()
        .map(|start| (start, Tally::default()))
        .collect();
    for sum in sums {
        let start = Timestamp(sum.start.0.div_euclid(bucket_ms).saturating_mul(bucket_ms));
        if let Some(tally) = buckets.get_mut(&start) {
            tally.add(sum);
        }
    }
    Series {
        bucket_ms,
        buckets: buckets.into_iter().collect(),
    }
}
