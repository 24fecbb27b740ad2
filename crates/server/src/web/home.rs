//! `/`: what this is, what is up now, and three steps to a first call.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use router::catalog::Tier;

use super::models::{by_errors, shown as all_shown};
use super::overview::{Overview, USUAL_WINDOW};
use super::page::{Nav, Page, html};
use super::row::{Row, runs_here};
use super::site::Site;
use super::text;
use crate::error::ApiError;
use crate::routes::AppState;

/// Models that are shown as the best at present.
const NUM_BEST: usize = 6;

#[derive(Template)]
#[template(path = "web/home.html")]
struct Home {
    page: Page,
    num_free: usize,
    num_up: usize,
    num_hosts: usize,
    /// The models of this machine.
    here: Vec<String>,
    /// Requests that were counted in the last 7 days, and the share that was answered in the end.
    num_counted: String,
    best: Vec<Row>,
    site_url: String,
    is_keyless: bool,
}

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    site: Site,
) -> Result<Response, ApiError> {
    let overview = app.overviews.newest(&app).await?;
    let num_free = overview.num_free();
    let description = "One OpenAI-compatible URL for every free LLM: Freeway knows which answer now, \
                       sends each request where it will be answered, and runs gpt-oss on your own \
                       machine.";
    let page = site.page(Nav::Home, "/", "Free LLMs that answer", description);
    let models = overview.catalog.models().iter();
    let here = models
        .filter(|model| runs_here(model))
        .map(|model| text::name(&model.id.0));
    let mut hosts: Vec<&str> = overview
        .catalog
        .active_models()
        .flat_map(|model| model.active())
        .filter(|one| one.tier == Tier::Hosted)
        .map(|one| one.key.provider.as_str())
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    let template = Home {
        num_up: num_up(&overview),
        num_hosts: hosts.len(),
        here: here.collect(),
        num_counted: num_counted(&overview),
        best: best(&overview),
        site_url: site.url.clone(),
        is_keyless: site.is_keyless,
        num_free,
        page,
    };
    html(&template)
}

/// Models that could be had within the last hours.
fn num_up(overview: &Overview) -> usize {
    let models = overview.catalog.active_models();
    let is_up = |model: &&router::catalog::Model| {
        let state = overview.state(model);
        state.and_then(|seen| seen.is_good()) == Some(true)
    };
    models.filter(is_up).count()
}

fn num_counted(overview: &Overview) -> String {
    let models = overview.catalog.models().iter();
    let rates = models.filter_map(|model| overview.errors(model, USUAL_WINDOW).rate);
    text::number(rates.map(|rate| rate.num_cases).sum())
}

/// Those that can be had now and fail the least, as far as is known.
fn best(overview: &Overview) -> Vec<Row> {
    let mut shown = all_shown(&overview.catalog);
    shown.retain(|one| {
        let state = overview.state(one.model);
        one.model.is_active() && state.is_none_or(|seen| seen.is_good() != Some(false))
    });
    shown.sort_by(|a, b| by_errors(overview, a, b));
    let first = shown.iter().take(NUM_BEST);
    first.map(|one| Row::of(overview, one)).collect()
}
