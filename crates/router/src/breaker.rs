//! The circuit breaker of a deployment: whether it is asked at present. Pure; time is an argument.
//!
//! Closed, it is asked. What makes it open:
//! * the host says that it will not answer before a certain time: until then;
//! * two failures of the host or the way to it, one after the other;
//! * of the last 32 outcomes, at least five, so few are good that with 95 %
//!   certainty fewer than half would be.
//!
//! A time of our own making grows with each opening (from 5 s to half an hour) and shrinks with each closing.
//! When the time is over the breaker is half open: one request at a time goes through, and
//! two good ones in a row close it.

use std::time::Duration;

use store::Timestamp;

use crate::error::{FailureKind, FaultDomain, RetryAfter};
use crate::reliability::wilson;

/// Failures in a row that open it.
const MAX_CONSECUTIVE: u32 = 2;
/// Outcomes that it remembers, one bit each.
const WINDOW: u32 = 32;
/// Of these so many are needed before their share means anything.
const MIN_SAMPLES: u32 = 5;
/// Good answers in a row that close a half open one.
const TO_CLOSE: u32 = 2;
/// How long it stays open the first time, the second time, …
const LADDER: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1800),
];
/// How long a request that was let through to probe may go without a word before another is.
const PROBE_PATIENCE_MS: i64 = 120_000;
/// A host that asks to be left alone for longer is asked again after this time all the same.
const MAX_STATED: Duration = Duration::from_secs(24 * 3600);

/// The breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// How often it has opened by a time of our own, less how often it has closed since.
    step: usize,
    /// Failures since the last good answer.
    num_consecutive: u32,
    /// The last outcomes, the newest in the lowest bit: 1 is good.
    outcomes: u32,
    num_outcomes: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: Timestamp,
        why: FailureKind,
        is_stated: bool,
    },
    HalfOpen {
        num_good: u32,
        /// When the request that probes was let through, if there is one.
        probing_since: Option<Timestamp>,
        why: FailureKind,
    },
}

/// Whether a deployment may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Closed,
    /// It may, by one request at a time.
    HalfOpen,
    /// It may not before this time, because of this failure.
    Open {
        /// When it may again.
        until: Timestamp,
        /// What went wrong last.
        why: FailureKind,
        /// Whether the host said so; else it is our guess.
        is_stated: bool,
    },
}

impl Admission {
    /// Every word of [`Admission::as_str`].
    pub const WORDS: [&str; 3] = ["closed", "half_open", "open"];

    /// The word for it in metrics and explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open { .. } => "open",
        }
    }
}

impl Breaker {
    /// Whether a request would be let through at `now`.
    pub fn admission(&self, now: Timestamp) -> Admission {
        match self.state {
            State::Closed => Admission::Closed,
            State::Open {
                until,
                why,
                is_stated,
            } if now < until => Admission::Open {
                until,
                why,
                is_stated,
            },
            State::Open { .. } => Admission::HalfOpen,
            State::HalfOpen {
                probing_since: Some(since),
                why,
                ..
            } if now.0 < since.0.saturating_add(PROBE_PATIENCE_MS) => Admission::Open {
                until: Timestamp(since.0.saturating_add(PROBE_PATIENCE_MS)),
                why,
                is_stated: false,
            },
            State::HalfOpen { .. } => Admission::HalfOpen,
        }
    }

