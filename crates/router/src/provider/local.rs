//! The engine on this machine as a provider: Harmony in front, OpenAI's API behind.
//!
//! A chat becomes a [`harmony::Conversation`], that becomes tokens, the engine continues them, and
//! the tokens that come back are sorted into reasoning, content and calls.

mod answering;
mod call_memory;
mod choice;
mod conversation;
mod sampling;
mod stop;
mod token_engine;

use std::sync::Arc;

use async_trait::async_trait;
use engine::SubmitError;
use harmony::{Encoding, TokenId};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::Semaphore;

use super::{AnswerStream, Load, Provider, ProviderId};
use crate::error::{FailureKind, InvalidRequest, ProviderError, RetryAfter, RouterError};
use crate::model_info::ModelInfo;
use crate::openai::{ChatRequest, CompletionPrompt, CompletionRequest};
use answering::{Answering, Generation};
use call_memory::CallMemory;
use choice::Choice;

pub use conversation::{MAX_NAME_BYTES, effort_words};
pub use sampling::{MAX_BIASES, SamplingDefaults};
pub use token_engine::TokenEngine;

/// Requests that are turned into tokens at the same time. It takes a processor core each, and the
/// engine wants those.
const MAX_RENDERING: usize = 2;

/// How to serve a local model.
#[derive(Clone, Debug)]
pub struct LocalModel {
    /// The model, as clients ask for it. The context length is filled in from the engine.
    pub info: ModelInfo,
    /// Its vocabulary and format.
    pub encoding: Encoding,
    /// The sampling of requests that say nothing.
    pub sampling: SamplingDefaults,
    /// The date that conversations are told, as `YYYY-MM-DD`; `None`: today, in UTC.
    pub date: Option<String>,
}

/// The provider `local`.
pub struct LocalProvider {
    id: ProviderId,
    model: LocalModel,
    engine: Arc<dyn TokenEngine>,
    calls: Arc<CallMemory>,
    rendering: Arc<Semaphore>,
}

/// A prompt and how to read what comes after it.
struct Prompt {
    tokens: Vec<TokenId>,
    /// The recipients of the declared tools.
    tools: Vec<String>,
}

impl LocalProvider {
    /// A provider of `model` on `engine`.
    pub fn new(mut model: LocalModel, engine: Arc<dyn TokenEngine>) -> Self {
        model.info.spec.context_length = Some(engine.max_sequence_len() as u64);
        Self {
            id: ProviderId("local".to_owned()),
            model,
            engine,
            calls: Arc::new(CallMemory::default()),
            rendering: Arc::new(Semaphore::new(MAX_RENDERING)),
        }
    }

    fn today(&self) -> Option<String> {
        let today = || {
            OffsetDateTime::now_utc()
                .format(format_description!("[year]-[month]-[day]"))
                .ok()
        };
        self.model.date.clone().or_else(today)
    }

    /// Reads and renders the conversation away from the threads that serve connections.
    async fn render(&self, request: &Arc<ChatRequest>) -> Result<Prompt, RouterError> {
        let (request, date) = (Arc::clone(request), self.today());
        let (encoding, calls) = (self.model.encoding.clone(), Arc::clone(&self.calls));
        let rendered = self.off_thread(move || {
            let conversation = conversation::from_request(&request, date, &calls)?;
            Ok(Prompt {
                tokens: encoding.render_for_completion(&conversation),
                tools: conversation.tool_recipients(),
            })
        });
        rendered.await?
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RouterError> {
        let permit = Arc::clone(&self.rendering).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| {
            let message = format!("the prompt could not be rendered: {error}");
            ProviderError::new(FailureKind::Internal, message).into()
        })
    }

    /// Whether so many sequences can run at all, and at present. Asked before a prompt is rendered,
    /// so that a busy server does not work for requests that it refuses.
    fn check_room(&self, num_sequences: usize) -> Result<(), RouterError> {
        let most = self.engine.max_in_flight();
        if num_sequences > most {
            let message = format!(
                "this asks for {num_sequences} answers at once; at most {most} run and wait here"
            );
            return Err(InvalidRequest::of("n", message).into());
        }
        if self.engine.num_in_flight() + num_sequences > most {
            return Err(self.refused(SubmitError::QueueFull { limit: most }, "prompt"));
        }
        Ok(())
    }

    /// Starts all choices of all prompts. `echoes` are shown before them, prompt by prompt; `field`
    /// is where the prompt stands in the request.
    fn start(
        &self,
        prompts: Vec<Vec<TokenId>>,
        num_choices: u32,
        generation: &Generation,
        make_choice: &dyn Fn() -> Choice,
        echoes: &[String],
        field: &'static str,
    ) -> Result<AnswerStream, RouterError> {
        let mut answering = Answering::new(
            Arc::clone(&self.engine),
            self.model.encoding.clone(),
            Arc::clone(&self.calls),
        );
        let mut number = 0;
        for (place, prompt) in prompts.into_iter().enumerate() {
            let prompt = Arc::new(prompt);
            for index in 0..num_choices {
                let mut generation = generation.clone();
                // With a seed every choice has one of its own.
                let seed = generation.sampling.seed;
                generation.sampling.seed = seed.map(|seed| seed.wrapping_add(number as u64));
                answering
                    .start(make_choice(), &prompt, generation, index == 0)
                    .map_err(|error| self.refused(error, field))?;
                if let Some(echo) = echoes.get(place) {
                    answering.echo(number, echo.clone());
                }
                number += 1;
            }
        }
        Ok(Box::pin(answering))
    }

