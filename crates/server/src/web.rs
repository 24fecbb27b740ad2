//! The pages: HTML from what the store and the router know, readable without scripts.
//!
//! Each page is a file of code and a template of the same name beside it. [`overview`] is what all of
//! them know of all models, [`page`] what all have in common, [`assets`] what they load.

mod assets;
pub(crate) mod changes;
mod chart;
mod chat;
pub(crate) mod dashboard;
mod docs;
mod document;
mod error;
pub(crate) mod feed;
mod home;
mod json_ld;
pub(crate) mod model;
mod models;
pub(crate) mod overview;
mod page;
mod picture;
pub(crate) mod pictures;
mod providers;
mod row;
pub(crate) mod site;
mod sitemap;
mod status;
pub(crate) mod text;
mod xml;

use std::sync::Arc;

use axum::Router as Routes;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::auth::{self, Auth};
use crate::openapi;
use crate::routes::{AppState, only_get, only_post};

pub(crate) use error::not_found;

/// What a page may load and do: its own scripts, styles and pictures, and nothing of anybody else's.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Every page.
pub(crate) fn routes(app: &Arc<AppState>, auth: Arc<Auth>) -> Routes<Arc<AppState>> {
    let for_everybody = Routes::new()
        .route("/", get(home::show).fallback(only_get))
        .route("/models", get(models::show).fallback(only_get))
        .route("/models/", get(models::to_list).fallback(only_get))
        .route("/models/{*name}", get(model::show).fallback(only_get))
        .route("/compare", get(models::compare).fallback(only_get))
        .route("/docs", get(docs::show).fallback(only_get))
        .route("/docs/{section}", get(docs::section).fallback(only_get))
        .route("/providers", get(providers::list).fallback(only_get))
        .route(
            "/providers/{*author}",
            get(providers::show).fallback(only_get),
        )
        .route("/chat", get(chat::show).fallback(only_get))
        .route("/status", get(status::show).fallback(only_get))
        .route("/report", post(model::report).fallback(only_post))
        .layer(from_fn_with_state(Arc::clone(&auth), auth::recognise))
        .layer(from_fn_with_state(Arc::clone(app), error::as_page))
        .layer(from_fn(with_policy));
    Routes::new()
        .route("/static/{version}/{name}", get(assets::show))
        .route("/favicon.ico", get(assets::favicon))
        .merge(for_everybody)
        .merge(documents(auth))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .merge(dashboard::routes(app))
}

/// What programs read of the same: descriptions, news and pictures.
fn documents(auth: Arc<Auth>) -> Routes<Arc<AppState>> {
    let cors = auth.cors();
    Routes::new()
        .route("/openapi.json", get(openapi::show).fallback(only_get))
        .route("/feed.xml", get(feed::rss).fallback(only_get))
        .route("/feed.json", get(feed::json_feed).fallback(only_get))
        .route("/sitemap.xml", get(sitemap::show).fallback(only_get))
        .route("/robots.txt", get(sitemap::robots).fallback(only_get))
        .route("/og/site.png", get(pictures::of_site).fallback(only_get))
        .route(
            "/og/models/{*name}",
            get(pictures::of_model).fallback(only_get),
        )
        .layer(from_fn_with_state(auth, auth::recognise))
        .layer(cors)
}

/// Says what browsers may do with a page.
async fn with_policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    say_policy(response.headers_mut());
    response
}

fn say_policy(headers: &mut HeaderMap) {
    let mut say = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    say(CONTENT_SECURITY_POLICY, POLICY);
    say(X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(REFERRER_POLICY, "same-origin");
    // Another page must not keep a handle on one of these.
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    say(opener, "same-origin");
    say(CACHE_CONTROL, "no-cache");
}

/// The name of a host for people.
fn host_name(id: &str) -> String {
    match router::presets::preset(id) {
        Some(preset) => preset.name.to_owned(),
        None => text::name(id),
    }
}
