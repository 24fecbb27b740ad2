//! How much a key may ask for: requests and tokens, within minutes and days of UTC.
//!
//! The windows are fixed: a minute begins with its second 0, a day at midnight, for every key at
//! once, so that servers which share a store agree on them without a word. What is used is counted
//! in the store, in one step with the check of the limit. A key without a quota costs nothing here.
//!
//! A request counts when it begins. Its tokens are known when it has ended, and count then, in the
//! window of that moment (an answer of two minutes would else never count against a minute). So a
//! key may pass its limit on tokens by what is under way, and waits the longer for it. Tokens are
//! written to the store a little later, with other records; the server that answered adds what it has
//! not written yet to what the store says.

use std::sync::Arc;
use std::time::Duration;

use store::{Counter, KeyId, KeyQuota, Store, StoreError, Take, Taken, Timestamp};
use tokio::sync::RwLockReadGuard;

use crate::caller::Caller;
use crate::error::{FailureKind, ProviderError, RouterError, whole_seconds};
use crate::provider::QuotaWindow;
use crate::recorder::{Recorder, Unwritten};

/// Reports on models that a caller may send within a minute.
pub const REPORTS_PER_MINUTE: u64 = 60;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// The windows, in the order in which they are asked: of several that are used up, the one that is
/// longest in coming back is told.
const WINDOWS: [QuotaWindow; 4] = [
    QuotaWindow::RequestsPerDay,
    QuotaWindow::TokensPerDay,
    QuotaWindow::RequestsPerMinute,
    QuotaWindow::TokensPerMinute,
];

/// Counts what keys use.
#[derive(Clone)]
pub struct CallerQuota {
    store: Arc<dyn Store>,
    /// What this server has not written yet.
    unwritten: Unwritten,
}

/// How far a window is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowUse {
    /// Which.
    pub window: QuotaWindow,
    /// How much there is in all.
    pub limit: u64,
    /// How much of it is used; may be more than there is.
    pub used: u64,
    /// When it begins anew.
    pub resets_at: Timestamp,
}

impl WindowUse {
    /// How much is left.
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// How long it is until it begins anew.
    pub fn wait(&self, now: Timestamp) -> Duration {
        let wait_ms = self.resets_at.0.saturating_sub(now.0);
        Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))
    }
}

/// How far the windows of a key are used up: those alone that it has a limit for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaState {
    /// The windows; those of days come first.
    pub windows: Vec<WindowUse>,
}

impl QuotaState {
    /// The window that ends first at this pace: of those that count requests, or else tokens, the
    /// one with the least left of what it had; of two alike the longer one.
    pub fn tightest(&self) -> Option<WindowUse> {
        let counts_requests = self.windows.iter().any(|one| is_requests(one.window));
        // Crosswise, which compares the shares without dividing.
        let less = |a: &&WindowUse, b: &&WindowUse| {
            let a_share = u128::from(a.remaining()) * u128::from(b.limit);
            let b_share = u128::from(b.remaining()) * u128::from(a.limit);
            a_share.cmp(&b_share)
        };
        self.windows
            .iter()
            .filter(|one| is_requests(one.window) == counts_requests)
            .min_by(less)
            .copied()
    }
}

/// A quota of the caller is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the quota of {} {what} a {} is used up; it begins anew in {} s",
    exceeded.limit, span(exceeded.window), self.retry_after_s()
)]
pub struct QuotaExceeded {
    /// What is counted, in the plural.
    pub what: &'static str,
    /// How far it is used up.
    pub exceeded: WindowUse,
    /// How long it is until there is more.
    pub wait: Duration,
}

impl QuotaExceeded {
    /// Whole seconds until there is more, rounded up: who comes back after them is not too early.
    pub fn retry_after_s(&self) -> u64 {
        whole_seconds(self.wait)
    }
}

/// Why a request is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The quota is used up.
    #[error(transparent)]
    Exceeded(#[from] QuotaExceeded),
    /// What is used cannot be counted, and a limit that is not counted is none.
    #[error("the quota cannot be counted: {0}; try again")]
    Store(#[from] StoreError),
}

impl From<AdmitError> for RouterError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Exceeded(exceeded) => Self::QuotaExceeded(exceeded),
            AdmitError::Store(_) => {
                ProviderError::new(FailureKind::ServerFault, error.to_string()).into()
            }
        }
    }
}

