//! Who can answer a request.
//!
//! A provider is asked for a stream and for nothing else: an answer in one piece is the same
//! stream, folded. Dropping the stream cancels the request.

pub mod local;
pub mod scripted;
pub mod upstream;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::error::{FailureKind, ProviderError, RouterError};
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

    /// What it offers for nothing now.
    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError>;

    /// Where that is learned.
    fn list_source(&self) -> ListSource {
        ListSource::default()
    }

    /// What it says of the health of a model, by its own name for it; `None` if it says nothing.
    async fn endpoint_status(&self, model: &str) -> Result<Option<EndpointStatus>, ProviderError> {
        let _ = model;
        Ok(None)
    }

    /// Answers a conversation with its model `model`.
    ///
    /// One that is asked over a network returns when there is something to say: a first word,
    /// thought or call of a stream, or else the whole answer. Until then every failure is an error
    /// here, after which somebody else may be asked. What goes wrong later is an error in the
    /// stream, and its last item.
    async fn chat(
        &self,
        model: &str,
        request: &Arc<ChatRequest>,
    ) -> Result<AnswerStream, RouterError>;

    /// Continues a text with its model `model`; likewise.
    async fn complete(
        &self,
        model: &str,
        request: &Arc<CompletionRequest>,
    ) -> Result<AnswerStream, RouterError>;

    /// What our account may ask for.
    fn limits(&self) -> AccountLimits {
        AccountLimits::default()
    }

    /// Whether it keeps a prompt from being trained on when the request says so.
    fn honors_data_policy(&self) -> bool {
        false
    }

    /// What the provider has said of our account's quotas since this was asked last.
    fn take_quota_reports(&self) -> Vec<QuotaReport> {
        Vec::new()
    }

    /// Asks the provider what our account has left; empty if it does not tell.
    async fn ask_quota(&self) -> Result<Vec<QuotaReport>, ProviderError> {
        Ok(Vec::new())
    }

    /// The name and port of the host that is asked, if one is.
    fn address(&self) -> Option<(&str, u16)> {
        None
    }

    /// Why it cannot answer at present, if that is known without asking it.
    fn unavailable(&self) -> Option<String>;

    /// Requests that run and wait now, and the most there may be, where that is known.
    fn load(&self) -> Option<Load>;
}

/// Where it is learned what a provider offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListSource {
    /// Whether it stands in the settings: nobody is asked, and it is right as it is.
    pub is_fixed: bool,
    /// A fingerprint of the settings that decide what is offered, without any secret; empty: there
    /// are none.
    pub settings: String,
}

/// What a provider says of the health of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EndpointStatus {
    /// Whether it can be called.
    pub is_up: bool,
    /// The percentage of requests of the last half hour that were answered.
    pub uptime_percent: Option<f64>,
    /// The median time to the first token, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// The median of tokens a second.
    pub tokens_per_second: Option<f64>,
}

/// What an account at a provider may ask for; `None`: without limit, or unknown. Days are days of
/// UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// Requests within a minute.
    pub requests_per_minute: Option<u64>,
    /// Requests within a day.
    pub requests_per_day: Option<u64>,
    /// Tokens within a minute.
    pub tokens_per_minute: Option<u64>,
    /// Tokens within a day.
    pub tokens_per_day: Option<u64>,
}

/// What an account's use is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QuotaWindow {
    /// Requests within a minute.
    RequestsPerMinute,
    /// Requests within a day.
    RequestsPerDay,
    /// Tokens within a minute.
    TokensPerMinute,
    /// Tokens within a day.
    TokensPerDay,
}

/// What a provider says of a quota of our account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaReport {
    /// Which.
    pub window: QuotaWindow,
    /// How much there is in all.
    pub limit: Option<u64>,
    /// How much is left.
    pub remaining: u64,
    /// In how long it begins anew.
    pub resets_in: Option<Duration>,
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
    /// The tokens; `None` if whoever answers does not tell, or not yet.
    pub usage: Option<Usage>,
    /// Bytes of what was said so far: words, reasoning and calls. 0 where the tokens are known anyway.
    pub num_said_bytes: usize,
    /// When the first token was there.
    pub first_token: Option<Instant>,
    /// The mean time between one token of a choice and the next.
    pub per_token: Option<Duration>,
}

/// Bytes of text that a token of an answer has, as a rule.
const BYTES_PER_TOKEN: usize = 4;

impl Progress {
    /// The tokens of an answer that began, to a prompt of about `prompt_tokens`: as told, and
    /// estimated where nothing is told, such as when the client left before the last chunk.
    pub(crate) fn estimate(&self, prompt_tokens: u64) -> Usage {
        let told = self.usage.unwrap_or_default();
        let or = |told: usize, guess: usize| match told {
            0 => guess,
            told => told,
        };
        Usage {
            prompt_tokens: or(
                told.prompt_tokens,
                usize::try_from(prompt_tokens).unwrap_or(usize::MAX),
            ),
            completion_tokens: or(
                told.completion_tokens,
                self.num_said_bytes.div_ceil(BYTES_PER_TOKEN),
            ),
            ..told
        }
    }
}

/// A step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerEvent {
    /// More of a stream as the provider sent it: one or several whole `data: …` events of the API
    /// that was asked, each with its empty line. Never the `[DONE]` at the end.
    Relayed(Bytes),
    /// The whole answer as the provider sent it, a JSON object of the API that was asked. Comes only
    /// if no stream was asked for, and is then the only event before the last.
    Whole(Bytes),
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
        /// The tokens of the whole request; `None` if whoever answered does not tell, or if a relayed
        /// event has told the client.
        usage: Option<Usage>,
        /// What is wrong with the answer, where that was seen only when all of it had been passed on:
        /// to be recorded, not to be told.
        fault: Option<FailureKind>,
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
