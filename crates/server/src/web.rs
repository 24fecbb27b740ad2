//! The pages: HTML from what the store and the router know, readable without scripts.
//!
//! Each page is a file of code and a template of the same name beside it. [`overview`] is what all of
//! them know of all models, [`page`] what all have in common, [`assets`] what they load.

mod assets;
mod chart;
mod chat;
mod error;
mod home;
pub(crate) mod model;
mod models;
pub(crate) mod overview;
mod page;
mod providers;
mod row;
mod site;
mod status;
mod text;

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
        .route("/providers", get(providers::list))
        .route("/providers/{*author}", get(providers::show))
        .route("/chat", get(chat::show))
        .route("/status", get(status::show))
        .route("/report", post(model::report))
        .layer(from_fn_with_state(auth, auth::recognise))
        .layer(from_fn_with_state(Arc::clone(app), error::as_page))
        .layer(from_fn(with_policy));
    Routes::new()
        .route("/static/{version}/{name}", get(assets::show))
        .route("/favicon.ico", get(assets::favicon))
        .merge(for_everybody)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
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
