//! Reads the fields of a header.

use super::{CHANNELS, Header, Marker, ReadHeader, TYPES};
use crate::header_field::name_end;
use crate::message::{Author, Role};
use crate::parser::tool_names::ToolNames;

/// Collects what may be a field, segment by segment, and chooses at the end.
pub(super) struct Reader<'a> {
    tools: &'a ToolNames,
    has_content_after: bool,
    author: Option<Author>,
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
            recipients: Vec::new(),
            channels: Vec::new(),
            types: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Reads what follows one marker.
    pub(super) fn segment(&mut self, marker: Marker, text: &str) {
        let text = text.trim_start();
        let mut text = match marker {
            Marker::Start => self.role(text),
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
    fn role<'t>(&mut self, text: &'t str) -> &'t str {
        let name = &text[..name_end(text)];
        let after = &text[name.len()..];
        if self.author.is_some() {
            // A model may repeat the word that the prompt ended in.
            return if self.opens_as_assistant(name) {
                after
            } else {
                text
            };
        }
        if name.is_empty() || name.starts_with("to=") {
            self.author = Some(Role::Assistant.into());
            return text;
        }
        if self.opens_as_assistant(name) {
            self.author = Some(Role::Assistant.into());
            return after;
        }
        let (word, author_name) = name.split_once(':').unwrap_or((name, ""));
        if let Some(role) = Role::from_word(word).filter(|role| *role != Role::Tool) {
            let author_name = Some(author_name).filter(|name| !name.is_empty());
            self.author = Some(Author {
                role,
                name: author_name.map(str::to_owned),
            });
            return after;
        }
        // Any other word is the name of a tool, unless it is content whose header is missing.
        if self.has_content_after || name.contains('.') || self.tools.contains(name) {
            self.author = Some(Author::named(Role::Tool, name));
            return after;
        }
        self.author = Some(Role::Assistant.into());
        text
    }

    /// Whether `word` is `assistant`, a channel where that word is missing, or both run together
    /// as in `assistantfinal`. Takes the channel.
    fn opens_as_assistant(&mut self, word: &str) -> bool {
        let tail = word.strip_prefix(Role::Assistant.as_str()).unwrap_or(word);
        if CHANNELS.contains(&tail) {
            self.channels.push(tail.to_owned());
        }
        tail.is_empty() || CHANNELS.contains(&tail)
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
        // declared.
        let channel = choose_last(
            self.channels,
            |channel| CHANNELS.contains(&channel),
            &mut dropped,
        );
        let recipient = choose_last(
            self.recipients,
            |name| self.tools.resolve(name).is_some(),
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
        }
    }

    /// A single word that fits nowhere is a type we do not know.
    fn take_unknown_type(&mut self) {
        let has_place = !self.channels.is_empty() || !self.recipients.is_empty();
        if !self.has_content_after || !has_place || !self.types.is_empty() {
            return;
        }
        if let [word] = self.rest.as_slice()
            && word.starts_with(char::is_alphabetic)
            && name_end(word) == word.len()
        {
            self.types.append(&mut self.rest);
        }
    }
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
