//! The header of a message: what stands between `<|start|>` and `<|message|>`.
//!
//! The text is cut at the special tokens, by their ids, before any of it is read; so nothing that a
//! model writes into a name can be taken for a separator, and nothing that stands behind a
//! separator becomes part of a name. Every field is looked for wherever models put it.

use super::tool_names::ToolNames;
use crate::header_field::name_end;
use crate::message::{Author, Role};

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

/// The channels of gpt-oss.
const CHANNELS: [&str; 3] = ["analysis", "commentary", "final"];

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

    pub(super) fn num_tokens(&self) -> usize {
        self.num_tokens
    }

    /// Whether neither a role nor a special token was read.
    pub(super) fn is_plain(&self) -> bool {
        self.is_assistant && self.segments.len() == 1
    }

    /// The text of a plain draft as it came.
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

    /// Whether a plain draft can still become a header. If not, it is content of a message whose
    /// header is missing.
    pub(super) fn may_be_header(&self) -> bool {
        let text = String::from_utf8_lossy(self.plain_bytes());
        let text = text.trim_start();
        let Some(first) = text.split_whitespace().next() else {
            return true;
        };
        let is_whole = text.len() > first.len();
        let opens = OPENINGS
            .iter()
            .any(|opening| first.starts_with(opening) || (!is_whole && opening.starts_with(first)));
        opens && !text.contains('\n') && text.split_whitespace().count() <= MAX_PLAIN_WORDS
    }

    /// Reads the fields. With `has_content_after`, the header was closed by `<|message|>` and words
    /// that fit nowhere are junk in it; otherwise it was broken off, and from the first word that
    /// fits nowhere on it is the content whose `<|message|>` is missing.
    pub(super) fn read(&self, tools: &ToolNames, has_content_after: bool) -> ReadHeader {
        let mut reader = Reader {
            tools,
            has_content_after,
            ..Reader::new(tools)
        };
        if self.is_assistant {
            reader.author = Some(Role::Assistant.into());
        }
        for (marker, bytes) in &self.segments {
            reader.segment(*marker, &String::from_utf8_lossy(bytes));
        }
        reader.finish()
    }
}

/// What a header says, and what of it was not understood.
#[derive(Debug)]
pub(super) struct ReadHeader {
    pub(super) header: Header,
    /// A channel, recipient, type or role was named.
    pub(super) says_something: bool,
    /// The text that fits nowhere.
    pub(super) rest: String,
}

impl ReadHeader {
    /// Whether the rest of a header that was cut off is content whose `<|message|>` is missing,
    /// and not the beginning of a field: it is if it has several words, or if the channel is known
    /// and no field begins so.
    pub(super) fn has_content(&self) -> bool {
        let mut words = self.rest.split_whitespace();
        match (words.next(), words.next()) {
            (None, _) => false,
            (Some(_), Some(_)) => true,
            (Some(word), None) => {
                let begins_field = ["to="]
                    .iter()
                    .chain(&TYPES)
                    .any(|field| field.starts_with(word));
                self.header.channel.is_some() && !begins_field
            }
        }
    }
}

