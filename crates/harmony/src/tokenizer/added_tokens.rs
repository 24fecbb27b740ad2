//! Added tokens that are not special: they are cut out of the text before anything else looks at
//! it.

use regex_automata::meta::Regex;

use super::error::{TokenizerError, shorten};
use super::regex_split::compile;
use crate::TokenId;

/// One such token.
pub(crate) struct AddedToken<'f> {
    /// Looked for in normalized text, that is: after those that are not. (There is no normalizer
    /// here.)
    pub(crate) normalized: bool,
    pub(crate) id: TokenId,
    pub(crate) text: &'f str,
}

/// Finds the leftmost of the tokens, the longest of those that start at one place; first the ones
/// that are not `normalized`, then the others in what is left.
#[derive(Default)]
pub(crate) struct AddedTokens(Vec<Stage>);

struct Stage {
    regex: Regex,
    /// By pattern of `regex`.
    ids: Vec<TokenId>,
}

/// A stretch of text, or the added token in its place.
pub(crate) enum Run<'t> {
    Text(&'t str),
    Token(TokenId),
}

impl AddedTokens {
    pub(crate) fn new(tokens: &[AddedToken<'_>]) -> Result<Self, TokenizerError> {
        let mut stages = Vec::new();
        for normalized in [false, true] {
            let mut tokens: Vec<_> = tokens
                .iter()
                .filter(|t| t.normalized == normalized)
                .collect();
            if tokens.is_empty() {
                continue;
            }
            // The first pattern that matches wins, so the longest have to come first.
            tokens.sort_by_key(|token| std::cmp::Reverse(token.text.len()));
            let patterns: Vec<String> = tokens
                .iter()
                .map(|t| regex_syntax::escape(t.text))
                .collect();
            let regex = compile(&patterns).map_err(|reason| TokenizerError::Pattern {
                pattern: shorten(&patterns.join("|")),
                reason: format!("it stands for added_tokens; {reason}"),
            })?;
            stages.push(Stage {
                regex,
                ids: tokens.iter().map(|t| t.id).collect(),
            });
        }
        Ok(Self(stages))
    }

    /// Calls `run` with the parts of the text in order.
    pub(crate) fn split<'t>(&self, text: &'t str, run: &mut impl FnMut(Run<'t>)) {
        split(&self.0, text, run);
    }
}

fn split<'t>(stages: &[Stage], text: &'t str, run: &mut impl FnMut(Run<'t>)) {
    let Some((stage, later)) = stages.split_first() else {
        return run(Run::Text(text));
    };
    let mut done = 0;
    for found in stage.regex.find_iter(text) {
        if done < found.start() {
            split(later, &text[done..found.start()], run);
        }
        run(Run::Token(stage.ids[found.pattern().as_usize()]));
        done = found.end();
    }
    if done < text.len() {
        split(later, &text[done..], run);
    }
}
