//! The pieces themselves, which token ids do not always show, against a backtracking matcher of the
//! same patterns.

use super::super::o200k_split::{self, O200K_PATTERN};
use super::super::regex_split::RegexSplit;
use super::super::unicode::Classes;
use super::oracle::pieces;
use super::random_text::Random;

fn o200k_pieces(text: &str) -> Vec<&str> {
    let mut found = vec![];
    o200k_split::split(text, &mut |piece| found.push(piece));
    found
}

fn regex_pieces<'t>(split: &RegexSplit, text: &'t str) -> Vec<&'t str> {
    let mut found = vec![];
    split.split(text, &mut |piece| found.push(piece));
    found
}

#[test]
fn o200k_cuts_random_unicode_as_the_pattern_does() {
    let regex = fancy_regex::Regex::new(O200K_PATTERN).unwrap();
    let mut random = Random::fresh();
    for case in 0..100_000 {
        let text = random.text();
        assert_eq!(
            o200k_pieces(&text),
            pieces(&regex, &text),
            "case {case} of {random}: {text:?}"
        );
    }
}

#[test]
fn o200k_cuts_short_texts_over_a_small_alphabet_as_the_pattern_does() {
    // One character of each class, all texts of up to five of them.
    const ALPHABET: [char; 11] = [
        'a', 'A', 'ʰ', '\u{301}', '1', ' ', '\t', '\n', '\'', 's', '/',
    ];
    let regex = fancy_regex::Regex::new(O200K_PATTERN).unwrap();
    for length in 1..=5 {
        for mut nth in 0..ALPHABET.len().pow(length) {
            let mut text = String::new();
            for _ in 0..length {
                text.push(ALPHABET[nth % ALPHABET.len()]);
                nth /= ALPHABET.len();
            }
            assert_eq!(o200k_pieces(&text), pieces(&regex, &text), "{text:?}");
        }
    }
}

#[test]
fn o200k_puts_characters_of_all_planes_into_the_right_class() {
    let regex = fancy_regex::Regex::new(O200K_PATTERN).unwrap();
    let mut random = Random::fresh();
    for c in (0..=0x10_ffff)
        .step_by(1 + random.below(8))
        .filter_map(char::from_u32)
    {
        let text = format!("{c}A{c}a {c}1{c}2.{c}\n{c}  {c}\t{c}'s");
        assert_eq!(o200k_pieces(&text), pieces(&regex, &text), "{text:?}");
    }
}

#[test]
fn white_space_is_what_the_standard_library_says() {
    for c in '\0'..=char::MAX {
        assert_eq!(
            Classes::shared().of(c).is_space(),
            c.is_whitespace(),
            "{c:?}"
        );
    }
}

#[test]
fn regex_patterns_cut_random_unicode_as_backtracking_does() {
    let mut random = Random::fresh();
    for pattern in [
        O200K_PATTERN,
        // GPT-2.
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        // Llama 3.
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        // DeepSeek's last.
        r"[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        // GPT-4's, the latest spelling without its possessive quantifiers.
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s",
        // Gaps between matches; alternatives after the look-ahead that begin with white space.
        r"\s+(?!\S)",
        r"a|\s+(?!\S)",
        r"\s+(?!\S)| a|\n\n|\s+(?!\S)| ?b",
        r"\p{L}+|\s+(?!\S)|\s[.!]+|[\n\t]",
        r"\p{Lu}?\p{Ll}+?\p{N}|[\p{L}&&[^a-z]]+|\|\||[|()]",
    ] {
        let regex = fancy_regex::Regex::new(pattern).unwrap();
        let split = RegexSplit::new(pattern).unwrap();
        for _ in 0..4_000 {
            let text = random.text();
            assert_eq!(
                regex_pieces(&split, &text),
                pieces(&regex, &text),
                "{pattern}, {random}: {text:?}"
            );
        }
    }
}

#[test]
fn patterns_that_could_match_differently_are_refused_with_a_reason() {
    for (pattern, reason) in [
        (r"a(?=b)|\s+", "look-around"),
        (r"(?<!a)b", "look-around"),
        (r"(\s+(?!\S)|a)", "look-around"),
        (r"\s+(?!\S)x|\s+", "look-around"),
        (r"\p{L}++|\s+", "possessive"),
        (r"\p{N}{1,3}+", "possessive"),
        (r"a{2}?", "question mark"),
        (r"^a|b$", "assertions"),
        (r"\bword\b", "assertions"),
        (r"(?i)a|b", "flags"),
        (r"(?s:.)|(?x: a )", "flags"),
        (r"(?-i:a)", "flags"),
        (r"a|(?i:straße)", "(?i:"),
        (r"a|(?i:first)", "(?i:"),
        (r"a|(?i:[^k])", "(?i:"),
        (r"a|(?i:\p{Lu})", "(?i:"),
        (r"\w+", "\\w"),
        (r"[\w']+", "\\w"),
        (r"\p{Punct}+", "\\p"),
        (r"[\p{gc=Lu}]+", "\\p"),
        (r"[[:alpha:]]+", "POSIX"),
        (r"[a--b]", "\"--\""),
        (r"a*|b", "empty"),
        (r"a||b", "empty"),
        ("", "empty"),
        (r"(a)\1", "backreference"),
        (r"[a-", "unclosed"),
        (r"(a", "unclosed"),
        (r"\p{Xx}", "property not found"),
        (r"(\p{L}{1000}){1000}", "size limit"),
        (&("(".repeat(10_000) + "a" + &")".repeat(10_000)), "nest"),
        (&"(".repeat(100_000), "unclosed"),
        (&"a".repeat(2_000_000), "longer than"),
    ] {
        let error = RegexSplit::new(pattern)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.len() < 1000, "{error}");
    }
}
