//! The body of `POST /v1/chat/completions`.
//!
//! Beside OpenAI's fields it has those of OpenRouter and vLLM that clients commonly send:
//! `reasoning`, `include_reasoning`, `top_k`, `min_p`, `repetition_penalty`, and reasoning that is
//! sent back under any of its usual names. Unknown fields are passed on to hosts as they are.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::json;
use crate::error::InvalidRequest;

/// Most choices of a request.
pub const MAX_CHOICES: u32 = 16;
/// Most stop sequences.
pub const MAX_STOPS: usize = 16;
/// Most bytes of each.
pub const MAX_STOP_BYTES: usize = 1024;
/// Most messages.
pub const MAX_MESSAGES: usize = 100_000;
/// Most tools.
pub const MAX_TOOLS: usize = 1024;
/// Most models that may answer.
pub const MAX_MODELS: usize = 16;

/// A request for the next message of a conversation.
#[derive(Clone, Debug, Deserialize)]
pub struct ChatRequest {
    /// The model's name.
    pub model: Option<String>,
    /// The conversation so far.
    pub messages: Vec<ChatMessage>,
    /// Whether to send the answer as it comes.
    pub stream: Option<bool>,
    /// How to stream.
    pub stream_options: Option<StreamOptions>,
    /// Randomness, 0 to 2.
    pub temperature: Option<f32>,
    /// Share of the likeliest tokens to sample from, 0 to 1.
    pub top_p: Option<f32>,
    /// Number of the likeliest tokens to sample from.
    pub top_k: Option<i64>,
    /// Least probability of a token, as a fraction of the likeliest one's.
    pub min_p: Option<f32>,
    /// -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// -2 to 2.
    pub presence_penalty: Option<f32>,
    /// Above 0.
    pub repetition_penalty: Option<f32>,
    /// Token id, as text, to what is added to its logit.
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// Whether to tell how likely the tokens were.
    pub logprobs: Option<bool>,
    /// How many alternatives to tell of each token, 0 to 20.
    pub top_logprobs: Option<u8>,
    /// The same seed gives the same answer.
    pub seed: Option<i64>,
    /// Where to stop.
    pub stop: Option<StopSequences>,
    /// How many answers.
    pub n: Option<u32>,
    /// Most tokens of the answer, reasoning included.
    pub max_completion_tokens: Option<i64>,
    /// Its older name.
    pub max_tokens: Option<i64>,
    /// Functions that may be called.
    pub tools: Option<Vec<ToolDefinition>>,
    /// Whether to call them.
    pub tool_choice: Option<ToolChoice>,
    /// The form of the answer.
    pub response_format: Option<ResponseFormat>,
    /// How long to think.
    pub reasoning_effort: Option<String>,
    /// The same in OpenRouter's form.
    pub reasoning: Option<Reasoning>,
    /// OpenRouter's older form of `reasoning.exclude`, negated.
    pub include_reasoning: Option<bool>,
    /// OpenAI's older form of `tools`.
    functions: Option<Vec<Value>>,
    /// Models that may answer, in this order, after `model` if that is named: OpenRouter's form.
    pub models: Option<Vec<String>>,
    /// Wishes about the host: OpenRouter's form.
    pub provider: Option<ProviderWishes>,
    /// The request as the client sent it, for those who pass it on.
    #[serde(skip)]
    pub body: Bytes,
}

/// `stream_options`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct StreamOptions {
    /// Whether a last chunk tells the usage.
    pub include_usage: Option<bool>,
}

/// `provider`, as OpenRouter has it: what of it is acted upon here. The rest is passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ProviderWishes {
    /// `deny`: nobody may train on the prompt or publish it.
    pub data_collection: Option<String>,
    /// Whether the prompt may not even be kept.
    pub zdr: Option<bool>,
}

/// `reasoning`, as OpenRouter has it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Reasoning {
    /// How long to think.
    pub effort: Option<String>,
    /// Whether to leave the reasoning out of the answer.
    pub exclude: Option<bool>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageRole {
    /// Instructions.
    System,
    /// Instructions, in OpenAI's newer word.
    Developer,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
    /// The result of a call.
    Tool,
}

/// One message.
#[derive(Clone, Debug, Deserialize)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: MessageRole,
    /// What was said.
    pub content: Option<MessageContent>,
    /// Of the assistant: the calls it made.
    pub tool_calls: Option<Vec<ToolCallMessage>>,
    /// Of a tool: the call that this is the result of.
    pub tool_call_id: Option<String>,
    /// Of the assistant: its reasoning.
    reasoning: Option<String>,
    /// The same, as DeepSeek and vLLM name it.
    reasoning_content: Option<String>,
    /// The same, as Ollama names it.
    thinking: Option<String>,
    /// The same, as OpenRouter returns it.
    reasoning_details: Option<Vec<ReasoningDetail>>,
}

