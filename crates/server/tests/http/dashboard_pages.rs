//! What the pages of the dashboard show and change.

use router::recorder::now;
use serde_json::json;
use server::{ProviderSetup, ServerConfig, SetupVariable};
use store::{
    AttemptRecord, DeploymentKey, FeedbackQuery, KeyId, KeyQuota, KeySettings, RequestRecord,
    Timestamp,
};

use super::answers::SUM;
use super::browser::{Browser, field};
use super::client::{Running, Setup, serving};
use super::holder::{Holder, add_key, admin, with_keys};

const EVIL: &str = "<script>alert(1)</script>\"'&";
const INERT: &str = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;";

fn request(id: &str, key_id: Option<&KeyId>) -> RequestRecord {
    RequestRecord {
        id: id.to_owned(),
        key_id: key_id.cloned(),
        started_at: now(),
        operation: "chat".to_owned(),
        requested_model: "test/scripted".to_owned(),
        deployment: Some("local/test/scripted".to_owned()),
        outcome: "ok".to_owned(),
        is_stream: true,
        first_token_ms: Some(120),
        duration_ms: 1500,
        prompt_tokens: 1000,
        completion_tokens: 234,
        reasoning_tokens: 30,
        content: None,
    }
}

fn attempt(request: &str, number: u16, outcome: &str) -> AttemptRecord {
    AttemptRecord {
        request_id: request.to_owned(),
        number,
        model: "test/scripted".to_owned(),
        deployment: DeploymentKey {
            provider: format!("host{number}"),
            name: "m".to_owned(),
        },
        started_at: now(),
        outcome: outcome.to_owned(),
        fault_domain: if outcome == "ok" { "" } else { "host" }.to_owned(),
        http_status: Some(429),
        first_token_ms: None,
        duration_ms: 5,
        prompt_tokens: 1,
        completion_tokens: 2,
        reasoning_tokens: 0,
        is_exploration: false,
    }
}

async fn entered<'a>(server: &'a Running) -> (Holder<'a>, Browser<'a>) {
    let admin = admin(server).await;
    let browser = Browser::with_key(server, &admin.secret).await;
    (admin, browser)
}

