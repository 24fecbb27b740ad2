//! One turn of the assistant: its tokens, sorted into reasoning, content and calls of tools.
//!
//! The channels decide: `analysis` is reasoning, `final` and commentary without a recipient are
//! content, and a message to a declared tool is a call. A message to a tool that was not declared
//! is content with a warning: nobody could answer the call.

use serde::Serialize;

use crate::header_field::is_role_or_all;
use crate::parser::{Ending, Event, Header, ParserOptions, Repair, StreamableParser};
use crate::{Encoding, Message, Role, TokenId};

/// A tool that the model asks to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolCall {
    /// Without the prefix `functions.`.
    pub name: String,
    /// What the model wrote, JSON as a rule.
    pub arguments: String,
}

/// A piece of a turn, in the order in which the model wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnPart {
    /// More reasoning.
    Reasoning(String),
    /// More words for the user.
    Content(String),
    /// A call of this tool begins; its arguments follow.
    CallStarted {
        /// The tool, without the prefix `functions.`.
        name: String,
    },
    /// More arguments of the call that began last.
    CallArguments(String),
    /// The call that began last is complete.
    CallFinished(ToolCall),
    /// The tokens ended within the call that began last, which is therefore none.
    CallTruncated,
}

/// Everything that the model wrote in one turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What it thought.
    pub reasoning: String,
    /// What it said to the user.
    pub content: String,
    /// The calls that are complete.
    pub tool_calls: Vec<ToolCall>,
    /// Tokens of the reasoning, without headers.
    pub num_reasoning_tokens: usize,
    /// What was wrong with the model's output and was mended, in words.
    pub warnings: Vec<String>,
}

/// Sorts tokens into parts and keeps what they amount to.
#[derive(Clone, Debug)]
pub struct TurnReader {
    parser: StreamableParser,
    /// The recipients of the declared tools.
    tools: Vec<String>,
    /// Where the content of the current message goes; `None` outside of messages.
    destination: Option<Destination>,
    turn: Turn,
    /// Whether the model went on in somebody else's name.
    is_over: bool,
}

#[derive(Clone, Debug)]
enum Destination {
    Reasoning,
    Content,
    /// The call so far.
    ToolCall(ToolCall),
}

impl TurnReader {
    /// A reader for what a model generates after [`Encoding::render_for_completion`], with the
    /// [`crate::Conversation::tool_recipients`] that may be called.
    pub fn new(encoding: &Encoding, tools: Vec<String>) -> Self {
        let options = ParserOptions {
            tools: tools.clone(),
            ..ParserOptions::default()
        };
        Self {
            parser: encoding.parser(options),
            tools,
            destination: None,
            turn: Turn::default(),
            is_over: false,
        }
    }

    /// Takes one token; returns the parts it brought.
    pub fn process(&mut self, token: TokenId) -> Vec<TurnPart> {
        let was_reasoning = self.is_reasoning();
        let events = self.parser.process(token);
        let parts = self.take(events);
        // The tokens of the header and the one that ends the message are not reasoning.
        if was_reasoning && self.is_reasoning() {
            self.turn.num_reasoning_tokens += 1;
        }
        parts
    }

    /// There are no more tokens; returns the last parts.
    pub fn close(&mut self) -> Vec<TurnPart> {
        let events = self.parser.close();
        self.take(events)
    }

    /// What was read so far.
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// What was read, as a whole and as messages for the history. Call after [`Self::close`].
    pub fn finish(self) -> (Turn, Vec<Message>) {
        (self.turn, self.parser.finish())
    }

    /// Whether the turn ended in the middle of the tokens: the model began to write what the user
    /// or a tool might say next. That is nobody's answer; generating can stop.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether a message for the user is being read.
    pub fn is_in_content(&self) -> bool {
        matches!(self.destination, Some(Destination::Content))
    }

    /// Whether a message of reasoning is being read.
    fn is_reasoning(&self) -> bool {
        matches!(self.destination, Some(Destination::Reasoning))
    }

    fn take(&mut self, events: Vec<Event>) -> Vec<TurnPart> {
        let mut parts = Vec::new();
        for event in events {
            if self.is_over {
                break;
            }
            match event {
                Event::Started(header) => self.start(&header, &mut parts),
                Event::Content(text) => self.append(text, &mut parts),
                Event::Finished(ending) => self.end(ending, &mut parts),
                // Reported where the header is read, also when no tool was declared at all.
                Event::Repaired(Repair::UndeclaredRecipient(_)) => {}
                Event::Repaired(repair) => self.turn.warnings.push(warning(&repair)),
            }
        }
        parts
    }

