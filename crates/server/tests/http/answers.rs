//! Good requests.

use serde_json::{Value, json};

use super::client::{Setup, serving};

pub(crate) const SUM: &str =
    "[channel]analysis[message]2+2[end][start]assistant[channel]final[message]It is 4.[return]";

fn hello(more: Value) -> Value {
    let mut body = json!({"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn an_answer_in_one_piece() {
    let server = serving(SUM).await;
    let reply = server.chat(&hello(json!({}))).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    let mut body = reply.json();
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(body["created"].as_i64().unwrap() > 1_700_000_000);
    assert!(body["usage"]["prompt_tokens"].as_u64().unwrap() > 50);
    let completion = body["usage"]["completion_tokens"].as_u64().unwrap();
    let prompt = body["usage"]["prompt_tokens"].as_u64().unwrap();
    assert_eq!(body["usage"]["total_tokens"], completion + prompt);
    assert_eq!(
        body["usage"]["completion_tokens_details"]["reasoning_tokens"],
        3
    );
    for varying in ["id", "created", "usage"] {
        body.as_object_mut().unwrap().remove(varying);
    }
    assert_eq!(
        body,
        json!({
            "object": "chat.completion",
            "model": "test/scripted",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "It is 4.", "refusal": null, "reasoning": "2+2"},
                "logprobs": null,
                "finish_reason": "stop",
            }],
        })
    );
}

#[tokio::test]
async fn an_answer_as_it_comes() {
    let server = serving(SUM).await;
    let body = hello(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let reply = server.chat(&body).await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let events = reply.events();
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(*last, "[DONE]");
    let (usage, chunks) = chunks.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(
        usage["usage"]["completion_tokens_details"]["reasoning_tokens"],
        3
    );
    let deltas: Vec<_> = chunks
        .iter()
        .map(|chunk| chunk["choices"][0]["delta"].clone())
        .collect();
    assert_eq!(
        deltas,
        [
            json!({"role": "assistant", "reasoning": "2"}),
            json!({"reasoning": "+"}),
            json!({"reasoning": "2"}),
            json!({"content": "It"}),
            json!({"content": " is"}),
            json!({"content": " "}),
            json!({"content": "4"}),
            json!({"content": "."}),
            json!({}),
        ]
    );
    for chunk in chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], usage["id"]);
        assert_eq!(chunk["usage"], Value::Null);
    }
    let reasons: Vec<_> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"])
        .collect();
    assert_eq!(reasons.last(), Some(&&json!("stop")));
    assert!(
        reasons[..reasons.len() - 1]
            .iter()
            .all(|reason| reason.is_null())
    );
}

#[tokio::test]
async fn calls_in_one_piece_and_as_they_come() {
    let server =
        serving("[channel]commentary to=functions.f [constrain]json[message]{\"a\":1}[call]").await;
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let whole = server.chat(&hello(json!({"tools": tools}))).await.json();
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let call = &choice["message"]["tool_calls"][0];
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(call["type"], "function");
    assert_eq!(
        call["function"],
        json!({"name": "f", "arguments": "{\"a\":1}"})
    );

    let stream = server
        .chat(&hello(json!({"tools": tools, "stream": true})))
        .await;
    let calls: Vec<_> = stream
        .events()
        .into_iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].get(0).cloned())
        .collect();
    assert_eq!(calls[0]["index"], 0);
    assert_eq!(calls[0]["type"], "function");
    assert_eq!(calls[0]["function"], json!({"name": "f", "arguments": ""}));
    let arguments: String = calls
        .iter()
        .map(|call| call["function"]["arguments"].as_str().unwrap())
        .collect();
    assert_eq!(arguments, "{\"a\":1}");
}

