//! `/dashboard/requests`: what became of requests, with every attempt, and what was said of them.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use router::flr::parse_feedback;
use router::recorder::now;
use router::{FailureKind, InvalidRequest};
use serde_json::json;
use store::{AttemptRecord, FeedbackRecord, KeyId, RequestQuery, RequestRecord};

use super::form::Checked;
use super::gate::{Visitor, safe_next};
use super::overview::names;
use super::{Frame, page, see_other};
use crate::api::flr::record_of;
use crate::api::history::{HistoryPage, cursor, outcome};
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::AppState;
use crate::web::page::{Page, html};
use crate::web::site::Site;
use crate::web::text::{self, When};

/// Requests of one page.
const PER_PAGE: usize = 25;
/// Characters of the content of a request that are shown.
const MAX_CONTENT_CHARS: usize = 4000;
/// Keys that the filter lists.
const MAX_KEYS: usize = 200;

#[derive(Template)]
#[template(path = "web/dashboard/history.html")]
struct History {
    page: Page,
    frame: Frame,
    requests: Vec<Row>,
    keys: Vec<Choice>,
    outcomes: Vec<Choice>,
    is_filtered: bool,
    /// The URL of the next page.
    next: Option<String>,
    /// The URL of this one, to come back to.
    here: String,
}

/// A value of a filter.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// A request.
struct Row {
    id: String,
    started: When,
    model: String,
    deployment: String,
    outcome: String,
    class: &'static str,
    key_name: Option<String>,
    key_id: String,
    duration: String,
    first_token: String,
    prompt_tokens: String,
    completion_tokens: String,
    reasoning_tokens: String,
    is_stream: bool,
    attempts: Vec<Attempt>,
    feedback: Vec<Said>,
    content: Option<String>,
    /// The model that feedback is about, if one was asked.
    about: Option<String>,
}

/// An attempt of it.
struct Attempt {
    number: u32,
    deployment: String,
    outcome: String,
    class: &'static str,
    fault: String,
    http_status: String,
    first_token: String,
    duration: String,
    is_exploration: bool,
}

/// What somebody said of it.
struct Said {
    words: &'static str,
    class: &'static str,
    model: String,
    details: Option<String>,
    when: When,
}

fn class_of(outcome: &str) -> &'static str {
    match outcome {
        "ok" => "good",
        "canceled" => "outline",
        _ => "bad",
    }
}

fn ms(time: Option<u32>) -> String {
    time.map_or_else(
        || text::UNKNOWN.to_owned(),
        |time| text::duration(f64::from(time)),
    )
}

impl Attempt {
    fn of(one: &AttemptRecord) -> Self {
        Self {
            number: u32::from(one.number) + 1,
            deployment: text::name(&format!(
                "{}/{}",
                one.deployment.provider, one.deployment.name
            )),
            outcome: one.outcome.replace('_', " "),
            class: class_of(&one.outcome),
            fault: one.fault_domain.clone(),
            http_status: one
                .http_status
                .map_or_else(|| text::UNKNOWN.to_owned(), |status| status.to_string()),
            first_token: ms(one.first_token_ms),
            duration: ms(Some(one.duration_ms)),
            is_exploration: one.is_exploration,
        }
    }
}

impl Said {
    fn of(one: &FeedbackRecord) -> Self {
        let (words, class) = match one.issue.as_deref() {
            _ if one.is_success => ("It answered well", "good"),
            Some("rate_limited") => ("It was rate limited", "bad"),
            Some("unavailable") => ("It was unavailable", "bad"),
            _ => ("Something was wrong", "bad"),
        };
        Self {
            words,
            class,
            model: text::name(&one.model),
            details: one.details.clone(),
            when: When::minute(one.created_at),
        }
    }
}

