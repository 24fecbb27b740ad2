//! What users say.

use store::{
    FeedbackQuery, FeedbackRecord, FeedbackSum, Hour, KeyId, MAX_ROWS, StoreError, Timestamp,
};

use crate::{Subject, stores};

const HOUR_MS: i64 = 3_600_000;

fn feedback(id: &str, model: &str, key: Option<&str>, at: i64) -> FeedbackRecord {
    FeedbackRecord {
        id: id.to_owned(),
        key_id: key.map(|key| KeyId(key.to_owned())),
        model: model.to_owned(),
        request_id: Some(format!("request of {id}")),
        is_success: false,
        issue: Some("error".to_owned()),
        details: Some("It said nothing at all.".to_owned()),
        created_at: Timestamp(at),
    }
}

fn success(id: &str, model: &str, key: Option<&str>, at: i64) -> FeedbackRecord {
    FeedbackRecord {
        request_id: None,
        is_success: true,
        issue: None,
        details: None,
        ..feedback(id, model, key, at)
    }
}

/// Some of two models, three keys and three hours, one of which lies before 1970.
fn some() -> Vec<FeedbackRecord> {
    vec![
        feedback("1", "a", Some("key_1"), 10),
        feedback("2", "a", Some("key_1"), 10),
        feedback("3", "a", Some("key_2"), 20),
        success("4", "a", None, 30),
        success("5", "b", Some("key_2"), HOUR_MS),
        feedback("6", "b", None, HOUR_MS + 1),
        feedback("7", "a", Some("key_1"), 2 * HOUR_MS - 1),
        feedback("8", "a", Some("key_3"), -1),
        FeedbackRecord {
            issue: Some("unavailable".to_owned()),
            ..feedback("9", "a", Some("key_1"), 15)
        },
    ]
}

/// Every combination of filters.
fn queries() -> Vec<FeedbackQuery> {
    let mut queries = Vec::new();
    for since in [None, Some(-1), Some(0), Some(15), Some(HOUR_MS)] {
        for model in [None, Some("a"), Some("b"), Some("c")] {
            for key in [None, Some("key_1"), Some("key_2"), Some("key_9")] {
                queries.push(FeedbackQuery {
                    since: since.map(Timestamp),
                    model: model.map(str::to_owned),
                    key_id: key.map(|key| KeyId(key.to_owned())),
                });
            }
        }
    }
    queries
}

fn matches(query: &FeedbackQuery, feedback: &FeedbackRecord) -> bool {
    query.since.is_none_or(|since| feedback.created_at >= since)
        && query.model.as_ref().is_none_or(|m| *m == feedback.model)
        && (query.key_id.is_none() || query.key_id == feedback.key_id)
}

#[tokio::test]
async fn what_was_said_of_a_request_is_found_by_it() {
    for Subject { name, store, .. } in stores().await {
        let on = |id: &str, request: Option<&str>, at| FeedbackRecord {
            request_id: request.map(str::to_owned),
            ..feedback(id, "a", None, at)
        };
        let said = [
            on("late", Some("req_1"), 20),
            on("other", Some("req_2"), 5),
            on("nothing", None, 7),
            on("early", Some("req_1"), 10),
        ];
        for one in &said {
            store.insert_feedback(one).await.unwrap();
        }
        let asked = ["req_2", "req_3", "req_1"].map(str::to_owned);
        let found = store.feedback_on(&asked).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(found, ["other", "early", "late"], "{name}");
        assert_eq!(store.feedback_on(&[]).await.unwrap(), [], "{name}");
        let too_many = vec![String::new(); MAX_ROWS + 1];
        let error = store.feedback_on(&too_many).await.unwrap_err();
        assert!(
            matches!(error, StoreError::TooMany { .. }),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn feedback_comes_the_newest_first_by_model_and_by_key() {
    for Subject { name, store, .. } in stores().await {
        let mut all = some();
        for one in &all {
            store.insert_feedback(one).await.unwrap();
        }
        all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        for query in queries() {
            let expected: Vec<_> = all.iter().filter(|f| matches(&query, f)).cloned().collect();
            let listed = store.feedback(&query, usize::MAX).await.unwrap();
            assert_eq!(listed, expected, "{name}: {query:?}");
            let listed = store.feedback(&query, 2).await.unwrap();
            let first_two = &expected[..expected.len().min(2)];
            assert_eq!(listed, first_two, "{name}: {query:?}");
        }
        let all = FeedbackQuery::default();
        assert_eq!(store.feedback(&all, 0).await.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn feedback_is_summed_by_model_and_issue_and_by_the_hour_if_asked() {
    for Subject { name, store, .. } in stores().await {
        let all = some();
        for one in &all {
            store.insert_feedback(one).await.unwrap();
        }
        for query in queries() {
            for by_hour in [false, true] {
                let mut expected: Vec<FeedbackSum> = Vec::new();
                let mut reporters: Vec<Vec<&KeyId>> = Vec::new();
                for one in all.iter().filter(|f| matches(&query, f)) {
                    let hour = if by_hour {
                        Hour(one.created_at.0.div_euclid(HOUR_MS))
                    } else {
                        query.since.map(Hour::of).unwrap_or_default()
                    };
                    let place = expected.iter().position(|sum| {
                        sum.hour == hour && sum.model == one.model && sum.issue == one.issue
                    });
                    let place = place.unwrap_or_else(|| {
                        expected.push(FeedbackSum {
                            model: one.model.clone(),
                            hour,
                            issue: one.issue.clone(),
                            count: 0,
                            num_reporters: 0,
                        });
                        reporters.push(Vec::new());
                        expected.len() - 1
                    });
                    expected[place].count += 1;
                    if let Some(key_id) = &one.key_id
                        && !reporters[place].contains(&key_id)
                    {
                        reporters[place].push(key_id);
                        expected[place].num_reporters += 1;
                    }
                }
                expected.sort_by(|a, b| {
                    (a.hour, &a.model, &a.issue).cmp(&(b.hour, &b.model, &b.issue))
                });
                let sums = store.sum_feedback(&query, by_hour).await.unwrap();
                assert_eq!(sums, expected, "{name}: {query:?}, by hour: {by_hour}");
            }
        }
    }
}

#[tokio::test]
async fn feedback_with_an_id_that_is_there_already_is_refused_and_a_list_has_its_limit() {
    for Subject { name, store, .. } in stores().await {
        let first = feedback("1", "a", None, 10);
        store.insert_feedback(&first).await.unwrap();
        let second = success("1", "b", None, 20);
        let error = store.insert_feedback(&second).await.unwrap_err();
        assert!(matches!(error, StoreError::Duplicate), "{name}: {error:?}");
        let all = FeedbackQuery::default();
        assert_eq!(store.feedback(&all, 10).await.unwrap(), [first], "{name}");
        for id in 2..MAX_ROWS + 2 {
            let one = success(&id.to_string(), "a", None, 1);
            store.insert_feedback(&one).await.unwrap();
        }
        let listed = store.feedback(&all, usize::MAX).await.unwrap();
        assert_eq!(listed.len(), MAX_ROWS, "{name}");
    }
}
