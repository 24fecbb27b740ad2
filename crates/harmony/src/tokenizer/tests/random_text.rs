//! Random text that visits every corner of the split patterns.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// A small generator (SplitMix64). Seeded afresh for every run; `FREEWAY_TEST_SEED` repeats one.
pub(super) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    pub(super) fn fresh() -> Self {
        let seed = match std::env::var("FREEWAY_TEST_SEED") {
            Ok(seed) => seed.parse().expect("FREEWAY_TEST_SEED is a number"),
            Err(_) => RandomState::new().hash_one(0),
        };
        Self { seed, state: seed }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A random text of a few dozen characters.
    pub(super) fn text(&mut self) -> String {
        let mut text = String::new();
        // A text keeps to a few kinds, so that the interesting neighbours meet often.
        let kinds: Vec<usize> = (0..1 + self.below(6))
            .map(|_| self.below(ALPHABETS.len() + 4))
            .collect();
        for _ in 0..self.below(24) {
            let kind = self.pick(&kinds);
            for _ in 0..1 + self.below(4) {
                match ALPHABETS.get(kind) {
                    Some(alphabet) => text.push_str(self.pick(alphabet)),
                    None if kind == ALPHABETS.len() => text.push_str(self.pick(WORDS)),
                    // Anywhere, in the plane where most assigned characters are, in Latin-1.
                    None => text.extend(char::from_u32(
                        self.below([0x11_0000, 0x3000, 0x100][kind - ALPHABETS.len() - 1]) as u32,
                    )),
                }
            }
        }
        text
    }
}

/// How to repeat the run, for the message of a failed assertion.
impl fmt::Display for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FREEWAY_TEST_SEED={}", self.seed)
    }
}

/// Characters and short sequences, by what the patterns do with them.
const ALPHABETS: &[&[&str]] = &[
    &[
        "a", "b", "e", "s", "t", "z", "é", "ß", "ſ", "я", "ω", "ﬁ", "ŉ", "ª", "ⓐ",
    ],
    &["A", "B", "Z", "S", "É", "Я", "Ω", "K", "İ", "Ⓐ"],
    // Title case, modifiers, caseless letters.
    &["ǅ", "ᾈ", "ʰ", "ˈ", "ー", "々", "ᵃ"],
    &[
        "世",
        "界",
        "国",
        "ひ",
        "カ",
        "한",
        "글",
        "ا",
        "ب",
        "ש",
        "ל",
        "ก",
        "अ",
        "ქ",
        "\u{20000}",
    ],
    // Marks: combining, spacing, enclosing, variation selectors.
    &[
        "\u{301}", "\u{300}", "\u{93f}", "\u{94d}", "\u{e31}", "\u{20dd}", "\u{fe0f}", "\u{5b0}",
    ],
    // Numbers: decimal, letter-like, other.
    &[
        "0", "1", "7", "9", "٣", "५", "Ⅷ", "²", "½", "〇", "①", "𝟘", "๑",
    ],
    &[
        " ", " ", "  ", "\t", "\u{a0}", "\u{2003}", "\u{3000}", "\u{85}", "\u{b}", "\u{1680}",
    ],
    &["\n", "\r", "\r\n", "\n\n", "\u{2028}", "\u{2029}"],
    &[
        "'", "'s", "'S", "'ſ", "'re", "'LL", "'Ve", "'d", "'x", "’s", "''",
    ],
    &[
        "/", "/", "//", ".", ",", "!", "?", "-", "_", "(", ")", "<|", "|>", "#", "€", "→",
    ],
    // Emoji, joiners, direction marks, things that look like nothing.
    &[
        "😀", "👩", "\u{200d}", "🏽", "🇩", "🇪", "\u{200b}", "\u{200f}", "\u{feff}", "\u{ad}",
        "\u{180e}",
    ],
    &[
        "\0",
        "\u{1b}",
        "\u{7f}",
        "\u{fffd}",
        "\u{e000}",
        "\u{fffe}",
        "\u{10ffff}",
        "\u{378}",
    ],
];

const WORDS: &[&str] = &[
    "hello",
    " world",
    " The",
    "don't",
    " I'm",
    "HTTPServer",
    "camelCase",
    " 3.14159",
    "0x7fff",
    "naïve",
    " Straße",
    "<|start|>",
    "<|end|>",
    "<|reserved_200013|>",
    "https://example.org/a/b",
    "\n\n\n",
    "        ",
    "    return",
    "====",
    "----------",
    "日本語",
    "Привет",
    " नमस्ते",
    "مرحبا",
    "שלום",
    "👩‍👩‍👧‍👦",
    "e\u{301}",
    "…",
];