    fn start(&mut self, header: &Header, parts: &mut Vec<TurnPart>) {
        if header.author.role != Role::Assistant {
            let warning = format!("the model went on as {}", header.author.role);
            self.turn.warnings.push(warning);
            self.is_over = true;
            return;
        }
        let recipient = header
            .recipient
            .as_deref()
            .filter(|&name| !is_role_or_all(name));
        let is_declared = |recipient: &str| self.tools.iter().any(|tool| tool == recipient);
        if let Some(recipient) = recipient.filter(|recipient| !is_declared(recipient)) {
            let warning = format!("{recipient} was called, which was not declared");
            self.turn.warnings.push(warning);
        }
        let destination = match (recipient, header.channel.as_deref()) {
            (Some(recipient), _) if is_declared(recipient) => {
                let name = recipient.strip_prefix("functions.").unwrap_or(recipient);
                parts.push(TurnPart::CallStarted {
                    name: name.to_owned(),
                });
                Destination::ToolCall(ToolCall {
                    name: name.to_owned(),
                    arguments: String::new(),
                })
            }
            (None, Some("analysis")) => Destination::Reasoning,
            // A call that nobody can answer is shown to the user.
            (_, _) => Destination::Content,
        };
        // Two messages of one kind are two paragraphs.
        let written = match destination {
            Destination::Reasoning => &self.turn.reasoning,
            Destination::Content => &self.turn.content,
            Destination::ToolCall(_) => "",
        };
        let is_next_paragraph = !written.is_empty();
        self.destination = Some(destination);
        if is_next_paragraph {
            self.append("\n\n".to_owned(), parts);
        }
    }

    fn append(&mut self, text: String, parts: &mut Vec<TurnPart>) {
        match &mut self.destination {
            Some(Destination::Reasoning) => {
                self.turn.reasoning.push_str(&text);
                parts.push(TurnPart::Reasoning(text));
            }
            Some(Destination::Content) => {
                self.turn.content.push_str(&text);
                parts.push(TurnPart::Content(text));
            }
            Some(Destination::ToolCall(call)) => {
                call.arguments.push_str(&text);
                parts.push(TurnPart::CallArguments(text));
            }
            None => {}
        }
    }

    fn end(&mut self, ending: Ending, parts: &mut Vec<TurnPart>) {
        if let Some(Destination::ToolCall(call)) = self.destination.take() {
            // The arguments of a call that was cut off are incomplete.
            if ending == Ending::Truncated {
                parts.push(TurnPart::CallTruncated);
                return;
            }
            self.turn.tool_calls.push(call.clone());
            parts.push(TurnPart::CallFinished(call));
        }
    }
}

