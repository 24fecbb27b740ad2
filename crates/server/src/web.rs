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
use crate::routes::AppState;

pub(crate) use error::not_found;

/// What a page may load and do: its own scripts, styles and pictures, and nothing of anybody else's.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Every page.
pub(crate) fn routes(app: &Arc<AppState>, auth: Arc<Auth>) -> Routes<Arc<AppState>> {
    let for_everybody = Routes::new()
        .route("/", get(home::show))
        .route("/models", get(models::show))
        .route("/models/", get(models::to_list))
        .route("/models/{*name}", get(model::show))
        .route("/compare", get(models::compare))
        .route("/docs", get(docs::show))
        .route("/docs/{section}", get(docs::section))
        .route("/providers", get(providers::list))
        .route("/providers/{*author}", get(providers::show))
        .route("/chat", get(chat::show))
        .route("/status", get(status::show))
        .route("/report", post(model::report))
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
        .route("/openapi.json", get(openapi::show))
        .route("/feed.xml", get(feed::rss))
        .route("/feed.json", get(feed::json_feed))
        .route("/sitemap.xml", get(sitemap::show))
        .route("/robots.txt", get(sitemap::robots))
        .route("/og/site.png", get(pictures::of_site))
        .route("/og/models/{*name}", get(pictures::of_model))
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