#[tokio::test]
async fn logprobs_and_choices() {
    let server = serving(SUM).await;
    let body = hello(json!({"logprobs": true, "top_logprobs": 1, "n": 2}));
    let body = server.chat(&body).await.json();
    assert_eq!(body["choices"].as_array().unwrap().len(), 2);
    let tokens = body["choices"][1]["logprobs"]["content"]
        .as_array()
        .unwrap();
    let text: String = tokens
        .iter()
        .map(|token| token["token"].as_str().unwrap())
        .collect();
    assert_eq!(text, "It is 4.");
    assert_eq!(tokens[0]["bytes"], json!([73, 116]));
    assert_eq!(tokens[0]["top_logprobs"][0]["token"], "It");
}

#[tokio::test]
async fn a_text_is_continued() {
    let server = serving(" world[return]").await;
    let body = json!({"model": "scripted", "prompt": "hello", "logprobs": 1});
    let whole = server.post("/v1/completions", &body).await.json();
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["choices"][0]["text"], " world");
    assert_eq!(whole["choices"][0]["logprobs"]["tokens"], json!([" world"]));
    assert_eq!(
        whole["choices"][0]["logprobs"]["top_logprobs"],
        json!([{" world": -0.5}])
    );
    assert_eq!(whole["usage"]["prompt_tokens"], 1);

    let body = json!({"model": "scripted", "prompt": [24912], "stream": true});
    let events = server.post("/v1/completions", &body).await.events();
    assert_eq!(events[0]["choices"][0]["text"], " world");
    assert_eq!(events[1]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events.last().unwrap(), "[DONE]");
}

#[tokio::test]
async fn models_are_listed_under_ids_with_slashes() {
    let server = serving(SUM).await;
    let list = server.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    let model = &list["data"][0];
    assert_eq!(model["id"], "test/scripted");
    assert_eq!(model["context_length"], 4096);
    for name in ["test/scripted", "scripted", "Test/Scripted"] {
        let one = server.get(&format!("/v1/models/{name}")).await;
        assert_eq!((one.status, &one.json()), (200, model), "{name}");
    }
    let auto = server.get("/v1/models/auto").await;
    assert_eq!((auto.status, &auto.json()["id"]), (200, &json!("auto")));
}

#[tokio::test]
async fn what_happened_is_recorded_and_counted() {
    let server = Setup::default()
        .start(|prompt| match prompt.contains("fail") {
            true => "[channel]final[message]a{fail}".to_owned(),
            false => SUM.to_owned(),
        })
        .await;
    let good = server.chat(&hello(json!({"stream": true}))).await;
    let bad = json!({"model": "scripted", "messages": [{"role": "user", "content": "fail"}]});
    assert_eq!(server.chat(&bad).await.status, 500);
    let unknown = json!({"model": "nobody", "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(server.chat(&unknown).await.status, 404);

    let metrics = server.get("/metrics").await.body;
    for line in [
        "gen_ai_server_request_duration_seconds_count{gen_ai_operation_name=\"chat\",\
         gen_ai_provider_name=\"local\",gen_ai_request_model=\"test/scripted\",error_type=\"\"} 1",
        "freeway_http_responses_total{route=\"/v1/chat/completions\",method=\"POST\",status=\"404\"} 1",
        "freeway_requests_in_flight_limit{gen_ai_provider_name=\"local\"} 4",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(
        !metrics.contains("nobody"),
        "names that clients make up are no labels"
    );

    let records = server.ended().await;
    assert_eq!(records.len(), 3);
    // They may have begun in the same millisecond.
    let of = |outcome: &str| records.iter().find(|one| one.outcome == outcome).unwrap();
    assert!(
        of("internal").completion_tokens > 0,
        "what was computed counts"
    );
    let (ok, unknown) = (of("ok"), of("model_not_found"));
    assert_eq!(Some(ok.id.as_str()), good.header("x-request-id"));
    assert_eq!(ok.deployment.as_deref(), Some("local/test/scripted"));
    assert!(ok.is_stream && ok.first_token_ms.is_some());
    let num_tokens = router::provider::scripted::steps(SUM).len();
    assert_eq!(
        (ok.completion_tokens as usize, ok.reasoning_tokens),
        (num_tokens, 3)
    );
    assert_eq!(unknown.deployment, None);
    assert_eq!(unknown.requested_model, "nobody");
}
