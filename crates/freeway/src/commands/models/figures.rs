//! Availability, rates and times in words and in JSON. What is not known is never a number.

use router::availability::Availability;
use router::flr::{Attribution, ErrorRate};
use router::reliability::times::Times;
use serde_json::{Value, json};

/// What stands where nothing was seen.
pub(super) const NO_DATA: &str = "no data";

/// Such as `29 of 30 days`.
pub(super) fn availability(seen: &Availability) -> String {
    match (seen.num_tracked_days(), seen.percent()) {
        (0, _) | (_, None) => NO_DATA.to_owned(),
        (tracked, Some(percent)) => {
            let days = if tracked == 1 { "day" } else { "days" };
            let available = seen.num_available_days();
            format!("{available} of {tracked} {days}, {percent:.0} %")
        }
    }
}

pub(super) fn availability_json(seen: &Availability) -> Value {
    let (good, observed) = seen.hours();
    json!({
        "available_days": seen.num_available_days(),
        "tracked_days": seen.num_tracked_days(),
        "unobserved_days": seen.num_unobserved_days(),
        "available_hours": good,
        "observed_hours": observed,
        "percent": seen.percent(),
    })
}

/// Such as `20.0 % (10.5–34.8, n=40)`.
pub(super) fn error_rate(known: &ErrorRate) -> String {
    let Some(rate) = known.rate else {
        return NO_DATA.to_owned();
    };
    let percent = |share: f64| 100.0 * share;
    let told = match known.attribution {
        Attribution::Reports => ", reported",
        Attribution::Attempts | Attribution::None => "",
    };
    format!(
        "{:.1} % ({:.1}–{:.1}, n={}{told})",
        percent(rate.share()),
        percent(rate.interval.low),
        percent(rate.interval.high),
        rate.num_cases
    )
}

/// `null` where there is no case.
pub(super) fn error_rate_json(known: &ErrorRate) -> Value {
    let rate = known.rate.map(|rate| {
        json!({
            "share": rate.share(),
            "low": rate.interval.low,
            "high": rate.interval.high,
        })
    });
    let by_others = known.num_by_others.iter();
    let by_others: Value = by_others
        .map(|(domain, count)| (domain.as_str().to_owned(), json!(count)))
        .collect();
    json!({
        "rate": rate,
        "cases": known.rate.map_or(0, |rate| rate.num_cases),
        "attribution": known.attribution.as_str(),
        "ok": known.num_ok,
        "by_host": {
            "rate_limited": known.num_rate_limited,
            "unavailable": known.num_unavailable,
            "other": known.num_other,
        },
        "by_others": by_others,
        "reporters": known.num_reporters,
    })
}

/// What was measured, else what the host says, else nothing.
pub(super) fn measured_or_told(measured: Option<f64>, told: Option<f64>, unit: &str) -> String {
    match (measured, told) {
        (Some(value), _) => format!("{value:.0}{unit}"),
        (None, Some(value)) => format!("~{value:.0}{unit}"),
        (None, None) => "-".to_owned(),
    }
}

pub(super) fn times_json(measured: &Times, told: (Option<f64>, Option<f64>)) -> Value {
    json!({
        "answers": measured.num_attempts,
        "first_token_ms": measured.first_token_ms,
        "duration_ms": measured.duration_ms,
        "tokens_per_second": measured.tokens_per_second,
        "told_first_token_ms": told.0,
        "told_tokens_per_second": told.1,
    })
}

/// A number of tokens, such as `131072`; `?` where nobody says.
pub(super) fn tokens(count: Option<u64>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

#[cfg(test)]
mod tests {
    use router::reliability::Rate;

    use super::*;

    #[test]
    fn no_case_is_no_data_and_never_a_rate_of_zero() {
        let unknown = ErrorRate::default();
        assert_eq!(error_rate(&unknown), "no data");
        assert_eq!(error_rate_json(&unknown)["rate"], Value::Null);
        assert_eq!(availability(&Availability::default()), "no data");
        assert_eq!(measured_or_told(None, None, " ms"), "-");
        assert_eq!(tokens(None), "?");
    }

    #[test]
    fn a_rate_stands_with_its_interval_its_cases_and_who_says_so() {
        let mut known = ErrorRate {
            rate: Rate::of(8, 40),
            attribution: Attribution::Attempts,
            ..ErrorRate::default()
        };
        assert_eq!(error_rate(&known), "20.0 % (10.5–34.8, n=40)");
        known.attribution = Attribution::Reports;
        assert_eq!(error_rate(&known), "20.0 % (10.5–34.8, n=40, reported)");
        known.rate = Rate::of(0, 3);
        known.attribution = Attribution::Attempts;
        assert_eq!(error_rate(&known), "0.0 % (0.0–56.1, n=3)");
    }

    #[test]
    fn the_word_of_a_host_is_marked_as_such() {
        assert_eq!(measured_or_told(Some(98.6), Some(1.0), " ms"), "99 ms");
        assert_eq!(measured_or_told(None, Some(412.0), ""), "~412");
    }
}
