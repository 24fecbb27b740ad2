//! Numbers, moments and the words of strangers, as pages write them.

use std::fmt::Write;

use store::Timestamp;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use router::availability::UtcDay;

/// Characters of a name that a page repeats.
const MAX_NAME_CHARS: usize = 120;

/// What stands where nothing is known.
pub(crate) const UNKNOWN: &str = "–";

/// A moment: for programs, and for people in UTC, which a script puts into their own time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct When {
    /// Such as `2026-03-19T12:00:00Z`.
    pub(crate) iso: String,
    /// Such as `19 Mar 2026, 12:00 UTC`.
    pub(crate) text: String,
    /// How much of it matters: `minute` or `day`.
    pub(crate) unit: &'static str,
}

impl When {
    /// To the minute.
    pub(crate) fn minute(at: Timestamp) -> Self {
        let format = format_description!(
            "[day padding:none] [month repr:short] [year], [hour]:[minute] UTC"
        );
        Self::of(at, "minute", |time| time.format(format).ok())
    }

    /// To the day.
    pub(crate) fn day(at: Timestamp) -> Self {
        Self::of(at, "day", |time| Some(date_text(time.date())))
    }

    fn of(
        at: Timestamp,
        unit: &'static str,
        write: impl Fn(OffsetDateTime) -> Option<String>,
    ) -> Self {
        let time = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).ok();
        let iso = time.map(iso_of).unwrap_or_default();
        let text = time.and_then(write);
        Self {
            iso,
            // A moment that no calendar has.
            text: text.unwrap_or_else(|| UNKNOWN.to_owned()),
            unit,
        }
    }
}

fn iso_of(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    time.format(format).unwrap_or_default()
}

fn date_text(date: Date) -> String {
    let format = format_description!("[day padding:none] [month repr:short] [year]");
    date.format(format).unwrap_or_default()
}

/// A day of UTC as a date.
pub(crate) fn date(day: UtcDay) -> Date {
    let time = OffsetDateTime::from_unix_timestamp(day.0.saturating_mul(86_400));
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).date()
}

/// A day, such as `19 Mar 2026`.
pub(crate) fn day(day: UtcDay) -> String {
    date_text(date(day))
}

/// A month, such as `Mar 2026`.
pub(crate) fn month(date: Date) -> String {
    let format = format_description!("[month repr:short] [year]");
    date.format(format).unwrap_or_default()
}

/// How long ago a moment is, in the largest unit that fits: `3 hours ago`.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.0.saturating_sub(at.0).max(0) / 1000;
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", counted(count.unsigned_abs(), unit))
}

/// `1 day`, `2 days`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", number(count))
}

