//! Moments, as the paths under `/api` write and read them.

use serde_json::{Value, json};
use store::Timestamp;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time, UtcDateTime};

/// A moment, such as `2025-11-22T16:00:00.123Z`; one that no calendar has is the number it is.
pub(crate) fn json(moment: Timestamp) -> Value {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment.0) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .map_or_else(|| json!(moment.0), Value::from)
}

/// Reads a moment as above, or a day, which stands for its beginning in UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let day = format_description!("[year]-[month]-[day]");
    let time = match Date::parse(text, day) {
        Ok(date) => OffsetDateTime::from(UtcDateTime::new(date, Time::MIDNIGHT)),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok()?,
    };
    // Years have four digits: their milliseconds fit.
    Some(Timestamp((time.unix_timestamp_nanos() / 1_000_000) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_back_as_it_was_written() {
        for moment in [0, 1_763_827_200_123, -1, 253_402_300_799_999] {
            let written = json(Timestamp(moment));
            assert_eq!(
                parse(written.as_str().unwrap()),
                Some(Timestamp(moment)),
                "{written}"
            );
        }
        assert_eq!(json(Timestamp(i64::MAX)), json!(i64::MAX));
        assert_eq!(parse("1970-01-02"), Some(Timestamp(86_400_000)));
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(Timestamp(0)));
        for wrong in ["", "soon", "2026-02-30", "31.12.2030", "2030-1-1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
