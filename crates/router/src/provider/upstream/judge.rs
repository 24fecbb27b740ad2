//! Whether what came is an answer. A host that says 200 and sends nothing, or control tokens, or a
//! call in words, has failed as much as one that says 500.

use serde_json::Value;

use super::schema;
use crate::error::FailureKind;
use crate::openai::upstream::{Choice, Chunk};
use crate::openai::{ChatRequest, CompletionRequest, ToolChoice};
use crate::provider::Delta;

/// Most choices and calls that are followed; requests cannot ask for more choices.
const MAX_CHOICES: usize = 128;
const MAX_CALLS: usize = 128;
/// Bytes of the words of a choice, and of the arguments of a call, that are kept to be judged.
const MAX_KEPT_BYTES: usize = 1 << 20;
/// Below so many tokens a model that thinks cannot be expected to say anything.
const MIN_FAIR_TOKENS: u64 = 64;

/// gpt-oss's control tokens.
pub(super) const HARMONY_TOKENS: &[&str] = &[
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|channel|>",
    "<|constrain|>",
    "<|return|>",
    "<|call|>",
];
/// Those of other models.
const OTHER_TOKENS: &[&str] = &[
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
];
/// What Harmony looks like when the control tokens are left out and the words around them are not.
pub(super) const BARE_OPENINGS: &[&str] = &["analysis", "commentary to="];
pub(super) const BARE_TURNS: &[&str] = &["assistantfinal", "assistantcommentary"];

/// What a request lets one expect of its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    /// The declared functions.
    pub(super) tools: Vec<String>,
    json: Option<JsonWish>,
    /// Whether the client itself speaks of control tokens, which then may come back.
    mentions_tokens: bool,
    /// Whether so few tokens are allowed that there may be no answer.
    may_be_cut: bool,
    /// Whether a text is continued: then white space is an answer.
    is_text: bool,
    /// Whether the host is known to let Harmony into its words.
    expects_harmony: bool,
}

#[derive(Clone, Debug)]
enum JsonWish {
    Object,
    Schema(Value),
}

impl Wishes {
    pub(super) fn of_chat(request: &ChatRequest, expects_harmony: bool) -> Self {
        let tools = match request.tool_choice {
            Some(ToolChoice::None) => None,
            _ => request.tools.as_ref(),
        };
        let functions = tools
            .into_iter()
            .flatten()
            .filter_map(|tool| tool.function.as_ref());
        let format = request.response_format.as_ref();
        let json = format.and_then(|format| match format.kind.as_str() {
            "json_object" => Some(JsonWish::Object),
            "json_schema" => {
                let schema = format
                    .json_schema
                    .as_ref()
                    .and_then(|json| json.schema.clone());
                Some(schema.map_or(JsonWish::Object, JsonWish::Schema))
            }
            _ => None,
        });
        Self {
            tools: functions.map(|function| function.name.clone()).collect(),
            json,
            mentions_tokens: mentions_tokens(&request.body),
            may_be_cut: request
                .max_output_tokens()
                .is_some_and(|most| most < MIN_FAIR_TOKENS),
            is_text: false,
            expects_harmony,
        }
    }

    pub(super) fn of_completion(request: &CompletionRequest) -> Self {
        Self {
            mentions_tokens: mentions_tokens(&request.body),
            may_be_cut: request.max_output_tokens() < MIN_FAIR_TOKENS,
            is_text: true,
            ..Self::default()
        }
    }
}

fn mentions_tokens(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"<|").is_some() || memchr::memmem::find(body, b"\\u003c|").is_some()
}

/// How the words of a choice begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Opening {
    /// Too little has come to tell.
    #[default]
    Unclear,
    /// As words do.
    Words,
    /// With Harmony's control tokens, or what is left of them.
    Harmony,
    /// With Harmony, which is mended: what is judged is what was made of it.
    Mended,
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Length,
    Filtered,
    /// For any other reason.
    Done,
}

/// Follows an answer.
#[derive(Debug)]
pub(super) struct Judge {
    wishes: Wishes,
    choices: Vec<Judged>,
    is_mending: bool,
    num_said_bytes: usize,
}

/// A choice so far.
#[derive(Debug, Default)]
struct Judged {
    index: u32,
    words: String,
    /// Whether `words` is all of them.
    is_cut: bool,
    has_words: bool,
    has_reasoning: bool,
    opening: Opening,
    calls: Vec<JudgedCall>,
    finish: Option<Finish>,
}