/// A whole number with commas: `131,072`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of tokens in few characters: `131K`, `1.0M`; a dash where nobody says.
pub(crate) fn tokens(count: Option<u64>) -> String {
    match count {
        None | Some(0) => UNKNOWN.to_owned(),
        Some(count @ 1..1000) => count.to_string(),
        Some(count @ 1000..999_500) => format!("{:.0}K", count as f64 / 1000.0),
        Some(count) => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// The same number in full: `131,072`.
pub(crate) fn all_tokens(count: Option<u64>) -> String {
    count.map_or_else(|| UNKNOWN.to_owned(), number)
}

/// A share of 1 as a percentage with one decimal, without it where that is 0: `45.7 %`, `100 %`.
/// Between the parts is a space that does not break.
pub(crate) fn percent(share: f64) -> String {
    format!("{}\u{a0}%", percent_number(share))
}

/// The same without the sign. What is not quite nothing or everything never looks as if it were.
pub(crate) fn percent_number(share: f64) -> String {
    let percent = 100.0 * share;
    let rounded = (percent * 10.0).round() / 10.0;
    if rounded == 0.0 && percent > 0.0 {
        return "<0.1".to_owned();
    }
    if rounded == 100.0 && percent < 100.0 {
        return ">99.9".to_owned();
    }
    match rounded.fract() == 0.0 {
        true => format!("{rounded:.0}"),
        false => format!("{rounded:.1}"),
    }
}

/// A time in milliseconds: `420 ms`, `1.3 s`, `2.0 min`.
pub(crate) fn duration(ms: f64) -> String {
    match ms {
        ms if ms < 999.5 => format!("{ms:.0}\u{a0}ms"),
        ms if ms < 59_950.0 => format!("{:.1}\u{a0}s", ms / 1000.0),
        ms => format!("{:.1}\u{a0}min", ms / 60_000.0),
    }
}

/// A speed in tokens a second: `41 tok/s`, `6.1 tok/s`.
pub(crate) fn speed(tokens_per_second: f64) -> String {
    match tokens_per_second < 9.95 {
        true => format!("{tokens_per_second:.1}\u{a0}tok/s"),
        false => format!("{tokens_per_second:.0}\u{a0}tok/s"),
    }
}

/// A name that a stranger gave: one line without characters that change how others are read, not
/// longer than fits.
pub(crate) fn name(text: &str) -> String {
    let mut name = String::new();
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 {
            name.push(' ');
        }
        name.extend(word.chars().filter(|&letter| !is_disturbing(letter)));
    }
    match name.char_indices().nth(MAX_NAME_CHARS) {
        None => name,
        Some((end, _)) => {
            name.truncate(end);
            name.push('…');
            name
        }
    }
}

/// Whether a character is not to be seen and changes others: controls, and overrides and isolates of
/// the direction of writing.
pub(crate) fn is_disturbing(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A path of ids, as part of a URL: what is not a letter, a digit or harmless is encoded.
pub(crate) fn url_path(id: &str) -> String {
    let mut path = String::with_capacity(id.len());
    for &byte in id.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => path.push(char::from(byte)),
            b'/' | b'-' | b'_' | b'.' | b'~' | b':' | b'@' => path.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_for_programs_and_for_people() {
        let at = Timestamp(1_773_921_600_000);
        let when = When::minute(at);
        assert_eq!(when.iso, "2026-03-19T12:00:00Z");
        assert_eq!(when.text, "19 Mar 2026, 12:00 UTC");
        assert_eq!(When::day(at).text, "19 Mar 2026");
        assert_eq!(When::day(Timestamp(i64::MAX)).text, UNKNOWN);
        let later = |ms| Timestamp(at.0 + ms);
        assert_eq!(ago(at, later(59_999)), "just now");
        assert_eq!(ago(at, later(60_000)), "1 minute ago");
        assert_eq!(ago(at, later(7_200_000)), "2 hours ago");
        assert_eq!(ago(at, later(90_000_000)), "1 day ago");
        assert_eq!(ago(later(1), at), "just now");
    }

    #[test]
    fn numbers_have_units_and_are_not_rounded_to_what_they_are_not() {
        assert_eq!(number(0), "0");
        assert_eq!(number(131_072), "131,072");
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
        let short = |count| tokens(Some(count));
        assert_eq!(
            (short(131_072), short(1_048_576)),
            ("131K".into(), "1.0M".into())
        );
        assert_eq!((short(999), short(999_999)), ("999".into(), "1.0M".into()));
        assert_eq!(tokens(None), UNKNOWN);
        assert_eq!(percent_number(0.0), "0");
        assert_eq!(percent_number(0.457), "45.7");
        assert_eq!(percent_number(1.0), "100");
        assert_eq!(percent_number(0.0001), "<0.1");
        assert_eq!(percent_number(0.9999), ">99.9");
        assert_eq!(duration(420.4), "420\u{a0}ms");
        assert_eq!(duration(999.6), "1.0\u{a0}s");
        assert_eq!(duration(120_000.0), "2.0\u{a0}min");
        assert_eq!(
            (speed(6.14), speed(41.2)),
            ("6.1\u{a0}tok/s".into(), "41\u{a0}tok/s".into())
        );
    }

    #[test]
    fn names_of_strangers_are_one_line_that_reads_in_one_direction() {
        assert_eq!(name("  a\n\u{202e}b\tc\u{0} "), "a b c");
        assert_eq!(name("<b>"), "<b>");
        assert_eq!(name("نموذج"), "نموذج");
        assert_eq!(name(&"x".repeat(500)).chars().count(), MAX_NAME_CHARS + 1);
    }

    #[test]
    fn ids_stay_one_path() {
        assert_eq!(
            url_path("openai/gpt-oss-20b:free"),
            "openai/gpt-oss-20b:free"
        );
        assert_eq!(url_path("a b?c#d\"<ä"), "a%20b%3Fc%23d%22%3C%C3%A4");
    }
}
