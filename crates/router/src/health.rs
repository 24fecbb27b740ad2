//! How a deployment is doing, in memory: its breaker, its recent outcomes, its speed.
//!
//! The store keeps the whole history; this is what routing looks at, for every request, without
//! asking anybody. Recent outcomes weigh more: with each hour the weight halves.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::Timestamp;

use crate::breaker::{Admission, Breaker};
use crate::error::{FailureKind, FaultDomain, RetryAfter};
use crate::reliability::Decayed;

/// How long until an outcome weighs half.
const HALF_LIFE_MS: f64 = 3_600_000.0;
/// How much the newest measurement moves an average.
const SMOOTHING: f64 = 0.2;
/// The most outcomes that history counts as: what happens now is to be heard.
const MAX_HISTORY: f64 = 50.0;

/// How a deployment is doing.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    breaker: Breaker,
    outcomes: Decayed,
    first_token_ms: Option<f64>,
    tokens_per_second: Option<f64>,
}

/// How a deployment is doing at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthView {
    /// Whether it may be asked.
    pub breaker: Admission,
    /// Recent good outcomes.
    pub num_good: f64,
    /// Recent failures of the host or the way to it.
    pub num_bad: f64,
    /// The usual time to the first token, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// The usual tokens a second after that.
    pub tokens_per_second: Option<f64>,
}

/// How fast an answer was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speed {
    /// From asking to the first token.
    pub first_token: Option<Duration>,
    /// Tokens a second after that.
    pub tokens_per_second: Option<f64>,
}

fn smooth(average: &mut Option<f64>, value: f64) {
    *average = Some(average.map_or(value, |old| old + SMOOTHING * (value - old)));
}

impl Health {
    /// How it is doing at `now`.
    pub fn view(&self, now: Timestamp) -> HealthView {
        let state = self.lock();
        let outcomes = state.outcomes.at(now.0, HALF_LIFE_MS);
        HealthView {
            breaker: state.breaker.admission(now),
            num_good: outcomes.ok,
            num_bad: outcomes.failed,
            first_token_ms: state.first_token_ms,
            tokens_per_second: state.tokens_per_second,
        }
    }

    /// Lets a request through, if the breaker does.
    pub fn admit(&self, now: Timestamp) -> Admission {
        self.lock().breaker.admit(now)
    }

    /// A request was answered.
    pub fn answered(&self, speed: Speed, now: Timestamp) {
        let mut state = self.lock();
        state.breaker.answered(now);
        state.outcomes.add(1.0, 0.0, now.0, HALF_LIFE_MS);
        if let Some(time) = speed.first_token {
            smooth(&mut state.first_token_ms, time.as_secs_f64() * 1000.0);
        }
        if let Some(rate) = speed.tokens_per_second {
            smooth(&mut state.tokens_per_second, rate);
        }
    }

    /// A request failed.
    pub fn failed(&self, kind: FailureKind, retry_after: Option<RetryAfter>, now: Timestamp) {
        let mut state = self.lock();
        state.breaker.failed(kind, retry_after, now);
        if matches!(
            kind.fault_domain(),
            FaultDomain::Host | FaultDomain::Network
        ) {
            state.outcomes.add(0.0, 1.0, now.0, HALF_LIFE_MS);
        }
    }

    /// A request ended without telling anything of the host.
    pub fn gave_up(&self) {
        self.lock().breaker.gave_up();
    }

    /// Takes in what was before this program started, or what other servers saw: so many good and
    /// bad outcomes. Only what nothing is known of in memory is filled in.
    pub fn remember(
        &self,
        num_good: f64,
        num_bad: f64,
        first_token_ms: Option<f64>,
        now: Timestamp,
    ) {
        let mut state = self.lock();
        if state.outcomes == Decayed::default() {
            let total = num_good + num_bad;
            let scale = match total > MAX_HISTORY {
                true => MAX_HISTORY / total,
                false => 1.0,
            };
            let (good, bad) = (num_good * scale, num_bad * scale);
            state.outcomes.add(good, bad, now.0, HALF_LIFE_MS);
        }
        if state.first_token_ms.is_none() {
            state.first_token_ms = first_token_ms;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn an_outcome_weighs_half_after_an_hour() {
        let health = Health::default();
        health.answered(Speed::default(), Timestamp(0));
        health.failed(FailureKind::Internal, None, Timestamp(HOUR));
        let view = health.view(Timestamp(2 * HOUR));
        assert!((view.num_good - 0.25).abs() < 1e-9, "{view:?}");
        assert!((view.num_bad - 0.5).abs() < 1e-9, "{view:?}");
        // A clock that was set back makes nothing heavier.
        assert!(health.view(Timestamp(-HOUR)).num_good <= 1.0);
    }

    #[test]
    fn only_the_hosts_and_the_networks_failures_are_held_against_it() {
        for &kind in FailureKind::ALL {
            let health = Health::default();
            health.failed(kind, None, Timestamp(0));
            let counts = matches!(
                kind.fault_domain(),
                FaultDomain::Host | FaultDomain::Network
            );
            let expected = f64::from(u8::from(counts));
            assert_eq!(health.view(Timestamp(0)).num_bad, expected, "{kind:?}");
        }
    }

    #[test]
    fn speed_follows_what_was_measured() {
        let health = Health::default();
        let speed = |ms| Speed {
            first_token: Some(Duration::from_millis(ms)),
            tokens_per_second: Some(100.0),
        };
        health.answered(speed(1000), Timestamp(0));
        assert_eq!(health.view(Timestamp(0)).first_token_ms, Some(1000.0));
        for _ in 0..50 {
            health.answered(speed(200), Timestamp(0));
        }
        let view = health.view(Timestamp(0));
        assert!(
            (view.first_token_ms.unwrap() - 200.0).abs() < 1.0,
            "{view:?}"
        );
        assert_eq!(view.tokens_per_second, Some(100.0));
    }

    #[test]
    fn history_fills_in_what_is_not_known_and_no_more() {
        let health = Health::default();
        health.remember(900.0, 100.0, Some(5.0), Timestamp(0));
        let view = health.view(Timestamp(0));
        assert_eq!((view.num_good, view.num_bad), (45.0, 5.0));
        assert_eq!(view.first_token_ms, Some(5.0));
        health.remember(1.0, 1.0, Some(7.0), Timestamp(0));
        assert_eq!(health.view(Timestamp(0)), view);
    }
}
