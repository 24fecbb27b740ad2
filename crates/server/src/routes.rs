//! Who answers which path.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router as Routes;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::StreamExt;
use router::provider::AnswerEvent;
use router::recorder::now;
use router::{CallerQuota, Router, RouterError, WatchedStream};
use store::{Store, Timestamp};
use tokio::sync::watch;

use crate::accompany::{CHAT, COMPLETIONS, accompany};
use crate::api::{chat, completions, flr, health, history, keys, me, metrics, models, route};
use crate::auth::{self, Auth};
use crate::body::{BodyReader, discard};
use crate::error::{self, ApiError};
use crate::web::dashboard::Dashboard;
use crate::web::feed::Feeds;
use crate::web::model::ModelReads;
use crate::web::overview::Overviews;
use crate::web::pictures::Pictures;
use crate::web::{self, not_found};

/// What every endpoint may need.
pub(crate) struct AppState {
    pub(crate) router: Arc<Router>,
    pub(crate) store: Arc<dyn Store>,
    /// Ids of the providers whose lists the catalogue is made of.
    pub(crate) hosted_providers: Vec<String>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) quota: CallerQuota,
    pub(crate) charts: flr::Charts,
    pub(crate) overviews: Overviews,
    pub(crate) model_reads: ModelReads,
    pub(crate) feeds: Feeds,
    pub(crate) pictures: Pictures,
    /// Where the server listens, and the URL by which others reach it, if the settings say so.
    pub(crate) address: SocketAddr,
    pub(crate) public_url: Option<String>,
    pub(crate) dashboard: Dashboard,
    /// In a demonstration: the moment that pages and charts speak of.
    pub(crate) sample_moment: Option<Timestamp>,
    pub(crate) bodies: BodyReader,
    /// For requests that hold no conversation.
    pub(crate) small_bodies: BodyReader,
    pub(crate) keep_alive: Duration,
    /// Becomes true when no new requests are taken.
    pub(crate) drain: watch::Receiver<bool>,
    /// Becomes true when answers under way are broken off.
    pub(crate) stop: watch::Receiver<bool>,
}

impl AppState {
    /// The moment that pages and charts speak of: now, but for a demonstration.
    pub(crate) fn now(&self) -> Timestamp {
        self.sample_moment.unwrap_or_else(now)
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.drain.borrow()
    }

    /// Gives every event of an answer to `take`, until it is complete or the server breaks it off.
    pub(crate) async fn each(
        &self,
        stream: &mut WatchedStream,
        mut take: impl FnMut(AnswerEvent),
    ) -> Result<(), ApiError> {
        let mut stop = self.stop.clone();
        let is_stopped = async { stop.wait_for(|&is_stopped| is_stopped).await.is_ok() };
        tokio::pin!(is_stopped);
        loop {
            tokio::select! {
                event = stream.next() => match event {
                    Some(event) => take(event.map_err(RouterError::from)?),
                    None => return Ok(()),
                },
                _ = &mut is_stopped => {
                    stream.shut_down();
                    return Err(ApiError::ShuttingDown);
                }
            }
        }
    }
}

/// Every path of the server.
pub(crate) fn routes(app: Arc<AppState>, auth: Arc<Auth>) -> Routes {
    let cors = auth.cors();
    let for_callers = Routes::new()
        .route(CHAT, post(chat::create).fallback(only_post))
        .route(COMPLETIONS, post(completions::create).fallback(only_post))
        .route(
            "/v1/route/explain",
            post(route::explain).fallback(only_post),
        )
        .route("/v1/models", get(models::list).fallback(only_get))
        .route("/v1/models/{*id}", get(models::show).fallback(only_get))
        .route("/metrics", get(metrics::show).fallback(only_get))
        .layer(from_fn_with_state(Arc::clone(&auth), auth::require))
        .merge(Routes::new().fallback(no_such_path))
        // Outside of the keys: a browser asks first, without one, whether it may ask.
        .layer(cors);
    // Whoever watches over the server asks without a key.
    let for_everybody = Routes::new()
        .route("/healthz", get(health::alive).fallback(only_get))
        .route("/readyz", get(health::ready).fallback(only_get));
    for_everybody
        .merge(for_callers)
        .merge(web::routes(&app, Arc::clone(&auth)))
        .merge(own_api(Arc::clone(&auth)))
        .merge(flr_api(auth))
        .layer(from_fn_with_state(Arc::clone(&app), accompany))
        .with_state(app)
}

