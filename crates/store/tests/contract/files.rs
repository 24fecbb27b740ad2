//! What only a file has: it stays, others may use it, it may be somebody else's.

use store::{ApiKey, NewKey, StoreError, Timestamp, connect};

use crate::{all_requests, new_key, request};

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