#[derive(Debug)]
struct JudgedCall {
    index: u32,
    arguments: String,
    is_cut: bool,
}

impl Judge {
    pub(super) fn new(wishes: Wishes) -> Self {
        Self {
            wishes,
            choices: Vec::new(),
            is_mending: false,
            num_said_bytes: 0,
        }
    }

    /// Bytes of words, reasoning and calls so far.
    pub(super) fn num_said_bytes(&self) -> usize {
        self.num_said_bytes
    }

    pub(super) fn wishes(&self) -> &Wishes {
        &self.wishes
    }

    /// Takes a chunk, or a whole answer.
    pub(super) fn take(&mut self, chunk: &Chunk<'_>) {
        for choice in chunk.choices() {
            self.take_choice(choice);
        }
    }

    fn take_choice(&mut self, choice: &Choice<'_>) {
        if !self.is_mended(choice.index) {
            self.take_said(choice);
        }
        let reason = choice.finish_reason.as_str();
        if !reason.is_empty() {
            self.finish(choice.index, reason);
        } else if choice.words().is_filled() {
            self.choice(choice.index);
        }
    }

    fn take_said(&mut self, choice: &Choice<'_>) {
        let words = choice.words();
        if words.is_filled() {
            match words.as_str() {
                "" => self.choice(choice.index).has_words = true,
                text => self.add_words(choice.index, text),
            }
        }
        if let Some(message) = choice.said() {
            if message.refusal.is_filled() {
                self.choice(choice.index).has_words = true;
            }
            let reasoning = message.reasoning();
            if reasoning.is_filled() {
                self.add_reasoning(choice.index, reasoning.as_str());
            }
            for (place, call) in message.calls().enumerate() {
                let place = u32::try_from(place).unwrap_or(u32::MAX);
                let function = call.function.as_ref();
                let name = function.map_or("", |function| function.name.as_str());
                let arguments = function.map_or("", |function| function.arguments.as_str());
                self.add_call(choice.index, call.index.unwrap_or(place), name, arguments);
            }
        }
    }

    /// Takes what was made of Harmony; of other choices it was taken as it came.
    pub(super) fn take_mended(&mut self, index: u32, delta: &Delta) {
        if !self.is_mended(index) {
            return;
        }
        match delta {
            Delta::Content(text) => self.add_words(index, text),
            Delta::Reasoning(text) => self.add_reasoning(index, text),
            Delta::CallStarted {
                index: call, name, ..
            } => self.add_call(index, *call, name, ""),
            Delta::CallArguments { index: call, text } => self.add_call(index, *call, "", text),
        }
    }

    fn add_words(&mut self, index: u32, text: &str) {
        self.num_said_bytes += text.len();
        let (is_text, expects_harmony) = (self.wishes.is_text, self.wishes.expects_harmony);
        let may_be_harmony = !is_text && (expects_harmony || !self.wishes.mentions_tokens);
        let choice = self.choice(index);
        append(&mut choice.words, &mut choice.is_cut, text);
        choice.has_words |= is_text || !text.trim_start().is_empty();
        if choice.opening == Opening::Unclear && choice.has_words {
            // Whoever makes out calls has read the Harmony.
            let may_be_harmony = may_be_harmony && choice.calls.is_empty() && !choice.is_cut;
            choice.opening = match may_be_harmony {
                true => opening(choice.words.trim_start(), expects_harmony),
                false => Opening::Words,
            };
        }
    }

    fn add_reasoning(&mut self, index: u32, text: &str) {
        self.num_said_bytes += text.len();
        self.choice(index).has_reasoning = true;
    }

    fn add_call(&mut self, index: u32, call: u32, name: &str, arguments: &str) {
        self.num_said_bytes += name.len() + arguments.len();
        let calls = &mut self.choice(index).calls;
        let place = calls.iter().rposition(|one| one.index == call);
        let place = place.unwrap_or_else(|| {
            if calls.len() < MAX_CALLS {
                calls.push(JudgedCall {
                    index: call,
                    arguments: String::new(),
                    is_cut: false,
                });
            }
            calls.len() - 1
        });
        let call = &mut calls[place];
        append(&mut call.arguments, &mut call.is_cut, arguments);
    }

    fn finish(&mut self, index: u32, reason: &str) {
        self.choice(index).finish = Some(match reason {
            "length" | "max_tokens" => Finish::Length,
            "content_filter" => Finish::Filtered,
            _ => Finish::Done,
        });
    }

