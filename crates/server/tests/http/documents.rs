//! What programs read of the pages: feeds, the sitemap, and the pictures of links.

use router::ModelSpec;
use router::catalog::Catalog;
use serde_json::{Value, json};
use store::{CatalogUpdate, DeploymentKey, DeploymentRecord, ModelRecord, SpecChange, Timestamp};

use super::answers::SUM;
use super::client::{Reply, Running, Setup, serving};
use super::openapi::{answers, closed, document};

const LOOK: Timestamp = Timestamp(1_763_827_200_000);
const HOUR_MS: i64 = 3_600_000;
/// A name that would like to be more.
const HOSTILE: &str = "</title></script><script>alert(1)</script>\u{202e}&\"'\u{0}";

fn change(model: &str, at: Timestamp, field: &str, old: Value, new: Value) -> SpecChange {
    let text = |value: Value| (!value.is_null()).then(|| value.to_string());
    SpecChange {
        model: model.to_owned(),
        deployment: Some(DeploymentKey {
            provider: "openrouter".to_owned(),
            name: format!("{model}:free"),
        }),
        at,
        field: field.to_owned(),
        old: text(old),
        new: text(new),
    }
}

fn rows() -> CatalogUpdate {
    let mut rows = CatalogUpdate::default();
    for number in 0..40 {
        let id = format!("acme/m{number}");
        let spec = ModelSpec {
            name: match number {
                0 => HOSTILE.to_owned(),
                1 => "通义千问".to_owned(),
                2 => "A Very Long Name ".repeat(60),
                number => format!("Model {number}"),
            },
            context_length: Some(131_072),
            ..ModelSpec::default()
        };
        let stored = json!({ "spec": spec, "author": "acme" }).to_string();
        rows.models.push(ModelRecord {
            id: id.clone(),
            spec: stored.clone(),
            first_seen_at: LOOK,
            last_seen_at: LOOK,
        });
        rows.deployments.push(DeploymentRecord {
            key: DeploymentKey {
                provider: "openrouter".to_owned(),
                name: format!("{id}:free"),
            },
            model: id.clone(),
            spec: stored,
            first_seen_at: LOOK,
            last_seen_at: LOOK,
            gone_at: None,
        });
        let nothing = || Value::Null;
        rows.changes
            .push(change(&id, LOOK, "appeared", nothing(), nothing()));
    }
    let later = Timestamp(LOOK.0 + HOUR_MS);
    let (old, new) = (json!(131_072), json!(65_536));
    rows.changes
        .push(change("acme/m0", later, "context_length", old, new));
    rows
}

async fn started() -> Running {
    let rows = rows();
    let setup = Setup {
        catalog: Catalog::from_store(rows.models.clone(), rows.deployments.clone()),
        ..Setup::default()
    };
    let server = setup.start(|_| SUM.to_owned()).await;
    server.store.update_catalog(&rows).await.unwrap();
    server
}

/// That a text is XML with this root: every element is closed and every reference is known.
fn is_xml(text: &str, root: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .unwrap();
    while let Some(at) = rest.find('<') {
        let words = &rest[..at];
        assert!(!words.contains('>'), "{words}");
        for reference in words.split('&').skip(1) {
            let name = reference.split(';').next().unwrap();
            assert!(
                ["amp", "lt", "gt", "quot", "#39"].contains(&name),
                "&{name}"
            );
        }
        let end = rest.find('>').unwrap();
        let tag = &rest[at + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            let name = tag.split_whitespace().next().unwrap();
            assert!(!open.is_empty() || name == root, "{name}");
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?}");
    assert!(!text.chars().any(|letter| letter < ' ' && letter != '\n'));
}

#[tokio::test]
async fn a_feed_tells_what_changed_once_for_each_look() {
    let server = started().await;
    let description = closed(document(&server).await);
    let reply = server.get("/feed.json").await;
    answers(&description, "get", "/feed.json", &reply);
    let feed = reply.json();
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    assert_eq!(feed["feed_url"], "http://localhost/feed.json");
    let items = feed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[1]["title"], "40 models appeared at OpenRouter");
    assert_eq!(items[0]["content_text"], "context: 131,072 → 65,536");
    assert_eq!(items[0]["date_published"], "2025-11-22T17:00:00Z");
    assert_eq!(items[0]["url"], "http://localhost/models/acme/m0:free");
    assert!(!items[0]["title"].as_str().unwrap().contains('\u{202e}'));

    let rss = server.get("/feed.xml").await;
    answers(&description, "get", "/feed.xml", &rss);
    is_xml(&rss.body, "rss");
    assert_eq!(rss.body.matches("<item>").count(), 2);
    assert!(
        rss.body
            .contains("<pubDate>Sat, 22 Nov 2025 17:00:00 GMT</pubDate>")
    );
    assert!(!rss.body.contains("<script>"));
}

