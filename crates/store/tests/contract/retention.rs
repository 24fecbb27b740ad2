//! What is forgotten after a while, and what stays.

use std::sync::Arc;

use store::{
    CatalogUpdate, Counter, DeploymentKey, FeedbackQuery, FeedbackRecord, Hour, KeyId, Observation,
    RequestRecord, Resolution, Retention, Store, SumQuery, Timestamp,
};

use crate::attempts::{attempt, naive_sums, whole};
use crate::{Subject, all_requests, new_key, request, stores, unused};

const HOUR_MS: i64 = 3_600_000;

/// Prunes until nothing is left to prune; returns how many rows went.
async fn prune(store: &Arc<dyn Store>, limits: Retention) -> usize {
    let mut num_rows = 0;
    loop {
        match store.prune(&limits).await.unwrap() {
            0 => return num_rows,
            num => num_rows += num,
        }
    }
}

#[tokio::test]
async fn old_requests_are_forgotten_with_their_content_and_keys_never() {
    for Subject { name, store, .. } in stores().await {
        let key = new_key("kept", 0);
        store.create_key(key.clone()).await.unwrap();
        let requests: Vec<_> = (0..10)
            .rev()
            .map(|i| RequestRecord {
                key_id: Some(key.id.clone()),
                content: Some(format!("content {i}")),
                ..request(&i.to_string(), i * 10)
            })
            .collect();
        store.insert_requests(&requests).await.unwrap();
        let delete = async |before| {
            let limits = Retention {
                requests_before: Some(Timestamp(before)),
                ..Retention::default()
            };
            let num_deleted = prune(&store, limits).await;
            let left = all_requests(&store).await;
            assert_eq!(left, requests[..left.len()], "{name}: the newest are left");
            (num_deleted, left.len())
        };
        assert_eq!(delete(i64::MIN).await, (0, 10), "{name}");
        assert_eq!(delete(50).await, (5, 5), "{name}: 50 itself stays");
        assert_eq!(delete(50).await, (0, 5), "{name}");
        assert_eq!(delete(i64::MAX).await, (5, 0), "{name}");
        assert_eq!(store.keys().await.unwrap(), [unused(&key)], "{name}");
        // The ids are free again, and nothing is left of what was asked.
        let without: Vec<_> = requests
            .iter()
            .map(|request| RequestRecord {
                content: None,
                ..request.clone()
            })
            .collect();
        store.insert_requests(&without).await.unwrap();
        assert_eq!(all_requests(&store).await, without, "{name}");
    }
}

#[tokio::test]
async fn single_attempts_are_forgotten_and_their_sums_stay() {
    for Subject { name, store, .. } in stores().await {
        let all: Vec<_> = (0..48)
            .map(|hour| attempt(&hour.to_string(), 0, "m", hour * HOUR_MS + 7))
            .collect();
        store.insert_attempts(&all).await.unwrap();
        let by_hour = SumQuery {
            resolution: Resolution::Hour,
            ..whole()
        };
        let by_day = SumQuery {
            resolution: Resolution::Day,
            ..whole()
        };
        let num_pruned = prune(
            &store,
            Retention {
                attempts_before: Some(Timestamp(30 * HOUR_MS)),
                ..Retention::default()
            },
        )
        .await;
        assert_eq!(num_pruned, 30, "{name}");
        let ids: Vec<_> = all.iter().map(|one| one.request_id.clone()).collect();
        let left = store.attempts(&ids).await.unwrap();
        assert_eq!(left, all[30..], "{name}");
        for query in [&by_hour, &by_day, &whole()] {
            let sums = store.sum_attempts(query).await.unwrap();
            assert_eq!(sums, naive_sums(&all, query), "{name}");
        }

        // Of hours those go whose attempts are gone, and days stay.
        let num_pruned = prune(
            &store,
            Retention {
                hours_before: Some(Timestamp(40 * HOUR_MS)),
                ..Retention::default()
            },
        )
        .await;
        assert_eq!(num_pruned, 30, "{name}");
        let sums = store.sum_attempts(&by_hour).await.unwrap();
        assert_eq!(sums, naive_sums(&all[30..], &by_hour), "{name}");
        for query in [&by_day, &whole()] {
            let sums = store.sum_attempts(query).await.unwrap();
            assert_eq!(sums, naive_sums(&all, query), "{name}");
        }
    }
}

