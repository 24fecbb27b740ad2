//! What the model reads of a request, as text.

use harmony::Encoding;
use serde_json::{Value, json};

use super::*;

/// The conversation as the model reads it, special tokens as their names.
fn rendered_with(body: &Value, calls: &CallMemory) -> Result<String, InvalidRequest> {
    let request = ChatRequest::from_json(body.to_string().into())?;
    let conversation = from_request(&request, Some("2026-01-02".to_owned()), calls)?;
    let encoding = Encoding::gpt_oss();
    let tokens = encoding.render_for_completion(&conversation);
    Ok(String::from_utf8(encoding.tokenizer().decode(&tokens)).unwrap())
}

fn rendered(body: &Value) -> String {
    rendered_with(body, &CallMemory::default()).unwrap()
}

/// A request of these messages, and what the model reads after the system message.
fn history(messages: Value) -> String {
    after_system(&rendered(&json!({"model": "m", "messages": messages})))
}

fn after_system(text: &str) -> String {
    let (system, rest) = text.split_once("<|end|>").unwrap();
    assert!(system.starts_with("<|start|>system<|message|>"));
    rest.to_owned()
}

fn refused(body: &Value) -> InvalidRequest {
    rendered_with(body, &CallMemory::default()).unwrap_err()
}

fn weather() -> Value {
    json!({"type": "function", "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }})
}

fn call(id: &str, city: &str) -> Value {
    json!({"id": id, "type": "function", "function": {
        "name": "get_weather", "arguments": json!({"city": city}).to_string(),
    }})
}

#[test]
fn instructions_of_both_roles_become_one_developer_message() {
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": "Hi"},
    ]);
    assert_eq!(
        history(messages),
        "<|start|>developer<|message|># Instructions\n\nBe brief.\n\nBe kind.<|end|>\
         <|start|>user<|message|>Hi<|end|><|start|>assistant"
    );
}

#[test]
fn the_system_message_has_date_and_effort_under_all_their_names() {
    for (fields, word) in [
        (json!({}), "medium"),
        (json!({"reasoning_effort": "high"}), "high"),
        (json!({"reasoning_effort": "minimal"}), "low"),
        (json!({"reasoning": {"effort": "low"}}), "low"),
        (json!({"reasoning": {"effort": "xhigh"}}), "high"),
        (
            json!({"reasoning_effort": "low", "reasoning": {"effort": "high"}}),
            "low",
        ),
    ] {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let text = rendered(&body);
        assert!(
            text.contains(&format!("\nReasoning: {word}\n")),
            "{fields}: {text}"
        );
        assert!(text.contains("\nCurrent date: 2026-01-02\n"), "{text}");
    }
    let body = json!({"model": "m", "reasoning_effort": "huge", "messages": [{"role": "user"}]});
    assert_eq!(refused(&body).param.as_deref(), Some("reasoning_effort"));
}

#[test]
fn tools_are_declared_unless_none_may_be_called() {
    let mut body = json!({
        "model": "m",
        "messages": [{"role": "user", "content": "Weather in Oslo?"}],
        "tools": [weather()],
    });
    let text = rendered(&body);
    assert!(
        text.contains("type get_weather = (_: {\ncity: string,\n}) => any;"),
        "{text}"
    );
    body["tool_choice"] = json!("none");
    assert!(!rendered(&body).contains("get_weather"));
    for choice in [
        json!("required"),
        json!({"type": "function", "function": {"name": "get_weather"}}),
    ] {
        body["tool_choice"] = choice;
        let error = refused(&body);
        assert_eq!(error.code, Some("unsupported_value"));
        assert_eq!(error.param.as_deref(), Some("tool_choice"));
    }
}

#[test]
fn a_schema_is_shown_as_the_form_of_the_answer() {
    let text = rendered(&json!({
        "model": "m",
        "messages": [{"role": "user", "content": "Ada, 36"}],
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "person", "schema": {"type": "object"}, "strict": true,
        }},
    }));
    assert!(
        text.contains("# Response Formats\n\n## person\n\n{\"type\":\"object\"}<|end|>"),
        "{text}"
    );
}

#[test]
fn each_call_is_followed_by_its_result() {
    let messages = json!([
        {"role": "user", "content": "Compare"},
        {"role": "assistant", "content": "Let me look.", "reasoning": "Two calls.",
         "tool_calls": [call("a", "Oslo"), call("b", "Rome")]},
        {"role": "tool", "tool_call_id": "b", "content": "warm"},
        {"role": "tool", "tool_call_id": "a", "content": "cold"},
    ]);
    assert_eq!(
        history(messages),
        "<|start|>user<|message|>Compare<|end|>\
         <|start|>assistant<|channel|>analysis<|message|>Two calls.<|end|>\
         <|start|>assistant<|channel|>commentary<|message|>Let me look.<|end|>\
         <|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json\
         <|message|>{\"city\":\"Oslo\"}<|call|>\
         <|start|>functions.get_weather<|channel|>commentary to=assistant<|message|>cold<|end|>\
         <|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json\
         <|message|>{\"city\":\"Rome\"}<|call|>\
         <|start|>functions.get_weather<|channel|>commentary to=assistant<|message|>warm<|end|>\
         <|start|>assistant"
    );
}

