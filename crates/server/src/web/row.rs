//! A model in a line: what lists, cards and neighbours show of it.

use router::UseCase;
use router::availability::{HourStatus, Verdict};
use router::catalog::{Model, Tier};
use router::flr::{Attribution, ErrorRate, Shown, is_for};
use router::reliability::{Rate, Window};
use store::Timestamp;

use super::overview::{Overview, USUAL_WINDOW};
use super::text;

/// How long a model is new.
const NEW_MS: i64 = 7 * 24 * 3_600_000;
/// Shares of failures from which on a rate is doubtful, and bad.
const DOUBTFUL: f64 = 0.10;
const BAD: f64 = 0.20;

/// A short word with a colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) text: String,
    /// `good`, `warn`, `bad` or `outline`.
    pub(crate) class: &'static str,
}

/// A model in a line.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The id as it is, which may have letters that must not be shown.
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) badges: Vec<Badge>,
    pub(crate) capabilities: Vec<&'static str>,
    pub(crate) context: String,
    pub(crate) max_output: String,
    pub(crate) state: State,
    pub(crate) error: ErrorText,
    /// Days on which it could be had, and days on which somebody looked, of the last 30.
    pub(crate) days: (u32, u32),
    pub(crate) first_token: String,
    pub(crate) speed: String,
}

/// Who made a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Author {
    /// As it stands in ids.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) url: String,
}

/// How a model is doing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// `good`, `listed`, `bad` or nothing.
    pub(crate) class: &'static str,
    pub(crate) text: &'static str,
}

/// An error rate in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorText {
    /// Such as `2.1 %`, or a dash.
    pub(crate) rate: String,
    /// Such as `1.2–3.4 %`; empty if nothing is known.
    pub(crate) interval: String,
    pub(crate) num_cases: u64,
    /// `good`, `warn`, `bad`, or nothing where the interval leaves it open.
    pub(crate) class: &'static str,
    pub(crate) is_reported: bool,
    pub(crate) bar: Option<Bar>,
}

/// An error rate as a drawing on a line from 0 to 100 %: the share, and where the true rate lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) share: String,
    pub(crate) low: String,
    pub(crate) width: String,
}

impl Bar {
    fn of(rate: &Rate) -> Self {
        let place = |share: f64| format!("{:.1}", share * 100.0);
        Self {
            share: place(rate.share()),
            low: place(rate.interval.low),
            width: place(rate.interval.high - rate.interval.low),
        }
    }
}

impl ErrorText {
    pub(crate) fn of(known: &ErrorRate) -> Self {
        let Some(rate) = &known.rate else {
            return Self {
                rate: text::UNKNOWN.to_owned(),
                ..Self::default()
            };
        };
        Self {
            rate: text::percent(rate.share()),
            interval: interval(rate),
            num_cases: rate.num_cases,
            class: class(rate),
            is_reported: known.attribution == Attribution::Reports,
            bar: Some(Bar::of(rate)),
        }
    }

    /// Whether anything is known.
    pub(crate) fn is_known(&self) -> bool {
        self.num_cases > 0
    }

    /// All of it in words.
    pub(crate) fn words(&self) -> String {
        match self.is_known() {
            true => format!(
                "{} of {} failed, 95 % interval {}",
                self.rate,
                text::counted(self.num_cases, "request"),
                self.interval
            ),
            false => "no requests counted".to_owned(),
        }
    }
}

/// Where the true rate lies: `1.2–3.4 %`.
pub(crate) fn interval(rate: &Rate) -> String {
    let low = text::percent_number(rate.interval.low);
    format!("{low}–{}", text::percent(rate.interval.high))
}

/// How bad a rate is, as far as so few cases can tell.
fn class(rate: &Rate) -> &'static str {
    let share = rate.share();
    match rate.interval {
        interval if interval.low > DOUBTFUL && share > BAD => "bad",
        interval if interval.high <= DOUBTFUL => "good",
        _ if share > DOUBTFUL => "warn",
        _ => "",
    }
}

impl State {
    /// Of what was seen of a model last.
    pub(crate) fn of(model: &Model, seen: Option<Verdict>) -> Self {
        let (class, text) = match seen.map(|seen| (seen.status, seen.is_uncontradicted)) {
            // A badge says so already.
            _ if runs_here(model) => ("good", "Callable"),
            Some((HourStatus::Callable, _)) => ("good", "Callable"),
            Some((HourStatus::ListedOnly, true)) => ("listed", "Listed"),
            Some((HourStatus::ListedOnly, false)) => ("bad", "Listed, not answering"),
            Some((HourStatus::NotListed, _)) => ("bad", "Not free now"),
            Some((HourStatus::NotObserved, _)) | None if model.is_hosted() => ("", "Not observed"),
            _ if was_hosted(model) => ("bad", "Not free now"),
            _ => ("", "Not offered"),
        };
        Self { class, text }
    }
}

/// Whether this machine, or one of its owner's, runs a model now.
pub(crate) fn runs_here(model: &Model) -> bool {
    model.active().any(|one| one.tier != Tier::Hosted)
}

/// Whether a host had it for nothing and none has it now.
pub(crate) fn was_hosted(model: &Model) -> bool {
    let mut all = model.deployments.iter();
    all.any(|one| one.tier == Tier::Hosted) && !model.is_hosted()
}

