//! Our accounts at providers. Whatever is asked of a provider, a request or a probe, is taken from
//! the same ledger, and what the provider says of it goes there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use store::{Counter, Store, StoreError, Take, Taken};
use tokio::time::timeout;

use crate::error::{FailureKind, RetryAfter};
use crate::provider::{Provider, QuotaWindow, Usage};
use crate::quota::{Account, QuotaAdmission};
use crate::recorder::now;

/// How long the store may take to count a request against an account's quota. The count in memory
/// holds when it takes longer.
const STORE_PATIENCE: Duration = Duration::from_millis(250);

/// A provider and our account there.
pub(crate) struct Host {
    pub(crate) provider: Arc<dyn Provider>,
    account: Mutex<Account>,
}

impl Host {
    fn new(provider: Arc<dyn Provider>) -> Self {
        let account = Mutex::new(Account::new(provider.limits()));
        Self { provider, account }
    }

    pub(crate) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn id(&self) -> &str {
        &self.provider.id().0
    }

    /// Counts a request of about `tokens` against the account, in the store as well if it has limits
    /// that others who share the store have to keep. Whether it may go ahead.
    pub(crate) async fn take(&self, store: &dyn Store, tokens: u64) -> bool {
        let now = now();
        let takes: Vec<(QuotaWindow, Take)> = {
            let mut account = self.account();
            if account.admission(tokens, now) != QuotaAdmission::Open {
                return false;
            }
            account.take(tokens, now);
            let windows = QuotaWindow::ALL.into_iter();
            let limited = windows.filter_map(|window| Some((window, account.limit(window)?)));
            limited
                .map(|(window, limit)| {
                    let amount = match window {
                        QuotaWindow::RequestsPerMinute | QuotaWindow::RequestsPerDay => 1,
                        QuotaWindow::TokensPerMinute | QuotaWindow::TokensPerDay => {
                            tokens.min(limit)
                        }
                    };
                    let name = counter_name(self.id(), window);
                    let start = window.start(now);
                    let counter = Counter { name, start };
                    let limit = Some(limit);
                    (
                        window,
                        Take {
                            counter,
                            amount,
                            limit,
                        },
                    )
                })
                .collect()
        };
        if takes.is_empty() {
            return true;
        }
        let (windows, takes): (Vec<_>, Vec<_>) = takes.into_iter().unzip();
        match timeout(STORE_PATIENCE, store.take(&takes)).await {
            Ok(Ok(Taken::Done(used))) => {
                let mut account = self.account();
                for (window, used) in windows.into_iter().zip(used) {
                    account.raise(window, used, now);
                }
                true
            }
            Ok(Ok(Taken::Refused { index, used })) => {
                let mut account = self.account();
                account.give_back(tokens, now);
                account.raise(windows[index], used, now);
                false
            }
            // Better a request too many than none at all.
            Ok(Err(_)) | Err(_) => true,
        }
    }

    /// Takes in how a request ended for which `reserved_tokens` were taken. What it used beyond them
    /// is returned, for the counters of the store.
    pub(crate) fn ended(&self, end: &RequestEnd, reserved_tokens: u64) -> Vec<Take> {
        let reports = self.provider.take_quota_reports();
        let mut account = self.account();
        let now = now();
        match end.failure {
            None => account.answered(),
            Some(kind) => account.refused(kind, end.retry_after, now),
        }
        for report in &reports {
            account.learn(report, now);
        }
        let mut takes = Vec::new();
        let Some(usage) = end.usage else {
            return takes;
        };
        let used = (usage.prompt_tokens + usage.completion_tokens) as u64;
        let more = used.saturating_sub(reserved_tokens);
        for window in [QuotaWindow::TokensPerMinute, QuotaWindow::TokensPerDay] {
            account.add(window, more, now);
            if account.limit(window).is_some() && more > 0 {
                takes.push(Take {
                    counter: Counter {
                        name: counter_name(self.id(), window),
                        start: window.start(now),
                    },
                    amount: more,
                    limit: None,
                });
            }
        }
        takes
    }
}

/// How a request ended, as far as it concerns the account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RequestEnd {
    /// What failed; `None`: it was answered.
    pub(crate) failure: Option<FailureKind>,
    /// How long the provider wants to be left alone.
    pub(crate) retry_after: Option<RetryAfter>,
    /// What it used, told or estimated; `None`: nothing came of it.
    pub(crate) usage: Option<Usage>,
}

/// The name of the counter of an account's use of a window.
pub(crate) fn counter_name(provider: &str, window: QuotaWindow) -> String {
    format!("provider:{provider}:{}", window.as_str())
}

/// Our accounts at all providers. Clones share them.
#[derive(Clone, Default)]
pub struct Accounts(Arc<HashMap<String, Arc<Host>>>);

impl Accounts {
    /// Of these providers, of which nothing was asked yet.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        let hosts = providers.into_iter().map(|provider| {
            let host = Host::new(provider);
            (host.id().to_owned(), Arc::new(host))
        });
        Self(Arc::new(hosts.collect()))
    }

    /// The one at a provider.
    pub(crate) fn at(&self, provider: &str) -> Option<&Arc<Host>> {
        self.0.get(provider)
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.0.values()
    }

    /// Fills in what the store remembers of their use in the windows under way, so that a restart
    /// does not forget the day.
    ///
    /// # Errors
    /// If the store fails; nothing is filled in then.
    pub async fn remember(&self, store: &dyn Store) -> Result<(), StoreError> {
        let now = now();
        let (mut counters, mut places) = (Vec::new(), Vec::new());
        for host in self.hosts() {
            for window in QuotaWindow::ALL {
                counters.push(Counter {
                    name: counter_name(host.id(), window),
                    start: window.start(now),
                });
                places.push((host, window));
            }
        }
        for (chunk, places) in counters
            .chunks(store::MAX_ROWS)
            .zip(places.chunks(store::MAX_ROWS))
        {
            let used = store.counters(chunk).await?;
            for (&(host, window), used) in places.iter().zip(used) {
                host.account().raise(window, used, now);
            }
        }
        Ok(())
    }

    /// Asks those providers that tell what our accounts have left, and believes them: others may use
    /// the same accounts. One that does not answer changes nothing.
    pub async fn ask(&self) {
        let asked = self
            .hosts()
            .map(async |host| match host.provider.ask_quota().await {
                Ok(reports) => {
                    let (mut account, now) = (host.account(), now());
                    for report in &reports {
                        account.learn(report, now);
                    }
                }
                Err(error) => {
                    tracing::debug!(provider = host.id(), %error, "it does not tell its quota");
                }
            });
        join_all(asked).await;
    }
}
