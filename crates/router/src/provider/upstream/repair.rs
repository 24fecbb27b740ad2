//! Mends answers into whose words Harmony got: what the host should have done with the model's
//! output is done here, by our own parser.

use std::sync::LazyLock;

use harmony::{Encoding, TokenId, TurnPart, TurnReader};

use super::judge::{BARE_OPENINGS, BARE_TURNS};
use crate::openai::upstream::{Choice, Chunk};
use crate::provider::{AnswerEvent, Delta, FinishReason};
use crate::random_id::random_id;

/// Most choices and calls that are mended.
const MAX_CHOICES: usize = 128;
const MAX_CALLS: usize = 128;
/// Bytes of Harmony that are mended: more than a million tokens. The parser keeps what it read.
pub(super) const MAX_MENDED_BYTES: usize = 4 << 20;

/// What stands before what the model writes, and is sometimes repeated.
const START: &str = "<|start|>assistant";

/// Built when the first answer has to be mended; most servers never see one.
static ENCODING: LazyLock<Encoding> = LazyLock::new(Encoding::gpt_oss);

/// Turns chunks into events of our own.
pub(super) struct Repairer {
    /// The declared functions; `None`: the words are words, and only the form is changed.
    tools: Option<Vec<String>>,
    /// Choices whose words are words all the same.
    plain: Vec<u32>,
    choices: Vec<Mended>,
    num_bytes: usize,
}

/// A choice so far.
struct Mended {
    index: u32,
    reader: Option<Reader>,
    calls: Vec<MendedCall>,
    num_calls: u32,
    finish: Option<FinishReason>,
}

/// A call that the host itself made out.
struct MendedCall {
    /// Its number there, and here.
    theirs: u32,
    ours: u32,
}

impl Repairer {
    /// Reads Harmony out of the words, but for those of the `plain` choices. The functions are those
    /// that may be called.
    pub(super) fn of_harmony(tools: &[String], plain: Vec<u32>) -> Self {
        let recipients = tools.iter().map(|name| format!("functions.{name}"));
        Self {
            tools: Some(recipients.collect()),
            plain,
            choices: Vec::new(),
            num_bytes: 0,
        }
    }

    /// Leaves the words as they are.
    pub(super) fn of_words() -> Self {
        Self {
            tools: None,
            plain: Vec::new(),
            choices: Vec::new(),
            num_bytes: 0,
        }
    }

    /// Takes a chunk, or a whole answer.
    pub(super) fn take(&mut self, chunk: &Chunk<'_>, events: &mut Vec<AnswerEvent>) {
        for choice in chunk.choices() {
            self.take_choice(choice, events);
        }
    }

    /// Whether there was more Harmony than [`MAX_MENDED_BYTES`], which was not read.
    pub(super) fn is_full(&self) -> bool {
        self.num_bytes > MAX_MENDED_BYTES
    }

    /// There are no more chunks.
    pub(super) fn finish(&mut self, events: &mut Vec<AnswerEvent>) {
        for choice in &mut self.choices {
            if let Some(mut reader) = choice.reader.take() {
                let parts = reader.close();
                choice.show(parts, events);
            }
            let reason = match choice.finish {
                Some(FinishReason::Length) => FinishReason::Length,
                _ if choice.num_calls > 0 => FinishReason::ToolCalls,
                _ => FinishReason::Stop,
            };
            events.push(AnswerEvent::Finished {
                choice: choice.index,
                reason,
            });
        }
    }

    fn take_choice(&mut self, choice: &Choice<'_>, events: &mut Vec<AnswerEvent>) {
        let words = choice.words().as_str();
        let is_harmony = self.tools.is_some() && !self.plain.contains(&choice.index);
        self.num_bytes += if is_harmony { words.len() } else { 0 };
        if self.is_full() {
            return;
        }
        let Some(mended) = self.choice(choice.index) else {
            return;
        };
        if let Some(message) = choice.said() {
            let reasoning = message.reasoning().as_str();
            if !reasoning.is_empty() {
                mended.push(Delta::Reasoning(reasoning.to_owned()), events);
            }
        }
        if !words.is_empty() {
            match &mut mended.reader {
                Some(reader) => {
                    let parts = reader.read(words);
                    mended.show(parts, events);
                }
                None => mended.push(Delta::Content(words.to_owned()), events),
            }
        }
        let calls = choice.said().map(|message| message.calls());
        for (place, call) in calls.into_iter().flatten().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let function = call.function.as_ref();
            let name = function.map_or("", |function| function.name.as_str());
            let arguments = function.map_or("", |function| function.arguments.as_str());
            let index = call.index.unwrap_or(place);
            mended.call(index, call.id.as_str(), name, arguments, events);
        }
        match choice.finish_reason.as_str() {
            "" => {}
            "length" | "max_tokens" => mended.finish = Some(FinishReason::Length),
            _ => mended.finish = Some(FinishReason::Stop),
        }
    }

    fn choice(&mut self, index: u32) -> Option<&mut Mended> {
        let place = self.choices.iter().position(|choice| choice.index == index);
        let place = match place {
            Some(place) => place,
            None if self.choices.len() < MAX_CHOICES => {
                let tools = self.tools.clone();
                self.choices.push(Mended {
                    index,
                    reader: tools
                        .filter(|_| !self.plain.contains(&index))
                        .map(Reader::new),
                    calls: Vec::new(),
                    num_calls: 0,
                    finish: None,
                });
                self.choices.len() - 1
            }
            None => return None,
        };
        self.choices.get_mut(place)
    }
}