#[tokio::test]
async fn each_kind_has_its_own_limit_and_what_has_none_is_kept() {
    for Subject { name, store, .. } in stores().await {
        let key = DeploymentKey {
            provider: "groq".to_owned(),
            name: "m".to_owned(),
        };
        let observations = (0..5).map(|hour| Observation {
            key: key.clone(),
            hour: Hour(hour),
            is_listed: true,
            is_up: None,
            num_probes_ok: 0,
            num_probes_failed: 0,
        });
        let update = CatalogUpdate {
            observations: observations.collect(),
            ..CatalogUpdate::default()
        };
        store.update_catalog(&update).await.unwrap();
        for i in 0..5 {
            let at = Timestamp(i * HOUR_MS);
            let counter = Counter {
                name: "c".to_owned(),
                start: at,
            };
            store.raise_counters(&[(counter, 1)]).await.unwrap();
            let feedback = FeedbackRecord {
                id: i.to_string(),
                key_id: Some(KeyId("key_1".to_owned())),
                model: "m".to_owned(),
                request_id: None,
                is_success: true,
                issue: None,
                details: None,
                created_at: at,
            };
            store.insert_feedback(&feedback).await.unwrap();
            let requests = [request(&i.to_string(), at.0)];
            store.insert_requests(&requests).await.unwrap();
            let attempts = [attempt(&i.to_string(), 0, "m", at.0)];
            store.insert_attempts(&attempts).await.unwrap();
        }
        let left = async || {
            let all = FeedbackQuery::default();
            let counters: Vec<_> = (0..5)
                .map(|i| Counter {
                    name: "c".to_owned(),
                    start: Timestamp(i * HOUR_MS),
                })
                .collect();
            let ids: Vec<_> = (0..5).map(|i| i.to_string()).collect();
            let values = store.counters(&counters).await.unwrap();
            [
                all_requests(&store).await.len(),
                store.attempts(&ids).await.unwrap().len(),
                store
                    .observations(None, Hour(0), Hour(9))
                    .await
                    .unwrap()
                    .len(),
                store.feedback(&all, 9).await.unwrap().len(),
                values.into_iter().sum::<u64>() as usize,
            ]
        };
        assert_eq!(prune(&store, Retention::default()).await, 0, "{name}");
        assert_eq!(left().await, [5; 5], "{name}");
        // The middle of the third hour: two have ended.
        let middle = Some(Timestamp(5 * HOUR_MS / 2));
        let mut expected = [5; 5];
        for (kind, num_left) in [2, 2, 3, 2, 2].into_iter().enumerate() {
            let mut limits = [None; 5];
            limits[kind] = middle;
            let [requests, attempts, observations, feedback, counters] = limits;
            let limits = Retention {
                requests_before: requests,
                attempts_before: attempts,
                hours_before: None,
                observations_before: observations,
                feedback_before: feedback,
                counters_before: counters,
                sessions_before: None,
            };
            assert_eq!(prune(&store, limits).await, 5 - num_left, "{name}: {kind}");
            expected[kind] = num_left;
            assert_eq!(left().await, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_call_forgets_a_batch_and_says_so() {
    for Subject { name, store, .. } in stores().await {
        let batch: Vec<_> = (0..5_000).map(|i| request(&i.to_string(), i)).collect();
        store.insert_requests(&batch).await.unwrap();
        let limits = Retention {
            requests_before: Some(Timestamp(i64::MAX)),
            ..Retention::default()
        };
        let num_first = store.prune(&limits).await.unwrap();
        assert!((1..5_000).contains(&num_first), "{name}: {num_first}");
        let oldest = all_requests(&store).await.len();
        assert_eq!(oldest, 1_000, "{name}: the oldest go first");
        assert_eq!(num_first + prune(&store, limits).await, 5_000, "{name}");
    }
}