impl Row {
    fn of(
        request: RequestRecord,
        attempts: &[AttemptRecord],
        feedback: &[FeedbackRecord],
        key_name: Option<String>,
    ) -> Self {
        let number = |count: u32| text::number(u64::from(count));
        let content =
            request.content.map(
                |content| match content.char_indices().nth(MAX_CONTENT_CHARS) {
                    Some((end, _)) => format!("{}…", &content[..end]),
                    None => content,
                },
            );
        Self {
            id: request.id,
            started: When::minute(request.started_at),
            model: match request.requested_model.is_empty() {
                true => "a list of models".to_owned(),
                false => text::name(&request.requested_model),
            },
            deployment: request
                .deployment
                .map_or_else(|| "nobody was asked".to_owned(), |name| text::name(&name)),
            class: class_of(&request.outcome),
            outcome: request.outcome.replace('_', " "),
            key_name,
            key_id: request.key_id.map(|id| id.0).unwrap_or_default(),
            duration: ms(Some(request.duration_ms)),
            first_token: ms(request.first_token_ms),
            prompt_tokens: number(request.prompt_tokens),
            completion_tokens: number(request.completion_tokens),
            reasoning_tokens: number(request.reasoning_tokens),
            is_stream: request.is_stream,
            about: attempts.last().map(|one| one.model.clone()),
            attempts: attempts.iter().map(Attempt::of).collect(),
            feedback: feedback.iter().map(Said::of).collect(),
            content,
        }
    }
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    let (key, ended) = (query.get("key"), query.get("outcome"));
    let read = HistoryPage::read(
        &app,
        RequestQuery {
            key_id: key.map(|id| KeyId(id.to_owned())),
            after: query.get("before").map(cursor).transpose()?,
            outcome: ended.map(outcome),
            limit: PER_PAGE,
        },
    );
    let mut read = read.await?;
    let names = names(&app).await?;
    let mut keys: Vec<Choice> = names
        .iter()
        .map(|(id, name)| option(id, name, key))
        .collect();
    keys.sort_by(|a, b| (&a.label, &a.value).cmp(&(&b.label, &b.value)));
    keys.truncate(MAX_KEYS);
    // A filter that has no place in the list still says what it is.
    if let Some(id) = key.filter(|id| keys.iter().all(|one| one.value != **id)) {
        let name = names.get(id).map_or(id, String::as_str);
        keys.push(option(id, name, key));
    }
    let requests = std::mem::take(&mut read.requests);
    let rows = requests.into_iter().map(|request| {
        let attempts = read.attempts.remove(&request.id).unwrap_or_default();
        let feedback = read.feedback.remove(&request.id).unwrap_or_default();
        let id = request.key_id.as_ref();
        let name = id.map(|id| names.get(&id.0).cloned().unwrap_or_else(|| id.0.clone()));
        Row::of(request, &attempts, &feedback, name)
    });
    html(&History {
        page: page(&site, "Requests"),
        frame: Frame::new("requests", &visitor).after(query.get("done")),
        requests: rows.collect(),
        keys,
        outcomes: outcomes(ended),
        is_filtered: key.is_some() || ended.is_some(),
        next: read.next.map(|place| url(key, ended, Some(&place))),
        here: url(key, ended, query.get("before")),
    })
}

fn option(value: &str, label: &str, chosen: Option<&str>) -> Choice {
    Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        is_chosen: chosen == Some(value),
    }
}

/// How requests may have ended: with an answer, without one, or how exactly.
fn outcomes(chosen: Option<&str>) -> Vec<Choice> {
    let kinds = FailureKind::ALL.iter().map(|kind| kind.as_str());
    let kinds = kinds.map(|word| option(word, &word.replace('_', " "), chosen));
    let mut all = vec![
        option("ok", "answered", chosen),
        option("failed", "failed", chosen),
    ];
    all.extend(kinds);
    all
}

fn url(key: Option<&str>, outcome: Option<&str>, before: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("key", key), ("outcome", outcome), ("before", before)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    match query.is_empty() {
        true => "/dashboard/requests".to_owned(),
        false => format!("/dashboard/requests?{query}"),
    }
}

/// Takes what somebody says of a request, in the same words as the API.
pub(super) async fn report(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Checked(form): Checked,
) -> Result<Response, ApiError> {
    let caller = visitor.caller;
    app.quota.admit_report(&caller, now()).await?;
    let request = app.store.request(&id).await?;
    let request = request.ok_or_else(|| {
        ApiError::NotFound("there is no request of this name any more".to_owned())
    })?;
    let attempts = app
        .store
        .attempts(std::slice::from_ref(&request.id))
        .await?;
    let about = attempts.last().map(|one| one.model.as_str());
    let about = about
        .ok_or_else(|| InvalidRequest::new("no model was asked, so there is none to judge"))?;
    let issue = form.get("issue").filter(|word| *word != "none");
    let said = json!({
        "modelId": about,
        "success": issue.is_none(),
        "issue": issue,
        "details": form.get("details"),
        "requestId": request.id,
    });
    let feedback = parse_feedback(said.to_string().as_bytes(), &app.router.catalog())
        .map_err(|error| InvalidRequest::new(error.to_string()))?;
    let record = record_of(feedback, caller.key_id);
    app.store.insert_feedback(&record).await?;
    let here = safe_next(form.get("here"));
    let here = match here.starts_with("/dashboard/requests") {
        true => here,
        false => "/dashboard/requests",
    };
    let mark = if here.contains('?') { '&' } else { '?' };
    let id = text::url_path(&request.id);
    Ok(see_other(&format!("{here}{mark}done=reported#{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_page_keeps_its_filters() {
        assert_eq!(url(None, None, None), "/dashboard/requests");
        let all = url(Some("key_1"), Some("rate_limited"), Some("12.req&x"));
        let expected = "/dashboard/requests?key=key_1&outcome=rate_limited&before=12.req%26x";
        assert_eq!(all, expected);
    }
}
