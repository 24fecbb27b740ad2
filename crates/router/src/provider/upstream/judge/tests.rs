use bytes::Bytes;
use serde_json::json;

use super::*;

fn wishes(fields: &Value) -> Wishes {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    let request = ChatRequest::from_json(Bytes::from(body.to_string())).unwrap();
    Wishes::of_chat(&request, false)
}

/// What is wrong with a whole answer of this choice.
fn verdict(fields: &Value, message: &Value, finish: &str) -> Option<FailureKind> {
    let answer = json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}]});
    let answer = answer.to_string();
    let chunk: Chunk<'_> = serde_json::from_str(&answer).unwrap();
    let mut judge = Judge::new(wishes(fields));
    judge.take(&chunk);
    judge.verdict().map(|(kind, _)| kind)
}

fn words(content: &str) -> Value {
    json!({"content": content})
}

#[test]
fn an_answer_has_words_or_calls() {
    use FailureKind as K;
    let nothing = json!({});
    for (message, finish, expected) in [
        (words("Hi"), "stop", None),
        (words(""), "stop", Some(K::EmptyAnswer)),
        (words(" \n"), "stop", Some(K::EmptyAnswer)),
        (json!({"content": null}), "stop", Some(K::EmptyAnswer)),
        (
            json!({"content": [{"type": "text", "text": "Hi"}]}),
            "stop",
            None,
        ),
        (json!({"content": null, "refusal": "No."}), "stop", None),
        (
            json!({"content": "", "reasoning": "hm"}),
            "stop",
            Some(K::EmptyAnswer),
        ),
        (
            json!({"content": "", "reasoning": "hm"}),
            "length",
            Some(K::TruncatedReasoning),
        ),
        (
            json!({"content": "", "reasoning_content": "hm"}),
            "length",
            Some(K::TruncatedReasoning),
        ),
        (
            json!({"content": ""}),
            "content_filter",
            Some(K::ContentRefused),
        ),
        (
            json!({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}),
            "tool_calls",
            None,
        ),
        (
            json!({"tool_calls": [{"function": {"name": "f", "arguments": ""}}]}),
            "tool_calls",
            None,
        ),
        (
            json!({"tool_calls": [{"function": {"name": "f", "arguments": "{x"}}]}),
            "tool_calls",
            Some(K::InvalidJson),
        ),
        (
            json!({"tool_calls": [{"function": {"name": "f", "arguments": "{x"}}]}),
            "length",
            None,
        ),
    ] {
        assert_eq!(
            verdict(&nothing, &message, finish),
            expected,
            "{message} {finish}"
        );
    }
    // Who allows a handful of tokens gets no answer from a model that thinks.
    let few = json!({"max_tokens": 8});
    let thought = json!({"content": "", "reasoning": "hm"});
    assert_eq!(verdict(&few, &thought, "length"), None);
    let none = Judge::new(Wishes::default())
        .verdict()
        .map(|(kind, _)| kind);
    assert_eq!(none, Some(K::EmptyAnswer));
}

#[test]
fn leaked_tokens_are_found_and_quoted_ones_are_not() {
    let plain = json!({});
    let leaked = Some(FailureKind::LeakedTokens);
    for (content, expected) in [
        ("Hello<|end|>", leaked),
        ("Hi <|im_end|>", leaked),
        ("<|channel|>final<|message|>Hi", leaked),
        ("analysisWe need to greet.assistantfinalHello", leaked),
        ("An analysis of the final match", None),
        ("The token `<|start|>` opens a message.", None),
        ("```\n<|start|>user<|message|>Hi<|end|>\n```", None),
        ("`a` and <|start|>", leaked),
        ("a <| b |> c", None),
    ] {
        assert_eq!(
            verdict(&plain, &words(content), "stop"),
            expected,
            "{content}"
        );
    }
    // Who asks about them may be answered.
    let asks = json!({"messages": [{"role": "user", "content": "What does <|start|> do?"}]});
    let content = words("<|start|> opens a message, <|end|> closes it.");
    assert_eq!(verdict(&asks, &content, "stop"), None);
}

