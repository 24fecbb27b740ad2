//! `tokenizer.json` files: what Hugging Face's library says, and the oracle on fresh random text.

use serde_json::Value;

use super::oracle::Oracle;
use super::random_text::Random;
use crate::{TokenId, Tokenizer};

/// The fixtures of `reference/tokenizer_fixtures.py`, each a tokenizer with its cases.
const FIXTURES: [(&str, &str); 9] = [
    (
        "gpt2",
        include_str!("../../../tests/fixtures/tokenizer/gpt2.json"),
    ),
    (
        "llama3",
        include_str!("../../../tests/fixtures/tokenizer/llama3.json"),
    ),
    (
        "chatml",
        include_str!("../../../tests/fixtures/tokenizer/chatml.json"),
    ),
    (
        "qwen2",
        include_str!("../../../tests/fixtures/tokenizer/qwen2.json"),
    ),
    (
        "smollm",
        include_str!("../../../tests/fixtures/tokenizer/smollm.json"),
    ),
    (
        "digit_runs",
        include_str!("../../../tests/fixtures/tokenizer/digit_runs.json"),
    ),
    (
        "phrases",
        include_str!("../../../tests/fixtures/tokenizer/phrases.json"),
    ),
    (
        "two_splits",
        include_str!("../../../tests/fixtures/tokenizer/two_splits.json"),
    ),
    (
        "gpt_oss",
        include_str!("../../../tests/fixtures/tokenizer/gpt_oss.json"),
    ),
];

pub(super) struct Fixture {
    pub(super) name: &'static str,
    /// The `tokenizer.json`.
    pub(super) file: Value,
    cases: Vec<(String, Vec<TokenId>)>,
}

impl Fixture {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        FIXTURES.into_iter().map(|(name, text)| {
            let mut fixture: Value = serde_json::from_str(text).unwrap();
            let cases = serde_json::from_value(fixture["cases"].take()).unwrap();
            Self {
                name,
                file: fixture["tokenizer"].take(),
                cases,
            }
        })
    }

    pub(super) fn named(name: &str) -> Self {
        Self::all().find(|fixture| fixture.name == name).unwrap()
    }

    fn tokenizer(&self) -> Tokenizer {
        Tokenizer::from_tokenizer_json(self.file.to_string().as_bytes()).unwrap()
    }
}

fn text_of(tokenizer: &Tokenizer, ids: &[TokenId]) -> String {
    String::from_utf8(tokenizer.decode(ids)).unwrap()
}

#[test]
fn the_fixtures_encode_as_hugging_face_does() {
    for fixture in Fixture::all() {
        let (tokenizer, oracle) = (fixture.tokenizer(), Oracle::new(&fixture.file));
        assert!(fixture.cases.len() > 100);
        for (text, ids) in &fixture.cases {
            assert_eq!(tokenizer.encode(text), *ids, "{}: {text:?}", fixture.name);
            assert_eq!(
                oracle.encode(text),
                *ids,
                "{}, by the oracle: {text:?}",
                fixture.name
            );
            assert_eq!(
                oracle.normalized(&text_of(&tokenizer, ids)),
                oracle.normalized(text),
                "{}: {text:?}",
                fixture.name
            );
        }
    }
}

#[test]
fn random_unicode_encodes_as_the_oracle_does() {
    let mut random = Random::fresh();
    for fixture in Fixture::all() {
        let (tokenizer, oracle) = (fixture.tokenizer(), Oracle::new(&fixture.file));
        for _ in 0..5_000 {
            let text = random.text();
            let ids = tokenizer.encode(&text);
            assert_eq!(
                ids,
                oracle.encode(&text),
                "{}, {random}: {text:?}",
                fixture.name
            );
            assert_eq!(
                oracle.normalized(&text_of(&tokenizer, &ids)),
                oracle.normalized(&text),
                "{random}: {text:?}"
            );
            assert!(
                ids.iter().all(|&id| !tokenizer.is_special(id)),
                "{random}: {text:?}"
            );
        }
    }
}

#[test]
fn ids_specials_and_bytes_are_those_of_the_file() {
    let tokenizer = Fixture::named("gpt_oss").tokenizer();
    let whole = Tokenizer::o200k_harmony();
    assert_eq!(tokenizer.num_tokens(), 200_019);
    assert_eq!(tokenizer.special_tokens().count(), 21);
    for id in (0..1500).chain(199_998..200_019) {
        assert_eq!(tokenizer.token_bytes(id), whole.token_bytes(id), "{id}");
        assert_eq!(tokenizer.is_special(id), whole.is_special(id), "{id}");
    }
    for gap in [1500, 199_997, 200_019, u32::MAX] {
        assert_eq!(tokenizer.token_bytes(gap), None);
        assert!(!tokenizer.is_special(gap));
    }
}

#[test]
fn a_special_token_in_the_vocabulary_is_out_of_reach_of_text() {
    let mut fixture = Fixture::named("gpt2");
    // A special token that merges would come to, and one that is a whole piece.
    let model = &mut fixture.file["model"];
    model["ignore_merges"] = true.into();
    let id = model["vocab"]["here"].as_u64().unwrap();
    let special = |id: u64, content: &str| {
        serde_json::json!({"id": id, "content": content, "special": true, "normalized": false,
            "single_word": false, "lstrip": false, "rstrip": false})
    };
    let added = fixture.file["added_tokens"].as_array_mut().unwrap();
    added.push(special(id, "here"));
    let tokenizer = fixture.tokenizer();
    assert_eq!(tokenizer.special_id("here"), Some(id as TokenId));
    for text in ["here", " here", "there", " there", "<|endoftext|>"] {
        let ids = tokenizer.encode(text);
        assert!(
            ids.iter().all(|&id| !tokenizer.is_special(id)),
            "{text:?}: {ids:?}"
        );
        assert_eq!(tokenizer.decode(&ids), text.as_bytes());
    }
}
