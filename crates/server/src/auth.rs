//! Who may ask.
//!
//! With keys required, a request brings one as `Authorization: Bearer …` or `X-API-Key: …`. Without,
//! the server answers whoever reaches it, which is this machine only: and then a web page of another
//! site must not be able to ask through the user's browser. So in that case the `Host` must be a
//! loopback name (a page cannot fake it; this stops DNS rebinding) and an `Origin`, if there is
//! one, a loopback one or one that was allowed.

mod origin;
mod presented;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use router::Caller;
use router::recorder::{Recorder, now};
use store::{KeyHash, KeyId, KeyRecord, Store};
use tokio::time::timeout;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::body::discard;
use crate::error::ApiError;
use crate::listen::ServerConfig;
use crate::quota;
use crate::routing_headers;
use origin::{is_listed, is_loopback_authority, is_loopback_origin};
pub(crate) use presented::Refusal;

/// How long the store may take to find a key, and how long a record that was good is believed when
/// it takes longer or fails.
const STORE_PATIENCE: Duration = Duration::from_millis(500);
const STALE_FOR: Duration = Duration::from_secs(60);
/// How long a browser may remember what it may ask.
const CORS_AGE: Duration = Duration::from_secs(600);
/// Most keys in the cache.
const MAX_CACHED: usize = 10_000;
/// How often the use of a key is recorded.
const USE_INTERVAL: Duration = Duration::from_secs(60);

/// Who may use the server.
pub enum Access {
    /// Everybody on this machine.
    Loopback,
    /// Whoever has a key of this store.
    Keys(Arc<dyn Store>),
}

/// Checks requests.
pub(crate) struct Auth {
    access: Access,
    recorder: Recorder,
    allowed_origins: Arc<[String]>,
    cache_time: Duration,
    cache: Mutex<HashMap<KeyHash, Cached>>,
    /// Everybody, where no key is asked for.
    anybody: Caller,
}

#[derive(Clone)]
struct Cached {
    /// `None`: there is no such key. Remembered as well, so that guessing costs no queries.
    known: Option<Known>,
    checked_at: Instant,
    use_recorded_at: Option<Instant>,
}

/// A key, and its owner as the router knows them.
#[derive(Clone)]
struct Known {
    record: Arc<KeyRecord>,
    caller: Caller,
}

impl Auth {
    pub(crate) fn new(access: Access, recorder: Recorder, config: &ServerConfig) -> Self {
        Self {
            access,
            recorder,
            allowed_origins: config.allowed_origins.clone().into(),
            cache_time: config.key_cache,
            cache: Mutex::default(),
            anybody: Caller::of_this_machine(),
        }
    }

    /// Who asks, by what came with the request.
    pub(crate) async fn check(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        match &self.access {
            Access::Loopback => {
                self.check_loopback(headers)?;
                Ok(self.anybody.clone())
            }
            Access::Keys(store) => self.check_key(store.as_ref(), headers).await,
        }
    }

    /// Of what everybody may read: whose key it is, if a good one came along.
    async fn recognise(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        match self.check(headers).await {
            Err(ApiError::Unauthorized(_)) => Ok(Caller::default()),
            result => result,
        }
    }

    async fn check_key(&self, store: &dyn Store, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let hash = presented::key(headers)?.hash();
        let cached = self.find(store, hash).await?;
        let Some(known) = cached.known else {
            return Err(Refusal::Unknown.into());
        };
        if known.record.revoked_at.is_some() {
            return Err(Refusal::Revoked.into());
        }
        if !known.record.is_active(now()) {
            return Err(Refusal::Expired.into());
        }
        let is_old = |at: Instant| at.elapsed() >= USE_INTERVAL;
        if cached.use_recorded_at.is_none_or(is_old) {
            self.recorder.key_used(known.record.id.clone(), now());
            if let Some(entry) = self.lock().get_mut(&hash) {
                entry.use_recorded_at = Some(Instant::now());
            }
        }
        Ok(known.caller)
    }

    /// Reads a key anew when it is presented next: it was changed here.
    pub(crate) fn forget(&self, id: &KeyId) {
        let is_it = |cached: &Cached| {
            cached
                .known
                .as_ref()
                .is_some_and(|one| one.record.id == *id)
        };
        self.lock().retain(|_, cached| !is_it(cached));
    }

