//! Failures as pages.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ALLOW, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::page::{Nav, Page, html_with};
use super::site::Site;
use crate::error::Message;
use crate::routes::AppState;

#[derive(Template)]
#[template(path = "web/error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    reason: &'static str,
    message: String,
}

/// Makes the page of a failure.
pub(super) async fn as_page(
    State(app): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let site = Site::of(&app, request.headers());
    let response = next.run(request).await;
    let Some(Message(message)) = response.extensions().get::<Message>() else {
        return response;
    };
    let mut page = page_of(&site, response.status(), message);
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}

/// The answer to a path where nothing is, to somebody with a browser; `None` to programs.
pub(crate) fn not_found(app: &AppState, headers: &HeaderMap) -> Option<Response> {
    let accepted = headers.get(ACCEPT)?.to_str().ok()?;
    if !accepted.contains("text/html") {
        return None;
    }
    let message = "There is no page at this address. The link may be old, or mistyped.";
    let mut page = page_of(&Site::of(app, headers), StatusCode::NOT_FOUND, message);
    super::say_policy(page.headers_mut());
    Some(page)
}

fn page_of(site: &Site, status: StatusCode, message: &str) -> Response {
    let reason = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        status => status.canonical_reason().unwrap_or("Something went wrong"),
    };
    let page = site.page(Nav::Other, "/", reason, message).not_indexed();
    let template = ErrorPage {
        page,
        status: status.as_u16(),
        reason,
        message: message.to_owned(),
    };
    html_with(status, &template).unwrap_or_else(|_| status.into_response())
}
