//! The documentation as a page: whole, with every anchor in its place, and true of this server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answers::SUM;
use super::client::{Running, serving};
use super::holder::with_keys;

/// Elements that have no end.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];

/// The elements of a page: names with their attributes. That each is closed is checked on the way.
fn elements(html: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").unwrap();
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a stray >: {}", &rest[..at]);
        rest = &rest[at + 1..];
        if let Some(name) = rest.strip_prefix('/') {
            let name = &name[..name.find('>').unwrap()];
            assert_eq!(open.pop().as_deref(), Some(name), "before {rest:.80}");
            rest = &rest[name.len() + 2..];
            continue;
        }
        let (tag, attributes, is_closed, after) = tag(rest);
        rest = after;
        if tag == "script" && !is_closed {
            let end = rest.find("</script>").unwrap();
            rest = &rest[end..];
        }
        if !is_closed && !VOID.contains(&tag.as_str()) {
            open.push(tag.clone());
        }
        found.push((tag, attributes));
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

/// The name and the attributes of a tag, whether it closes itself, and what follows.
fn tag(text: &str) -> (String, BTreeMap<String, String>, bool, &str) {
    let end = text.find(|letter: char| letter.is_whitespace() || "/>".contains(letter));
    let (name, mut rest) = text.split_at(end.unwrap());
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            return (name.to_owned(), attributes, true, after);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (name.to_owned(), attributes, false, after);
        }
        let end = rest.find(|letter: char| letter.is_whitespace() || "=>".contains(letter));
        let (key, after) = rest.split_at(end.unwrap());
        let value = match after.strip_prefix("=\"") {
            Some(value) => {
                let (value, after) = value.split_once('"').unwrap();
                rest = after;
                value
            }
            None => {
                assert!(!after.starts_with('='), "{key} without quotes");
                rest = after;
                ""
            }
        };
        let known = attributes.insert(key.to_owned(), value.to_owned());
        assert!(known.is_none(), "{key} twice in {name}");
    }
}

async fn docs(server: &Running) -> String {
    let reply = server.get("/docs").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    reply.body
}

#[tokio::test]
async fn the_page_is_whole_and_every_anchor_has_its_place() {
    for server in [serving(SUM).await, with_keys().await] {
        let elements = elements(&docs(&server).await);
        let mut ids = BTreeSet::new();
        for (tag, attributes) in &elements {
            if let Some(id) = attributes.get("id") {
                assert!(ids.insert(id.as_str()), "{tag} #{id} twice");
            }
            let is_inline = |name: &str| name == "style" || name.starts_with("on");
            assert!(
                !attributes.keys().any(|name| is_inline(name)),
                "{attributes:?}"
            );
        }
        for (tag, attributes) in &elements {
            for name in ["for", "aria-labelledby", "aria-describedby", "data-copy"] {
                if let Some(id) = attributes.get(name) {
                    assert!(ids.contains(id.as_str()), "{tag} {name}={id}");
                }
            }
            if let Some(id) = attributes.get("href").and_then(|url| url.strip_prefix('#')) {
                assert!(ids.contains(id), "#{id}");
            }
            if tag == "script" {
                let is_data = attributes
                    .get("type")
                    .is_some_and(|kind| kind == "application/ld+json");
                assert!(is_data || attributes.contains_key("src"), "{attributes:?}");
            }
        }
        let described = server.get("/openapi.json").await.json();
        for item in described["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.contains(id), "{id} is not shown");
            }
        }
    }
}

#[tokio::test]
async fn headings_go_down_one_step_at_a_time() {
    let server = serving(SUM).await;
    let mut last = 0;
    for (tag, _) in elements(&docs(&server).await) {
        let level = tag
            .strip_prefix('h')
            .and_then(|level| level.parse::<u32>().ok());
        let Some(level) = level else { continue };
        assert!(level <= last + 1, "h{last} and then {tag}");
        last = level;
    }
}

#[tokio::test]
async fn parts_have_addresses_of_their_own() {
    let server = serving(SUM).await;
    for name in ["errors", "quick-start", "reference", "createChatCompletion"] {
        let reply = server.get(&format!("/docs/{name}")).await;
        assert_eq!(reply.status, 308, "{name}");
        assert_eq!(reply.header("location"), Some(&*format!("/docs#{name}")));
    }
    for name in [
        "nothing",
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "%0d%0aa:b",
    ] {
        let reply = server.get(&format!("/docs/{name}")).await;
        assert_eq!(reply.status, 404, "{name}");
        assert!(!reply.body.contains("<script>alert"), "{name}");
        assert!(reply.header("a").is_none());
    }
}

#[tokio::test]
async fn examples_name_this_server_and_a_key_where_one_is_needed() {
    let server = serving(SUM).await;
    let open = docs(&server).await;
    assert!(open.contains("http://localhost/v1"));
    assert!(!open.contains("FREEWAY_API_KEY") && !open.contains("try-key"));
    let server = with_keys().await;
    let host = "host: \"><script>alert(1)</script>\r\n";
    let reply = server.send("GET", "/docs", host, "").await;
    assert!(!reply.body.contains("<script>alert"));
    assert!(
        reply
            .body
            .contains(&format!("http://{}/v1", server.address))
    );
    assert!(reply.body.contains("FREEWAY_API_KEY"));
    assert!(reply.body.contains("Needs an administrator"));
}

/// What HTML says of a text.
fn unescaped(html: &str) -> String {
    let known = [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
    ];
    known
        .iter()
        .fold(html.to_owned(), |text, (entity, letter)| {
            text.replace(entity, letter)
        })
}

#[tokio::test]
async fn every_curl_line_with_a_body_works_as_it_stands() {
    let server = serving(SUM).await;
    let html = unescaped(&docs(&server).await);
    let mut num_sent = 0;
    for line in html.split("curl ").skip(1) {
        let Some((head, body)) = line.split_once(" -d '") else {
            continue;
        };
        let Some(url) = head
            .split_whitespace()
            .find(|word| word.starts_with("http"))
        else {
            continue;
        };
        let path = url.strip_prefix("http://localhost").unwrap();
        // A quote in a shell's quotes.
        let body = body.replace("'\\''", "\u{1}");
        let body = body.split('\'').next().unwrap().replace('\u{1}', "'");
        let body = body.replace("freeway/demo", "test/scripted");
        let json: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}"));
        if head.contains("-X ") || json["expiresAt"].is_string() {
            continue;
        }
        num_sent += 1;
        let reply = server.send("POST", path, "", &body).await;
        // The scripted model answers a question for JSON with a sentence.
        assert_eq!(reply.status, 200, "{path} {body}: {reply:?}");
    }
    assert!(num_sent >= 8, "{num_sent}");
}
