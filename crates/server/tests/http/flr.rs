//! The API of Free LLM Router, row by row.

use serde_json::json;
use store::{FeedbackQuery, FeedbackRecord, KeySettings};

use super::answers::SUM;
use super::client::{Reply, Running, serving};
use super::holder::{add_key, with_keys};

const FEEDBACK: &str = "/api/v1/models/feedback";

async fn said(server: &Running) -> Vec<FeedbackRecord> {
    let query = FeedbackQuery::default();
    server.store.feedback(&query, 1000).await.unwrap()
}

fn is_open_to_all_pages(reply: &Reply) -> bool {
    reply.header("access-control-allow-origin") == Some("*")
        && reply.header("access-control-allow-methods") == Some("GET, POST, OPTIONS")
        && reply
            .header("access-control-allow-headers")
            .is_some_and(|names| names.starts_with("Content-Type, Authorization"))
}

#[tokio::test]
async fn feedback_is_taken_in_all_its_forms() {
    let server = with_keys().await;
    let holder = add_key(&server, KeySettings::default()).await;
    for (body, issue) in [
        (json!({"modelId": "test/scripted", "success": true}), None),
        (
            json!({"modelId": "test/scripted:free", "issue": "rate_limited"}),
            Some("rate_limited"),
        ),
        (
            json!({"modelId": "test/scripted", "success": false, "issue": "unavailable",
                "details": "503 all day"}),
            Some("unavailable"),
        ),
        (
            json!({"modelId": "openai/gpt-oss-20b:free", "issue": "error"}),
            Some("error"),
        ),
    ] {
        let reply = holder.send("POST", FEEDBACK, Some(body)).await;
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({"received": true}))
        );
        assert!(is_open_to_all_pages(&reply), "{reply:?}");
        assert_eq!(reply.header("cache-control"), None);
        let newest = said(&server)
            .await
            .into_iter()
            .max_by_key(|one| one.created_at)
            .unwrap();
        let known = said(&server)
            .await
            .iter()
            .any(|one| one.issue.as_deref() == issue);
        assert!(known, "{newest:?}");
        assert_eq!(newest.key_id.as_ref(), Some(&holder.id));
    }
    let models: Vec<_> = said(&server)
        .await
        .into_iter()
        .map(|one| one.model)
        .collect();
    assert_eq!(models.len(), 4);
    assert!(
        models.iter().all(|model| !model.ends_with(":free")),
        "{models:?}"
    );
    let in_words = said(&server)
        .await
        .into_iter()
        .filter_map(|one| one.details);
    assert_eq!(in_words.collect::<Vec<_>>(), ["503 all day"]);
}

