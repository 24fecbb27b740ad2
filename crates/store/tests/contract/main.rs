//! The contract of [`Store`]: one story for each method, told to every database.
//!
//! PostgreSQL hears it if `TEST_DATABASE_URL` names one, in a schema for each test.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

mod attempts;
mod catalog;
mod counters;
mod feedback;
mod files;
mod keys;
mod kill;
mod lifetime;
mod locks;
mod model;
mod random;
mod requests;
mod retention;
mod sharing;

use std::sync::Arc;

use store::{
    ApiKey, KeyId, KeyRecord, KeySettings, MAX_ROWS, NewKey, RequestQuery, RequestRecord, Store,
    Timestamp, connect,
};
use tempfile::TempDir;

/// An empty store, and what keeps its file from being deleted.
struct Subject {
    name: &'static str,
    store: Arc<dyn Store>,
    /// Opens the same database once more; `None`: it cannot be shared.
    url: Option<String>,
    _directory: Option<TempDir>,
}

/// One of each kind.
async fn stores() -> Vec<Subject> {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("freeway.db").display());
    vec![
        Subject {
            name: "SQLite in memory",
            store: connect("sqlite::memory:").await.unwrap(),
            url: None,
            _directory: None,
        },
        Subject {
            name: "a SQLite file",
            store: connect(&url).await.unwrap(),
            url: Some(url),
            _directory: Some(directory),
        },
    ]
}

/// One of each kind that several processes can share, and its URL.
async fn shared_stores() -> Vec<(Subject, String)> {
    let subjects = stores().await.into_iter();
    let shared = subjects.filter_map(|subject| {
        let url = subject.url.clone()?;
        Some((subject, url))
    });
    shared.collect()
}

fn new_key(name: &str, created_at: i64) -> NewKey {
    let secret = ApiKey::generate().unwrap();
    NewKey {
        id: KeyId::random().unwrap(),
        name: name.to_owned(),
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        created_at: Timestamp(created_at),
        expires_at: None,
        settings: KeySettings::default(),
    }
}

/// What the store should make of a new key.
fn unused(key: &NewKey) -> KeyRecord {
    KeyRecord {
        id: key.id.clone(),
        name: key.name.clone(),
        prefix: key.prefix.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: None,
        last_used_at: None,
        settings: key.settings.clone(),
    }
}

fn request(id: &str, started_at: i64) -> RequestRecord {
    RequestRecord {
        id: id.to_owned(),
        key_id: None,
        started_at: Timestamp(started_at),
        operation: "chat".to_owned(),
        requested_model: "demo".to_owned(),
        deployment: Some("local/demo".to_owned()),
        outcome: "ok".to_owned(),
        is_stream: true,
        first_token_ms: Some(12),
        duration_ms: 345,
        prompt_tokens: 67,
        completion_tokens: 8,
        reasoning_tokens: 4,
        content: None,
    }
}

/// All requests, the newest first.
async fn all_requests(store: &Arc<dyn Store>) -> Vec<RequestRecord> {
    let query = RequestQuery {
        limit: MAX_ROWS,
        ..RequestQuery::default()
    };
    store.requests(&query).await.unwrap()
}

fn ids(requests: &[RequestRecord]) -> Vec<&str> {
    requests.iter().map(|request| request.id.as_str()).collect()
}
