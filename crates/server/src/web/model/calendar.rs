//! Availability as a calendar: a column for each day, and below it its hours.

use router::availability::{Availability, Day, HourStatus, UtcDay, Verdict};

use crate::web::models::DayCell;
use crate::web::text;

/// Days that may be shown.
pub(super) const LENGTHS: [u32; 3] = [30, 60, 90];

/// The calendar of a model.
pub(super) struct Calendar {
    pub(super) num_days: u32,
    pub(super) lengths: Vec<(u32, String)>,
    pub(super) sentence: String,
    /// What is left out of it.
    pub(super) left_out: String,
    pub(super) months: Vec<(String, usize)>,
    pub(super) days: Vec<CalendarDay>,
    /// One path for each state, in columns of days and rows of hours.
    pub(super) hours: Vec<(&'static str, String)>,
    pub(super) evidence: Vec<(&'static str, String)>,
    pub(super) is_empty: bool,
}

/// A day of the calendar.
pub(super) struct CalendarDay {
    pub(super) number: u8,
    pub(super) cell: DayCell,
    pub(super) date: String,
    /// A letter for each hour, for the script that shows it.
    pub(super) hours: String,
    pub(super) counts: [u32; 4],
}

impl Calendar {
    /// Of all that is known of the last days, of which `num_days` are shown.
    pub(super) fn new(seen: &Availability, num_days: u32, url: &str, range: &str) -> Self {
        let num_left_out = seen.days.len().saturating_sub(num_days as usize);
        let days = &seen.days[num_left_out..];
        let (good, observed) = seen.hours();
        let tracked = seen.num_tracked_days();
        let sentence = match (tracked, seen.percent()) {
            (0, _) | (_, None) => "Nobody has looked at this model yet.".to_owned(),
            (tracked, Some(percent)) => format!(
                "Available {} of {}, in {} of {} observed hours ({}) of the last {} days.",
                seen.num_available_days(),
                text::counted(tracked.into(), "tracked day"),
                text::number(good.into()),
                text::number(observed.into()),
                text::percent(percent / 100.0),
                seen.days.len(),
            ),
        };
        let left_out = match seen.num_unobserved_days() {
            0 => String::new(),
            count => format!(
                "On {} nobody looked, which counts neither way.",
                text::counted(count.into(), "day")
            ),
        };
        let evidence = seen.evidence();
        let hours = |count: u32| text::counted(count.into(), "hour");
        Self {
            num_days,
            lengths: LENGTHS
                .iter()
                .map(|&days| {
                    (
                        days,
                        format!("{url}?range={range}&days={days}#availability"),
                    )
                })
                .collect(),
            sentence,
            left_out,
            months: months(days),
            days: days.iter().map(CalendarDay::of).collect(),
            hours: paths(days),
            evidence: vec![
                ("Listed as free", hours(evidence.listed)),
                ("Host said it was up", hours(evidence.endpoint_up)),
                ("Answered a probe of ours", hours(evidence.probed)),
                ("Answered a user's request", hours(evidence.served)),
            ],
            is_empty: tracked == 0 && seen.num_unobserved_days() == 0,
        }
    }
}

impl CalendarDay {
    fn of(day: &Day) -> Self {
        Self {
            number: text::date(day.date).day(),
            cell: DayCell::of(day),
            date: text::day(day.date),
            hours: day.hours.iter().map(|hour| letter(*hour)).collect(),
            counts: [
                day.num_callable,
                day.num_listed_only,
                day.num_not_listed,
                day.num_not_observed,
            ],
        }
    }

    /// Whether there is anything to tell.
    pub(super) fn is_told(&self) -> bool {
        self.counts.iter().any(|&count| count > 0)
    }
}

fn letter(hour: Option<Verdict>) -> char {
    match hour.map(|verdict| verdict.status) {
        None => 'x',
        Some(HourStatus::Callable) => 'c',
        Some(HourStatus::ListedOnly) => 'l',
        Some(HourStatus::NotListed) => 'n',
        Some(HourStatus::NotObserved) => 'u',
    }
}

/// Months, and how many columns each has.
fn months(days: &[Day]) -> Vec<(String, usize)> {
    let mut months: Vec<(String, usize)> = Vec::new();
    for UtcDay(day) in days.iter().map(|day| day.date) {
        let month = text::month(text::date(UtcDay(day)));
        match months.last_mut() {
            Some((last, count)) if *last == month => *count += 1,
            _ => months.push((month, 1)),
        }
    }
    months
}

/// For each state the cells that are in it, as one path: a column is a day, a row an hour, and hours
/// that follow each other are one piece. The worse a state, the narrower it is drawn, for those who
/// cannot tell its colour.
fn paths(days: &[Day]) -> Vec<(&'static str, String)> {
    use std::fmt::Write;
    let states = [
        ('c', "c", "", "1"),
        ('l', "l", ".17", ".66"),
        ('n', "n", ".34", ".32"),
        ('u', "u", "", "1"),
    ];
    let path = |letter_of: char, inset: &str, width: &str| {
        let mut path = String::new();
        for (x, day) in days.iter().enumerate() {
            let letters: Vec<char> = day.hours.iter().map(|hour| letter(*hour)).collect();
            let mut y = 0;
            for run in letters.chunk_by(|a, b| a == b) {
                if run.first() == Some(&letter_of) {
                    // Writing to a String cannot fail.
                    let _ = write!(path, "M{x}{inset} {y}h{width}v{}h-{width}z", run.len());
                }
                y += run.len();
            }
        }
        path
    };
    let all = states.map(|(letter, class, inset, width)| (class, path(letter, inset, width)));
    all.into_iter()
        .filter(|(_, path)| !path.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_follow_each_other_are_one_piece() {
        let mut day = Day::new(UtcDay(0));
        let verdict = |status| {
            Some(Verdict {
                status,
                is_uncontradicted: true,
            })
        };
        day.hours[0] = verdict(HourStatus::Callable);
        day.hours[1] = verdict(HourStatus::Callable);
        day.hours[2] = verdict(HourStatus::NotListed);
        day.hours[5] = verdict(HourStatus::Callable);
        let empty = Day::new(UtcDay(1));
        let made = paths(&[day, empty, day]);
        assert_eq!(made[0].0, "c");
        assert_eq!(
            made[0].1,
            "M0 0h1v2h-1zM0 5h1v1h-1zM2 0h1v2h-1zM2 5h1v1h-1z"
        );
        assert_eq!(
            made[1],
            ("n", "M0.34 2h.32v1h-.32zM2.34 2h.32v1h-.32z".to_owned())
        );
    }
}
