//! `/login` and `/logout`.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use router::recorder::now;
use router::whole_seconds;
use store::{ApiKey, KeyRecord, SessionRecord, SessionToken, StoreError, Timestamp};
use tokio::time::Instant;

use super::form::{Checked, Form};
use super::gate::{self, SESSION_S, Visitor};
use super::{page, see_other};
use crate::body::discard;
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::AppState;
use crate::web::page::{Page, html_with};
use crate::web::site::Site;

/// The same words whatever is wrong with a key: they help nobody who tries some.
const REFUSED: &str = "That is not a key that opens the dashboard. It takes the key of an \
                       administrator, which `freeway keys create --admin` makes.";

#[derive(Template)]
#[template(path = "web/dashboard/login.html")]
struct Login {
    page: Page,
    next: String,
    error: Option<String>,
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    site: Site,
    request: Request,
) -> Result<Response, ApiError> {
    let query = Query::of(request.uri());
    let next = gate::safe_next(query.get("next"));
    if gate::is_inside(&app, request.headers()).await? {
        return Ok(see_other(next));
    }
    login(&site, StatusCode::OK, next, None)
}

pub(super) async fn begin(
    State(app): State<Arc<AppState>>,
    site: Site,
    request: Request,
) -> Result<Response, ApiError> {
    if let Err(error) = gate::check_sender(&app, request.method(), request.headers()) {
        discard(request.into_body()).await;
        return Err(error);
    }
    let client = gate::client(&app, &request);
    let asked = request.headers().clone();
    let form = Form::read(&app, request).await?;
    let next = gate::safe_next(form.get("next"));
    if app.auth.is_keyless() {
        return Ok(see_other(next));
    }
    // A key that is good is never kept waiting: it has 256 random bits, so that the limit is there to spare
    // the store, and nobody else's tries may lock its owner out.
    let Some(key) = admin(&app, form.get("key").unwrap_or_default()).await? else {
        let tried = app.dashboard.throttle().admit(client, Instant::now());
        let Err(wait) = tried else {
            let words = Some(REFUSED.to_owned());
            return login(&site, StatusCode::FORBIDDEN, next, words);
        };
        let seconds = whole_seconds(wait);
        let words = format!("Too many tries. Wait {} minutes.", seconds.div_ceil(60));
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut response = login(&site, status, next, Some(words))?;
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        return Ok(response);
    };
    app.dashboard.throttle().succeeded(client);
    let token = SessionToken::generate()?;
    let created_at = now();
    let session = SessionRecord {
        hash: token.hash(),
        key_id: key.id.clone(),
        created_at,
        expires_at: Timestamp(created_at.0.saturating_add(SESSION_S * 1000)),
    };
    match app.store.create_session(&session).await {
        // It was revoked at this moment.
        Err(StoreError::NotFound) => {
            let words = Some(REFUSED.to_owned());
            return login(&site, StatusCode::FORBIDDEN, next, words);
        }
        result => result?,
    }
    app.router.recorder().key_used(key.id, created_at);
    let mut response = see_other(next);
    gate::set_cookie(&app, &asked, Some(&token), &mut response);
    Ok(response)
}

pub(super) async fn end(
    State(app): State<Arc<AppState>>,
    Extension(visitor): Extension<Visitor>,
    asked: HeaderMap,
    Checked(_): Checked,
) -> Result<Response, ApiError> {
    let Some(session) = visitor.session else {
        return Ok(see_other("/dashboard"));
    };
    app.store.delete_session(session).await?;
    let mut response = see_other("/login");
    gate::set_cookie(&app, &asked, None, &mut response);
    Ok(response)
}

/// The key of an administrator that opens the door now.
async fn admin(app: &AppState, text: &str) -> Result<Option<KeyRecord>, StoreError> {
    let Some(key) = ApiKey::parse(text) else {
        return Ok(None);
    };
    let key = app.store.key_by_hash(key.hash()).await?;
    Ok(key.filter(|key| key.is_active(now()) && key.settings.is_admin))
}

fn login(
    site: &Site,
    status: StatusCode,
    next: &str,
    error: Option<String>,
) -> Result<Response, ApiError> {
    let template = Login {
        page: page(site, "Log in"),
        next: next.to_owned(),
        error,
    };
    html_with(status, &template)
}
