//! Bars of days, as geometry that a template draws.

use router::availability::UtcDay;
use store::{Timestamp, UsageSum};

use crate::web::chart::{HEIGHT, WIDTH, coordinate};
use crate::web::text::{self, When};

/// What of the place of a day its bar takes.
const SHARE: f64 = 0.76;

/// Days with two amounts each, one upon the other.
pub(super) struct BarChart {
    pub(super) bars: Vec<Bar>,
    /// The highest bar.
    pub(super) most: String,
    pub(super) begin: When,
    pub(super) end: When,
}

/// A day.
pub(super) struct Bar {
    /// Of the whole place of the day.
    pub(super) x: String,
    pub(super) width: String,
    /// Of the bar.
    pub(super) bar_x: String,
    pub(super) bar_width: String,
    pub(super) lower_y: String,
    pub(super) lower_height: String,
    pub(super) upper_y: String,
    pub(super) upper_height: String,
    pub(super) day: When,
    pub(super) lower: String,
    pub(super) upper: String,
}

impl BarChart {
    /// Of these days, the oldest first, each with the amount below and the one upon it.
    pub(super) fn new(days: &[(UtcDay, u64, u64)]) -> Self {
        let sum = |&(_, lower, upper): &(UtcDay, u64, u64)| lower.saturating_add(upper);
        let most = days.iter().map(sum).max().unwrap_or(0);
        let step = WIDTH / days.len().max(1) as f64;
        let height = |amount: u64| HEIGHT * amount as f64 / most.max(1) as f64;
        let bars = days
            .iter()
            .enumerate()
            .map(|(place, &(day, lower, upper))| {
                let x = step * place as f64;
                let (low, up) = (height(lower), height(upper));
                Bar {
                    x: coordinate(x),
                    width: coordinate(step),
                    bar_x: coordinate(x + step * (1.0 - SHARE) / 2.0),
                    bar_width: coordinate(step * SHARE),
                    lower_y: coordinate(HEIGHT - low),
                    lower_height: coordinate(low),
                    upper_y: coordinate(HEIGHT - low - up),
                    upper_height: coordinate(up),
                    day: when(day),
                    lower: text::number(lower),
                    upper: text::number(upper),
                }
            });
        let edge = |day: Option<&(UtcDay, u64, u64)>| day.map(|&(day, ..)| when(day));
        Self {
            bars: bars.collect(),
            most: text::number(most),
            begin: edge(days.first()).unwrap_or_default(),
            end: edge(days.last()).unwrap_or_default(),
        }
    }
}

/// Every day from one to another, with its sums; those without requests with nothing.
pub(super) fn days_of(sums: &[UsageSum], first: UtcDay, last: UtcDay) -> Vec<(UtcDay, UsageSum)> {
    let mut sums = sums.iter().peekable();
    let days = (first.0..=last.0).map(|number| {
        let day = UtcDay(number);
        // Both are in order, and what is earlier than the first day was not asked for.
        while sums.next_if(|sum| UtcDay::of(sum.start) < day).is_some() {}
        let sum = sums.next_if(|sum| UtcDay::of(sum.start) == day);
        (day, sum.cloned().unwrap_or_default())
    });
    days.collect()
}

fn when(day: UtcDay) -> When {
    When::day(Timestamp(day.0.saturating_mul(86_400_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_day_fills_the_chart_and_a_day_without_anything_is_empty() {
        let days = [(UtcDay(0), 30, 10), (UtcDay(1), 0, 0), (UtcDay(2), 10, 0)];
        let chart = BarChart::new(&days);
        let heights: Vec<_> = chart
            .bars
            .iter()
            .map(|bar| (bar.lower_height.as_str(), bar.upper_height.as_str()))
            .collect();
        assert_eq!(heights, [("75", "25"), ("0", "0"), ("25", "0")]);
        assert_eq!(chart.bars[0].upper_y, "0");
        assert_eq!(chart.most, "40");
        assert_eq!(chart.end.text, "3 Jan 1970");
        assert!(BarChart::new(&[]).bars.is_empty());
        assert_eq!(
            BarChart::new(&[(UtcDay(0), 0, 0)]).bars[0].lower_height,
            "0"
        );
    }

    #[test]
    fn days_without_requests_are_there_with_nothing() {
        let sum = |day: i64, num_requests| UsageSum {
            start: Timestamp(day * 86_400_000),
            num_requests,
            ..UsageSum::default()
        };
        let days = days_of(&[sum(1, 9), sum(3, 5), sum(4, 7)], UtcDay(2), UtcDay(5));
        let counts: Vec<_> = days.iter().map(|(_, sum)| sum.num_requests).collect();
        assert_eq!(counts, [0, 5, 7, 0]);
    }
}
