//! Who can answer a request.
//!
//! A provider is asked for a stream and for nothing else: an answer in one piece is the same
//! stream, folded. Dropping the stream cancels the request.

pub mod local;
pub mod scripted;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::Stream;

use crate::error::{ProviderError, RouterError};
use crate::model_info::ModelInfo;
use crate::openai::{ChatRequest, CompletionRequest};

/// The name of a provider, such as `local`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderId(pub String);

impl std::fmt::Display for ProviderId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody who runs models.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Its name.
    fn id(&self) -> &ProviderId;

    /// What it runs now.
    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError>;

    /// Answers a conversation. Faults of the request and a full queue are errors here; what goes
    /// wrong later is an error in the stream, and its last item.
    async fn chat(&self, request: &Arc<ChatRequest>) -> Result<AnswerStream, RouterError>;

    /// Continues a text.
    async fn complete(&self, request: &Arc<CompletionRequest>)
    -> Result<AnswerStream, RouterError>;

    /// Why it cannot answer at present, if that is known without asking it.
    fn unavailable(&self) -> Option<String>;

    /// Requests that run and wait now, and the most there may be, where that is known.
    fn load(&self) -> Option<Load>;
}

/// How busy a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests that run and wait.
    pub in_flight: usize,
    /// The most there may be.
    pub max_in_flight: usize,
}

/// An answer as it comes. Its last item is [`AnswerEvent::Ended`] or an error.
pub type AnswerStream = Pin<Box<dyn AnswerSource>>;

/// A stream of events that knows how far it has come.
pub trait AnswerSource: Stream<Item = Result<AnswerEvent, ProviderError>> + Send {
    /// What the answer has taken by now; also of one that failed or is given up.
    fn progress(&self) -> Progress;
}

/// What an answer has taken by now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The tokens; `None` if whoever answers does not tell.
    pub usage: Option<Usage>,
    /// When the first token was there.
    pub first_token: Option<Instant>,
    /// The mean time between one token of a choice and the next.
    pub per_token: Option<Duration>,
}

/// A step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerEvent {
    /// More of a choice.
    Delta {
        /// Which choice, from 0.
        choice: u32,
        /// What is more.
        delta: Delta,
        /// Its tokens, if log-probabilities were asked for.
        logprobs: Vec<TokenLogprob>,
    },
    /// A choice is complete.
    Finished {
        /// Which choice, from 0.
        choice: u32,
        /// Why it ended.
        reason: FinishReason,
    },
    /// The answer is complete; the last event.
    Ended {
        /// The tokens of the whole request; `None` if whoever answered does not tell.
        usage: Option<Usage>,
    },
}

/// What a choice grew by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Reasoning, which is not for the user.
    Reasoning(String),
    /// Words for the user.
    Content(String),
    /// A call begins.
    CallStarted {
        /// Which call of the choice, from 0.
        index: u32,
        /// The name by which its result refers to it.
        id: String,
        /// The function.
        name: String,
    },
    /// More arguments of the call `index`.
    CallArguments {
        /// Which call of the choice, from 0.
        index: u32,
        /// Text of the arguments, JSON as a rule.
        text: String,
    },
}

/// A token and how likely it was.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob {
    /// Its bytes, which need not be whole characters.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability.
    pub logprob: f32,
    /// The likeliest tokens at its place, best first.
    pub top: Vec<(Vec<u8>, f32)>,
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model was done, or a stop sequence came.
    Stop,
    /// The limit on tokens or the context was reached.
    Length,
    /// The model waits for the results of its calls.
    ToolCalls,
}

/// Tokens of a request, over all its choices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them that were known from an earlier request.
    pub cached_tokens: usize,
    /// Tokens of the output, reasoning included.
    pub completion_tokens: usize,
    /// Those of them that were reasoning.
    pub reasoning_tokens: usize,
}
