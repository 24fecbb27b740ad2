//! What our account at a provider may still ask for. Pure; time is an argument.
//!
//! Use is counted in fixed windows, minutes and days of UTC, against limits that are configured or
//! that the provider tells; of several the smallest holds. What the provider says is left outweighs
//! our count, since others may use the same account. A refusal that concerns the account, such as
//! an exhausted day, blocks the whole provider: none of its other models would answer either.

use std::time::Duration;

use store::Timestamp;

use crate::error::{FailureKind, FaultDomain, RetryAfter};
use crate::provider::{AccountLimits, QuotaReport, QuotaWindow};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 3600 * 1000;
/// How long an account is left alone that has to be paid for, or whose key is refused: somebody has
/// to do something about it.
const UNPAID: Duration = Duration::from_secs(3600);
const REJECTED: Duration = Duration::from_secs(300);
/// The longest that an account is left alone without asking it again.
const MAX_BLOCK: Duration = Duration::from_secs(24 * 3600);

impl QuotaWindow {
    /// Every window.
    pub const ALL: [Self; 4] = [
        Self::RequestsPerMinute,
        Self::RequestsPerDay,
        Self::TokensPerMinute,
        Self::TokensPerDay,
    ];

    /// The word for it in metrics, explanations and the names of counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests_per_minute",
            Self::RequestsPerDay => "requests_per_day",
            Self::TokensPerMinute => "tokens_per_minute",
            Self::TokensPerDay => "tokens_per_day",
        }
    }

    /// Its length, in milliseconds.
    pub fn length_ms(self) -> i64 {
        match self {
            Self::RequestsPerMinute | Self::TokensPerMinute => MINUTE_MS,
            Self::RequestsPerDay | Self::TokensPerDay => DAY_MS,
        }
    }

    /// The beginning of the window that `now` lies in.
    pub fn start(self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.div_euclid(self.length_ms()) * self.length_ms())
    }

    /// Its end.
    pub fn end(self, now: Timestamp) -> Timestamp {
        Timestamp(self.start(now).0.saturating_add(self.length_ms()))
    }

    fn counts_tokens(self) -> bool {
        matches!(self, Self::TokensPerMinute | Self::TokensPerDay)
    }

    /// Its limit among those of an account; `None`: without limit, or unknown.
    pub fn of(self, limits: &AccountLimits) -> Option<u64> {
        match self {
            Self::RequestsPerMinute => limits.requests_per_minute,
            Self::RequestsPerDay => limits.requests_per_day,
            Self::TokensPerMinute => limits.tokens_per_minute,
            Self::TokensPerDay => limits.tokens_per_day,
        }
    }
}

/// Our account at one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    limits: AccountLimits,
    windows: [Window; 4],
    block: Option<Block>,
}

/// The use of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Window {
    start: Timestamp,
    used: u64,
    /// The limit that the provider told.
    told: Option<u64>,
    /// Until when nothing is left, whatever we counted, because the provider said so.
    empty_until: Option<Timestamp>,
}

/// Until when the account is not used, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Until when.
    pub until: Timestamp,
    /// What the provider said.
    pub why: FailureKind,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaAdmission {
    /// It may.
    Open,
    /// It may not: this window is used up.
    UsedUp {
        /// Which.
        window: QuotaWindow,
        /// When it begins anew.
        until: Timestamp,
    },
    /// It may not: the provider refuses the account.
    Blocked(Block),
}

/// How much of a window is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowUse {
    /// Which.
    pub window: QuotaWindow,
    /// The limit.
    pub limit: u64,
    /// How much is left.
    pub remaining: u64,
    /// When it begins anew.
    pub resets_at: Timestamp,
}