    /// What a refusal of the engine means to the client, whose prompt stands in `field`.
    fn refused(&self, error: SubmitError, field: &'static str) -> RouterError {
        let name = &self.model.info.id;
        match error {
            SubmitError::PromptTooLong { limit, got } => ProviderError {
                param: Some(field),
                ..ProviderError::new(
                    FailureKind::ContextLengthExceeded,
                    format!(
                        "the prompt has {got} tokens; {name} takes at most {limit}, since prompt \
                         and answer share a context of {}. Shorten it.",
                        limit + 1,
                    ),
                )
            }
            .into(),
            SubmitError::QueueFull { .. } => ProviderError {
                retry_after: Some(RetryAfter {
                    wait: std::time::Duration::from_secs(1),
                    is_authoritative: false,
                }),
                ..ProviderError::new(FailureKind::Overloaded, format!("{name} is busy: {error}"))
            }
            .into(),
            SubmitError::Stopped { .. } => {
                ProviderError::new(FailureKind::Unavailable, error.to_string()).into()
            }
            SubmitError::Sampling(error) => {
                InvalidRequest::of(sampling::field_of(&error), error.to_string()).into()
            }
            SubmitError::EmptyPrompt
            | SubmitError::NoTokensWanted
            | SubmitError::TokenOutOfVocabulary { .. } => {
                InvalidRequest::of(field, format!("{field}: {error}")).into()
            }
            other => ProviderError::new(FailureKind::Internal, other.to_string()).into(),
        }
    }
}

fn clamp(max_tokens: u64) -> usize {
    usize::try_from(max_tokens).unwrap_or(usize::MAX)
}

#[async_trait]
impl Provider for LocalProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        Ok(vec![self.model.info.clone()])
    }

    async fn chat(
        &self,
        _model: &str,
        request: &Arc<ChatRequest>,
    ) -> Result<AnswerStream, RouterError> {
        request.check_local()?;
        self.check_room(request.num_choices() as usize)?;
        let generation = Generation {
            sampling: sampling::of_chat(request, &self.model)?,
            max_tokens: request.max_output_tokens().map_or(usize::MAX, clamp),
            stop_tokens: self.model.encoding.stop_tokens().to_vec(),
        };
        let Prompt { tokens, tools } = self.render(request).await?;
        let stops = request.stop.as_ref().map_or(&[][..], |stop| &stop.0);
        let make_choice = || {
            Choice::of_chat(&self.model.encoding, &tools, stops)
                .with_reasoning(request.shows_reasoning())
                .with_logprobs(request.wanted_logprobs().is_some())
        };
        let num_choices = request.num_choices();
        let prompts = vec![tokens];
        self.start(
            prompts,
            num_choices,
            &generation,
            &make_choice,
            &[],
            "messages",
        )
    }

    async fn complete(
        &self,
        _model: &str,
        request: &Arc<CompletionRequest>,
    ) -> Result<AnswerStream, RouterError> {
        let num_choices = request.num_choices();
        self.check_room(request.prompt.len().saturating_mul(num_choices as usize))?;
        let generation = Generation {
            sampling: sampling::of_completion(request, &self.model)?,
            max_tokens: clamp(request.max_output_tokens()),
            stop_tokens: self.model.encoding.stop_tokens().to_vec(),
        };
        let (encoding, asked) = (self.model.encoding.clone(), Arc::clone(request));
        let (prompts, echoes) = self
            .off_thread(move || {
                let tokenizer = encoding.tokenizer();
                let prompts: Vec<Vec<TokenId>> = match &asked.prompt {
                    CompletionPrompt::Tokens(prompts) => prompts.clone(),
                    CompletionPrompt::Texts(texts) => {
                        texts.iter().map(|text| tokenizer.encode(text)).collect()
                    }
                };
                let echo = |prompt: &Vec<TokenId>| {
                    String::from_utf8_lossy(&tokenizer.decode(prompt)).into_owned()
                };
                let echoes: Vec<String> = match asked.echo {
                    Some(true) => prompts.iter().map(echo).collect(),
                    _ => Vec::new(),
                };
                (prompts, echoes)
            })
            .await?;
        let stops = request.stop.as_ref().map_or(&[][..], |stop| &stop.0);
        let encoding = &self.model.encoding;
        let make_choice =
            || Choice::of_text(encoding, stops).with_logprobs(request.logprobs.is_some());
        self.start(
            prompts,
            num_choices,
            &generation,
            &make_choice,
            &echoes,
            "prompt",
        )
    }

    fn unavailable(&self) -> Option<String> {
        self.engine.stopped()
    }

    fn load(&self) -> Option<Load> {
        Some(Load {
            in_flight: self.engine.num_in_flight(),
            max_in_flight: self.engine.max_in_flight(),
        })
    }
}

#[cfg(test)]
mod tests;
