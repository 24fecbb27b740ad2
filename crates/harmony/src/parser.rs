//! Tokens to messages, one token at a time. Total: every sequence of tokens yields messages.
//!
//! A model writes a malformed header now and then (gpt-oss-20b in about one turn of 25 at
//! temperature 1). A server that answers this with an error loses the turn, so the parser has none:
//! it reads what can be read, and reports each [`Repair`].
//!
//! What becomes of each token:
//!
//! * in content, ordinary tokens are text; `<|end|>`, `<|call|>`, `<|return|>` and `<|endoftext|>`
//!   close the message; `<|start|>` and `<|channel|>` close it too and begin the next header; any
//!   other special token is dropped ([`Repair::StrayToken`]); an id that is no token is U+FFFD.
//! * in a header, text goes to role, channel, recipient and content type. Words that fit nowhere
//!   are reported ([`Repair::DroppedText`]). If the header ends in anything but `<|message|>`, the
//!   text from the first such word on is the message's content.
//! * between messages `<|start|>` is expected. Anything but a closing token is taken as if
//!   `<|start|>assistant` went before it; text that cannot be a header, or turns out to be none
//!   (`final answer: 42<|return|>`), is a message of the assistant whose header is missing.
//! * a message of the assistant whose channel is missing is a call if it has a recipient
//!   (`commentary`); otherwise it is on the channel that the user was last reading (`final` at
//!   first). This is reported as [`Repair::InferredChannel`].
//!
//! So text is lost in two cases only, and both are reported: junk inside a header, and a header
//! that is cut off by the end of the tokens ([`Repair::TruncatedHeader`]).

mod event;
mod header;
mod tool_names;
mod utf8;

use std::mem;

use crate::TokenId;
use crate::encoding::Encoding;
use crate::header_field::is_role_or_all;
use crate::message::{Message, Role};
use header::{Draft, Marker};
use tool_names::ToolNames;

pub use event::{Ending, Event, Events, Repair};
pub use header::{Header, MAX_HEADER_TOKENS};
pub use utf8::Utf8Decoder;

/// Where the tokens begin, and what is known about the conversation.
#[derive(Clone, Debug, Default)]
pub struct ParserOptions {
    /// Where the first token stands.
    pub start: ParserStart,
    /// The recipients of the declared tools ([`crate::Conversation::tool_recipients`]). When there
    /// are any, a recipient that can mean only one of them is replaced by it.
    pub tools: Vec<String>,
}

/// Where the first token stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParserStart {
    /// After `<|start|>assistant`, as a completion does.
    #[default]
    AfterAssistant,
    /// Between messages, as a rendered conversation does.
    Message,
}

/// Reads tokens one by one, returns what each brought about, and keeps the messages.
#[derive(Clone, Debug)]
pub struct StreamableParser {
    encoding: Encoding,
    tools: ToolNames,
    state: State,
    messages: Vec<Message>,
    /// The channel of the last message that was meant for the user.
    visible_channel: Option<String>,
}

#[derive(Clone, Debug)]
enum State {
    Between,
    Header(Draft),
    Content {
        header: Header,
        text: String,
        decoder: Utf8Decoder,
    },
}

/// What a token means to the format.
enum Token<'a> {
    Text(&'a [u8]),
    Start,
    Message,
    Marker(Marker),
    Close(Ending),
    Stray,
    Unknown,
}

impl StreamableParser {
    /// A parser at the place that the options say.
    pub fn new(encoding: Encoding, options: ParserOptions) -> Self {
        let state = match options.start {
            ParserStart::AfterAssistant => State::Header(Draft::of_assistant()),
            ParserStart::Message => State::Between,
        };
        Self {
            encoding,
            tools: ToolNames::new(options.tools),
            state,
            messages: Vec::new(),
            visible_channel: None,
        }
    }

    /// Takes one token.
    pub fn process(&mut self, token: TokenId) -> Events {
        let mut events = Events::new();
        // The bytes of a token live in the vocabulary: a handle of its own keeps them while the
        // parser changes.
        let encoding = self.encoding.clone();
        let meaning = classify(&encoding, token);
        if matches!(self.state, State::Content { .. }) {
            self.content(token, meaning, &mut events);
        } else if let State::Header(draft) = mem::replace(&mut self.state, State::Between) {
            self.header(draft, token, meaning, &mut events);
        } else {
            self.between(token, meaning, &mut events);
        }
        events
    }

    /// There are no more tokens: finishes the message that is open. Further tokens would begin a
    /// new message.
    pub fn close(&mut self) -> Events {
        let mut events = Events::new();
        if let State::Header(draft) = &self.state {
            if draft.has_content(&draft.read(&self.tools, false)) {
                let draft = draft.clone();
                self.open_without_message_token(&draft, &mut events);
            } else if !draft.text().trim().is_empty() {
                events.push(Event::Repaired(Repair::TruncatedHeader(draft.text())));
            }
        }
        self.finish_message(Ending::Truncated, &mut events);
        self.state = State::Between;
        events
    }

