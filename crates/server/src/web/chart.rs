//! Charts as geometry that templates draw. A time without cases is a gap and never a zero.

use std::fmt::Write;

use router::flr::{Attribution, Point};
use router::reliability::Rate;
use router::reliability::series::bucket_starts;
use store::Timestamp;

use super::row::interval;
use super::text::{self, When};

/// The width and the height that coordinates are in; pictures are stretched to what there is room for.
pub(super) const WIDTH: f64 = 1000.0;
pub(super) const HEIGHT: f64 = 100.0;
/// Ends of the scale in percent: the smallest that all rates fit below is taken.
const SCALES: [f64; 6] = [2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// How often a model failed, over time.
pub(super) struct ErrorChart {
    pub(super) buckets: Vec<Bucket>,
    /// The line of the rates, one part for each time without a gap.
    pub(super) lines: Vec<String>,
    /// Where the true rate lies, around it.
    pub(super) bands: Vec<String>,
    /// Labels of the scale, from the top.
    pub(super) scale: [String; 3],
    pub(super) begin: When,
    pub(super) end: When,
    /// The most cases of a bucket.
    pub(super) most: u64,
    pub(super) num_cases: u64,
}

/// A span of time in a chart.
pub(super) struct Bucket {
    pub(super) x: String,
    pub(super) width: String,
    /// The bar of the number of cases.
    pub(super) bar_y: String,
    pub(super) bar_height: String,
    pub(super) is_gap: bool,
    pub(super) when: When,
    pub(super) rate: String,
    pub(super) interval: String,
    pub(super) num_failed: u64,
    pub(super) num_cases: u64,
}

impl Bucket {
    /// What there is to say of it.
    pub(super) fn words(&self) -> String {
        match self.is_gap {
            true => format!("{}: nothing counted", self.when.text),
            false => format!(
                "{}: {} failed ({} of {}), 95 % interval {}",
                self.when.text, self.rate, self.num_failed, self.num_cases, self.interval
            ),
        }
    }
}

impl ErrorChart {
    /// Of the cases of one model within the span from `since` to `now`, in buckets of this length. What
    /// was seen here counts; where nothing was, what was reported.
    pub(super) fn new(points: &[Point], since: Timestamp, now: Timestamp, bucket_ms: i64) -> Self {
        let has_attempts = points
            .iter()
            .any(|point| point.attribution == Attribution::Attempts);
        let counted = points
            .iter()
            .filter(|point| !has_attempts || point.attribution == Attribution::Attempts);
        let starts = bucket_starts(since, now, bucket_ms);
        let mut cases = vec![(0u64, 0u64); starts.len()];
        let first = starts.first().map_or(0, |start| start.0);
        for point in counted {
            let place = point.at.0.div_euclid(bucket_ms) - first.div_euclid(bucket_ms);
            if let Some((failed, all)) = usize::try_from(place)
                .ok()
                .and_then(|place| cases.get_mut(place))
            {
                *failed += point.num_failed;
                *all += point.num_cases;
            }
        }
        let rates: Vec<Option<Rate>> = cases
            .iter()
            .map(|&(failed, all)| Rate::of(failed, all))
            .collect();
        let top = scale(&rates);
        let most = cases.iter().map(|&(_, all)| all).max().unwrap_or(0);
        let step = WIDTH / starts.len().max(1) as f64;
        let unit = if bucket_ms >= 86_400_000 {
            "day"
        } else {
            "minute"
        };
        let buckets = starts.iter().zip(&cases).zip(&rates).enumerate();
        let buckets = buckets.map(|(index, ((&start, &(num_failed, num_cases)), rate))| {
            let height = HEIGHT * num_cases as f64 / most.max(1) as f64;
            Bucket {
                x: coordinate(step * index as f64),
                width: coordinate(step),
                bar_y: coordinate(HEIGHT - height),
                bar_height: coordinate(height),
                is_gap: rate.is_none(),
                when: match unit {
                    "day" => When::day(start),
                    _ => When::minute(start),
                },
                rate: rate.map_or_else(String::new, |rate| text::percent(rate.share())),
                interval: rate.as_ref().map_or_else(String::new, interval),
                num_failed,
                num_cases,
            }
        });
        let (lines, bands) = paths(&rates, step, top);
        Self {
            buckets: buckets.collect(),
            lines,
            bands,
            scale: [top, top / 2.0, 0.0].map(|percent| format!("{percent}\u{a0}%")),
            begin: starts
                .first()
                .map(|&at| When::minute(at))
                .unwrap_or_default(),
            end: When::minute(now),
            most,
            num_cases: cases.iter().map(|&(_, all)| all).sum(),
        }
    }

    /// Whether there is anything to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.num_cases == 0
    }
}