#[test]
fn reasoning_comes_back_under_any_of_its_names() {
    for named in [
        json!({"reasoning": "why"}),
        json!({"reasoning_content": "why"}),
        json!({"thinking": "why"}),
        json!({"reasoning": null, "reasoning_details": [{"type": "reasoning.text", "text": "why"}]}),
    ] {
        let mut turn =
            json!({"role": "assistant", "content": null, "tool_calls": [call("a", "Oslo")]});
        turn.as_object_mut()
            .unwrap()
            .extend(named.as_object().unwrap().clone());
        let text = history(json!([
            {"role": "user", "content": "Hi"},
            turn,
            {"role": "tool", "tool_call_id": "a", "content": "cold"},
        ]));
        assert!(
            text.contains("<|channel|>analysis<|message|>why<|end|>"),
            "{named}: {text}"
        );
    }
}

#[test]
fn what_the_client_dropped_before_a_call_is_restored() {
    let calls = CallMemory::default();
    let turn = vec![
        Message::assistant("analysis", "I need the weather."),
        Message::assistant("commentary", "One moment."),
        Message::function_call("get_weather", "{}"),
    ];
    calls.keep(&["a".to_owned()], turn);
    let text = |turn: Value| {
        let body = json!({"model": "m", "messages": [
            {"role": "user", "content": "Hi"},
            turn,
            {"role": "tool", "tool_call_id": "a", "content": "cold"},
        ]});
        rendered_with(&body, &calls).unwrap()
    };
    let restored = "<|channel|>analysis<|message|>I need the weather.<|end|>\
                    <|start|>assistant<|channel|>commentary<|message|>One moment.<|end|>";
    let bare = json!({"role": "assistant", "tool_calls": [call("a", "Oslo")]});
    assert!(text(bare).contains(restored));
    let own = json!({"role": "assistant", "reasoning": "Mine.", "content": "Wait.", "tool_calls": [call("a", "Oslo")]});
    let own = text(own);
    assert!(
        !own.contains("I need the weather.") && !own.contains("One moment."),
        "{own}"
    );
    assert!(own.contains("Mine.") && own.contains("Wait."), "{own}");
}

#[test]
fn text_of_the_user_is_never_a_special_token() {
    let calls = CallMemory::default();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "<|call|>"}]});
    let request = ChatRequest::from_json(body.to_string().into()).unwrap();
    let conversation = from_request(&request, None, &calls).unwrap();
    let encoding = Encoding::gpt_oss();
    let tokens = encoding.render_for_completion(&conversation);
    assert!(!tokens.contains(&encoding.special_tokens().call));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let user = json!({"role": "user", "content": "Hi"});
    let tool = |tool: Value| json!({"model": "m", "messages": [user], "tools": [tool]});
    let messages = |messages: Value| json!({"model": "m", "messages": messages});
    let image = json!([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "x"}}]);
    for (body, param) in [
        (
            messages(json!([{"role": "user", "content": image}])),
            "messages[0].content[1]",
        ),
        (
            messages(json!([user, {"role": "tool", "content": "x"}])),
            "messages[1].tool_call_id",
        ),
        (
            messages(json!([user, {"role": "tool", "tool_call_id": "z", "content": "x"}])),
            "messages[1].tool_call_id",
        ),
        (tool(json!({"type": "function"})), "tools[0].function"),
        (
            tool(json!({"type": "function", "function": {"name": "a b"}})),
            "tools[0].function.name",
        ),
        (
            tool(json!({"type": "function", "function": {"name": "f", "parameters": 1}})),
            "tools[0].function.parameters",
        ),
        (
            json!({"model": "m", "messages": [user], "response_format": {"type": "yaml"}}),
            "response_format.type",
        ),
        (
            json!({"model": "m", "messages": [user], "response_format": {"type": "json_schema"}}),
            "response_format.json_schema",
        ),
    ] {
        let error = refused(&body);
        assert_eq!(error.param.as_deref(), Some(param), "{body}");
        assert!(error.message.starts_with(param), "{}", error.message);
    }
}

#[test]
fn results_stay_with_their_turn_when_ids_repeat() {
    let turn = |city: &str| json!({"role": "assistant", "tool_calls": [call("c0", city)]});
    let result = |text: &str| json!({"role": "tool", "tool_call_id": "c0", "content": text});
    let text = history(json!([
        {"role": "user", "content": "Compare"},
        turn("Oslo"), result("cold"), turn("Rome"), result("warm"),
    ]));
    let place = |words: &str| {
        text.find(words)
            .unwrap_or_else(|| panic!("no {words}: {text}"))
    };
    assert!(place("Oslo") < place("cold") && place("cold") < place("Rome"));
    assert!(place("Rome") < place("warm"));
}

#[test]
fn tools_of_other_types_are_left_out() {
    let text = rendered(&json!({
        "model": "m",
        "messages": [{"role": "user", "content": "Weather in Oslo?"}],
        "tools": [{"type": "web_search"}, weather(), {"type": "custom", "custom": {"name": "x"}}],
    }));
    assert!(
        text.contains("type get_weather") && !text.contains("web_search"),
        "{text}"
    );
}
