//! The JSON form of conversations: that of OpenAI's harmony library.

use harmony::{
    Conversation, DeveloperContent, Encoding, HarmonyError, Message, ParserOptions,
    ReasoningEffort, ResponseFormat, SystemContent, ToolDescription, ToolNamespace,
};
use serde_json::{Value, json};

fn read(json: Value) -> Result<Conversation, HarmonyError> {
    Conversation::from_json(&json.to_string())
}

fn error(json: Value) -> String {
    read(json).expect_err("this is no conversation").to_string()
}

#[test]
fn messages_are_written_as_the_library_writes_them() {
    let call = Message::function_call("f", "{}");
    assert_eq!(
        serde_json::to_string(&call).expect("serialises"),
        r#"{"role":"assistant","recipient":"functions.f","content":"{}","channel":"commentary","content_type":"<|constrain|>json"}"#
    );
    let result = Message::function_result("f", "r");
    assert_eq!(
        serde_json::to_string(&result).expect("serialises"),
        r#"{"role":"tool","name":"functions.f","recipient":"assistant","content":"r","channel":"commentary"}"#
    );
    let mut parts = Message::user("a");
    parts.content.push("b".into());
    assert_eq!(
        serde_json::to_string(&parts).expect("serialises"),
        r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#
    );
    let system = SystemContent::default().with_reasoning_effort(ReasoningEffort::High);
    assert_eq!(
        serde_json::to_value(Message::system(system)).expect("serialises"),
        json!({"role": "system", "content": [{
            "type": "system_content",
            "model_identity": "You are ChatGPT, a large language model trained by OpenAI.",
            "reasoning_effort": "High",
            "tools": null,
            "conversation_start_date": null,
            "knowledge_cutoff": "2024-06",
            "channel_config": {
                "valid_channels": ["analysis", "commentary", "final"],
                "channel_required": true,
            },
        }]})
    );
}