    /// From here on the choices are mended that have not begun otherwise: what was read as their
    /// words was none.
    pub(super) fn begin_mending(&mut self) {
        self.is_mending = true;
        for choice in self.choices.iter_mut().filter(|choice| !choice.is_plain()) {
            choice.words.clear();
            choice.has_words = false;
            choice.is_cut = false;
            choice.opening = Opening::Mended;
        }
    }

    fn is_mended(&self, index: u32) -> bool {
        let known = self.choices.iter().find(|choice| choice.index == index);
        known.map_or(self.is_mending, |choice| choice.opening == Opening::Mended)
    }

    /// The choices that began as words or calls.
    pub(super) fn plain_choices(&self) -> Vec<u32> {
        let plain = self.choices.iter().filter(|choice| choice.is_plain());
        plain.map(|choice| choice.index).collect()
    }

    /// Whether there was a word, a thought or a call that may be passed on.
    pub(super) fn has_begun(&self) -> bool {
        self.choices.iter().any(|choice| {
            let has_words = choice.has_words && choice.opening != Opening::Unclear;
            has_words || choice.has_reasoning || !choice.calls.is_empty()
        })
    }

    /// Whether what came last has to wait until more is known.
    pub(super) fn is_unclear(&self) -> bool {
        let is_unclear = |choice: &Judged| choice.has_words && choice.opening == Opening::Unclear;
        self.choices
            .iter()
            .any(|choice| is_unclear(choice) && !choice.words.is_empty())
    }

    /// Whether a choice begins with Harmony.
    pub(super) fn has_harmony(&self) -> bool {
        self.choices
            .iter()
            .any(|choice| choice.opening == Opening::Harmony)
    }

    /// Whether a whole answer has Harmony that can be mended: at its beginning, or anywhere if the
    /// host is known for it.
    pub(super) fn is_mendable(&self) -> bool {
        let has_tokens = |choice: &Judged| {
            HARMONY_TOKENS
                .iter()
                .any(|token| choice.words.contains(token))
        };
        self.has_harmony() || self.wishes.expects_harmony && self.choices.iter().any(has_tokens)
    }

    /// Whether every choice that began has said why it ended.
    pub(super) fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finish.is_some())
    }

    /// What is wrong with the whole, in a word and in words.
    pub(super) fn verdict(&self) -> Option<(FailureKind, String)> {
        if self.choices.is_empty() {
            let words = "it said nothing, not even why".to_owned();
            return Some((FailureKind::EmptyAnswer, words));
        }
        self.choices
            .iter()
            .find_map(|choice| choice.verdict(&self.wishes))
    }

    fn choice(&mut self, index: u32) -> &mut Judged {
        let place = self.choices.iter().position(|choice| choice.index == index);
        let place = place.unwrap_or_else(|| {
            if self.choices.len() < MAX_CHOICES {
                self.choices.push(Judged {
                    index,
                    opening: match self.is_mending {
                        true => Opening::Mended,
                        false => Opening::Unclear,
                    },
                    ..Judged::default()
                });
            }
            self.choices.len() - 1
        });
        &mut self.choices[place]
    }
}

fn append(text: &mut String, is_cut: &mut bool, more: &str) {
    match text.len() + more.len() <= MAX_KEPT_BYTES && !*is_cut {
        true => text.push_str(more),
        false => *is_cut = true,
    }
}

/// How `words` begin, which are not empty.
fn opening(words: &str, expects_harmony: bool) -> Opening {
    let bare = |opening: &&&str| {
        // "analysisWe need": as a word it would end there.
        let next = words
            .strip_prefix(**opening)
            .and_then(|rest| rest.chars().next());
        match opening.ends_with('=') {
            true => words.starts_with(**opening),
            false => next.is_some_and(char::is_uppercase),
        }
    };
    let openings = HARMONY_TOKENS.iter();
    let bare_openings = BARE_OPENINGS.iter().filter(|_| expects_harmony);
    if openings.clone().any(|token| words.starts_with(token))
        || bare_openings.clone().any(|one| bare(&one))
    {
        Opening::Harmony
    } else if openings
        .chain(bare_openings)
        .any(|token| token.starts_with(words))
    {
        Opening::Unclear
    } else {
        Opening::Words
    }
}

impl Judged {
    fn is_plain(&self) -> bool {
        self.opening == Opening::Words || !self.calls.is_empty()
    }

