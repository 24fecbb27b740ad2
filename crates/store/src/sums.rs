//! What a sum over a span of attempts is made of, whichever database it is: single attempts, sums
//! of hours and sums of days.

use std::collections::BTreeMap;

use crate::{
    AttemptRecord, AttemptSum, DeploymentKey, OutcomeSum, Resolution, StoreError, SumQuery,
    Timestamp,
};

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// The longest span that is summed by the minute.
const MAX_MINUTE_HOURS: i64 = 6;

/// Where a part of a sum comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Attempts,
    Hours,
    Days,
}

/// A part of a span and where its sums come from. Bounds of hours and days lie on hours and days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) source: Source,
    /// The first moment, in milliseconds.
    pub(crate) from: i64,
    /// The first moment after it; `i64::MAX`: it has no end.
    pub(crate) until: i64,
}

/// From when on nothing is missing, in milliseconds. Hours are there at least as long as attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptSince {
    pub(crate) attempts: i64,
    pub(crate) hours: i64,
}

impl Default for KeptSince {
    fn default() -> Self {
        Self {
            attempts: i64::MIN,
            hours: i64::MIN,
        }
    }
}

/// The parts of a span, none of which overlap.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Where the span begins, after it was widened to what is kept.
    pub(crate) start: Timestamp,
    pub(crate) parts: Vec<Part>,
}

impl Parts {
    /// The finest that is kept at the ends of the span, the coarsest that will do between them.
    pub(crate) fn of(query: &SumQuery, kept: KeptSince) -> Result<Self, StoreError> {
        if query.resolution == Resolution::Minute {
            return Self::of_minutes(query);
        }
        let is_by_day = query.resolution != Resolution::Hour;
        let mut parts = Vec::new();
        let mut add = |source, from, until| {
            if from < until {
                parts.push(Part {
                    source,
                    from,
                    until,
                });
            }
        };
        let mut from = query.since.map_or(i64::MIN, |since| since.0);
        let mut until = query.until.map_or(i64::MAX, |until| until.0);
        let mut start = query.since.unwrap_or_default();
        if from >= until {
            return Ok(Self { start, parts });
        }

        // The beginning.
        if from >= kept.attempts {
            let end = ceil(from, HOUR_MS).min(until);
            add(Source::Attempts, from, end);
            from = end;
        } else {
            from = floor(from, HOUR_MS);
            if from < kept.hours {
                let end = ceil(kept.hours, DAY_MS);
                if is_by_day {
                    from = floor(from, DAY_MS);
                    add(Source::Days, from, ceil(until, DAY_MS).min(end));
                    start = query.since.map_or(start, |_| Timestamp(from));
                    from = end;
                } else {
                    from = ceil(kept.hours, HOUR_MS);
                }
            } else {
                start = query.since.map_or(start, |_| Timestamp(from));
            }
        }

        // The end. What is left before it begins on an hour, and its hours are there.
        if from < until && until != i64::MAX {
            let hour = floor(until, HOUR_MS);
            if hour >= kept.attempts {
                add(Source::Attempts, hour, until);
                until = hour;
            } else {
                until = ceil(until, HOUR_MS);
            }
        }

        // Between them.
        let (first_day, end_of_days) = (ceil(from, DAY_MS), floor(until, DAY_MS));
        if is_by_day && first_day < end_of_days {
            add(Source::Hours, from, first_day);
            add(Source::Days, first_day, end_of_days);
            add(Source::Hours, end_of_days, until);
        } else {
            add(Source::Hours, from, until);
        }
        Ok(Self { start, parts })
    }

    fn of_minutes(query: &SumQuery) -> Result<Self, StoreError> {
        let too_long = StoreError::TooMany {
            what: "hours by the minute",
            max: MAX_MINUTE_HOURS as usize,
            advice: "ask for a shorter span that has a beginning, or by the hour",
        };
        let Some(start) = query.since else {
            return Err(too_long);
        };
        let end = start.0.saturating_add(MAX_MINUTE_HOURS * HOUR_MS);
        let until = query.until.map_or(end, |until| until.0);
        if until > end {
            return Err(too_long);
        }
        let part = Part {
            source: Source::Attempts,
            from: start.0,
            until,
        };
        Ok(Self {
            start,
            parts: vec![part],
        })
    }
}

/// How long the spans are that sums of a resolution are of; `None`: the whole.
pub(crate) fn width_ms(resolution: Resolution) -> Option<i64> {
    match resolution {
        Resolution::Whole => None,
        Resolution::Minute => Some(MINUTE_MS),
        Resolution::Hour => Some(HOUR_MS),
        Resolution::Day => Some(DAY_MS),
    }
}

/// The last multiple of `width` that is not after `at`. Beyond the ends of time it is the end.
pub(crate) fn floor(at: i64, width: i64) -> i64 {
    match at {
        // Not a moment, but no bound.
        i64::MAX => at,
        _ => at.div_euclid(width).saturating_mul(width),
    }
}

/// The first multiple of `width` that is not before `at`. Beyond the ends of time it is the end.
pub(crate) fn ceil(at: i64, width: i64) -> i64 {
    match at.rem_euclid(width) {
        0 => at,
        _ if at == i64::MIN => at,
        past => at.saturating_add(width - past),
    }
}