#[tokio::test]
async fn feedback_that_is_wrong_or_a_trial_is_not_kept() {
    let server = with_keys().await;
    let holder = add_key(&server, KeySettings::default()).await;
    let of = |more: serde_json::Value| {
        let mut body = json!({"modelId": "test/scripted"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (body, words) in [
        (json!({"success": true}), "modelId is required"),
        (
            json!({"modelId": 5, "success": true}),
            "modelId is required",
        ),
        (
            json!({"modelId": "nobody/nothing", "success": true}),
            "nobody/nothing",
        ),
        (of(json!({})), "issue must be one of"),
        (of(json!({"success": false})), "issue must be one of"),
        (
            of(json!({"success": true, "issue": "error"})),
            "issue must be absent",
        ),
        (of(json!({"issue": "slow"})), "issue must be one of"),
        (
            of(json!({"success": true, "requestId": "req_none"})),
            "requestId",
        ),
        (json!([]), "JSON object"),
    ] {
        let reply = holder.send("POST", FEEDBACK, Some(body)).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        let error = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(words), "{words}: {error}");
        assert!(is_open_to_all_pages(&reply), "{reply:?}");
    }
    let trial = json!({"modelId": "test/scripted", "success": true, "dryRun": true});
    let reply = holder.send("POST", FEEDBACK, Some(trial)).await;
    assert_eq!(
        (reply.status, reply.json()),
        (200, json!({"received": true}))
    );
    let headers = format!("authorization: Bearer {}\r\n", holder.secret);
    let reply = server.send("POST", FEEDBACK, &headers, "{").await;
    assert_eq!(reply.status, 400);
    let error = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("valid JSON"), "{error}");
    assert_eq!(said(&server).await, []);
}

#[tokio::test]
async fn feedback_is_tied_to_requests_of_the_same_key_alone() {
    let server = with_keys().await;
    let ada = add_key(&server, KeySettings::default()).await;
    let bob = add_key(&server, KeySettings::default()).await;
    let request = ada.chat().await;
    let id = request.header("x-request-id").unwrap();
    let body = json!({"modelId": "test/scripted", "success": true, "requestId": id});
    // At once: the record of the request may still be on its way.
    let reply = ada.send("POST", FEEDBACK, Some(body.clone())).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let reply = bob.send("POST", FEEDBACK, Some(body)).await;
    assert_eq!(
        (reply.status, &reply.json()["param"]),
        (400, &json!("requestId"))
    );
    let ids: Vec<_> = said(&server)
        .await
        .into_iter()
        .map(|one| one.request_id)
        .collect();
    assert_eq!(ids, [Some(id.to_owned())]);
    let history = ada.get("/api/v1/requests").await.json();
    assert_eq!(history["requests"][0]["feedback"][0]["success"], true);
}

#[tokio::test]
async fn feedback_is_limited_and_costs_no_quota() {
    let server = with_keys().await;
    let settings = KeySettings {
        quota: store::KeyQuota {
            requests_per_day: Some(1),
            ..store::KeyQuota::default()
        },
        ..KeySettings::default()
    };
    let holder = add_key(&server, settings).await;
    let body = json!({"modelId": "test/scripted", "success": true});
    // A minute may begin in between, so as many again are allowed at most.
    let mut num_taken = 0;
    let refused = loop {
        let reply = holder.send("POST", FEEDBACK, Some(body.clone())).await;
        if reply.status != 200 {
            break reply;
        }
        num_taken += 1;
        assert!(num_taken <= 2 * router::REPORTS_PER_MINUTE);
    };
    assert!(num_taken >= router::REPORTS_PER_MINUTE);
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["error"], "Rate limit exceeded");
    let retry_after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry_after));
    assert_eq!(refused.header("x-ratelimit-limit"), Some("60"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert!(is_open_to_all_pages(&refused));
    let other = add_key(&server, KeySettings::default()).await;
    assert_eq!(other.send("POST", FEEDBACK, Some(body)).await.status, 200);
    let me = holder.get("/api/v1/me").await.json();
    assert_eq!(me["quota"]["requestsPerDay"]["used"], 0);
}

#[tokio::test]
async fn pages_everywhere_may_ask_with_a_key_and_without_keys_those_of_this_machine() {
    let server = with_keys().await;
    let preflight = "origin: https://app.example\r\naccess-control-request-method: POST\r\n";
    let reply = server.send("OPTIONS", FEEDBACK, preflight, "").await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    assert!(is_open_to_all_pages(&reply), "{reply:?}");
    let reply = server.send("POST", FEEDBACK, preflight, "{}").await;
    assert_eq!(reply.status, 401);
    assert!(is_open_to_all_pages(&reply), "{reply:?}");

    let server = serving(SUM).await;
    let body = json!({"modelId": "test/scripted", "success": true}).to_string();
    for (origin, is_own) in [
        ("http://localhost:3000", true),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let headers = format!("origin: {origin}\r\n");
        let reply = server.send("POST", FEEDBACK, &headers, &body).await;
        assert_eq!(reply.status, if is_own { 200 } else { 403 }, "{origin}");
        let allowed = reply.header("access-control-allow-origin");
        assert_eq!(allowed, is_own.then_some(origin), "{origin}");
    }
    assert_eq!(said(&server).await.len(), 1);
}
