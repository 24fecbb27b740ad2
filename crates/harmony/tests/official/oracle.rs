//! OpenAI's harmony library, with its vocabulary taken from our tokenizer.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harmony::{ParserStart, TokenId};
use openai_harmony::chat::Role;
use openai_harmony::{HarmonyEncoding, HarmonyEncodingName};
use serde_json::Value;
use std::path::PathBuf;
use std::{env, fs, process};

/// The library looks for its vocabulary in a cache before it downloads it from a base URL. This is
/// no URL that anything could be downloaded from.
const BASE: &str = "harmony-tests:/";

/// The name of the vocabulary in that cache: the SHA-1 of base URL and file name.
const CACHED: &str = "9b8ff6f38127fa0320bc18b36fe3186f569a82f9";

/// Loads the library's encoding without any network. The library checks the SHA-256 of the
/// vocabulary, so this is also a test that ours is the published one.
pub(crate) fn load() -> HarmonyEncoding {
    let folder = env::var_os("TIKTOKEN_RS_CACHE_DIR")
        .map_or_else(|| env::temp_dir().join("tiktoken-rs-cache"), PathBuf::from);
    fs::create_dir_all(&folder).expect("the cache folder can be made");
    let file = folder.join(CACHED);
    if !file.exists() {
        // Other processes may do the same: each writes a file of its own and moves it into place.
        let own = folder.join(format!("{CACHED}.{}", process::id()));
        fs::write(&own, vocabulary()).expect("the vocabulary can be written");
        fs::rename(&own, &file).expect("and moved");
    }
    openai_harmony::tiktoken_ext::set_tiktoken_base_url(BASE);
    openai_harmony::load_harmony_encoding(HarmonyEncodingName::HarmonyGptOss)
        .expect("the vocabulary is the published one")
}

/// The ranks as `o200k_base.tiktoken` lists them: a line for each token with its bytes in base 64.
fn vocabulary() -> String {
    let tokenizer = harmony::Tokenizer::o200k_harmony();
    let lines = (0..199_998).map(|id| {
        let bytes = tokenizer.token_bytes(id).expect("the ranks have no gap");
        format!("{} {id}\n", BASE64_STANDARD.encode(bytes))
    });
    lines.collect()
}

/// What the library parses, as JSON, if it can.
pub(crate) fn parse(
    library: &HarmonyEncoding,
    tokens: &[TokenId],
    start: ParserStart,
) -> Option<Value> {
    let role = match start {
        ParserStart::AfterAssistant => Some(Role::Assistant),
        ParserStart::Message => None,
    };
    let messages = library
        .parse_messages_from_completion_tokens(tokens.iter().copied(), role)
        .ok()?;
    Some(serde_json::to_value(messages).expect("messages serialise"))
}

/// Whether the library's reading of the tokens with this text can be trusted: it has not taken a
/// special token for text, nor a word for something else than it is.
pub(crate) fn is_sound(parsed: &Value, text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
    };
    // Where a role runs into what follows it, or is missing.
    let begins_header = |name: &str| {
        let words = ["assistant", "analysis", "commentary", "final", "to="];
        words.iter().any(|word| name.starts_with(word))
    };
    parsed.as_array().expect("a list").iter().all(|message| {
        let field = |key: &str| message[key].as_str();
        let is_assistant = field("role") == Some("assistant");
        field("content").is_some_and(|content| !content.contains("<|"))
            && (field("channel").is_some() || !is_assistant)
            && field("name").is_none_or(|name| is_word(name) && !begins_header(name))
            && field("channel")
                .is_none_or(|channel| ["analysis", "commentary", "final"].contains(&channel))
            && field("recipient")
                .is_none_or(|name| is_word(name) && text.contains(&format!("to={name}")))
            && field("content_type")
                .is_none_or(|name| is_word(name.strip_prefix("<|constrain|>").unwrap_or(name)))
    })
}
