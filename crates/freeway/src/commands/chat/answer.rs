//! One answer: the tokens of a generation, sorted into reasoning, content and calls.

use engine::TokenId;
use harmony::{Ending, Event, Header, Message, Repair, Role, StreamableParser};
use serde::Serialize;

/// A function that the model asks to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ToolCall {
    /// Without the prefix `functions.`.
    pub(crate) name: String,
    /// What the model wrote, JSON as a rule.
    pub(crate) arguments: String,
}

/// A piece of an answer, in the order in which the model wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Reasoning(String),
    Content(String),
    ToolCall(ToolCall),
}

/// Sorts tokens into parts and keeps what they amount to.
pub(crate) struct AnswerReader {
    parser: StreamableParser,
    /// The recipients of the declared tools.
    tools: Vec<String>,
    /// Where the content of the current message goes; `None` outside of messages.
    destination: Option<Destination>,
    answer: AnswerText,
}

/// Everything that the model wrote in one turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AnswerText {
    pub(crate) reasoning: String,
    pub(crate) content: String,
    pub(crate) tool_calls: Vec<ToolCall>,
    pub(crate) num_reasoning_tokens: usize,
    /// What was wrong with the model's output and was mended, in words.
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Debug)]
enum Destination {
    Reasoning,
    Content,
    /// The arguments so far of a call of this function.
    ToolCall(ToolCall),
}

impl AnswerReader {
    /// `parser` stands after `<|start|>assistant`; `tools` are the recipients that may be called.
    pub(crate) fn new(parser: StreamableParser, tools: Vec<String>) -> Self {
        Self {
            parser,
            tools,
            destination: None,
            answer: AnswerText::default(),
        }
    }

    /// Takes one token; returns the parts it brought.
    pub(crate) fn process(&mut self, token: TokenId) -> Vec<Part> {
        let was_reasoning = self.is_reasoning();
        let events = self.parser.process(token);
        let parts = self.take(events);
        // The tokens of the header and the one that ends the message are not reasoning.
        if was_reasoning && self.is_reasoning() {
            self.answer.num_reasoning_tokens += 1;
        }
        parts
    }

    /// There are no more tokens; returns the last parts.
    pub(crate) fn close(&mut self) -> Vec<Part> {
        let events = self.parser.close();
        self.take(events)
    }

    /// What was read, as a whole and as messages for the history. Call after [`Self::close`].
    pub(crate) fn finish(self) -> (AnswerText, Vec<Message>) {
        (self.answer, self.parser.finish())
    }

    fn is_reasoning(&self) -> bool {
        matches!(self.destination, Some(Destination::Reasoning))
    }

    fn take(&mut self, events: Vec<Event>) -> Vec<Part> {
        let mut parts = Vec::new();
        for event in events {
            match event {
                Event::Started(header) => self.start(&header, &mut parts),
                Event::Content(text) => self.append(text, &mut parts),
                Event::Finished(ending) => self.end(ending, &mut parts),
                // Reported where the header is read, also when no tool was declared at all.
                Event::Repaired(Repair::UndeclaredRecipient(_)) => {}
                Event::Repaired(repair) => self.answer.warnings.push(warning(&repair)),
            }
        }
        parts
    }

    fn start(&mut self, header: &Header, parts: &mut Vec<Part>) {
        let recipient = header
            .recipient
            .as_deref()
            .filter(|&name| Role::from_word(name).is_none());
        let is_declared = |recipient: &str| self.tools.iter().any(|tool| tool == recipient);
        if let Some(recipient) = recipient.filter(|recipient| !is_declared(recipient)) {
            let warning = format!("{recipient} was called, which was not declared");
            self.answer.warnings.push(warning);
        }
        let destination = match (recipient, header.channel.as_deref()) {
            (Some(recipient), _) if is_declared(recipient) => Destination::ToolCall(ToolCall {
                name: recipient
                    .strip_prefix("functions.")
                    .unwrap_or(recipient)
                    .to_owned(),
                arguments: String::new(),
            }),
            (None, Some("analysis")) => Destination::Reasoning,
            // A call that nobody can answer is shown to the user.
            (_, _) => Destination::Content,
        };
        // Two messages of one kind are two paragraphs.
        let written = match destination {
            Destination::Reasoning => &self.answer.reasoning,
            Destination::Content => &self.answer.content,
            Destination::ToolCall(_) => "",
        };
        let is_next_paragraph = !written.is_empty();
        self.destination = Some(destination);
        if is_next_paragraph {
            self.append("\n\n".to_owned(), parts);
        }
    }