#[tokio::test]
async fn a_feed_of_one_model_has_its_changes_alone() {
    let server = started().await;
    let description = closed(document(&server).await);
    let reply = server.get("/feed.json?model=acme/m7:free").await;
    let feed = reply.json();
    assert_eq!(feed["title"], "Changes of Model 7");
    assert_eq!(feed["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        feed["items"][0]["title"],
        "Model 7 is free now at OpenRouter"
    );
    assert_eq!(
        feed["feed_url"],
        "http://localhost/feed.json?model=acme/m7:free"
    );
    for path in ["/feed.json", "/feed.xml"] {
        let hostile = format!("{path}?model=%3Cscript%3E%22%27%0d%0a");
        let reply = server.get(&hostile).await;
        assert_eq!(reply.status, 404);
        answers(&description, "get", path, &reply);
    }
    let empty = serving(SUM).await.get("/feed.xml").await;
    is_xml(&empty.body, "rss");
    assert!(!empty.body.contains("<item>"));
}

#[tokio::test]
async fn whoever_has_the_newest_feed_is_told_so() {
    let server = started().await;
    for path in ["/feed.xml", "/feed.json"] {
        let first = server.get(path).await;
        // What is told of old news may change, so no date says how new the feed is.
        assert!(first.header("last-modified").is_none());
        assert!(first.header("cache-control").unwrap().contains("max-age"));
        let tag = first.header("etag").unwrap();
        let asked = format!("if-none-match: {tag}\r\n");
        let again = server.send("GET", path, &asked, "").await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        let asked = "if-none-match: \"other\"\r\n";
        assert_eq!(server.send("GET", path, asked, "").await.status, 200);
    }
}

#[tokio::test]
async fn the_sitemap_lists_what_is_there() {
    let server = started().await;
    let reply = server.get("/sitemap.xml").await;
    is_xml(&reply.body, "urlset");
    assert_eq!(
        reply.header("content-type"),
        Some("application/xml; charset=utf-8")
    );
    let urls = reply.body.split("<loc>http://localhost").skip(1);
    let urls: Vec<_> = urls.map(|rest| rest.split('<').next().unwrap()).collect();
    assert!(urls.contains(&"/models/acme/m7:free"), "{urls:?}");
    assert!(urls.contains(&"/providers/acme"));
    for url in urls {
        let reply = server.get(url).await;
        assert_eq!(reply.status, 200, "{url}");
    }
    let robots = server.get("/robots.txt").await;
    assert!(
        robots
            .body
            .contains("Sitemap: http://localhost/sitemap.xml")
    );
    assert!(robots.body.contains("Disallow: /dashboard"));
}

async fn picture(server: &Running, path: &str) -> (Reply, Vec<u8>) {
    let mut connection = server.connect().await;
    connection.request("GET", path, "", "").await;
    connection.raw_reply().await
}

#[tokio::test]
async fn every_model_has_a_picture_whatever_it_is_called() {
    let server = started().await;
    let mut drawn = Vec::new();
    for path in [
        "/og/site.png",
        "/og/models/acme/m0:free.png",
        "/og/models/acme/m1.png",
        "/og/models/acme/m2.png",
        "/og/models/test/scripted.png",
    ] {
        let (reply, png) = picture(&server, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-type"), Some("image/png"));
        assert_eq!(reply.header("cache-control"), Some("public, max-age=3600"));
        assert!(png.starts_with(b"\x89PNG"));
        assert!(png.len() < 200_000, "{path}: {}", png.len());
        assert!(!drawn.contains(&png), "{path} is that of another");
        drawn.push(png);
    }
    let again = picture(&server, "/og/models/acme/m0.png").await.1;
    assert_eq!(again, drawn[1]);
    for path in ["/og/models/nobody/knows.png", "/og/models/%3Cscript%3E"] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 404);
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
}
