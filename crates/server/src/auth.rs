//! Who may ask.
//!
//! With keys required, a request brings one as `Authorization: Bearer …`. Without, the server
//! answers whoever reaches it, which is this machine only: and then a web page of another site
//! must not be able to ask through the user's browser. So in that case the `Host` must be a
//! loopback name (a page cannot fake it; this stops DNS rebinding) and an `Origin`, if there is
//! one, a loopback one or one that was allowed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use router::Caller;
use router::recorder::{Recorder, now};
use store::{ApiKey, KeyHash, KeyRecord, Store};
use tokio::time::timeout;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::body::discard;
use crate::error::ApiError;
use crate::listen::ServerConfig;

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
}

#[derive(Clone)]
struct Cached {
    /// `None`: there is no such key. Remembered as well, so that guessing costs no queries.
    record: Option<KeyRecord>,
    checked_at: Instant,
    use_recorded_at: Option<Instant>,
}

impl Auth {
    pub(crate) fn new(access: Access, recorder: Recorder, config: &ServerConfig) -> Self {
        Self {
            access,
            recorder,
            allowed_origins: config.allowed_origins.clone().into(),
            cache_time: config.key_cache,
            cache: Mutex::default(),
        }
    }

    async fn check(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        match &self.access {
            Access::Loopback => {
                self.check_loopback(headers)?;
                Ok(Caller::default())
            }
            Access::Keys(store) => self.check_key(store.as_ref(), headers).await,
        }
    }

    async fn check_key(&self, store: &dyn Store, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let refused = |words: &str| {
            Err(ApiError::Unauthorized(format!(
                "{words}; send `Authorization: Bearer KEY` with a key from `freeway keys create`"
            )))
        };
        let Some(presented) = headers.get(AUTHORIZATION) else {
            return refused("an API key is needed");
        };
        let key = presented
            .to_str()
            .ok()
            .and_then(|text| {
                let (scheme, token) = text.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
            })
            .and_then(ApiKey::parse);
        let Some(key) = key else {
            return refused("this is not an API key of Freeway");
        };
        let hash = key.hash();
        let cached = self.find(store, hash).await?;
        let Some(record) = cached.record.filter(|record| record.is_active(now())) else {
            return refused("this API key is unknown, expired or revoked");
        };
        let is_old = |at: Instant| at.elapsed() >= USE_INTERVAL;
        if cached.use_recorded_at.is_none_or(is_old) {
            self.recorder.key_used(record.id.clone(), now());
            if let Some(entry) = self.lock().get_mut(&hash) {
                entry.use_recorded_at = Some(Instant::now());
            }
        }
        Ok(Caller {
            key_id: Some(record.id),
        })
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
            record: found,
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
            && !is_loopback_origin(origin)
            && !is_listed(&self.allowed_origins, origin)
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
        let is_keyless = matches!(self.access, Access::Loopback);
        let may_ask = move |origin: &HeaderValue, _: &Parts| {
            let origin = origin.to_str().unwrap_or("");
            is_listed(&allowed, origin) || (is_keyless && is_loopback_origin(origin))
        };
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(may_ask))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([HeaderName::from_static("x-request-id"), RETRY_AFTER])
            .max_age(CORS_AGE)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<KeyHash, Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an origin is in the list; `*` stands for all.
fn is_listed(allowed: &[String], origin: &str) -> bool {
    allowed.iter().any(|one| one == "*" || one == origin)
}

fn is_loopback_origin(origin: &str) -> bool {
    let uri: Result<Uri, _> = origin.parse();
    uri.ok()
        .and_then(|uri| uri.authority().map(|authority| authority.to_string()))
        .is_some_and(|authority| is_loopback_authority(&authority))
}

/// Whether `host[:port]` names this machine.
fn is_loopback_authority(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for good in [
            "localhost",
            "LOCALHOST:8080",
            "app.localhost:1",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(is_loopback_authority(good), "{good}");
        }
        for bad in [
            "",
            "evil.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com",
            "evil.com:127",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "notlocalhost",
            "[",
        ] {
            assert!(!is_loopback_authority(bad), "{bad}");
        }
        assert!(is_loopback_origin("http://localhost:3000"));
        assert!(!is_loopback_origin("https://evil.com"));
        assert!(!is_loopback_origin("null"));
    }
}