    fn verdict(&self, wishes: &Wishes) -> Option<(FailureKind, String)> {
        let said = |kind, words: &str| Some((kind, words.to_owned()));
        if !self.has_words && self.calls.is_empty() {
            return match self.finish {
                Some(Finish::Filtered) => said(
                    FailureKind::ContentRefused,
                    "its moderation took the answer away",
                ),
                Some(Finish::Length) if wishes.may_be_cut => None,
                Some(Finish::Length) if self.has_reasoning => said(
                    FailureKind::TruncatedReasoning,
                    "it thought until no tokens were left; allow more of them",
                ),
                _ if self.has_reasoning => said(
                    FailureKind::EmptyAnswer,
                    "it thought, and then said nothing",
                ),
                _ => said(FailureKind::EmptyAnswer, "it said nothing"),
            };
        }
        if !wishes.is_text && self.has_leaked(wishes) {
            return said(
                FailureKind::LeakedTokens,
                "control tokens of the model got into its words",
            );
        }
        // What was cut off at its limit cannot be whole.
        if self.finish == Some(Finish::Length) || self.is_cut {
            return None;
        }
        if self.calls.is_empty() && is_call_in_words(&self.words, &wishes.tools) {
            return said(
                FailureKind::ToolCallInText,
                "it wrote a call of a function into its words",
            );
        }
        if self.calls.is_empty()
            && let Some(wish) = &wishes.json
            && let Err(reason) = wish.check(&self.words)
        {
            let words = format!("JSON was asked for, and this came: {reason}");
            return Some((FailureKind::InvalidJson, words));
        }
        let is_bad = |call: &&JudgedCall| {
            let arguments = call.arguments.trim();
            !call.is_cut && !arguments.is_empty() && schema::parse(arguments).is_err()
        };
        let bad = self.calls.iter().find(is_bad)?;
        let words = format!("the arguments of call {} are not JSON", bad.index);
        Some((FailureKind::InvalidJson, words))
    }

    /// Whether control tokens, or what is left of them, stand in the words; not where they are
    /// quoted as code.
    fn has_leaked(&self, wishes: &Wishes) -> bool {
        let words = &self.words;
        if words.starts_with("analysis") && BARE_TURNS.iter().any(|turn| words.contains(turn)) {
            return true;
        }
        if wishes.mentions_tokens && self.opening != Opening::Harmony {
            return false;
        }
        let (mut is_code, mut num_read) = (false, 0);
        words.match_indices("<|").any(|(place, _)| {
            let quotes = words[num_read..place].matches('`').count();
            is_code ^= !quotes.is_multiple_of(2);
            num_read = place;
            let mut tokens = HARMONY_TOKENS.iter().chain(OTHER_TOKENS);
            !is_code && tokens.any(|token| words[place..].starts_with(token))
        })
    }
}

impl JsonWish {
    fn check(&self, words: &str) -> Result<(), String> {
        let value = schema::parse(words)?;
        match self {
            Self::Object if !value.is_object() => Err("it is no object".to_owned()),
            Self::Object => Ok(()),
            Self::Schema(schema) => schema::check(schema, &value),
        }
    }
}

/// Whether the words are nothing but a call of one of these functions, in the forms that models
/// have for it.
fn is_call_in_words(words: &str, tools: &[String]) -> bool {
    if tools.is_empty() {
        return false;
    }
    let mut words = words.trim();
    for (before, after) in [
        ("<tool_call>", "</tool_call>"),
        ("```json", "```"),
        ("```", "```"),
        ("[TOOL_CALLS]", ""),
    ] {
        if let Some(inner) = words.strip_prefix(before) {
            let inner = inner.trim();
            words = inner.strip_suffix(after).unwrap_or(inner).trim();
        }
    }
    if !words.starts_with(['{', '[']) {
        return false;
    }
    schema::parse(words).is_ok_and(|value| is_call(&value, tools))
}

fn is_call(value: &Value, tools: &[String]) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|one| is_call(one, tools)),
        Value::Object(object) => {
            let inner = object.get("tool_calls").or(object.get("function"));
            if let Some(inner) = inner.filter(|inner| !inner.is_string()) {
                return is_call(inner, tools);
            }
            let name = ["name", "function", "tool"]
                .iter()
                .find_map(|field| object.get(*field)?.as_str());
            let name = name.map(|name| name.strip_prefix("functions.").unwrap_or(name));
            let has_arguments = ["arguments", "parameters", "args", "input"]
                .iter()
                .any(|field| object.contains_key(*field));
            has_arguments && name.is_some_and(|name| tools.iter().any(|tool| tool == name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
