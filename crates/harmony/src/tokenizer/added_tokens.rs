//! Added tokens that are not special: they are cut out of the text before anything else looks at
//! it.

use std::borrow::Cow;

use regex_automata::meta::Regex;

use super::error::{TokenizerError, shorten};
use super::normalizer::Normalizer;
use super::regex_split::compile;
use crate::TokenId;

/// One such token.
pub(crate) struct AddedToken<'f> {
    /// Looked for in normalized text, that is: after those that are not.
    pub(crate) normalized: bool,
    pub(crate) id: TokenId,
    /// What to look for; normalized if the text will be.
    pub(crate) text: Cow<'f, str>,
}

/// Finds the leftmost of the tokens, the longest of those that start at one place; first the ones
/// that are not `normalized`, then, in what is left and was normalized, the others.
#[derive(Default)]
pub(crate) struct AddedTokens {
    verbatim: Finder,
    normalized: Finder,
}

/// Finds nothing by default.
#[derive(Default)]
struct Finder {
    regex: Option<Regex>,
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
        let finder = |normalized: bool| {
            let tokens = tokens.iter().filter(|token| token.normalized == normalized);
            Finder::new(tokens.collect())
        };
        Ok(Self {
            verbatim: finder(false)?,
            normalized: finder(true)?,
        })
    }

    /// Calls `run` with the parts of the text in order, the text between the tokens normalized.
    pub(crate) fn split(&self, text: &str, normalizer: Normalizer, run: &mut impl FnMut(Run<'_>)) {
        self.verbatim.split(text, &mut |part| match part {
            Run::Text(text) => self.normalized.split(&normalizer.apply(text), run),
            Run::Token(_) => run(part),
        });
    }
}

impl Finder {
    fn new(mut tokens: Vec<&AddedToken<'_>>) -> Result<Self, TokenizerError> {
        if tokens.is_empty() {
            return Ok(Self::default());
        }
        // The first pattern that matches wins, so the longest have to come first.
        tokens.sort_by_key(|token| std::cmp::Reverse(token.text.len()));
        let patterns: Vec<String> = tokens
            .iter()
            .map(|token| regex_syntax::escape(&token.text))
            .collect();
        let regex = compile(&patterns).map_err(|reason| TokenizerError::Pattern {
            pattern: shorten(&patterns.join("|")),
            reason: format!("it stands for added_tokens; {reason}"),
        })?;
        Ok(Self {
            regex: Some(regex),
            ids: tokens.iter().map(|token| token.id).collect(),
        })
    }

    fn split<'t>(&self, text: &'t str, run: &mut impl FnMut(Run<'t>)) {
        let mut done = 0;
        for found in self.regex.iter().flat_map(|regex| regex.find_iter(text)) {
            if done < found.start() {
                run(Run::Text(&text[done..found.start()]));
            }
            run(Run::Token(self.ids[found.pattern().as_usize()]));
            done = found.end();
        }
        if done < text.len() {
            run(Run::Text(&text[done..]));
        }
    }
}
