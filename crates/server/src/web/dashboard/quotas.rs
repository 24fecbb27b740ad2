//! `/dashboard/quotas`: what is left to the keys, and to our own accounts at hosts.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use router::provider::QuotaWindow;
use router::quota::QuotaAdmission;
use router::recorder::now;
use router::{Caller, HostState, QuotaState};
use store::{KeyQuota, Timestamp};

use super::gate::Visitor;
use super::{Frame, key_name, page};
use crate::error::ApiError;
use crate::routes::AppState;
use crate::web::page::{Page, html};
use crate::web::site::Site;
use crate::web::text::{self, When};

/// Keys whose quotas are looked up for one page.
const MAX_KEYS: usize = 100;

#[derive(Template)]
#[template(path = "web/dashboard/quotas.html")]
struct Quotas {
    page: Page,
    frame: Frame,
    keys: Vec<KeyQuotas>,
    /// Keys with a quota that have no place on the page.
    num_more: usize,
    accounts: Vec<Account>,
}

struct KeyQuotas {
    id: String,
    name: String,
    rows: Vec<QuotaRow>,
}

/// Our account at a host.
pub(super) struct Account {
    pub(super) id: String,
    pub(super) rows: Vec<QuotaRow>,
    /// Why it is not used at present.
    pub(super) problem: Option<String>,
    pub(super) until: Option<When>,
}

/// How much of a window is left.
pub(super) struct QuotaRow {
    pub(super) label: &'static str,
    pub(super) limit: String,
    pub(super) remaining: String,
    pub(super) percent_left: u64,
    pub(super) resets: When,
}

impl QuotaRow {
    fn new(window: QuotaWindow, limit: u64, remaining: u64, resets_at: Timestamp) -> Self {
        let share = u128::from(remaining) * 100 / u128::from(limit.max(1));
        Self {
            label: window_text(window),
            limit: text::number(limit),
            remaining: text::number(remaining),
            percent_left: u64::try_from(share.min(100)).unwrap_or(100),
            resets: When::minute(resets_at),
        }
    }
}

/// The windows of a key.
pub(super) fn quota_rows(state: &QuotaState) -> Vec<QuotaRow> {
    let rows = state
        .windows
        .iter()
        .map(|one| QuotaRow::new(one.window, one.limit, one.remaining(), one.resets_at));
    rows.collect()
}

fn window_text(window: QuotaWindow) -> &'static str {
    match window {
        QuotaWindow::RequestsPerMinute => "Requests a minute",
        QuotaWindow::RequestsPerDay => "Requests a day",
        QuotaWindow::TokensPerMinute => "Tokens a minute",
        QuotaWindow::TokensPerDay => "Tokens a day",
    }
}

impl Account {
    pub(super) fn of(host: &HostState) -> Self {
        let rows = host
            .quotas
            .iter()
            .map(|one| QuotaRow::new(one.window, one.limit, one.remaining, one.resets_at));
        let (problem, until) = match host.account {
            QuotaAdmission::Open => (None, None),
            QuotaAdmission::UsedUp { window, until } => {
                let problem = format!("{} used up", window_text(window));
                (Some(problem), Some(until))
            }
            QuotaAdmission::Blocked(block) => {
                let problem = format!("left alone: {}", block.why.as_str());
                (Some(problem), Some(block.until))
            }
        };
        Self {
            id: host.id.clone(),
            rows: rows.collect(),
            problem,
            until: until.map(When::minute),
        }
    }
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
) -> Result<Response, ApiError> {
    let limited = app.store.keys().await?;
    let is_limited = |quota: &KeyQuota| *quota != KeyQuota::default();
    let limited = limited
        .into_iter()
        .filter(|key| key.is_active(now()) && is_limited(&key.settings.quota));
    let limited: Vec<_> = limited.collect();
    let mut keys = Vec::new();
    for key in limited.iter().take(MAX_KEYS) {
        let state = app.quota.state(&Caller::of_key(key), app.now()).await?;
        keys.push(KeyQuotas {
            id: key.id.0.clone(),
            name: key_name(key),
            rows: quota_rows(&state),
        });
    }
    let hosts = app.router.hosts(now());
    let accounts = hosts.iter().map(Account::of);
    let is_told = |one: &Account| !one.rows.is_empty() || one.problem.is_some();
    html(&Quotas {
        page: page(&site, "Quotas"),
        frame: Frame::new("quotas", &visitor),
        num_more: limited.len().saturating_sub(MAX_KEYS),
        keys,
        accounts: accounts.filter(is_told).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_a_share_of_all_and_never_more() {
        let row = |limit, remaining| {
            QuotaRow::new(QuotaWindow::TokensPerDay, limit, remaining, Timestamp(0)).percent_left
        };
        assert_eq!(row(200, 50), 25);
        assert_eq!(row(3, 0), 0);
        assert_eq!(row(0, 0), 0);
        assert_eq!(row(1, 5), 100);
        assert_eq!(row(u64::MAX, u64::MAX), 100);
    }
}