fn warning(repair: &Repair) -> String {
    match repair {
        Repair::DroppedText(text) => format!("a header had words that mean nothing: {text:?}"),
        Repair::TruncatedHeader(text) => format!("the output ended within a header: {text:?}"),
        Repair::MissingMessageToken => "a message began without its <|message|>".to_owned(),
        Repair::InferredChannel(channel) => {
            format!("a header named no channel and was taken to be on {channel}")
        }
        Repair::StrayToken(token) => format!("token {token} stood where it means nothing"),
        Repair::UnknownToken(token) => format!("{token} is no token"),
        Repair::RenamedRecipient { from, to } => format!("{from} was taken for {to}"),
        Repair::UndeclaredRecipient(recipient) => {
            format!("{recipient} was called, which was not declared")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a model wrote: words between brackets are special tokens.
    fn tokens(encoding: &Encoding, text: &str) -> Vec<TokenId> {
        let special = encoding.special_tokens();
        let mut ids = Vec::new();
        for piece in text
            .split_inclusive(']')
            .flat_map(|piece| piece.split_inclusive_before('['))
        {
            match piece {
                "[start]" => ids.push(special.start),
                "[channel]" => ids.push(special.channel),
                "[message]" => ids.push(special.message),
                "[constrain]" => ids.push(special.constrain),
                "[end]" => ids.push(special.end),
                "[call]" => ids.push(special.call),
                "[return]" => ids.push(special.return_),
                text => ids.extend(encoding.tokenizer().encode(text)),
            }
        }
        ids
    }

    trait SplitBefore {
        fn split_inclusive_before(&self, bracket: char) -> Vec<&str>;
    }

    impl SplitBefore for str {
        fn split_inclusive_before(&self, bracket: char) -> Vec<&str> {
            let at = self.find(bracket).unwrap_or(self.len());
            [&self[..at], &self[at..]]
                .into_iter()
                .filter(|piece| !piece.is_empty())
                .collect()
        }
    }

    fn read(text: &str) -> (Turn, Vec<TurnPart>) {
        let encoding = Encoding::gpt_oss();
        let tools = vec!["functions.get_weather".to_owned(), "functions.f".to_owned()];
        let mut reader = TurnReader::new(&encoding, tools);
        let mut parts: Vec<TurnPart> = tokens(&encoding, text)
            .into_iter()
            .flat_map(|id| reader.process(id))
            .collect();
        parts.extend(reader.close());
        (reader.finish().0, parts)
    }

    #[test]
    fn analysis_is_reasoning_and_final_is_content() {
        let (answer, parts) = read(
            "[channel]analysis[message]two and two[end][start]assistant[channel]final[message]4[return]",
        );
        assert_eq!(
            (answer.reasoning.as_str(), answer.content.as_str()),
            ("two and two", "4")
        );
        assert_eq!(answer.num_reasoning_tokens, 3);
        assert_eq!(parts.last(), Some(&TurnPart::Content("4".to_owned())));
        assert!(answer.warnings.is_empty());
    }

    #[test]
    fn commentary_is_content_without_a_recipient_and_a_call_with_one() {
        let (answer, parts) = read(
            "[channel]commentary[message]Let me look.[end][start]assistant[channel]commentary \
             to=functions.get_weather [constrain]json[message]{\"city\":\"Oslo\"}[call]",
        );
        assert_eq!(answer.content, "Let me look.");
        let call = ToolCall {
            name: "get_weather".to_owned(),
            arguments: "{\"city\":\"Oslo\"}".to_owned(),
        };
        assert_eq!(answer.tool_calls, std::slice::from_ref(&call));

        let name = "get_weather".to_owned();
        let start = parts
            .iter()
            .position(|part| *part == TurnPart::CallStarted { name: name.clone() });
        let (last, arguments) = parts[start.unwrap() + 1..].split_last().unwrap();
        assert_eq!(*last, TurnPart::CallFinished(call.clone()));
        let streamed: String = arguments
            .iter()
            .map(|part| match part {
                TurnPart::CallArguments(text) => text.as_str(),
                part => panic!("{part:?}"),
            })
            .collect();
        assert_eq!(streamed, call.arguments);
    }

    #[test]
    fn a_call_of_what_was_not_declared_is_shown_and_warned_about() {
        let (answer, _) = read(
            "[channel]commentary to=functions.rm [constrain]json[message]{\"path\":\"/\"}[call]",
        );
        assert!(answer.tool_calls.is_empty());
        assert_eq!(answer.content, "{\"path\":\"/\"}");
        assert_eq!(
            answer.warnings,
            ["functions.rm was called, which was not declared"]
        );
    }

    #[test]
    fn a_message_to_all_is_no_call() {
        let (answer, _) = read("[channel]final to=all[message]x[return]");
        assert_eq!(
            (answer.content.as_str(), answer.warnings),
            ("x", Vec::new())
        );
    }

    #[test]
    fn a_message_without_a_channel_is_content_and_warned_about() {
        let (answer, _) = read("[channel]analysis[message]t[end][message]x[return]");
        assert_eq!(
            (answer.reasoning.as_str(), answer.content.as_str()),
            ("t", "x")
        );
        assert_eq!(
            answer.warnings,
            ["a header named no channel and was taken to be on final"]
        );
    }

    #[test]
    fn what_others_might_say_next_is_not_part_of_the_turn() {
        for other in ["user", "functions.f to=assistant[channel]commentary"] {
            let (answer, parts) = read(&format!(
                "[channel]final[message]Hi[end][start]{other}[message]And Rome?[end]\
                 [start]assistant[channel]final[message]Warm.[return]"
            ));
            assert_eq!(answer.content, "Hi", "{other}");
            assert_eq!(parts, [TurnPart::Content("Hi".to_owned())], "{other}");
            assert_eq!(answer.warnings.len(), 1, "{:?}", answer.warnings);
        }
    }

    #[test]
    fn a_call_that_was_cut_off_is_not_made() {
        let (answer, parts) =
            read("[channel]commentary to=functions.f [constrain]json[message]{\"city\":\"Os");
        assert!(answer.tool_calls.is_empty() && answer.content.is_empty());
        assert_eq!(parts.last(), Some(&TurnPart::CallTruncated));
    }

    #[test]
    fn two_messages_of_a_kind_are_two_paragraphs() {
        let (answer, parts) =
            read("[channel]final[message]a[end][start]assistant[channel]final[message]b[return]");
        assert_eq!(answer.content, "a\n\nb");
        let streamed: String = parts
            .into_iter()
            .map(|part| match part {
                TurnPart::Content(text) => text,
                part => panic!("{part:?}"),
            })
            .collect();
        assert_eq!(streamed, answer.content);
    }
}
