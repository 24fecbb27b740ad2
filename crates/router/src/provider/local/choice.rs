//! One choice of an answer: its tokens, turned into what the client sees of them.

use std::collections::VecDeque;

use engine::GeneratedToken;
use harmony::{Encoding, Message, TokenId, TurnPart, TurnReader, Utf8Decoder};

use super::stop::StopFilter;
use crate::provider::{Delta, TokenLogprob};
use crate::random_id::random_id;

/// A delta with the log-probabilities of its tokens.
pub(super) type Grown = (Delta, Vec<TokenLogprob>);

pub(super) struct Choice {
    encoding: Encoding,
    reader: Reader,
    stop: StopFilter,
    shows_reasoning: bool,
    /// Tokens of the content that was not yet let through, if they are wanted.
    logprobs: Option<VecDeque<ContentToken>>,
    /// Bytes of content that were read, and that were let through.
    num_read: usize,
    num_shown: usize,
    call_ids: Vec<String>,
}

enum Reader {
    /// A turn in Harmony.
    Turn(Box<TurnReader>),
    /// A text without any format.
    Text(Utf8Decoder),
}

struct ContentToken {
    /// Where it begins in the content.
    start: usize,
    logprob: TokenLogprob,
}

impl Choice {
    /// A choice of a chat with these tools.
    pub(super) fn of_chat(encoding: &Encoding, tools: &[String], stops: &[String]) -> Self {
        let reader = TurnReader::new(encoding, tools.to_vec());
        Self::new(encoding, Reader::Turn(Box::new(reader)), stops)
    }

    /// A choice of a text completion.
    pub(super) fn of_text(encoding: &Encoding, stops: &[String]) -> Self {
        Self::new(encoding, Reader::Text(Utf8Decoder::default()), stops)
    }

    fn new(encoding: &Encoding, reader: Reader, stops: &[String]) -> Self {
        Self {
            encoding: encoding.clone(),
            reader,
            stop: StopFilter::new(stops),
            shows_reasoning: true,
            logprobs: None,
            num_read: 0,
            num_shown: 0,
            call_ids: Vec::new(),
        }
    }

    /// The same, telling its reasoning or not.
    pub(super) fn with_reasoning(mut self, shows_reasoning: bool) -> Self {
        self.shows_reasoning = shows_reasoning;
        self
    }

    /// The same, telling log-probabilities or not.
    pub(super) fn with_logprobs(mut self, wanted: bool) -> Self {
        self.logprobs = wanted.then(VecDeque::new);
        self
    }

    /// Takes a token; returns what the client sees of it.
    pub(super) fn take(&mut self, token: &GeneratedToken) -> Vec<Grown> {
        let parts = match &mut self.reader {
            Reader::Turn(reader) => reader.process(token.id),
            Reader::Text(decoder) => {
                let mut text = String::new();
                if !self.encoding.tokenizer().is_special(token.id)
                    && let Some(bytes) = self.encoding.tokenizer().token_bytes(token.id)
                {
                    decoder.push(bytes, &mut text);
                }
                match text.is_empty() {
                    true => Vec::new(),
                    false => vec![TurnPart::Content(text)],
                }
            }
        };
        if self.is_content(token.id)
            && let Some(queue) = &mut self.logprobs
        {
            queue.push_back(ContentToken {
                start: self.num_read,
                logprob: logprob(&self.encoding, token),
            });
        }
        self.show(parts)
    }

    /// Takes tokens that were not generated but put before what is to come.
    pub(super) fn take_forced(&mut self, tokens: &[TokenId]) {
        if let Reader::Turn(reader) = &mut self.reader {
            for &token in tokens {
                reader.process(token);
            }
        }
    }

    /// There are no more tokens; returns what was held back.
    pub(super) fn close(&mut self) -> Vec<Grown> {
        let parts = match &mut self.reader {
            Reader::Turn(reader) => reader.close(),
            Reader::Text(decoder) => {
                let mut text = String::new();
                decoder.flush(&mut text);
                vec![TurnPart::Content(text)]
            }
        };
        let mut grown = self.show(parts);
        if !self.stop.is_stopped() {
            let rest = self.stop.flush();
            self.num_shown = self.num_read;
            let logprobs = self.shown_logprobs();
            if !rest.is_empty() || !logprobs.is_empty() {
                grown.push((Delta::Content(rest), logprobs));
            }
        }
        grown
    }

