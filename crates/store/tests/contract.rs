//! The contract of [`Store`]: one story for each method, told to every database.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

#[path = "contract/model.rs"]
mod model;
#[path = "contract/random.rs"]
mod random;

use std::sync::Arc;

use store::{
    ApiKey, KeyId, KeyRecord, MAX_BATCH, MAX_KEYS, MAX_ROWS, NewKey, RequestQuery, RequestRecord,
    Store, StoreError, Timestamp, connect,
};
use tempfile::TempDir;

/// An empty store, and what keeps its file from being deleted.
struct Subject {
    name: &'static str,
    store: Arc<dyn Store>,
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
            _directory: None,
        },
        Subject {
            name: "a SQLite file",
            store: connect(&url).await.unwrap(),
            _directory: Some(directory),
        },
    ]
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

#[tokio::test]
async fn a_key_is_found_by_its_hash_and_by_nothing_else() {
    for Subject { name, store, .. } in stores().await {
        let (first, second) = (new_key("laptop", 10), new_key("phone", 20));
        assert_eq!(store.key_by_hash(first.hash).await.unwrap(), None, "{name}");
        let created = store.create_key(first.clone()).await.unwrap();
        assert_eq!(created, unused(&first), "{name}");
        store.create_key(second.clone()).await.unwrap();

        let found = store.key_by_hash(first.hash).await.unwrap();
        assert_eq!(found, Some(unused(&first)), "{name}");
        let found = store.key_by_hash(second.hash).await.unwrap();
        assert_eq!(found, Some(unused(&second)), "{name}");
        let other = ApiKey::generate().unwrap().hash();
        assert_eq!(store.key_by_hash(other).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn an_id_or_a_hash_that_is_there_already_is_refused_and_changes_nothing() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("first", 10);
        store.create_key(key.clone()).await.unwrap();
        let same_id = NewKey {
            id: key.id.clone(),
            ..new_key("same id", 20)
        };
        let same_hash = NewKey {
            hash: key.hash,
            ..new_key("same hash", 20)
        };
        for duplicate in [same_id, same_hash, key.clone()] {
            let error = store.create_key(duplicate).await.unwrap_err();
            assert!(matches!(error, StoreError::Duplicate), "{name}: {error:?}");
        }
        assert_eq!(store.keys().await.unwrap(), [unused(&key)], "{name}");
    }
}

#[tokio::test]
async fn keys_are_limited_in_number() {
    // In memory only: it is a matter of counting, and a file takes long.
    let store = connect("sqlite::memory:").await.unwrap();
    for _ in 0..MAX_KEYS {
        store.create_key(new_key("one of many", 1)).await.unwrap();
    }
    let one_more = new_key("one too many", 1);
    let error = store.create_key(one_more.clone()).await.unwrap_err();
    assert!(
        matches!(error, StoreError::TooMany { max: MAX_KEYS, .. }),
        "{error:?}"
    );
    assert_eq!(store.keys().await.unwrap().len(), MAX_KEYS);
    assert_eq!(store.key_by_hash(one_more.hash).await.unwrap(), None);

    // One that opens no door any more makes room.
    let revoked = store.keys().await.unwrap().swap_remove(0);
    store.revoke_key(&revoked.id, Timestamp(5)).await.unwrap();
    store.create_key(one_more.clone()).await.unwrap();
    let ids: Vec<_> = store
        .keys()
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.id)
        .collect();
    assert_eq!(ids.len(), MAX_KEYS);
    assert!(!ids.contains(&revoked.id) && ids.contains(&one_more.id));
}

