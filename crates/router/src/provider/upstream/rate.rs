//! What headers say of quotas and of when to come back. Pure: the time is an argument.

use std::time::Duration;

use http::HeaderMap;
use store::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::config::RateHeaders;
use crate::provider::{QuotaReport, QuotaWindow};

/// The longest that anybody is told to wait: what is longer is no reset of a quota.
const MAX_WAIT: Duration = Duration::from_secs(48 * 3600);
/// Numbers of seconds from here on are moments since 1970, and from there on in milliseconds.
const FIRST_MOMENT_S: f64 = 1e9;
const FIRST_MOMENT_MS: f64 = 1e11;

/// Looks a header up by its name in lower case.
pub(crate) trait Headers {
    /// Its value.
    fn value(&self, name: &str) -> Option<&str>;
}

impl Headers for HeaderMap {
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str().ok().map(str::trim)
    }
}

impl Headers for [(String, String)] {
    fn value(&self, name: &str) -> Option<&str> {
        let header = self.iter().find(|(other, _)| other == name)?;
        Some(header.1.trim())
    }
}

/// In how long to ask again, as `retry-after-ms` or `Retry-After` say: a number, or a date.
pub(crate) fn retry_after(headers: &(impl Headers + ?Sized), now: Timestamp) -> Option<Duration> {
    if let Some(text) = headers.value("retry-after-ms")
        && let Ok(wait_ms) = text.parse::<f64>()
    {
        return seconds(wait_ms / 1000.0);
    }
    let text = headers.value("retry-after")?;
    duration(text).or_else(|| {
        let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        let wait_s = date.unix_timestamp().saturating_sub(now.0.div_euclid(1000));
        // A date that is past means now.
        seconds(wait_s.max(0) as f64)
    })
}

/// A span such as `7.66s`, `2m59.56s`, `120ms`, `1h2m`, or a plain number of seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(plain) = text.parse::<f64>() {
        return seconds(plain);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .filter(|&end| end > 0)?;
        let (number, unit) = rest.split_at(digits);
        let unit_len = unit
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(unit.len());
        let factor = match &unit[..unit_len] {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "us" | "ns" => 0.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = &unit[unit_len..];
    }
    (!text.is_empty()).then(|| seconds(total)).flatten()
}

fn seconds(count: f64) -> Option<Duration> {
    let span = Duration::try_from_secs_f64(count).ok()?;
    Some(span.min(MAX_WAIT))
}

/// A reset that is a span, or a moment in seconds or milliseconds since 1970.
pub(super) fn reset(text: &str, now: Timestamp) -> Option<Duration> {
    let now_ms = now.0 as f64;
    match text.trim().parse::<f64>() {
        Ok(moment) if moment >= FIRST_MOMENT_MS => seconds((moment - now_ms).max(0.0) / 1000.0),
        Ok(moment) if moment >= FIRST_MOMENT_S => seconds((moment - now_ms / 1000.0).max(0.0)),
        _ => duration(text),
    }
}

/// How long until the next day of UTC begins.
pub(super) fn until_midnight(now: Timestamp) -> Duration {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let left = DAY_MS - now.0.rem_euclid(DAY_MS);
    Duration::from_millis(left.unsigned_abs())
}

/// What the `x-ratelimit-…` headers of an answer say of the account's quotas. `plain` says what the
/// ones count that name no span.
pub(super) fn quota_reports(
    headers: &(impl Headers + ?Sized),
    plain: Option<RateHeaders>,
    now: Timestamp,
) -> Vec<QuotaReport> {
    use QuotaWindow::{RequestsPerDay, RequestsPerMinute, TokensPerDay, TokensPerMinute};
    let mut reports = Vec::new();
    let mut add = |suffix: &str, window: QuotaWindow| {
        let value = |part: &str| headers.value(&format!("x-ratelimit-{part}-{suffix}"));
        let Some(remaining) = value("remaining").and_then(count) else {
            return;
        };
        reports.push(QuotaReport {
            window,
            limit: value("limit").and_then(count),
            remaining,
            resets_in: value("reset").and_then(|text| reset(text, now)),
        });
    };
    if let Some(plain) = plain {
        add("requests", plain.requests);
        add("tokens", plain.tokens);
        add("requests-minute", RequestsPerMinute);
        add("requests-day", RequestsPerDay);
        add("tokens-minute", TokensPerMinute);
        add("tokens-day", TokensPerDay);
    }
    reports
}