#[derive(Clone, Debug, Deserialize)]
struct ReasoningDetail {
    text: Option<String>,
    summary: Option<String>,
}

/// A call in the history.
#[derive(Clone, Debug, Deserialize)]
pub struct ToolCallMessage {
    /// The name by which its result refers to it.
    pub id: String,
    /// The function and its arguments.
    pub function: CalledFunction,
}

/// The function of a call.
#[derive(Clone, Debug, Deserialize)]
pub struct CalledFunction {
    /// Its name.
    pub name: String,
    /// Its arguments, as text.
    pub arguments: String,
}

/// A text, or parts.
#[derive(Clone, Debug, PartialEq)]
pub enum MessageContent {
    /// A text.
    Text(String),
    /// Parts.
    Parts(Vec<ContentPart>),
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ContentPart {
    /// `text`, `image_url`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The text, if it is one.
    pub text: Option<String>,
    /// The refusal, if it is one.
    refusal: Option<String>,
}

/// One text or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopSequences(pub Vec<String>);

/// A tool that may be called.
#[derive(Clone, Debug, Deserialize)]
pub struct ToolDefinition {
    /// `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function.
    pub function: Option<FunctionDefinition>,
}

/// A function that may be called.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FunctionDefinition {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON schema of its arguments.
    pub parameters: Option<Value>,
}

/// Whether tools are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model sees fit.
    Auto,
    /// Never.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// The form of the answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The schema, for `json_schema`.
    pub json_schema: Option<JsonSchema>,
}

/// The schema of an answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct JsonSchema {
    /// A name for it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The schema.
    pub schema: Option<Value>,
}

impl ChatRequest {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// The first fault, with its field.
    pub fn from_json(body: Bytes) -> Result<Self, InvalidRequest> {
        let mut request: Self = json::from_slice(&body)?;
        request.check()?;
        request.body = body;
        Ok(request)
    }

    /// What does not depend on who answers.
    fn check(&self) -> Result<(), InvalidRequest> {
        check_length("messages", self.messages.len(), MAX_MESSAGES)?;
        if self.messages.is_empty() {
            return Err(InvalidRequest::of(
                "messages",
                "messages: it is empty; there has to be something to answer",
            ));
        }
        check_length("tools", self.tools.as_ref().map_or(0, Vec::len), MAX_TOOLS)?;
        check_choices(self.n)?;
        check_max_tokens("max_completion_tokens", self.max_completion_tokens)?;
        check_max_tokens("max_tokens", self.max_tokens)?;
        check_stops(self.stop.as_ref())?;
        check_models(self.models.as_deref())?;
        if self.top_logprobs.is_some() && self.logprobs != Some(true) {
            return Err(InvalidRequest::of(
                "top_logprobs",
                "top_logprobs: it needs \"logprobs\": true",
            ));
        }
        if self.stream_options.is_some() && !self.is_stream() {
            return Err(InvalidRequest::of(
                "stream_options",
                "stream_options: it needs \"stream\": true",
            ));
        }
        Ok(())
    }

    /// What a model on this machine does not take, though a host may.
    ///
    /// # Errors
    /// The first fault, with its field.
    pub(crate) fn check_local(&self) -> Result<(), InvalidRequest> {
        if self.functions.as_ref().is_some_and(|list| !list.is_empty()) {
            // Left out silently it would mislead.
            return Err(InvalidRequest::of(
                "functions",
                "functions: declare them in \"tools\", as {\"type\": \"function\", \"function\": …}",
            )
            .with_code("unsupported_value"));
        }
        Ok(())
    }

    /// Whether nobody may train on the prompt.
    pub fn forbids_training(&self) -> bool {
        self.provider.as_ref().is_some_and(|wishes| {
            wishes.data_collection.as_deref() == Some("deny") || wishes.zdr == Some(true)
        })
    }