    /// Closes the parser and returns all messages. Where the events matter, call
    /// [`StreamableParser::close`] first: it may still bring content.
    pub fn finish(mut self) -> Vec<Message> {
        self.close();
        self.messages
    }

    /// The messages that are complete.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The header of the message whose content is being read.
    pub fn current_header(&self) -> Option<&Header> {
        match &self.state {
            State::Content { header, .. } => Some(header),
            State::Between | State::Header(_) => None,
        }
    }

    /// The role that is speaking; the assistant where nothing else is known.
    pub fn current_role(&self) -> Role {
        self.current_header()
            .map_or(Role::Assistant, |header| header.author.role)
    }

    /// The channel of the message whose content is being read.
    pub fn current_channel(&self) -> Option<&str> {
        self.current_header()?.channel.as_deref()
    }

    /// The recipient of the message whose content is being read.
    pub fn current_recipient(&self) -> Option<&str> {
        self.current_header()?.recipient.as_deref()
    }

    /// The content so far of the message that is being read.
    pub fn current_content(&self) -> &str {
        match &self.state {
            State::Content { text, .. } => text,
            State::Between | State::Header(_) => "",
        }
    }

    fn between(&mut self, id: TokenId, token: Token<'_>, events: &mut Events) {
        match token {
            Token::Start => self.state = State::Header(Draft::after_start()),
            Token::Close(_) => {}
            Token::Stray => events.push(Event::Repaired(Repair::StrayToken(id))),
            Token::Unknown => events.push(Event::Repaired(Repair::UnknownToken(id))),
            Token::Message | Token::Marker(_) | Token::Text(_) => {
                self.header(Draft::of_assistant(), id, token, events);
            }
        }
    }

    fn header(&mut self, mut draft: Draft, id: TokenId, token: Token<'_>, events: &mut Events) {
        match token {
            Token::Text(bytes) => {
                draft.push_text(bytes);
                if draft.is_hopeless() {
                    self.open_without_message_token(&draft, events);
                    return;
                }
            }
            Token::Marker(marker) => {
                draft.push_marker(marker);
                if draft.is_hopeless() {
                    self.open_without_message_token(&draft, events);
                    return;
                }
            }
            Token::Message => {
                let read = draft.read(&self.tools, true);
                report_dropped(read.dropped, events);
                self.open(read.header, events);
                return;
            }
            Token::Start => {
                self.close_header(&draft, Ending::Resync, events);
                self.state = State::Header(Draft::after_start());
                return;
            }
            Token::Close(ending) => {
                self.close_header(&draft, ending, events);
                return;
            }
            Token::Stray => events.push(Event::Repaired(Repair::StrayToken(id))),
            Token::Unknown => events.push(Event::Repaired(Repair::UnknownToken(id))),
        }
        self.state = State::Header(draft);
    }

    fn content(&mut self, id: TokenId, token: Token<'_>, events: &mut Events) {
        match token {
            Token::Text(bytes) => self.append(bytes, events),
            Token::Close(ending) => self.finish_message(ending, events),
            Token::Start => {
                self.finish_message(Ending::Resync, events);
                self.state = State::Header(Draft::after_start());
            }
            Token::Marker(Marker::Channel) => {
                self.finish_message(Ending::Resync, events);
                let mut draft = Draft::of_assistant();
                draft.push_marker(Marker::Channel);
                self.state = State::Header(draft);
            }
            Token::Message | Token::Marker(_) | Token::Stray => {
                events.push(Event::Repaired(Repair::StrayToken(id)));
            }
            Token::Unknown => {
                events.push(Event::Repaired(Repair::UnknownToken(id)));
                self.flush_decoder(events);
                self.append("\u{FFFD}".as_bytes(), events);
            }
        }
    }

    /// A header ended in something else than `<|message|>`. If it says anything, or has words of
    /// content, it is a message all the same.
    fn close_header(&mut self, draft: &Draft, ending: Ending, events: &mut Events) {
        let read = draft.read(&self.tools, false);
        let is_message =
            !read.rest.trim().is_empty() || (read.says_something && ending != Ending::Resync);
        if is_message {
            self.open_without_message_token(draft, events);
            self.finish_message(ending, events);
        } else {
            report_dropped(draft.text(), events);
        }
    }

