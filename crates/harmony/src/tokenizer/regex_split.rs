//! Split patterns of `tokenizer.json` files, matched exactly as the backtracking engines match them
//! but in linear time per match.
//!
//! The patterns are written for Oniguruma. Those that mean the same to `regex-automata` (see
//! `dialect`) run there; the one look-around that nearly every pattern has, the alternative
//! `\s+(?!\S)`, is worked out by hand; everything else is refused by name rather than matched a
//! little differently.

mod dialect;

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

use super::error::{TokenizerError, shorten};

/// "White space, but not the last of it if something follows": lets a word keep the space before
/// it.
const TRAILING_SPACE: &str = r"\s+(?!\S)";
/// Bounds what a hostile pattern such as `(\p{L}{1000}){1000}` may compile to.
const MAX_NFA_BYTES: usize = 64 << 20;
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A compiled split pattern.
pub(crate) struct RegexSplit {
    /// One regex per alternative or group of alternatives, the first that matches at a place wins.
    regex: Regex,
    /// The pattern of `regex` that is `\s+` instead of `\s+(?!\S)`.
    trailing_space: Option<TrailingSpace>,
}

struct TrailingSpace {
    pattern: usize,
    /// What remains to be tried where `\s+(?!\S)` fails on a single white space.
    after: Option<Regex>,
}

impl RegexSplit {
    pub(crate) fn new(pattern: &str) -> Result<Self, TokenizerError> {
        let fail = |reason: String| TokenizerError::Pattern {
            pattern: shorten(pattern),
            reason,
        };
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(fail(format!("longer than {MAX_PATTERN_BYTES} bytes")));
        }
        let alternatives = alternatives(pattern);
        let trailing = alternatives.iter().position(|a| *a == TRAILING_SPACE);
        let (before, after) = match trailing {
            Some(at) => (&alternatives[..at], &alternatives[at + 1..]),
            None => (&alternatives[..], &[][..]),
        };
        // A second one can only try again what failed already.
        let after: Vec<&str> = after
            .iter()
            .copied()
            .filter(|a| *a != TRAILING_SPACE)
            .collect();
        let mut parts = Vec::new();
        let mut trailing_space = None;
        if !before.is_empty() {
            parts.push(before.join("|"));
        }
        if trailing.is_some() {
            let rest = (!after.is_empty()).then(|| after.join("|"));
            trailing_space = Some((parts.len(), rest.clone()));
            parts.push(r"\s+".to_owned());
            parts.extend(rest);
        }
        for part in &parts {
            dialect::check(part).map_err(fail)?;
        }
        Ok(Self {
            regex: compile(&parts).map_err(fail)?,
            trailing_space: match trailing_space {
                Some((pattern, rest)) => Some(TrailingSpace {
                    pattern,
                    after: rest
                        .map(|rest| compile(&[rest]))
                        .transpose()
                        .map_err(fail)?,
                }),
                None => None,
            },
        })
    }

    /// Calls `piece` with the matches and with what lies between them: together they are the text.
    pub(crate) fn split<'t>(&self, text: &'t str, piece: &mut impl FnMut(&'t str)) {
        let mut done = 0;
        let mut from = 0;
        while let Some(found) = self.regex.find(Input::new(text).range(from..)) {
            let (start, end) = (found.start(), found.end());
            let end = match &self.trailing_space {
                Some(space) if found.pattern().as_usize() == space.pattern => {
                    space.match_end(text, start, end)
                }
                _ => Some(end),
            };
            let Some(end) = end else {
                // Nothing matches at `start`: it is white space, one character, so look behind it.
                from = found.end();
                continue;
            };
            if done < start {
                piece(&text[done..start]);
            }
            piece(&text[start..end]);
            (done, from) = (end, end);
        }
        if done < text.len() {
            piece(&text[done..]);
        }
    }
}

impl TrailingSpace {
    /// Where the match at `start` ends, `start..end` being all the white space there is: that of
    /// `\s+(?!\S)`, else that of the alternatives after it.
    fn match_end(&self, text: &str, start: usize, end: usize) -> Option<usize> {
        if end == text.len() {
            return Some(end);
        }
        let last = text[start..end]
            .char_indices()
            .next_back()
            .map_or(0, |(at, _)| at);
        if last > 0 {
            return Some(start + last);
        }
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        self.after.as_ref()?.find(input).map(|found| found.end())
    }
}

/// One regex of several patterns, of which the first that matches at a place wins; or why there is
/// none.
pub(super) fn compile(patterns: &[String]) -> Result<Regex, String> {
    Regex::builder()
        .configure(Regex::config().nfa_size_limit(Some(MAX_NFA_BYTES)))
        .build_many(patterns)
        .map_err(|error| match error.size_limit() {
            Some(limit) => format!("compiled it exceeds the size limit of {limit} bytes"),
            None => error.to_string(),
        })
}

/// Splits a pattern at the `|` that are in no group and no class.
fn alternatives(pattern: &str) -> Vec<&str> {
    let (mut found, mut start) = (Vec::new(), 0);
    let (mut groups, mut classes) = (0_usize, 0_usize);
    let mut chars = pattern.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' => classes += 1,
            ']' => classes = classes.saturating_sub(1),
            '(' if classes == 0 => groups += 1,
            ')' if classes == 0 => groups = groups.saturating_sub(1),
            '|' if classes == 0 && groups == 0 => {
                found.push(&pattern[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&pattern[start..]);
    found
}
