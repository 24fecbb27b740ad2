//! `/dashboard`: keys, preferences, usage, history, providers and quotas, for administrators.
//!
//! Every page and every form works without scripts. Who may enter, and which forms are believed, is
//! decided in [`gate`]; what forms change goes through the same functions as the API.

mod chart;
mod form;
pub(crate) mod gate;
mod history;
mod key;
mod keys;
mod login;
mod overview;
mod preferences;
mod preview;
mod providers;
mod quotas;
mod throttle;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router as Routes;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use router::random_id;
use store::{KeyRecord, StoreError, Timestamp, UsageQuery, UsageSum};

use super::page::{Nav, Page};
use super::site::Site;
use super::{error, with_policy};
use crate::listen::{ProviderSetup, ServerConfig};
use crate::recent::Recent;
use crate::routes::{AppState, not_stored, only_get, only_get_post, only_post};
use gate::Visitor;
use throttle::Throttle;

/// How old sums over requests may be that are shown.
const USAGE_MAX_AGE: Duration = Duration::from_secs(10);

/// What the dashboard keeps between requests.
pub(crate) struct Dashboard {
    throttle: Mutex<Throttle>,
    /// What forms bring along where no key is asked for, so that nobody is logged in.
    machine_token: String,
    /// Whether a proxy is believed that says who asks, and how.
    trusts_proxy: bool,
    /// Who could be asked, and what that takes.
    setups: Vec<ProviderSetup>,
    usage: Recent<UsageKey, Vec<UsageSum>, StoreError>,
}

/// By what sums over requests differ: the day that they begin with, the key, and by what they are.
type UsageKey = (i64, Option<String>, bool);

impl Dashboard {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self {
            throttle: Mutex::default(),
            machine_token: random_id(""),
            trusts_proxy: config.trusts_proxy,
            setups: config.providers.clone(),
            usage: Recent::new(USAGE_MAX_AGE),
        }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AppState {
    /// Sums over requests, as they were a moment ago.
    async fn usage(&self, query: UsageQuery) -> Result<Arc<Vec<UsageSum>>, Arc<StoreError>> {
        let key = query.key_id.as_ref().map(|id| id.0.clone());
        let by_day = query.by == store::UsageBy::Day;
        let place = (query.since.0, key, by_day);
        let read = async || self.store.sum_requests(&query).await;
        self.dashboard.usage.get(place, read).await
    }
}

/// The pages. They are not compressed: there are secrets in them beside what others may have written.
pub(super) fn routes(app: &Arc<AppState>) -> Routes<Arc<AppState>> {
    let inside = Routes::new()
        .route("/dashboard", get(overview::show).fallback(only_get))
        .route(
            "/dashboard/keys",
            get(keys::show).post(keys::create).fallback(only_get_post),
        )
        .route(
            "/dashboard/keys/{id}",
            get(key::show).post(key::change).fallback(only_get_post),
        )
        .route(
            "/dashboard/keys/{id}/revoke",
            get(key::ask_to_revoke)
                .post(key::revoke)
                .fallback(only_get_post),
        )
        .route(
            "/dashboard/keys/{id}/preferences",
            get(preferences::show)
                .post(preferences::change)
                .fallback(only_get_post),
        )
        .route("/dashboard/requests", get(history::show).fallback(only_get))
        .route(
            "/dashboard/requests/{id}/feedback",
            post(history::report).fallback(only_post),
        )
        .route(
            "/dashboard/providers",
            get(providers::show).fallback(only_get),
        )
        .route("/dashboard/quotas", get(quotas::show).fallback(only_get))
        .route("/logout", post(login::end).fallback(only_post))
        .layer(from_fn_with_state(Arc::clone(app), gate::enter));
    let outside = Routes::new().route(
        "/login",
        get(login::show).post(login::begin).fallback(only_get_post),
    );
    inside
        .merge(outside)
        .layer(from_fn_with_state(Arc::clone(app), error::as_page))
        .layer(from_fn(not_stored))
        .layer(from_fn(with_policy))
}

/// What the pages of the dashboard have in common below the head.
struct Frame {
    /// The entry of its own navigation.
    tab: &'static str,
    /// The name of the key that somebody is logged in with; `None`: no key is asked for.
    key_name: Option<String>,
    /// What forms bring along.
    token: String,
    /// What was just done.
    notice: Option<&'static str>,
}

impl Frame {
    fn new(tab: &'static str, visitor: &Visitor) -> Self {
        Self {
            tab,
            key_name: visitor.key_name.clone(),
            token: visitor.form_token.clone(),
            notice: None,
        }
    }

    /// The same, saying what was done before the browser was sent here.
    fn after(self, done: Option<&str>) -> Self {
        let notice = done.and_then(|done| match done {
            "changed" => Some("The key was changed."),
            "revoked" => Some("The key was revoked. Whoever presents it is refused from now on."),
            "saved" => Some("The preferences were saved."),
            "reported" => Some("Thank you. What you said counts from now on."),
            _ => None,
        });
        Self { notice, ..self }
    }

    fn current(&self, tab: &str) -> &'static str {
        match self.tab == tab {
            true => "page",
            false => "false",
        }
    }
}

/// The head of a page of the dashboard.
fn page(site: &Site, title: impl Into<String>) -> Page {
    let description = "Keys, usage and history of this server.";
    let page = site.page(Nav::Dashboard, "/dashboard", title, description);
    page.not_indexed()
}

/// Sends the browser on after a form, so that a reload does not send it again. The path is our own.
fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}

/// The name of a key for people.
fn key_name(key: &KeyRecord) -> String {
    let name = super::text::name(&key.name);
    match name.is_empty() {
        true => key.id.0.clone(),
        false => name,
    }
}

/// The state of a key, with the class of its badge.
fn key_state(key: &KeyRecord, now: Timestamp) -> (&'static str, &'static str) {
    match key.is_active(now) {
        true => ("active", "good"),
        false if key.revoked_at.is_some() => ("revoked", "bad"),
        false => ("expired", "warn"),
    }
}
