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
    assert!(error(json!([])).contains("not a conversation"));

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
