//! Moments, as commands print them: in UTC.

use store::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A moment for people, to the minute.
pub(crate) fn minute(time: Timestamp) -> String {
    shown(time, |time| {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
        time.format(format).ok()
    })
}

/// A moment for programs.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    shown(time, |time| time.format(&Rfc3339).ok())
}

/// A moment that no calendar has is shown as the number it is.
fn shown(time: Timestamp, format: impl Fn(OffsetDateTime) -> Option<String>) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.0) * 1_000_000)
        .ok()
        .and_then(format)
        .unwrap_or_else(|| time.0.to_string())
}
