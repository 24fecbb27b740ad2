//! OpenAI's harmony library as the oracle, wherever it is right.
//!
//! Where it is wrong stands in `render.rs`, `schema_renderings.rs` and `parse.rs` beside this: the
//! random inputs here keep clear of those cases.

mod arbitrary;
mod oracle;

use harmony::{
    Conversation, Encoding, Message, ParserOptions, ParserStart, StreamableParser, TokenId,
};
use openai_harmony::{HarmonyEncoding, chat};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::LazyLock;

static LIBRARY: LazyLock<HarmonyEncoding> = LazyLock::new(oracle::load);
static OURS: LazyLock<Encoding> = LazyLock::new(Encoding::gpt_oss);

fn to_library(message: &Message) -> chat::Message {
    let json = serde_json::to_string(message).expect("messages serialise");
    serde_json::from_str(&json).expect("the library reads our JSON")
}

fn library_renders(message: &Message) -> Vec<TokenId> {
    LIBRARY
        .render(&to_library(message), None)
        .expect("the library renders it")
}

fn text_of(tokens: &[TokenId]) -> String {
    String::from_utf8_lossy(&OURS.tokenizer().decode(tokens)).into_owned()
}

/// What the library parses, as JSON, if it can.
fn library_parses(tokens: &[TokenId], start: ParserStart) -> Option<Value> {
    oracle::parse(&LIBRARY, tokens, start)
}

fn we_parse(tokens: &[TokenId], start: ParserStart) -> Value {
    let messages = OURS.parse(
        tokens,
        ParserOptions {
            start,
            ..ParserOptions::default()
        },
    );
    serde_json::to_value(messages).expect("messages serialise")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn messages_render_to_the_same_tokens(message in arbitrary::message_without_recipient()) {
        prop_assert_eq!(OURS.render(&message), library_renders(&message));
    }

    #[test]
    fn messages_with_recipients_render_to_what_the_library_parses_back(
        message in arbitrary::message_to_tool_or_back(),
    ) {
        let parsed = library_parses(&OURS.render(&message), ParserStart::Message);
        let expected = serde_json::to_value([&message]).expect("messages serialise");
        prop_assert_eq!(parsed, Some(expected));
    }

    #[test]
    fn tools_render_to_the_same_tokens(message in arbitrary::message_with_tools()) {
        prop_assert_eq!(text_of(&OURS.render(&message)), text_of(&library_renders(&message)));
        prop_assert_eq!(OURS.render(&message), library_renders(&message));
    }

    #[test]
    fn conversations_render_to_the_same_tokens(
        messages in prop::collection::vec(
            prop_oneof![
                4 => arbitrary::message_without_recipient(),
                1 => arbitrary::message_with_tools(),
            ],
            0..6,
        ),
    ) {
        // The library is asked to keep all reasoning, so there must be none to drop.
        let messages: Vec<Message> =
            messages.into_iter().filter(|message| !message.is_on("analysis")).collect();
        let library: Vec<chat::Message> = messages.iter().map(to_library).collect();
        let conversation = Conversation::new(messages);
        let completion =
            LIBRARY.render_conversation_for_completion(&library, chat::Role::Assistant, None);
        prop_assert_eq!(
            OURS.render_for_completion(&conversation),
            completion.expect("the library renders it")
        );
        let training = LIBRARY.render_conversation_for_training(&library, None);
        prop_assert_eq!(
            OURS.render_for_training(&conversation),
            training.expect("the library renders it")
        );
    }

    #[test]
    fn well_formed_streams_parse_to_the_same_messages(
        stream in arbitrary::well_formed_stream(),
    ) {
        let tokens = stream.tokens(&OURS);
        let library = library_parses(&tokens, ParserStart::AfterAssistant);
        prop_assert_eq!(Some(we_parse(&tokens, ParserStart::AfterAssistant)), library);
    }

    #[test]
    fn damaged_streams_parse_to_the_same_messages_where_the_library_is_sound(
        stream in arbitrary::damaged_stream(),
        after_assistant in any::<bool>(),
    ) {
        let start =
            if after_assistant { ParserStart::AfterAssistant } else { ParserStart::Message };
        let tokens = stream.tokens(&OURS);
        let ours = we_parse(&tokens, start);
        if let Some(library) = library_parses(&tokens, start)
            && oracle::is_sound(&library, &text_of(&tokens))
        {
            prop_assert_eq!(ours, library, "{}", text_of(&tokens));
        }
    }

    #[test]
    fn content_that_is_no_utf8_streams_to_the_same_text(
        ids in prop::collection::vec(0..199_998u32, 0..60),
    ) {
        let header = OURS.render(&Message::assistant("final", ""));
        let special = OURS.special_tokens();
        let mut tokens: Vec<TokenId> = header[2..].to_vec();
        tokens.retain(|&token| token != special.end);
        tokens.extend(ids);
        let library = library_parses(&tokens, ParserStart::AfterAssistant);
        prop_assert_eq!(Some(we_parse(&tokens, ParserStart::AfterAssistant)), library);
    }
}

#[test]
fn the_built_in_tools_have_the_librarys_text() {
    let ours = [
        harmony::ToolNamespace::browser(),
        harmony::ToolNamespace::python(),
    ];
    let library = [
        chat::ToolNamespaceConfig::browser(),
        chat::ToolNamespaceConfig::python(),
    ];
    assert_eq!(
        serde_json::to_value(ours).expect("serialises"),
        serde_json::to_value(library).expect("serialises")
    );
}

#[test]
fn the_default_system_message_is_the_librarys() {
    assert_eq!(
        serde_json::to_value(harmony::SystemContent::default()).expect("serialises"),
        serde_json::to_value(chat::SystemContent::default()).expect("serialises")
    );
}

#[test]
fn inputs_that_take_the_library_down_do_not_take_us_down() {
    // The library's splitter overflows its stack on the first and needs minutes for the second.
    for text in [" ".repeat(1_000_000), "a".repeat(1_000_000)] {
        let tokens = OURS.render(&Message::user(text.clone()));
        let mut parser = StreamableParser::new(
            OURS.clone(),
            ParserOptions {
                start: ParserStart::Message,
                ..ParserOptions::default()
            },
        );
        for token in tokens {
            parser.process(token);
        }
        assert_eq!(parser.finish(), [Message::user(text)]);
    }
}
