//! The description of the API is held against what the server does: its paths exist, what it answers
//! has the shapes that are described and no others, and the examples work.

use jsonschema::Validator;
use router::catalog::Catalog;
use serde_json::{Value, json};
use store::{KeyId, KeySettings};

use super::answers::SUM;
use super::client::{Reply, Running, Setup, serving};
use super::flr_lists::rows;
use super::holder::{Holder, add_key};

pub(crate) async fn document(server: &Running) -> Value {
    server.get("/openapi.json").await.json()
}

/// The description with nothing allowed but what it names.
pub(crate) fn closed(mut document: Value) -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(members) => {
                let is_object = members.get("type").is_some_and(|kind| {
                    *kind == "object"
                        || kind
                            .as_array()
                            .is_some_and(|all| all.contains(&json!("object")))
                });
                if is_object && members.contains_key("properties") {
                    members
                        .entry("additionalProperties")
                        .or_insert(json!(false));
                }
                members.values_mut().for_each(close);
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut document["components"]["schemas"]);
    close(&mut document["paths"]);
    document
}

/// What holds values against a schema of the document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut schema = schema.clone();
    assert!(!schema.is_null(), "there is no such schema");
    schema["components"] = document["components"].clone();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Holds a value against the schema at `pointer` of the document.
#[track_caller]
fn holds(document: &Value, pointer: &str, value: &Value) {
    let schema = document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{pointer}"));
    let errors: Vec<_> = validator(document, schema)
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{pointer}: {errors:#?}\n{value:#}");
}

/// Holds an answer against what is described for its status.
#[track_caller]
pub(crate) fn answers(document: &Value, method: &str, path: &str, reply: &Reply) {
    let operation = &document["paths"][path][method];
    let response = &operation["responses"][reply.status.to_string()];
    assert!(
        response.is_object(),
        "{method} {path}: {} is not described: {reply:?}",
        reply.status
    );
    for name in response["headers"].as_object().unwrap().keys() {
        if name == "x-request-id" {
            assert!(reply.header(name).is_some(), "{method} {path}: {reply:?}");
        }
    }
    let kind = reply.header("content-type").unwrap();
    let content = response["content"].as_object().unwrap();
    let schema = &content
        .get(kind)
        .unwrap_or_else(|| panic!("{method} {path}: {kind} is not described"))["schema"];
    let values = match kind {
        "application/json" | "application/feed+json" => vec![reply.json()],
        "text/event-stream" => {
            let mut events = reply.events();
            assert_eq!(events.pop(), Some(json!("[DONE]")));
            events
        }
        _ => vec![json!(reply.body)],
    };
    for value in values {
        let errors: Vec<_> = validator(document, schema)
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{method} {path}: {errors:#?}\n{value:#}");
    }
}

#[tokio::test]
async fn the_document_names_this_server_as_it_was_asked() {
    let server = serving(SUM).await;
    let reply = server.get("/openapi.json").await;
    assert_eq!(reply.status, 200);
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "http://localhost");
    let host = "host: 127.0.0.1:8080\r\n";
    let reply = server.send("GET", "/openapi.json", host, "").await;
    assert_eq!(reply.json()["servers"][0]["url"], "http://127.0.0.1:8080");
    let foreign = "host: evil.example\r\n";
    let reply = server.send("GET", "/openapi.json", foreign, "").await;
    assert_eq!(reply.status, 403);

    let setup = Setup {
        with_keys: true,
        ..Setup::default()
    };
    let server = setup.start(|_| SUM.to_owned()).await;
    let hostile = "host: a\"><script>\r\n";
    let reply = server.send("GET", "/openapi.json", hostile, "").await;
    let own = format!("http://{}", server.address);
    assert_eq!(reply.json()["servers"][0]["url"], own);
    assert!(reply.json()["components"]["securitySchemes"].is_object());
}

#[tokio::test]
async fn every_schema_is_one_by_the_rules_of_json_schema() {
    let server = serving(SUM).await;
    let document = document(&server).await;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(schema), "{name}");
        validator(&document, schema);
    }
}

#[tokio::test]
async fn every_path_exists_and_takes_the_methods_that_are_described() {
    let server = serving(SUM).await;
    let document = document(&server).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let url = path.replace("{id}", "auto");
        for method in item.as_object().unwrap().keys() {
            let reply = server.send(&method.to_uppercase(), &url, "", "").await;
            assert!(
                reply.status != 405 && !reply.body.contains("unknown_url"),
                "{method} {path}: {reply:?}"
            );
        }
        let reply = server.send("TRACE", &url, "", "").await;
        let allow = reply.header("allow").unwrap();
        let allowed: Vec<_> = allow
            .split(',')
            .filter(|one| one.trim() != "HEAD")
            .collect();
        let described: Vec<_> = item.as_object().unwrap().keys().collect();
        assert_eq!(allowed.len(), described.len(), "{path}: {allow}");
    }
}

