//! The header of a message: what stands between `<|start|>` and `<|message|>`.
//!
//! The text is cut at the special tokens, by their ids, before any of it is read; so nothing that a
//! model writes into a name can be taken for a separator, and nothing that stands behind a
//! separator becomes part of a name. Every field is looked for wherever models put it.

mod reader;

use self::reader::Reader;
use super::tool_names::ToolNames;
use crate::header_field::CHANNELS;
use crate::message::Author;

/// Who speaks to whom on which channel, and what kind of content follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who speaks.
    pub author: Author,
    /// Whom it is for: the tool in a tool call.
    pub recipient: Option<String>,
    /// `analysis`, `commentary`, `final`, or another word the model put in their place.
    pub channel: Option<String>,
    /// What the content is, such as `<|constrain|>json` or `code`.
    pub content_type: Option<String>,
}

/// Words that name a content type even where other words stand unexplained.
const TYPES: [&str; 2] = ["json", "code"];

/// The words a header can begin with where `<|start|>assistant` went before.
const OPENINGS: [&str; 8] = [
    "assistant",
    "analysis",
    "commentary",
    "final",
    "to=",
    "functions.",
    "json",
    "code",
];

/// A header that has not ended after this many tokens is one whose `<|message|>` is missing.
pub const MAX_HEADER_TOKENS: usize = 128;

/// A header without any special token has no more words than this.
const MAX_PLAIN_WORDS: usize = 4;

/// What a stretch of header text follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Start,
    Channel,
    Constrain,
}

/// A header as far as it has been read.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// `<|start|>assistant` went before and was not part of what was read.
    is_assistant: bool,
    segments: Vec<(Marker, Vec<u8>)>,
    num_tokens: usize,
}

impl Draft {
    /// The header of the assistant's message, whose role is known.
    pub(super) fn of_assistant() -> Self {
        Self {
            is_assistant: true,
            segments: vec![(Marker::Start, Vec::new())],
            num_tokens: 0,
        }
    }

    /// A header that begins with a role.
    pub(super) fn after_start() -> Self {
        Self {
            is_assistant: false,
            ..Self::of_assistant()
        }
    }

    pub(super) fn push_marker(&mut self, marker: Marker) {
        self.num_tokens += 1;
        self.segments.push((marker, Vec::new()));
    }

    pub(super) fn push_text(&mut self, bytes: &[u8]) {
        self.num_tokens += 1;
        if let Some((_, text)) = self.segments.last_mut() {
            text.extend_from_slice(bytes);
        }
    }

    /// The text before any special token, as it came.
    pub(super) fn plain_bytes(&self) -> &[u8] {
        &self.segments[0].1
    }

    /// All text that was read, without the special tokens.
    pub(super) fn text(&self) -> String {
        let texts = self
            .segments
            .iter()
            .map(|(_, text)| String::from_utf8_lossy(text));
        texts.collect::<Vec<_>>().join(" ")
    }

    /// Whether this has become too long for a header, or can be none.
    pub(super) fn is_hopeless(&self) -> bool {
        let is_too_long = self.num_tokens >= MAX_HEADER_TOKENS && !self.ends_within_character();
        is_too_long || self.is_plain_text()
    }

    /// Whether this is text that cannot begin a header: content of a message whose header is
    /// missing.
    pub(super) fn is_plain_text(&self) -> bool {
        if !self.is_assistant || self.segments.len() > 1 {
            return false;
        }
        let text = String::from_utf8_lossy(self.plain_bytes());
        let text = text.trim_start();
        let Some(first) = text.split_whitespace().next() else {
            return false;
        };
        let is_whole = text.len() > first.len();
        let opens_header = OPENINGS
            .iter()
            .any(|opening| first.starts_with(opening) || (!is_whole && opening.starts_with(first)));
        !opens_header || text.split_whitespace().count() > MAX_PLAIN_WORDS
    }

    fn ends_within_character(&self) -> bool {
        let last = self
            .segments
            .last()
            .map(|(_, text)| text.as_slice())
            .unwrap_or_default();
        std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none())
            && self.num_tokens < MAX_HEADER_TOKENS + 4
    }

    /// Reads the fields. With `has_content_after`, the header was closed by `<|message|>` and words
    /// that fit nowhere are junk in it; otherwise it was broken off, and from the first word that
    /// fits nowhere on it is the content whose `<|message|>` is missing.
    pub(super) fn read(&self, tools: &ToolNames, has_content_after: bool) -> ReadHeader {
        let mut reader = Reader::new(tools, self.is_assistant, has_content_after);
        for (index, (marker, bytes)) in self.segments.iter().enumerate() {
            let is_last = index + 1 == self.segments.len();
            reader.segment(*marker, &String::from_utf8_lossy(bytes), is_last);
        }
        reader.finish()
    }

    /// Whether this broken-off header, read as `read`, is none, but text that begins with a header
    /// word: there is no special token in it, it neither says who speaks nor calls a tool, and it
    /// does not consist of header words alone.
    pub(super) fn is_text(&self, read: &ReadHeader) -> bool {
        self.segments.len() == 1
            && !read.names_author
            && read.header.recipient.is_none()
            && !read.rest.trim().is_empty()
    }

    /// Whether the rest of this header, which the end of the tokens cut off and which reads as
    /// `read`, is content whose `<|message|>` is missing, and not the beginning of a field: it is if
    /// it has several words, or one with which no field begins that could stand there.
    pub(super) fn has_content(&self, read: &ReadHeader) -> bool {
        let mut words = read.rest.split_whitespace();
        match (words.next(), words.next()) {
            (None, _) => false,
            (Some(_), Some(_)) => true,
            (Some(word), None) => {
                let begins = |fields: &[&str]| fields.iter().any(|field| field.starts_with(word));
                if begins(&["to="]) || begins(&TYPES) {
                    return false;
                }
                // In the place of the author or of the channel any word may be cut off.
                let is_open_author = !self.is_assistant && !read.names_author;
                let is_open_field = is_open_author || self.segments.len() > 1 || begins(&CHANNELS);
                read.header.channel.is_some() || !is_open_field
            }
        }
    }
}

/// What a header says, and what of it was not understood.
#[derive(Debug)]
pub(super) struct ReadHeader {
    pub(super) header: Header,
    /// A channel, recipient or type was named.
    pub(super) says_something: bool,
    /// The content whose `<|message|>` is missing; empty if it was there.
    pub(super) rest: String,
    /// Words that fit nowhere, and fields that were named twice and did not count.
    pub(super) dropped: String,
    /// The first word says who speaks: a role, a tool, or `assistant` with a channel glued to it.
    pub(super) names_author: bool,
}
