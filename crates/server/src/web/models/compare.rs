//! `/compare`: up to four models beside each other.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use router::flr::Shown;
use router::reliability::Window;

use crate::error::ApiError;
use crate::query::Query;
use crate::routes::AppState;
use crate::web::overview::Overview;
use crate::web::page::{Nav, Page, html};
use crate::web::row::{ErrorText, Row};
use crate::web::site::Site;
use crate::web::text;

/// Models that are compared at most.
const MAX_COMPARED: usize = 4;

#[derive(Template)]
#[template(path = "web/models/compare.html")]
struct Compare {
    page: Page,
    rows: Vec<Row>,
    lines: Vec<Line>,
    unknown: Vec<String>,
    is_cut: bool,
}

/// A property, and what it is of each model.
struct Line {
    name: &'static str,
    values: Vec<String>,
}

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    site: Site,
    uri: Uri,
) -> Result<Response, ApiError> {
    let overview = app.overviews.newest(&app).await?;
    let query = Query::of(&uri);
    let mut shown: Vec<Shown<'_>> = Vec::new();
    let (mut unknown, mut is_cut) = (Vec::new(), false);
    for name in query.all("m") {
        match overview.catalog.find(name) {
            Some(model) if shown.iter().any(|one| one.model.id == model.id) => {}
            Some(_) if shown.len() == MAX_COMPARED => is_cut = true,
            Some(model) => shown.push(Shown::of(model)),
            None => unknown.push(text::name(name)),
        }
    }
    let names: Vec<String> = shown.iter().map(|one| text::name(one.name())).collect();
    let title = match names.is_empty() {
        true => "Compare models".to_owned(),
        false => names.join(" vs "),
    };
    let description = "Free models beside each other: limits, abilities, measured error rates, \
                       availability and speed.";
    let page = site.page(Nav::Models, "/compare", title, description);
    let template = Compare {
        page: page.not_indexed(),
        rows: shown.iter().map(|one| Row::of(&overview, one)).collect(),
        lines: lines(&overview, &shown),
        unknown,
        is_cut,
    };
    html(&template)
}

fn lines(overview: &Overview, shown: &[Shown<'_>]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |name, value: &dyn Fn(&Shown<'_>) -> String| {
        let values = shown.iter().map(value).collect();
        lines.push(Line { name, values });
    };
    let row = |one: &Shown<'_>| Row::of(overview, one);
    let errors = |one: &Shown<'_>, window| {
        let error = ErrorText::of(&overview.errors(one.model, window));
        match error.is_known() {
            true => format!("{} ({}, n={})", error.rate, error.interval, error.num_cases),
            false => text::UNKNOWN.to_owned(),
        }
    };
    let listed = |words: &[String]| match words.is_empty() {
        true => text::UNKNOWN.to_owned(),
        false => text::name(&words.join(", ")),
    };
    add("Now", &|one| row(one).state.text.to_owned());
    add("Context (tokens)", &|one| {
        text::all_tokens(one.spec.context_length)
    });
    add("Longest answer (tokens)", &|one| {
        text::all_tokens(one.spec.max_output_tokens)
    });
    add("Good at", &|one| row(one).capabilities.join(", "));
    add("Takes", &|one| listed(&one.spec.input_modalities));
    add("Gives", &|one| listed(&one.spec.output_modalities));
    add("Request parameters", &|one| {
        one.spec.supported_parameters.len().to_string()
    });
    add("Errors, 24 hours", &|one| errors(one, Window::Day));
    add("Errors, 7 days", &|one| errors(one, Window::Week));
    add("Errors, 30 days", &|one| errors(one, Window::Days30));
    add("Available", &|one| row(one).days_text());
    add("First token", &|one| row(one).first_token);
    add("Speed", &|one| row(one).speed);
    add("Hosts", &|one| {
        let mut hosts: Vec<String> = one
            .model
            .active()
            .map(|one| crate::web::host_name(&one.key.provider))
            .collect();
        hosts.dedup();
        listed(&hosts)
    });
    lines
}
