//! `/status`: how this server is doing, now.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use router::breaker::Admission;
use router::catalog::Tier;
use router::quota::QuotaAdmission;
use router::recorder::now;
use router::{HostState, RouteStatus};
use store::{ProviderSync, StoreError, Timestamp};

use super::host_name;
use super::page::{Nav, Page, html};
use super::row::url;
use super::site::Site;
use super::text::{self, When};
use crate::error::ApiError;
use crate::routes::AppState;

/// Deployments that are listed; those that are not asked come first.
const MAX_ROUTES: usize = 200;
/// Characters of a reason.
const MAX_REASON_CHARS: usize = 300;

#[derive(Template)]
#[template(path = "web/status.html")]
struct Status {
    page: Page,
    is_ready: bool,
    headline: String,
    problems: Vec<String>,
    degraded: Vec<String>,
    version: &'static str,
    num_free: String,
    list_age: String,
    is_stale: bool,
    engine: Vec<(String, String)>,
    hosts: Vec<HostLine>,
    routes: Vec<RouteLine>,
    num_hidden: usize,
}

/// A host in a line.
struct HostLine {
    name: String,
    state: &'static str,
    class: &'static str,
    why: String,
    synced: Option<When>,
    synced_ago: String,
    /// Whether the last look failed. Why is for those who look after the server.
    is_unread: bool,
    quotas: Vec<String>,
}

/// A deployment in a line.
struct RouteLine {
    model: String,
    url: String,
    host: String,
    state: &'static str,
    class: &'static str,
    why: String,
    until: Option<When>,
    outcomes: String,
    first_token: String,
}

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    site: Site,
) -> Result<Response, ApiError> {
    // The breakers and quotas are of the real now, also in a demonstration.
    let now = now();
    // This page says it when the store does not answer, so it must not fail for that.
    let overview = app.overviews.newest(&app).await.ok();
    let mut degraded = app.router.degraded();
    let store = match app.store.ping().await {
        Ok(()) => None,
        Err(error @ StoreError::FileGone { .. }) => {
            degraded.insert(0, format!("store: {error}"));
            None
        }
        Err(error) => Some(format!("The store does not answer: {error}")),
    };
    let draining = app
        .is_draining()
        .then(|| "The server is shutting down.".to_owned());
    let problems: Vec<String> = [draining, app.router.unavailable(), store]
        .into_iter()
        .flatten()
        .collect();
    let headline = match (problems.is_empty(), degraded.is_empty()) {
        (true, true) => "Everything answers".to_owned(),
        (true, false) => "Answers, with limits".to_owned(),
        (false, _) => "Cannot answer at present".to_owned(),
    };
    let hosts = app.router.hosts(now);
    let syncs = overview
        .as_ref()
        .map_or(&[][..], |one| one.syncs.as_slice());
    let mut routes = app.router.routes(now);
    routes.sort_by_key(|route| !matches!(route.breaker, Admission::Open { .. }));
    let num_hidden = routes.len().saturating_sub(MAX_ROUTES);
    let description = "How this Freeway server is doing: its engine, the hosts it asks, what is left \
                       of their quotas, and who is left alone after failures.";
    let page = site.page(Nav::Status, "/status", "Status", description);
    let template = Status {
        page: page.not_indexed(),
        is_ready: problems.is_empty(),
        headline,
        problems: shortened(problems),
        degraded: shortened(degraded),
        version: env!("CARGO_PKG_VERSION"),
        num_free: overview.as_ref().map_or_else(
            || text::UNKNOWN.to_owned(),
            |one| one.num_free().to_string(),
        ),
        list_age: match overview.as_ref().and_then(|one| one.freshness.updated_at) {
            Some(at) if !app.hosted_providers.is_empty() => text::ago(at, app.now()),
            Some(_) => "no host's list is read".to_owned(),
            None => "never read".to_owned(),
        },
        is_stale: overview.as_ref().is_none_or(|one| one.freshness.is_stale),
        engine: engine(&hosts, &routes),
        hosts: hosts
            .iter()
            .filter(|host| is_hosted(host, &routes))
            .map(|host| host_line(host, syncs, now))
            .collect(),
        routes: routes.iter().take(MAX_ROUTES).map(route_line).collect(),
        num_hidden,
    };
    html(&template)
}