    /// Whether to send the answer as it comes.
    pub fn is_stream(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether the stream ends with the usage.
    pub fn includes_usage(&self) -> bool {
        self.stream_options
            .and_then(|options| options.include_usage)
            .unwrap_or(false)
    }

    /// How many answers.
    pub fn num_choices(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    /// The most tokens of an answer, under either name.
    pub fn max_output_tokens(&self) -> Option<u64> {
        token_limit(self.max_completion_tokens.or(self.max_tokens))
    }

    /// The effort asked for, in whichever form.
    pub fn effort(&self) -> Option<(&'static str, &str)> {
        let nested = self.reasoning.as_ref().and_then(|r| r.effort.as_deref());
        self.reasoning_effort
            .as_deref()
            .map(|effort| ("reasoning_effort", effort))
            .or(nested.map(|effort| ("reasoning.effort", effort)))
    }

    /// Whether the answer tells the reasoning.
    pub fn shows_reasoning(&self) -> bool {
        let excluded = self.reasoning.as_ref().and_then(|r| r.exclude);
        !excluded.unwrap_or(self.include_reasoning == Some(false))
    }

    /// How many alternatives to tell of each token, if any are to be told.
    pub fn wanted_logprobs(&self) -> Option<u8> {
        (self.logprobs == Some(true)).then(|| self.top_logprobs.unwrap_or(0))
    }
}

pub(super) fn check_length(param: &str, length: usize, most: usize) -> Result<(), InvalidRequest> {
    if length > most {
        let message = format!("{param}: {length} are too many; at most {most}");
        return Err(InvalidRequest::of(param, message));
    }
    Ok(())
}

pub(super) fn check_models(models: Option<&[String]>) -> Result<(), InvalidRequest> {
    let models = models.unwrap_or_default();
    check_length("models", models.len(), MAX_MODELS)?;
    match models.iter().any(|name| name.trim().is_empty()) {
        true => Err(InvalidRequest::of("models", "models: a name is empty")),
        false => Ok(()),
    }
}

pub(super) fn check_choices(n: Option<u32>) -> Result<(), InvalidRequest> {
    match n {
        Some(n) if !(1..=MAX_CHOICES).contains(&n) => Err(InvalidRequest::of(
            "n",
            format!("n: must be between 1 and {MAX_CHOICES}, not {n}"),
        )),
        _ => Ok(()),
    }
}

pub(super) fn check_max_tokens(param: &str, max: Option<i64>) -> Result<(), InvalidRequest> {
    match max {
        Some(max) if max < -1 || max == 0 => Err(InvalidRequest::of(
            param,
            format!("{param}: must be at least 1, not {max}"),
        )),
        _ => Ok(()),
    }
}

/// -1 is what several clients send for "no limit".
pub(super) fn token_limit(max: Option<i64>) -> Option<u64> {
    max.and_then(|max| u64::try_from(max).ok())
}

pub(super) fn check_stops(stop: Option<&StopSequences>) -> Result<(), InvalidRequest> {
    let Some(StopSequences(stops)) = stop else {
        return Ok(());
    };
    check_length("stop", stops.len(), MAX_STOPS)?;
    match stops
        .iter()
        .position(|text| text.is_empty() || text.len() > MAX_STOP_BYTES)
    {
        Some(index) => Err(InvalidRequest::of(
            "stop",
            format!("stop: sequence {index} must have 1 to {MAX_STOP_BYTES} bytes"),
        )),
        None => Ok(()),
    }
}

impl ChatMessage {
    /// The reasoning of an assistant's message, under whichever name it came back.
    pub fn reasoning(&self) -> Option<String> {
        let named = [&self.reasoning, &self.reasoning_content, &self.thinking];
        let named = named.into_iter().flatten().find(|text| !text.is_empty());
        if let Some(text) = named {
            return Some(text.clone());
        }
        let details = self.reasoning_details.as_ref()?;
        let texts: Vec<&str> = details
            .iter()
            .filter_map(|detail| detail.text.as_deref().or(detail.summary.as_deref()))
            .collect();
        let text = texts.concat();
        (!text.is_empty()).then_some(text)
    }
}

impl ContentPart {
    /// The words of the part, if it has any.
    pub fn words(&self) -> Option<&str> {
        match self.kind.as_str() {
            "text" | "input_text" | "output_text" => self.text.as_deref(),
            "refusal" => self.refusal.as_deref(),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for MessageContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;
        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = MessageContent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of content parts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(MessageContent::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(MessageContent::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(MessageContent::Parts(parts))
            }
        }
        deserializer.deserialize_any(ContentVisitor)
    }
}

impl<'de> Deserialize<'de> for StopSequences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StopVisitor;
        impl<'de> Visitor<'de> for StopVisitor {
            type Value = StopSequences;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(StopSequences(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut stops = Vec::new();
                while let Some(text) = seq.next_element()? {
                    stops.push(text);
                }
                Ok(StopSequences(stops))
            }
        }
        deserializer.deserialize_any(StopVisitor)
    }
}

impl<'de> Deserialize<'de> for ToolChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "\"auto\", \"none\", \"required\" or \
                                {\"type\": \"function\", \"function\": {\"name\": …}}";
        #[derive(Deserialize)]
        struct Named {
            function: NamedFunction,
        }
        #[derive(Deserialize)]
        struct NamedFunction {
            name: String,
        }
        let value = Value::deserialize(deserializer)?;
        match &value {
            Value::String(word) => match word.as_str() {
                "auto" => Ok(Self::Auto),
                "none" => Ok(Self::None),
                "required" => Ok(Self::Required),
                other => Err(de::Error::custom(format!(
                    "{other:?} is unknown; expected {EXPECTED}"
                ))),
            },
            _ => Named::deserialize(value)
                .map(|named| Self::Named(named.function.name))
                .map_err(|_| de::Error::custom(format!("expected {EXPECTED}"))),
        }
    }
}