    /// Whether the choice is over though the model goes on: a stop sequence came, or it began to
    /// write in another's name.
    pub(super) fn is_over(&self) -> bool {
        let is_turn_over = match &self.reader {
            Reader::Turn(reader) => reader.is_over(),
            Reader::Text(_) => false,
        };
        is_turn_over || self.stop.is_stopped()
    }

    /// Whether the turn holds nothing that answers: neither words for the user nor a call.
    pub(super) fn lacks_answer(&self) -> bool {
        match &self.reader {
            Reader::Turn(reader) => {
                reader.turn().content.trim().is_empty() && self.call_ids.is_empty()
            }
            Reader::Text(_) => false,
        }
    }

    /// Whether complete calls wait for their results.
    pub(super) fn has_calls(&self) -> bool {
        match &self.reader {
            Reader::Turn(reader) => !reader.turn().tool_calls.is_empty(),
            Reader::Text(_) => false,
        }
    }

    pub(super) fn num_reasoning_tokens(&self) -> usize {
        match &self.reader {
            Reader::Turn(reader) => reader.turn().num_reasoning_tokens,
            Reader::Text(_) => 0,
        }
    }

    /// How often the model's output had to be mended.
    pub(super) fn num_repairs(&self) -> usize {
        match &self.reader {
            Reader::Turn(reader) => reader.turn().warnings.len(),
            Reader::Text(_) => 0,
        }
    }

    /// The ids of the calls, and the messages of the turn.
    pub(super) fn into_calls(self) -> (Vec<String>, Vec<Message>) {
        match self.reader {
            Reader::Turn(reader) => (self.call_ids, reader.finish().1),
            Reader::Text(_) => (Vec::new(), Vec::new()),
        }
    }

    /// Whether the token is part of the content: also one that ends within a character.
    fn is_content(&self, token: TokenId) -> bool {
        let is_in_content = match &self.reader {
            Reader::Turn(reader) => reader.is_in_content(),
            Reader::Text(_) => true,
        };
        is_in_content && !self.encoding.tokenizer().is_special(token)
    }

    fn show(&mut self, parts: Vec<TurnPart>) -> Vec<Grown> {
        let mut grown = Vec::new();
        for part in parts {
            // What follows a stop sequence within the same token is not said any more.
            if self.stop.is_stopped() {
                break;
            }
            match part {
                TurnPart::Reasoning(text) if self.shows_reasoning => {
                    grown.push((Delta::Reasoning(text), Vec::new()));
                }
                TurnPart::Reasoning(_) => {}
                TurnPart::Content(text) => {
                    self.num_read += text.len();
                    let passed = self.stop.push(&text);
                    self.num_shown += passed.len();
                    let logprobs = self.shown_logprobs();
                    if !passed.is_empty() {
                        grown.push((Delta::Content(passed), logprobs));
                    }
                }
                TurnPart::CallStarted { name } => {
                    let id = random_id("call_");
                    let index = self.next_call_index();
                    self.call_ids.push(id.clone());
                    grown.push((Delta::CallStarted { index, id, name }, Vec::new()));
                }
                TurnPart::CallArguments(text) => {
                    let index = self.next_call_index().saturating_sub(1);
                    grown.push((Delta::CallArguments { index, text }, Vec::new()));
                }
                TurnPart::CallFinished(_) | TurnPart::CallTruncated => {}
            }
        }
        grown
    }

    fn next_call_index(&self) -> u32 {
        u32::try_from(self.call_ids.len()).unwrap_or(u32::MAX)
    }

    /// The tokens that begin in what was let through.
    fn shown_logprobs(&mut self) -> Vec<TokenLogprob> {
        let Some(queue) = &mut self.logprobs else {
            return Vec::new();
        };
        let is_shown = |token: &ContentToken| token.start < self.num_shown;
        let count = queue.iter().take_while(|&token| is_shown(token)).count();
        queue.drain(..count).map(|token| token.logprob).collect()
    }
}

fn logprob(encoding: &Encoding, token: &GeneratedToken) -> TokenLogprob {
    let bytes = |id| {
        let bytes = encoding.tokenizer().token_bytes(id);
        bytes.unwrap_or_default().to_vec()
    };
    TokenLogprob {
        bytes: bytes(token.id),
        logprob: token.logprob.unwrap_or(f32::NEG_INFINITY),
        top: token
            .top_logprobs
            .iter()
            .map(|&(id, logprob)| (bytes(id), logprob))
            .collect(),
    }
}