/// Where the page of a model is.
pub(crate) fn url(id: &str) -> String {
    format!("/models/{}", text::url_path(id))
}

/// What a model can do beside talking.
pub(crate) fn capabilities(shown: &Shown<'_>) -> Vec<&'static str> {
    let all = [
        (UseCase::Vision, "Vision"),
        (UseCase::Tools, "Tools"),
        (UseCase::Reasoning, "Reasoning"),
        (UseCase::LongContext, "Long context"),
    ];
    let has = all.into_iter().filter(|(case, _)| is_for(shown, &[*case]));
    let mut words: Vec<_> = has.map(|(_, word)| word).collect();
    if shown.spec.follows_schemas() {
        words.push("Structured output");
    }
    words
}

/// What is special about a model now.
pub(crate) fn badges(shown: &Shown<'_>, now: Timestamp) -> Vec<Badge> {
    let model = shown.model;
    let mut badges = Vec::new();
    let mut add = |text: &str, class| {
        badges.push(Badge {
            text: text.to_owned(),
            class,
        });
    };
    let hosted = model
        .deployments
        .iter()
        .filter(|one| one.tier == Tier::Hosted);
    let first_seen = hosted.map(|one| one.first_seen_at).min();
    if runs_here(model) {
        add("Runs here", "good");
    }
    if was_hosted(model) {
        add("No longer free", "bad");
    } else if first_seen.is_some_and(|at| now.0.saturating_sub(at.0) < NEW_MS) {
        add("New", "good");
    }
    if let Some(date) = shown.spec.expiration_date.as_deref() {
        add(&format!("Leaves on {}", text::name(date)), "warn");
    }
    badges
}

impl Row {
    /// What is known of a model.
    pub(crate) fn of(overview: &Overview, shown: &Shown<'_>) -> Self {
        let model = shown.model;
        let seen = overview.availability(model, 30);
        let tally = overview.tally(model);
        let told = told_times(model);
        let measured = tally.and_then(|tally| tally.first_token_ms());
        let speed = tally.and_then(|tally| tally.tokens_per_second());
        Self {
            id: shown.id.to_owned(),
            url: url(shown.id),
            name: text::name(shown.name()),
            badges: badges(shown, overview.at),
            capabilities: capabilities(shown),
            context: text::tokens(shown.spec.context_length),
            max_output: text::tokens(shown.spec.max_output_tokens),
            state: State::of(model, overview.state(model)),
            error: ErrorText::of(&overview.errors(model, USUAL_WINDOW)),
            days: (seen.num_available_days(), seen.num_tracked_days()),
            first_token: measured_or_told(measured, told.0, text::duration),
            speed: measured_or_told(speed, told.1, text::speed),
        }
    }

    /// The error rates of several windows.
    pub(crate) fn errors(overview: &Overview, model: &Model, windows: &[Window]) -> Vec<ErrorText> {
        let of = |window: &Window| ErrorText::of(&overview.errors(model, *window));
        windows.iter().map(of).collect()
    }

    /// `30 of 30 days`.
    pub(crate) fn days_text(&self) -> String {
        match self.days {
            (_, 0) => text::UNKNOWN.to_owned(),
            (good, tracked) => format!("{good} of {}", text::counted(tracked.into(), "day")),
        }
    }
}

/// What was measured here, else the host's own word, marked as such; else a dash.
pub(crate) fn measured_or_told(
    measured: Option<f64>,
    told: Option<f64>,
    write: impl Fn(f64) -> String,
) -> String {
    match (measured, told) {
        (Some(value), _) => write(value),
        (None, Some(value)) => format!("~{}", write(value)),
        (None, None) => text::UNKNOWN.to_owned(),
    }
}

/// The hosts' own word on their speed, the best of those who offer it now: the time to the first token
/// in milliseconds, and tokens a second.
pub(crate) fn told_times(model: &Model) -> (Option<f64>, Option<f64>) {
    let told = || model.active().filter_map(|one| one.status);
    let first_tokens = told().filter_map(|(status, _)| status.first_token_ms);
    let speeds = told().filter_map(|(status, _)| status.tokens_per_second);
    (first_tokens.reduce(f64::min), speeds.reduce(f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(failed: u64, cases: u64) -> ErrorText {
        ErrorText::of(&ErrorRate {
            rate: Rate::of(failed, cases),
            attribution: Attribution::Attempts,
            ..ErrorRate::default()
        })
    }

    #[test]
    fn a_rate_is_called_good_or_bad_only_if_there_are_enough_cases() {
        assert_eq!(text_of(0, 3).class, "");
        assert_eq!(text_of(0, 100).class, "good");
        assert_eq!(text_of(1, 1).class, "bad");
        assert_eq!(text_of(1, 4).class, "warn");
        assert_eq!(text_of(30, 100).class, "bad");
    }

    #[test]
    fn nothing_known_is_a_dash_and_not_zero() {
        let nothing = ErrorText::of(&ErrorRate::default());
        assert_eq!(nothing.rate, text::UNKNOWN);
        assert!(!nothing.is_known());
        assert_eq!(nothing.words(), "no requests counted");
        assert_eq!(
            text_of(8, 40).words(),
            "20\u{a0}% of 40 requests failed, 95 % interval 10.5–34.8\u{a0}%"
        );
    }
}