/// Sums by start, deployment, outcome, fault domain and model, in this order.
#[derive(Debug, Default)]
pub(crate) struct Sums(BTreeMap<SumKey, AttemptSum>);

type SumKey = (Timestamp, DeploymentKey, String, String, String);

impl Sums {
    /// Adds one attempt to the sum of the span that begins at `start`.
    pub(crate) fn add_attempt(&mut self, start: i64, attempt: &AttemptRecord) {
        self.add(OutcomeSum {
            model: attempt.model.clone(),
            deployment: attempt.deployment.clone(),
            start: Timestamp(start),
            outcome: attempt.outcome.clone(),
            fault_domain: attempt.fault_domain.clone(),
            sum: AttemptSum {
                count: 1,
                num_first_tokens: u64::from(attempt.first_token_ms.is_some()),
                first_token_ms: attempt.first_token_ms.unwrap_or(0).into(),
                duration_ms: attempt.duration_ms.into(),
                completion_tokens: attempt.completion_tokens.into(),
            },
        });
    }

    /// Adds a sum.
    pub(crate) fn add(&mut self, one: OutcomeSum) {
        let key = (
            one.start,
            one.deployment,
            one.outcome,
            one.fault_domain,
            one.model,
        );
        let sum = self.0.entry(key).or_default();
        sum.count += one.sum.count;
        sum.num_first_tokens += one.sum.num_first_tokens;
        sum.first_token_ms += one.sum.first_token_ms;
        sum.duration_ms += one.sum.duration_ms;
        sum.completion_tokens += one.sum.completion_tokens;
    }

    /// All sums, in order.
    pub(crate) fn into_vec(self) -> Vec<OutcomeSum> {
        let sums = self.0.into_iter();
        sums.map(
            |((start, deployment, outcome, fault_domain, model), sum)| OutcomeSum {
                model,
                deployment,
                start,
                outcome,
                fault_domain,
                sum,
            },
        )
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(since: Option<i64>, until: Option<i64>, resolution: Resolution) -> Vec<Part> {
        let query = SumQuery {
            since: since.map(Timestamp),
            until: until.map(Timestamp),
            model: None,
            resolution,
        };
        let kept = KeptSince {
            attempts: 5 * DAY_MS + 1,
            hours: 2 * DAY_MS + HOUR_MS,
        };
        Parts::of(&query, kept).unwrap().parts
    }

    fn part(source: Source, from: i64, until: i64) -> Part {
        Part {
            source,
            from,
            until,
        }
    }

    #[test]
    fn days_are_between_hours_and_hours_between_single_attempts() {
        let (from, until) = (6 * DAY_MS + 1, 10 * DAY_MS - 1);
        assert_eq!(
            parts(Some(from), Some(until), Resolution::Whole),
            [
                part(Source::Attempts, from, 6 * DAY_MS + HOUR_MS),
                part(Source::Attempts, 10 * DAY_MS - HOUR_MS, until),
                part(Source::Hours, 6 * DAY_MS + HOUR_MS, 7 * DAY_MS),
                part(Source::Days, 7 * DAY_MS, 9 * DAY_MS),
                part(Source::Hours, 9 * DAY_MS, 10 * DAY_MS - HOUR_MS),
            ]
        );
        assert_eq!(
            parts(Some(6 * DAY_MS), Some(8 * DAY_MS), Resolution::Hour),
            [part(Source::Hours, 6 * DAY_MS, 8 * DAY_MS)]
        );
        let (from, until) = (6 * DAY_MS + 1, 6 * DAY_MS + 2);
        assert_eq!(
            parts(Some(from), Some(until), Resolution::Day),
            [part(Source::Attempts, from, until)]
        );
    }

    #[test]
    fn since_ever_is_one_sum_of_days() {
        assert_eq!(
            parts(None, None, Resolution::Whole),
            [
                part(Source::Days, i64::MIN, 3 * DAY_MS),
                part(Source::Days, 3 * DAY_MS, i64::MAX),
            ]
        );
    }

    #[test]
    fn what_is_forgotten_is_looked_for_where_it_is_still_known() {
        // Its attempts are gone: from the hour on.
        assert_eq!(
            parts(
                Some(4 * DAY_MS + 1),
                Some(4 * DAY_MS + 2),
                Resolution::Whole
            ),
            [part(Source::Hours, 4 * DAY_MS, 4 * DAY_MS + HOUR_MS)]
        );
        // Its hours are gone, too: from the day on.
        assert_eq!(
            parts(Some(DAY_MS + 1), Some(DAY_MS + 2), Resolution::Whole),
            [part(Source::Days, DAY_MS, 2 * DAY_MS)]
        );
        assert_eq!(
            parts(Some(DAY_MS + 1), Some(DAY_MS + 2), Resolution::Hour),
            []
        );
    }

    #[test]
    fn rounding_ends_at_the_ends_of_time() {
        for at in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
            assert!(floor(at, DAY_MS) <= at && ceil(at, DAY_MS) >= at, "{at}");
        }
        assert_eq!((floor(-1, DAY_MS), ceil(-1, DAY_MS)), (-DAY_MS, 0));
        assert_eq!(
            (floor(DAY_MS, DAY_MS), ceil(DAY_MS, DAY_MS)),
            (DAY_MS, DAY_MS)
        );
    }
}
