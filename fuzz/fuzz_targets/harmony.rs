//! Any sequence of tokens parses, to the same messages streamed and at once, and to those of
//! OpenAI's library wherever that library is right.

#![no_main]

#[path = "../../crates/harmony/tests/official/oracle.rs"]
mod oracle;

use harmony::{Encoding, Event, ParserOptions, ParserStart, SPECIAL_TOKEN_NAMES, TokenId};
use libfuzzer_sys::fuzz_target;
use openai_harmony::HarmonyEncoding;
use std::sync::LazyLock;

static OURS: LazyLock<Encoding> = LazyLock::new(Encoding::gpt_oss);
static LIBRARY: LazyLock<HarmonyEncoding> = LazyLock::new(oracle::load);

const WORDS: [&str; 20] = [
    "assistant", "user", "tool", " to=", "functions.f", "functions.", "analysis", "commentary",
    "final", " json", "code", " ", "\n", "{\"a\": 1}", "?", "hello world", "python", "<|channel|>",
    "💖", "f",
];

/// The first byte says where to start. Of the others, half are special tokens and words; the rest
/// begin an id of three bytes.
fn tokens_of(bytes: &[u8]) -> Vec<TokenId> {
    let tokenizer = OURS.tokenizer();
    let mut tokens = Vec::new();
    let mut bytes = bytes.iter().copied();
    while let Some(byte) = bytes.next() {
        match usize::from(byte) {
            choice @ 0..64 => {
                let name = SPECIAL_TOKEN_NAMES[choice % SPECIAL_TOKEN_NAMES.len()];
                tokens.extend(tokenizer.special_id(name));
            }
            choice @ 64..192 => tokenizer.encode_into(WORDS[choice % WORDS.len()], &mut tokens),
            high => {
                let mut next = || u32::from(bytes.next().unwrap_or_default());
                tokens.push(((high as u32 - 192) << 12) | (next() << 4) | (next() & 15));
            }
        }
    }
    tokens
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let start =
        if first & 1 == 0 { ParserStart::AfterAssistant } else { ParserStart::Message };
    let tokens = tokens_of(&bytes[..bytes.len().min(400)]);

    let tools = vec!["functions.f".to_owned(), "python".to_owned()];
    let options = ParserOptions { start, tools };
    let mut parser = OURS.parser(options.clone());
    let mut events: Vec<Event> = tokens.iter().flat_map(|&id| parser.process(id)).collect();
    events.extend(parser.close());
    let messages = parser.finish();
    assert_eq!(messages, OURS.parse(&tokens, options));
    let streamed: String = events
        .iter()
        .filter_map(|event| match event {
            Event::Content(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let contents: String = messages.iter().map(harmony::Message::text).collect();
    assert_eq!(streamed, contents);

    // From an id outside the vocabulary on the library loses the rest of a message, and in a header
    // it takes a special token that is spelt out in ordinary ones for the token itself.
    let tokenizer = OURS.tokenizer();
    let text = String::from_utf8_lossy(&tokenizer.decode(&tokens)).into_owned();
    let num_specials = tokens.iter().filter(|&&id| tokenizer.is_special(id)).count();
    if tokens.iter().any(|&id| tokenizer.token_bytes(id).is_none())
        || text.matches("<|").count() != num_specials
    {
        return;
    }
    if let Some(library) = oracle::parse(&LIBRARY, &tokens, start)
        && oracle::is_sound(&library, &text)
    {
        let ours = OURS.parse(&tokens, ParserOptions { start, ..ParserOptions::default() });
        let ours = serde_json::to_value(ours).expect("messages serialise");
        assert_eq!(ours, library, "{text}");
    }
});