#[test]
fn a_call_in_words_is_found_when_it_is_one_of_a_declared_function() {
    let tools = json!({"tools": [{"type": "function", "function": {"name": "weather"}}]});
    let found = Some(FailureKind::ToolCallInText);
    for (content, expected) in [
        (
            r#"{"name": "weather", "arguments": {"city": "Oslo"}}"#,
            found,
        ),
        (r#"{"name": "functions.weather", "parameters": {}}"#, found),
        (
            "```json\n{\"name\": \"weather\", \"arguments\": \"{}\"}\n```",
            found,
        ),
        (
            "<tool_call>\n{\"name\": \"weather\", \"arguments\": {}}\n</tool_call>",
            found,
        ),
        (
            r#"[TOOL_CALLS][{"name": "weather", "arguments": {}}]"#,
            found,
        ),
        (
            r#"{"tool_calls": [{"function": {"name": "weather", "arguments": "{}"}}]}"#,
            found,
        ),
        (
            r#"{"type": "function", "function": {"name": "weather", "parameters": {}}}"#,
            found,
        ),
        (r#"{"function": "weather", "arguments": {}}"#, found),
        (r#"{"name": "other", "arguments": {}}"#, None),
        (r#"{"name": "weather"}"#, None),
        (r#"I would call {"name": "weather", "arguments": {}}"#, None),
        ("{not json", None),
    ] {
        assert_eq!(
            verdict(&tools, &words(content), "stop"),
            expected,
            "{content}"
        );
        assert_eq!(
            verdict(&json!({}), &words(content), "stop"),
            None,
            "{content}"
        );
    }
    let never = json!({"tools": tools["tools"], "tool_choice": "none"});
    let call = words(r#"{"name": "weather", "arguments": {}}"#);
    assert_eq!(verdict(&never, &call, "stop"), None);
}

#[test]
fn json_that_was_asked_for_has_to_come() {
    let bad = Some(FailureKind::InvalidJson);
    let object = json!({"response_format": {"type": "json_object"}});
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n",
        "schema": {"type": "object", "properties": {"a": {"type": "integer"}},
        "required": ["a"]}}}});
    for (content, of_object, of_schema) in [
        (r#"{"a": 1}"#, None, None),
        (" {\"a\": 1}\n", None, None),
        (r#"{"a": "1"}"#, None, bad),
        (r#"{"b": 1}"#, None, bad),
        ("[1]", bad, bad),
        ("{\"a\": 1", bad, bad),
        ("Here: {\"a\": 1}", bad, bad),
        ("```json\n{\"a\": 1}\n```", bad, bad),
    ] {
        assert_eq!(
            verdict(&object, &words(content), "stop"),
            of_object,
            "{content}"
        );
        assert_eq!(
            verdict(&schema, &words(content), "stop"),
            of_schema,
            "{content}"
        );
        // What its limit cut off cannot be whole.
        assert_eq!(
            verdict(&schema, &words(content), "length"),
            None,
            "{content}"
        );
    }
}

#[test]
fn an_opening_is_unclear_until_it_is_not() {
    for (words, expected) in [
        ("<", Opening::Unclear),
        ("<|chan", Opening::Unclear),
        ("<|channel|>", Opening::Harmony),
        ("<|start|>assistant", Opening::Harmony),
        ("<b>", Opening::Words),
        ("Hello", Opening::Words),
        ("analysisWe", Opening::Words),
    ] {
        assert_eq!(opening(words, false), expected, "{words}");
    }
    for (words, expected) in [
        ("ana", Opening::Unclear),
        ("analysis", Opening::Unclear),
        ("analysisWe", Opening::Harmony),
        ("analysis of", Opening::Words),
        ("analytic", Opening::Words),
        ("commentary to=functions.f", Opening::Harmony),
    ] {
        assert_eq!(opening(words, true), expected, "{words}");
    }
}

#[test]
fn hosts_cannot_make_it_keep_without_bound() {
    let mut judge = Judge::new(Wishes::default());
    let piece = "x".repeat(1 << 16);
    for index in 0..1000 {
        judge.add_words(index, &piece);
        judge.add_call(0, index, "f", &piece);
    }
    assert!(judge.choices.len() <= MAX_CHOICES);
    assert!(
        judge
            .choices
            .iter()
            .all(|choice| choice.words.len() <= MAX_KEPT_BYTES)
    );
    assert!(judge.choices[0].calls.len() <= MAX_CALLS);
}

/// A time that grows as the square of the text is one of hours here.
#[test]
fn hosts_cannot_make_it_read_the_same_again_and_again() {
    let mut judge = Judge::new(Wishes::default());
    judge.add_words(0, &" ".repeat(MAX_KEPT_BYTES));
    for _ in 0..1_000_000 {
        judge.add_words(0, "x");
    }
    assert!(!judge.is_unclear());

    let mut judge = Judge::new(Wishes::default());
    judge.add_words(0, "`");
    judge.add_words(0, &"<|end|>".repeat(MAX_KEPT_BYTES / 8));
    judge.finish(0, "stop");
    assert_eq!(judge.verdict(), None);
    judge.add_words(0, "` <|end|>");
    let (kind, _) = judge.verdict().unwrap();
    assert_eq!(kind, FailureKind::LeakedTokens);
}