impl Account {
    /// An account with these limits.
    pub fn new(limits: AccountLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Whether any limit is known: only then there is something to count.
    pub fn is_limited(&self) -> bool {
        QuotaWindow::ALL
            .into_iter()
            .any(|window| self.limit(window).is_some())
    }

    /// The limit of a window.
    pub fn limit(&self, window: QuotaWindow) -> Option<u64> {
        let (set, told) = (window.of(&self.limits), self.windows[window as usize].told);
        match (set, told) {
            (Some(set), Some(told)) => Some(set.min(told)),
            (set, told) => set.or(told),
        }
    }

    /// Whether a request of about `tokens` may be made at `now`.
    pub fn admission(&self, tokens: u64, now: Timestamp) -> QuotaAdmission {
        if let Some(block) = self.block.filter(|block| now < block.until) {
            return QuotaAdmission::Blocked(block);
        }
        // The window that is longest in the way tells when it is worth coming back.
        QuotaWindow::ALL
            .into_iter()
            .filter_map(|window| Some((window, self.empty_until(window, tokens, now)?)))
            .max_by_key(|&(_, until)| until)
            .map_or(QuotaAdmission::Open, |(window, until)| {
                QuotaAdmission::UsedUp { window, until }
            })
    }

    fn empty_until(&self, window: QuotaWindow, tokens: u64, now: Timestamp) -> Option<Timestamp> {
        let state = &self.windows[window as usize];
        if let Some(until) = state.empty_until.filter(|&until| now < until) {
            return Some(until);
        }
        let limit = self.limit(window)?;
        let more = match window.counts_tokens() {
            // A request larger than the whole window would never pass: let the provider say so.
            true => tokens.min(limit),
            false => 1,
        };
        let used = self.used(window, now);
        (used.saturating_add(more) > limit).then(|| window.end(now))
    }

    /// How much of a window is used.
    pub fn used(&self, window: QuotaWindow, now: Timestamp) -> u64 {
        let state = &self.windows[window as usize];
        match state.start == window.start(now) {
            true => state.used,
            false => 0,
        }
    }

    /// Counts `amount` in a window.
    pub fn add(&mut self, window: QuotaWindow, amount: u64, now: Timestamp) {
        let used = self.used(window, now).saturating_add(amount);
        let state = &mut self.windows[window as usize];
        (state.start, state.used) = (window.start(now), used);
    }

    /// Counts a request of about `tokens`.
    pub fn take(&mut self, tokens: u64, now: Timestamp) {
        for window in QuotaWindow::ALL {
            let amount = match window.counts_tokens() {
                true => tokens,
                false => 1,
            };
            self.add(window, amount, now);
        }
    }

    /// Takes back what was counted by [`Account::take`] at `now` of a request that was not made.
    pub fn give_back(&mut self, tokens: u64, now: Timestamp) {
        for window in QuotaWindow::ALL {
            let amount = match window.counts_tokens() {
                true => tokens,
                false => 1,
            };
            let state = &mut self.windows[window as usize];
            // A window that has begun since does not hold it.
            if state.start == window.start(now) {
                state.used = state.used.saturating_sub(amount);
            }
        }
    }

    /// Raises the count of a window to what others counted.
    pub fn raise(&mut self, window: QuotaWindow, used: u64, now: Timestamp) {
        let more = used.saturating_sub(self.used(window, now));
        self.add(window, more, now);
    }

    /// Takes in what the provider says.
    pub fn learn(&mut self, report: &QuotaReport, now: Timestamp) {
        let window = report.window;
        if let Some(limit) = report.limit.filter(|&limit| limit > 0) {
            self.windows[window as usize].told = Some(limit);
        }
        if let Some(limit) = self.limit(window) {
            self.raise(window, limit.saturating_sub(report.remaining), now);
        }
        let state = &mut self.windows[window as usize];
        state.empty_until = match (report.remaining, report.resets_in) {
            (0, Some(time)) => Some(later(now, time)),
            // It knows of what is left after other windows than ours.
            _ => None,
        };
    }

    /// Takes in a refusal. Only those of the account concern it.
    pub fn refused(&mut self, kind: FailureKind, retry_after: Option<RetryAfter>, now: Timestamp) {
        if kind.fault_domain() != FaultDomain::Account {
            return;
        }
        let guess = match kind {
            FailureKind::AccountRateLimited => QuotaWindow::RequestsPerMinute.end(now),
            FailureKind::AccountQuotaExhausted => QuotaWindow::RequestsPerDay.end(now),
            FailureKind::PaymentRequired => later(now, UNPAID),
            FailureKind::KeyRejected => later(now, REJECTED),
            // The settings of the account exclude one model's hosts, not all.
            _ => return,
        };
        let until = retry_after.map_or(guess, |after| later(now, after.wait));
        let before = self.block.map_or(until, |block| block.until);
        self.block = Some(Block {
            until: before.max(until),
            why: kind,
        });
    }

    /// The account answered: whatever it was refused for is over.
    pub fn answered(&mut self) {
        self.block = None;
    }

    /// How much is left of every window with a limit.
    pub fn uses(&self, now: Timestamp) -> Vec<WindowUse> {
        let uses = QuotaWindow::ALL.into_iter().filter_map(|window| {
            let limit = self.limit(window)?;
            let state = &self.windows[window as usize];
            let empty_until = state.empty_until.filter(|&until| now < until);
            Some(WindowUse {
                window,
                limit,
                remaining: match empty_until {
                    Some(_) => 0,
                    None => limit.saturating_sub(self.used(window, now)),
                },
                resets_at: empty_until.unwrap_or_else(|| window.end(now)),
            })
        });
        uses.collect()
    }

    /// How well what is left of the day lasts until its end, 0 to 1: 1 if it is used no faster than
    /// time passes. Spreads a small quota over the day.
    pub fn pace(&self, now: Timestamp) -> f64 {
        let days = self
            .uses(now)
            .into_iter()
            .filter(|one| one.window.length_ms() == DAY_MS);
        days.map(|one| {
            let left = one.remaining as f64 / one.limit.max(1) as f64;
            let time_left = (one.resets_at.0 - now.0) as f64 / DAY_MS as f64;
            (left / time_left.clamp(0.01, 1.0)).min(1.0)
        })
        .fold(1.0, f64::min)
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let millis = i64::try_from(by.min(MAX_BLOCK).as_millis()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_add(millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Timestamp = Timestamp(20_000 * DAY_MS);

    fn at(seconds: i64) -> Timestamp {
        Timestamp(DAY.0 + seconds * 1000)
    }

    fn openrouter() -> Account {
        Account::new(AccountLimits {
            requests_per_minute: Some(20),
            requests_per_day: Some(50),
            ..AccountLimits::default()
        })
    }

    #[test]
    fn requests_are_counted_by_the_minute_and_by_the_day() {
        let mut account = openrouter();
        for _ in 0..20 {
            assert_eq!(account.admission(0, at(5)), QuotaAdmission::Open);
            account.take(10, at(5));
        }
        let minute = QuotaWindow::RequestsPerMinute;
        let until = at(60);
        let window = minute;
        let used_up = QuotaAdmission::UsedUp { window, until };
        assert_eq!(account.admission(0, at(59)), used_up);
        assert_eq!(account.admission(0, at(60)), QuotaAdmission::Open);
        for _ in 0..30 {
            account.take(10, at(86_000));
        }
        assert!(matches!(
            account.admission(0, at(86_300)),
            QuotaAdmission::UsedUp { window: QuotaWindow::RequestsPerDay, until }
                if until == at(86_400)
        ));
        assert_eq!(account.admission(0, at(86_400)), QuotaAdmission::Open);
    }

    #[test]
    fn tokens_are_counted_and_a_request_larger_than_the_window_passes_when_nothing_is_used() {
        let mut account = Account::new(AccountLimits {
            tokens_per_minute: Some(8000),
            ..AccountLimits::default()
        });
        assert_eq!(account.admission(1_000_000, at(0)), QuotaAdmission::Open);
        account.take(7000, at(0));
        assert_eq!(account.admission(1000, at(0)), QuotaAdmission::Open);
        assert!(matches!(
            account.admission(1001, at(0)),
            QuotaAdmission::UsedUp {
                window: QuotaWindow::TokensPerMinute,
                ..
            }
        ));
    }

    #[test]
    fn what_the_provider_says_is_left_outweighs_our_count() {
        let mut account = openrouter();
        let report = QuotaReport {
            window: QuotaWindow::RequestsPerDay,
            limit: Some(1000),
            remaining: 3,
            resets_in: None,
        };
        account.learn(&report, at(0));
        // The smaller limit holds, and of 50 with 997 of 1000 used by others nothing is left.
        assert_eq!(account.limit(QuotaWindow::RequestsPerDay), Some(50));
        let left = account.uses(at(0))[1];
        assert_eq!((left.limit, left.remaining), (50, 3));
        let report = QuotaReport {
            remaining: 0,
            resets_in: Some(Duration::from_secs(100_000)),
            ..report
        };
        account.learn(&report, at(0));
        assert!(matches!(
            account.admission(0, at(86_399)),
            QuotaAdmission::UsedUp { .. }
        ));
        assert_eq!(account.admission(0, at(100_000)), QuotaAdmission::Open);
    }

    #[test]
    fn a_refused_account_is_left_alone_and_a_refused_model_is_not_its_matter() {
        let cases = [
            (FailureKind::AccountRateLimited, None, Some(60)),
            (FailureKind::AccountQuotaExhausted, None, Some(86_400)),
            (FailureKind::AccountQuotaExhausted, Some(100), Some(130)),
            (FailureKind::PaymentRequired, None, Some(30 + 3600)),
            (FailureKind::KeyRejected, None, Some(30 + 300)),
            (FailureKind::DataPolicy, None, None),
            (FailureKind::RateLimited, Some(100), None),
            (FailureKind::Internal, None, None),
            (FailureKind::InvalidRequest, None, None),
        ];
        for (kind, wait, until) in cases {
            let mut account = openrouter();
            let after = wait.map(|seconds| RetryAfter {
                wait: Duration::from_secs(seconds),
                is_authoritative: true,
            });
            account.refused(kind, after, at(30));
            let expected = until.map_or(QuotaAdmission::Open, |seconds| {
                QuotaAdmission::Blocked(Block {
                    until: at(seconds),
                    why: kind,
                })
            });
            assert_eq!(account.admission(0, at(31)), expected, "{kind:?}");
            account.answered();
            assert_eq!(account.admission(0, at(31)), QuotaAdmission::Open);
        }
    }

    #[test]
    fn what_was_not_asked_is_not_counted() {
        let mut account = openrouter();
        let before = account.uses(at(5));
        account.take(100, at(5));
        account.give_back(100, at(5));
        assert_eq!(account.uses(at(5)), before);
        account.take(100, at(65));
        account.give_back(100, at(5));
        assert_eq!(account.used(QuotaWindow::RequestsPerMinute, at(65)), 1);
    }

    #[test]
    fn a_day_that_is_used_faster_than_it_passes_has_a_slow_pace() {
        let mut account = openrouter();
        assert_eq!(account.pace(at(0)), 1.0);
        for _ in 0..25 {
            account.take(0, at(0));
        }
        assert!((account.pace(at(0)) - 0.5).abs() < 1e-9);
        assert_eq!(account.pace(at(43_200)), 1.0);
        assert_eq!(Account::new(AccountLimits::default()).pace(at(0)), 1.0);
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_within_a_window(
            limit in 1..40_u64,
            steps in prop::collection::vec(0..40_i64, 1..300),
        ) {
            let mut account = Account::new(AccountLimits {
                requests_per_minute: Some(limit),
                ..AccountLimits::default()
            });
            let mut now = at(0);
            let mut per_minute = std::collections::HashMap::new();
            for seconds in steps {
                now = Timestamp(now.0 + seconds * 1000);
                if account.admission(0, now) == QuotaAdmission::Open {
                    account.take(0, now);
                    *per_minute.entry(now.0 / MINUTE_MS).or_insert(0) += 1;
                } else {
                    prop_assert_eq!(per_minute[&(now.0 / MINUTE_MS)], limit);
                }
            }
            prop_assert!(per_minute.values().all(|&count| count <= limit));
        }
    }
}
