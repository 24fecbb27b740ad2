//! The OpenAI API's JSON, both ways. Nothing outside of this module knows its shapes.
//!
//! Requests: the fields that are acted upon are typed, every other field is left alone. Answers:
//! the events of a provider become chunks of a stream, or are folded into one object.

mod chat_request;
mod chat_response;
mod completion;
mod error;
mod json;
mod logprobs;
mod models;
mod prompt;
mod relayed;
pub(crate) mod upstream;

/// The limits of requests, for those who describe the API.
pub mod limits {
    pub use engine::{MAX_LOGIT_BIAS, MAX_PENALTY, MAX_TEMPERATURE, MAX_TOP_LOGPROBS};

    pub use super::chat_request::{
        MAX_CHOICES, MAX_MESSAGES, MAX_MODELS, MAX_STOP_BYTES, MAX_STOPS, MAX_TOOLS,
    };
    pub use super::completion::{DEFAULT_MAX_TOKENS, MAX_LOGPROBS, MAX_PROMPTS};
    pub use crate::provider::local::{MAX_BIASES, MAX_NAME_BYTES, effort_words};
}

pub use chat_request::{
    ChatMessage, ChatRequest, ContentPart, FunctionDefinition, JsonSchema, MessageContent,
    MessageRole, ProviderWishes, Reasoning, ResponseFormat, StopSequences, StreamOptions,
    ToolChoice, ToolDefinition,
};
pub use chat_response::{ChatChunks, ChatCompletion};
pub use completion::{CompletionChunks, CompletionPrompt, CompletionRequest, TextCompletion};
pub use error::error_body;
pub use models::{auto_json, model_json, models_json};
pub use prompt::prompt_request;
pub use relayed::RelayedReader;
