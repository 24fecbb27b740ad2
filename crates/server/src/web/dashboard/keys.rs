//! `/dashboard/keys`: all keys, and a new one.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use router::recorder::now;
use router::{InvalidRequest, RouterError};
use store::{KeyId, KeyQuota, KeyRecord, StoreError, Timestamp};

use super::form::{Checked, Form, friendly};
use super::gate::Visitor;
use super::{Frame, key_name, key_state, page};
use crate::api::keys::{Wanted, make};
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::AppState;
use crate::web::page::{Page, html, html_with};
use crate::web::site::Site;
use crate::web::text::{self, When};

/// Keys on one page.
const PER_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "web/dashboard/keys.html")]
struct Keys {
    page: Page,
    frame: Frame,
    keys: Vec<KeyRow>,
    num_keys: usize,
    /// The pages before and after this one.
    before: Option<usize>,
    after: Option<usize>,
    /// The id that the next key gets: a form that is sent twice makes one key.
    new_id: String,
    fields: Fields,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "web/dashboard/created.html")]
struct Created {
    page: Page,
    frame: Frame,
    id: String,
    name: String,
    secret: String,
}

/// A key in the list.
struct KeyRow {
    id: String,
    name: String,
    prefix: String,
    state: &'static str,
    class: &'static str,
    is_admin: bool,
    created: When,
    last_used: Option<When>,
    expires: Option<When>,
    quota: String,
}

/// What a form has in its fields.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) expires: String,
    pub(super) requests_per_minute: String,
    pub(super) requests_per_day: String,
    pub(super) tokens_per_minute: String,
    pub(super) tokens_per_day: String,
    pub(super) is_admin: bool,
    pub(super) keeps_content: bool,
}

impl Fields {
    /// What was sent, to be mended.
    pub(super) fn sent(form: &Form) -> Self {
        Self {
            name: form.text("name"),
            expires: form.text("expires"),
            requests_per_minute: form.text("requests_per_minute"),
            requests_per_day: form.text("requests_per_day"),
            tokens_per_minute: form.text("tokens_per_minute"),
            tokens_per_day: form.text("tokens_per_day"),
            is_admin: form.is_ticked("admin"),
            keeps_content: form.is_ticked("content"),
        }
    }
}

impl KeyRow {
    fn of(key: &KeyRecord, now: Timestamp) -> Self {
        let (state, class) = key_state(key, now);
        Self {
            id: key.id.0.clone(),
            name: key_name(key),
            prefix: key.prefix.clone(),
            state,
            class,
            is_admin: key.settings.is_admin,
            created: When::day(key.created_at),
            last_used: key.last_used_at.map(When::minute),
            expires: key.expires_at.map(When::day),
            quota: quota_text(&key.settings.quota),
        }
    }
}

/// The limits of a key in few words.
fn quota_text(quota: &KeyQuota) -> String {
    let limits = [
        (quota.requests_per_minute, "requests/min"),
        (quota.requests_per_day, "requests/day"),
        (quota.tokens_per_minute, "tokens/min"),
        (quota.tokens_per_day, "tokens/day"),
    ];
    let limits = limits.into_iter().filter_map(|(limit, unit)| {
        let limit = text::number(u64::from(limit?));
        Some(format!("{limit} {unit}"))
    });
    let limits: Vec<_> = limits.collect();
    match limits.is_empty() {
        true => "no limit".to_owned(),
        false => limits.join(", "),
    }
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    let number = query.get("page").and_then(|number| number.parse().ok());
    let frame = Frame::new("keys", &visitor).after(query.get("done"));
    let list = list(&app, &site, frame, number.unwrap_or(1)).await?;
    html(&list)
}

async fn list(app: &AppState, site: &Site, frame: Frame, number: usize) -> Result<Keys, ApiError> {
    let keys = app.store.keys().await?;
    let num_pages = keys.len().div_ceil(PER_PAGE).max(1);
    let number = number.clamp(1, num_pages);
    let now = now();
    let shown = keys.iter().skip((number - 1) * PER_PAGE).take(PER_PAGE);
    Ok(Keys {
        page: page(site, "Keys"),
        frame,
        keys: shown.map(|key| KeyRow::of(key, now)).collect(),
        num_keys: keys.len(),
        before: (number > 1).then(|| number - 1),
        after: (number < num_pages).then(|| number + 1),
        new_id: KeyId::random()?.0,
        fields: Fields::default(),
        error: None,
    })
}

/// Makes a key and shows its secret, this once: it is kept nowhere, so that this answer cannot send
/// the browser on to another page. A form that is sent again finds its key there.
pub(super) async fn create(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    site: Site,
    Checked(form): Checked,
) -> Result<Response, ApiError> {
    let frame = Frame::new("keys", &visitor);
    let made = match (new_id(&form), Wanted::of(form.key_members())) {
        (Ok(id), Ok(wanted)) => make(&app, id, wanted).await,
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
    };
    let (error, status) = match made {
        Ok((key, secret)) => {
            let template = Created {
                page: page(&site, "New key"),
                frame,
                id: key.id.0.clone(),
                name: key_name(&key),
                secret: secret.expose().to_owned(),
            };
            return html_with(StatusCode::CREATED, &template);
        }
        Err(ApiError::Router(RouterError::Invalid(error))) => {
            (friendly(&error), StatusCode::BAD_REQUEST)
        }
        Err(ApiError::Store(StoreError::Duplicate)) => {
            let words =
                "This form was sent before: its key is in the list below, and was shown then.";
            (words.to_owned(), StatusCode::CONFLICT)
        }
        Err(ApiError::Store(error @ StoreError::TooMany { .. })) => {
            (error.to_string(), StatusCode::CONFLICT)
        }
        Err(error) => return Err(error),
    };
    let template = Keys {
        fields: Fields::sent(&form),
        error: Some(error),
        ..list(&app, &site, frame, 1).await?
    };
    html_with(status, &template)
}

/// The id that the page gave the key.
fn new_id(form: &Form) -> Result<KeyId, InvalidRequest> {
    let id = form.get("id").unwrap_or_default();
    let rest = id.strip_prefix("key_").unwrap_or_default();
    let is_id = rest.len() == 12 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match is_id {
        true => Ok(KeyId(id.to_owned())),
        false => Err(InvalidRequest::new("load the page again and repeat it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_few_words() {
        let mut quota = KeyQuota::default();
        assert_eq!(quota_text(&quota), "no limit");
        quota.requests_per_day = Some(2000);
        quota.tokens_per_minute = Some(9);
        assert_eq!(quota_text(&quota), "2,000 requests/day, 9 tokens/min");
    }
}
