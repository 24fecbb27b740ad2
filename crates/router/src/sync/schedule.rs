//! When to look at a provider. Pure.

use std::time::Duration;

use store::{ProviderSync, Timestamp};

use super::plan::is_doubted;

/// How soon it is looked again after a look that failed.
const RETRY_MS: i64 = 10 * 60_000;
/// How young a look must be for a server that starts to do without one of its own.
const FRESH_MS: i64 = 10 * 60_000;
/// Servers that share a database, and users of a provider, look at different moments of the first
/// quarter of an interval.
const SPREAD: f64 = 0.25;

/// Whether a provider is to be looked at. Intervals are whole ones since 1970, so that no hour is
/// without a look; `phase`, 0 to 1, is this server's moment within them.
pub fn is_due(
    last: Option<&ProviderSync>,
    now: Timestamp,
    interval: Duration,
    phase: f64,
    is_start: bool,
) -> bool {
    let Some(last) = last else {
        return true;
    };
    let interval_ms = i64::try_from(interval.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let age_ms = now.0.saturating_sub(last.tried_at.0);
    if age_ms < 0 {
        // The clock went back: what lies in the future says nothing.
        return true;
    }
    let has_failed = last.error.is_some() && !is_doubted(last);
    if is_start {
        return has_failed || age_ms >= FRESH_MS.min(interval_ms);
    }
    if has_failed && age_ms >= RETRY_MS.min(interval_ms) {
        return true;
    }
    let begin = now.0.div_euclid(interval_ms).saturating_mul(interval_ms);
    let wait_ms = interval_ms as f64 * SPREAD * phase.clamp(0.0, 1.0);
    last.tried_at.0 < begin && (now.0 - begin) as f64 >= wait_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const MINUTE_MS: i64 = 60_000;
    const NINE: i64 = 9 * 60 * MINUTE_MS;

    fn last(tried_at: i64, error: Option<&str>) -> ProviderSync {
        ProviderSync {
            provider: "x".to_owned(),
            tried_at: Timestamp(tried_at),
            succeeded_at: None,
            error: error.map(str::to_owned),
            settings: String::new(),
        }
    }

    fn is_due_at(last: &ProviderSync, minute: i64, phase: f64) -> bool {
        let now = Timestamp(NINE + minute * MINUTE_MS);
        is_due(Some(last), now, HOUR, phase, false)
    }

    #[test]
    fn every_hour_has_a_look_at_a_moment_of_its_own() {
        assert!(is_due(None, Timestamp(NINE), HOUR, 0.9, false));
        let at_eight = last(NINE - 5 * MINUTE_MS, None);
        assert!(is_due_at(&at_eight, 0, 0.0));
        assert!(!is_due_at(&at_eight, 7, 0.5));
        assert!(is_due_at(&at_eight, 8, 0.5));
        assert!(!is_due_at(&at_eight, 14, 1.0));
        assert!(is_due_at(&at_eight, 15, 1.0));
        let at_nine = last(NINE, None);
        assert!(!is_due_at(&at_nine, 59, 0.0));
        assert!(is_due_at(&at_nine, 60, 0.0));
        assert!(is_due_at(&at_nine, 60 * 24 * 365, 0.0));
    }

    #[test]
    fn a_look_that_failed_is_repeated_sooner_and_one_that_was_doubted_is_not() {
        let failed = last(NINE + MINUTE_MS, Some("no connection"));
        assert!(!is_due_at(&failed, 10, 0.0));
        assert!(is_due_at(&failed, 11, 0.0));
        let doubted = last(NINE + MINUTE_MS, Some("doubted: half of it is missing"));
        assert!(!is_due_at(&doubted, 59, 0.0));
        assert!(is_due_at(&doubted, 60, 0.0));
    }

    #[test]
    fn a_server_that_starts_looks_unless_somebody_just_did() {
        let at_start = |age_min: i64| {
            let last = last(NINE - age_min * MINUTE_MS, None);
            is_due(Some(&last), Timestamp(NINE), HOUR, 1.0, true)
        };
        assert!(!at_start(9));
        assert!(at_start(10));
        assert!(at_start(59));
        // What failed may have been mended.
        let failed = last(NINE - MINUTE_MS, Some("no connection"));
        assert!(is_due(Some(&failed), Timestamp(NINE), HOUR, 1.0, true));
        // A look of the future is one of a clock that went wrong.
        assert!(at_start(-5));
        let short = Duration::from_secs(1);
        assert!(is_due(
            Some(&last(NINE - 2000, None)),
            Timestamp(NINE),
            short,
            1.0,
            true
        ));
    }
}