/// A count, which some write with a fraction.
fn count(text: &str) -> Option<u64> {
    let number: f64 = text.parse().ok()?;
    // A cast of a float saturates.
    (number >= 0.0).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-21T07:27:30Z.
    const NOW: Timestamp = Timestamp(1_792_567_650_000);

    fn map(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        headers.iter().map(owned).collect()
    }

    #[test]
    fn spans_are_read_in_every_form() {
        for (text, ms) in [
            ("7.66s", Some(7660)),
            ("2m59.56s", Some(179_560)),
            ("1h2m", Some(3_720_000)),
            ("120ms", Some(120)),
            ("0.5", Some(500)),
            ("60", Some(60_000)),
            ("1d", Some(86_400_000)),
            ("999d", Some(48 * 3_600_000)),
            ("-1", None),
            ("soon", None),
            ("5x", None),
            ("", None),
            ("nan", None),
            ("s", None),
        ] {
            let expected = ms.map(Duration::from_millis);
            assert_eq!(duration(text), expected, "{text:?}");
        }
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        for (headers, ms) in [
            (map(&[("retry-after", "30")]), Some(30_000)),
            (map(&[("retry-after", "1.5")]), Some(1500)),
            (
                map(&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]),
                Some(30_000),
            ),
            (
                map(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]),
                Some(0),
            ),
            (map(&[("retry-after", "tomorrow")]), None),
            (
                map(&[("retry-after", "9"), ("retry-after-ms", "250")]),
                Some(250),
            ),
            (map(&[]), None),
        ] {
            let expected = ms.map(Duration::from_millis);
            assert_eq!(retry_after(&headers[..], NOW), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_reset_is_a_span_or_a_moment() {
        for text in ["90", "90s", "1m30s", "1792567740", "1792567740000"] {
            assert_eq!(reset(text, NOW), Some(Duration::from_secs(90)), "{text}");
        }
        assert_eq!(reset("1600000000", NOW), Some(Duration::ZERO));
    }

    #[test]
    fn the_day_of_utc_ends_at_midnight() {
        assert_eq!(until_midnight(Timestamp(0)), Duration::from_secs(86_400));
        assert_eq!(until_midnight(NOW), Duration::from_secs(59_550));
    }

    #[test]
    fn headers_of_several_hosts_become_reports() {
        use QuotaWindow::{RequestsPerDay, TokensPerMinute};
        let groq = map(&[
            ("x-ratelimit-limit-requests", "1000"),
            ("x-ratelimit-remaining-requests", "998"),
            ("x-ratelimit-reset-requests", "2m52.8s"),
            ("x-ratelimit-limit-tokens", "8000"),
            ("x-ratelimit-remaining-tokens", "7912"),
            ("x-ratelimit-reset-tokens", "660ms"),
        ]);
        let names = RateHeaders {
            requests: RequestsPerDay,
            tokens: TokensPerMinute,
        };
        let report = |window, limit, remaining, ms| QuotaReport {
            window,
            limit: Some(limit),
            remaining,
            resets_in: Some(Duration::from_millis(ms)),
        };
        let expected = [
            report(RequestsPerDay, 1000, 998, 172_800),
            report(TokensPerMinute, 8000, 7912, 660),
        ];
        assert_eq!(quota_reports(&groq[..], Some(names), NOW), expected);
        assert_eq!(quota_reports(&groq[..], None, NOW), []);

        let cerebras = map(&[
            ("x-ratelimit-limit-requests-day", "14400"),
            ("x-ratelimit-remaining-requests-day", "14399"),
            ("x-ratelimit-reset-requests-day", "33011.38"),
            ("x-ratelimit-remaining-tokens-minute", "many"),
        ]);
        let expected = [report(RequestsPerDay, 14_400, 14_399, 33_011_380)];
        assert_eq!(quota_reports(&cerebras[..], Some(names), NOW), expected);
    }
}
