//! Files that are broken, or ask for what is not implemented: a typed error, whatever the bytes.

use serde_json::{Value, json};

use super::files::Fixture;
use super::random_text::Random;
use crate::{Tokenizer, TokenizerError};

fn load(file: &Value) -> Result<Tokenizer, TokenizerError> {
    Tokenizer::from_tokenizer_json(file.to_string().as_bytes())
}

#[test]
fn what_would_change_the_tokens_is_refused_by_name() {
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true});
    for (path, value, message) in [
        ("/normalizer", json!({"type": "NFKC"}), "NFKC"),
        ("/normalizer", json!("NFC"), "normalizer"),
        (
            "/normalizer",
            json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}),
            "Lowercase",
        ),
        ("/decoder", json!(null), "decoder"),
        ("/decoder", json!({"type": "Metaspace"}), "Metaspace"),
        ("/pre_tokenizer", json!(null), "pre_tokenizer"),
        (
            "/pre_tokenizer",
            json!({"type": "Whitespace"}),
            "Whitespace",
        ),
        (
            "/pre_tokenizer",
            json!({"type": "Sequence", "pretokenizers": []}),
            "pre_tokenizer",
        ),
        (
            "/pre_tokenizer",
            json!({"type": "Sequence", "pretokenizers": [byte_level, {"type": "Digits"}]}),
            "Digits",
        ),
        (
            "/pre_tokenizer",
            json!({"type": "Sequence", "pretokenizers": [{"type": "Digits"}, byte_level]}),
            "individual_digits",
        ),
        (
            "/pre_tokenizer",
            json!({"type": "Sequence", "pretokenizers": vec![byte_level.clone(); 30]}),
            "= 29 ",
        ),
        (
            "/pre_tokenizer/add_prefix_space",
            json!(true),
            "add_prefix_space",
        ),
        (
            "/pre_tokenizer/add_prefix_space",
            json!(null),
            "add_prefix_space",
        ),
        ("/model/type", json!("WordPiece"), "model.type"),
        (
            "/model",
            json!({"type": "Unigram", "vocab": [["a", 0.5]]}),
            "Unigram",
        ),
        ("/model/dropout", json!(0.1), "dropout"),
        ("/model/byte_fallback", json!(true), "byte_fallback"),
        (
            "/model/continuing_subword_prefix",
            json!("##"),
            "continuing_subword_prefix",
        ),
        (
            "/model/end_of_word_suffix",
            json!("</w>"),
            "end_of_word_suffix",
        ),
        ("/added_tokens/0/id", json!(7), "another id"),
        ("/model/vocab/!", json!(1), "id 1 is given to both"),
        ("/model/vocab/!", json!(u64::MAX), "above the limit"),
        ("/model/vocab/!", json!(-1), "not a tokenizer.json"),
        ("/model/vocab/!", json!("zero"), "not a tokenizer.json"),
        ("/model/vocab", json!({"a": 0}), "0x00"),
        ("/model/merges/1", json!("a b c"), "model.merges[1]"),
        ("/model/merges/1", json!("ab"), "model.merges[1]"),
        ("/model/merges/1", json!(["a", "b", "c"]), "exactly two"),
        ("/model/merges/1", json!(["a"]), "exactly two"),
        ("/model/merges/1", json!("世 a"), "the left one"),
        ("/model/merges/1", json!("a 世"), "the right one"),
        ("/model/merges/1", json!("! !a"), "model.merges[1]"),
        ("/model/merges/1", json!("q q"), "joined"),
        ("/model/merges", json!(null), "not a tokenizer.json"),
    ] {
        let mut file = Fixture::named("gpt2").file;
        *file
            .pointer_mut(path)
            .unwrap_or_else(|| panic!("no {path}")) = value;
        let error = load(&file).map(|_| ()).expect_err(path).to_string();
        assert!(error.contains(message), "{path}: {error}");
        assert!(error.len() < 1000, "{path}: {error}");
    }
}

#[test]
fn split_steps_other_than_isolated_matches_are_refused() {
    for (path, value) in [
        ("/pre_tokenizer/pretokenizers/0/behavior", json!("Removed")),
        ("/pre_tokenizer/pretokenizers/0/invert", json!(true)),
        (
            "/pre_tokenizer/pretokenizers/0/pattern",
            json!({"Glob": "*"}),
        ),
        (
            "/pre_tokenizer/pretokenizers/0/pattern",
            json!({"Regex": "(?<=a)b"}),
        ),
        (
            "/pre_tokenizer/pretokenizers/0/pattern",
            json!({"String": ""}),
        ),
    ] {
        let mut file = Fixture::named("llama3").file;
        *file.pointer_mut(path).unwrap() = value;
        assert!(load(&file).is_err(), "{path}");
    }
}

#[test]
fn added_tokens_that_strip_or_contradict_are_refused() {
    let entry = |id: u64, content: &str, special: bool, rstrip: bool| json!({"id": id, "content": content, "special": special, "rstrip": rstrip});
    for tokens in [
        vec![entry(500, "<a>", false, true)],
        vec![
            entry(500, "<a>", false, false),
            entry(500, "<b>", false, false),
        ],
        vec![entry(5, "<a>", true, false)],
        vec![entry(1 << 40, "<a>", true, false)],
        // `Ġ` in the vocabulary spells a space; as an added token it would be itself.
        vec![entry(220, "Ġ", false, false)],
    ] {
        let mut file = Fixture::named("gpt2").file;
        file["added_tokens"] = tokens.clone().into();
        assert!(load(&file).is_err(), "{tokens:?}");
    }
    // A special token may strip: it is never looked for in text.
    let mut file = Fixture::named("gpt2").file;
    file["added_tokens"] =
        vec![entry(500, "<a>", true, true), entry(7000, "", false, false)].into();
    assert_eq!(load(&file).unwrap().special_id("<a>"), Some(500));
}

#[test]
fn damaged_files_never_panic_and_what_loads_round_trips() {
    let mut random = Random::fresh();
    let whole = Fixture::named("chatml").file.to_string().into_bytes();
    let mut loaded = 0;
    for case in 0..600 {
        let mut bytes = whole.clone();
        if random.below(4) == 0 {
            bytes.truncate(random.below(bytes.len()));
        } else {
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = random.pick(&[b'0', b'9', b'"', b'{', b' ', b'a', 0xff, b'\\', b'|']);
            }
        }
        if let Ok(tokenizer) = Tokenizer::from_tokenizer_json(&bytes) {
            loaded += 1;
            let text = random.text();
            let ids = tokenizer.encode(&text);
            assert_eq!(
                tokenizer.decode(&ids),
                text.as_bytes(),
                "case {case} of {random}"
            );
        }
    }
    assert!(
        loaded > 0,
        "{random}: no damaged file loaded, so the test is too harsh"
    );
}

#[test]
fn nested_json_does_not_overflow_the_stack() {
    for open in ["[", "{\"a\":", "{\"pre_tokenizer\":{\"pretokenizers\":["] {
        let error = Tokenizer::from_tokenizer_json(open.repeat(100_000).as_bytes()).unwrap_err();
        assert!(matches!(error, TokenizerError::Json(_)), "{error}");
    }
}
