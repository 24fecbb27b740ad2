//! The tokenizer is total, exact and takes any `tokenizer.json`: arbitrary bytes through
//! `o200k_harmony`, where they are text also through tiktoken; arbitrary split patterns; a good
//! file with arbitrary damage.
#![no_main]

use std::sync::LazyLock;

use harmony::Tokenizer;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// A small tokenizer with one `Split`.
static FILE: LazyLock<Value> = LazyLock::new(|| {
    let fixture = include_str!("../../crates/harmony/tests/fixtures/tokenizer/chatml.json");
    serde_json::from_str::<Value>(fixture).expect("the fixture is JSON")["tokenizer"].take()
});

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0, bytes)) => o200k(bytes),
        Some((1, pattern_and_text)) => pattern(pattern_and_text),
        Some((_, edits)) => damaged_file(edits),
        None => {}
    }
});

fn o200k(bytes: &[u8]) {
    let tokenizer = Tokenizer::o200k_harmony();
    round_trips(&tokenizer, bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let ids = tokenizer.encode(text);
        assert_eq!(ids, tiktoken_rs::o200k_harmony_singleton().encode_ordinary(text));
        assert_eq!(ids, tokenizer.encode_bytes(bytes));
    }
}

/// The pattern, then a line end, then a text.
fn pattern(pattern_and_text: &[u8]) {
    let at = pattern_and_text.iter().position(|&byte| byte == b'\n').unwrap_or(0);
    let (pattern, text) = pattern_and_text.split_at(at);
    let mut file = FILE.clone();
    file["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] =
        String::from_utf8_lossy(pattern).into();
    if let Ok(tokenizer) = Tokenizer::from_tokenizer_json(file.to_string().as_bytes()) {
        round_trips(&tokenizer, text);
    }
}

/// Three bytes an edit: where, and what to put there.
fn damaged_file(edits: &[u8]) {
    let mut json = FILE.to_string().into_bytes();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % json.len();
        json[at] = edit[2];
    }
    if let Ok(tokenizer) = Tokenizer::from_tokenizer_json(&json) {
        round_trips(&tokenizer, edits);
    }
}

fn round_trips(tokenizer: &Tokenizer, bytes: &[u8]) {
    let ids = tokenizer.encode_bytes(bytes);
    assert_eq!(tokenizer.decode(&ids), bytes);
    assert!(ids.iter().all(|&id| !tokenizer.is_special(id)));
}
