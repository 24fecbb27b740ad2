//! Who answers which path.

use std::sync::Arc;
use std::time::Duration;

use axum::Router as Routes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::StreamExt;
use router::provider::AnswerEvent;
use router::{Router, RouterError, WatchedStream};
use store::Store;
use tokio::sync::watch;

use crate::api::{chat, completions, health, metrics, models};
use crate::auth::{self, Auth};
use crate::body::BodyReader;
use crate::error::ApiError;
use crate::request_id;

/// What every endpoint may need.
pub(crate) struct AppState {
    pub(crate) router: Arc<Router>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bodies: BodyReader,
    pub(crate) keep_alive: Duration,
    /// Becomes true when no new requests are taken.
    pub(crate) drain: watch::Receiver<bool>,
    /// Becomes true when answers under way are broken off.
    pub(crate) stop: watch::Receiver<bool>,
}

impl AppState {
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
        .route(
            "/v1/chat/completions",
            post(chat::create).fallback(only_post),
        )
        .route(
            "/v1/completions",
            post(completions::create).fallback(only_post),
        )
        .route("/v1/models", get(models::list).fallback(only_get))
        .route("/v1/models/{*id}", get(models::show).fallback(only_get))
        .route("/metrics", get(metrics::show).fallback(only_get))
        .fallback(no_such_path)
        .layer(from_fn_with_state(auth, auth::require))
        // Outside of the keys: a browser asks first, without one, whether it may ask.
        .layer(cors);
    // Whoever watches over the server asks without a key.
    let for_everybody = Routes::new()
        .route("/healthz", get(health::alive).fallback(only_get))
        .route("/readyz", get(health::ready).fallback(only_get));
    for_everybody
        .merge(for_callers)
        .layer(from_fn_with_state(Arc::clone(&app), count))
        .layer(from_fn(request_id::name))
        .with_state(app)
}

async fn only_post(method: Method) -> ApiError {
    let method = method.to_string();
    let allowed = "POST";
    ApiError::MethodNotAllowed { method, allowed }
}

async fn only_get(method: Method) -> ApiError {
    let method = method.to_string();
    let allowed = "GET, HEAD";
    ApiError::MethodNotAllowed { method, allowed }
}

async fn no_such_path(method: Method, uri: Uri) -> Response {
    let path = uri.path().chars().take(200).collect();
    let method = method.to_string();
    ApiError::NoSuchPath { method, path }.into_response()
}

/// Counts answers. Paths and methods that no route knows are not told apart: they are the client's
/// to make up.
async fn count(State(app): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let response = next.run(request).await;
    let status = response.status().as_u16();
    app.router.metrics().http_response(&route, method, status);
    response
}
