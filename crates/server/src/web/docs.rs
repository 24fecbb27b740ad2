//! `/docs`: how to use this server, and its API as the document of `/openapi.json` has it.

mod example;
mod prose;
mod reference;
pub(super) mod samples;
mod schema;

use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use router::REPORTS_PER_MINUTE;
use router::flr::LONG_CONTEXT;
use router::openai::limits::MAX_MODELS;

use self::prose::prose;
use self::reference::Group;
use self::samples::{Sample, curl, samples};
use super::json_ld;
use super::page::{Nav, Page, html};
use super::site::Site;
use super::text;
use crate::error::ApiError;
use crate::error::codes::Code;
use crate::openapi::{API, Header};

/// The sections of the guide: their anchors and their headings.
const SECTIONS: [(&str, &str); 11] = [
    ("quick-start", "Quick start"),
    ("routing", "Routing"),
    ("parameters", "Parameters"),
    ("streaming", "Streaming"),
    ("tools", "Tools"),
    ("structured-outputs", "Structured outputs"),
    ("reasoning", "Reasoning effort"),
    ("errors", "Errors"),
    ("rate-limits", "Rate limits and headers"),
    ("free-llm-router", "Free LLM Router's API"),
    ("feeds", "Feeds"),
];
/// A list of models, as a client of Free LLM Router asks for it.
const LISTS_EXAMPLE: &str = "/api/v1/models/ids?useCase=tools&sort=leastIssues&topN=5";
/// Where the reference begins.
const REFERENCE: &str = "reference";

#[derive(Template)]
#[template(path = "web/docs.html")]
struct Docs {
    page: Page,
    url: String,
    is_keyless: bool,
    sections: &'static [(&'static str, &'static str)],
    samples: Samples,
    lists_curl: String,
    parameters: String,
    errors: Vec<ErrorRow>,
    headers: Vec<(&'static str, String)>,
    groups: Vec<Group>,
    reports_per_minute: u64,
    max_models: usize,
    long_context: String,
}

/// The examples of the guide.
struct Samples {
    first: Sample,
    stream: Sample,
    tools: Sample,
    schema: Sample,
    effort: Sample,
}

/// A code of an error.
struct ErrorRow {
    status: u16,
    code: Option<String>,
    when: String,
    advice: String,
    outcomes: Vec<&'static str>,
}

impl ErrorRow {
    fn of(code: &Code) -> Self {
        Self {
            status: code.status,
            code: code.code.clone(),
            when: prose(&code.when),
            advice: prose(&code.advice),
            outcomes: code.outcomes.clone(),
        }
    }
}

pub(crate) async fn show(site: Site) -> Result<Response, ApiError> {
    let description = "How to ask free LLMs through one OpenAI-compatible URL: quick start, \
                       parameters, errors, and every path of this server's API to try out.";
    let mut page = site.page(Nav::Docs, "/docs", "API documentation", description);
    page.json_ld = vec![json_ld::breadcrumbs(&page, [("Home", "/")])];
    html(&Docs {
        sections: &SECTIONS,
        samples: samples(&site.url, site.is_keyless),
        lists_curl: curl(&site.url, "GET", LISTS_EXAMPLE, None, !site.is_keyless),
        parameters: schema::table_of("ChatRequest")?,
        errors: API.codes.iter().map(ErrorRow::of).collect(),
        headers: Header::ALL
            .map(|header| (header.as_str(), prose(header.description())))
            .to_vec(),
        groups: reference::groups(&site.url, site.is_keyless)?,
        reports_per_minute: REPORTS_PER_MINUTE,
        max_models: MAX_MODELS,
        long_context: text::number(LONG_CONTEXT),
        is_keyless: site.is_keyless,
        url: site.url,
        page,
    })
}

/// The part of the page that has this name.
pub(crate) async fn section(Path(name): Path<String>) -> Result<Response, ApiError> {
    let is_section = name == REFERENCE || SECTIONS.iter().any(|(id, _)| *id == name);
    let is_operation = || API.operations.iter().any(|one| one.id == name);
    if is_section || is_operation() {
        return Ok(Redirect::permanent(&format!("/docs#{name}")).into_response());
    }
    let shown: String = name.chars().take(60).collect();
    Err(ApiError::NotFound(format!(
        "the documentation has no part named {shown:?}; its first page lists all parts"
    )))
}