/// What holders of keys and administrators do about keys.
fn own_api(auth: Arc<Auth>) -> Routes<Arc<AppState>> {
    let cors = auth.cors();
    let for_admins = Routes::new()
        .route(
            "/api/admin/keys",
            get(keys::list).post(keys::create).fallback(only_get_post),
        )
        .route(
            "/api/admin/keys/{id}",
            get(keys::show)
                .patch(keys::change)
                .delete(keys::revoke)
                .fallback(only_get_patch_delete),
        )
        .route(
            "/api/admin/requests",
            get(history::of_all).fallback(only_get),
        )
        .layer(from_fn(auth::require_admin));
    Routes::new()
        .route("/api/v1/me", get(me::show).fallback(only_get))
        .route(
            "/api/v1/requests",
            get(history::of_caller).fallback(only_get),
        )
        .route(
            "/api/v1/preferences",
            get(me::show_preferences)
                .put(me::set_preferences)
                .fallback(only_get_put),
        )
        .merge(for_admins)
        .layer(from_fn_with_state(auth, auth::require))
        .layer(from_fn(error::plain))
        .layer(cors)
        .layer(from_fn(not_stored))
}

/// The paths of Free LLM Router. What charts show is for everybody who may reach this server.
fn flr_api(auth: Arc<Auth>) -> Routes<Arc<AppState>> {
    let for_everybody = Routes::new()
        .route("/api/health", get(flr::health).fallback(only_get))
        .route(
            "/api/availability",
            get(flr::availability).fallback(only_get),
        )
        .layer(from_fn_with_state(Arc::clone(&auth), auth::recognise))
        .layer(from_fn(error::plain));
    Routes::new()
        .route("/api/v1/models/ids", get(flr::ids).fallback(only_get))
        .route("/api/v1/models/full", get(flr::full).fallback(only_get))
        .route(
            "/api/v1/models/feedback",
            post(flr::feedback).fallback(only_post),
        )
        .layer(from_fn_with_state(Arc::clone(&auth), auth::require))
        .layer(from_fn(error::plain))
        .layer(from_fn_with_state(auth, flr::cors))
        .merge(for_everybody)
}

/// Secrets and what people said are in no cache.
pub(crate) async fn not_stored(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// Declares answers to methods that a path does not take.
macro_rules! only {
    ($($name:ident: $allowed:literal;)*) => {
        $(pub(crate) async fn $name(method: Method) -> ApiError {
            let method = method.to_string();
            let allowed = $allowed;
            ApiError::MethodNotAllowed { method, allowed }
        })*
    };
}

only! {
    only_post: "POST";
    only_get: "GET, HEAD";
    only_get_post: "GET, HEAD, POST";
    only_get_put: "GET, HEAD, PUT";
    only_get_patch_delete: "GET, HEAD, PATCH, DELETE";
}

/// Browsers are shown a page. Programs are told who may ask before they are told what there is.
async fn no_such_path(State(app): State<Arc<AppState>>, request: Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    let is_under = |part: &str| {
        let rest = path.strip_prefix(part);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_flat = is_under("/api");
    if !is_flat
        && !is_under("/v1")
        && let Some(page) = not_found(&app, request.headers())
    {
        return page;
    }
    let method = request.method().to_string();
    let error = match app.auth.check(request.headers()).await {
        Ok(_) => ApiError::NoSuchPath { method, path },
        Err(error) => error,
    };
    discard(request.into_body()).await;
    let response = error.into_response();
    match is_flat {
        true => error::flat(response),
        false => response,
    }
}
