//! Keys over HTTP: administrators manage them, holders see and decide what is theirs.

use futures_util::future::join_all;
use router::recorder::now;
use serde_json::{Value, json};
use store::{
    AttemptRecord, DeploymentKey, FeedbackRecord, KeyId, KeyQuota, KeySettings, Timestamp,
};

use super::answers::SUM;
use super::client::{serving, soon};
use super::holder::{Holder, add_key, admin, with_keys};

#[tokio::test]
async fn an_administrator_makes_changes_and_revokes_keys() {
    let server = with_keys().await;
    let admin = admin(&server).await;
    let wanted = json!({
        "name": "worker",
        "expiresAt": "2099-12-31",
        "keepsContent": true,
        "quota": {"requestsPerDay": 200},
        "preferences": {"sort": "leastIssues", "allowedModels": ["test/scripted"]},
    });
    let reply = admin.send("POST", "/api/admin/keys", Some(wanted)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let made = reply.json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    let key = &made["key"];
    assert_eq!(key["name"], "worker");
    assert_eq!(key["state"], "active");
    assert_eq!(key["expiresAt"], "2099-12-31T00:00:00Z");
    assert_eq!(key["isAdmin"], false);
    assert_eq!(key["quota"]["requestsPerDay"], 200);
    assert_eq!(key["quota"]["tokensPerDay"], Value::Null);
    assert_eq!(key["preferences"]["sort"], "leastIssues");
    assert_eq!(key["prefix"], secret[..8]);

    let list = admin.get("/api/admin/keys").await;
    assert!(!list.body.contains(&secret[8..]), "shown once");
    let list = list.json();
    assert_eq!(list["keys"].as_array().unwrap().len(), 2);
    let path = format!("/api/admin/keys/{}", key["id"].as_str().unwrap());
    assert_eq!(&admin.get(&path).await.json()["key"], key);

    let worker = Holder {
        server: &server,
        id: KeyId(key["id"].as_str().unwrap().to_owned()),
        secret,
    };
    assert_eq!(worker.get("/v1/models").await.status, 200);
    assert_eq!(worker.get("/api/admin/keys").await.status, 403);
    // A change is believed at once, though the key was looked up a moment ago.
    let change = json!({"isAdmin": true, "quota": {"requestsPerDay": null, "tokensPerDay": 9}});
    let reply = admin.send("PATCH", &path, Some(change)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let changed = &reply.json()["key"];
    assert_eq!(changed["quota"]["requestsPerDay"], Value::Null);
    assert_eq!(changed["quota"]["tokensPerDay"], 9);
    assert_eq!(changed["keepsContent"], true, "what is not named stays");
    assert_eq!(worker.get("/api/admin/keys").await.status, 200);

    let change = json!({"name": "batch", "expiresAt": null});
    let reply = admin.send("PATCH", &path, Some(change)).await;
    let renamed = &reply.json()["key"];
    assert_eq!(
        (&renamed["name"], &renamed["expiresAt"]),
        (&json!("batch"), &Value::Null)
    );
    assert_eq!(renamed["quota"]["tokensPerDay"], 9, "{renamed}");
    // All of it or nothing.
    let change = json!({"name": "lost", "expiresAt": "2001-01-01", "keepsContent": false});
    let reply = admin.send("PATCH", &path, Some(change)).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(&admin.get(&path).await.json()["key"]["name"], "batch");

    let revoked = admin.send("DELETE", &path, None).await;
    assert_eq!(revoked.json()["key"]["state"], "revoked");
    assert_eq!(worker.get("/v1/models").await.status, 401);
    let again = admin.send("DELETE", &path, None).await;
    assert_eq!(again.json(), revoked.json(), "the first time stays");
}

#[tokio::test]
async fn a_key_sees_the_models_that_it_may_ask_and_is_told_of_the_others_in_words() {
    let server = with_keys().await;
    let quota = KeyQuota {
        requests_per_day: Some(1),
        ..KeyQuota::default()
    };
    let settings = |wishes: Value| KeySettings {
        quota,
        preferences: Some(wishes.to_string()),
        ..KeySettings::default()
    };
    let allowed = json!({"allowedModels": ["TEST/scripted"]});
    let allowed = add_key(&server, settings(allowed)).await;
    let other = json!({"allowedModels": ["test/other"]});
    let other = add_key(&server, settings(other)).await;
    let picky = json!({"excludeModelIds": ["test/scripted"]});
    let picky = add_key(&server, settings(picky)).await;
    let body = json!({"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]});
    for (holder, status, words) in [
        (&allowed, 200, ""),
        (&other, 403, "this key may not use test/scripted;"),
        (
            &picky,
            403,
            "the preferences of this key leave out test/scripted",
        ),
    ] {
        let list = holder.get("/v1/models").await;
        assert_eq!(
            list.body.contains("test/scripted"),
            status == 200,
            "{list:?}"
        );
        let path = "/v1/chat/completions";
        let reply = holder.send("POST", path, Some(body.clone())).await;
        assert_eq!(reply.status, status, "{reply:?}");
        if status == 403 {
            let error = &reply.json()["error"];
            assert_eq!(error["code"], "model_not_allowed");
            assert!(
                error["message"].as_str().unwrap().starts_with(words),
                "{error}"
            );
            let used = &holder.get("/api/v1/me").await.json();
            assert!(used.to_string().contains("\"used\":0"), "{used}");
        }
    }
}

#[tokio::test]
async fn of_changes_of_one_key_at_once_none_is_lost() {
    let server = with_keys().await;
    let admin = &admin(&server).await;
    let holder = &add_key(&server, KeySettings::default()).await;
    let path = &format!("/api/admin/keys/{}", holder.id);
    let limits = [
        "requestsPerMinute",
        "requestsPerDay",
        "tokensPerMinute",
        "tokensPerDay",
    ];
    for round in 1..=5 {
        let mut changes: Vec<_> = limits
            .iter()
            .map(|limit| json!({"quota": {*limit: 1000 + round}}))
            .collect();
        changes.push(json!({"keepsContent": round % 2 == 1}));
        let changes = changes.into_iter().map(async |change| {
            let reply = admin.send("PATCH", path, Some(change)).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        });
        let wish = json!({"preferences": {"topN": round}});
        let (_, wished) = tokio::join!(
            join_all(changes),
            holder.send("PUT", "/api/v1/preferences", Some(wish)),
        );
        assert_eq!(wished.status, 200, "{wished:?}");
        let key = &admin.get(path).await.json()["key"];
        for limit in limits {
            assert_eq!(key["quota"][limit], 1000 + round, "{limit}");
        }
        assert_eq!(key["keepsContent"], round % 2 == 1);
        assert_eq!(key["preferences"], json!({"topN": round}));
    }
}

#[tokio::test]
async fn only_administrators_manage_keys_and_see_what_others_asked() {
    let server = with_keys().await;
    let holder = add_key(&server, KeySettings::default()).await;
    for (method, path) in [
        ("GET", "/api/admin/keys"),
        ("POST", "/api/admin/keys"),
        ("GET", "/api/admin/keys/key_a"),
        ("PATCH", "/api/admin/keys/key_a"),
        ("DELETE", "/api/admin/keys/key_a"),
        ("GET", "/api/admin/requests"),
    ] {
        let reply = holder.send(method, path, Some(json!({}))).await;
        assert_eq!(reply.status, 403, "{method} {path}");
        assert_eq!(reply.json()["code"], "admin_required");
        let reply = server.send(method, path, "", "{}").await;
        assert_eq!(reply.status, 401, "{method} {path}");
        assert_eq!(reply.json()["error"], "Missing Authorization header");
    }
    assert_eq!(server.store.keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn on_a_server_without_keys_everybody_here_is_an_administrator() {
    let server = serving(SUM).await;
    let reply = server
        .post("/api/admin/keys", &json!({"name": "first"}))
        .await;
    assert_eq!(reply.status, 201);
    assert_eq!(server.get("/api/admin/requests").await.status, 200);
    let me = server.get("/api/v1/me").await.json();
    assert_eq!(me, json!({"key": null, "isAdmin": true, "quota": {}}));
    // But no page of another site, nor under another name.
    for headers in ["origin: https://evil.example\r\n", "host: evil.example\r\n"] {
        let reply = server.send("POST", "/api/admin/keys", headers, "{}").await;
        assert_eq!(reply.status, 403, "{headers}");
    }
    assert_eq!(server.store.keys().await.unwrap().len(), 1);
    let wish = json!({"preferences": {"topN": 3}}).to_string();
    let reply = server.send("PUT", "/api/v1/preferences", "", &wish).await;
    assert_eq!(reply.status, 400, "there is no key to keep them with");
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_the_member_and_makes_nothing() {
    let server = with_keys().await;
    let admin = admin(&server).await;
    for (body, param) in [
        (json!({"name": 3}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"expiresAt": "soon"}), "expiresAt"),
        (json!({"expiresAt": "2001-01-01"}), "expiresAt"),
        (json!({"expires": 90}), "expires"),
        (json!({"isAdmin": "yes"}), "isAdmin"),
        (
            json!({"quota": {"requestsPerDay": 0}}),
            "quota.requestsPerDay",
        ),
        (
            json!({"preferences": {"allowedModels": "a"}}),
            "preferences",
        ),
    ] {
        let reply = admin.send("POST", "/api/admin/keys", Some(body)).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        let error = reply.json();
        assert_eq!(error["param"], param, "{error}");
        assert!(error["error"].as_str().unwrap().contains(param), "{error}");
    }
    let reply = admin.send("POST", "/api/admin/keys", None).await;
    assert_eq!(reply.json()["code"], "invalid_json");
    let large = json!({"name": "x".repeat(100_000)});
    let reply = admin.send("POST", "/api/admin/keys", Some(large)).await;
    assert_eq!(reply.status, 413);
    for method in ["GET", "PATCH", "DELETE"] {
        let body = Some(json!({"isAdmin": true}));
        let reply = admin.send(method, "/api/admin/keys/key_none", body).await;
        assert_eq!(reply.status, 404, "{method}");
        assert!(reply.json()["error"].as_str().unwrap().contains("key_none"));
    }
    let path = format!("/api/admin/keys/{}", admin.secret);
    let reply = admin.get(&path).await;
    assert_eq!(reply.status, 404);
    assert!(!reply.body.contains(&admin.secret[8..]), "{}", reply.body);
    let reply = admin.send("PUT", "/api/admin/keys", None).await;
    assert_eq!(
        (reply.status, reply.header("allow")),
        (405, Some("GET, HEAD, POST"))
    );
    assert_eq!(server.store.keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn keys_open_the_door_in_either_header_and_are_refused_in_known_words() {
    let server = with_keys().await;
    let holder = add_key(&server, KeySettings::default()).await;
    let ended = add_key(&server, KeySettings::default()).await;
    server.store.revoke_key(&ended.id, now()).await.unwrap();
    let header = format!("X-API-Key: {}\r\n", holder.secret);
    for path in ["/v1/models", "/api/v1/me"] {
        assert_eq!(server.send("GET", path, &header, "").await.status, 200);
    }
    for (headers, words) in [
        (String::new(), "Missing Authorization header"),
        (
            "authorization: Basic abc\r\n".to_owned(),
            "Invalid Authorization format. Use: Bearer <api-key>",
        ),
        ("x-api-key:\r\n".to_owned(), "API key is empty"),
        (
            "authorization: Bearer fma_x\r\n".to_owned(),
            "Invalid API key",
        ),
        (
            format!("x-api-key: {}\r\n", ended.secret),
            "Invalid API key",
        ),
    ] {
        let reply = server.send("GET", "/api/v1/me", &headers, "").await;
        assert_eq!(reply.status, 401, "{headers}");
        assert_eq!(reply.json()["error"], words, "{headers}");
        // The OpenAI API keeps its own envelope.
        let reply = server.send("GET", "/v1/models", &headers, "").await;
        assert_eq!(reply.json()["error"]["code"], "invalid_api_key");
    }
}

#[tokio::test]
async fn a_holder_sees_the_key_and_what_is_left_of_its_quota() {
    let server = with_keys().await;
    let settings = KeySettings {
        quota: KeyQuota {
            requests_per_day: Some(200),
            tokens_per_minute: Some(1000),
            ..KeyQuota::default()
        },
        ..KeySettings::default()
    };
    let holder = add_key(&server, settings).await;
    let reply = holder.get("/api/v1/me").await;
    assert_eq!(reply.status, 200);
    let me = reply.json();
    assert_eq!(me["key"]["id"], holder.id.0);
    assert_eq!(me["isAdmin"], false);
    let day = &me["quota"]["requestsPerDay"];
    assert_eq!(
        (&day["limit"], &day["used"], &day["remaining"]),
        (&json!(200), &json!(0), &json!(200))
    );
    assert!(day["resetsAt"].as_str().unwrap().ends_with("T00:00:00Z"));
    assert_eq!(me["quota"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn a_holder_sets_preferences_but_lifts_no_restriction() {
    let server = with_keys().await;
    let settings = KeySettings {
        preferences: Some(json!({"allowedModels": ["a/b"], "topN": 9}).to_string()),
        ..KeySettings::default()
    };
    let holder = add_key(&server, settings).await;
    let wish = json!({"apiKeyId": "whatever", "preferences": {
        "sort": "newest",
        "useCases": ["tools", "nonsense"],
        "excludeModelIds": [" c/d ", "c/d"],
        "allowedModels": ["c/d"],
        "timeRange": "2h",
    }});
    let reply = holder.send("PUT", "/api/v1/preferences", Some(wish)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let reply = reply.json();
    let kept = json!({
        "useCases": ["tools"],
        "sort": "newest",
        "excludeModelIds": ["c/d"],
        "allowedModels": ["a/b"],
    });
    assert_eq!(reply["preferences"], kept);
    let ignored = reply["ignored"].to_string();
    for words in [
        "useCases[1]",
        "timeRange",
        "allowedModels: only an administrator",
    ] {
        assert!(ignored.contains(words), "{words}: {ignored}");
    }
    let shown = holder.get("/api/v1/preferences").await.json();
    assert_eq!(shown, json!({"preferences": kept}));

    let admin = admin(&server).await;
    let wish = json!({"preferences": {"allowedModels": ["c/d"]}});
    let reply = admin
        .send("PUT", "/api/v1/preferences", Some(wish.clone()))
        .await;
    assert_eq!(reply.json()["preferences"], wish["preferences"]);
    for wrong in [json!([]), json!({}), json!("x")] {
        let reply = holder.send("PUT", "/api/v1/preferences", Some(wrong)).await;
        assert_eq!(reply.status, 400);
    }
}

#[tokio::test]
async fn the_history_shows_attempts_and_feedback_and_to_holders_only_their_own() {
    let server = with_keys().await;
    let admin = admin(&server).await;
    let ada = add_key(&server, KeySettings::default()).await;
    let bob = add_key(&server, KeySettings::default()).await;
    let mut ids = Vec::new();
    for holder in [&ada, &ada, &bob, &ada] {
        let reply = holder.chat().await;
        assert_eq!(reply.status, 200);
        ids.push(reply.header("x-request-id").unwrap().to_owned());
    }
    server.until_recorded(4).await;
    let attempt = AttemptRecord {
        request_id: ids[0].clone(),
        number: 7,
        model: "test/scripted".to_owned(),
        deployment: DeploymentKey {
            provider: "somewhere".to_owned(),
            name: "scripted:free".to_owned(),
        },
        started_at: now(),
        outcome: "rate_limited".to_owned(),
        fault_domain: "host".to_owned(),
        http_status: Some(429),
        first_token_ms: None,
        duration_ms: 12,
        prompt_tokens: 0,
        completion_tokens: 0,
        reasoning_tokens: 0,
        is_exploration: false,
    };
    server.store.insert_attempts(&[attempt]).await.unwrap();
    let feedback = FeedbackRecord {
        id: "fb_1".to_owned(),
        key_id: Some(ada.id.clone()),
        model: "test/scripted".to_owned(),
        request_id: Some(ids[0].clone()),
        is_success: false,
        issue: Some("error".to_owned()),
        details: Some("nonsense".to_owned()),
        created_at: Timestamp(now().0 + 1),
    };
    server.store.insert_feedback(&feedback).await.unwrap();

    let listed = |reply: &Value| -> Vec<String> {
        let requests = reply["requests"].as_array().unwrap().iter();
        requests
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut own = listed(&ada.get("/api/v1/requests").await.json());
    own.sort();
    let mut expected = vec![ids[0].clone(), ids[1].clone(), ids[3].clone()];
    expected.sort();
    assert_eq!(own, expected);
    let all = admin.get("/api/admin/requests").await.json();
    assert_eq!(listed(&all).len(), 4);
    assert_eq!(all["next"], Value::Null);
    let first = all["requests"].as_array().unwrap().iter();
    let first = first.clone().find(|one| one["id"] == ids[0]).unwrap();
    assert_eq!(first["keyId"], ada.id.0);
    assert_eq!(first["outcome"], "ok");
    assert_eq!(first.get("content"), None, "what was said is not kept");
    let attempts = first["attempts"].as_array().unwrap();
    let trail = attempts
        .iter()
        .find(|one| one["provider"] == "somewhere")
        .unwrap();
    assert_eq!(trail["outcome"], "rate_limited");
    assert_eq!(trail["faultDomain"], "host");
    assert_eq!(trail["httpStatus"], 429);
    let said = json!([{"modelId": "test/scripted", "success": false, "issue": "error",
        "details": "nonsense", "createdAt": first["feedback"][0]["createdAt"]}]);
    assert_eq!(first["feedback"], said);

    let of_bob = format!("/api/admin/requests?key={}", bob.id);
    assert_eq!(listed(&admin.get(&of_bob).await.json()), [ids[2].clone()]);
    // Page by page the same, each once.
    let mut paged = Vec::new();
    let mut next = String::new();
    for number in 1..=4 {
        let page = admin
            .get(&format!("/api/admin/requests?limit=1{next}"))
            .await
            .json();
        paged.extend(listed(&page));
        let place = page["next"].as_str();
        assert_eq!(place.is_none(), number == 4, "{page}");
        next = format!("&before={}", place.unwrap_or_default());
    }
    assert_eq!(paged, listed(&all));
    for wrong in ["limit=0", "limit=101", "limit=x", "before=x"] {
        let reply = admin.get(&format!("/api/admin/requests?{wrong}")).await;
        assert_eq!(reply.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_key_that_has_used_up_its_quota_is_told_when_it_begins_anew() {
    let server = with_keys().await;
    let limited = |quota| KeySettings {
        quota,
        ..KeySettings::default()
    };
    let of_requests = KeyQuota {
        requests_per_day: Some(1),
        ..KeyQuota::default()
    };
    let of_tokens = KeyQuota {
        tokens_per_day: Some(1),
        ..KeyQuota::default()
    };
    for (quota, unit) in [(of_requests, "requests"), (of_tokens, "tokens")] {
        let holder = add_key(&server, limited(quota)).await;
        let answered = holder.chat().await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.header("x-ratelimit-limit"), Some("1"), "{unit}");
        let id = answered.header("x-request-id").unwrap().to_owned();
        // Its tokens count when it is recorded, or just after.
        let refused = soon(async {
            while server.store.request(&id).await.unwrap().is_none() {
                tokio::task::yield_now().await;
            }
            loop {
                let reply = holder.chat().await;
                if reply.status != 200 {
                    return reply;
                }
            }
        })
        .await;
        assert_eq!(refused.status, 429, "{unit}");
        let error = &refused.json()["error"];
        assert_eq!(error["code"], "caller_quota_exceeded");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&format!("1 {unit} a day")), "{message}");
        assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
        let retry_after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=86_400).contains(&retry_after));
        // The refusal is in the history, under its own word.
        soon(async {
            loop {
                let history = holder.get("/api/v1/requests").await.json();
                if history["requests"][0]["outcome"] == "caller_quota_exceeded" {
                    return;
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn without_its_store_a_key_with_a_quota_is_told_to_come_again_and_one_without_is_answered() {
    let server = with_keys().await;
    let limited = KeySettings {
        quota: KeyQuota {
            requests_per_day: Some(100),
            ..KeyQuota::default()
        },
        ..KeySettings::default()
    };
    let limited = add_key(&server, limited).await;
    let free = add_key(&server, KeySettings::default()).await;
    for holder in [&limited, &free] {
        assert_eq!(holder.chat().await.status, 200);
    }
    server.store.close().await.unwrap();
    let refused = limited.chat().await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.json()["error"]["code"], "server_fault");
    assert_eq!(free.chat().await.status, 200);
}
