//! `/api/admin/keys`: makes, lists, changes and revokes keys.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use router::InvalidRequest;
use router::recorder::now;
use serde_json::{Map, Value, json};
use store::{
    ApiKey, KeyId, KeyRecord, KeySettings, NewKey, StoreError, Timestamp, change_key_settings,
};

use super::key_settings;
use crate::body::json_response;
use crate::error::ApiError;
use crate::moment;
use crate::routes::AppState;

/// Characters that the name of a key may have.
pub(crate) const MAX_NAME_CHARS: usize = 100;

pub(crate) async fn list(State(app): State<Arc<AppState>>) -> Result<Response, ApiError> {
    let now = now();
    let keys: Vec<_> = app
        .store
        .keys()
        .await?
        .iter()
        .map(|key| json(key, now))
        .collect();
    Ok(json_response(StatusCode::OK, &json!({"keys": keys})))
}

/// What a new key is to be.
pub(crate) struct Wanted {
    name: String,
    expires_at: Option<Timestamp>,
    settings: KeySettings,
}

pub(crate) async fn create(
    State(app): State<Arc<AppState>>,
    request: Request,
) -> Result<Response, ApiError> {
    let wanted = app.small_bodies.read(request, wanted).await?;
    let (key, secret) = make(&app, KeyId::random()?, wanted).await?;
    let body = json!({"key": json(&key, key.created_at), "secret": secret.expose()});
    Ok(json_response(StatusCode::CREATED, &body))
}

/// Makes a key of this id, with its secret, which is told once.
pub(crate) async fn make(
    app: &AppState,
    id: KeyId,
    wanted: Wanted,
) -> Result<(KeyRecord, ApiKey), ApiError> {
    let created_at = now();
    check_end(wanted.expires_at, created_at)?;
    let secret = ApiKey::generate()?;
    let key = NewKey {
        id,
        name: wanted.name,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        created_at,
        expires_at: wanted.expires_at,
        settings: wanted.settings,
    };
    Ok((app.store.create_key(key).await?, secret))
}

fn check_end(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), InvalidRequest> {
    if expires_at.is_some_and(|end| end <= now) {
        let message = "expiresAt has passed; the key would be refused at once";
        return Err(InvalidRequest::of("expiresAt", message));
    }
    Ok(())
}

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let key = find(&app, &KeyId(id)).await?;
    Ok(json_response(
        StatusCode::OK,
        &json!({"key": json(&key, now())}),
    ))
}

pub(crate) async fn change(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let members = app
        .small_bodies
        .read(request, key_settings::members)
        .await?;
    let key = change_members(&app, &KeyId(id), members).await?;
    Ok(json_response(
        StatusCode::OK,
        &json!({"key": json(&key, now())}),
    ))
}

/// Changes what of a key is named. Everything is looked at before anything is changed.
pub(crate) async fn change_members(
    app: &AppState,
    id: &KeyId,
    mut members: Map<String, Value>,
) -> Result<KeyRecord, ApiError> {
    let new_name = members.remove("name");
    let new_name = new_name.map(|json| name(Some(json))).transpose()?;
    let new_end = match members.contains_key("expiresAt") {
        true => Some(expiry(&mut members)?),
        false => None,
    };
    let known = find(app, id).await?;
    if new_end.is_some_and(|end| end != known.expires_at) {
        check_end(new_end.flatten(), now())?;
    }
    let mut key = change_settings(app, id, |settings| {
        Ok(key_settings::changed(settings, &members)?)
    })
    .await?;
    if new_name.is_some() || new_end.is_some() {
        let relabeled = app.store.relabel_key(id, new_name.as_deref(), new_end);
        key = relabeled.await?;
        app.auth.forget(id);
    }
    Ok(key)
}

/// The key stays in the list, revoked.
pub(crate) async fn revoke(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let key = take_back(&app, &KeyId(id)).await?;
    Ok(json_response(
        StatusCode::OK,
        &json!({"key": json(&key, now())}),
    ))
}

