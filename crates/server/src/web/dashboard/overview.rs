//! `/dashboard`: how much was asked, day by day and key by key.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use router::availability::UtcDay;
use store::{KeyId, Timestamp, UsageBy, UsageQuery, UsageSum};

use super::chart::{BarChart, days_of};
use super::gate::Visitor;
use super::{Frame, key_name, page};
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::AppState;
use crate::web::page::{Page, html};
use crate::web::site::Site;
use crate::web::text;

/// Spans to choose from, in days; the first is taken where none is named.
const SPANS: [u32; 3] = [30, 7, 90];
/// Keys of the table, those that asked most.
const MAX_KEYS: usize = 50;

#[derive(Template)]
#[template(path = "web/dashboard/overview.html")]
struct Overview {
    page: Page,
    frame: Frame,
    spans: Vec<(u32, bool)>,
    num_days: u32,
    key: Option<Named>,
    num_requests: String,
    num_failed: String,
    failed_share: String,
    tokens: String,
    is_empty: bool,
    requests: BarChart,
    words: BarChart,
    keys: Vec<KeyUsage>,
    degraded: Vec<String>,
}

/// A key by name.
struct Named {
    id: String,
    name: String,
}

/// How much came with a key.
struct KeyUsage {
    /// `None`: without a key.
    key: Option<Named>,
    num_requests: String,
    num_failed: String,
    tokens: String,
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    let wanted = query.get("days").and_then(|days| days.parse().ok());
    let num_days = wanted
        .filter(|days| SPANS.contains(days))
        .unwrap_or(SPANS[0]);
    let wanted = query.get("key").map(|id| KeyId(id.to_owned()));
    let key = match wanted {
        Some(id) => app.store.key(&id).await?,
        None => None,
    };
    let last = UtcDay::of(site.now);
    let first = UtcDay(last.0 - i64::from(num_days) + 1);
    let by = |by, key_id| UsageQuery {
        since: Timestamp(first.0.saturating_mul(86_400_000)),
        until: Timestamp((last.0 + 1).saturating_mul(86_400_000)),
        key_id,
        by,
    };
    let key_id = key.as_ref().map(|key| key.id.clone());
    let of_days = app.usage(by(UsageBy::Day, key_id)).await?;
    let of_keys = app.usage(by(UsageBy::Key, None)).await?;
    let days = days_of(&of_days, first, last);
    let requests: Vec<_> = days
        .iter()
        .map(|(day, sum)| (*day, sum.num_requests - sum.num_failed, sum.num_failed))
        .collect();
    let words: Vec<_> = days
        .iter()
        .map(|(day, sum)| (*day, sum.prompt_tokens, sum.completion_tokens))
        .collect();
    let all = total(days.iter().map(|(_, sum)| sum));
    let share = all.num_failed as f64 / all.num_requests.max(1) as f64;
    html(&Overview {
        page: page(&site, "Dashboard"),
        frame: Frame::new("overview", &visitor),
        spans: sorted_spans(num_days),
        num_days,
        key: key.map(|key| Named {
            name: key_name(&key),
            id: key.id.0,
        }),
        num_requests: text::number(all.num_requests),
        num_failed: text::number(all.num_failed),
        failed_share: text::percent(share),
        tokens: text::number(all.prompt_tokens.saturating_add(all.completion_tokens)),
        is_empty: all.num_requests == 0,
        requests: BarChart::new(&requests),
        words: BarChart::new(&words),
        keys: key_rows(&app, &of_keys).await?,
        degraded: app.router.degraded(),
    })
}

fn sorted_spans(chosen: u32) -> Vec<(u32, bool)> {
    let mut spans = SPANS;
    spans.sort_unstable();
    spans.map(|days| (days, days == chosen)).to_vec()
}

fn total<'a>(sums: impl Iterator<Item = &'a UsageSum>) -> UsageSum {
    sums.fold(UsageSum::default(), |all, one| UsageSum {
        num_requests: all.num_requests.saturating_add(one.num_requests),
        num_failed: all.num_failed.saturating_add(one.num_failed),
        prompt_tokens: all.prompt_tokens.saturating_add(one.prompt_tokens),
        completion_tokens: all.completion_tokens.saturating_add(one.completion_tokens),
        ..all
    })
}

/// The keys that asked most.
async fn key_rows(app: &AppState, sums: &[UsageSum]) -> Result<Vec<KeyUsage>, ApiError> {
    let names = names(app).await?;
    let mut sums: Vec<&UsageSum> = sums.iter().collect();
    sums.sort_by_key(|sum| std::cmp::Reverse(sum.num_requests));
    let rows = sums.into_iter().take(MAX_KEYS).map(|sum| KeyUsage {
        key: sum.key_id.as_ref().map(|id| Named {
            id: id.0.clone(),
            name: names.get(&id.0).cloned().unwrap_or_else(|| id.0.clone()),
        }),
        num_requests: text::number(sum.num_requests),
        num_failed: text::number(sum.num_failed),
        tokens: text::number(sum.prompt_tokens.saturating_add(sum.completion_tokens)),
    });
    Ok(rows.collect())
}

/// The names of all keys, by id.
pub(super) async fn names(app: &AppState) -> Result<HashMap<String, String>, ApiError> {
    let keys = app.store.keys().await?;
    Ok(keys
        .iter()
        .map(|key| (key.id.0.clone(), key_name(key)))
        .collect())
}