/// The end of the scale, in percent. Intervals of few cases may be cut.
fn scale(rates: &[Option<Rate>]) -> f64 {
    let worst = rates.iter().flatten().map(|rate| 100.0 * rate.share());
    let worst = worst.fold(0.0, f64::max);
    let fits = SCALES.into_iter().find(|&end| worst <= 0.8 * end);
    fits.unwrap_or(100.0)
}

/// The lines and the bands of each part without a gap. A bucket alone is a point: a line of no length
/// with round ends.
fn paths(rates: &[Option<Rate>], step: f64, top: f64) -> (Vec<String>, Vec<String>) {
    let y = |share: f64| HEIGHT - (100.0 * share / top * HEIGHT).min(HEIGHT);
    let (mut lines, mut bands) = (Vec::new(), Vec::new());
    let mut parts: Vec<Vec<(f64, Rate)>> = vec![Vec::new()];
    for (index, rate) in rates.iter().enumerate() {
        match rate {
            Some(rate) => {
                let x = step * (index as f64 + 0.5);
                if let Some(part) = parts.last_mut() {
                    part.push((x, *rate));
                }
            }
            None => parts.push(Vec::new()),
        }
    }
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let mut line = String::new();
        for (index, (x, rate)) in part.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            push(&mut line, letter, *x, y(rate.share()));
        }
        if part.len() == 1 {
            line.push_str("h0");
        }
        lines.push(line);
        // Of one bucket a band has the width of the bucket.
        let half = if part.len() == 1 { step / 4.0 } else { 0.0 };
        let mut band = String::new();
        for (index, (x, rate)) in part.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            push(&mut band, letter, x - half, y(rate.interval.high));
            if half > 0.0 {
                push(&mut band, 'L', x + half, y(rate.interval.high));
            }
        }
        for (x, rate) in part.iter().rev() {
            if half > 0.0 {
                push(&mut band, 'L', x + half, y(rate.interval.low));
            }
            push(&mut band, 'L', x - half, y(rate.interval.low));
        }
        band.push('Z');
        bands.push(band);
    }
    (lines, bands)
}

fn push(path: &mut String, letter: char, x: f64, y: f64) {
    // Writing to a String cannot fail.
    let _ = write!(path, "{letter}{} {}", coordinate(x), coordinate(y));
}

/// A coordinate with as many digits as can be seen.
pub(super) fn coordinate(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    match rounded.fract() == 0.0 {
        true => format!("{rounded:.0}"),
        false => format!("{rounded:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn point(hour: i64, num_failed: u64, num_cases: u64) -> Point {
        Point {
            model: "m".to_owned(),
            at: Timestamp(hour * HOUR),
            attribution: Attribution::Attempts,
            num_failed,
            num_cases,
        }
    }

    #[test]
    fn a_time_without_cases_is_a_gap_and_parts_the_line() {
        let points = [point(0, 0, 10), point(1, 5, 10), point(3, 1, 10)];
        let chart = ErrorChart::new(&points, Timestamp(0), Timestamp(4 * HOUR), HOUR);
        let gaps: Vec<bool> = chart.buckets.iter().map(|one| one.is_gap).collect();
        assert_eq!(gaps, [false, false, true, false]);
        assert_eq!(chart.lines, ["M125 100L375 50", "M875 90h0"]);
        assert_eq!(chart.scale[0], "100\u{a0}%");
        assert_eq!(chart.num_cases, 30);
        assert!(chart.buckets[2].words().ends_with("nothing counted"));
        assert!(chart.buckets[1].words().contains("(5 of 10)"));
    }

    #[test]
    fn nothing_counted_is_an_empty_chart() {
        let chart = ErrorChart::new(&[], Timestamp(0), Timestamp(4 * HOUR), HOUR);
        assert!(chart.is_empty() && chart.lines.is_empty());
        assert_eq!(chart.buckets.len(), 4);
        let none = ErrorChart::new(&[], Timestamp(0), Timestamp(0), HOUR);
        assert!(none.is_empty() && none.buckets.is_empty());
    }

    #[test]
    fn reports_count_only_where_nothing_was_seen() {
        let report = Point {
            attribution: Attribution::Reports,
            ..point(0, 3, 3)
        };
        let both = [report.clone(), point(0, 0, 1)];
        let end = Timestamp(HOUR);
        let chart = ErrorChart::new(&both, Timestamp(0), end, HOUR);
        assert_eq!((chart.buckets[0].num_failed, chart.num_cases), (0, 1));
        let chart = ErrorChart::new(&[report], Timestamp(0), end, HOUR);
        assert_eq!((chart.buckets[0].num_failed, chart.num_cases), (3, 3));
    }
}
