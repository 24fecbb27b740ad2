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
mod postgres;
mod random;
mod requests;
mod retention;
mod sessions;
mod sharing;
mod usage;

use std::sync::Arc;

use store::{
    ApiKey, KeyId, KeyRecord, KeySettings, MAX_ROWS, NewKey, RequestQuery, RequestRecord, Store,
    Timestamp, connect,
};
use tempfile::TempDir;

use postgres::Schema;

/// An empty store, and what keeps its file or its schema from being deleted.
struct Subject {
    name: &'static str,
    store: Arc<dyn Store>,
    /// Opens the same database once more; `None`: it cannot be shared.
    url: Option<String>,
    _place: Place,
}

/// Goes when it is dropped.
enum Place {
    Memory,
    File { _directory: TempDir },
    Postgres { _schema: Schema },
}

/// One of each kind.
async fn stores() -> Vec<Subject> {
    let mut stores = sqlite_stores().await;
    stores.extend(postgres_store().await);
    stores
}

async fn sqlite_stores() -> Vec<Subject> {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("freeway.db").display());
    vec![
        Subject {
            name: "SQLite in memory",
            store: connect("sqlite::memory:").await.unwrap(),
            url: None,
            _place: Place::Memory,
        },
        Subject {
            name: "a SQLite file",
            store: connect(&url).await.unwrap(),
            url: Some(url),
            _place: Place::File {
                _directory: directory,
            },
        },
    ]
}

async fn postgres_store() -> Option<Subject> {
    let schema = Schema::create().await?;
    let url = schema.url();
    Some(Subject {
        name: "PostgreSQL",
        store: connect(&url).await.unwrap(),
        url: Some(url),
        _place: Place::Postgres { _schema: schema },
    })
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

/// Runs what a random test tells.
fn block_on(future: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future);
}
