//! Locks by name.

use std::sync::Arc;
use std::time::Duration;

use store::{Store, StoreLock, connect};

use crate::{Subject, shared_stores, stores};

/// Longer than any database needs to notice that a lock was given back.
const PATIENCE: Duration = Duration::from_secs(20);

async fn take_when_free(store: &dyn Store, name: &str) -> StoreLock {
    let free = async {
        loop {
            if let Some(lock) = store.try_lock(name).await.unwrap() {
                return lock;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.unwrap()
}

#[tokio::test]
async fn a_lock_has_one_holder_until_it_is_dropped() {
    for Subject { name, store, .. } in stores().await {
        let held = store.try_lock("sync").await.unwrap();
        assert!(held.is_some(), "{name}");
        assert!(store.try_lock("sync").await.unwrap().is_none(), "{name}");
        let other = store.try_lock("Sync / other").await.unwrap();
        assert!(other.is_some(), "{name}: another name is another lock");
        drop(other);
        assert!(store.try_lock("sync").await.unwrap().is_none(), "{name}");
        drop(held);
        let again = take_when_free(&*store, "sync").await;
        assert!(store.try_lock("sync").await.unwrap().is_none(), "{name}");
        drop(again);
    }
}

#[tokio::test]
async fn a_lock_is_respected_by_others_who_use_the_database() {
    for (subject, url) in shared_stores().await {
        let name = subject.name;
        let other = connect(&url).await.unwrap();
        let held = subject.store.try_lock("sync").await.unwrap();
        assert!(held.is_some(), "{name}");
        assert!(other.try_lock("sync").await.unwrap().is_none(), "{name}");
        drop(held);
        let _held = take_when_free(&*other, "sync").await;
        let refused = subject.store.try_lock("sync").await.unwrap();
        assert!(refused.is_none(), "{name}");
    }
}

#[tokio::test]
async fn another_database_has_its_own_locks() {
    for (subject, other) in stores().await.into_iter().zip(stores().await) {
        let name = subject.name;
        let first = subject.store.try_lock("sync").await.unwrap();
        let second = other.store.try_lock("sync").await.unwrap();
        assert!(first.is_some() && second.is_some(), "{name}");
    }
}

#[tokio::test]
async fn of_many_who_try_at_once_one_gets_it() {
    for (subject, url) in shared_stores().await {
        let name = subject.name;
        let mut stores = vec![subject.store];
        stores.push(connect(&url).await.unwrap());
        let mut tasks = tokio::task::JoinSet::new();
        for store in stores.iter().cycle().take(6) {
            let store = Arc::clone(store);
            tasks.spawn(async move { store.try_lock("sync").await.unwrap() });
        }
        let held = tasks.join_all().await;
        assert_eq!(held.iter().flatten().count(), 1, "{name}");
    }
}
