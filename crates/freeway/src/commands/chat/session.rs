//! A conversation with the local engine: what was said, and getting the next answer.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Context, bail};
use engine::{
    EngineHandle, FinishReason as EngineFinish, GenerateRequest, GenerationEvent, SamplingParams,
};
use harmony::{
    Content, Conversation, DeveloperContent, Encoding, Message, ReasoningEffort, Role, Turn,
    TurnPart, TurnReader,
};
use serde::Serialize;

use crate::interrupt;

/// How often a waiting answer looks whether Ctrl-C was pressed.
const INTERRUPT_POLL: Duration = Duration::from_millis(50);

/// What the caller learns while an answer arrives.
pub(crate) enum Progress {
    /// So many tokens of the prompt have been read.
    Prompt {
        done: usize,
        total: usize,
    },
    Part(TurnPart),
    /// Ctrl-C was pressed; the engine ends what it is at.
    Stopping,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FinishReason {
    /// The model was done.
    Stop,
    /// The model waits for the results of its calls.
    ToolCalls,
    /// The limit on tokens, or the context, was reached.
    Length,
    /// Ctrl-C.
    Interrupted,
}

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: usize,
    pub(crate) completion_tokens: usize,
    pub(crate) reasoning_tokens: usize,
    pub(crate) total_tokens: usize,
}

/// Where the time of one answer went, in milliseconds, and the speeds that follow.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Timings {
    pub(crate) prefill_ms: f64,
    pub(crate) decode_ms: f64,
    pub(crate) prefill_tokens_per_second: Option<f64>,
    pub(crate) decode_tokens_per_second: Option<f64>,
}

/// A finished answer.
pub(crate) struct Answer {
    pub(crate) text: Turn,
    pub(crate) finish_reason: FinishReason,
    pub(crate) usage: Usage,
    pub(crate) timings: Timings,
}

/// What to generate with; the same for every answer of a session.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    pub(crate) sampling: SamplingParams,
    /// `None`: as many tokens as the context holds.
    pub(crate) max_tokens: Option<usize>,
}

/// The engine, the encoding and the conversation so far.
pub(crate) struct Session {
    engine: EngineHandle,
    encoding: Encoding,
    generation: Generation,
    conversation: Conversation,
}

impl Session {
    /// A session whose conversation begins with these messages.
    pub(crate) fn new(
        engine: EngineHandle,
        encoding: Encoding,
        generation: Generation,
        conversation: Conversation,
    ) -> Self {
        Self {
            engine,
            encoding,
            generation,
            conversation,
        }
    }

    /// Replaces the conversation.
    pub(crate) fn restart(&mut self, conversation: Conversation) {
        self.conversation = conversation;
    }

    /// Forgets everything but the system and developer messages.
    pub(crate) fn forget(&mut self) {
        self.conversation
            .messages
            .retain(|message| matches!(message.author.role, Role::System | Role::Developer));
    }

    /// Changes how long the model is asked to reason, from the next answer on.
    pub(crate) fn set_effort(&mut self, effort: ReasoningEffort) {
        for part in self
            .conversation
            .messages
            .iter_mut()
            .flat_map(|message| &mut message.content)
        {
            if let Content::System(system) = part {
                system.reasoning_effort = Some(effort);
            }
        }
    }

    /// Changes the instructions, from the next answer on; `None` takes them away.
    pub(crate) fn set_instructions(&mut self, instructions: Option<String>) {
        let messages = &mut self.conversation.messages;
        let developer = messages
            .iter()
            .position(|message| message.author.role == Role::Developer);
        let mut content = match developer.map(|index| messages.remove(index).content) {
            Some(parts) => parts.into_iter().find_map(|part| match part {
                Content::Developer(developer) => Some(developer),
                Content::Text { .. } | Content::System(_) => None,
            }),
            None => None,
        }
        .unwrap_or_default();
        content.instructions = instructions;
        if content != DeveloperContent::default() {
            let after_system = messages
                .iter()
                .take_while(|message| message.author.role == Role::System)
                .count();
            messages.insert(after_system, Message::developer(content));
        }
    }

