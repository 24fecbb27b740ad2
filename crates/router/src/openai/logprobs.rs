//! Log-probabilities of tokens.

use serde::Serialize;

use crate::provider::TokenLogprob;

/// JSON has no infinity; OpenAI writes this for what is all but impossible.
const IMPOSSIBLE: f32 = -9999.0;

#[derive(Debug, Serialize)]
pub(super) struct TokenJson {
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
    top_logprobs: Vec<AlternativeJson>,
}

#[derive(Debug, Serialize)]
pub(super) struct AlternativeJson {
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
}

pub(super) fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() {
        logprob
    } else {
        IMPOSSIBLE
    }
}

pub(super) fn token_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl From<TokenLogprob> for TokenJson {
    fn from(token: TokenLogprob) -> Self {
        Self {
            token: token_text(&token.bytes),
            logprob: finite(token.logprob),
            bytes: token.bytes,
            top_logprobs: token
                .top
                .into_iter()
                .map(|(bytes, logprob)| AlternativeJson {
                    token: token_text(&bytes),
                    logprob: finite(logprob),
                    bytes,
                })
                .collect(),
        }
    }
}

/// The `logprobs` object of a choice of a chat.
#[derive(Debug, Default, Serialize)]
pub(super) struct ChatLogprobs {
    pub(super) content: Vec<TokenJson>,
}
