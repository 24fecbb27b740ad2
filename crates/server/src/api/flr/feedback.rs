//! `POST /api/v1/models/feedback`: what users say of a model.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use router::recorder::now;
use router::{Caller, InvalidRequest, random_id};
use serde_json::{Map, Value, json};
use store::{FeedbackRecord, StoreError};
use tokio::time::sleep;

use crate::api::key_settings::members;
use crate::body::json_response;
use crate::error::ApiError;
use crate::routes::AppState;

/// Characters of what is said in words.
const MAX_DETAILS_CHARS: usize = 1000;
/// Characters of the name of a model, and of that of a request.
const MAX_NAME_CHARS: usize = 200;
/// Pauses between looks for the record of a request: it is written a moment after the answer ended,
/// and whoever reports at once may be here before.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(300),
    Duration::from_millis(500),
];
/// What can go wrong, in the words of the API.
const ISSUES: [&str; 3] = ["rate_limited", "unavailable", "error"];

/// What somebody said.
#[derive(Debug, PartialEq)]
struct Report {
    model: String,
    issue: Option<&'static str>,
    details: Option<String>,
    request_id: Option<String>,
    is_dry_run: bool,
}

pub(crate) async fn create(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let report = app.small_bodies.read(&headers, body, report).await?;
    app.quota.admit_report(&caller, now()).await?;
    let model = app
        .router
        .catalog()
        .find(&report.model)
        .map(|model| model.id.0.clone());
    let Some(model) = model else {
        let message = "modelId names no model; GET /api/v1/models/ids lists the models";
        return Err(InvalidRequest::of("modelId", message).into());
    };
    if let Some(id) = &report.request_id
        && !is_own(&app, &caller, id).await.map_err(failed)?
    {
        let message = "requestId names no request of this key";
        return Err(InvalidRequest::of("requestId", message).into());
    }
    if !report.is_dry_run {
        let record = FeedbackRecord {
            id: random_id("fb_"),
            key_id: caller.key_id,
            model,
            request_id: report.request_id,
            is_success: report.issue.is_none(),
            issue: report.issue.map(str::to_owned),
            details: report.details,
            created_at: now(),
        };
        app.store.insert_feedback(&record).await.map_err(failed)?;
    }
    Ok(json_response(StatusCode::OK, &json!({"received": true})))
}

fn failed(source: StoreError) -> ApiError {
    ApiError::Failed {
        known_words: "Failed to submit feedback",
        source,
    }
}

/// Whether a request is the caller's.
async fn is_own(app: &AppState, caller: &Caller, id: &str) -> Result<bool, StoreError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        if let Some(request) = app.store.request(id).await? {
            return Ok(request.key_id == caller.key_id);
        }
        match pauses.next() {
            Some(pause) => sleep(pause).await,
            None => return Ok(false),
        }
    }
}

fn report(body: Bytes) -> Result<Report, InvalidRequest> {
    let members = members(body)?;
    let model = text(&members, "modelId", MAX_NAME_CHARS)?;
    let Some(model) = model.filter(|model| !model.is_empty()) else {
        return Err(InvalidRequest::of("modelId", "modelId is required"));
    };
    let issue = match (
        members.get("success"),
        text(&members, "issue", MAX_NAME_CHARS)?,
    ) {
        (Some(Value::Bool(true)), None) => None,
        (Some(Value::Bool(true)), Some(_)) => {
            let message = "issue must not be given when success is true";
            return Err(InvalidRequest::of("issue", message));
        }
        (_, word) => {
            let known = ISSUES.into_iter().find(|one| word.as_deref() == Some(one));
            let Some(issue) = known else {
                let message = format!("issue must be one of {}", ISSUES.join(", "));
                return Err(InvalidRequest::of("issue", message));
            };
            Some(issue)
        }
    };
    Ok(Report {
        model,
        issue,
        details: text(&members, "details", MAX_DETAILS_CHARS)?,
        request_id: text(&members, "requestId", MAX_NAME_CHARS)?,
        is_dry_run: members.get("dryRun").is_some_and(is_truthy),
    })
}

/// A member that is a string; `null` is as if it were not there.
fn text(
    members: &Map<String, Value>,
    name: &str,
    max_chars: usize,
) -> Result<Option<String>, InvalidRequest> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= max_chars => Ok(Some(text.clone())),
        Some(_) => {
            let message = format!("{name} must be a string of at most {max_chars} characters");
            Err(InvalidRequest::of(name, message))
        }
    }
}

/// As JavaScript has it.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_true) => *is_true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: Value) -> Result<Report, InvalidRequest> {
        report(json.to_string().into())
    }

    #[test]
    fn success_and_issue_exclude_each_other_and_one_is_needed() {
        let good = read(json!({"modelId": "a/b", "success": true})).unwrap();
        assert_eq!((good.model.as_str(), good.issue), ("a/b", None));
        for issue in ISSUES {
            for json in [
                json!({"modelId": "a/b", "issue": issue}),
                json!({"modelId": "a/b", "success": false, "issue": issue}),
            ] {
                assert_eq!(read(json).unwrap().issue, Some(issue));
            }
        }
        for (json, param) in [
            (json!({}), "modelId"),
            (json!({"modelId": 3, "success": true}), "modelId"),
            (json!({"modelId": "", "success": true}), "modelId"),
            (
                json!({"modelId": "x".repeat(201), "success": true}),
                "modelId",
            ),
            (json!({"modelId": "a/b"}), "issue"),
            (json!({"modelId": "a/b", "success": false}), "issue"),
            (json!({"modelId": "a/b", "issue": "slow"}), "issue"),
            (
                json!({"modelId": "a/b", "success": true, "issue": "error"}),
                "issue",
            ),
            (
                json!({"modelId": "a/b", "success": true, "details": {}}),
                "details",
            ),
            (
                json!({"modelId": "a/b", "success": true, "details": "x".repeat(1001)}),
                "details",
            ),
            (
                json!({"modelId": "a/b", "success": true, "requestId": 7}),
                "requestId",
            ),
        ] {
            let error = read(json.clone()).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{json}");
        }
        assert!(report("{".into()).is_err());
    }

    #[test]
    fn a_dry_run_is_whatever_javascript_takes_for_true() {
        let is_dry = |value: Value| {
            read(json!({"modelId": "a/b", "success": true, "dryRun": value}))
                .unwrap()
                .is_dry_run
        };
        for value in [json!(true), json!(1), json!("yes"), json!([]), json!({})] {
            assert!(is_dry(value.clone()), "{value}");
        }
        for value in [json!(false), json!(0), json!(""), json!(null)] {
            assert!(!is_dry(value.clone()), "{value}");
        }
        assert!(
            !read(json!({"modelId": "a/b", "success": true}))
                .unwrap()
                .is_dry_run
        );
    }
}
