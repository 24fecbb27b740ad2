//! The split pattern of `o200k_base`, by hand and in linear time:
//!
//! ```text
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//! ```
//!
//! Below, *head* characters are those of the first class in a word (no lower case), *tail* ones
//! those of the second (no upper case); caseless letters and marks are both, and a mark may also be
//! the one character before a word or part of punctuation. The functions work out what a
//! backtracking matcher would settle on.

use super::unicode::{Class, Classes};

/// The pattern itself, as `tokenizer.json` files spell it.
pub(crate) const O200K_PATTERN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"|\s*[\r\n]+",
    r"|\s+(?!\S)",
    r"|\s+",
);

/// Calls `piece` with each match; they cover the text without gaps.
pub(crate) fn split<'t>(mut text: &'t str, piece: &mut impl FnMut(&'t str)) {
    let classes = Classes::shared();
    while !text.is_empty() {
        let (head, rest) = text.split_at(Scan { text, classes }.match_end());
        piece(head);
        text = rest;
    }
}

/// A matcher anchored at the start of `text`. Positions are byte offsets at character boundaries.
struct Scan<'t> {
    text: &'t str,
    classes: &'t Classes,
}

impl Scan<'_> {
    /// The end of the match at the start of the text, which is not empty.
    fn match_end(&self) -> usize {
        let Some((first, class, second)) = self.peek(0) else {
            return 0;
        };
        if let Some(end) = self.word(class, second) {
            return self.contraction(end);
        }
        if class.is_number() {
            return self.numbers(second);
        }
        let body = if first == ' ' { second } else { 0 };
        if let Some(end) = self.punctuation(body) {
            return end;
        }
        self.space()
    }

    /// The first two alternatives up to the contraction; `class` and `second` are of and behind the
    /// first character.
    fn word(&self, class: Class, second: usize) -> Option<usize> {
        if class.is_prefix() {
            // With the first character as the prefix. Failing that, a mark can also be a word of
            // its own: heads that follow it are not tails, else they would have matched above.
            match self.heads(second) {
                Heads::Word(end) => Some(end),
                _ if class.is_tail() => Some(second),
                Heads::Capitals(end) => Some(end),
                Heads::None => None,
            }
        } else {
            match self.heads(0) {
                Heads::Word(end) | Heads::Capitals(end) => Some(end),
                Heads::None => None,
            }
        }
    }

    /// `head* tail+` at `start`, else `head+`.
    fn heads(&self, start: usize) -> Heads {
        let mut at = start;
        // Where the tail+ would end if heads had to be given back: behind the last one that is a
        // tail too.
        let mut last_tail_end = None;
        while let Some((_, class, next)) = self.peek(at) {
            if !class.is_head() {
                if class.is_tail() {
                    return Heads::Word(self.skip(next, Class::is_tail));
                }
                break;
            }
            if class.is_tail() {
                last_tail_end = Some(next);
            }
            at = next;
        }
        match last_tail_end {
            Some(end) => Heads::Word(end),
            None if at > start => Heads::Capitals(at),
            None => Heads::None,
        }
    }

    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)?`; case folding knows a third s, U+017F.
    fn contraction(&self, at: usize) -> usize {
        let mut chars = self.text[at..].chars();
        if chars.next() != Some('\'') {
            return at;
        }
        let (first, second) = (chars.next(), chars.next());
        let length = match (first, second) {
            (Some('s' | 'S' | 't' | 'T' | 'm' | 'M' | 'd' | 'D'), _) => 2,
            (Some('\u{17f}'), _) => 3,
            (Some('r' | 'R' | 'v' | 'V'), Some('e' | 'E')) => 3,
            (Some('l' | 'L'), Some('l' | 'L')) => 3,
            _ => 0,
        };
        at + length
    }

    /// `\p{N}{1,3}`, of which the first ends at `at`.
    fn numbers(&self, mut at: usize) -> usize {
        for _ in 0..2 {
            match self.peek(at) {
                Some((_, class, next)) if class.is_number() => at = next,
                _ => break,
            }
        }
        at
    }

    /// `[^\s\p{L}\p{N}]+[\r\n/]*` at `start`.
    fn punctuation(&self, start: usize) -> Option<usize> {
        let end = self.skip(start, Class::is_punctuation);
        let tail = self.text[end..]
            .bytes()
            .take_while(|b| matches!(b, b'\r' | b'\n' | b'/'));
        (end > start).then(|| end + tail.count())
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last newline of the run, else all but the last of a
    /// run that something follows, else the run.
    fn space(&self) -> usize {
        let (mut end, mut last_start, mut newline_end) = (0, 0, None);
        while let Some((_, class, next)) = self.peek(end) {
            if !class.is_space() {
                break;
            }
            if class.is_newline() {
                newline_end = Some(next);
            }
            last_start = end;
            end = next;
        }
        match newline_end {
            Some(newline_end) => newline_end,
            None if end < self.text.len() && last_start > 0 => last_start,
            None => end,
        }
    }

    /// Skips characters from `at` on as long as their class fits.
    fn skip(&self, mut at: usize, fits: impl Fn(Class) -> bool) -> usize {
        while let Some((_, class, next)) = self.peek(at) {
            if !fits(class) {
                break;
            }
            at = next;
        }
        at
    }

    /// The character at `at`, its class and the position behind it.
    #[inline]
    fn peek(&self, at: usize) -> Option<(char, Class, usize)> {
        let c = self.text[at..].chars().next()?;
        Some((c, self.classes.of(c), at + c.len_utf8()))
    }
}

/// What `heads` found.
enum Heads {
    /// `head* tail+` matches up to here.
    Word(usize),
    /// Only `head+` matches, up to here: upper case throughout.
    Capitals(usize),
    None,
}