    /// Lets a request through, if it would be.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        let admission = self.admission(now);
        if admission == Admission::HalfOpen {
            let (num_good, why) = match self.state {
                State::HalfOpen { num_good, why, .. } => (num_good, why),
                State::Open { why, .. } => (0, why),
                State::Closed => return admission,
            };
            self.state = State::HalfOpen {
                num_good,
                probing_since: Some(now),
                why,
            };
        }
        admission
    }

    /// A request that was let through was answered.
    pub fn answered(&mut self, now: Timestamp) {
        self.remember(true);
        self.num_consecutive = 0;
        match self.state {
            State::Closed => {}
            // Of a request from before it opened: it says nothing of now.
            State::Open { until, .. } if now < until => {}
            State::Open { why, .. } | State::HalfOpen { why, .. } => {
                let num_good = match self.state {
                    State::HalfOpen { num_good, .. } => num_good + 1,
                    _ => 1,
                };
                if num_good >= TO_CLOSE {
                    self.state = State::Closed;
                    self.step = self.step.saturating_sub(1);
                    // What was before does not count against it now.
                    (self.outcomes, self.num_outcomes) = (0, 0);
                } else {
                    self.state = State::HalfOpen {
                        num_good,
                        probing_since: None,
                        why,
                    };
                }
            }
        }
    }

    /// A request that was let through failed. Only failures of the host and of the way to it count;
    /// any other ends a probe without a verdict.
    pub fn failed(&mut self, kind: FailureKind, retry_after: Option<RetryAfter>, now: Timestamp) {
        if !matches!(
            kind.fault_domain(),
            FaultDomain::Host | FaultDomain::Network
        ) {
            self.gave_up();
            return;
        }
        self.remember(false);
        self.num_consecutive += 1;
        if let Some(stated) = retry_after.filter(|after| after.is_authoritative) {
            let until = later(now, stated.wait.min(MAX_STATED));
            // A longer time that was stated before still holds.
            let until = match self.state {
                State::Open { until: before, .. } => before.max(until),
                _ => until,
            };
            self.state = State::Open {
                until,
                why: kind,
                is_stated: true,
            };
            return;
        }
        let opens = match self.state {
            State::Open { .. } => false,
            State::HalfOpen { .. } => true,
            State::Closed => self.num_consecutive >= MAX_CONSECUTIVE || self.is_mostly_bad(),
        };
        if opens {
            let time = LADDER[self.step.min(LADDER.len() - 1)];
            let time = retry_after.map_or(time, |after| after.wait.min(MAX_STATED).max(time));
            self.step = (self.step + 1).min(LADDER.len());
            self.state = State::Open {
                until: later(now, time),
                why: kind,
                is_stated: false,
            };
        }
    }

    /// A request that was let through ended without telling anything of the host: the client left.
    pub fn gave_up(&mut self) {
        if let State::HalfOpen { probing_since, .. } = &mut self.state {
            *probing_since = None;
        }
    }

    fn remember(&mut self, is_good: bool) {
        self.outcomes = self.outcomes << 1 | u32::from(is_good);
        self.num_outcomes = (self.num_outcomes + 1).min(WINDOW);
    }

    fn is_mostly_bad(&self) -> bool {
        if self.num_outcomes < MIN_SAMPLES {
            return false;
        }
        let mask = u32::MAX >> (u32::BITS - self.num_outcomes);
        let num_bad = (!self.outcomes & mask).count_ones();
        let rate = wilson(f64::from(num_bad), f64::from(self.num_outcomes));
        rate.is_some_and(|rate| rate.low > 0.5)
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_add(millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: FailureKind = FailureKind::Internal;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    fn stated(seconds: u64) -> Option<RetryAfter> {
        Some(RetryAfter {
            wait: Duration::from_secs(seconds),
            is_authoritative: true,
        })
    }

    fn is_open(breaker: &Breaker, seconds: i64) -> bool {
        matches!(breaker.admission(at(seconds)), Admission::Open { .. })
    }

    #[test]
    fn one_failure_is_forgiven_and_two_in_a_row_open_it() {
        let mut breaker = Breaker::default();
        for second in 0..100 {
            breaker.failed(HOST, None, at(second));
            assert!(!is_open(&breaker, second));
            breaker.answered(at(second));
            breaker.answered(at(second));
            breaker.answered(at(second));
        }
        breaker.failed(HOST, None, at(100));
        breaker.failed(HOST, None, at(100));
        assert!(is_open(&breaker, 104));
        assert_eq!(breaker.admission(at(105)), Admission::HalfOpen);
    }

    #[test]
    fn a_deployment_that_mostly_fails_is_left_alone_even_if_it_answers_between() {
        let mut breaker = Breaker::default();
        let mut second = 0;
        while !is_open(&breaker, second) {
            second += 1;
            assert!(second < 40, "{breaker:?}");
            // One good answer in four, never two failures in a row that count as such.
            breaker.num_consecutive = 0;
            match second % 4 {
                0 => breaker.answered(at(second)),
                _ => breaker.failed(HOST, None, at(second)),
            }
        }
    }

    #[test]
    fn half_open_it_lets_one_through_at_a_time_and_two_good_ones_close_it() {
        let mut breaker = Breaker::default();
        breaker.failed(HOST, None, at(0));
        breaker.failed(HOST, None, at(0));
        assert_eq!(breaker.admit(at(6)), Admission::HalfOpen);
        assert!(matches!(breaker.admit(at(7)), Admission::Open { .. }));
        breaker.answered(at(8));
        assert_eq!(breaker.admit(at(8)), Admission::HalfOpen);
        breaker.answered(at(9));
        assert_eq!(breaker.admit(at(9)), Admission::Closed);
    }

    #[test]
    fn a_probe_that_is_given_up_or_never_heard_of_again_makes_room_for_another() {
        let mut breaker = Breaker::default();
        breaker.failed(HOST, None, at(0));
        breaker.failed(HOST, None, at(0));
        breaker.admit(at(6));
        breaker.gave_up();
        assert_eq!(breaker.admit(at(6)), Admission::HalfOpen);
        assert!(is_open(&breaker, 125));
        assert_eq!(breaker.admit(at(126)), Admission::HalfOpen);
    }

    #[test]
    fn each_opening_lasts_longer_and_each_closing_takes_one_step_back() {
        let mut breaker = Breaker::default();
        let mut now = at(0);
        let mut times = Vec::new();
        breaker.failed(HOST, None, now);
        for _ in 0..7 {
            breaker.failed(HOST, None, now);
            let Admission::Open { until, .. } = breaker.admission(now) else {
                panic!("{breaker:?}");
            };
            times.push((until.0 - now.0) / 1000);
            now = until;
            breaker.admit(now);
        }
        assert_eq!(times, [5, 15, 60, 300, 1800, 1800, 1800]);
        breaker.answered(now);
        breaker.answered(now);
        breaker.failed(HOST, None, now);
        breaker.failed(HOST, None, now);
        assert!(
            matches!(breaker.admission(now), Admission::Open { until, .. }
            if until.0 - now.0 == 1_800_000)
        );
    }

    #[test]
    fn a_stated_time_holds_at_once_and_for_its_length_only() {
        let mut breaker = Breaker::default();
        breaker.failed(FailureKind::RateLimited, stated(42), at(0));
        assert!(is_open(&breaker, 41));
        assert!(!is_open(&breaker, 42));
        // A shorter one that comes late does not cut it short.
        breaker.failed(FailureKind::RateLimited, stated(100), at(0));
        breaker.failed(FailureKind::RateLimited, stated(1), at(1));
        assert!(is_open(&breaker, 99));
        // Nobody is left alone for ever.
        breaker.failed(FailureKind::RateLimited, stated(u64::MAX), at(0));
        assert!(!is_open(&breaker, 24 * 3600));
    }

    #[test]
    fn what_is_not_the_hosts_fault_opens_nothing() {
        for &kind in FailureKind::ALL {
            let mut breaker = Breaker::default();
            for _ in 0..50 {
                breaker.failed(kind, stated(60), at(0));
            }
            let counts = matches!(
                kind.fault_domain(),
                FaultDomain::Host | FaultDomain::Network
            );
            assert_eq!(is_open(&breaker, 1), counts, "{kind:?}");
        }
    }

    #[test]
    fn a_timeline_of_an_outage() {
        use std::fmt::Write;

        // Every second somebody asks; the host is down from second 10 to second 100.
        let mut breaker = Breaker::default();
        let mut timeline = String::new();
        let mut last = "";
        let mut num_failures = 0;
        for second in 0..240 {
            let admission = breaker.admit(at(second));
            match admission {
                Admission::Open { .. } => {}
                _ if (10..100).contains(&second) => {
                    num_failures += 1;
                    breaker.failed(HOST, None, at(second));
                }
                _ => breaker.answered(at(second)),
            }
            if admission.as_str() != last {
                last = admission.as_str();
                writeln!(timeline, "{second:3} {last}").unwrap();
            }
        }
        let expected = "  0 closed\n 12 open\n 16 half_open\n 17 open\n 31 half_open\n 32 open\n \
                        91 half_open\n 92 open\n";
        assert_eq!(timeline, expected);
        assert_eq!(num_failures, 5);
    }

    proptest! {
        #[test]
        fn whatever_happens_it_opens_again_within_a_day(
            steps in prop::collection::vec((0..4u8, 0..4000i64, 0..200_000u64), 0..60),
        ) {
            let mut breaker = Breaker::default();
            let mut now = at(0);
            for (what, seconds, wait) in steps {
                now = Timestamp(now.0 + seconds * 1000);
                match what {
                    0 => breaker.answered(now),
                    1 => breaker.failed(HOST, None, now),
                    2 => breaker.failed(HOST, stated(wait), now),
                    _ => { breaker.admit(now); }
                }
            }
            let tomorrow = Timestamp(now.0 + 24 * 3_600_000);
            let may_ask = !matches!(breaker.admission(tomorrow), Admission::Open { .. });
            prop_assert!(may_ask, "{breaker:?}");
        }
    }
}
