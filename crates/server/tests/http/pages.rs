//! The pages as browsers get them: what they say, that they say the same each time, and that nothing a
//! stranger wrote is more than text.

mod fixture;

use server::ServerConfig;
use store::{CatalogUpdate, FeedbackQuery, SpecChange, Timestamp};

use super::client::{Reply, Running, Setup, soon};
use super::holder::{add_key, with_keys};
use fixture::{GONE, HOSTILE, MOMENT, OSS, PLAIN, RIGHT_TO_LEFT, filled};

/// Pages of a server with models.
const PATHS: [&str; 16] = [
    "/",
    "/models",
    "/models?tab=health",
    "/models?tab=availability",
    "/models?q=gpt&use=tools&sort=newest&status=all",
    "/models?q=nothing-like-it",
    "/models/openai/gpt-oss-20b:free",
    "/models/openai/gpt-oss-20b?range=30d&days=90",
    "/models/evil/hostile:free",
    "/models/rtl/model:free",
    "/models/old/gone:free",
    "/models/new/plain:free",
    "/compare?m=openai/gpt-oss-20b:free&m=evil/hostile:free&m=nobody",
    "/providers",
    "/providers/openai",
    "/status",
];

/// The page without what differs from one build to the next.
fn normal(html: &str) -> String {
    let mut normal = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once("/static/") {
        normal.push_str(before);
        normal.push_str("/static/VERSION");
        rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    normal.push_str(rest);
    normal.replace("127.0.0.1", "HERE")
}

/// What no page of ours has: scripts within it, handlers and styles in attributes, and the files of
/// others.
fn assert_inert(path: &str, html: &str) {
    for tag in html.split('<').skip(1) {
        let Some((tag, inside)) = tag.split_once('>') else {
            continue;
        };
        let name = tag.split_ascii_whitespace().next().unwrap_or("");
        if name == "script" {
            let is_data = tag.contains("type=\"application/ld+json\"");
            assert!(
                is_data || (tag.contains("src=\"/static/") && inside.is_empty()),
                "{path}: <{tag}>{inside}"
            );
        }
        let attributes = attributes(tag);
        for (attribute, value) in &attributes {
            assert!(
                !attribute.starts_with("on") && attribute != "style",
                "{path}: <{tag}>"
            );
            let loads = ["src", "srcset", "data", "poster"].contains(&attribute.as_str());
            assert!(!loads || value.starts_with('/'), "{path}: <{tag}>");
            if attribute == "href" {
                let is_known = ["/", "#", "https://", "http://"]
                    .iter()
                    .any(|start| value.starts_with(start));
                assert!(is_known, "{path}: <{tag}>");
                // A page says the URL of its own server, as that is set or as it was asked.
                let own = ["/", "https://freeway.example/", "http://localhost/"];
                assert!(
                    name != "link" || own.iter().any(|start| value.starts_with(start)),
                    "{path}: <{tag}>"
                );
            }
        }
        let elements = [
            "!doctype",
            "html",
            "head",
            "meta",
            "title",
            "link",
            "script",
            "body",
            "a",
            "header",
            "div",
            "svg",
            "rect",
            "path",
            "defs",
            "pattern",
            "nav",
            "button",
            "span",
            "aside",
            "main",
            "section",
            "h1",
            "h2",
            "h3",
            "h4",
            "p",
            "ul",
            "ol",
            "li",
            "dl",
            "dt",
            "dd",
            "b",
            "em",
            "strong",
            "code",
            "pre",
            "bdi",
            "br",
            "table",
            "caption",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "details",
            "summary",
            "figure",
            "figcaption",
            "form",
            "fieldset",
            "legend",
            "input",
            "select",
            "option",
            "textarea",
            "label",
            "footer",
            "time",
            "del",
            "ins",
            "blockquote",
        ];
        let name = name.trim_start_matches('/').trim_end_matches('/');
        assert!(
            name.starts_with("!--") || elements.contains(&name),
            "{path}: <{name}"
        );
    }
}

/// Names and values of a tag, as far as its values are quoted.
fn attributes(tag: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let mut rest = tag
        .split_once(char::is_whitespace)
        .map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else {
            break;
        };
        let name = name.rsplit(char::is_whitespace).next().unwrap_or("");
        attributes.push((name.to_ascii_lowercase(), value.to_owned()));
        rest = after;
    }
    attributes
}

