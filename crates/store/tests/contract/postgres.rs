//! What only a server has: it may be missing, start anew, and be used by others.

use std::io::Write;
use std::sync::{Arc, Once};

use store::{Counter, KeyId, StoreError, Take, Taken, Timestamp, connect};
use tokio_postgres::{Client, NoTls};

use crate::{all_requests, new_key, request};

/// Names the database that tests may use.
const URL_VARIABLE: &str = "TEST_DATABASE_URL";

/// An empty schema of the test database.
pub(crate) struct Schema {
    base_url: String,
    name: String,
}

impl Schema {
    /// `None` without a test database.
    pub(crate) async fn create() -> Option<Self> {
        static NOTICE: Once = Once::new();
        let Ok(base_url) = std::env::var(URL_VARIABLE) else {
            // Not by a macro, whose output tests keep to themselves.
            NOTICE.call_once(|| {
                let mut stderr = std::io::stderr();
                let notice = "PostgreSQL is left out: TEST_DATABASE_URL is not set";
                writeln!(stderr, "{notice}").unwrap();
            });
            return None;
        };
        let random = KeyId::random().unwrap().0.to_lowercase();
        let schema = Self {
            base_url,
            name: format!("freeway_test_{random}"),
        };
        let client = client(&schema.base_url).await;
        let create = format!("CREATE SCHEMA {}", schema.name);
        client.batch_execute(&create).await.unwrap();
        Some(schema)
    }

    /// The URL of a store in it.
    pub(crate) fn url(&self) -> String {
        let separator = if self.base_url.contains('?') {
            '&'
        } else {
            '?'
        };
        let Self { base_url, name } = self;
        format!("{base_url}{separator}options=-csearch_path%3D{name}&application_name={name}")
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (url, name) = (self.base_url.clone(), self.name.clone());
        // The runtime of the test may be ending.
        let thread = std::thread::spawn(move || {
            crate::block_on(async {
                let drop = format!("DROP SCHEMA {name} CASCADE");
                client(&url).await.batch_execute(&drop).await.unwrap();
            });
        });
        let _ = thread.join();
    }
}

/// A connection that is not the store's.
async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A schema that a store has not touched yet, and a connection that looks into it.
async fn untouched() -> Option<(Schema, Client)> {
    let schema = Schema::create().await?;
    let client = client(&schema.url()).await;
    Some((schema, client))
}

const KEYS_AND_REQUESTS: &str =
    include_str!("../../migrations/postgres/0001_keys_and_requests.sql");

/// Everything that a schema is made of.
async fn description(client: &Client) -> Vec<String> {
    let sql = "\
        SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
            || coalesce(column_default, '')
        FROM information_schema.columns WHERE table_schema = current_schema()
        UNION SELECT replace(indexdef, current_schema(), '') FROM pg_indexes
            WHERE schemaname = current_schema()
        ORDER BY 1";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn an_older_schema_becomes_the_latest_and_keeps_what_it_has() {
    let Some((new, new_client)) = untouched().await else {
        return;
    };
    drop(connect(&new.url()).await.unwrap());
    let latest = description(&new_client).await;
    assert!(latest.iter().any(|line| line.contains("attempt_days")));

    let (old, old_client) = untouched().await.unwrap();
    let first_version = "\
        CREATE TABLE freeway_schema (
            is_the_only BOOLEAN PRIMARY KEY DEFAULT true CHECK (is_the_only),
            version BIGINT NOT NULL);
        INSERT INTO freeway_schema (version) VALUES (1);
        INSERT INTO api_keys VALUES ('key_1', 'old', 'fw_', decode(repeat('ab', 32), 'hex'), 1);
        INSERT INTO requests VALUES ('r', 'key_1', 2, 'chat', 'm', NULL, 'ok', false, NULL, 3, 4,
            5, 6)";
    old_client.batch_execute(KEYS_AND_REQUESTS).await.unwrap();
    old_client.batch_execute(first_version).await.unwrap();
    for _ in 0..2 {
        let store = connect(&old.url()).await.unwrap();
        assert_eq!(description(&old_client).await, latest);
        let keys = store.keys().await.unwrap();
        assert_eq!(keys[0].id, KeyId("key_1".to_owned()));
        assert_eq!(keys[0].settings, store::KeySettings::default());
        assert_eq!(all_requests(&store).await[0].reasoning_tokens, 6);
    }
}

#[tokio::test]
async fn those_who_open_an_empty_schema_at_once_all_succeed() {
    let Some((schema, client)) = untouched().await else {
        return;
    };
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..6 {
        let url = schema.url();
        tasks.spawn(async move {
            let store = connect(&url).await.unwrap();
            let requests = [request(&i.to_string(), 1)];
            store.insert_requests(&requests).await.unwrap();
        });
    }
    tasks.join_all().await;
    let sql = "SELECT count(*) FROM requests";
    let count: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(count, 6);
}