    fn append(&mut self, text: String, parts: &mut Vec<Part>) {
        match &mut self.destination {
            Some(Destination::Reasoning) => {
                self.answer.reasoning.push_str(&text);
                parts.push(Part::Reasoning(text));
            }
            Some(Destination::Content) => {
                self.answer.content.push_str(&text);
                parts.push(Part::Content(text));
            }
            Some(Destination::ToolCall(call)) => call.arguments.push_str(&text),
            None => {}
        }
    }

    fn end(&mut self, ending: Ending, parts: &mut Vec<Part>) {
        // A call that was cut off is not one: its arguments are incomplete.
        if let Some(Destination::ToolCall(call)) = self.destination.take()
            && ending != Ending::Truncated
        {
            self.answer.tool_calls.push(call.clone());
            parts.push(Part::ToolCall(call));
        }
    }
}

fn warning(repair: &Repair) -> String {
    match repair {
        Repair::DroppedText(text) => format!("a header had words that mean nothing: {text:?}"),
        Repair::TruncatedHeader(text) => format!("the output ended within a header: {text:?}"),
        Repair::MissingMessageToken => "a message began without its <|message|>".to_owned(),
        Repair::StrayToken(token) => format!("token {token} stood where it means nothing"),
        Repair::UnknownToken(token) => format!("{token} is no token"),
        Repair::RenamedRecipient { from, to } => format!("{from} was taken for {to}"),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmony::{Encoding, ParserOptions};

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

    fn read(text: &str) -> (AnswerText, Vec<Part>) {
        let encoding = Encoding::gpt_oss();
        let tools = vec!["functions.get_weather".to_owned(), "functions.f".to_owned()];
        let options = ParserOptions {
            tools: tools.clone(),
            ..ParserOptions::default()
        };
        let mut reader = AnswerReader::new(encoding.parser(options), tools);
        let mut parts: Vec<Part> = tokens(&encoding, text)
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
        assert_eq!(parts.last(), Some(&Part::Content("4".to_owned())));
        assert!(answer.warnings.is_empty());
    }

    #[test]
    fn commentary_is_content_without_a_recipient_and_a_call_with_one() {
        let (answer, _) = read(
            "[channel]commentary[message]Let me look.[end][start]assistant[channel]commentary \
             to=functions.get_weather [constrain]json[message]{\"city\":\"Oslo\"}[call]",
        );
        assert_eq!(answer.content, "Let me look.");
        let call = ToolCall {
            name: "get_weather".to_owned(),
            arguments: "{\"city\":\"Oslo\"}".to_owned(),
        };
        assert_eq!(answer.tool_calls, [call]);
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
    fn a_call_that_was_cut_off_is_not_made() {
        let (answer, _) =
            read("[channel]commentary to=functions.f [constrain]json[message]{\"city\":\"Os");
        assert!(answer.tool_calls.is_empty() && answer.content.is_empty());
    }

    #[test]
    fn two_messages_of_a_kind_are_two_paragraphs() {
        let (answer, parts) =
            read("[channel]final[message]a[end][start]assistant[channel]final[message]b[return]");
        assert_eq!(answer.content, "a\n\nb");
        let streamed: String = parts
            .into_iter()
            .map(|part| match part {
                Part::Content(text) => text,
                part => panic!("{part:?}"),
            })
            .collect();
        assert_eq!(streamed, answer.content);
    }
}
