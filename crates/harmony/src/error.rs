//! What can go wrong, by what the caller can do about it.

use crate::message::Role;

/// An error of this crate. Parsing model output has none: see [`crate::StreamableParser`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarmonyError {
    /// The vocabulary lacks a token that the format is made of.
    #[error(
        "the tokenizer has no special token {name:?}; Harmony needs {needed}: use the tokenizer of \
         a gpt-oss model or one trained with these tokens",
        needed = crate::encoding::SPECIAL_TOKEN_NAMES.join(" ")
    )]
    MissingSpecialToken {
        /// The token's text.
        name: &'static str,
    },
    /// The text is not a conversation in the JSON form.
    // The cause is told here, so it is no `source`: chains of errors would print it twice.
    #[error(
        "not a conversation in Harmony's JSON form: {0}; write it as \
         {{\"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}"
    )]
    Json(serde_json::Error),
    /// A tool message does not say which tool wrote it.
    #[error(
        "message {index} has role \"tool\" but no name: set \"name\" to the tool that answered, \
         for example \"functions.get_weather\""
    )]
    UnnamedTool {
        /// Index of the message in the conversation.
        index: usize,
    },
    /// The name of a tool that answered would be read as somebody else's.
    #[error(
        "message {index} has role \"tool\" and name {name:?}, which in a message header stands for \
         another author: call the tool \"functions.{name}\""
    )]
    ReservedToolName {
        /// Index of the message in the conversation.
        index: usize,
        /// The name, as it would stand in the header.
        name: String,
    },
    /// A declared name that a model could not write as a recipient, or that would break the
    /// declaration it stands in.
    #[error(
        "{name:?} is no name for a {what}: give it one of at most {limit} letters, digits, `_`, \
         `-` and `.`"
    )]
    InvalidName {
        /// `tool` or `namespace`.
        what: &'static str,
        /// The name, shortened.
        name: String,
        /// How many characters are allowed.
        limit: usize,
    },
    /// System content outside a system message, or developer content outside a developer message.
    #[error(
        "message {index} has role \"{role}\" but carries {content}: give it role \"{belongs}\""
    )]
    MisplacedContent {
        /// Index of the message in the conversation.
        index: usize,
        /// The role it has.
        role: Role,
        /// The JSON type of the content.
        content: &'static str,
        /// The role it should have.
        belongs: Role,
    },
    /// The schema of a tool's parameters is too large to show to a model.
    #[error(
        "the parameters of tool {tool:?} are too large once their references are followed: more \
         than {limit} {unit}; shorten them, or put `{{}}` in the place of parts that the model can \
         do without"
    )]
    SchemaTooLarge {
        /// The tool.
        tool: String,
        /// How much is allowed.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
}