struct Reader<'a> {
    tools: &'a ToolNames,
    has_content_after: bool,
    author: Option<Author>,
    recipients: Vec<String>,
    channel: Option<&'static str>,
    other_channel: Option<String>,
    content_type: Option<String>,
    rest: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(tools: &'a ToolNames) -> Self {
        Self {
            tools,
            has_content_after: false,
            author: None,
            recipients: Vec::new(),
            channel: None,
            other_channel: None,
            content_type: None,
            rest: Vec::new(),
        }
    }

    fn segment(&mut self, marker: Marker, text: &str) {
        let mut text = match marker {
            Marker::Start => self.role(text.trim_start()),
            Marker::Channel => self.channel(text.trim_start()),
            Marker::Constrain => self.constrained_type(text.trim_start()),
        };
        loop {
            text = text.trim_start();
            if text.is_empty() {
                return;
            }
            match self.field(text) {
                Some(after) => text = after,
                None if self.has_content_after => {
                    let (word, after) = split_word(text);
                    self.rest.push(word.to_owned());
                    text = after;
                }
                None => {
                    self.rest.push(text.to_owned());
                    return;
                }
            }
        }
    }

    /// Reads the role, unless it is known, and returns what follows.
    fn role<'t>(&mut self, text: &'t str) -> &'t str {
        let name = &text[..name_end(text)];
        let after = &text[name.len()..];
        if let Some(known) = &self.author {
            // The model repeats the role that the prompt ended in.
            if let Some(tail) = name.strip_prefix(known.role.as_str()) {
                return self.glued_channel(tail, after).unwrap_or(text);
            }
            return if self.take_channel(name) { after } else { text };
        }
        if name.is_empty() || name.starts_with("to=") {
            self.author = Some(Role::Assistant.into());
            return text;
        }
        for role in Role::ALL {
            let Some(tail) = name.strip_prefix(role.as_str()) else {
                continue;
            };
            if let Some(author_name) = tail.strip_prefix(':').filter(|name| !name.is_empty()) {
                self.author = Some(Author::named(role, author_name));
                return after;
            }
            if let Some(after) = self.glued_channel(tail, after) {
                // The library calls a tool by the word in the place of the role, this one too.
                let name = (role == Role::Tool).then(|| role.as_str().to_owned());
                self.author = Some(Author { role, name });
                return after;
            }
        }
        if self.take_channel(name) {
            self.author = Some(Role::Assistant.into());
            return after;
        }
        self.author = Some(Author::named(Role::Tool, name));
        after
    }

    /// What follows a role that `tail` is glued to: nothing, junk, or the channel as in
    /// `assistantfinal`. `None` when the word is none of these and so not the role.
    fn glued_channel<'t>(&mut self, tail: &str, after: &'t str) -> Option<&'t str> {
        let is_junk = !tail.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
        (is_junk || self.take_channel(tail)).then_some(after)
    }

    fn take_channel(&mut self, word: &str) -> bool {
        let known = CHANNELS.into_iter().find(|channel| *channel == word);
        self.channel = known.or(self.channel);
        known.is_some()
    }

    /// Reads the word behind `<|channel|>` and returns what follows. Of several channels the last
    /// that exists counts.
    fn channel<'t>(&mut self, text: &'t str) -> &'t str {
        let name = &text[..name_end(text)];
        for channel in CHANNELS {
            let Some(tail) = name.strip_prefix(channel) else {
                continue;
            };
            let is_other_word = tail.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                && !tail.starts_with("to=")
                && !TYPES.contains(&tail);
            if is_other_word {
                break;
            }
            self.channel = Some(channel);
            let after = &text[channel.len()..];
            // What is glued to the channel and opens no field is junk: `commentary?`.
            let opens_field = after.starts_with("to=") || TYPES.contains(&tail);
            let starts_content = after.starts_with(['{', '[', '"']);
            if opens_field || starts_content || after.starts_with(char::is_whitespace) {
                return after;
            }
            return self.skip_junk(after);
        }
        let looks_like_name = name.starts_with(|c: char| c.is_alphabetic())
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        if self.has_content_after && looks_like_name && !name.contains('=') {
            self.other_channel = Some(name.to_owned());
            return &text[name.len()..];
        }
        text
    }

    /// Sets aside what is glued to a word, and returns what follows it.
    fn skip_junk<'t>(&mut self, text: &'t str) -> &'t str {
        let (junk, after) = split_word(text);
        if !junk.is_empty() {
            self.rest.push(junk.to_owned());
        }
        after
    }

    /// Reads the word behind `<|constrain|>` and returns what follows.
    fn constrained_type<'t>(&mut self, text: &'t str) -> &'t str {
        let name = &text[..name_end(text)];
        if name.is_empty() || name.starts_with("to=") {
            return text;
        }
        self.content_type = Some(format!("<|constrain|>{name}"));
        &text[name.len()..]
    }

    /// Reads one field at the start of `text` and returns what follows, or `None` if there is none.
    fn field<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(after) = text.strip_prefix("to=") {
            let after = after.trim_start();
            let name = &after[..name_end(after)];
            if !name.is_empty() {
                self.recipients.push(name.to_owned());
            }
            return Some(&after[name.len()..]);
        }
        let name = &text[..name_end(text)];
        let after = &text[name.len()..];
        let is_bare_recipient = self.tools.contains(name)
            || ["functions.", "browser."]
                .iter()
                .any(|prefix| name.starts_with(prefix));
        if self.recipients.is_empty() && is_bare_recipient {
            self.recipients.push(name.to_owned());
            return Some(after);
        }
        let is_type =
            TYPES.contains(&name) && (self.has_content_after || !self.recipients.is_empty());
        if is_type && self.content_type.is_none() {
            self.content_type = Some(name.to_owned());
            return Some(after);
        }
        None
    }

    fn finish(mut self) -> ReadHeader {
        // A single word that fits nowhere is a type we do not know.
        if let (true, None, [word]) = (self.has_content_after, &self.content_type, &*self.rest) {
            let has_place = self.channel.is_some() || !self.recipients.is_empty();
            if has_place && word.starts_with(char::is_alphabetic) && name_end(word) == word.len() {
                self.content_type = self.rest.pop();
            }
        }
        let author = self.author.unwrap_or_else(|| Role::Assistant.into());
        let header = Header {
            recipient: choose_recipient(&self.recipients, self.tools),
            channel: self.channel.map(str::to_owned).or(self.other_channel),
            content_type: self.content_type,
            author,
        };
        ReadHeader {
            says_something: header.recipient.is_some()
                || header.channel.is_some()
                || header.content_type.is_some(),
            header,
            rest: self.rest.join(" "),
        }
    }
}

/// The last recipient that is a declared tool, else the last.
fn choose_recipient(recipients: &[String], tools: &ToolNames) -> Option<String> {
    let declared = recipients
        .iter()
        .rev()
        .find(|name| tools.resolve(name).is_some());
    declared.or(recipients.last()).cloned()
}

/// The first word of `text`, which does not start with white space, and what follows it.
fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}