fn shortened(lines: Vec<String>) -> Vec<String> {
    let short = |line: String| line.chars().take(MAX_REASON_CHARS).collect();
    lines.into_iter().map(short).collect()
}

/// Whether somebody else runs it.
fn is_hosted(host: &HostState, routes: &[RouteStatus]) -> bool {
    let mut own = routes.iter().filter(|route| route.provider == host.id);
    own.all(|route| route.tier == Tier::Hosted)
}

/// The models of this machine: what they are, and how busy.
fn engine(hosts: &[HostState], routes: &[RouteStatus]) -> Vec<(String, String)> {
    let local = routes.iter().filter(|route| route.tier != Tier::Hosted);
    local
        .map(|route| {
            let host = hosts.iter().find(|host| host.id == route.provider);
            let load = host.and_then(|host| host.load).map(|load| {
                format!(
                    "{} of {} requests under way",
                    load.in_flight, load.max_in_flight
                )
            });
            let mut words: Vec<String> = load.into_iter().collect();
            words.extend(route.tokens_per_second.map(text::speed));
            words.extend(host.and_then(|host| host.unavailable.clone()));
            if words.is_empty() {
                words.push("ready".to_owned());
            }
            (text::name(&route.model), words.join(", "))
        })
        .collect()
}

fn host_line(host: &HostState, syncs: &[ProviderSync], now: Timestamp) -> HostLine {
    let (state, class, why) = match (&host.unavailable, &host.account) {
        (Some(why), _) => ("Unavailable", "bad", why.clone()),
        (None, QuotaAdmission::Open) => ("Open", "good", String::new()),
        (None, QuotaAdmission::UsedUp { window, .. }) => (
            "Quota used up",
            "warn",
            format!("{} used up", window.as_str().replace('_', " ")),
        ),
        (None, QuotaAdmission::Blocked(block)) => {
            ("Blocked", "bad", block.why.as_str().replace('_', " "))
        }
    };
    let sync = syncs.iter().find(|sync| sync.provider == host.id);
    let at = sync.and_then(|sync| sync.succeeded_at);
    HostLine {
        name: host_name(&host.id),
        state,
        class,
        why,
        synced: at.map(When::minute),
        synced_ago: at.map_or_else(String::new, |at| text::ago(at, now)),
        is_unread: sync.is_some_and(|sync| sync.error.is_some()),
        quotas: host
            .quotas
            .iter()
            .map(|one| {
                format!(
                    "{} of {} {} left",
                    text::number(one.remaining),
                    text::number(one.limit),
                    one.window.as_str().replace('_', " ")
                )
            })
            .collect(),
    }
}

fn route_line(route: &RouteStatus) -> RouteLine {
    let (state, class, why, until) = match route.breaker {
        Admission::Closed => ("Asked", "good", String::new(), None),
        Admission::HalfOpen => ("Being tried again", "listed", String::new(), None),
        Admission::Open {
            until,
            why,
            is_stated,
        } => {
            let who = if is_stated {
                "the host says so"
            } else {
                "our guess"
            };
            let why = format!("{} ({who})", why.as_str().replace('_', " "));
            ("Left alone", "bad", why, Some(When::minute(until)))
        }
    };
    let total = route.num_good + route.num_bad;
    RouteLine {
        model: text::name(&route.model),
        url: url(&route.model),
        host: host_name(&route.provider),
        state,
        class,
        why,
        until,
        // Older outcomes weigh less: what is left of them may be less than one.
        outcomes: match total < 0.5 {
            true => text::UNKNOWN.to_owned(),
            false => format!("{} good", text::percent(route.num_good / total)),
        },
        first_token: route
            .first_token_ms
            .map_or_else(|| text::UNKNOWN.to_owned(), text::duration),
    }
}