#[tokio::test]
async fn a_newer_schema_and_tables_of_others_are_refused_and_left_as_they_are() {
    let Some((newer, client)) = untouched().await else {
        return;
    };
    drop(connect(&newer.url()).await.unwrap());
    let update = "UPDATE freeway_schema SET version = 99";
    client.batch_execute(update).await.unwrap();
    let error = connect(&newer.url()).await.err().unwrap();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 99, .. }),
        "{error:?}"
    );
    let sql = "SELECT version FROM freeway_schema";
    let version: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(version, 99);

    let (foreign, client) = untouched().await.unwrap();
    let create = "CREATE TABLE requests (theirs TEXT)";
    client.batch_execute(create).await.unwrap();
    let before = description(&client).await;
    let error = connect(&foreign.url()).await.err().unwrap();
    assert!(
        matches!(error, StoreError::ForeignSchema { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains(&foreign.name), "{error}");
    assert_eq!(description(&client).await, before);
}

#[tokio::test]
async fn a_schema_that_is_not_there_is_an_error_that_says_so() {
    let Some((schema, client)) = untouched().await else {
        return;
    };
    let drop = format!("ALTER SCHEMA {0} RENAME TO {0}_moved", schema.name);
    client.batch_execute(&drop).await.unwrap();
    let error = connect(&schema.url()).await.err().unwrap();
    let back = format!("ALTER SCHEMA {0}_moved RENAME TO {0}", schema.name);
    client.batch_execute(&back).await.unwrap();
    assert!(matches!(error, StoreError::InvalidUrl { .. }), "{error:?}");
    assert!(error.to_string().contains("search_path"), "{error}");
}

/// Ends all other connections to the schema, as a server that starts anew does. How many they were.
async fn end_connections(schema: &Schema, client: &Client) -> usize {
    let sql = "\
        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE application_name = $1 AND pid <> pg_backend_pid()";
    client.query(sql, &[&schema.name]).await.unwrap().len()
}

#[tokio::test]
async fn calls_go_on_after_the_server_has_ended_every_connection() {
    let Some((schema, client)) = untouched().await else {
        return;
    };
    let store = connect(&schema.url()).await.unwrap();
    for round in 0..3 {
        // Several at once, so that there are several connections.
        let mut tasks = tokio::task::JoinSet::new();
        for i in 0..4 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                let requests = [request(&format!("{round}-{i}"), round)];
                store.insert_requests(&requests).await.unwrap();
            });
        }
        tasks.join_all().await;
        assert!(end_connections(&schema, &client).await > 0);
        store.ping().await.unwrap();
        // Also what may not be done twice.
        store.create_key(new_key("new", round)).await.unwrap();
        let takes = [Take {
            counter: Counter {
                name: "requests".to_owned(),
                start: Timestamp(0),
            },
            amount: 1,
            limit: None,
        }];
        assert!(end_connections(&schema, &client).await > 0);
        let taken = store.take(&takes).await.unwrap();
        assert_eq!(taken, Taken::Done(vec![round as u64 + 1]));
        assert_eq!(all_requests(&store).await.len() as i64, 4 * (round + 1));
        assert_eq!(store.keys().await.unwrap().len() as i64, round + 1);
    }
}

#[tokio::test]
async fn a_lock_whose_connection_ends_is_free() {
    let Some((schema, client)) = untouched().await else {
        return;
    };
    let store = connect(&schema.url()).await.unwrap();
    let held = store.try_lock("sync").await.unwrap();
    assert!(held.is_some());
    assert!(store.try_lock("sync").await.unwrap().is_none());
    end_connections(&schema, &client).await;
    assert!(store.try_lock("sync").await.unwrap().is_some());
}

#[tokio::test]
async fn a_statement_that_others_hold_up_for_too_long_is_busy() {
    let Some((schema, mut client)) = untouched().await else {
        return;
    };
    let store = connect(&schema.url()).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let lock = "LOCK TABLE requests IN ACCESS EXCLUSIVE MODE";
    transaction.batch_execute(lock).await.unwrap();
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.insert_requests(&[request("a", 1)]).await })
    };
    // Whoever waits for the lock is told to stop, as it would be in the end.
    let cancel = "\
        SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
        WHERE application_name = $1 AND wait_event_type = 'Lock'";
    loop {
        let row = transaction.query_one(cancel, &[&schema.name]).await;
        if row.unwrap().get::<_, i64>(0) > 0 {
            break;
        }
    }
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Busy), "{error:?}");
    transaction.rollback().await.unwrap();
    assert_eq!(all_requests(&store).await, []);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_without_the_password() {
    // A port that nobody listens on: it was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("postgres://ada:hunter2@127.0.0.1:{port}/freeway");
    let error = connect(&url).await.err().unwrap();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    let told = format!("{error} {error:?}");
    assert!(
        told.contains(&format!("127.0.0.1:{port}/freeway")),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let Some((schema, _)) = untouched().await else {
        return;
    };
    let error = connect(&format!("{}&sslmode=require", schema.url())).await;
    let error = error.err().unwrap();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    let mut told = String::new();
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = source {
        told += &error.to_string();
        source = error.source();
    }
    assert!(told.contains("TLS"), "{told}");
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_an_error_that_names_their_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path(), std::path::Path::new("/no/such/file.pem")] {
        let path = path.display();
        let url = format!("postgres://localhost/x?sslmode=verify-full&sslrootcert={path}");
        let error = connect(&url).await.err().unwrap();
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
        assert!(error.to_string().contains(&path.to_string()), "{error}");
    }
}