async fn page(server: &Running, path: &str) -> Reply {
    let reply = soon(server.get(path)).await;
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8"),
        "{path}"
    );
    reply
}

#[tokio::test]
async fn pages_say_the_same_of_the_same_data() {
    let server = filled().await;
    for (name, path) in [
        ("home", "/"),
        ("models", "/models"),
        ("health", "/models?tab=health"),
        ("availability", "/models?tab=availability"),
        ("model", "/models/openai/gpt-oss-20b:free?range=24h"),
        ("model_hostile", "/models/evil/hostile:free"),
        ("model_without_data", "/models/new/plain:free"),
        (
            "compare",
            "/compare?m=openai/gpt-oss-20b:free&m=old/gone:free",
        ),
        ("author", "/providers/openai"),
    ] {
        let reply = page(&server, path).await;
        assert_eq!(reply.status, 200, "{path}");
        insta::assert_snapshot!(name, normal(&reply.body));
    }
}

#[tokio::test]
async fn nothing_that_a_stranger_wrote_is_more_than_text() {
    let server = filled().await;
    // The stranger's model is in the lists: what follows is no claim about pages without it.
    for path in ["/models", "/models?tab=health", "/models?tab=availability"] {
        let body = page(&server, path).await.body;
        assert!(body.contains(HOSTILE), "{path}: {body}");
    }
    for path in PATHS {
        let reply = page(&server, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_inert(path, &reply.body);
        for letter in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{0}'] {
            assert!(!reply.body.contains(letter), "{path} has {letter:?}");
        }
    }
    let hostile = page(&server, "/models/evil/hostile:free").await.body;
    assert!(hostile.contains("&lt;script&gt;"), "{hostile}");
    assert!(!hostile.contains("href=\"javascript"), "{hostile}");
    // The search comes back in its field.
    let path = "/models?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    assert_inert(path, &page(&server, path).await.body);
    let path = "/compare?m=%3Cimg+src=x+onerror=alert(1)%3E";
    assert_inert(path, &page(&server, path).await.body);
}

#[tokio::test]
async fn every_page_says_what_it_may_load_and_every_file_it_loads_is_there() {
    let server = filled().await;
    let mut files = std::collections::BTreeSet::new();
    for path in PATHS {
        let reply = page(&server, path).await;
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        for part in reply.body.split('"') {
            if part.starts_with("/static/") {
                files.insert(part.to_owned());
            }
        }
    }
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let reply = server.get(&file).await;
        assert_eq!(reply.status, 200, "{file}");
        assert!(!reply.body.is_empty(), "{file}");
        let cache = reply.header("cache-control").unwrap();
        assert!(cache.contains("immutable"), "{file}: {cache}");
    }
    assert_eq!(
        server
            .get("/static/other/style.css")
            .await
            .header("cache-control"),
        Some("no-cache")
    );
    assert_eq!(server.get("/static/other/secret").await.status, 404);
}

#[tokio::test]
async fn an_empty_server_has_every_page_and_numbers_that_are_none() {
    let server = Setup::default().start(|_| String::new()).await;
    for path in [
        "/",
        "/models",
        "/models?tab=health",
        "/models?tab=availability",
        "/compare",
        "/providers",
        "/status",
    ] {
        let reply = page(&server, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_inert(path, &reply.body);
        assert!(!reply.body.contains("NaN"), "{path}");
    }
    // What the engine can run has a page before anything is known of it.
    let reply = page(&server, "/models/openai/gpt-oss-20b").await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("freeway pull openai/gpt-oss-20b"));
    assert!(reply.body.contains("Nobody has looked at this model yet."));
}

#[tokio::test]
async fn what_runs_here_has_no_limits_of_an_account() {
    let server = Setup::default().start(|_| String::new()).await;
    let html = page(&server, "/models/test/scripted").await.body;
    assert!(html.contains("<span class=\"muted\">none</span>"), "{html}");
    assert!(!html.contains("none known"), "{html}");
}