    /// What is known of a key: from the cache while that is fresh, else from the store.
    async fn find(&self, store: &dyn Store, hash: KeyHash) -> Result<Cached, ApiError> {
        let known = self.lock().get(&hash).cloned();
        if let Some(known) = &known
            && known.checked_at.elapsed() < self.cache_time
        {
            return Ok(known.clone());
        }
        let mut lookup = store.key_by_hash(hash);
        let found = match (timeout(STORE_PATIENCE, &mut lookup).await, &known) {
            (Ok(Ok(record)), _) => record,
            // A store that is busy or broken does not lock out who was let in a moment ago.
            (_, Some(known)) if known.checked_at.elapsed() < STALE_FOR => {
                return Ok(known.clone());
            }
            (Ok(Err(error)), _) => return Err(ApiError::Store(error)),
            (Err(_), _) => lookup.await.map_err(ApiError::Store)?,
        };
        let mut cache = self.lock();
        if cache.len() >= MAX_CACHED {
            cache.retain(|_, cached| cached.checked_at.elapsed() < self.cache_time);
            if cache.len() >= MAX_CACHED {
                cache.clear();
            }
        }
        let cached = Cached {
            known: found.map(|record| Known {
                caller: Caller::of_key(&record),
                record: Arc::new(record),
            }),
            checked_at: Instant::now(),
            use_recorded_at: known.and_then(|known| known.use_recorded_at),
        };
        cache.insert(hash, cached.clone());
        Ok(cached)
    }

    fn check_loopback(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        if let Some(host) = text(HOST)
            && !is_loopback_authority(host)
        {
            return Err(ApiError::Forbidden(format!(
                "without API keys only this machine is answered, and {host:?} is no name of it; \
                 use 127.0.0.1 or localhost, or set require_key"
            )));
        }
        if let Some(origin) = text(ORIGIN)
            && !self.is_own_page(origin)
        {
            return Err(ApiError::Forbidden(format!(
                "pages of {origin:?} are not answered; add it to allowed_origins if they may ask"
            )));
        }
        Ok(())
    }

    /// Tells browsers which pages may ask and read: those that are listed, and without keys those of
    /// this machine.
    pub(crate) fn cors(&self) -> CorsLayer {
        let allowed = Arc::clone(&self.allowed_origins);
        let is_keyless = self.is_keyless();
        let may_ask = move |origin: &HeaderValue, _: &Parts| {
            let origin = origin.to_str().unwrap_or("");
            is_listed(&allowed, origin) || (is_keyless && is_loopback_origin(origin))
        };
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(may_ask))
            .allow_methods([
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(exposed_headers())
            .max_age(CORS_AGE)
    }

    /// Whether no key is asked for.
    pub(crate) fn is_keyless(&self) -> bool {
        matches!(self.access, Access::Loopback)
    }

    /// Whether pages of this origin may read answers of a server that asks for no key.
    pub(crate) fn is_own_page(&self, origin: &str) -> bool {
        is_loopback_origin(origin) || is_listed(&self.allowed_origins, origin)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<KeyHash, Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What pages may read of the head of an answer.
pub(crate) fn exposed_headers() -> Vec<HeaderName> {
    let mut names = vec![HeaderName::from_static("x-request-id"), RETRY_AFTER];
    names.extend(quota::HEADERS);
    names.extend([routing_headers::DEPLOYMENT, routing_headers::ATTEMPTS]);
    names
}

/// Lets a request pass with its [`Caller`], or refuses it.
pub(crate) async fn require(
    State(auth): State<Arc<Auth>>,
    mut request: Request,
    next: Next,
) -> Response {
    match auth.check(request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            discard(request.into_body()).await;
            error.into_response()
        }
    }
}

/// Lets everybody pass who may reach this server, with or without a key.
pub(crate) async fn recognise(
    State(auth): State<Arc<Auth>>,
    mut request: Request,
    next: Next,
) -> Response {
    match auth.recognise(request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// Lets administrators pass; behind [`require`].
pub(crate) async fn require_admin(
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    if caller.is_admin() {
        return next.run(request).await;
    }
    discard(request.into_body()).await;
    ApiError::NotAdmin.into_response()
}
