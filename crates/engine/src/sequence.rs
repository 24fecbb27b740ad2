//! One request on its way through the engine, as far as scheduling is concerned: its tokens and how
//! many of them the model has seen. Text, sampling and memory belong to others.

use crate::TokenId;

/// The number of a request; a later request has a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceId(pub(crate) u64);

/// Why a sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It produced this stop token, which was delivered as its last token.
    Stop(TokenId),
    /// It reached `max_tokens`, or the most tokens that a sequence may have.
    Length,
    /// It was aborted, or the engine was shut down.
    Aborted,
}

/// The tokens of one request.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) id: SequenceId,
    /// Prompt, then output.
    pub(crate) tokens: Vec<TokenId>,
    pub(crate) prompt_len: usize,
    /// How many of `tokens` are in the KV cache. The rest is pending: more than one token while the
    /// prompt is read (or read again after a preemption), then the latest token only.
    pub(crate) num_computed: usize,
    /// The most tokens it may have, prompt and output together; more than `prompt_len`.
    pub(crate) max_len: usize,
    pub(crate) stop_tokens: Vec<TokenId>,
}

impl Sequence {
    pub(crate) fn num_pending(&self) -> usize {
        self.tokens.len() - self.num_computed
    }

    pub(crate) fn num_generated(&self) -> usize {
        self.tokens.len() - self.prompt_len
    }

    /// Appends an output token; says why it was the last one, if it was.
    pub(crate) fn push(&mut self, token: TokenId) -> Option<FinishReason> {
        self.tokens.push(token);
        if self.stop_tokens.contains(&token) {
            Some(FinishReason::Stop(token))
        } else if self.tokens.len() >= self.max_len {
            Some(FinishReason::Length)
        } else {
            None
        }
    }
}
