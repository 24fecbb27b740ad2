//! `POST /report`: a user says from the page of a model that something is wrong with it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Redirect, Response};
use router::InvalidRequest;
use router::flr::{Shown, parse_feedback};
use router::recorder::now;
use serde_json::json;

use crate::api::flr::record_of;
use crate::error::ApiError;
use crate::routes::AppState;
use crate::web::row::url;

/// What may be wrong: the word of the API, and the words for people.
pub(super) const ISSUES: &[(&str, &str)] = &[
    ("error", "It failed, or its answers are broken"),
    ("rate_limited", "It is rate limited all the time"),
    ("unavailable", "It is listed but cannot be called"),
];

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reported {
    Yes,
}

impl Reported {
    pub(super) fn parse(word: &str) -> Option<Self> {
        (word == "yes").then_some(Self::Yes)
    }
}

/// What the form sends.
#[derive(Default)]
struct Form {
    model: String,
    issue: String,
    details: String,
    key: String,
}

impl Form {
    fn of(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let field = match &*name {
                "model" => &mut form.model,
                "issue" => &mut form.issue,
                "details" => &mut form.details,
                "key" => &mut form.key,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        form
    }
}

/// Takes a report in, as `POST /api/v1/models/feedback` does, and leads back to the page. The key is
/// part of the form: pages carry none.
pub(crate) async fn create(
    State(app): State<Arc<AppState>>,
    request: Request,
) -> Result<Response, ApiError> {
    let mut headers = request.headers().clone();
    let form = app
        .small_bodies
        .read(request, |body| Ok(Form::of(&body)))
        .await?;
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer {}", form.key))
        && !form.key.is_empty()
    {
        headers.insert(AUTHORIZATION, value);
    }
    let caller = app.auth.check(&headers).await?;
    app.quota.admit_report(&caller, now()).await?;
    let mut body = json!({"modelId": form.model, "success": false, "issue": form.issue});
    if !form.details.is_empty() {
        body["details"] = form.details.into();
    }
    let catalog = app.router.catalog();
    let feedback = parse_feedback(body.to_string().as_bytes(), &catalog)
        .map_err(|error| InvalidRequest::new(error.to_string()))?;
    let record = record_of(feedback, caller.key_id);
    app.store.insert_feedback(&record).await?;
    let model = catalog.model(&record.model);
    let path = model.map_or_else(|| "/models".to_owned(), |model| url(Shown::of(model).id));
    Ok(Redirect::to(&format!("{path}?reported=yes#report")).into_response())
}
