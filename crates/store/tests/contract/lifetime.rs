//! A store from its first call to its last, and many calls at once.

use std::sync::Arc;

use store::{
    CatalogUpdate, FeedbackQuery, FeedbackRecord, Hour, KeySettings, ProviderSync, RequestQuery,
    RequestRecord, Resolution, Retention, StoreError, SumQuery, Timestamp,
};

use crate::{Subject, all_requests, new_key, request, stores};

#[tokio::test]
async fn a_store_answers_until_it_is_closed() {
    for Subject { name, store, .. } in stores().await {
        store.ping().await.unwrap();
        store.close().await.unwrap();
        let key = new_key("late", 1);
        let query = RequestQuery::default();
        let late = Timestamp(1);
        let settings = KeySettings::default();
        let sync = ProviderSync {
            provider: "p".to_owned(),
            tried_at: late,
            succeeded_at: None,
            error: None,
            settings: String::new(),
        };
        let sums = SumQuery {
            since: None,
            until: None,
            model: None,
            resolution: Resolution::Whole,
        };
        let feedback = FeedbackRecord {
            id: "fb_1".to_owned(),
            key_id: None,
            model: "m".to_owned(),
            request_id: None,
            is_success: true,
            issue: None,
            details: None,
            created_at: late,
        };
        let said = FeedbackQuery::default();
        for error in [
            store.ping().await.unwrap_err(),
            store.close().await.unwrap_err(),
            store.create_key(key.clone()).await.unwrap_err(),
            store.key_by_hash(key.hash).await.unwrap_err(),
            store.key(&key.id).await.unwrap_err(),
            store.keys().await.unwrap_err(),
            store.has_active_key(late).await.unwrap_err(),
            store.revoke_key(&key.id, late).await.unwrap_err(),
            store
                .replace_key_settings(&key.id, &settings, &settings)
                .await
                .unwrap_err(),
            store.touch_keys(&[]).await.unwrap_err(),
            store.insert_requests(&[]).await.unwrap_err(),
            store.request("a").await.unwrap_err(),
            store.requests(&query).await.unwrap_err(),
            store.catalog().await.unwrap_err(),
            store
                .update_catalog(&CatalogUpdate::default())
                .await
                .unwrap_err(),
            store.spec_changes(None, late, 1).await.unwrap_err(),
            store
                .observations(None, Hour(0), Hour(1))
                .await
                .unwrap_err(),
            store.record_sync(&sync).await.unwrap_err(),
            store.syncs().await.unwrap_err(),
            store.try_lock("sync").await.err().unwrap(),
            store.insert_attempts(&[]).await.unwrap_err(),
            store.attempts(&[]).await.unwrap_err(),
            store.answered_attempts("m", late, 1).await.unwrap_err(),
            store.sum_attempts(&sums).await.unwrap_err(),
            store.insert_feedback(&feedback).await.unwrap_err(),
            store.feedback(&said, 1).await.unwrap_err(),
            store.feedback_on(&[]).await.unwrap_err(),
            store.sum_feedback(&said, true).await.unwrap_err(),
            store.take(&[]).await.unwrap_err(),
            store.counters(&[]).await.unwrap_err(),
            store.raise_counters(&[]).await.unwrap_err(),
            store.prune(&Retention::default()).await.unwrap_err(),
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
                    outcome: None,
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
