//! `/providers`: who makes the models, and `/providers/{author}`: the models of one of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use router::flr::Shown;

use super::json_ld;
use super::models::{Dates, Listed, PAGE_LEN, by_errors, dates, shown as all_shown};
use super::overview::{Overview, WINDOWS};
use super::page::{Nav, Page, html};
use super::row::Author;
use super::site::Site;
use super::text;
use crate::error::ApiError;
use crate::routes::AppState;

/// Other authors that a page leads to.
const NUM_OTHERS: usize = 10;
/// Names in an error.
const MAX_NAME_CHARS: usize = 100;

#[derive(Template)]
#[template(path = "web/providers.html")]
struct Authors {
    page: Page,
    authors: Vec<AuthorLine>,
    num_models: usize,
}

/// An author in the list.
struct AuthorLine {
    author: Author,
    num_free: usize,
    num_gone: usize,
}

#[derive(Template)]
#[template(path = "web/providers/author.html")]
struct AuthorPage {
    page: Page,
    author: Author,
    num_free: usize,
    num_gone: usize,
    windows: Vec<&'static str>,
    rows: Vec<Listed>,
    dates: Dates,
    /// Where all of them are, if they are too many for this page.
    all_url: Option<String>,
    others: Vec<Author>,
}

/// The models of each author, by its id.
fn by_author(overview: &Overview) -> BTreeMap<&str, Vec<Shown<'_>>> {
    let mut authors: BTreeMap<&str, Vec<Shown<'_>>> = BTreeMap::new();
    for shown in all_shown(&overview.catalog) {
        let of_author = authors.entry(shown.model.author.as_str()).or_default();
        of_author.push(shown);
    }
    authors
}

fn num_free(models: &[Shown<'_>]) -> usize {
    models.iter().filter(|one| one.model.is_active()).count()
}

pub(crate) async fn list(
    State(app): State<Arc<AppState>>,
    site: Site,
) -> Result<Response, ApiError> {
    let overview = app.overviews.newest(&app).await?;
    let all = by_author(&overview);
    let mut authors: Vec<AuthorLine> = all
        .iter()
        .map(|(id, models)| AuthorLine {
            author: overview.author(id),
            num_free: num_free(models),
            num_gone: models.len() - num_free(models),
        })
        .collect();
    authors.sort_by_cached_key(|one| (one.num_free == 0, one.author.name.to_lowercase()));
    let description = "Who makes the models that are free to call: every author, and how many of \
                       their models some host gives away now.";
    let template = Authors {
        page: site.page(
            Nav::Providers,
            "/providers",
            "Authors of free models",
            description,
        ),
        num_models: overview.num_free(),
        authors,
    };
    html(&template)
}

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    site: Site,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let overview = app.overviews.newest(&app).await?;
    let all = by_author(&overview);
    let Some((id, models)) = all.get_key_value(name.trim_end_matches('/')) else {
        let name: String = name.chars().take(MAX_NAME_CHARS).collect();
        return Err(ApiError::NotFound(format!(
            "There is no author {name:?} here; the list of authors has all of them."
        )));
    };
    let author = overview.author(id);
    let mut models = models.clone();
    models.sort_by(|one, other| {
        let is_gone = |one: &Shown<'_>| !one.model.is_active();
        is_gone(one)
            .cmp(&is_gone(other))
            .then_with(|| by_errors(&overview, one, other))
    });
    let free = num_free(&models);
    let title = format!("Free models of {}", author.name);
    let description = format!(
        "{} of {} free to call now, with measured error rates and availability.",
        text::counted(free as u64, "model"),
        author.name
    );
    let others = all.keys().filter(|other| *other != id);
    let others = others.map(|other| overview.author(other)).take(NUM_OTHERS);
    let rows = models.iter().take(PAGE_LEN).map(|one| {
        let listed = Listed::of(&overview, one);
        listed.with_errors(&overview, one).with_days(&overview, one)
    });
    let rows: Vec<_> = rows.collect();
    let mut page = site.page(Nav::Providers, author.url.clone(), title, description);
    let listed = rows
        .iter()
        .map(|one| (one.row.name.as_str(), one.row.url.as_str()));
    page.json_ld = vec![
        json_ld::collection(&page, listed),
        json_ld::breadcrumbs(&page, [("Home", "/"), ("Authors", "/providers")]),
    ];
    let template = AuthorPage {
        page,
        num_free: free,
        num_gone: models.len() - free,
        windows: WINDOWS.iter().map(|window| window.as_str()).collect(),
        dates: dates(&overview),
        all_url: (models.len() > PAGE_LEN).then(|| {
            let author: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
            format!("/models?author={author}&status=all")
        }),
        rows,
        others: others.collect(),
        author,
    };
    html(&template)
}
