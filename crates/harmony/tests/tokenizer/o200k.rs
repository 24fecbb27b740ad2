//! `o200k_harmony` against `tiktoken-rs`.

use harmony::Tokenizer;

use crate::random_text::Random;

#[test]
fn random_unicode_encodes_as_tiktoken_does() {
    let ours = Tokenizer::o200k_harmony();
    let theirs = tiktoken_rs::o200k_harmony_singleton();
    let mut random = Random::fresh();
    for case in 0..100_000 {
        let text = random.text();
        let ids = ours.encode(&text);
        assert_eq!(
            ids,
            theirs.encode_ordinary(&text),
            "case {case} of FREEWAY_TEST_SEED={}: {text:?}",
            random.seed
        );
        assert_eq!(ours.decode(&ids), text.as_bytes());
    }
}