impl CallerQuota {
    /// Counts in this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let unwritten = Unwritten::default();
        Self { store, unwritten }
    }

    /// The same for a server whose requests are recorded by `recorder`: what that has not written yet
    /// counts as well.
    pub fn of_server(store: Arc<dyn Store>, recorder: &Recorder) -> Self {
        let unwritten = recorder.unwritten().clone();
        Self { store, unwritten }
    }

    /// Lets a request in and counts it, or refuses it and counts nothing. What is left is told for
    /// keys that have a quota.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub async fn admit(
        &self,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Option<QuotaState>, AdmitError> {
        let Some((key, mut windows)) = limited(caller, now) else {
            return Ok(None);
        };
        if let Some(nothing) = windows.iter().find(|one| one.limit == 0) {
            return Err(exceeded(unit(nothing.window), *nothing, now));
        }
        let (_still, unwritten) = self.unwritten_of(key, &windows, now).await;
        let takes: Vec<_> = windows
            .iter()
            .zip(&unwritten)
            .map(|(one, &unwritten)| {
                let left = one.limit.saturating_sub(unwritten);
                let (amount, most) = match (is_requests(one.window), left) {
                    (true, _) => (1, one.limit),
                    // One more than none is too many, whatever the store says.
                    (false, 0) => (1, 0),
                    // Nothing is taken yet, but something must be left.
                    (false, left) => (0, left - 1),
                };
                Take {
                    counter: counter(key, one.window, now),
                    amount,
                    limit: Some(most),
                }
            })
            .collect();
        match self.store.take(&takes).await? {
            Taken::Done(counts) => {
                set_used(&mut windows, &counts, &unwritten);
                Ok(Some(QuotaState { windows }))
            }
            Taken::Refused { index, used } => {
                let window = WindowUse {
                    used: used.saturating_add(unwritten[index]),
                    ..windows[index]
                };
                Err(exceeded(unit(window.window), window, now))
            }
        }
    }

    /// What this server has not written yet of each window, and a guard that keeps it from being
    /// written. Requests are written at once.
    async fn unwritten_of(
        &self,
        key: &KeyId,
        windows: &[WindowUse],
        now: Timestamp,
    ) -> (Option<RwLockReadGuard<'_, ()>>, Vec<u64>) {
        if windows.iter().all(|one| is_requests(one.window)) {
            return (None, vec![0; windows.len()]);
        }
        let guard = self.unwritten.hold_still().await;
        let amount = |one: &WindowUse| self.unwritten.amount(&counter(key, one.window, now));
        (Some(guard), windows.iter().map(amount).collect())
    }

    /// Lets a report of a caller in and counts it: at most [`REPORTS_PER_MINUTE`] of each key, and
    /// of all together who come without one.
    ///
    /// # Errors
    /// [`AdmitError`].
    pub async fn admit_report(&self, caller: &Caller, now: Timestamp) -> Result<(), AdmitError> {
        let name = match &caller.key_id {
            Some(key) => format!("key:{key}:reports:minute"),
            None => "keyless:reports:minute".to_owned(),
        };
        let start = start(QuotaWindow::RequestsPerMinute, now);
        let take = Take {
            counter: Counter { name, start },
            amount: 1,
            limit: Some(REPORTS_PER_MINUTE),
        };
        match self.store.take(&[take]).await? {
            Taken::Done(_) => Ok(()),
            Taken::Refused { used, .. } => {
                let window = WindowUse {
                    window: QuotaWindow::RequestsPerMinute,
                    limit: REPORTS_PER_MINUTE,
                    used,
                    resets_at: Timestamp(start.0.saturating_add(MINUTE_MS)),
                };
                Err(exceeded("reports", window, now))
            }
        }
    }

    /// Counts the tokens of a request that has ended.
    ///
    /// # Errors
    /// If the store fails; nothing is counted then.
    pub async fn settle(
        &self,
        caller: &Caller,
        tokens: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let takes = settlement(caller, tokens, now);
        if !takes.is_empty() {
            self.store.take(&takes).await?;
        }
        Ok(())
    }

    /// What is left of a key's quota. Counts nothing.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn state(&self, caller: &Caller, now: Timestamp) -> Result<QuotaState, StoreError> {
        let Some((key, mut windows)) = limited(caller, now) else {
            return Ok(QuotaState::default());
        };
        let (_still, unwritten) = self.unwritten_of(key, &windows, now).await;
        let counters: Vec<_> = windows
            .iter()
            .map(|one| counter(key, one.window, now))
            .collect();
        let counts = self.store.counters(&counters).await?;
        set_used(&mut windows, &counts, &unwritten);
        Ok(QuotaState { windows })
    }
}

