//! What a key may use, and how much of it.

use store::{KeyId, KeyQuota, KeySettings};

use super::*;
use crate::openai::error_body;
use crate::preferences::Preferences;

/// A key with this quota.
fn key_of(quota: KeyQuota) -> Caller {
    let settings = KeySettings {
        quota,
        ..KeySettings::default()
    };
    Caller {
        key_id: Some(KeyId("key_a".to_owned())),
        settings: Arc::new(settings),
        ..Caller::default()
    }
}

// In real time, for the store's sake, as above.
#[tokio::test]
async fn tokens_that_nobody_tells_are_estimated_also_when_the_client_leaves() {
    // 13 bytes are 4 tokens, a prompt of 52 bytes is 10.
    let words = "of 13 letters";
    for (leaves, has_begun, expected) in [
        (false, true, (10, 4)),
        (true, true, (10, 4)),
        (true, false, (10, 0)),
    ] {
        let act = match has_begun {
            true => Act::Mumble(words),
            false => Act::Hang,
        };
        let (tier, mut limited) = hosted("a", &[act]);
        limited.limits.tokens_per_day = Some(1000);
        let world = World::new(vec![(tier, limited)]).await;
        let body = json!({"model": M, "messages": [{"role": "user", "content": "x".repeat(52)}]});
        let request = Arc::new(ChatRequest::from_json(body.to_string().into()).unwrap());
        let caller = key_of(KeyQuota {
            tokens_per_day: Some(1000),
            ..KeyQuota::default()
        });
        let asked = world.router.chat(&caller, "r".to_owned(), &request);
        match has_begun {
            true => {
                let mut answer = asked.await.unwrap();
                let most = if leaves { 1 } else { usize::MAX };
                answer.stream.by_ref().take(most).count().await;
            }
            false => {
                let patience = Duration::from_millis(300);
                assert!(tokio::time::timeout(patience, asked).await.is_err());
            }
        }
        let (store, day) = (Arc::clone(&world.store), QuotaWindow::TokensPerDay);
        let (request, attempts) = world.records().await;
        let outcome = if leaves { "canceled" } else { "ok" };
        assert_eq!(request.outcome, outcome);
        let counted = (request.prompt_tokens, request.completion_tokens);
        assert_eq!(counted, expected, "{outcome}");
        let counted = (attempts[0].prompt_tokens, attempts[0].completion_tokens);
        assert_eq!(counted, expected, "{outcome}");
        // Of the key, and of our account there.
        for name in ["key:key_a:tokens:day".to_owned(), counter_name("a", day)] {
            let start = day.start(request.started_at);
            let counter = Counter { name, start };
            let used = store
                .counters(std::slice::from_ref(&counter))
                .await
                .unwrap();
            let sum = u64::from(expected.0 + expected.1);
            assert_eq!(used, [sum], "{counter:?}, {outcome}");
        }
    }
}

#[tokio::test]
async fn what_a_key_may_not_use_is_refused_in_words_and_costs_nothing_of_its_quota() {
    let world = World::new(vec![
        (Tier::Hosted, host("a", &[M, "test/n"], &[Act::Say("a")])),
        (Tier::Demo, host("local", &["demo"], &[Act::Say("demo")])),
    ])
    .await;
    let caller = Caller {
        preferences: Arc::new(Preferences {
            allowed_models: Some(vec![M.to_owned(), "test/n:free".to_owned()]),
            exclude_model_ids: vec!["TEST/N".to_owned()],
            ..Preferences::default()
        }),
        ..key_of(KeyQuota {
            requests_per_day: Some(1),
            ..KeyQuota::default()
        })
    };
    let ask = async |more: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let request = Arc::new(ChatRequest::from_json(body.to_string().into()).unwrap());
        world
            .router
            .chat(&caller, crate::request_id(), &request)
            .await
    };
    for (asked, words) in [
        (json!({"model": "demo"}), "this key may not use demo;"),
        (
            json!({"models": ["demo", "test/n"]}),
            "this key may not use demo, test/n;",
        ),
        (
            json!({"model": "test/n"}),
            "the preferences of this key leave out test/n (excl",
        ),
    ] {
        let error = ask(asked).await.err().unwrap();
        assert_eq!(error.kind(), FailureKind::ModelNotAllowed);
        assert!(error.to_string().starts_with(words), "{error}");
        assert_eq!(error_body(&error)["error"]["code"], "model_not_allowed");
    }
    let usable = world.router.catalog();
    let usable = usable.active_models();
    let usable = usable.filter(|model| world.router.is_routable(model, &caller));
    let names: Vec<&str> = usable.map(|model| model.id.0.as_str()).collect();
    assert_eq!(names, [M]);
    // Of a list, the one that it may.
    let answer = ask(json!({"models": ["demo", "test/n", M]})).await.unwrap();
    assert_eq!(answer.model, M);
    assert_eq!(world.num_asked(), [1, 0]);
}
