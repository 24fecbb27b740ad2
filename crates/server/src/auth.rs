//! Who may ask.
//!
//! With keys required, a request brings one as `Authorization: Bearer …`. Without, the server
//! answers whoever reaches it, which is this machine only: and then a web page of another site
//! must not be able to ask through the user's browser. So in that case the `Host` must be a
//! loopback name (a page cannot fake it; this stops DNS rebinding) and an `Origin`, if there is
//! one, a loopback one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use router::Caller;
use router::recorder::{Recorder, now};
use store::{ApiKey, KeyHash, KeyRecord, Store, Timestamp};

use crate::error::ApiError;

/// How long a key's record is believed before the store is asked again: a revoked key works at
/// most that much longer.
const CACHE_MS: i64 = 10_000;
/// Most keys in the cache.
const MAX_CACHED: usize = 10_000;
/// How often the use of a key is recorded.
const USE_INTERVAL_MS: i64 = 60_000;

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
    cache: Mutex<HashMap<KeyHash, Cached>>,
}

#[derive(Clone)]
struct Cached {
    /// `None`: there is no such key. Remembered as well, so that guessing costs no queries.
    record: Option<KeyRecord>,
    checked_at: Timestamp,
    use_recorded_at: Timestamp,
}

impl Auth {
    pub(crate) fn new(access: Access, recorder: Recorder) -> Self {
        Self {
            access,
            recorder,
            cache: Mutex::default(),
        }
    }

    async fn check(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        match &self.access {
            Access::Loopback => {
                check_loopback(headers)?;
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
        let (hash, now) = (key.hash(), now());
        let cached = match self.cached(hash, now) {
            Some(cached) => cached,
            None => self.look_up(store, hash, now).await?,
        };
        let Some(record) = cached.record.filter(|record| record.is_active(now)) else {
            return refused("this API key is unknown, expired or revoked");
        };
        if now.0 - cached.use_recorded_at.0 >= USE_INTERVAL_MS {
            self.recorder.key_used(record.id.clone(), now);
            if let Some(entry) = self.lock().get_mut(&hash) {
                entry.use_recorded_at = now;
            }
        }
        Ok(Caller {
            key_id: Some(record.id),
        })
    }

    fn cached(&self, hash: KeyHash, now: Timestamp) -> Option<Cached> {
        let cached = self.lock().get(&hash).cloned()?;
        (now.0 - cached.checked_at.0 < CACHE_MS).then_some(cached)
    }

    async fn look_up(
        &self,
        store: &dyn Store,
        hash: KeyHash,
        now: Timestamp,
    ) -> Result<Cached, ApiError> {
        let record = store.key_by_hash(hash).await.map_err(ApiError::Store)?;
        let mut cache = self.lock();
        if cache.len() >= MAX_CACHED {
            cache.retain(|_, cached| now.0 - cached.checked_at.0 < CACHE_MS);
            if cache.len() >= MAX_CACHED {
                cache.clear();
            }
        }
        let before = cache
            .get(&hash)
            .map_or(Timestamp(0), |old| old.use_recorded_at);
        let cached = Cached {
            record,
            checked_at: now,
            use_recorded_at: before,
        };
        cache.insert(hash, cached.clone());
        Ok(cached)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<KeyHash, Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_loopback(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if let Some(host) = text(HOST)
        && !is_loopback_authority(host)
    {
        return Err(ApiError::Forbidden(format!(
            "without API keys only this machine is answered, and {host:?} is no name of it; use \
             127.0.0.1 or localhost, or set require_key"
        )));
    }
    if let Some(origin) = text(ORIGIN)
        && !is_loopback_origin(origin)
    {
        return Err(ApiError::Forbidden(format!(
            "without API keys pages of other sites are not answered, such as those of {origin:?}; \
             set require_key to let them ask with a key"
        )));
    }
    Ok(())
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
        Err(error) => error.into_response(),
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
