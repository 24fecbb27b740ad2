//! Inputs on which a careless tokenizer is quadratic, overflows its stack or gives up. That merging
//! takes a number of steps in proportion to the bytes is asserted where it is done (`bpe`); were the
//! splitting quadratic, these tests would not finish.

use unicode_normalization::is_nfc;

use super::files::Fixture;
use super::random_text::Random;
use crate::Tokenizer;

/// Patterns whose repetition is one piece, or very many.
const UNITS: [&str; 14] = [
    " ",
    "a",
    "A",
    "ab",
    "\n",
    "\n ",
    "\r\n",
    "/",
    "'",
    "7",
    "世",
    "\u{301}",
    "A\u{301}",
    "<|start|>",
];

#[test]
fn a_million_bytes_of_one_pattern_decode_to_themselves() {
    let tokenizer = Tokenizer::o200k_harmony();
    for unit in UNITS {
        for end in ["", "x"] {
            let text = unit.repeat(1_000_000 / unit.len()) + end;
            let ids = tokenizer.encode(&text);
            assert!(
                tokenizer.decode(&ids) == text.as_bytes(),
                "{unit:?} {end:?}"
            );
        }
    }
}

#[test]
fn repeated_patterns_encode_as_tiktoken_does() {
    let tokenizer = Tokenizer::o200k_harmony();
    let tiktoken = tiktoken_rs::o200k_harmony_singleton();
    let mut random = Random::fresh();
    for unit in UNITS {
        for _ in 0..20 {
            let text = unit.repeat(random.below(3000)) + random.pick(&["", "x", " ", "'s", "\n"]);
            let same = tokenizer.encode(&text) == tiktoken.encode_ordinary(&text);
            assert!(same, "{random}: {} bytes of {unit:?}", text.len());
        }
    }
}

#[test]
fn no_two_neighbours_within_a_long_piece_could_still_merge() {
    let tokenizer = Tokenizer::o200k_harmony();
    let mut random = Random::fresh();
    let letters: String = (0..300_000)
        .map(|_| random.pick(&["a", "e", "in", "t", "st", "q"]))
        .collect();
    for piece in [
        " ".repeat(1_000_000),
        "a".repeat(1_000_000),
        "=".repeat(999_999),
        letters,
    ] {
        let ids = tokenizer.encode(&piece);
        let bytes = |id| tokenizer.token_bytes(id).unwrap();
        for pair in ids.windows(2) {
            let joined = [bytes(pair[0]), bytes(pair[1])].concat();
            assert_eq!(tokenizer.vocab.find(&joined), None, "{random}: {pair:?}");
        }
    }
}

#[test]
fn a_million_marks_normalize_and_decode_to_what_they_are() {
    let file = Fixture::named("qwen2").file.to_string();
    let tokenizer = Tokenizer::from_tokenizer_json(file.as_bytes()).unwrap();
    // Marks of one class stay in order; those of two are sorted.
    for (unit, composed) in [("\u{301}", "é"), ("\u{301}\u{323}", "ẹ")] {
        let text = "e".to_owned() + &unit.repeat(1_000_000 / unit.len());
        let decoded = String::from_utf8(tokenizer.decode(&tokenizer.encode(&text))).unwrap();
        assert!(decoded.starts_with(composed) && decoded.len() > 900_000);
        assert!(is_nfc(&decoded));
    }
}

#[test]
fn a_million_random_bytes_decode_to_themselves() {
    let tokenizer = Tokenizer::o200k_harmony();
    let mut random = Random::fresh();
    let bytes: Vec<u8> = (0..1_000_000).map(|_| random.next() as u8).collect();
    assert!(
        tokenizer.decode(&tokenizer.encode_bytes(&bytes)) == bytes,
        "{random}"
    );
}
