//! Requests and their content.

use store::{KeyId, MAX_BATCH, MAX_ROWS, RequestQuery, RequestRecord, StoreError};

use crate::{Subject, all_requests, ids, request, stores};

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
async fn a_request_is_found_by_its_id_with_its_content() {
    for Subject { name, store, .. } in stores().await {
        let kept = RequestRecord {
            content: Some("{}".to_owned()),
            key_id: Some(KeyId("key_mine".to_owned())),
            ..request("b", 2)
        };
        let batch = [request("a", 1), kept.clone()];
        store.insert_requests(&batch).await.unwrap();
        for expected in batch {
            let found = store.request(&expected.id).await.unwrap();
            assert_eq!(found, Some(expected), "{name}");
        }
        assert_eq!(store.request("c").await.unwrap(), None, "{name}");
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
        // A query is cut to its limit, whatever is asked.
        let query = RequestQuery {
            limit: usize::MAX,
            ..RequestQuery::default()
        };
        let page = store.requests(&query).await.unwrap();
        assert_eq!(page.len(), MAX_ROWS, "{name}");
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
                    outcome: None,
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
            outcome: None,
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
async fn content_stays_with_its_request_and_others_have_none() {
    for Subject { name, store, .. } in stores().await {
        let with_content = RequestRecord {
            key_id: Some(KeyId("key_mine".to_owned())),
            content: Some("{\"messages\":[]}".to_owned()),
            ..request("b", 2)
        };
        let batch = [request("a", 1), with_content.clone()];
        store.insert_requests(&batch).await.unwrap();
        // A batch that is sent again changes no content and adds none.
        let again = [
            RequestRecord {
                content: Some("late".to_owned()),
                ..request("a", 1)
            },
            RequestRecord {
                content: None,
                ..with_content.clone()
            },
        ];
        store.insert_requests(&again).await.unwrap();
        let expected = [with_content.clone(), request("a", 1)];
        assert_eq!(all_requests(&store).await, expected, "{name}");
        let mine = RequestQuery {
            key_id: with_content.key_id.clone(),
            after: None,
            outcome: None,
            limit: 10,
        };
        assert_eq!(store.requests(&mine).await.unwrap(), [with_content]);
    }
}

#[tokio::test]
async fn text_may_hold_any_character() {
    for Subject { name, store, .. } in stores().await {
        let strange = RequestRecord {
            requested_model: "a\0b\u{FFFF}\u{1F600}\r\n\u{202E}'\\".to_owned(),
            ..request("\0", 1)
        };
        store.insert_requests(&[strange]).await.unwrap();
        let listed = all_requests(&store).await;
        let [kept] = &listed[..] else {
            panic!("{name}: {listed:?}")
        };
        // PostgreSQL has no character 0.
        let plain = |text: &str| text.replace('\0', "\u{FFFD}");
        assert_eq!(plain(&kept.id), "\u{FFFD}", "{name}");
        let model = plain(&kept.requested_model);
        assert_eq!(
            model, "a\u{FFFD}b\u{FFFF}\u{1F600}\r\n\u{202E}'\\",
            "{name}"
        );
    }
}