#[test]
fn what_is_written_is_read_back() {
    let schema = json!({"type": "object", "properties": {"z": {}, "a": {}}});
    let conversation = Conversation::new([
        Message::system(SystemContent::default().with_tools(ToolNamespace::browser())),
        Message::developer(
            DeveloperContent::default()
                .with_instructions("Be brief.")
                .with_function_tools(vec![ToolDescription::new("f", "d", Some(schema.clone()))])
                .with_response_format(ResponseFormat {
                    name: "n".to_owned(),
                    description: None,
                    schema,
                }),
        ),
        Message::user("hi"),
        Message::function_call("f", "{}"),
        Message::function_result("f", "r"),
    ]);
    let json = serde_json::to_string(&conversation).expect("serialises");
    assert_eq!(Conversation::from_json(&json).expect("reads"), conversation);
    assert!(json.contains(r#""response_formats":[{"name":"n","schema":{"type":"object","#));
}

#[test]
fn absent_fields_are_none_and_unknown_fields_are_ignored() {
    let conversation = read(json!({
        "messages": [
            {"role": "system", "content": [{"type": "system_content", "colour": "red"}]},
            {"role": "developer", "content": [{"type": "developer_content"}]},
            {"role": "user", "name": null, "content": "hi", "recipient": null, "mood": 7},
        ],
        "model": "gpt-oss-20b",
    }))
    .expect("the library reads this");
    let encoding = Encoding::gpt_oss();
    let tokens = encoding.render_for_completion(&conversation);
    assert_eq!(
        String::from_utf8_lossy(&encoding.tokenizer().decode(&tokens)),
        "<|start|>system<|message|><|end|><|start|>developer<|message|><|end|>\
         <|start|>user<|message|>hi<|end|><|start|>assistant"
    );
}

#[test]
fn parsed_messages_are_a_conversation_again() {
    let encoding = Encoding::gpt_oss();
    let tokens = encoding.render(&Message::function_call("f", "{}"));
    let messages = encoding.parse(&tokens[2..], ParserOptions::default());
    let json = json!({"messages": messages});
    assert_eq!(
        read(json).expect("reads").messages,
        [Message::function_call("f", "{}")]
    );
}

#[test]
fn errors_say_where_and_what_to_do() {
    assert!(error(json!({"messages": [{"role": "user"}]})).contains("missing field `content`"));
    assert!(error(json!({"messages": [{"role": "bot", "content": ""}]})).contains("`bot`"));
    assert!(
        error(json!({"messages": [{"role": "user", "content": [{"type": "image"}]}]}))
            .contains("`image`")
    );
    assert!(
        error(json!({"messages": [{"role": "user", "content": 7}]})).contains("a string or a list")
    );
    assert!(error(json!({})).contains("not a conversation"));
    assert!(error(json!(7)).contains(r#"{"messages": [{"role": "user""#));

    let unnamed = error(json!({"messages": [{"role": "tool", "content": "r"}]}));
    assert!(
        unnamed.contains("message 0") && unnamed.contains("\"name\""),
        "{unnamed}"
    );
    let misplaced = error(json!({"messages": [
        {"role": "user", "content": "hi"},
        {"role": "user", "content": [{"type": "system_content"}]},
    ]}));
    assert!(
        misplaced.contains("message 1") && misplaced.contains("\"system\""),
        "{misplaced}"
    );
}

#[test]
fn an_error_of_json_is_told_once() {
    let error = read(json!({})).expect_err("this is no conversation");
    assert_eq!(error.to_string().matches("missing field").count(), 1);
    assert!(std::error::Error::source(&error).is_none());
}

#[test]
fn the_list_of_messages_alone_is_a_conversation() {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let conversation = read(messages.clone()).expect("a list of messages");
    assert_eq!(
        conversation,
        read(json!({"messages": messages})).expect("with its name")
    );
    assert_eq!(
        read(json!([])).expect("an empty list"),
        Conversation::default()
    );
    assert!(error(json!([{"role": "user"}])).contains("missing field `content`"));
}

#[test]
fn a_tool_that_answers_in_the_name_of_a_role_is_refused() {
    let from =
        |name: &str| read(json!({"messages": [{"role": "tool", "name": name, "content": ""}]}));
    for name in [
        "system",
        "user",
        "assistant",
        "developer:x",
        "to=x",
        "final",
        "assistantfinal",
        " system ",
        "system<|channel|>x",
    ] {
        let error = from(name).expect_err(name).to_string();
        assert!(
            error.contains("message 0") && error.contains("\"functions."),
            "{error}"
        );
    }
    assert!(
        from("<|start|>")
            .expect_err("nothing is left")
            .to_string()
            .contains("no name")
    );
    for name in ["functions.system", "python", "browser.search", "systems"] {
        assert!(from(name).is_ok(), "{name}");
    }
}

#[test]
fn names_that_break_a_declaration_are_refused() {
    let declare = |namespace: &str, tool: &str| {
        let namespace = ToolNamespace {
            name: namespace.to_owned(),
            description: None,
            tools: vec![ToolDescription::new(tool, "", None)],
        };
        let content = DeveloperContent::default().with_tools(namespace);
        Conversation::new([Message::developer(content)])
    };
    let long = "x".repeat(65);
    for name in [
        "my tool\n} // namespace functions",
        "",
        "a b",
        "f()",
        "<|end|>",
        &long,
    ] {
        for (namespace, tool) in [("functions", name), (name, "f")] {
            let conversation = declare(namespace, tool);
            let error = conversation.validate().expect_err(name).to_string();
            assert!(error.contains("letters, digits"), "{error}");
            assert!(error.len() < 300, "{error}");

            // Whoever renders it unchecked gets one namespace all the same.
            let encoding = Encoding::gpt_oss();
            let text = encoding
                .tokenizer()
                .decode(&encoding.render_for_completion(&conversation));
            let text = String::from_utf8(text).expect("text");
            assert_eq!(text.matches("} // namespace").count(), 1, "{text}");
        }
    }
    for name in ["get_weather", "mcp.server.list-files", "größe", "天気"] {
        assert!(declare("functions", name).validate().is_ok(), "{name}");
    }
}

#[test]
fn json_that_nests_without_end_is_an_error() {
    let deep = format!(
        r#"{{"messages":[{{"role":"developer","content":[{{"type":"developer_content","tools":{{"functions":{{"name":"functions","tools":[{{"name":"f","description":"","parameters":{}{}}}]}}}}}}]}}]}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let error = Conversation::from_json(&deep).expect_err("too deep");
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

#[test]
fn a_vocabulary_without_the_special_tokens_is_named_an_error() {
    // The 256 bytes and nothing else.
    let byte_chars: Vec<char> = (0..=255u8)
        .scan(256u32, |next, byte| {
            let printable = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
            let code = if printable { u32::from(byte) } else { *next };
            *next += u32::from(!printable);
            char::from_u32(code)
        })
        .collect();
    let vocab: serde_json::Map<String, Value> = byte_chars
        .iter()
        .enumerate()
        .map(|(id, c)| (c.to_string(), json!(id)))
        .collect();
    let tokenizer = |specials: &[&str]| {
        let added: Vec<Value> = specials
            .iter()
            .enumerate()
            .map(|(i, text)| {
                json!({"id": 256 + i, "content": text, "special": true, "single_word": false,
                       "lstrip": false, "rstrip": false, "normalized": false})
            })
            .collect();
        let file = json!({
            "version": "1.0",
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
                              "trim_offsets": true, "use_regex": true},
            "post_processor": null,
            "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "vocab": vocab, "merges": []},
        });
        let file = file.to_string();
        let tokenizer = harmony::Tokenizer::from_tokenizer_json(file.as_bytes());
        std::sync::Arc::new(tokenizer.expect("a tokenizer"))
    };

    let all = harmony::SPECIAL_TOKEN_NAMES;
    let encoding = Encoding::new(tokenizer(&all)).expect("nothing is missing");
    let messages = [Message::user("hi"), Message::function_call("f", "{}")];
    let tokens = encoding.render_for_completion(&Conversation::new(messages.clone()));
    let options = ParserOptions {
        start: harmony::ParserStart::Message,
        ..ParserOptions::default()
    };
    assert_eq!(encoding.parse(&tokens, options), messages);

    for missing in 0..all.len() {
        let mut some = all.to_vec();
        let name = some.remove(missing);
        match Encoding::new(tokenizer(&some)) {
            Err(HarmonyError::MissingSpecialToken { name: reported }) => {
                assert_eq!(reported, name);
            }
            other => panic!("{other:?}"),
        }
    }
}