    /// Begins the content of a message whose `<|message|>` is missing.
    fn open_without_message_token(&mut self, draft: &Draft, events: &mut Events) {
        events.push(Event::Repaired(Repair::MissingMessageToken));
        let read = draft.read(&self.tools, false);
        if draft.is_plain_text() || draft.is_text(&read) {
            let header = Header {
                author: Role::Assistant.into(),
                recipient: None,
                channel: None,
                content_type: None,
            };
            self.open(header, events);
            self.append(draft.plain_bytes(), events);
            return;
        }
        report_dropped(read.dropped, events);
        self.open(read.header, events);
        self.append(read.rest.as_bytes(), events);
    }

    /// Begins the content of a message.
    fn open(&mut self, mut header: Header, events: &mut Events) {
        self.repair_recipient(&mut header, events);
        self.infer_channel(&mut header, events);
        events.push(Event::Started(header.clone()));
        let (text, decoder) = (String::new(), Utf8Decoder::default());
        self.state = State::Content {
            header,
            text,
            decoder,
        };
    }

    /// Gives the assistant's message a channel: without one it would not count as an answer when it
    /// is shown to the model again.
    fn infer_channel(&self, header: &mut Header, events: &mut Events) {
        if header.author.role != Role::Assistant || header.channel.is_some() {
            return;
        }
        let is_call = header
            .recipient
            .as_deref()
            .is_some_and(|name| !is_role_or_all(name));
        let channel = match &self.visible_channel {
            _ if is_call => "commentary",
            Some(visible) => visible,
            None => "final",
        };
        header.channel = Some(channel.to_owned());
        events.push(Event::Repaired(Repair::InferredChannel(channel.to_owned())));
    }

    fn repair_recipient(&self, header: &mut Header, events: &mut Events) {
        let is_assistant = header.author.role == Role::Assistant;
        let Some(recipient) = header.recipient.as_deref().filter(|_| is_assistant) else {
            return;
        };
        if self.tools.is_empty() || is_role_or_all(recipient) {
            return;
        }
        match self.tools.resolve(recipient) {
            None => {
                events.push(Event::Repaired(Repair::UndeclaredRecipient(
                    recipient.to_owned(),
                )));
            }
            Some(declared) if declared != recipient => {
                let (from, to) = (recipient.to_owned(), declared.to_owned());
                header.recipient = Some(to.clone());
                events.push(Event::Repaired(Repair::RenamedRecipient { from, to }));
            }
            Some(_) => {}
        }
    }

    fn append(&mut self, bytes: &[u8], events: &mut Events) {
        if let State::Content { text, decoder, .. } = &mut self.state {
            let before = text.len();
            decoder.push(bytes, text);
            push_content(&text[before..], events);
        }
    }

    fn flush_decoder(&mut self, events: &mut Events) {
        if let State::Content { text, decoder, .. } = &mut self.state {
            let before = text.len();
            decoder.flush(text);
            push_content(&text[before..], events);
        }
    }

    /// Closes the message that is being read, if there is one.
    fn finish_message(&mut self, ending: Ending, events: &mut Events) {
        self.flush_decoder(events);
        let State::Content { header, text, .. } = mem::replace(&mut self.state, State::Between)
        else {
            return;
        };
        let is_visible = header.author.role == Role::Assistant
            && header.recipient.is_none()
            && matches!(header.channel.as_deref(), Some("commentary" | "final"));
        if is_visible {
            self.visible_channel.clone_from(&header.channel);
        }
        self.messages.push(Message {
            author: header.author,
            recipient: header.recipient,
            content: vec![text.into()],
            channel: header.channel,
            content_type: header.content_type,
        });
        events.push(Event::Finished(ending));
    }
}

fn report_dropped(text: String, events: &mut Events) {
    if !text.trim().is_empty() {
        events.push(Event::Repaired(Repair::DroppedText(text)));
    }
}

fn push_content(text: &str, events: &mut Events) {
    match events.last_mut() {
        _ if text.is_empty() => {}
        Some(Event::Content(content)) => content.push_str(text),
        _ => events.push(Event::Content(text.to_owned())),
    }
}

fn classify(encoding: &Encoding, id: TokenId) -> Token<'_> {
    let special = encoding.special_tokens();
    match id {
        _ if id == special.start => Token::Start,
        _ if id == special.message => Token::Message,
        _ if id == special.channel => Token::Marker(Marker::Channel),
        _ if id == special.constrain => Token::Marker(Marker::Constrain),
        _ if id == special.end => Token::Close(Ending::End),
        _ if id == special.call => Token::Close(Ending::Call),
        _ if id == special.return_ => Token::Close(Ending::Return),
        _ if id == special.endoftext => Token::Close(Ending::EndOfText),
        _ if encoding.tokenizer().is_special(id) => Token::Stray,
        _ => encoding
            .tokenizer()
            .token_bytes(id)
            .map_or(Token::Unknown, Token::Text),
    }
}