impl Mended {
    fn push(&self, delta: Delta, events: &mut Vec<AnswerEvent>) {
        events.push(AnswerEvent::Delta {
            choice: self.index,
            delta,
            logprobs: Vec::new(),
        });
    }

    fn start_call(&mut self, id: String, name: String, events: &mut Vec<AnswerEvent>) -> u32 {
        let index = self.num_calls;
        self.num_calls += 1;
        self.push(Delta::CallStarted { index, id, name }, events);
        index
    }

    /// A call, or more of one, of the host's own making.
    fn call(
        &mut self,
        theirs: u32,
        id: &str,
        name: &str,
        arguments: &str,
        events: &mut Vec<AnswerEvent>,
    ) {
        let known = self.calls.iter().find(|call| call.theirs == theirs);
        let index = match known.map(|call| call.ours) {
            Some(ours) => ours,
            None if self.calls.len() < MAX_CALLS => {
                let id = match id {
                    "" => random_id("call_"),
                    id => id.to_owned(),
                };
                let ours = self.start_call(id, name.to_owned(), events);
                self.calls.push(MendedCall { theirs, ours });
                ours
            }
            None => return,
        };
        if !arguments.is_empty() {
            let text = arguments.to_owned();
            self.push(Delta::CallArguments { index, text }, events);
        }
    }

    fn show(&mut self, parts: Vec<TurnPart>, events: &mut Vec<AnswerEvent>) {
        for part in parts {
            match part {
                TurnPart::Reasoning(text) => self.push(Delta::Reasoning(text), events),
                TurnPart::Content(text) => self.push(Delta::Content(text), events),
                TurnPart::CallStarted { name } => {
                    self.start_call(random_id("call_"), name, events);
                }
                TurnPart::CallArguments(text) => {
                    let index = self.num_calls.saturating_sub(1);
                    self.push(Delta::CallArguments { index, text }, events);
                }
                TurnPart::CallFinished(_) | TurnPart::CallTruncated => {}
            }
        }
    }
}

/// Reads Harmony that was written out as text, in pieces cut anywhere.
struct Reader {
    turn: TurnReader,
    /// What may be the beginning of a marker.
    held: String,
    has_begun: bool,
    /// Whether the control tokens were left out, and only the words around them tell.
    is_bare: bool,
    /// Within a header whose end only the first brace of its arguments tells.
    awaits_brace: bool,
}

/// What a marker in the text stands for.
#[derive(Clone, Copy)]
enum Marker {
    /// A control token.
    Token(TokenId),
    /// `assistantfinal` where `<|end|><|start|>assistant<|channel|>final<|message|>` was meant.
    BareTurn(&'static str),
    /// The first brace of a bare call.
    Brace,
}

impl Reader {
    fn new(tools: Vec<String>) -> Self {
        Self {
            turn: TurnReader::new(&ENCODING, tools),
            held: String::new(),
            has_begun: false,
            is_bare: false,
            awaits_brace: false,
        }
    }

    fn read(&mut self, text: &str) -> Vec<TurnPart> {
        self.held.push_str(text);
        let mut parts = Vec::new();
        if !self.has_begun {
            self.trim();
            let words = &*self.held;
            let openings = BARE_OPENINGS.iter().chain(&[START]);
            let mut longer = openings.filter(|opening| opening.len() > words.len());
            if longer.any(|opening| opening.starts_with(words)) {
                return parts;
            }
            self.begin(&mut parts);
        }
        let held = std::mem::take(&mut self.held);
        let mut rest = &*held;
        while let Some((place, length, marker)) = self.next_marker(rest) {
            self.text(&rest[..place], &mut parts);
            self.marker(marker, &mut parts);
            rest = &rest[place + length..];
        }
        let (before, after) = rest.split_at(self.possible_marker(rest));
        self.text(before, &mut parts);
        self.held = after.to_owned();
        parts
    }

