//! How often a model fails, from what was counted: a rate never without its number of cases and the
//! interval that so few cases leave open. No case is no rate, and not a rate of zero.
//!
//! Only what hosts did counts against them. What the caller, our account, the network or this server
//! did is told beside it.

pub mod feedback;
pub mod series;
pub mod times;
mod window;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use store::{DeploymentKey, OutcomeSum};

use crate::error::FaultDomain;

pub use window::Window;

/// The outcome of an attempt that was answered.
const OK: &str = "ok";

/// The quantile of the normal distribution for intervals that hold with 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// How often something fails: so many of so many, and what that tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The cases that failed.
    pub num_failed: u64,
    /// All cases; at least one.
    pub num_cases: u64,
    /// Where the true rate lies, with 95 %; from 0 to 1.
    pub interval: Interval,
}

/// A range of rates, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Rate {
    /// The rate of `num_failed` in `num_cases`; `None` if there are no cases.
    pub fn of(num_failed: u64, num_cases: u64) -> Option<Self> {
        let num_failed = num_failed.min(num_cases);
        Some(Self {
            num_failed,
            num_cases,
            interval: wilson(num_failed as f64, num_cases as f64)?,
        })
    }

    /// The share that failed, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.num_failed as f64 / self.num_cases as f64
    }
}

/// Wilson's score interval with 95 % for `failed` of `cases`, which may be weighted counts; `None`
/// if there are no cases.
///
/// It is the set of all rates p for which what was seen is not surprising, |failed/cases − p| ≤ z ·
/// √(p (1 − p) / cases), solved for p (E. B. Wilson, "Probable inference, the law of succession, and
/// statistical inference", Journal of the American Statistical Association 22, 1927). Unlike the usual
/// interval it is right for few cases and at both ends, and never leaves 0 to 1.
pub fn wilson(failed: f64, cases: f64) -> Option<Interval> {
    if !(cases > 0.0 && cases.is_finite() && failed >= 0.0) {
        return None;
    }
    let share = (failed / cases).min(1.0);
    let z2 = Z * Z;
    let scale = 1.0 + z2 / cases;
    let center = (share + z2 / (2.0 * cases)) / scale;
    let spread = share * (1.0 - share) / cases + z2 / (4.0 * cases * cases);
    let half = Z * spread.sqrt() / scale;
    // At the ends the formula is exact and its rounding is not.
    let low = if share <= 0.0 { 0.0 } else { center - half };
    let high = if share >= 1.0 { 1.0 } else { center + half };
    Some(Interval {
        low: low.clamp(0.0, 1.0),
        high: high.clamp(0.0, 1.0),
    })
}

/// How attempts ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that were answered.
    pub num_ok: u64,
    /// Those that failed, by whose fault it was.
    pub num_failed: BTreeMap<FaultDomain, u64>,
    /// Those that failed by a fault of the host, by the kind of failure.
    pub host_failures: BTreeMap<String, u64>,
    /// The sum of the times to the first token of those that were answered, in milliseconds, and
    /// how many of them had one.
    pub first_tokens: (u64, u64),
    /// The sum of the durations of those that were answered, in milliseconds, and of their output
    /// tokens.
    pub durations: (u64, u64),
}

impl Tally {
    /// Adds a sum. What a store of a later version calls otherwise is nobody's fault that is known,
    /// and left out.
    pub fn add(&mut self, sum: &OutcomeSum) {
        let count = sum.sum.count;
        if sum.outcome == OK {
            self.num_ok += count;
            self.first_tokens.0 += sum.sum.first_token_ms;
            self.first_tokens.1 += sum.sum.num_first_tokens;
            self.durations.0 += sum.sum.duration_ms;
            self.durations.1 += sum.sum.completion_tokens;
            return;
        }
        let Some(domain) = domain(&sum.fault_domain) else {
            return;
        };
        *self.num_failed.entry(domain).or_default() += count;
        if domain == FaultDomain::Host {
            *self.host_failures.entry(sum.outcome.clone()).or_default() += count;
        }
    }

    /// Those that failed by a fault of this one.
    pub fn num_failed_by(&self, domain: FaultDomain) -> u64 {
        self.num_failed.get(&domain).copied().unwrap_or(0)
    }