    /// Adds a message to the conversation.
    pub(crate) fn push(&mut self, message: Message) {
        self.conversation.messages.push(message);
    }

    /// How many messages there are, for [`Session::truncate`].
    pub(crate) fn num_messages(&self) -> usize {
        self.conversation.messages.len()
    }

    /// Takes back all messages after the first `num_messages`.
    pub(crate) fn truncate(&mut self, num_messages: usize) {
        self.conversation.messages.truncate(num_messages);
    }

    /// Generates the next turn of the assistant and appends it to the conversation.
    ///
    /// `report` is called as the answer arrives. Ctrl-C ends the answer, which is then kept as far
    /// as it came. The call returns when the engine has let go of it, which takes a forward pass at
    /// most, so that the next question finds it free.
    pub(crate) fn answer(
        &mut self,
        report: &mut dyn FnMut(Progress) -> anyhow::Result<()>,
    ) -> anyhow::Result<Answer> {
        let request = GenerateRequest {
            prompt: self.encoding.render_for_completion(&self.conversation),
            max_tokens: self.generation.max_tokens.unwrap_or(usize::MAX),
            stop_tokens: self.encoding.stop_tokens().to_vec(),
            sampling: self.generation.sampling.clone(),
            constraint: None,
        };
        let tools = self.conversation.tool_recipients();
        let mut reader = TurnReader::new(&self.encoding, tools);
        let mut generation = self.engine.generate(request)?;
        let mut num_tokens = 0;
        let mut prompt_tokens = 0;
        let mut is_interrupted = false;
        let finish = loop {
            if interrupt::is_set() && !is_interrupted {
                is_interrupted = true;
                generation.abort();
                report(Progress::Stopping)?;
            }
            match generation.recv_timeout(INTERRUPT_POLL) {
                Ok(GenerationEvent::Prefill { done, total }) => {
                    prompt_tokens = total;
                    report(Progress::Prompt { done, total })?;
                }
                // What was under way when Ctrl-C came is not shown any more.
                Ok(GenerationEvent::Token(_)) if is_interrupted => {}
                Ok(GenerationEvent::Token(token)) => {
                    num_tokens += 1;
                    for part in reader.process(token.id) {
                        report(Progress::Part(part))?;
                    }
                }
                Ok(GenerationEvent::Finished(finish)) => break finish,
                Ok(GenerationEvent::Failed(error)) => {
                    return Err(error).context("the engine failed");
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the engine stopped before the answer was complete")
                }
            }
        };
        for part in reader.close() {
            report(Progress::Part(part))?;
        }
        let (text, messages) = reader.finish();
        self.conversation.messages.extend(messages);
        let finish_reason = match finish.reason {
            _ if is_interrupted => FinishReason::Interrupted,
            EngineFinish::Aborted => FinishReason::Interrupted,
            EngineFinish::Length => FinishReason::Length,
            EngineFinish::Stop(_) if !text.tool_calls.is_empty() => FinishReason::ToolCalls,
            EngineFinish::Stop(_) => FinishReason::Stop,
        };
        let usage = Usage {
            prompt_tokens,
            completion_tokens: num_tokens,
            reasoning_tokens: text.num_reasoning_tokens,
            total_tokens: prompt_tokens + num_tokens,
        };
        let (prefill_ms, decode_ms) = (finish.timings.prefill_ms, finish.timings.decode_ms);
        let per_second = |tokens: usize, ms: f64| (ms > 0.0).then(|| tokens as f64 / ms * 1e3);
        let timings = Timings {
            prefill_ms,
            decode_ms,
            prefill_tokens_per_second: per_second(prompt_tokens, prefill_ms),
            // The first token comes out of the prefill.
            decode_tokens_per_second: per_second(num_tokens.saturating_sub(1), decode_ms),
        };
        Ok(Answer {
            text,
            finish_reason,
            usage,
            timings,
        })
    }
}
