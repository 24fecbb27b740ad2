//! `/dashboard/keys/{id}`: one key, what it may do, and an end to it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use router::recorder::now;
use router::{Caller, RouterError};
use store::{KeyId, KeyRecord, Timestamp};
use time::OffsetDateTime;
use time::macros::format_description;

use super::form::{Checked, friendly};
use super::gate::Visitor;
use super::keys::Fields;
use super::quotas::{QuotaRow, quota_rows};
use super::{Frame, key_name, key_state, page, see_other};
use crate::api::keys::{change_members, find, take_back};
use crate::error::ApiError;
use crate::moment;
use crate::query::Query;
use crate::routes::AppState;
use crate::web::page::{Page, html, html_with};
use crate::web::site::Site;
use crate::web::text::When;

#[derive(Template)]
#[template(path = "web/dashboard/key.html")]
struct Key {
    page: Page,
    frame: Frame,
    about: About,
    fields: Fields,
    quotas: Vec<QuotaRow>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "web/dashboard/revoke.html")]
struct Revoke {
    page: Page,
    frame: Frame,
    about: About,
}

/// What is not to be changed of a key.
struct About {
    id: String,
    name: String,
    prefix: String,
    state: &'static str,
    class: &'static str,
    created: When,
    last_used: Option<When>,
    revoked: Option<When>,
}

impl About {
    fn of(key: &KeyRecord) -> Self {
        let (state, class) = key_state(key, now());
        Self {
            id: key.id.0.clone(),
            name: key_name(key),
            prefix: key.prefix.clone(),
            state,
            class,
            created: When::minute(key.created_at),
            last_used: key.last_used_at.map(When::minute),
            revoked: key.revoked_at.map(When::minute),
        }
    }
}

impl Fields {
    fn of(key: &KeyRecord) -> Self {
        let quota = &key.settings.quota;
        let number = |limit: Option<u32>| limit.map_or_else(String::new, |limit| limit.to_string());
        Self {
            name: key.name.clone(),
            expires: key.expires_at.map_or_else(String::new, end_text),
            requests_per_minute: number(quota.requests_per_minute),
            requests_per_day: number(quota.requests_per_day),
            tokens_per_minute: number(quota.tokens_per_minute),
            tokens_per_day: number(quota.tokens_per_day),
            is_admin: key.settings.is_admin,
            keeps_content: key.settings.keeps_content,
        }
    }
}

/// The end of a key as its form takes it: a day, or the moment where it is none.
fn end_text(end: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(end.0) * 1_000_000).ok();
    let day = time.and_then(|time| {
        let day = format_description!("[year]-[month]-[day]");
        time.format(day).ok()
    });
    match day {
        Some(day) if moment::parse(&day) == Some(end) => day,
        _ => moment::json(end).as_str().unwrap_or_default().to_owned(),
    }
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let key = find(&app, &KeyId(id)).await?;
    let frame = Frame::new("keys", &visitor).after(Query::of(&uri).get("done"));
    let fields = Fields::of(&key);
    html(&template(&app, &site, frame, &key, fields).await?)
}

async fn template(
    app: &AppState,
    site: &Site,
    frame: Frame,
    key: &KeyRecord,
    fields: Fields,
) -> Result<Key, ApiError> {
    let quota = app.quota.state(&Caller::of_key(key), app.now()).await?;
    Ok(Key {
        page: page(site, format!("Key {}", key_name(key))),
        frame,
        about: About::of(key),
        fields,
        quotas: quota_rows(&quota),
        error: None,
    })
}

pub(super) async fn change(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    Path(id): Path<String>,
    Checked(form): Checked,
) -> Result<Response, ApiError> {
    let id = KeyId(id);
    match change_members(&app, &id, form.key_members()).await {
        Ok(key) => Ok(see_other(&format!(
            "/dashboard/keys/{}?done=changed",
            key.id
        ))),
        Err(ApiError::Router(RouterError::Invalid(error))) => {
            let key = find(&app, &id).await?;
            let frame = Frame::new("keys", &visitor);
            let template = Key {
                error: Some(friendly(&error)),
                ..template(&app, &site, frame, &key, Fields::sent(&form)).await?
            };
            html_with(StatusCode::BAD_REQUEST, &template)
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn ask_to_revoke(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let key = find(&app, &KeyId(id)).await?;
    html(&Revoke {
        page: page(&site, "Revoke a key"),
        frame: Frame::new("keys", &visitor),
        about: About::of(&key),
    })
}

pub(super) async fn revoke(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
    Checked(_): Checked,
) -> Result<Response, ApiError> {
    take_back(&app, &KeyId(id)).await?;
    Ok(see_other("/dashboard/keys?done=revoked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_key_is_a_day_where_it_can_be() {
        assert_eq!(end_text(Timestamp(86_400_000)), "1970-01-02");
        let between = end_text(Timestamp(86_400_001));
        assert_eq!(between, "1970-01-02T00:00:00.001Z");
        assert_eq!(moment::parse(&between), Some(Timestamp(86_400_001)));
    }
}
