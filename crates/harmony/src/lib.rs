//! The Harmony format.
#![forbid(unsafe_code)]

mod conversation;
mod developer;
mod encoding;
mod error;
mod header_field;
mod message;
mod namespace;
mod parser;
mod render;
mod system;
pub mod tokenizer;
mod tools;
mod vocab;

pub use conversation::Conversation;
pub use developer::{DeveloperContent, ResponseFormat};
pub use encoding::{Encoding, SPECIAL_TOKEN_NAMES, SpecialTokens};
pub use error::HarmonyError;
pub use message::{Author, Content, Message, Role};
pub use namespace::{ToolDescription, ToolNamespace};
pub use parser::{
    Ending, Event, Events, Header, MAX_HEADER_TOKENS, ParserOptions, ParserStart, Repair,
    StreamableParser,
};
pub use system::{ChannelConfig, ReasoningEffort, SystemContent};
pub use tokenizer::{Tokenizer, TokenizerError};
pub use tools::{MAX_DEPTH, MAX_TYPE_BYTES, MAX_TYPE_NODES};

/// The id of a token: a row of the model's embedding.
pub type TokenId = u32;
