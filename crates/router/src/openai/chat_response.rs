//! The answers of `POST /v1/chat/completions`: chunks of a stream, or one object.

use serde::Serialize;
use serde_json::{Value, json};

use super::logprobs::ChatLogprobs;
use crate::provider::{AnswerEvent, Delta, FinishReason, TokenLogprob, Usage};

/// Writes the events of an answer as the JSON of `chat.completion.chunk` objects.
#[derive(Clone, Debug)]
pub struct ChatChunks {
    id: String,
    created: i64,
    model: String,
    include_usage: bool,
    /// Which choices have begun; the first chunk of each names the role.
    begun: Vec<bool>,
}

#[derive(Serialize)]
struct ChunkJson<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<ChunkChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageJson>>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: DeltaJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<ChatLogprobs>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct DeltaJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

/// `usage`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct UsageJson {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PromptDetails {
    cached_tokens: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: usize,
}

impl From<Usage> for UsageJson {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens + usage.completion_tokens,
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cached_tokens,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning_tokens,
            },
        }
    }
}

pub(super) fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
    }
}

impl ChatChunks {
    /// For an answer named `id` of `model`, begun at `created` (seconds since 1970).
    pub fn new(id: String, created: i64, model: String, include_usage: bool) -> Self {
        Self {
            id,
            created,
            model,
            include_usage,
            begun: Vec::new(),
        }
    }

    /// The chunk for an event, if it has one: without `include_usage` the usage has none.
    pub fn write(&mut self, event: AnswerEvent) -> Option<String> {
        match event {
            AnswerEvent::Delta {
                choice,
                delta,
                logprobs,
            } => {
                let json = delta_json(&delta);
                Some(self.choice(choice, json, logprobs, None))
            }
            AnswerEvent::Finished { choice, reason } => {
                Some(self.choice(choice, DeltaJson::default(), Vec::new(), Some(reason)))
            }
            // Neither is JSON of ours: whoever writes answers passes them on as they are.
            AnswerEvent::Relayed(_) | AnswerEvent::Whole(_) => None,
            AnswerEvent::Ended { usage, .. } => {
                let usage = usage.filter(|_| self.include_usage)?;
                Some(self.chunk(Vec::new(), Some(usage.into())))
            }
        }
    }

    fn choice(
        &mut self,
        index: u32,
        mut delta: DeltaJson<'_>,
        logprobs: Vec<TokenLogprob>,
        reason: Option<FinishReason>,
    ) -> String {
        if !std::mem::replace(choice_at(&mut self.begun, index), true) {
            delta.role = Some("assistant");
        }
        let logprobs = (!logprobs.is_empty()).then(|| ChatLogprobs {
            content: logprobs.into_iter().map(Into::into).collect(),
        });
        self.chunk(
            vec![ChunkChoice {
                index,
                delta,
                logprobs,
                finish_reason: reason.map(finish_word),
            }],
            None,
        )
    }

    fn chunk(&self, choices: Vec<ChunkChoice<'_>>, usage: Option<UsageJson>) -> String {
        let chunk = ChunkJson {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            // With include_usage every chunk has the field, all but the last one null.
            usage: self.include_usage.then_some(usage),
        };
        to_json(&chunk)
    }
}

/// Choice `index` of a list that grows as needed.
pub(super) fn choice_at<T: Clone + Default>(choices: &mut Vec<T>, index: u32) -> &mut T {
    let index = index as usize;
    if choices.len() <= index {
        choices.resize(index + 1, T::default());
    }
    &mut choices[index]
}