fn set_used(windows: &mut [WindowUse], written: &[u64], unwritten: &[u64]) {
    for (window, (written, unwritten)) in windows.iter_mut().zip(written.iter().zip(unwritten)) {
        window.used = written.saturating_add(*unwritten);
    }
}

fn exceeded(what: &'static str, exceeded: WindowUse, now: Timestamp) -> AdmitError {
    let wait = exceeded.wait(now);
    AdmitError::Exceeded(QuotaExceeded {
        what,
        exceeded,
        wait,
    })
}

/// What to take from the store for the tokens of a request that has ended: for whoever writes in
/// batches. Empty for a key without a limit on tokens.
pub fn settlement(caller: &Caller, tokens: u64, now: Timestamp) -> Vec<Take> {
    let Some((key, windows)) = limited(caller, now) else {
        return Vec::new();
    };
    windows
        .iter()
        .filter(|one| !is_requests(one.window) && tokens > 0)
        .map(|one| Take {
            counter: counter(key, one.window, now),
            amount: tokens,
            limit: None,
        })
        .collect()
}

/// The windows that this caller has a limit for, as if nothing were used; `None`: there are none.
fn limited(caller: &Caller, now: Timestamp) -> Option<(&KeyId, Vec<WindowUse>)> {
    let quota = &caller.settings.quota;
    let key = caller.key_id.as_ref()?;
    let windows: Vec<_> = WINDOWS
        .into_iter()
        .filter_map(|window| {
            let limit = u64::from(limit(quota, window)?);
            let start = start(window, now);
            let resets_at = Timestamp(start.0.saturating_add(span_ms(window)));
            Some(WindowUse {
                window,
                limit,
                used: 0,
                resets_at,
            })
        })
        .collect();
    (!windows.is_empty()).then_some((key, windows))
}

fn limit(quota: &KeyQuota, window: QuotaWindow) -> Option<u32> {
    match window {
        QuotaWindow::RequestsPerMinute => quota.requests_per_minute,
        QuotaWindow::RequestsPerDay => quota.requests_per_day,
        QuotaWindow::TokensPerMinute => quota.tokens_per_minute,
        QuotaWindow::TokensPerDay => quota.tokens_per_day,
    }
}

fn counter(key: &KeyId, window: QuotaWindow, now: Timestamp) -> Counter {
    Counter {
        name: format!("key:{key}:{}:{}", unit(window), span(window)),
        start: start(window, now),
    }
}

fn start(window: QuotaWindow, now: Timestamp) -> Timestamp {
    Timestamp(now.0 - now.0.rem_euclid(span_ms(window)))
}

fn span_ms(window: QuotaWindow) -> i64 {
    match is_minute(window) {
        true => MINUTE_MS,
        false => DAY_MS,
    }
}

fn is_minute(window: QuotaWindow) -> bool {
    matches!(
        window,
        QuotaWindow::RequestsPerMinute | QuotaWindow::TokensPerMinute
    )
}

fn is_requests(window: QuotaWindow) -> bool {
    matches!(
        window,
        QuotaWindow::RequestsPerMinute | QuotaWindow::RequestsPerDay
    )
}

fn unit(window: QuotaWindow) -> &'static str {
    match is_requests(window) {
        true => "requests",
        false => "tokens",
    }
}

fn span(window: QuotaWindow) -> &'static str {
    match is_minute(window) {
        true => "minute",
        false => "day",
    }
}

#[cfg(test)]
mod tests;