#[tokio::test]
async fn examples_work_and_have_the_shape_that_is_described() {
    let server = serving(SUM).await;
    let document = document(&server).await;
    let mut num_examples = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = &operation["requestBody"]["content"]["application/json"];
            let Some(examples) = content["examples"].as_object() else {
                continue;
            };
            for example in examples.values() {
                num_examples += 1;
                let body = &example["value"];
                let errors: Vec<_> = validator(&document, &content["schema"])
                    .iter_errors(body)
                    .map(|error| error.to_string())
                    .collect();
                assert!(errors.is_empty(), "{path}: {errors:?}");
                let url = path.replace("{id}", "key_none");
                let body = body.to_string().replace("freeway/demo", "test/scripted");
                let reply = server.send(&method.to_uppercase(), &url, "", &body).await;
                let needs_more = url.contains("key_none") || url == "/api/v1/preferences";
                assert!(
                    reply.status < 300 || (needs_more && [400, 404].contains(&reply.status)),
                    "{path}: {reply:?}"
                );
                answers(&document, method, path, &reply);
            }
        }
    }
    assert!(num_examples >= 8);
}

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "/v1/completions";

#[tokio::test]
async fn answers_of_models_have_the_shapes_that_are_described() {
    let call = "[channel]analysis[message]Look.[end][start]assistant[channel]commentary \
                to=functions.get_weather [constrain]json[message]{\"city\":\"Oslo\"}[call]";
    for turn in [SUM, call] {
        let server = serving(turn).await;
        let document = closed(document(&server).await);
        let tools = json!([{"type": "function", "function": {"name": "get_weather"}}]);
        let chat = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]});
        for more in [
            json!({}),
            json!({"stream": true}),
            json!({"stream": true, "stream_options": {"include_usage": true}}),
            json!({"n": 2, "logprobs": true, "top_logprobs": 2}),
            json!({"stream": true, "logprobs": true}),
            json!({"tools": tools}),
            json!({"tools": tools, "stream": true}),
        ] {
            let mut body = chat.clone();
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let reply = server.chat(&body).await;
            assert_eq!(reply.status, 200, "{body}");
            answers(&document, "post", CHAT, &reply);
        }
        for more in [
            json!({"model": "auto", "prompt": "x"}),
            json!({"model": "auto", "prompt": [1, 2], "stream": true, "logprobs": 1}),
            json!({"model": "auto", "prompt": ["a", "b"], "logprobs": 2}),
        ] {
            let reply = server.post(TEXT, &more).await;
            assert_eq!(reply.status, 200, "{more}");
            answers(&document, "post", TEXT, &reply);
        }
        let explained = server.post("/v1/route/explain", &chat).await;
        answers(&document, "post", "/v1/route/explain", &explained);
        assert_eq!(explained.json()["order"].as_array().unwrap().len(), 1);
        for path in ["/healthz", "/readyz", "/metrics", "/v1/models"] {
            let reply = server.get(path).await;
            assert_eq!(reply.status, 200);
            answers(&document, "get", path, &reply);
        }
        for id in ["auto", "test/scripted", "nobody/knows"] {
            let reply = server.get(&format!("/v1/models/{id}")).await;
            answers(&document, "get", "/v1/models/{id}", &reply);
        }
    }
}

#[tokio::test]
async fn errors_have_the_shapes_that_are_described() {
    let server = serving(SUM).await;
    let document = closed(document(&server).await);
    let ask = |more: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "Hi"}]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (body, status) in [
        (json!({}), 400),
        (ask(json!({"n": 0})), 400),
        (ask(json!({"model": "nobody/knows"})), 404),
        (ask(json!({"tools": [], "tool_choice": "required"})), 400),
        (
            ask(json!({"messages": [{"role": "user", "content": "word ".repeat(9000)}]})),
            400,
        ),
    ] {
        let reply = server.chat(&body).await;
        assert_eq!(reply.status, status, "{body}");
        answers(&document, "post", CHAT, &reply);
    }
    let broken = server.send("POST", CHAT, "", "{").await;
    answers(&document, "post", CHAT, &broken);
    for (method, path, shown, body) in [
        (
            "POST",
            "/api/admin/keys",
            "/api/admin/keys",
            r#"{"nam": 1}"#,
        ),
        ("GET", "/api/admin/keys/key_x", "/api/admin/keys/{id}", ""),
        ("GET", "/api/v1/preferences", "/api/v1/preferences", ""),
        ("GET", "/api/v1/requests?limit=0", "/api/v1/requests", ""),
        ("GET", "/api/availability?days=x", "/api/availability", ""),
        (
            "POST",
            "/api/v1/models/feedback",
            "/api/v1/models/feedback",
            r#"{"modelId": "x"}"#,
        ),
    ] {
        let reply = server.send(method, path, "", body).await;
        assert!(reply.status >= 400, "{reply:?}");
        answers(&document, &method.to_lowercase(), shown, &reply);
    }
}