/// JSON of what has only string keys and finite numbers, which cannot fail.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn delta_json(delta: &Delta) -> DeltaJson<'_> {
    let mut json = DeltaJson::default();
    match delta {
        Delta::Reasoning(text) => json.reasoning = Some(text),
        Delta::Content(text) => json.content = Some(text),
        Delta::CallStarted { index, id, name } => {
            json.tool_calls = Some([CallDelta {
                index: *index,
                id: Some(id),
                kind: Some("function"),
                function: FunctionDelta {
                    name: Some(name),
                    arguments: "",
                },
            }]);
        }
        Delta::CallArguments { index, text } => {
            json.tool_calls = Some([CallDelta {
                index: *index,
                id: None,
                kind: None,
                function: FunctionDelta {
                    name: None,
                    arguments: text,
                },
            }]);
        }
    }
    json
}

/// Folds the events of an answer into one `chat.completion` object.
#[derive(Clone, Debug, Default)]
pub struct ChatCompletion {
    choices: Vec<FoldedChoice>,
    usage: Option<Usage>,
}

#[derive(Clone, Debug, Default)]
struct FoldedChoice {
    content: String,
    reasoning: String,
    calls: Vec<FoldedCall>,
    logprobs: Vec<TokenLogprob>,
    reason: Option<FinishReason>,
}

#[derive(Clone, Debug)]
struct FoldedCall {
    id: String,
    name: String,
    arguments: String,
}

impl ChatCompletion {
    /// Adds an event.
    pub fn add(&mut self, event: AnswerEvent) {
        match event {
            AnswerEvent::Relayed(_) | AnswerEvent::Whole(_) => {}
            AnswerEvent::Ended { usage, .. } => self.usage = usage,
            AnswerEvent::Finished { choice, reason } => {
                choice_at(&mut self.choices, choice).reason = Some(reason)
            }
            AnswerEvent::Delta {
                choice,
                delta,
                logprobs,
            } => {
                let choice = choice_at(&mut self.choices, choice);
                choice.logprobs.extend(logprobs);
                match delta {
                    Delta::Reasoning(text) => choice.reasoning.push_str(&text),
                    Delta::Content(text) => choice.content.push_str(&text),
                    Delta::CallStarted { id, name, .. } => choice.calls.push(FoldedCall {
                        id,
                        name,
                        arguments: String::new(),
                    }),
                    Delta::CallArguments { index, text } => {
                        if let Some(call) = choice.calls.get_mut(index as usize) {
                            call.arguments.push_str(&text);
                        }
                    }
                }
            }
        }
    }

    /// The calls of the first choice so far: functions and their arguments.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &str)> {
        let calls = self.choices.first().map(|choice| choice.calls.iter());
        calls
            .into_iter()
            .flatten()
            .map(|call| (&*call.name, &*call.arguments))
    }

    /// The object. `with_logprobs` says whether they were asked for.
    pub fn into_json(self, id: &str, created: i64, model: &str, with_logprobs: bool) -> Value {
        let choices: Vec<Value> = self
            .choices
            .into_iter()
            .enumerate()
            .map(|(index, choice)| choice.into_json(index, with_logprobs))
            .collect();
        json!({
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": choices,
            "usage": self.usage.map(UsageJson::from),
        })
    }
}

impl FoldedChoice {
    fn into_json(self, index: usize, with_logprobs: bool) -> Value {
        // A turn that is nothing but calls has no content; any other has, if only an empty one.
        let content =
            (!self.content.is_empty() || self.calls.is_empty()).then_some(self.content.as_str());
        let mut message = json!({"role": "assistant", "content": content, "refusal": null});
        if !self.reasoning.is_empty() {
            message["reasoning"] = self.reasoning.into();
        }
        if !self.calls.is_empty() {
            message["tool_calls"] = self
                .calls
                .into_iter()
                .map(|call| {
                    json!({
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": call.arguments},
                    })
                })
                .collect();
        }
        let logprobs = with_logprobs.then(|| ChatLogprobs {
            content: self.logprobs.into_iter().map(Into::into).collect(),
        });
        json!({
            "index": index,
            "message": message,
            "logprobs": logprobs,
            "finish_reason": self.reason.map(finish_word),
        })
    }
}
