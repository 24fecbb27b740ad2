//! Two stores on one database at once, as two processes have them.

use std::sync::Arc;

use store::{
    Counter, KeySettings, Store, StoreError, Take, Taken, Timestamp, change_key_settings, connect,
};

use crate::attempts::{attempt, naive_sums, whole};
use crate::{all_requests, new_key, request, shared_stores};

#[tokio::test]
async fn two_stores_see_what_the_other_wrote() {
    for (subject, url) in shared_stores().await {
        let name = subject.name;
        let (server, command) = (subject.store, connect(&url).await.unwrap());
        let key = new_key("shared", 1);
        command.create_key(key.clone()).await.unwrap();
        assert!(server.key_by_hash(key.hash).await.unwrap().is_some());
        command.revoke_key(&key.id, Timestamp(2)).await.unwrap();
        let seen = server.key_by_hash(key.hash).await.unwrap().unwrap();
        assert_eq!(seen.revoked_at, Some(Timestamp(2)), "{name}");
        // One that ends does not disturb the other.
        command.close().await.unwrap();
        server.insert_requests(&[request("a", 3)]).await.unwrap();
        assert_eq!(all_requests(&server).await.len(), 1, "{name}");
    }
}

/// Notes a change of its own in a member of the settings that others change, too.
fn noted(mut settings: KeySettings, change: usize) -> KeySettings {
    let quota = &mut settings.quota;
    let limit = match change % 5 {
        0 => &mut quota.requests_per_minute,
        1 => &mut quota.requests_per_day,
        2 => &mut quota.tokens_per_minute,
        3 => &mut quota.tokens_per_day,
        _ => {
            let preferences = settings.preferences.get_or_insert_default();
            preferences.push_str(&format!("{change} "));
            return settings;
        }
    };
    *limit = Some(limit.unwrap_or(0) + 1);
    settings
}

#[tokio::test]
async fn of_many_changes_of_a_keys_settings_at_once_none_is_lost() {
    const NUM_CHANGES: usize = 100;
    for (subject, url) in shared_stores().await {
        let name = subject.name;
        let stores = [subject.store, connect(&url).await.unwrap()];
        let key = new_key("shared", 1);
        stores[0].create_key(key.clone()).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for change in 0..NUM_CHANGES {
            let (store, id) = (Arc::clone(&stores[change / 5 % 2]), key.id.clone());
            tasks.spawn(async move {
                let change = |settings| Ok::<_, StoreError>(noted(settings, change));
                change_key_settings(&*store, &id, change).await.unwrap();
            });
        }
        tasks.join_all().await;
        let mut settings = stores[1].key(&key.id).await.unwrap().unwrap().settings;
        let noted_in = settings.preferences.take().unwrap();
        let mut noted_in: Vec<usize> = noted_in
            .split_whitespace()
            .map(|change| change.parse().unwrap())
            .collect();
        noted_in.sort_unstable();
        let expected: Vec<_> = (4..NUM_CHANGES).step_by(5).collect();
        assert_eq!(noted_in, expected, "{name}");
        let others = (0..NUM_CHANGES).filter(|change| change % 5 != 4);
        assert_eq!(
            settings,
            others.fold(KeySettings::default(), noted),
            "{name}"
        );
    }
}

#[tokio::test]
async fn exactly_the_limit_is_granted_however_many_take_at_once() {
    const NUM_TASKS: usize = 32;
    const TAKES_PER_TASK: usize = 5;
    const LIMIT: u64 = 101;
    for (subject, url) in shared_stores().await {
        let name = subject.name;
        let stores = [subject.store, connect(&url).await.unwrap()];
        let counter = |name: &str| Counter {
            name: name.to_owned(),
            start: Timestamp(0),
        };
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..NUM_TASKS {
            for store in &stores {
                let store = Arc::clone(store);
                // In both orders: nobody may wait for one who waits for them.
                let mut takes = vec![
                    Take {
                        counter: counter("requests"),
                        amount: 1,
                        limit: Some(LIMIT),
                    },
                    Take {
                        counter: counter("tokens"),
                        amount: 10,
                        limit: None,
                    },
                ];
                if task % 2 == 0 {
                    takes.reverse();
                }
                tasks.spawn(async move {
                    let mut num_granted = 0;
                    for _ in 0..TAKES_PER_TASK {
                        match store.take(&takes).await.unwrap() {
                            Taken::Done(values) => {
                                assert!(values.iter().any(|&value| value <= LIMIT));
                                num_granted += 1;
                            }
                            Taken::Refused { used, .. } => assert_eq!(used, LIMIT),
                        }
                    }
                    num_granted
                });
            }
        }
        let num_granted: u64 = tasks.join_all().await.into_iter().sum();
        assert_eq!(num_granted, LIMIT, "{name}");
        let counters = [counter("requests"), counter("tokens")];
        for store in &stores {
            let values = store.counters(&counters).await.unwrap();
            assert_eq!(values, [LIMIT, 10 * LIMIT], "{name}");
        }
    }
}

#[tokio::test]
async fn attempts_of_two_stores_are_all_summed_and_those_that_both_send_once() {
    const NUM_BATCHES: usize = 20;
    for (subject, url) in shared_stores().await {
        let name = subject.name;
        let stores = [subject.store, connect(&url).await.unwrap()];
        let mut all = Vec::new();
        let mut tasks = tokio::task::JoinSet::new();
        for batch in 0..NUM_BATCHES {
            let batch: Vec<_> = (0..20)
                .map(|i| attempt(&format!("{batch}-{i}"), 0, ["a", "b"][i % 2], i as i64))
                .collect();
            all.extend(batch.clone());
            for (place, store) in stores.iter().enumerate() {
                let store: Arc<dyn Store> = Arc::clone(store);
                let mut batch = batch.clone();
                if place == 1 {
                    batch.reverse();
                }
                tasks.spawn(async move { store.insert_attempts(&batch).await.unwrap() });
            }
        }
        tasks.join_all().await;
        for store in &stores {
            let sums = store.sum_attempts(&whole()).await.unwrap();
            assert_eq!(sums, naive_sums(&all, &whole()), "{name}");
        }
    }
}