#[tokio::test]
async fn older_changes_are_missing_only_where_there_are_some() {
    for (num_changes, is_cut) in [(50, false), (51, true)] {
        let server = filled().await;
        let change = |number: i64| SpecChange {
            model: "new/plain".to_owned(),
            deployment: None,
            at: Timestamp(number),
            field: "context_length".to_owned(),
            old: Some(number.to_string()),
            new: Some((number + 1).to_string()),
        };
        let update = CatalogUpdate {
            changes: (0..num_changes).map(change).collect(),
            ..CatalogUpdate::default()
        };
        server.store.update_catalog(&update).await.unwrap();
        let html = page(&server, "/models/new/plain:free").await.body;
        assert_eq!(html.contains("Older changes are not shown."), is_cut);
        let count = match is_cut {
            true => "History of changes (the latest 50)",
            false => "History of changes (50)",
        };
        assert!(html.contains(count), "{html}");
    }
}

#[tokio::test]
async fn other_names_lead_to_the_page_and_unknown_ones_to_a_page_that_says_so() {
    let server = filled().await;
    let reply = server.get("/models/GPT-OSS-20B").await;
    assert_eq!(reply.status, 307);
    assert_eq!(
        reply.header("location"),
        Some("/models/openai/gpt-oss-20b:free")
    );
    assert_eq!(
        server.get("/models/").await.header("location"),
        Some("/models")
    );
    let reply = page(&server, "/models/openai/gpt-oss-20c").await;
    assert_eq!(reply.status, 404);
    assert!(reply.body.contains("openai/gpt-oss-20b"), "{}", reply.body);
    assert_inert("404", &page(&server, "/models/%3Cscript%3E").await.body);
    assert_eq!(page(&server, "/providers/nobody").await.status, 404);
    // Elsewhere it depends on who asks.
    let reply = server
        .send("GET", "/nowhere", "accept: text/html\r\n", "")
        .await;
    assert_eq!(reply.status, 404);
    assert!(reply.body.starts_with("<!doctype html>"), "{}", reply.body);
    assert!(reply.header("content-security-policy").is_some());
    assert_eq!(
        server.get("/nowhere").await.json()["error"]["code"],
        "unknown_url"
    );
    let reply = server
        .send("GET", "/v1/nowhere", "accept: text/html\r\n", "")
        .await;
    assert_eq!(reply.json()["error"]["code"], "unknown_url");
}

#[tokio::test]
async fn the_pages_of_models_tell_their_fate() {
    let server = filled().await;
    let body = |id: &'static str| {
        let server = &server;
        async move { page(server, &format!("/models/{id}")).await.body }
    };
    let oss = body(OSS).await;
    assert!(oss.contains("Available 41 of 41 tracked days"), "{oss}");
    assert!(oss.contains("131,072 tokens (131K)"));
    assert!(oss.contains("<del><bdi>131,072</bdi></del> → <ins><bdi>8,192</bdi></ins>"));
    assert!(body(GONE).await.contains("No longer free"));
    assert!(body(GONE).await.contains("Not any more since 10 Mar 2026"));
    assert!(body(PLAIN).await.contains("New"));
    assert!(
        body(PLAIN)
            .await
            .contains("Nothing is known for the last 7 days")
    );
    assert!(body(RIGHT_TO_LEFT).await.contains("<bdi>نموذج"));
    assert!(body(HOSTILE).await.contains("Leaves on"));
}

#[tokio::test]
async fn a_search_finds_what_fits_and_sorts_it() {
    let server = filled().await;
    let found = |path: &'static str| {
        let server = &server;
        async move {
            let html = page(server, path).await.body;
            let links = html.split("class=\"model-link\" href=\"/models/").skip(1);
            let ids = links.map(|link| link.split('"').next().unwrap_or("").to_owned());
            ids.collect::<Vec<_>>()
        }
    };
    assert_eq!(found("/models?q=gpt-oss-20b").await, [OSS]);
    assert_eq!(found("/models?status=gone").await, [GONE]);
    assert_eq!(found("/models?use=vision").await, [HOSTILE]);
    assert_eq!(found("/models?host=groq").await, [OSS]);
    let names = found("/models?sort=name&status=all").await;
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(names.len(), sorted.len());
    assert_eq!(found("/models?sort=newest&host=openrouter").await[0], PLAIN);
    assert_eq!(
        found("/models?page=99").await.len(),
        found("/models").await.len()
    );
    assert_eq!(
        found("/models?sort=bogus&use=bogus&page=-1&status=x").await,
        found("/models").await
    );
}

