//! Who may ask.

use std::time::Duration;

use router::recorder::now;
use serde_json::json;
use server::ServerConfig;
use store::{ApiKey, KeyId, KeySettings, NewKey, Store, Timestamp};

use super::answers::SUM;
use super::client::{Running, Setup, serving};

async fn add_key(store: &dyn Store, expires_at: Option<Timestamp>) -> (KeyId, String) {
    let secret = ApiKey::generate().unwrap();
    let key = NewKey {
        id: KeyId::random().unwrap(),
        name: "test".to_owned(),
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        created_at: now(),
        expires_at,
        settings: KeySettings::default(),
    };
    let record = store.create_key(key).await.unwrap();
    (record.id, secret.expose().to_owned())
}

async fn status_with(server: &Running, authorization: &str) -> u16 {
    let headers = match authorization {
        "" => String::new(),
        value => format!("authorization: {value}\r\n"),
    };
    server.send("GET", "/v1/models", &headers, "").await.status
}

#[tokio::test]
async fn a_key_opens_the_door_until_it_is_revoked_or_expires() {
    let setup = Setup {
        with_keys: true,
        ..Setup::default()
    };
    let server = setup.start(|_| SUM.to_owned()).await;
    let (_, good) = add_key(server.store.as_ref(), None).await;
    let (id, revoked) = add_key(server.store.as_ref(), None).await;
    server.store.revoke_key(&id, now()).await.unwrap();
    let (_, expired) = add_key(server.store.as_ref(), Some(now())).await;

    assert_eq!(status_with(&server, &format!("Bearer {good}")).await, 200);
    assert_eq!(status_with(&server, &format!("bearer {good}")).await, 200);
    let unknown = ApiKey::generate().unwrap().expose().to_owned();
    let long = "x".repeat(10_000);
    for wrong in [revoked, expired, unknown, long, good[1..].to_owned()] {
        assert_eq!(
            status_with(&server, &format!("Bearer {wrong}")).await,
            401,
            "{wrong}"
        );
    }
    for wrong in ["", "Bearer", "Basic abc", good.as_str()] {
        assert_eq!(status_with(&server, wrong).await, 401, "{wrong}");
    }
    let reply = server.get("/v1/models").await;
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    assert_eq!(reply.json()["error"]["code"], "invalid_api_key");
    // What watches over the server needs no key; what tells of requests does.
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 200);
    assert_eq!(server.get("/metrics").await.status, 401);
    assert_eq!(
        server.get("/v1/nothing").await.status,
        401,
        "not even what exists is told"
    );
}

#[tokio::test]
async fn a_key_is_refused_once_its_record_is_looked_up_again() {
    let config = ServerConfig {
        key_cache: Duration::ZERO,
        ..ServerConfig::default()
    };
    let setup = Setup {
        config,
        with_keys: true,
        ..Setup::default()
    };
    let server = setup.start(|_| SUM.to_owned()).await;
    let (id, secret) = add_key(server.store.as_ref(), None).await;
    let bearer = format!("Bearer {secret}");
    assert_eq!(status_with(&server, &bearer).await, 200);
    server.store.revoke_key(&id, now()).await.unwrap();
    assert_eq!(status_with(&server, &bearer).await, 401);

    // A store that fails does not lock out who was let in before, nor let in anybody else.
    let (_, other) = add_key(server.store.as_ref(), None).await;
    let other = format!("Bearer {other}");
    assert_eq!(status_with(&server, &other).await, 200);
    server.store.close().await.unwrap();
    assert_eq!(status_with(&server, &other).await, 200);
    assert_eq!(status_with(&server, &bearer).await, 401);
    let stranger = format!("Bearer {}", ApiKey::generate().unwrap().expose());
    assert_eq!(status_with(&server, &stranger).await, 503);
    assert_eq!(server.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn browsers_are_told_which_pages_may_ask() {
    let preflight = |origin: &str| {
        format!(
            "origin: {origin}\r\naccess-control-request-method: POST\r\n\
             access-control-request-headers: authorization,content-type\r\n"
        )
    };
    for with_keys in [false, true] {
        let config = ServerConfig {
            allowed_origins: vec!["https://app.example".to_owned()],
            ..ServerConfig::default()
        };
        let setup = Setup {
            config,
            with_keys,
            ..Setup::default()
        };
        let server = setup.start(|_| SUM.to_owned()).await;
        for (origin, may_ask) in [
            ("https://app.example", true),
            ("http://localhost:3000", !with_keys),
            ("https://evil.example", false),
        ] {
            let path = "/v1/chat/completions";
            let reply = server.send("OPTIONS", path, &preflight(origin), "").await;
            let allowed = reply.header("access-control-allow-origin");
            assert_eq!(allowed, may_ask.then_some(origin), "{reply:?}");
            if may_ask {
                assert_eq!(reply.status, 200);
                let headers = reply.header("access-control-allow-headers").unwrap();
                assert!(headers.contains("authorization"), "{headers}");
            }
        }
        let listed = "origin: https://app.example\r\n";
        let reply = server.send("GET", "/v1/models", listed, "").await;
        assert_eq!(reply.status, if with_keys { 401 } else { 200 });
        let exposed = reply.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("x-request-id"), "{exposed}");
    }
}

#[tokio::test]
async fn a_client_without_a_key_is_told_so_even_if_it_sends_much() {
    let setup = Setup {
        with_keys: true,
        ..Setup::default()
    };
    let server = setup.start(|_| SUM.to_owned()).await;
    let large = "x".repeat(8 << 20);
    let reply = server
        .send("POST", "/v1/chat/completions", "", &large)
        .await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn requests_are_recorded_under_their_key() {
    let setup = Setup {
        with_keys: true,
        ..Setup::default()
    };
    let server = setup.start(|_| SUM.to_owned()).await;
    let (id, secret) = add_key(server.store.as_ref(), None).await;
    let headers = format!("authorization: Bearer {secret}\r\n");
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]});
    let reply = server
        .send("POST", "/v1/chat/completions", &headers, &body.to_string())
        .await;
    assert_eq!(reply.status, 200);
    let store = std::sync::Arc::clone(&server.store);
    let records = server.ended().await;
    assert_eq!(records[0].key_id.as_ref(), Some(&id));
    let keys = store.keys().await.unwrap();
    assert!(keys[0].last_used_at.is_some());
}

#[tokio::test]
async fn without_keys_only_this_machine_and_its_pages_are_answered() {
    let server = serving(SUM).await;
    for (headers, status) in [
        ("host: localhost:1234\r\n", 200),
        ("host: 127.0.0.1\r\n", 200),
        ("host: [::1]:80\r\n", 200),
        ("host: evil.example\r\n", 403),
        ("host: 127.0.0.1.evil.example\r\n", 403),
        ("host: localhost\r\norigin: http://localhost:3000\r\n", 200),
        ("host: localhost\r\norigin: https://evil.example\r\n", 403),
        ("host: localhost\r\norigin: null\r\n", 403),
        ("host: localhost\r\nauthorization: Bearer whatever\r\n", 200),
    ] {
        let reply = server.send("GET", "/v1/models", headers, "").await;
        assert_eq!(reply.status, status, "{headers}");
    }
}