    fn close(&mut self) -> Vec<TurnPart> {
        let mut parts = Vec::new();
        if !self.has_begun {
            self.trim();
            self.begin(&mut parts);
        }
        let rest = std::mem::take(&mut self.held);
        self.text(&rest, &mut parts);
        parts.extend(self.turn.close());
        parts
    }

    /// White space before the first word means nothing.
    fn trim(&mut self) {
        let length = self.held.len() - self.held.trim_start().len();
        self.held.drain(..length);
    }

    /// The parser stands behind `<|start|>assistant`.
    fn begin(&mut self, parts: &mut Vec<TurnPart>) {
        if self.held.is_empty() {
            return;
        }
        self.has_begun = true;
        let special = ENCODING.special_tokens();
        if let Some(rest) = self.held.strip_prefix(START) {
            self.held = rest.to_owned();
        } else if let Some(rest) = self.held.strip_prefix("analysis") {
            self.held = rest.to_owned();
            self.is_bare = true;
            self.token(special.channel, parts);
            self.text("analysis", parts);
            self.token(special.message, parts);
        } else if self.held.starts_with("commentary to=") {
            self.is_bare = true;
            self.awaits_brace = true;
            self.token(special.channel, parts);
        }
    }

    fn markers(&self) -> impl Iterator<Item = (&'static str, Marker)> + use<> {
        let special = ENCODING.special_tokens();
        let tokens = [
            ("<|start|>", special.start),
            ("<|end|>", special.end),
            ("<|message|>", special.message),
            ("<|channel|>", special.channel),
            ("<|constrain|>", special.constrain),
            ("<|return|>", special.return_),
            ("<|call|>", special.call),
        ];
        let tokens = tokens.map(|(text, id)| (text, Marker::Token(id)));
        let bare = self.is_bare && !self.awaits_brace;
        let turns = BARE_TURNS.iter().filter(move |_| bare);
        let turns = turns.map(|turn| (*turn, Marker::BareTurn(turn)));
        let brace = self.awaits_brace.then_some(("{", Marker::Brace));
        tokens.into_iter().chain(turns).chain(brace)
    }

    /// The first marker of the text: where, how long, and what it means.
    fn next_marker(&self, text: &str) -> Option<(usize, usize, Marker)> {
        let markers: Vec<_> = self.markers().collect();
        // One pass: a text may be nothing but markers of one kind.
        (0..text.len()).find_map(|place| {
            let rest = &text.as_bytes()[place..];
            let found = markers
                .iter()
                .find(|(text, _)| rest.starts_with(text.as_bytes()));
            found.map(|&(text, marker)| (place, text.len(), marker))
        })
    }

    /// Where the earliest beginning of a marker at the end of the text lies.
    fn possible_marker(&self, text: &str) -> usize {
        let longest = self.markers().map(|(text, _)| text.len()).max();
        let from = text.len().saturating_sub(longest.unwrap_or(0));
        let markers: Vec<_> = self.markers().collect();
        (from..text.len())
            .filter(|&place| text.is_char_boundary(place))
            .find(|&place| {
                let rest = &text[place..];
                markers.iter().any(|(marker, _)| marker.starts_with(rest))
            })
            .unwrap_or(text.len())
    }

    fn marker(&mut self, marker: Marker, parts: &mut Vec<TurnPart>) {
        let special = ENCODING.special_tokens();
        match marker {
            Marker::Token(id) => self.token(id, parts),
            Marker::BareTurn(turn) => {
                self.token(special.end, parts);
                self.token(special.start, parts);
                self.text("assistant", parts);
                self.token(special.channel, parts);
                self.text(turn.strip_prefix("assistant").unwrap_or(turn), parts);
                match turn.ends_with("final") {
                    true => {
                        // What follows is for the user, whatever it says.
                        self.is_bare = false;
                        self.token(special.message, parts);
                    }
                    false => self.awaits_brace = true,
                }
            }
            Marker::Brace => {
                self.awaits_brace = false;
                self.token(special.message, parts);
                self.text("{", parts);
            }
        }
    }

    fn token(&mut self, id: TokenId, parts: &mut Vec<TurnPart>) {
        for part in self.turn.process(id) {
            add(part, parts);
        }
    }

    fn text(&mut self, text: &str, parts: &mut Vec<TurnPart>) {
        for id in ENCODING.tokenizer().encode(text) {
            self.token(id, parts);
        }
    }
}

/// Adds a part; more of the same kind is one part.
fn add(part: TurnPart, parts: &mut Vec<TurnPart>) {
    use TurnPart::{CallArguments, Content, Reasoning};
    match (parts.last_mut(), &part) {
        (Some(Reasoning(last)), Reasoning(text))
        | (Some(Content(last)), Content(text))
        | (Some(CallArguments(last)), CallArguments(text)) => last.push_str(text),
        _ => parts.push(part),
    }
}

#[cfg(test)]
mod tests;