/// Revokes a key, so that it is refused at once.
pub(crate) async fn take_back(app: &AppState, id: &KeyId) -> Result<KeyRecord, ApiError> {
    let key = match app.store.revoke_key(id, now()).await {
        Err(StoreError::NotFound) => return Err(no_such_key(id)),
        result => result?,
    };
    app.auth.forget(id);
    Ok(key)
}

pub(crate) async fn find(app: &AppState, id: &KeyId) -> Result<KeyRecord, ApiError> {
    let key = app.store.key(id).await?;
    key.ok_or_else(|| no_such_key(id))
}

/// Changes the settings of a key, so that the change is believed at once.
pub(crate) async fn change_settings(
    app: &AppState,
    id: &KeyId,
    change: impl FnMut(KeySettings) -> Result<KeySettings, ApiError>,
) -> Result<KeyRecord, ApiError> {
    let key = match change_key_settings(&*app.store, id, change).await {
        Err(ApiError::Store(StoreError::NotFound)) => return Err(no_such_key(id)),
        result => result?,
    };
    app.auth.forget(id);
    if !key.settings.is_admin {
        // Who was an administrator, and may be one again, logs in anew.
        app.store.delete_sessions_of(id).await?;
    }
    Ok(key)
}

fn no_such_key(id: &KeyId) -> ApiError {
    // Somebody may have put the key itself in the place of its id.
    let shown = match id.0.starts_with("key_") {
        true => id.0.chars().take(40).collect(),
        false => "of this form".to_owned(),
    };
    ApiError::NotFound(format!(
        "there is no key {shown}; GET /api/admin/keys lists the keys"
    ))
}

fn wanted(body: Bytes) -> Result<Wanted, InvalidRequest> {
    Wanted::of(key_settings::members(body)?)
}

impl Wanted {
    /// Of the members of a body.
    pub(crate) fn of(mut members: Map<String, Value>) -> Result<Self, InvalidRequest> {
        let name = name(members.remove("name"))?;
        let expires_at = expiry(&mut members)?;
        let settings = key_settings::changed(KeySettings::default(), &members)?;
        Ok(Self {
            name,
            expires_at,
            settings,
        })
    }
}

fn name(json: Option<Value>) -> Result<String, InvalidRequest> {
    let name = match json.unwrap_or_default() {
        Value::Null => String::new(),
        Value::String(name) => name,
        _ => return Err(InvalidRequest::of("name", "name must be a string")),
    };
    if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let message = format!("name must be one line of at most {MAX_NAME_CHARS} characters");
        return Err(InvalidRequest::of("name", message));
    }
    Ok(name)
}

fn expiry(members: &mut Map<String, Value>) -> Result<Option<Timestamp>, InvalidRequest> {
    let end = match members.remove("expiresAt").unwrap_or_default() {
        Value::Null => return Ok(None),
        Value::String(text) => moment::parse(&text),
        _ => None,
    };
    let message = "expiresAt must be a moment or a day, such as 2030-12-31T00:00:00Z or 2030-12-31";
    end.map(Some)
        .ok_or_else(|| InvalidRequest::of("expiresAt", message))
}

/// A key, without its secret, which nobody has.
pub(super) fn json(key: &KeyRecord, now: Timestamp) -> Value {
    let state = match key.is_active(now) {
        true => "active",
        false if key.revoked_at.is_some() => "revoked",
        false => "expired",
    };
    let mut json = json!({
        "id": key.id.0,
        "name": key.name,
        "prefix": key.prefix,
        "state": state,
        "createdAt": moment::json(key.created_at),
        "expiresAt": key.expires_at.map(moment::json),
        "revokedAt": key.revoked_at.map(moment::json),
        "lastUsedAt": key.last_used_at.map(moment::json),
    });
    if let (Some(json), Value::Object(settings)) =
        (json.as_object_mut(), key_settings::json(&key.settings))
    {
        json.extend(settings);
    }
    json
}
