//! How long answers take: medians, since one answer that hung says nothing of the others.

use store::AttemptRecord;

/// What is usual of attempts that answered; `None`: not known of any.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// The attempts.
    pub num_attempts: usize,
    /// The median time to the first token, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// The median time to the end, in milliseconds.
    pub duration_ms: Option<f64>,
    /// The median of tokens a second after the first.
    pub tokens_per_second: Option<f64>,
}

impl Times {
    /// Of these attempts, all of which answered.
    pub fn of<'a>(attempts: impl IntoIterator<Item = &'a AttemptRecord>) -> Self {
        let (mut firsts, mut durations, mut speeds) = (Vec::new(), Vec::new(), Vec::new());
        for attempt in attempts {
            durations.push(f64::from(attempt.duration_ms));
            firsts.extend(attempt.first_token_ms.map(f64::from));
            speeds.extend(tokens_per_second(attempt));
        }
        Self {
            num_attempts: durations.len(),
            first_token_ms: median(&mut firsts),
            duration_ms: median(&mut durations),
            tokens_per_second: median(&mut speeds),
        }
    }
}

/// The tokens after the first by the time after it. An answer that came in one piece has none.
fn tokens_per_second(attempt: &AttemptRecord) -> Option<f64> {
    let ms = attempt.duration_ms.checked_sub(attempt.first_token_ms?)?;
    let tokens = attempt.completion_tokens.checked_sub(1)?;
    (ms > 0 && tokens > 0).then(|| 1000.0 * f64::from(tokens) / f64::from(ms))
}

/// The middle value, or the mean of the two in the middle.
fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    if values.is_empty() {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = below.iter().copied().reduce(f64::max);
    Some(match lower {
        Some(lower) if is_even => lower.midpoint(upper),
        _ => upper,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use store::{DeploymentKey, Timestamp};

    use super::*;

    fn attempt(first_token_ms: Option<u32>, duration_ms: u32, tokens: u32) -> AttemptRecord {
        AttemptRecord {
            request_id: "r".to_owned(),
            number: 0,
            model: "m".to_owned(),
            deployment: DeploymentKey {
                provider: "p".to_owned(),
                name: "m".to_owned(),
            },
            started_at: Timestamp(0),
            outcome: "ok".to_owned(),
            fault_domain: String::new(),
            http_status: None,
            first_token_ms,
            duration_ms,
            prompt_tokens: 1,
            completion_tokens: tokens,
            reasoning_tokens: 0,
            is_exploration: false,
        }
    }

    #[test]
    fn one_that_hung_does_not_move_what_is_usual() {
        let all = [
            attempt(Some(100), 1100, 51),
            attempt(Some(120), 1120, 51),
            attempt(Some(60_000), 90_000, 2),
            attempt(None, 500, 0),
        ];
        let times = Times::of(&all);
        assert_eq!(times.num_attempts, 4);
        assert_eq!(times.first_token_ms, Some(120.0));
        assert_eq!(times.duration_ms, Some(1110.0));
        assert_eq!(times.tokens_per_second, Some(50.0));
    }

    #[test]
    fn nothing_is_known_of_none_and_no_speed_of_an_answer_in_one_piece() {
        assert_eq!(Times::of([]), Times::default());
        let whole = [attempt(Some(700), 700, 90), attempt(Some(700), 600, 90)];
        assert_eq!(Times::of(&whole).tokens_per_second, None);
        assert_eq!(Times::of(&[attempt(Some(1), 9, 1)]).tokens_per_second, None);
    }

    proptest! {
        #[test]
        fn the_median_is_the_middle_of_what_is_sorted(values in prop::collection::vec(0u32..1000, 1..40)) {
            let mut values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
            prop_assert_eq!(median(&mut values), Some((low + high) / 2.0));
        }
    }
}
