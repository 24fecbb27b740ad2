//! When a key ends: a number of days, or a date.

use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, UtcDateTime};

/// A hundred years.
const MAX_DAYS: i64 = 36_500;

/// The moment from which on a key is refused: so many days after `now`, or the beginning of a day
/// in UTC that is still to come. Else what is wrong with `text`.
pub(super) fn parse(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, String> {
    let limit = now.checked_add(Duration::days(MAX_DAYS));
    let too_late = || format!("--expires: at most {MAX_DAYS} days; without it a key never expires");
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has are too many days, too.
        return match text.parse::<i64>() {
            Ok(0) => Err("--expires 0: the key would be refused at once".to_owned()),
            Ok(days) if days <= MAX_DAYS => {
                now.checked_add(Duration::days(days)).ok_or_else(too_late)
            }
            _ => Err(too_late()),
        };
    }
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|_| {
        "--expires takes a number of days, such as 90, or a date, such as 2030-12-31".to_owned()
    })?;
    let end = OffsetDateTime::from(UtcDateTime::new(date, time::Time::MIDNIGHT));
    if end <= now {
        return Err(format!(
            "--expires {date}: that day has begun in UTC, so the key would be refused at once"
        ));
    }
    if limit.is_some_and(|limit| end > limit) {
        return Err(too_late());
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2025-11-22 16:00 UTC);

    #[test]
    fn days_are_counted_from_now_and_a_date_begins_at_midnight_utc() {
        for (text, end) in [
            ("1", datetime!(2025-11-23 16:00 UTC)),
            ("90", datetime!(2026-02-20 16:00 UTC)),
            ("0090", datetime!(2026-02-20 16:00 UTC)),
            ("2025-11-23", datetime!(2025-11-23 0:00 UTC)),
            ("2028-02-29", datetime!(2028-02-29 0:00 UTC)),
        ] {
            assert_eq!(parse(text, NOW), Ok(end), "{text}");
        }
        assert!(parse("36500", NOW).is_ok());
    }

    #[test]
    fn what_is_no_time_to_come_is_refused_with_the_reason() {
        for (text, words) in [
            ("0", "at once"),
            ("36501", "at most"),
            ("99999999999999999999999", "at most"),
            ("9999-12-31", "at most"),
            ("2025-11-22", "at once"),
            ("1999-01-01", "at once"),
            ("", "such as 90"),
            ("-1", "such as 90"),
            ("soon", "such as 90"),
            ("2026-02-30", "such as 90"),
            ("31.12.2030", "such as 90"),
        ] {
            let error = parse(text, NOW).unwrap_err();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn at_the_end_of_the_calendar_nothing_overflows() {
        let now = datetime!(9999-12-30 0:00 UTC);
        assert!(parse("36500", now).is_err());
        assert!(parse("1", now).is_ok());
        assert!(parse("9999-12-31", now).is_ok());
    }
}
