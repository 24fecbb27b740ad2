//! What a caller asks for, and why it may be refused.

use crate::TokenId;
use crate::constraint::LogitConstraint;
use crate::sampler::{SamplingError, SamplingParams};

/// One completion to generate.
pub struct GenerateRequest {
    /// The tokens to continue; at least one.
    pub prompt: Vec<TokenId>,
    /// Most tokens to generate, at least 1. Clamped to what the context has left after the prompt,
    /// so any large number asks for as many as possible.
    pub max_tokens: usize,
    /// Tokens that end the output. They are delivered, as its last token. Ids outside the
    /// vocabulary are harmless.
    pub stop_tokens: Vec<TokenId>,
    /// How tokens are chosen.
    pub sampling: SamplingParams,
    /// A grammar that the output has to follow.
    pub constraint: Option<Box<dyn LogitConstraint>>,
}

impl std::fmt::Debug for GenerateRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GenerateRequest")
            .field("prompt_len", &self.prompt.len())
            .field("max_tokens", &self.max_tokens)
            .field("stop_tokens", &self.stop_tokens)
            .field("sampling", &self.sampling)
            .field("constrained", &self.constraint.is_some())
            .finish()
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// There is nothing to continue.
    #[error("the prompt is empty; it needs at least one token")]
    EmptyPrompt,
    /// Nothing is to be generated.
    #[error("max_tokens must be at least 1")]
    NoTokensWanted,
    /// The prompt leaves no room for an answer.
    #[error("the prompt has {got} tokens; this model and its KV cache have room for {limit}")]
    PromptTooLong {
        /// The longest prompt that could be answered, with one token.
        limit: usize,
        /// The length of this one.
        got: usize,
    },
    /// A token of the prompt or of `logit_bias` does not exist.
    #[error("token {token} is outside the vocabulary of {vocab_size}")]
    TokenOutOfVocabulary {
        /// The token.
        token: TokenId,
        /// The size of the model's vocabulary.
        vocab_size: usize,
    },
    /// A sampling parameter is out of its range.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// As many requests as allowed run and wait already: try again later.
    #[error("{limit} requests are in flight, which is the most; try again later")]
    QueueFull {
        /// The most requests in flight.
        limit: usize,
    },
    /// The engine runs no more: start it again.
    #[error("the engine has stopped: {reason}")]
    Stopped {
        /// What stopped it.
        reason: String,
    },
}

/// What requests are checked against.
#[derive(Clone, Debug)]
pub(crate) struct RequestLimits {
    pub(crate) vocab_size: usize,
    /// The most tokens of a sequence, prompt and output.
    pub(crate) max_len: usize,
}

impl RequestLimits {
    /// Checks a request. Returns the most tokens its sequence may have, prompt and output.
    pub(crate) fn check(&self, request: &GenerateRequest) -> Result<usize, SubmitError> {
        let prompt_len = request.prompt.len();
        if prompt_len == 0 {
            return Err(SubmitError::EmptyPrompt);
        }
        if request.max_tokens == 0 {
            return Err(SubmitError::NoTokensWanted);
        }
        if prompt_len >= self.max_len {
            return Err(SubmitError::PromptTooLong {
                limit: self.max_len - 1,
                got: prompt_len,
            });
        }
        request.sampling.validate()?;
        let biased = request.sampling.logit_bias.iter().map(|&(token, _)| token);
        let vocab_size = self.vocab_size;
        if let Some(token) = request
            .prompt
            .iter()
            .copied()
            .chain(biased)
            .find(|&id| id as usize >= vocab_size)
        {
            return Err(SubmitError::TokenOutOfVocabulary { token, vocab_size });
        }
        Ok(prompt_len
            .saturating_add(request.max_tokens)
            .min(self.max_len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(prompt_len: usize, max_tokens: usize) -> GenerateRequest {
        GenerateRequest {
            prompt: vec![1; prompt_len],
            max_tokens,
            stop_tokens: vec![TokenId::MAX],
            sampling: SamplingParams::default(),
            constraint: None,
        }
    }

    const LIMITS: RequestLimits = RequestLimits {
        vocab_size: 10,
        max_len: 8,
    };

    #[test]
    fn the_output_is_clamped_to_what_the_context_has_left() {
        assert_eq!(LIMITS.check(&request(3, 2)), Ok(5));
        assert_eq!(LIMITS.check(&request(3, 5)), Ok(8));
        assert_eq!(LIMITS.check(&request(3, 6)), Ok(8));
        assert_eq!(LIMITS.check(&request(7, usize::MAX)), Ok(8));
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        let too_long = SubmitError::PromptTooLong { limit: 7, got: 8 };
        assert_eq!(LIMITS.check(&request(8, 1)), Err(too_long));
        assert_eq!(LIMITS.check(&request(0, 1)), Err(SubmitError::EmptyPrompt));
        assert_eq!(
            LIMITS.check(&request(1, 0)),
            Err(SubmitError::NoTokensWanted)
        );
    }

    #[test]
    fn tokens_must_exist_and_parameters_be_in_range() {
        let unknown = |token| SubmitError::TokenOutOfVocabulary {
            token,
            vocab_size: 10,
        };
        let mut strange = request(3, 1);
        strange.prompt[1] = 10;
        assert_eq!(LIMITS.check(&strange), Err(unknown(10)));

        let mut biased = request(3, 1);
        biased.sampling.logit_bias = vec![(9, 1.0)];
        assert_eq!(LIMITS.check(&biased), Ok(4));
        biased.sampling.logit_bias.push((11, 1.0));
        assert_eq!(LIMITS.check(&biased), Err(unknown(11)));

        let mut hot = request(3, 1);
        hot.sampling.temperature = 3.0;
        assert!(matches!(LIMITS.check(&hot), Err(SubmitError::Sampling(_))));
    }
}
