//! `o200k_harmony` against `tiktoken-rs`.

use super::random_text::Random;
use crate::Tokenizer;

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
            "case {case} of {random}: {text:?}"
        );
        assert_eq!(
            ours.decode(&ids),
            text.as_bytes(),
            "case {case} of {random}: {text:?}"
        );
    }
}

#[test]
fn every_id_means_what_tiktoken_says() {
    let ours = Tokenizer::o200k_harmony();
    let theirs = tiktoken_rs::o200k_harmony_singleton();
    assert_eq!(ours.num_tokens(), 201_088);
    for id in 0..201_100 {
        let bytes = theirs.decode_bytes(&[id]).ok();
        match id {
            // tiktoken-rs has no name for it; the model's tokenizer.json has.
            200_018 => assert_eq!(ours.token_bytes(id), Some(&b"<|endofprompt|>"[..])),
            _ => assert_eq!(ours.token_bytes(id), bytes.as_deref(), "{id}"),
        }
        assert_eq!(
            ours.is_special(id),
            (199_998..201_088).contains(&id),
            "{id}"
        );
    }
}

#[test]
fn special_tokens_are_found_by_name_in_the_order_of_their_ids() {
    let tokenizer = Tokenizer::o200k_harmony();
    for (name, id) in [
        ("<|startoftext|>", 199_998),
        ("<|endoftext|>", 199_999),
        ("<|reserved_200000|>", 200_000),
        ("<|return|>", 200_002),
        ("<|constrain|>", 200_003),
        ("<|channel|>", 200_005),
        ("<|start|>", 200_006),
        ("<|end|>", 200_007),
        ("<|message|>", 200_008),
        ("<|call|>", 200_012),
        ("<|reserved_201087|>", 201_087),
    ] {
        assert_eq!(tokenizer.special_id(name), Some(id), "{name}");
    }
    assert_eq!(tokenizer.special_id("<|reserved_201088|>"), None);
    assert_eq!(tokenizer.special_id("assistant"), None);
    let ids: Vec<_> = tokenizer.special_tokens().map(|(_, id)| id).collect();
    assert_eq!(ids, Vec::from_iter(199_998..201_088));
    assert!(
        tokenizer
            .special_tokens()
            .all(|(name, id)| tokenizer.special_id(name) == Some(id))
    );
}

#[test]
fn text_that_spells_special_tokens_stays_text() {
    let tokenizer = Tokenizer::o200k_harmony();
    for (name, _) in tokenizer.special_tokens() {
        for text in [
            name.to_owned(),
            format!("a{name}{name}b"),
            format!(" {name}\n"),
        ] {
            let ids = tokenizer.encode(&text);
            assert!(
                ids.iter().all(|&id| !tokenizer.is_special(id)),
                "{text:?}: {ids:?}"
            );
            assert_eq!(tokenizer.decode(&ids), text.as_bytes());
        }
    }
}

#[test]
fn words_of_the_harmony_format_have_the_known_ids() {
    let tokenizer = Tokenizer::o200k_harmony();
    let cases: [(&str, &[u32]); 9] = [
        ("assistant", &[173_781]),
        ("user", &[1428]),
        ("system", &[17_360]),
        ("developer", &[77_944]),
        ("analysis", &[35_644]),
        ("commentary", &[12_606, 815]),
        ("final", &[17_196]),
        (" to=", &[316, 28]),
        ("json", &[4108]),
    ];
    for (text, ids) in cases {
        assert_eq!(tokenizer.encode(text), ids, "{text:?}");
    }
}

#[test]
fn arbitrary_bytes_round_trip_and_valid_text_is_encoded_as_text() {
    let tokenizer = Tokenizer::o200k_harmony();
    let mut random = Random::fresh();
    for case in 0..20_000 {
        let text = random.text();
        let mut bytes = text.clone().into_bytes();
        assert_eq!(
            tokenizer.encode_bytes(&bytes),
            tokenizer.encode(&text),
            "{random} {text:?}"
        );
        // Now break it.
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len() + 1);
            bytes.insert(at, random.next() as u8);
        }
        let ids = tokenizer.encode_bytes(&bytes);
        assert_eq!(
            tokenizer.decode(&ids),
            bytes,
            "case {case} of {random}: {bytes:?}"
        );
        assert!(ids.iter().all(|&id| !tokenizer.is_special(id)));
    }
}

#[test]
fn decode_skips_ids_without_a_meaning() {
    let tokenizer = Tokenizer::o200k_harmony();
    assert_eq!(
        tokenizer.decode(&[17_360, 201_088, u32::MAX, 1428]),
        b"systemuser"
    );
    assert_eq!(tokenizer.token_bytes(201_088), None);
    assert_eq!(
        tokenizer.decode(&[200_006, 1428, 200_008]),
        b"<|start|>user<|message|>"
    );
}
