//! What a caller hears of its request.

use crate::EngineError;
use crate::sampler::GeneratedToken;
use crate::sequence::FinishReason;

/// A step in the life of a request: some `Prefill`, then `Token`s, then one `Finished` or `Failed`.
#[derive(Debug)]
pub enum GenerationEvent {
    /// More of the prompt has been read.
    Prefill {
        /// Tokens read so far.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// A token of the output. A stop token is delivered like any other, before `Finished`.
    Token(GeneratedToken),
    /// The output is complete. The last event.
    Finished(Finish),
    /// Something went wrong; there will be no more tokens. The last event.
    Failed(EngineError),
}

impl GenerationEvent {
    /// Whether no event follows this one.
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            GenerationEvent::Finished(_) | GenerationEvent::Failed(_)
        )
    }
}

/// How a request ended and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Why there are no more tokens.
    pub reason: FinishReason,
    /// Tokens read and written.
    pub usage: Usage,
    /// Where the time went.
    pub timings: Timings,
}

/// Tokens of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them whose keys and values were known from an earlier request.
    pub cached_tokens: usize,
    /// Tokens of the output, the stop token included.
    pub completion_tokens: usize,
}

/// Wall-clock time of a request, in milliseconds. A phase that was not reached took none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// From submission to admission.
    pub queue_ms: f64,
    /// From admission to the first token.
    pub prefill_ms: f64,
    /// From the first token to the end.
    pub decode_ms: f64,
}