#[tokio::test]
async fn a_key_is_made_shown_once_changed_and_revoked_by_forms() {
    let server = with_keys().await;
    let (_, browser) = entered(&server).await;
    let page = browser.page("/dashboard/keys").await;
    let id = field(&page, "id");
    let fields = [
        ("id", id.as_str()),
        ("name", EVIL),
        ("expires", "2099-12-31"),
        ("requests_per_day", "200"),
        ("content", "yes"),
    ];
    let reply = browser
        .submit("/dashboard/keys", "/dashboard/keys", &fields)
        .await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(
        reply.body.contains(INERT) && !reply.body.contains("<script>alert"),
        "{}",
        reply.body
    );
    let (_, rest) = reply.body.split_once("<code id=\"secret\">").unwrap();
    let secret = rest.split('<').next().unwrap().to_owned();
    let holder = Holder {
        server: &server,
        id: KeyId(id.clone()),
        secret: secret.clone(),
    };
    assert_eq!(holder.chat().await.status, 200);
    let kept = server.store.key(&holder.id).await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.settings.is_admin), (EVIL, false));
    assert_eq!(kept.settings.quota.requests_per_day, Some(200));
    assert!(kept.settings.keeps_content && kept.expires_at.is_some());

    // The same form again makes no second key and shows no secret.
    let reply = browser
        .submit("/dashboard/keys", "/dashboard/keys", &fields)
        .await;
    assert_eq!(reply.status, 409, "{reply:?}");
    assert!(reply.body.contains("sent before") && !reply.body.contains(&secret));
    assert_eq!(server.store.keys().await.unwrap().len(), 2);
    let list = browser.page("/dashboard/keys").await;
    assert!(list.contains(INERT) && !list.contains(&secret));

    let path = format!("/dashboard/keys/{id}");
    let page = browser.page(&path).await;
    assert!(
        page.contains("value=\"2099-12-31\"") && page.contains("value=\"200\""),
        "{page}"
    );
    assert!(page.contains("<b>199</b> of 200 left"), "{page}");
    let fields = [
        ("name", "worker"),
        ("tokens_per_minute", "9"),
        ("admin", "yes"),
    ];
    let reply = browser.submit(&path, &path, &fields).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    assert!(
        browser
            .page(reply.header("location").unwrap())
            .await
            .contains("The key was changed")
    );
    let kept = server.store.key(&holder.id).await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.expires_at), ("worker", None));
    let quota = KeyQuota {
        tokens_per_minute: Some(9),
        ..KeyQuota::default()
    };
    assert_eq!(kept.settings.quota, quota);
    assert!(kept.settings.is_admin && !kept.settings.keeps_content);

    let ask = format!("{path}/revoke");
    assert!(browser.page(&ask).await.contains("cannot be taken back"));
    assert_eq!(holder.chat().await.status, 200, "asking changes nothing");
    let reply = browser.submit(&ask, &ask, &[]).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    assert_eq!(holder.chat().await.status, 401);
    let list = browser.page(reply.header("location").unwrap()).await;
    assert!(list.contains("The key was revoked") && list.contains(">revoked<"));
    let unknown = browser.get("/dashboard/keys/key_nobody").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.body.contains("<!doctype html>"), "{unknown:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told_and_what_was_filled_in_stays() {
    let server = with_keys().await;
    let (admin, browser) = entered(&server).await;
    let id = field(&browser.page("/dashboard/keys").await, "id");
    let long = "x".repeat(101);
    for (name, value, words) in [
        (
            "requests_per_day",
            "many",
            "Requests a day must be a number",
        ),
        ("tokens_per_minute", "0", "or empty for none"),
        ("expires", "soon", "Expires must be a moment or a day"),
        ("expires", "2001-01-01", "Expires has passed"),
        ("name", long.as_str(), "Name must be one line"),
    ] {
        let fields = [("id", id.as_str()), (name, value), ("content", "yes")];
        let reply = browser
            .submit("/dashboard/keys", "/dashboard/keys", &fields)
            .await;
        assert_eq!(reply.status, 400, "{name}: {reply:?}");
        assert!(reply.body.contains(words), "{name}: {}", reply.body);
        assert!(reply.body.contains(&format!("value=\"{value}\"")), "{name}");
        let path = format!("/dashboard/keys/{}", admin.id);
        let reply = browser.submit(&path, &path, &[(name, value)]).await;
        assert_eq!(reply.status, 400, "{name}: {reply:?}");
        assert!(reply.body.contains(words), "{name}");
    }
    for id in ["", "key_", "key_0123456789ab/../x", "KEY_0123456789ab"] {
        let reply = browser
            .submit("/dashboard/keys", "/dashboard/keys", &[("id", id)])
            .await;
        assert_eq!(reply.status, 400, "{id}: {reply:?}");
    }
    // Nothing was made, and the administrator still is one.
    assert_eq!(server.store.keys().await.unwrap().len(), 1);
    browser.page("/dashboard").await;
}

#[tokio::test]
async fn preferences_are_shown_before_they_are_saved() {
    let server = with_keys().await;
    let (_, browser) = entered(&server).await;
    let key = add_key(&server, KeySettings::default()).await;
    let path = format!("/dashboard/keys/{}/preferences", key.id);
    let page = browser.page(&path).await;
    assert!(page.contains("Lists show 1 model<"), "{page}");
    let wish = [
        ("use_case", "chat"),
        ("sort", "newest"),
        ("top_n", "3"),
        ("excluded", "a/b\r\n\r\n test/scripted \r\n"),
    ];
    let preview = [&wish[..], &[("do", "preview")]].concat();
    let reply = browser.submit(&path, &path, &preview).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body.contains("Lists show 0 models"), "{}", reply.body);
    assert!(
        reply.body.contains("<option value=\"newest\" selected>"),
        "{}",
        reply.body
    );
    let settings = async || server.store.key(&key.id).await.unwrap().unwrap().settings;
    assert_eq!(settings().await.preferences, None);
    assert_eq!(key.chat().await.status, 200);

    let wrong = [
        ("top_n", "many"),
        ("allowed", "test/scripted"),
        ("do", "save"),
    ];
    let reply = browser.submit(&path, &path, &wrong).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(
        reply.body.contains("At most so many: must be a number"),
        "{}",
        reply.body
    );
    assert_eq!(settings().await.preferences, None, "not in part");

    let reply = browser
        .submit(&path, &path, &[&wish[..], &[("do", "save")]].concat())
        .await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let saved = settings().await.preferences.unwrap();
    let saved: serde_json::Value = serde_json::from_str(&saved).unwrap();
    let expected = json!({
        "useCases": ["chat"],
        "sort": "newest",
        "topN": 3,
        "excludeModelIds": ["a/b", "test/scripted"],
    });
    assert_eq!(saved, expected);
    assert_eq!(key.chat().await.status, 403, "at once");
}