#[tokio::test]
async fn pages_are_compressed_for_those_who_can_read_that() {
    let server = filled().await;
    let mut connection = server.connect().await;
    let path = "/models/openai/gpt-oss-20b:free";
    connection
        .request("GET", path, "accept-encoding: gzip\r\n", "")
        .await;
    let head = connection.until("\r\n\r\n").await.to_ascii_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert!(head.contains("vary: accept-encoding"), "{head}");
}

#[tokio::test]
async fn a_report_from_a_page_is_taken_in_and_nobody_elses_page_can_send_one() {
    let server = filled().await;
    let form = "model=openai/gpt-oss-20b:free&issue=rate_limited&details=all+day";
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    let reply = server.send("POST", "/report", kind, form).await;
    assert_eq!(reply.status, 303);
    let location = reply.header("location").unwrap().to_owned();
    assert_eq!(
        location,
        "/models/openai/gpt-oss-20b:free?reported=yes#report"
    );
    let query = FeedbackQuery {
        since: None,
        model: Some("openai/gpt-oss-20b".to_owned()),
        key_id: None,
    };
    let told = server.store.feedback(&query, 10).await.unwrap();
    assert_eq!(told[0].issue.as_deref(), Some("rate_limited"));
    assert_eq!(told[0].details.as_deref(), Some("all day"));
    let num_told = told.len();
    let foreign = format!("{kind}origin: https://evil.example\r\n");
    assert_eq!(
        server.send("POST", "/report", &foreign, form).await.status,
        403
    );
    for wrong in [
        "",
        "model=nobody&issue=error",
        "model=openai/gpt-oss-20b&issue=bogus",
    ] {
        let reply = server.send("POST", "/report", kind, wrong).await;
        assert_eq!(reply.status, 400, "{wrong}");
        assert!(reply.body.starts_with("<!doctype html>"), "{}", reply.body);
    }
    assert_eq!(
        server.store.feedback(&query, 10).await.unwrap().len(),
        num_told
    );
}

#[tokio::test]
async fn where_keys_are_asked_for_pages_are_open_and_reports_need_one() {
    let server = with_keys().await;
    let html = page(&server, "/models/openai/gpt-oss-20b").await.body;
    assert!(
        html.contains("Authorization: Bearer $FREEWAY_API_KEY"),
        "{html}"
    );
    assert!(html.contains("Your API key"));
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    let form = "model=openai/gpt-oss-20b&issue=error";
    let reply = server.send("POST", "/report", kind, form).await;
    assert_eq!(reply.status, 401);
    assert!(reply.body.starts_with("<!doctype html>"));
    let holder = add_key(&server, store::KeySettings::default()).await;
    let form = format!("{form}&key={}", holder.secret);
    assert_eq!(
        server.send("POST", "/report", kind, &form).await.status,
        303
    );
    let wrong = "model=openai/gpt-oss-20b&issue=error&key=fma_wrong";
    assert_eq!(
        server.send("POST", "/report", kind, wrong).await.status,
        401
    );
}

#[tokio::test]
async fn pages_of_invented_data_say_so() {
    let server = filled().await;
    let html = page(&server, "/").await.body;
    assert!(html.contains("Sample data: every number here is invented, as of"));
    assert!(html.contains(&format!("datetime=\"{MOMENT}\"")));
    let plain = Setup::default().start(|_| String::new()).await;
    assert!(!page(&plain, "/").await.body.contains("Sample data"));
    let hidden = Setup::from(ServerConfig::default())
        .start(|_| String::new())
        .await;
    let reply = hidden.send("GET", "/", "host: evil.example\r\n", "").await;
    assert_eq!(
        reply.status, 403,
        "names that are not this machine's are not answered"
    );
}
