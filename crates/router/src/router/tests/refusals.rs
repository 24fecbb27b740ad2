//! What is told when nobody answers.

use super::*;
use crate::openai::error_body;

#[tokio::test(start_paused = true)]
async fn a_refused_account_stays_what_it_is_and_is_no_limit_that_passes() {
    for kind in [FailureKind::KeyRejected, FailureKind::PaymentRequired] {
        let world = World::new(vec![hosted("a", &[Act::Fail(kind, None)])]).await;
        let first = world.ask(M).await.err().unwrap();
        let then = world.ask(M).await.err().unwrap();
        assert_eq!((first.kind(), then.kind()), (kind, kind));
        assert!(then.to_string().contains(kind.as_str()), "{then}");
        assert_eq!(world.num_asked(), [1]);
        // Both say when it is asked again.
        let [first, then] = [first, then].map(|error| error.retry_after().unwrap());
        assert!(then <= first && first - then < Duration::from_secs(60));

        // Where somebody has a limit only, waiting helps; where two are refused for two reasons, not.
        let limit = Act::Fail(FailureKind::AccountQuotaExhausted, Some(60));
        let data_policy = Act::Fail(FailureKind::DataPolicy, None);
        for (other, expected) in [
            (limit, FailureKind::RateLimited),
            (data_policy, FailureKind::Unavailable),
        ] {
            let refused = hosted("a", &[Act::Fail(kind, None)]);
            let world = World::new(vec![refused, hosted("b", &[other])]).await;
            for _ in 0..2 {
                let error = world.ask(M).await.err().unwrap();
                assert_eq!(error.kind(), expected, "{error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_of_a_host_that_wants_days_of_rest_says_when_it_is_asked_again() {
    let days = Act::Fail(FailureKind::AccountQuotaExhausted, Some(172_800));
    let world = World::new(vec![hosted("a", &[days])]).await;
    for _ in 0..2 {
        let error = world.ask(M).await.err().unwrap();
        let wait_s = whole_seconds(error.retry_after().unwrap());
        assert!((86_000..=86_400).contains(&wait_s), "{wait_s}");
    }
    assert_eq!(world.num_asked(), [1]);
}

#[tokio::test(start_paused = true)]
async fn every_error_after_an_attempt_tells_who_was_asked() {
    let fail = |kind| Act::Fail(kind, None);
    let told = |error: &RouterError| -> Vec<String> {
        let trail = error.trail().unwrap().iter();
        trail.map(AttemptSummary::to_text).collect()
    };
    // Alone, and asked three times.
    let world = World::new(vec![hosted("a", &[fail(FailureKind::Internal)])]).await;
    let error = world.ask(M).await.err().unwrap();
    assert_eq!(told(&error), ["a/test/m:free=internal"; 3]);
    let json = error_body(&error);
    assert_eq!(json["error"]["code"], "internal");
    assert_eq!(json["error"]["message"], "as the test wants");
    assert_eq!(
        json["error"]["metadata"]["attempts"][2]["failure"],
        "internal"
    );
    // Its breaker is open now, and it is asked all the same: nobody was left out.
    let error = world.ask(M).await.err().unwrap();
    assert!(told(&error).len() > 1, "{error:?}");
    let excluded = &error_body(&error)["error"]["metadata"]["excluded"];
    assert_eq!(excluded, &json!([]));
    // The caller's fault, seen by the second.
    let world = World::new(vec![
        hosted("a", &[fail(FailureKind::Internal)]),
        hosted("b", &[fail(FailureKind::InvalidRequest)]),
        hosted("c", &[Act::Say("never")]),
    ])
    .await;
    let error = world.ask(M).await.err().unwrap();
    assert_eq!(error.kind(), FailureKind::InvalidRequest);
    let expected = ["a/test/m:free=internal", "b/test/m:free=invalid_request"];
    assert_eq!(told(&error), expected);
    // Nobody was to be asked.
    assert!(
        world
            .ask("nobody/knows")
            .await
            .err()
            .unwrap()
            .trail()
            .is_none()
    );
}
