//! One message of a conversation, and its JSON form.
//!
//! The JSON form is that of OpenAI's own harmony library, so a conversation written by one is read
//! by the other: the author's `role` and `name` lie flat beside the other fields, `content` is a
//! string when it is a single text and a list of typed parts otherwise, absent options are left
//! out, and unknown fields are ignored.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

use crate::developer::DeveloperContent;
use crate::system::SystemContent;

/// Who speaks. In case of conflict the authority falls in this order: system, developer, user,
/// assistant, tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person (or program) that talks to the model.
    User,
    /// The model.
    Assistant,
    /// Written by the server: identity, dates, effort, built-in tools, channels.
    System,
    /// Written by the application: instructions, function tools, response formats.
    Developer,
    /// The result of a tool call. The author's name says which tool.
    Tool,
}

impl Role {
    /// Every role, in the order of declaration.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::Assistant,
        Self::System,
        Self::Developer,
        Self::Tool,
    ];

    /// The word for the role in a message header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Developer => "developer",
            Self::Tool => "tool",
        }
    }

    /// The role whose header word is `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The role that wrote a message and, for tools always and for others at will, a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The role.
    pub role: Role,
    /// For [`Role::Tool`] the full name of the tool (`functions.get_weather`, `python`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Author {
    /// An author with a name.
    pub fn named(role: Role, name: impl Into<String>) -> Self {
        Self {
            role,
            name: Some(name.into()),
        }
    }
}

impl From<Role> for Author {
    fn from(role: Role) -> Self {
        Self { role, name: None }
    }
}

/// One part of a message's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Content {
    /// Plain text. Whatever it contains, it is never read as a special token.
    Text {
        /// The text.
        text: String,
    },
    /// The fields of a system message.
    #[serde(rename = "system_content")]
    System(SystemContent),
    /// The fields of a developer message.
    #[serde(rename = "developer_content")]
    Developer(DeveloperContent),
}

impl Content {
    /// A text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<SystemContent> for Content {
    fn from(content: SystemContent) -> Self {
        Self::System(content)
    }
}

impl From<DeveloperContent> for Content {
    fn from(content: DeveloperContent) -> Self {
        Self::Developer(content)
    }
}

/// A message: who speaks to whom on which channel, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    #[serde(flatten)]
    pub author: Author,
    /// Whom it is for; `None` (or `all`) means everyone. A tool call names the tool, a tool result
    /// names `assistant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The parts, rendered one after the other.
    #[serde(
        deserialize_with = "string_or_parts",
        serialize_with = "serialize_string_or_parts"
    )]
    pub content: Vec<Content>,
    /// `analysis`, `commentary` or `final` for messages of the assistant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What the content is: `<|constrain|>json` for the arguments of a call, or a plain word such
    /// as `code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

impl Message {
    /// A message with one part of content and no recipient, channel or type.
    pub fn new(author: impl Into<Author>, content: impl Into<Content>) -> Self {
        Self {
            author: author.into(),
            recipient: None,
            content: vec![content.into()],
            channel: None,
            content_type: None,
        }
    }

    /// A system message.
    pub fn system(content: SystemContent) -> Self {
        Self::new(Role::System, content)
    }

    /// A developer message.
    pub fn developer(content: DeveloperContent) -> Self {
        Self::new(Role::Developer, content)
    }

    /// A user message.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, text.into())
    }

    /// A message of the assistant on `channel`.
    pub fn assistant(channel: &str, text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, text.into()).with_channel(channel)
    }

    /// A call of the function tool `name` (with or without `functions.`): commentary channel, JSON
    /// arguments.
    pub fn function_call(name: &str, arguments: impl Into<String>) -> Self {
        Self::assistant("commentary", arguments)
            .with_recipient(function_recipient(name))
            .with_content_type("<|constrain|>json")
    }

    /// The answer of the function tool `name` (with or without `functions.`), to the assistant on
    /// the commentary channel. `text` is passed on as it is, without quoting.
    pub fn function_result(name: &str, text: impl Into<String>) -> Self {
        Self::new(
            Author::named(Role::Tool, function_recipient(name)),
            text.into(),
        )
        .with_channel("commentary")
        .with_recipient("assistant")
    }

    /// The same message to `recipient`.
    #[must_use]
    pub fn with_recipient(mut self, recipient: impl Into<String>) -> Self {
        self.recipient = Some(recipient.into());
        self
    }

    /// The same message on `channel`.
    #[must_use]
    pub fn with_channel(mut self, channel: impl Into<String>) -> Self {
        self.channel = Some(channel.into());
        self
    }

    /// The same message with the given content type.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// The texts of all text parts, joined.
    pub fn text(&self) -> String {
        self.content
            .iter()
            .filter_map(|part| match part {
                Content::Text { text } => Some(text.as_str()),
                Content::System(_) | Content::Developer(_) => None,
            })
            .collect()
    }

    /// Whether the message is on `channel`.
    pub fn is_on(&self, channel: &str) -> bool {
        self.channel.as_deref() == Some(channel)
    }
}

/// `functions.NAME`, whether or not the prefix is already there.
fn function_recipient(name: &str) -> String {
    let bare = name.strip_prefix("functions.").unwrap_or(name);
    format!("functions.{bare}")
}

fn string_or_parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Content>, D::Error> {
    struct StringOrParts;

    impl<'de> de::Visitor<'de> for StringOrParts {
        type Value = Vec<Content>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list of content parts")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![Content::text(text)])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, parts: A) -> Result<Self::Value, A::Error> {
            Deserialize::deserialize(de::value::SeqAccessDeserializer::new(parts))
        }
    }

    deserializer.deserialize_any(StringOrParts)
}

fn serialize_string_or_parts<S: Serializer>(
    parts: &[Content],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if let [Content::Text { text }] = parts {
        return serializer.serialize_str(text);
    }
    parts.serialize(serializer)
}