#[tokio::test]
async fn lists_keys_and_history_have_the_shapes_that_are_described() {
    let stored = rows();
    let setup = Setup {
        with_keys: true,
        catalog: Catalog::from_store(stored.models.clone(), stored.deployments.clone()),
        ..Setup::default()
    };
    let server = setup.start(|_| SUM.to_owned()).await;
    super::flr_lists::fill(&server).await;
    let document = closed(document(&server).await);
    let unknown = server.get("/api/v1/me").await;
    assert_eq!(unknown.status, 401);
    answers(&document, "get", "/api/v1/me", &unknown);

    let settings = KeySettings {
        is_admin: true,
        keeps_content: true,
        ..KeySettings::default()
    };
    let admin = add_key(&server, settings).await;
    let get = |path: &'static str| admin.get(path);
    for (path, shown) in [
        ("/api/v1/models/ids?useCase=chat", "/api/v1/models/ids"),
        ("/api/v1/models/full?useCase=chat", "/api/v1/models/full"),
        ("/api/v1/models/full?timeRange=all", "/api/v1/models/full"),
        ("/api/health?range=30d", "/api/health"),
        ("/api/availability?days=9", "/api/availability"),
    ] {
        let reply = get(path).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        answers(&document, "get", shown, &reply);
    }
    let new = json!({
        "name": "worker",
        "expiresAt": "2090-01-01",
        "quota": {"requestsPerDay": 9, "tokensPerMinute": 10_000},
        "preferences": {"sort": "newest", "topN": 3, "useCases": ["chat"]},
    });
    let made = admin
        .send("POST", "/api/admin/keys", Some(new.clone()))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    answers(&document, "post", "/api/admin/keys", &made);
    holds(
        &document,
        "/paths/~1api~1admin~1keys/post/requestBody/content/application~1json/schema",
        &new,
    );
    let id = made.json()["key"]["id"].as_str().unwrap().to_owned();
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let worker = Holder {
        server: &server,
        id: KeyId(id.clone()),
        secret,
    };
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]});
    for who in [&admin, &worker] {
        let chat = who.send("POST", CHAT, Some(body.clone())).await;
        assert_eq!(chat.status, 200);
        answers(&document, "post", CHAT, &chat);
    }
    let request = admin.send("POST", CHAT, Some(body.clone())).await;
    server.until_recorded(3 + 3).await;
    let told = json!({
        "modelId": "test/scripted", "issue": "error", "details": "odd",
        "requestId": request.header("x-request-id").unwrap(),
    });
    let told = admin
        .send("POST", "/api/v1/models/feedback", Some(told.clone()))
        .await;
    assert_eq!(told.status, 200, "{told:?}");
    for (path, shown) in [
        ("/api/v1/me", "/api/v1/me"),
        ("/api/v1/preferences", "/api/v1/preferences"),
        ("/api/v1/requests?limit=1&outcome=ok", "/api/v1/requests"),
        ("/api/admin/requests", "/api/admin/requests"),
        ("/api/admin/keys", "/api/admin/keys"),
    ] {
        for who in [&admin, &worker] {
            let reply = who.get(path).await;
            answers(&document, "get", shown, &reply);
        }
    }
    let history = admin.get("/api/admin/requests").await.json();
    let requests = history["requests"].as_array().unwrap();
    assert!(requests.iter().any(|one| one["content"].is_object()));
    assert!(requests.iter().any(|one| one["attempts"][0].is_object()));
    assert!(requests.iter().any(|one| one["feedback"][0].is_object()));
    let path = format!("/api/admin/keys/{id}");
    let shown = "/api/admin/keys/{id}";
    for (method, body) in [
        ("GET", None),
        (
            "PATCH",
            Some(json!({"name": "hand", "quota": {"requestsPerDay": null}})),
        ),
        ("DELETE", None),
    ] {
        let reply = admin.send(method, &path, body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        answers(&document, &method.to_lowercase(), shown, &reply);
    }
}