#[tokio::test]
async fn keys_come_the_newest_first() {
    for Subject { name, store, .. } in stores().await {
        assert_eq!(store.keys().await.unwrap(), [], "{name}");
        let mut keys: Vec<_> = [30, 10, -5, 20, 10]
            .map(|created_at| new_key("key", created_at))
            .into();
        for key in &keys {
            store.create_key(key.clone()).await.unwrap();
        }
        keys.sort_by(|a, b| (b.created_at, &b.id.0).cmp(&(a.created_at, &a.id.0)));
        let expected: Vec<_> = keys.iter().map(unused).collect();
        assert_eq!(store.keys().await.unwrap(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_key_is_active_until_it_expires_or_is_revoked() {
    for Subject { name, store, .. } in stores().await {
        assert!(!store.has_active_key(Timestamp(0)).await.unwrap(), "{name}");
        let key = NewKey {
            expires_at: Some(Timestamp(100)),
            ..new_key("for a while", 10)
        };
        store.create_key(key.clone()).await.unwrap();
        for (now, is_active) in [(99, true), (100, false), (101, false)] {
            let now = Timestamp(now);
            assert_eq!(
                store.has_active_key(now).await.unwrap(),
                is_active,
                "{name}"
            );
            assert_eq!(unused(&key).is_active(now), is_active, "{name}");
        }

        let forever = new_key("forever", 10);
        store.create_key(forever.clone()).await.unwrap();
        let late = Timestamp(i64::MAX);
        assert!(store.has_active_key(late).await.unwrap(), "{name}");
        store.revoke_key(&forever.id, Timestamp(50)).await.unwrap();
        assert!(!store.has_active_key(late).await.unwrap(), "{name}");
        assert!(store.has_active_key(Timestamp(60)).await.unwrap(), "{name}");
        store.revoke_key(&key.id, Timestamp(50)).await.unwrap();
        assert!(
            !store.has_active_key(Timestamp(60)).await.unwrap(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_revoked_key_stays_known_with_the_time_of_its_first_revocation() {
    for Subject { name, store, .. } in stores().await {
        let (leaked, other) = (new_key("leaked", 10), new_key("other", 20));
        store.create_key(leaked.clone()).await.unwrap();
        store.create_key(other.clone()).await.unwrap();
        let revoked = KeyRecord {
            revoked_at: Some(Timestamp(30)),
            ..unused(&leaked)
        };
        for at in [30, 40, 20] {
            let record = store.revoke_key(&leaked.id, Timestamp(at)).await.unwrap();
            assert_eq!(record, revoked, "{name}");
        }
        let found = store.key_by_hash(leaked.hash).await.unwrap();
        assert_eq!(found.as_ref(), Some(&revoked), "{name}");
        let keys = store.keys().await.unwrap();
        assert_eq!(keys, [unused(&other), revoked], "{name}");

        let unknown = KeyId::random().unwrap();
        let error = store.revoke_key(&unknown, Timestamp(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound), "{name}: {error:?}");
        assert_eq!(store.keys().await.unwrap(), keys, "{name}");
    }
}

#[tokio::test]
async fn the_last_use_of_a_key_only_moves_forward() {
    for Subject { name, store, .. } in stores().await {
        let (used, unused_key) = (new_key("used", 20), new_key("unused", 10));
        store.create_key(used.clone()).await.unwrap();
        store.create_key(unused_key.clone()).await.unwrap();
        let last_use = async || {
            let keys = store.keys().await.unwrap();
            assert_eq!(keys[1], unused(&unused_key), "{name}");
            let changed = KeyRecord {
                last_used_at: keys[0].last_used_at,
                ..unused(&used)
            };
            assert_eq!(keys[0], changed, "{name}: nothing else is changed");
            keys[0].last_used_at.map(|time| time.0)
        };
        let at = |time| (used.id.clone(), Timestamp(time));
        store.touch_keys(&[]).await.unwrap();
        assert_eq!(last_use().await, None, "{name}");
        store.touch_keys(&[at(-7)]).await.unwrap();
        assert_eq!(last_use().await, Some(-7), "{name}");
        store.touch_keys(&[at(50), at(70), at(60)]).await.unwrap();
        assert_eq!(last_use().await, Some(70), "{name}");
        store.touch_keys(&[at(65)]).await.unwrap();
        assert_eq!(last_use().await, Some(70), "{name}: an older use");
        let unknown = (KeyId("key_unknown".to_owned()), Timestamp(90));
        store.touch_keys(&[unknown.clone(), at(80)]).await.unwrap();
        assert_eq!(last_use().await, Some(80), "{name}: beside an unknown key");

        let too_many = vec![unknown; MAX_BATCH + 1];
        let error = store.touch_keys(&too_many).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooMany { max: MAX_BATCH, .. }),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_batch_of_requests_may_be_sent_again() {
    for Subject { name, store, .. } in stores().await {
        store.insert_requests(&[]).await.unwrap();
        let batch = [request("a", 1), request("b", 2)];
        store.insert_requests(&batch).await.unwrap();
        store.insert_requests(&batch).await.unwrap();
        let changed = RequestRecord {
            outcome: "canceled".to_owned(),
            ..request("b", 9)
        };
        let again = [changed, request("c", 3), request("c", 4)];
        store.insert_requests(&again).await.unwrap();
        let expected = [request("c", 3), request("b", 2), request("a", 1)];
        assert_eq!(all_requests(&store).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_refused_whole_and_the_largest_is_taken() {
    for Subject { name, store, .. } in stores().await {
        let mut batch: Vec<_> = (0..=MAX_BATCH)
            .map(|i| request(&format!("{i:05}"), i as i64))
            .collect();
        let error = store.insert_requests(&batch).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooMany { max: MAX_BATCH, .. }),
            "{name}: {error:?}"
        );
        assert_eq!(all_requests(&store).await, [], "{name}");
        batch.pop();
        store.insert_requests(&batch).await.unwrap();
        // A query and a deletion are cut to their limits, whatever is asked.
        let query = RequestQuery {
            limit: usize::MAX,
            ..RequestQuery::default()
        };
        let page = store.requests(&query).await.unwrap();
        assert_eq!(page.len(), MAX_ROWS, "{name}");
        store
            .insert_requests(&[request("one more", -1)])
            .await
            .unwrap();
        let late = Timestamp(i64::MAX);
        let num_deleted = store
            .delete_requests_before(late, usize::MAX)
            .await
            .unwrap();
        assert_eq!(num_deleted, MAX_BATCH, "{name}");
        assert_eq!(all_requests(&store).await.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn requests_come_in_pages_without_gap_or_repetition() {
    for Subject { name, store, .. } in stores().await {
        let key_id = KeyId("key_mine".to_owned());
        let mut expected: Vec<_> = (0..100)
            .map(|i| RequestRecord {
                key_id: (i % 3 == 0).then(|| key_id.clone()),
                // Seven at a time begin in the same millisecond.
                ..request(&format!("{:02}", i * 37 % 100), i / 7)
            })
            .collect();
        store.insert_requests(&expected).await.unwrap();
        expected.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        let mine: Vec<_> = expected
            .iter()
            .filter(|request| request.key_id.is_some())
            .cloned()
            .collect();
        for (key_id, expected) in [(None, &expected), (Some(key_id), &mine)] {
            for limit in [1, 4, 10, 1000] {
                let mut listed = Vec::new();
                let mut query = RequestQuery {
                    key_id: key_id.clone(),
                    after: None,
                    limit,
                };
                loop {
                    let page = store.requests(&query).await.unwrap();
                    assert!(page.len() <= limit, "{name}");
                    let Some(last) = page.last() else { break };
                    query.after = Some(last.cursor());
                    listed.extend(page);
                }
                assert_eq!(ids(&listed), ids(expected), "{name}, {limit} a page");
                assert_eq!(&listed, expected, "{name}");
            }
        }
        let nobody = RequestQuery {
            key_id: Some(KeyId("key_other".to_owned())),
            after: None,
            limit: 10,
        };
        assert_eq!(store.requests(&nobody).await.unwrap(), [], "{name}");
        assert_eq!(
            store.requests(&RequestQuery::default()).await.unwrap(),
            [],
            "{name}: a limit of nothing"
        );
    }
}

#[tokio::test]
async fn the_oldest_requests_are_forgotten_first_and_keys_never() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("kept", 0);
        store.create_key(key.clone()).await.unwrap();
        let requests: Vec<_> = (0..10)
            .rev()
            .map(|i| RequestRecord {
                key_id: Some(key.id.clone()),
                ..request(&i.to_string(), i * 10)
            })
            .collect();
        store.insert_requests(&requests).await.unwrap();
        let delete = async |before, limit| {
            let num_deleted = store.delete_requests_before(Timestamp(before), limit);
            let num_deleted = num_deleted.await.unwrap();
            let left = all_requests(&store).await;
            assert_eq!(left, requests[..left.len()], "{name}: the newest are left");
            (num_deleted, left.len())
        };
        assert_eq!(delete(0, 100).await, (0, 10), "{name}");
        assert_eq!(delete(50, 0).await, (0, 10), "{name}");
        assert_eq!(delete(50, 2).await, (2, 8), "{name}");
        assert_eq!(delete(50, 100).await, (3, 5), "{name}: 50 itself stays");
        assert_eq!(delete(50, 100).await, (0, 5), "{name}");
        assert_eq!(delete(i64::MAX, 100).await, (5, 0), "{name}");
        assert_eq!(store.keys().await.unwrap(), [unused(&key)], "{name}");
        // The ids are free again.
        store.insert_requests(&requests).await.unwrap();
        assert_eq!(all_requests(&store).await, requests, "{name}");
    }
}

#[tokio::test]
async fn a_store_answers_until_it_is_closed() {
    for Subject { name, store, .. } in stores().await {
        store.ping().await.unwrap();
        store.close().await.unwrap();
        let key = new_key("late", 1);
        let query = RequestQuery::default();
        let late = Timestamp(1);
        for error in [
            store.ping().await.unwrap_err(),
            store.close().await.unwrap_err(),
            store.create_key(key.clone()).await.unwrap_err(),
            store.key_by_hash(key.hash).await.unwrap_err(),
            store.keys().await.unwrap_err(),
            store.has_active_key(late).await.unwrap_err(),
            store.revoke_key(&key.id, late).await.unwrap_err(),
            store.touch_keys(&[]).await.unwrap_err(),
            store.insert_requests(&[]).await.unwrap_err(),
            store.requests(&query).await.unwrap_err(),
            store.delete_requests_before(late, 1).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Closed), "{name}: {error:?}");
        }
    }
}

#[tokio::test]
async fn many_tasks_write_and_read_at_once_and_nothing_is_lost() {
    const NUM_TASKS: i64 = 64;
    const PER_TASK: i64 = 10;
    for Subject { name, store, .. } in stores().await {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..NUM_TASKS {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                let key = new_key("of a task", task);
                store.create_key(key.clone()).await.unwrap();
                for i in 0..PER_TASK {
                    let request = RequestRecord {
                        key_id: Some(key.id.clone()),
                        ..request(&format!("{task}-{i}"), task * PER_TASK + i)
                    };
                    store.insert_requests(&[request]).await.unwrap();
                    store
                        .touch_keys(&[(key.id.clone(), Timestamp(i))])
                        .await
                        .unwrap();
                }
                // Each sees at once what it wrote itself.
                let query = RequestQuery {
                    key_id: Some(key.id.clone()),
                    after: None,
                    limit: 100,
                };
                let own = store.requests(&query).await.unwrap();
                assert_eq!(own.len() as i64, PER_TASK);
                let record = store.key_by_hash(key.hash).await.unwrap().unwrap();
                assert_eq!(record.last_used_at, Some(Timestamp(PER_TASK - 1)));
            });
        }
        tasks.join_all().await;
        let requests = all_requests(&store).await;
        assert_eq!(requests.len() as i64, NUM_TASKS * PER_TASK, "{name}");
        assert_eq!(
            store.keys().await.unwrap().len() as i64,
            NUM_TASKS,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_file_keeps_everything_and_memory_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("freeway.db").display());
    let key = new_key("kept", 1);
    for (url, is_kept) in [(url.as_str(), true), ("sqlite::memory:", false)] {
        let store = connect(url).await.unwrap();
        store.create_key(key.clone()).await.unwrap();
        store.revoke_key(&key.id, Timestamp(2)).await.unwrap();
        store
            .touch_keys(&[(key.id.clone(), Timestamp(3))])
            .await
            .unwrap();
        store.insert_requests(&[request("a", 4)]).await.unwrap();
        let (keys, requests) = (store.keys().await.unwrap(), all_requests(&store).await);
        store.close().await.unwrap();

        let store = connect(url).await.unwrap();
        if is_kept {
            assert_eq!(store.keys().await.unwrap(), keys);
            assert_eq!(all_requests(&store).await, requests);
            let found = store.key_by_hash(key.hash).await.unwrap();
            assert_eq!(found, Some(keys[0].clone()));
        } else {
            assert_eq!(store.keys().await.unwrap(), []);
            assert_eq!(all_requests(&store).await, []);
        }
    }
}

#[tokio::test]
async fn a_closed_file_is_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freeway.db");
    let store = connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    store.insert_requests(&[request("a", 1)]).await.unwrap();
    store.close().await.unwrap();
    let names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["freeway.db"], "copying it is a backup");
}

#[tokio::test]
async fn two_stores_on_one_file_see_what_the_other_wrote() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("freeway.db").display());
    let (server, command) = (connect(&url).await.unwrap(), connect(&url).await.unwrap());
    let key = new_key("shared", 1);
    command.create_key(key.clone()).await.unwrap();
    assert!(server.key_by_hash(key.hash).await.unwrap().is_some());
    command.revoke_key(&key.id, Timestamp(2)).await.unwrap();
    let seen = server.key_by_hash(key.hash).await.unwrap().unwrap();
    assert_eq!(seen.revoked_at, Some(Timestamp(2)));
    // One that ends does not disturb the other.
    command.close().await.unwrap();
    server.insert_requests(&[request("a", 3)]).await.unwrap();
    assert_eq!(all_requests(&server).await.len(), 1);
}

#[tokio::test]
async fn the_secret_is_nowhere_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("freeway.db");
    let store = connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    let secret = ApiKey::generate().unwrap();
    let key = NewKey {
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        ..new_key("secret", 1)
    };
    store.create_key(key).await.unwrap();
    store.close().await.unwrap();
    let bytes = std::fs::read(path).unwrap();
    let contains = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(contains(&secret.hash().0), "only its hash");
    assert!(!contains(&secret.expose().as_bytes()[8..]));
}

#[tokio::test]
async fn a_url_of_no_store_and_a_file_of_another_program_are_errors() {
    let error = connect("/tmp/freeway.db").await.err().unwrap();
    assert!(matches!(error, StoreError::InvalidUrl { .. }), "{error:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "dear diary").unwrap();
    let url = format!("sqlite:{}", file.path().display());
    let error = connect(&url).await.err().unwrap();
    assert!(matches!(error, StoreError::ForeignFile { .. }), "{error:?}");
    assert_eq!(std::fs::read(file.path()).unwrap(), b"dear diary");
}