    /// How often the host failed, of the attempts that it alone decided.
    pub fn rate(&self) -> Option<Rate> {
        let failed = self.num_failed_by(FaultDomain::Host);
        Rate::of(failed, self.num_ok.saturating_add(failed))
    }

    /// The mean time to the first token, in milliseconds.
    pub fn first_token_ms(&self) -> Option<f64> {
        let (sum, count) = self.first_tokens;
        (count > 0).then(|| sum as f64 / count as f64)
    }

    /// Tokens a second after the first token, of all answers together; `None` where no answer had a
    /// first token before its end.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (duration_ms, num_tokens) = self.durations;
        let (first_token_ms, _) = self.first_tokens;
        let ms = duration_ms.checked_sub(first_token_ms)?;
        (ms > 0 && num_tokens > self.num_ok)
            .then(|| 1000.0 * (num_tokens - self.num_ok) as f64 / ms as f64)
    }
}

fn domain(word: &str) -> Option<FaultDomain> {
    use FaultDomain::{Account, Caller, Host, Network, Server};
    let all = [Caller, Account, Host, Network, Server];
    all.into_iter().find(|domain| domain.as_str() == word)
}

/// What became of the attempts of each model, by its id.
pub fn by_model<'a>(sums: impl IntoIterator<Item = &'a OutcomeSum>) -> BTreeMap<String, Tally> {
    tallies(sums, |sum| sum.model.clone())
}

/// What became of the attempts of each deployment.
pub fn by_deployment<'a>(
    sums: impl IntoIterator<Item = &'a OutcomeSum>,
) -> BTreeMap<DeploymentKey, Tally> {
    tallies(sums, |sum| sum.deployment.clone())
}

fn tallies<'a, K: Ord>(
    sums: impl IntoIterator<Item = &'a OutcomeSum>,
    key: impl Fn(&OutcomeSum) -> K,
) -> BTreeMap<K, Tally> {
    let mut tallies: BTreeMap<K, Tally> = BTreeMap::new();
    for sum in sums {
        tallies.entry(key(sum)).or_default().add(sum);
    }
    tallies
}

/// Whose rate is better: the one that cannot be as bad. Of two that may be equally bad the one that
/// may be better, and of these the one that is surer. Without cases anything may be: nobody is first
/// by having done nothing, nor behind those that failed every time.
pub fn compare(a: Option<&Rate>, b: Option<&Rate>) -> Ordering {
    let worst = |rate: Option<&Rate>| rate.map_or(1.0, |rate| rate.interval.high);
    let best = |rate: Option<&Rate>| rate.map_or(0.0, |rate| rate.interval.low);
    let cases = |rate: Option<&Rate>| rate.map_or(0, |rate| rate.num_cases);
    let by_worst = worst(a).total_cmp(&worst(b));
    by_worst
        .then_with(|| best(a).total_cmp(&best(b)))
        .then_with(|| cases(b).cmp(&cases(a)))
}

/// Counts of which older ones weigh less, for who has to decide now. Weights halve every so often.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decayed {
    /// Answers.
    pub ok: f64,
    /// Failures of the host.
    pub failed: f64,
    /// As of when, in milliseconds since 1970.
    as_of_ms: i64,
}

impl Decayed {
    /// The counts as they are at `now_ms`, with this half-life.
    #[must_use]
    pub fn at(self, now_ms: i64, half_life_ms: f64) -> Self {
        // A clock that goes back makes nothing heavier.
        let age_ms = now_ms.saturating_sub(self.as_of_ms).max(0) as f64;
        let weight = match half_life_ms > 0.0 {
            true => (-age_ms / half_life_ms).exp2(),
            false => 0.0,
        };
        Self {
            ok: self.ok * weight,
            failed: self.failed * weight,
            as_of_ms: self.as_of_ms.max(now_ms),
        }
    }

    /// Adds so many answers and failures at `now_ms`.
    pub fn add(&mut self, ok: f64, failed: f64, now_ms: i64, half_life_ms: f64) {
        *self = self.at(now_ms, half_life_ms);
        self.ok += ok;
        self.failed += failed;
    }

    /// Where the rate of failure lies; `None` if nothing is left of the counts.
    pub fn interval(&self) -> Option<Interval> {
        wilson(self.failed, self.ok + self.failed)
    }
}

#[cfg(test)]
mod tests;
