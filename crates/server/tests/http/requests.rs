//! Bad requests: each gets its status, and an error that names the field.

use serde_json::{Value, json};

use super::answers::SUM;
use super::client::{Setup, serving};
use server::ServerConfig;

fn user() -> Value {
    json!({"role": "user", "content": "Hi"})
}

/// (what is wrong, the body, status, param, code)
fn bad_chats() -> Vec<(&'static str, Value, u16, Value, Value)> {
    let with = |more: Value| {
        let mut body = json!({"model": "scripted", "messages": [user()]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let null = Value::Null;
    let wrong = |param: &str| json!(param);
    vec![
        (
            "no messages",
            json!({"model": "scripted"}),
            400,
            wrong("messages"),
            null.clone(),
        ),
        (
            "empty messages",
            with(json!({"messages": []})),
            400,
            wrong("messages"),
            null.clone(),
        ),
        ("a list", json!([1]), 400, null.clone(), null.clone()),
        (
            "unknown role",
            with(json!({"messages": [{"role": "cat", "content": "x"}]})),
            400,
            wrong("messages[0].role"),
            null.clone(),
        ),
        (
            "content of a wrong type",
            with(json!({"messages": [{"role": "user", "content": 5}]})),
            400,
            wrong("messages[0].content"),
            null.clone(),
        ),
        (
            "temperature as text",
            with(json!({"temperature": "hot"})),
            400,
            wrong("temperature"),
            null.clone(),
        ),
        (
            "temperature too high",
            with(json!({"temperature": 3})),
            400,
            wrong("temperature"),
            null.clone(),
        ),
        (
            "top_p below 0",
            with(json!({"top_p": -0.1})),
            400,
            wrong("top_p"),
            null.clone(),
        ),
        (
            "penalty out of range",
            with(json!({"frequency_penalty": 9})),
            400,
            wrong("frequency_penalty"),
            null.clone(),
        ),
        (
            "bias of no token",
            with(json!({"logit_bias": {"x": 1}})),
            400,
            wrong("logit_bias"),
            null.clone(),
        ),
        (
            "bias too large",
            with(json!({"logit_bias": {"5": 101}})),
            400,
            wrong("logit_bias"),
            null.clone(),
        ),
        (
            "n of 0",
            with(json!({"n": 0})),
            400,
            wrong("n"),
            null.clone(),
        ),
        (
            "n too large",
            with(json!({"n": 1000})),
            400,
            wrong("n"),
            null.clone(),
        ),
        (
            "no tokens",
            with(json!({"max_tokens": 0})),
            400,
            wrong("max_tokens"),
            null.clone(),
        ),
        (
            "negative tokens",
            with(json!({"max_completion_tokens": -5})),
            400,
            wrong("max_completion_tokens"),
            null.clone(),
        ),
        (
            "empty stop",
            with(json!({"stop": ""})),
            400,
            wrong("stop"),
            null.clone(),
        ),
        (
            "top_logprobs alone",
            with(json!({"top_logprobs": 3})),
            400,
            wrong("top_logprobs"),
            null.clone(),
        ),
        (
            "too many top_logprobs",
            with(json!({"logprobs": true, "top_logprobs": 21})),
            400,
            wrong("top_logprobs"),
            null.clone(),
        ),
        (
            "stream_options alone",
            with(json!({"stream_options": {}})),
            400,
            wrong("stream_options"),
            null.clone(),
        ),
        (
            "unknown effort",
            with(json!({"reasoning_effort": "heroic"})),
            400,
            wrong("reasoning_effort"),
            null.clone(),
        ),
        (
            "unknown choice of tools",
            with(json!({"tool_choice": "maybe"})),
            400,
            wrong("tool_choice"),
            null.clone(),
        ),
        (
            "a forced call",
            with(json!({"tool_choice": "required"})),
            400,
            wrong("tool_choice"),
            json!("unsupported_value"),
        ),
        (
            "an image",
            with(json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})),
            400,
            wrong("messages[0].content[0]"),
            json!("unsupported_value"),
        ),
        (
            "a result without a call",
            with(
                json!({"messages": [user(), {"role": "tool", "tool_call_id": "x", "content": "y"}]}),
            ),
            400,
            wrong("messages[1].tool_call_id"),
            null.clone(),
        ),
        (
            "unknown model",
            with(json!({"model": "skripted"})),
            404,
            wrong("model"),
            json!("model_not_found"),
        ),
        (
            "too long a prompt",
            with(json!({"messages": [{"role": "user", "content": "word ".repeat(9000)}]})),
            400,
            wrong("messages"),
            json!("context_length_exceeded"),
        ),
    ]
}

#[tokio::test]
async fn bad_chats_are_refused_with_the_field() {
    let server = serving(SUM).await;
    for (what, body, status, param, code) in bad_chats() {
        let reply = server.chat(&body).await;
        let error = &reply.json()["error"];
        assert_eq!(reply.status, status, "{what}: {error}");
        assert_eq!(
            (&error["param"], &error["code"]),
            (&param, &code),
            "{what}: {error}"
        );
        assert_eq!(error["type"], "invalid_request_error", "{what}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{what}");
    }
    let unknown = json!({"model": "skripted", "messages": [user()]});
    let message = server.chat(&unknown).await.body;
    assert!(message.contains("did you mean test/scripted?"), "{message}");
}

#[tokio::test]
async fn errors_do_not_repeat_all_that_was_sent() {
    let server = serving(SUM).await;
    let long = "x".repeat(300_000);
    for (field, value) in [
        ("temperature", json!(long)),
        ("reasoning_effort", json!(long)),
        ("messages", json!([{"role": long, "content": "Hi"}])),
        ("model", json!(long)),
    ] {
        let mut body = json!({"model": "scripted", "messages": [user()]});
        body[field] = value;
        let reply = server.chat(&body).await;
        assert!(reply.status == 400 || reply.status == 404, "{field}");
        assert!(
            reply.body.len() < 1000,
            "{field}: {} bytes",
            reply.body.len()
        );
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let server = serving(SUM).await;
    let deep = "[".repeat(100_000);
    for body in ["", "{", "nonsense", "{} {}", "\u{0}", deep.as_str()] {
        let reply = server.send("POST", "/v1/chat/completions", "", body).await;
        let error = &reply.json()["error"];
        assert_eq!(reply.status, 400, "{error}");
        assert!(error["message"].as_str().unwrap().len() < 300, "{error}");
    }
    let mut connection = server.connect().await;
    let invalid = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\n\"\xff\"";
    connection.write(invalid).await;
    assert_eq!(connection.reply().await.status, 400);
}

#[tokio::test]
async fn bad_completions_are_refused() {
    let server = serving(SUM).await;
    for (body, param) in [
        (json!({"model": "scripted"}), "prompt"),
        (json!({"model": "scripted", "prompt": []}), "prompt"),
        (json!({"model": "scripted", "prompt": [1, "a"]}), "prompt"),
        (json!({"model": "scripted", "prompt": {"a": 1}}), "prompt"),
        (
            json!({"model": "scripted", "prompt": "a", "suffix": "b"}),
            "suffix",
        ),
        (
            json!({"model": "scripted", "prompt": "a", "best_of": 4}),
            "best_of",
        ),
        (
            json!({"model": "scripted", "prompt": "a", "logprobs": 50}),
            "logprobs",
        ),
        (
            json!({"model": "scripted", "prompt": "a", "logprobs": 1, "echo": true}),
            "echo",
        ),
    ] {
        let reply = server.post("/v1/completions", &body).await;
        let error = &reply.json()["error"];
        assert_eq!(
            (reply.status, &error["param"]),
            (400, &json!(param)),
            "{body}: {error}"
        );
    }
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist() {
    let server = serving(SUM).await;
    let reply = server.get("/v2/nothing").await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["code"]),
        (404, &json!("unknown_url"))
    );
    let reply = server.get("/v1/chat/completions").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert_eq!(reply.json()["error"]["code"], "method_not_allowed");
    let reply = server.post("/v1/models", &json!({})).await;
    assert_eq!(
        (reply.status, reply.header("allow")),
        (405, Some("GET, HEAD"))
    );
    assert_eq!(server.get("/v1/models/nobody").await.status, 404);
    // Below `/api` every error is flat.
    for path in [
        "/api",
        "/api/",
        "/api/v1/models/ids/",
        "/api/admin/keys/a/b",
    ] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        let error = reply.json();
        assert_eq!(error["code"], "unknown_url", "{path}");
        assert!(error["error"].is_string(), "{path}: {error}");
    }
}

#[tokio::test]
async fn bodies_have_a_limit_however_they_come() {
    let config = ServerConfig {
        max_body_bytes: 1000,
        ..ServerConfig::default()
    };
    let setup = Setup::from(config);
    let server = setup.start(|_| SUM.to_owned()).await;
    let large = "x".repeat(1001);
    let reply = server
        .send("POST", "/v1/chat/completions", "", &large)
        .await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["code"]),
        (413, &json!("body_too_large"))
    );

    let mut connection = server.connect().await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.write(head.as_bytes()).await;
    connection
        .write(format!("{:x}\r\n{large}\r\n", large.len()).as_bytes())
        .await;
    assert_eq!(connection.reply().await.status, 413);
}
