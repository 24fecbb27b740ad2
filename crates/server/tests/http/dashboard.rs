//! Who enters the dashboard, and which forms are believed.

use router::recorder::now;
use serde_json::json;
use server::ServerConfig;
use store::{ApiKey, KeyId, KeySettings, NewKey, SessionToken, Timestamp};

use super::answers::SUM;
use super::browser::{Browser, field};
use super::client::{Running, Setup, serving};
use super::holder::{add_key, admin, with_keys};

/// Every page of the dashboard that needs no key to be there.
const PAGES: [&str; 5] = [
    "/dashboard",
    "/dashboard/keys",
    "/dashboard/requests",
    "/dashboard/providers",
    "/dashboard/quotas",
];

async fn with_settings(config: ServerConfig) -> Running {
    let setup = Setup {
        with_keys: true,
        ..config.into()
    };
    setup.start(|_| SUM.to_owned()).await
}

#[tokio::test]
async fn an_administrator_logs_in_sees_every_page_and_logs_out() {
    let server = with_keys().await;
    let admin = admin(&server).await;
    let mut browser = Browser::new(&server);
    let reply = browser
        .log_in(&admin.secret, "/dashboard/keys?page=1")
        .await;
    assert_eq!(reply.status, 303, "{reply:?}");
    assert_eq!(reply.header("location"), Some("/dashboard/keys?page=1"));
    let cookie = reply.header("set-cookie").unwrap();
    let (pair, rest) = cookie.split_once("; ").unwrap();
    assert_eq!(rest, "Path=/; Max-Age=43200; HttpOnly; SameSite=Strict");
    let secret = pair.strip_prefix("freeway_session=").unwrap();
    let session = SessionToken::parse(secret).unwrap().hash();
    let kept = server.store.session(session, now()).await.unwrap().unwrap();
    assert_eq!(kept.key_id, admin.id);
    assert_eq!(kept.expires_at.0 - kept.created_at.0, 12 * 3_600_000);

    for path in PAGES {
        let page = browser.page(path).await;
        assert!(page.contains("Logged in with <bdi>test</bdi>"), "{path}");
        assert!(
            !page.contains(secret) && !page.contains(&admin.secret),
            "{path}"
        );
        let policy = browser.get(path).await;
        let policy = policy.header("content-security-policy").unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    // Who is in is not asked again.
    assert_eq!(browser.get("/login").await.status, 303);

    let reply = browser.submit("/dashboard", "/logout", &[]).await;
    assert_eq!(reply.header("location"), Some("/login"));
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(server.store.session(session, now()).await.unwrap(), None);
    assert_eq!(
        browser.get("/dashboard").await.status,
        303,
        "the old cookie"
    );
}

#[tokio::test]
async fn without_a_session_one_is_sent_to_the_login_and_back() {
    let server = with_keys().await;
    let admin = admin(&server).await;
    let mut browser = Browser::new(&server);
    for path in PAGES {
        let reply = browser.get(path).await;
        assert_eq!(reply.status, 303, "{path}: {reply:?}");
        assert!(
            reply
                .header("location")
                .unwrap()
                .starts_with("/login?next=%2Fdashboard"),
            "{reply:?}"
        );
    }
    browser.cookie = Some(format!("freeway_session={}", "a".repeat(43)));
    let reply = browser.get("/dashboard/keys?page=2").await;
    assert_eq!(
        reply.header("location"),
        Some("/login?next=%2Fdashboard%2Fkeys%3Fpage%3D2")
    );
    let login = browser.get(reply.header("location").unwrap()).await;
    assert_eq!(field(&login.body, "next"), "/dashboard/keys?page=2");
    assert_eq!(login.header("cache-control"), Some("no-store"));
    for next in [
        "//evil.example",
        "https://evil.example",
        "/\\evil",
        "/v1/models",
        "",
    ] {
        let reply = browser.log_in(&admin.secret, next).await;
        assert_eq!(reply.header("location"), Some("/dashboard"), "{next}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_the_login_says_the_same() {
    let server = with_keys().await;
    let plain = add_key(&server, KeySettings::default()).await;
    let revoked = admin(&server).await;
    server.store.revoke_key(&revoked.id, now()).await.unwrap();
    let expired = ApiKey::generate().unwrap();
    let key = NewKey {
        id: KeyId::random().unwrap(),
        name: String::new(),
        prefix: expired.prefix().to_owned(),
        hash: expired.hash(),
        created_at: Timestamp(1),
        expires_at: Some(Timestamp(2)),
        settings: KeySettings {
            is_admin: true,
            ..KeySettings::default()
        },
    };
    server.store.create_key(key).await.unwrap();
    let unknown = ApiKey::generate().unwrap();
    let mut pages = Vec::new();
    for secret in [
        "",
        "fw_short",
        "<script>",
        unknown.expose(),
        &plain.secret,
        &revoked.secret,
        expired.expose(),
    ] {
        let mut browser = Browser::new(&server);
        let reply = browser.log_in(secret, "/dashboard").await;
        assert_eq!(reply.status, 403, "{secret}: {reply:?}");
        assert_eq!(reply.header("set-cookie"), None);
        pages.push(reply.body);
    }
    assert!(pages[0].contains("not a key that opens the dashboard"));
    assert!(pages.iter().all(|page| *page == pages[0]));
}

#[tokio::test]
async fn a_client_may_try_ten_times_and_is_then_told_to_wait() {
    let server = with_keys().await;
    let admin = admin(&server).await;
    let mut browser = Browser::new(&server);
    for _ in 0..9 {
        assert_eq!(browser.log_in("fw_x", "").await.status, 403);
    }
    // Who has a key is forgiven.
    assert_eq!(browser.log_in(&admin.secret, "").await.status, 303);
    for _ in 0..10 {
        assert_eq!(browser.log_in("fw_x", "").await.status, 403);
    }
    let reply = browser.log_in("fw_x", "").await;
    assert_eq!(reply.status, 429, "{reply:?}");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=600).contains(&wait), "{wait}");
    assert_eq!(reply.header("set-cookie"), None);
    // What a client says of itself does not count, unless a proxy says it.
    let said = "x-forwarded-for: 203.0.113.7\r\n";
    let reply = browser.send_form("/login", &[("key", "fw_x")], said).await;
    assert_eq!(reply.status, 429);
    // Nobody's mistakes keep out who has a key.
    assert_eq!(
        Browser::new(&server).log_in(&admin.secret, "").await.status,
        303
    );

    let proxied = with_settings(ServerConfig {
        trusts_proxy: true,
        ..ServerConfig::default()
    })
    .await;
    let browser = Browser::new(&proxied);
    for (last, status) in [("9", 403), ("9", 403), ("7", 403)] {
        let said = format!("x-forwarded-for: 10.1.1.1, 203.0.113.{last}\r\n");
        for _ in 0..5 {
            let reply = browser.send_form("/login", &[("key", "fw_x")], &said).await;
            assert_eq!(reply.status, status, "{last}");
        }
    }
    // A proxy may say it in a line of its own: the last one is its.
    let said = "x-forwarded-for: 198.51.100.1\r\nx-forwarded-for: 203.0.113.9\r\n";
    let reply = browser.send_form("/login", &[("key", "fw_x")], said).await;
    assert_eq!(reply.status, 429);
}

#[tokio::test]
async fn a_cookie_is_kept_to_https_where_that_is_known() {
    let cookie = async |config: ServerConfig, more: &str| {
        let server = with_settings(config).await;
        let admin = admin(&server).await;
        let browser = Browser::new(&server);
        let fields = [("key", admin.secret.as_str())];
        let reply = browser.send_form("/login", &fields, more).await;
        let cookie = reply.header("set-cookie").unwrap().to_owned();
        let pair = cookie.split(';').next().unwrap().to_owned();
        let headers = format!("{more}cookie: {pair}\r\n");
        let inside = server.send("GET", "/dashboard", &headers, "").await;
        assert_eq!(inside.status, 200, "{inside:?}");
        cookie
    };
    let https = "x-forwarded-proto: https\r\n";
    let proxied = || ServerConfig {
        trusts_proxy: true,
        ..ServerConfig::default()
    };
    let public = ServerConfig {
        public_url: Some("https://freeway.example".to_owned()),
        ..ServerConfig::default()
    };
    for (config, more) in [(proxied(), https), (public, "")] {
        let cookie = cookie(config, more).await;
        assert!(cookie.starts_with("__Host-freeway_session="), "{cookie}");
        assert!(cookie.ends_with("; SameSite=Strict; Secure"), "{cookie}");
    }
    for (config, more) in [(ServerConfig::default(), https), (proxied(), "")] {
        let cookie = cookie(config, more).await;
        assert!(cookie.starts_with("freeway_session="), "{cookie}");
        assert!(!cookie.contains("Secure"), "{cookie}");
    }
}

#[tokio::test]
async fn a_form_without_its_token_or_from_another_site_changes_nothing() {
    let server = with_keys().await;
    let admin = admin(&server).await;
    let other = add_key(&server, KeySettings::default()).await;
    let browser = Browser::with_key(&server, &admin.secret).await;
    let token = field(&browser.page("/dashboard").await, "token");
    let stranger = Browser::with_key(&server, &admin.secret).await;
    let strange = field(&stranger.page("/dashboard").await, "token");
    assert_ne!(token, strange);
    let path = format!("/dashboard/keys/{}/revoke", other.id);
    let own = "origin: http://localhost\r\n";
    for (token, more) in [
        ("", own),
        ("x", own),
        (&strange, own),
        (&token[..63], own),
        (&token, "origin: http://evil.example\r\n"),
        (&token, "origin: null\r\n"),
        (&token, "origin: http://localhost:9\r\n"),
        (&token, "sec-fetch-site: cross-site\r\n"),
        (
            &token,
            "origin: http://localhost\r\nsec-fetch-site: same-site\r\n",
        ),
    ] {
        let reply = browser.send_form(&path, &[("token", token)], more).await;
        assert_eq!(reply.status, 403, "{token} {more}: {reply:?}");
        let reply = browser
            .send_form("/logout", &[("token", token)], more)
            .await;
        assert_eq!(reply.status, 403, "{token} {more}");
    }
    // Nor one that is no form, which another site could send without asking.
    let body = format!("token={token}");
    let headers = format!(
        "cookie: {}\r\ncontent-type: text/plain\r\n",
        browser.cookie.as_ref().unwrap()
    );
    let reply = server.send("POST", &path, &headers, &body).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    // Nor a link.
    assert_eq!(browser.get(&path).await.status, 200);
    assert_eq!(browser.get("/logout").await.status, 405);
    let kept = server.store.key(&other.id).await.unwrap().unwrap();
    assert_eq!(kept.revoked_at, None);

    let login = [("key", admin.secret.as_str())];
    let reply = Browser::new(&server)
        .send_form("/login", &login, "origin: http://evil.example\r\n")
        .await;
    assert_eq!((reply.status, reply.header("set-cookie")), (403, None));
    // The same form from its own page.
    let reply = browser.send_form(&path, &[("token", &token)], own).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let kept = server.store.key(&other.id).await.unwrap().unwrap();
    assert!(kept.revoked_at.is_some());
}

#[tokio::test]
async fn a_session_ends_with_its_key_and_with_what_the_key_may_do() {
    let server = with_keys().await;
    let root = admin(&server).await;
    for end in ["revoked", "demoted"] {
        let other = admin(&server).await;
        let browser = Browser::with_key(&server, &other.secret).await;
        browser.page("/dashboard").await;
        let path = format!("/api/admin/keys/{}", other.id);
        let reply = match end {
            "revoked" => root.send("DELETE", &path, None).await,
            _ => {
                root.send("PATCH", &path, Some(json!({"isAdmin": false})))
                    .await
            }
        };
        assert_eq!(reply.status, 200, "{reply:?}");
        let reply = browser.get("/dashboard").await;
        assert_eq!(reply.status, 303, "{end}: {reply:?}");
        // Being an administrator again does not bring it back.
        if end == "demoted" {
            root.send("PATCH", &path, Some(json!({"isAdmin": true})))
                .await;
            assert_eq!(browser.get("/dashboard").await.status, 303);
        }
    }
}

#[tokio::test]
async fn without_keys_this_machine_enters_and_other_pages_still_send_no_forms() {
    let server = serving(SUM).await;
    let browser = Browser::new(&server);
    for path in PAGES {
        let page = browser.page(path).await;
        assert!(page.contains("No login needed"), "{path}");
        assert!(!page.contains("/logout"), "{path}");
    }
    assert_eq!(
        browser.get("/login").await.header("location"),
        Some("/dashboard")
    );
    let reply = server
        .send("GET", "/dashboard", "host: evil.example\r\n", "")
        .await;
    assert_eq!(reply.status, 403, "{reply:?}");

    let page = browser.page("/dashboard/keys").await;
    let (token, id) = (field(&page, "token"), field(&page, "id"));
    let fields = [("token", token.as_str()), ("id", &id), ("name", "made")];
    for (fields, more) in [
        (&fields[1..], "origin: http://localhost\r\n"),
        (&fields[..], "origin: http://evil.example\r\n"),
        (&fields[..], "origin: http://localhost:3000\r\n"),
    ] {
        let reply = browser.send_form("/dashboard/keys", fields, more).await;
        assert_eq!(reply.status, 403, "{more}: {reply:?}");
    }
    assert_eq!(server.store.keys().await.unwrap(), []);
    let reply = browser.send_form("/dashboard/keys", &fields, "").await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(server.store.keys().await.unwrap()[0].name, "made");
}