#[tokio::test]
async fn the_history_shows_every_attempt_is_filtered_and_takes_what_one_says() {
    let server = with_keys().await;
    let (admin, browser) = entered(&server).await;
    let other = add_key(&server, KeySettings::default()).await;
    let failed = RequestRecord {
        outcome: "rate_limited".to_owned(),
        requested_model: EVIL.to_owned(),
        content: Some(format!("{{\"x\": {}}}", json!(EVIL))),
        ..request("req_failed", Some(&other.id))
    };
    let unasked = RequestRecord {
        outcome: "invalid_request".to_owned(),
        deployment: None,
        ..request("req_unasked", None)
    };
    let all = [request("req_good", Some(&other.id)), failed, unasked];
    server.store.insert_requests(&all).await.unwrap();
    let attempts = [
        attempt("req_failed", 0, "timeout"),
        attempt("req_failed", 1, "rate_limited"),
        attempt("req_good", 0, "ok"),
    ];
    server.store.insert_attempts(&attempts).await.unwrap();

    let page = browser.page("/dashboard/requests").await;
    for text in [
        "req_good",
        "req_failed",
        "req_unasked",
        "host0/m",
        "host1/m",
        "rate limited",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(
        page.contains(INERT) && !page.contains("<script>alert"),
        "{page}"
    );
    for (query, ids) in [
        ("outcome=ok", &["req_good"][..]),
        ("outcome=failed", &["req_failed", "req_unasked"]),
        ("outcome=rate_limited", &["req_failed"]),
        (&format!("key={}&outcome=ok", other.id), &["req_good"]),
        (&format!("key={}", admin.id), &[]),
    ] {
        let page = browser.page(&format!("/dashboard/requests?{query}")).await;
        for id in ["req_good", "req_failed", "req_unasked"] {
            let is_there = page.contains(&format!("id=\"{id}\""));
            assert_eq!(is_there, ids.contains(&id), "{query}: {id}");
        }
    }

    let here = "/dashboard/requests?outcome=failed";
    let fields = [("here", here), ("issue", "error"), ("details", EVIL)];
    let action = "/dashboard/requests/req_failed/feedback";
    let reply = browser.submit(here, action, &fields).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let location = reply.header("location").unwrap();
    assert_eq!(location, format!("{here}&done=reported#req_failed"));
    let said = server
        .store
        .feedback(&FeedbackQuery::default(), 9)
        .await
        .unwrap();
    assert_eq!(said.len(), 1);
    assert_eq!(
        (said[0].model.as_str(), said[0].issue.as_deref()),
        ("test/scripted", Some("error"))
    );
    assert_eq!(said[0].key_id.as_ref(), Some(&admin.id));
    assert_eq!(said[0].details.as_deref(), Some(EVIL));
    let page = browser.page(location.split('#').next().unwrap()).await;
    assert!(page.contains("Something was wrong") && !page.contains("<script>alert"));

    let fields = [("here", "//evil.example"), ("issue", "none")];
    let reply = browser
        .submit(here, "/dashboard/requests/req_good/feedback", &fields)
        .await;
    assert_eq!(
        reply.header("location"),
        Some("/dashboard/requests?done=reported#req_good")
    );
    for (id, status) in [("req_unasked", 400), ("req_nobody", 404)] {
        let action = format!("/dashboard/requests/{id}/feedback");
        let reply = browser.submit(here, &action, &[("issue", "error")]).await;
        assert_eq!(reply.status, status, "{id}: {reply:?}");
    }
    let reply = browser.get("/dashboard/requests?before=x").await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn a_long_history_has_pages() {
    let server = serving(SUM).await;
    let browser = Browser::new(&server);
    let begun = Timestamp(now().0 - 1_000);
    let all: Vec<_> = (0..60)
        .map(|number| RequestRecord {
            started_at: Timestamp(begun.0 + number),
            ..request(&format!("req_{number:02}"), None)
        })
        .collect();
    server.store.insert_requests(&all).await.unwrap();
    let mut path = "/dashboard/requests?outcome=ok".to_owned();
    let mut seen = Vec::new();
    for length in [25, 25, 10] {
        let page = browser.page(&path).await;
        let ids = page.split("class=\"request\" id=\"").skip(1);
        let ids: Vec<String> = ids.map(|rest| rest[..6].to_owned()).collect();
        assert_eq!(ids.len(), length, "{path}");
        seen.extend(ids);
        let next = page.split_once("rel=\"next\"").map(|(before, _)| before);
        let next = next
            .and_then(|before| before.rsplit_once("href=\""))
            .map(|(_, url)| url);
        let next = next.map(|url| url.split('"').next().unwrap().replace("&#38;", "&"));
        path = next.unwrap_or_default();
    }
    assert_eq!(path, "", "the last page has no next one");
    let expected: Vec<_> = (0..60)
        .rev()
        .map(|number| format!("req_{number:02}"))
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn usage_is_drawn_and_told_in_numbers_for_all_and_for_one_key() {
    let server = with_keys().await;
    let (_, browser) = entered(&server).await;
    let empty = browser.page("/dashboard").await;
    assert!(
        empty.contains("Nothing was asked in these 30 days"),
        "{empty}"
    );
    let server = with_keys().await;
    let (admin, browser) = entered(&server).await;
    let worker = add_key(&server, KeySettings::default()).await;
    let failed = RequestRecord {
        outcome: "timeout".to_owned(),
        ..request("req_3", Some(&worker.id))
    };
    let listing = RequestRecord {
        operation: "list_models".to_owned(),
        ..request("req_4", Some(&worker.id))
    };
    let all = [
        request("req_1", Some(&admin.id)),
        request("req_2", Some(&worker.id)),
        failed,
        listing,
    ];
    server.store.insert_requests(&all).await.unwrap();
    let page = browser.page("/dashboard").await;
    assert!(page.contains("<p class=\"stat\">3</p>"), "{page}");
    assert!(
        page.contains("33.3\u{a0}%") && page.contains(">3,702</p>"),
        "{page}"
    );
    assert!(page.contains("2 ok, 1 failed</title>"), "{page}");
    assert!(page.contains("3,000 prompt, 702 answer</title>"), "{page}");
    assert_eq!(
        page.matches("class=\"day\"").count(),
        60,
        "two charts of 30 days"
    );
    let page = browser
        .page(&format!("/dashboard?days=7&key={}", worker.id))
        .await;
    assert!(page.contains("<p class=\"stat\">2</p>"), "{page}");
    assert_eq!(page.matches("class=\"day\"").count(), 14);
    for odd in ["days=0", "days=x", "days=100000", "key=key_nobody"] {
        browser.page(&format!("/dashboard?{odd}")).await;
    }
}

#[tokio::test]
async fn providers_and_quotas_tell_what_is_there_and_what_is_missing() {
    let variable = |name: &str, is_set| SetupVariable {
        name: name.to_owned(),
        is_set,
    };
    let row = ProviderSetup {
        id: "cloudflare".to_owned(),
        name: "Cloudflare Workers AI".to_owned(),
        variables: vec![variable("CF_TOKEN", true), variable("CF_ACCOUNT", false)],
        ..ProviderSetup::default()
    };
    let setup: Setup = ServerConfig {
        providers: vec![row],
        ..ServerConfig::default()
    }
    .into();
    let server = setup.start(|_| SUM.to_owned()).await;
    let sync = store::ProviderSync {
        provider: "elsewhere".to_owned(),
        tried_at: Timestamp(1_000),
        succeeded_at: None,
        error: Some(EVIL.to_owned()),
        settings: String::new(),
    };
    server.store.record_sync(&sync).await.unwrap();
    let browser = Browser::new(&server);
    let page = browser.page("/dashboard/providers").await;
    assert!(
        page.contains("<code>CF_TOKEN</code> <span class=\"badge badge-good\">set"),
        "{page}"
    );
    assert!(page.contains("<code>CF_ACCOUNT</code> <span class=\"badge badge-warn\">missing"));
    assert!(page.contains("1 deployment, 0 of"), "{page}");
    assert!(page.contains("elsewhere") && page.contains(INERT), "{page}");

    let quota = KeyQuota {
        requests_per_day: Some(1234),
        ..KeyQuota::default()
    };
    let settings = KeySettings {
        quota,
        ..KeySettings::default()
    };
    add_key(&server, settings).await;
    let page = browser.page("/dashboard/quotas").await;
    assert!(
        page.contains(">1,234</td>") && page.contains("Requests a day"),
        "{page}"
    );
    assert!(page.contains("No host with known limits"), "{page}");
}
