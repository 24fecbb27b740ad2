//! `GET /api/v1/me` and `/api/v1/preferences`: what the holder of a key may know and decide.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use router::provider::QuotaWindow;
use router::recorder::now;
use router::{Caller, InvalidRequest, Preferences, QuotaState};
use serde_json::{Map, Value, json};
use store::{KeyId, KeySettings};

use super::{key_settings, keys};
use crate::body::json_response;
use crate::error::ApiError;
use crate::moment;
use crate::routes::AppState;

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let now = now();
    let (key, quota) = match &caller.key_id {
        None => (Value::Null, QuotaState::default()),
        Some(id) => {
            let key = keys::find(&app, id).await?;
            let quota = app.quota.state(&Caller::of_key(&key), now).await?;
            (keys::json(&key, now), quota)
        }
    };
    let body = json!({
        "key": key,
        "isAdmin": caller.is_admin(),
        "quota": quota_json(&quota),
    });
    Ok(json_response(StatusCode::OK, &body))
}

pub(crate) async fn show_preferences(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let key = keys::find(&app, own_key(&caller)?).await?;
    let preferences = Preferences::of(&key.settings).to_json();
    Ok(json_response(
        StatusCode::OK,
        &json!({"preferences": preferences}),
    ))
}

/// Replaces the preferences, but for what only an administrator decides. What cannot be used is left
/// out and told.
pub(crate) async fn set_preferences(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let id = own_key(&caller)?;
    let wish = app.small_bodies.read(request, wish).await?;
    let (wish, mut ignored) = Preferences::read(&wish);
    let mut refused = Vec::new();
    let key = keys::change_settings(&app, id, |settings| {
        let preferences = match caller.is_admin() {
            true => wish.clone(),
            false => {
                let known = Preferences::of(&settings);
                refused = refusals(&wish, &known);
                wish.clone().restricted_as(&known)
            }
        };
        Ok(KeySettings {
            preferences: preferences.to_stored(),
            ..settings
        })
    });
    let preferences = Preferences::of(&key.await?.settings);
    ignored.extend(refused);
    let message = match ignored.is_empty() {
        true => "Preferences saved",
        false => "Preferences saved, without what could not be used",
    };
    let body = json!({
        "preferences": preferences.to_json(),
        "ignored": ignored,
        "message": message,
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// What of a wish only an administrator may change, and differs from what is known.
fn refusals(wish: &Preferences, known: &Preferences) -> Vec<String> {
    let given = [
        ("allowedModels", wish.allowed_models != known.allowed_models),
        ("dataPolicy", wish.data_policy != known.data_policy),
    ];
    let wished = wish.to_json();
    let is_refused = |&(name, differs): &(&str, bool)| differs && wished.get(name).is_some();
    given
        .into_iter()
        .filter(is_refused)
        .map(|(name, _)| format!("{name}: only an administrator changes it"))
        .collect()
}

fn own_key(caller: &Caller) -> Result<&KeyId, InvalidRequest> {
    let message = "preferences belong to a key, and this request came without one; send a key, or \
                   set them with `freeway keys set`";
    caller
        .key_id
        .as_ref()
        .ok_or_else(|| InvalidRequest::new(message))
}

fn wish(body: Bytes) -> Result<Value, InvalidRequest> {
    let message = "preferences is missing: send {\"preferences\": {…}}";
    let wish = key_settings::members(body)?.remove("preferences");
    wish.ok_or_else(|| InvalidRequest::of("preferences", message))
}

fn quota_json(quota: &QuotaState) -> Value {
    let windows: Map<String, Value> = quota
        .windows
        .iter()
        .map(|window| {
            let name = match window.window {
                QuotaWindow::RequestsPerMinute => "requestsPerMinute",
                QuotaWindow::RequestsPerDay => "requestsPerDay",
                QuotaWindow::TokensPerMinute => "tokensPerMinute",
                QuotaWindow::TokensPerDay => "tokensPerDay",
            };
            let json = json!({
                "limit": window.limit,
                "used": window.used,
                "remaining": window.remaining(),
                "resetsAt": moment::json(window.resets_at),
            });
            (name.to_owned(), json)
        })
        .collect();
    Value::Object(windows)
}
