//! Reads the fields of a header.

use super::{Header, Marker, ReadHeader, TYPES};
use crate::header_field::{
    CHANNELS, is_role_or_all, is_tool_name, name_end, opens_as_assistant, spelt_role,
};
use crate::message::{Author, Role};
use crate::parser::tool_names::ToolNames;

/// Collects what may be a field, segment by segment, and chooses at the end.
pub(super) struct Reader<'a> {
    tools: &'a ToolNames,
    has_content_after: bool,
    author: Option<Author>,
    names_author: bool,
    recipients: Vec<String>,
    channels: Vec<String>,
    types: Vec<String>,
    /// Text that fits nowhere.
    rest: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tools: &'a ToolNames, is_assistant: bool, has_content_after: bool) -> Self {
        Self {
            tools,
            has_content_after,
            author: is_assistant.then(|| Role::Assistant.into()),
            names_author: false,
            recipients: Vec::new(),
            channels: Vec::new(),
            types: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Reads what follows one marker; another marker follows it unless `is_last`.
    pub(super) fn segment(&mut self, marker: Marker, text: &str, is_last: bool) {
        let text = text.trim_start();
        let mut text = match marker {
            Marker::Start => self.role(text, is_last),
            Marker::Channel => self.channel(text),
            Marker::Constrain => self.constrained_type(text),
        };
        loop {
            text = text.trim_start();
            if text.is_empty() {
                return;
            }
            text = match self.field(text) {
                Some(after) => after,
                None if self.has_content_after => self.set_aside_word(text),
                None => {
                    self.rest.push(text.to_owned());
                    return;
                }
            };
        }
    }

    /// Reads the role, unless it is known, and returns what follows.
    fn role<'t>(&mut self, text: &'t str, is_last: bool) -> &'t str {
        let name = &text[..name_end(text)];
        let after = &text[name.len()..];
        // A model may repeat the word that the prompt ended in.
        let is_repeated = self.author.is_some();
        if let Some(channel) = opens_as_assistant(name) {
            // `final` and the repeated `assistant` may also be the first word of a text.
            let is_word = channel == Some(name) || (is_repeated && channel.is_none());
            self.names_author = !is_word;
            self.channels.extend(channel.map(str::to_owned));
            self.author = Some(Role::Assistant.into());
            return after;
        }
        if is_repeated {
            return text;
        }
        let author = if let Some(role) = spelt_role(name) {
            let author_name = name.split_once(':').map(|(_, author_name)| author_name);
            Author {
                role,
                name: author_name
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned),
            }
        } else if is_tool_name(name)
            && (self.has_content_after || self.is_tool_header(name, after, is_last))
        {
            Author::named(Role::Tool, name)
        } else {
            self.author = Some(Role::Assistant.into());
            return text;
        };
        self.names_author = true;
        self.author = Some(author);
        after
    }

    /// Whether `name` opens the broken-off header of a tool's message, and is not the first word of
    /// an answer whose header is missing: it must look like a tool, and what follows like a header.
    fn is_tool_header(&self, name: &str, after: &str, is_last: bool) -> bool {
        let after = after.trim_start();
        (self.tools.named(name).is_some() || has_known_namespace(name))
            && (after.starts_with("to=") || (after.is_empty() && !is_last))
    }

    /// Reads the word behind `<|channel|>` and returns what follows.
    fn channel<'t>(&mut self, text: &'t str) -> &'t str {
        let name = &text[..name_end(text)];
        for channel in CHANNELS {
            let Some(tail) = name.strip_prefix(channel) else {
                continue;
            };
            let opens_field = tail.starts_with("to=") || TYPES.contains(&tail);
            if tail.starts_with(|c: char| c.is_alphanumeric() || c == '_') && !opens_field {
                break;
            }
            self.channels.push(channel.to_owned());
            let after = &text[channel.len()..];
            let is_separate = after.starts_with(|c: char| c.is_whitespace() || "{[\"".contains(c));
            // What is glued to the channel and opens nothing is junk: `commentary?`.
            let is_junk = !opens_field && !is_separate && self.has_content_after;
            return if is_junk {
                self.set_aside_word(after)
            } else {
                after
            };
        }
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let looks_like_name = name.starts_with(char::is_alphabetic) && name.chars().all(is_plain);
        if self.has_content_after && looks_like_name {
            self.channels.push(name.to_owned());
            return &text[name.len()..];
        }
        text
    }

    /// Reads the word behind `<|constrain|>` and returns what follows.
    fn constrained_type<'t>(&mut self, text: &'t str) -> &'t str {
        let name = &text[..name_end(text)];
        if name.is_empty() || name.starts_with("to=") {
            return text;
        }
        self.types.push(format!("<|constrain|>{name}"));
        &text[name.len()..]
    }

    /// Reads one field at the start of `text` and returns what follows, or `None` if there is none.
    fn field<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        // Where `<|message|>` is missing, the answer itself follows its channel.
        let is_answer = self.channels.last().is_some_and(|last| last == "final");
        if is_answer && !self.has_content_after {
            return None;
        }
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
        // A name without `to=` may also be a word of the content.
        let is_bare_recipient = (has_known_namespace(name) || self.tools.named(name).is_some())
            && !TYPES.contains(&name)
            && (self.has_content_after || begins_arguments(after));
        if self.recipients.is_empty() && is_bare_recipient {
            self.recipients.push(name.to_owned());
            return Some(after);
        }
        let may_be_type = self.has_content_after || !self.recipients.is_empty();
        if may_be_type && self.types.is_empty() && TYPES.contains(&name) {
            self.types.push(name.to_owned());
            return Some(after);
        }
        None
    }

    /// Sets the first word aside as text that fits nowhere, and returns what follows.
    fn set_aside_word<'t>(&mut self, text: &'t str) -> &'t str {
        let (word, after) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        self.rest.extend(
            Some(word)
                .filter(|word| !word.is_empty())
                .map(str::to_owned),
        );
        after
    }

    pub(super) fn finish(mut self) -> ReadHeader {
        self.take_unknown_type();
        let mut dropped = Vec::new();
        // Of several channels the last that exists counts, of several recipients the last that was
        // declared. A role is no tool, whatever tool's name begins with that word.
        let channel = choose_last(
            self.channels,
            |channel| CHANNELS.contains(&channel),
            &mut dropped,
        );
        let recipient = choose_last(
            self.recipients,
            |name| !is_role_or_all(name) && self.tools.resolve(name).is_some(),
            &mut dropped,
        );
        let content_type = choose_last(
            self.types,
            |name| name.starts_with("<|constrain|>"),
            &mut dropped,
        );

        let rest = self.rest.join(" ");
        let rest = if self.has_content_after {
            dropped.extend(Some(rest).filter(|rest| !rest.is_empty()));
            String::new()
        } else {
            rest
        };
        ReadHeader {
            says_something: recipient.is_some() || channel.is_some() || content_type.is_some(),
            header: Header {
                author: self.author.unwrap_or_else(|| Role::Assistant.into()),
                recipient,
                channel,
                content_type,
            },
            rest,
            dropped: dropped.join(" "),
            names_author: self.names_author,
        }
    }

    /// A single word that fits nowhere is a type we do not know, unless it can mean a tool.
    fn take_unknown_type(&mut self) {
        let has_place = !self.channels.is_empty() || !self.recipients.is_empty();
        if !self.has_content_after || !has_place || !self.types.is_empty() {
            return;
        }
        if let [word] = self.rest.as_slice()
            && word.starts_with(char::is_alphabetic)
            && name_end(word) == word.len()
            && self.tools.resolve(word).is_none()
        {
            self.types.append(&mut self.rest);
        }
    }
}

/// Whether `name` is in a namespace of tools that the models were trained with.
fn has_known_namespace(name: &str) -> bool {
    ["functions.", "browser."]
        .iter()
        .any(|namespace| name.starts_with(namespace))
}

/// Whether what follows the bare name of a tool in a broken-off header can be the rest of a call:
/// nothing, another field, or JSON.
fn begins_arguments(text: &str) -> bool {
    let text = text.trim_start();
    let word = &text[..name_end(text)];
    let is_type = TYPES.contains(&word);
    let text = if is_type {
        text[word.len()..].trim_start()
    } else {
        text
    };
    text.is_empty() || text.starts_with(['{', '[']) || text.starts_with("to=")
}

/// The last candidate that is good, else the last. The others are dropped.
fn choose_last(
    candidates: Vec<String>,
    is_good: impl Fn(&str) -> bool,
    dropped: &mut Vec<String>,
) -> Option<String> {
    let last_good = candidates.iter().rposition(|candidate| is_good(candidate));
    let chosen = candidates
        .get(last_good.unwrap_or(candidates.len().wrapping_sub(1)))?
        .clone();
    dropped.extend(
        candidates
            .into_iter()
            .filter(|candidate| *candidate != chosen),
    );
    Some(chosen)
}
