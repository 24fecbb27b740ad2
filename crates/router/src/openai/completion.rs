//! `POST /v1/completions`: a text is continued, without any chat format.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::chat_request::{
    StopSequences, StreamOptions, check_choices, check_length, check_max_tokens, check_models,
    check_stops, token_limit,
};
use super::chat_response::{UsageJson, choice_at, finish_word, to_json};
use super::json;
use super::logprobs::{finite, token_text};
use crate::error::InvalidRequest;
use crate::provider::{AnswerEvent, Delta, FinishReason, TokenLogprob, Usage};

/// What OpenAI's API takes when nothing is said.
pub const DEFAULT_MAX_TOKENS: u64 = 16;
/// Most prompts of a request.
pub const MAX_PROMPTS: usize = 64;
/// Most alternatives of a token.
pub const MAX_LOGPROBS: u8 = 20;

/// A request to continue a text.
#[derive(Clone, Debug, Deserialize)]
pub struct CompletionRequest {
    /// The model's name.
    pub model: Option<String>,
    /// What to continue.
    pub prompt: CompletionPrompt,
    /// Whether to send the answer as it comes.
    pub stream: Option<bool>,
    /// How to stream.
    pub stream_options: Option<StreamOptions>,
    /// Randomness, 0 to 2.
    pub temperature: Option<f32>,
    /// Share of the likeliest tokens to sample from, 0 to 1.
    pub top_p: Option<f32>,
    /// Number of the likeliest tokens to sample from.
    pub top_k: Option<i64>,
    /// Least probability of a token, as a fraction of the likeliest one's.
    pub min_p: Option<f32>,
    /// -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// -2 to 2.
    pub presence_penalty: Option<f32>,
    /// Above 0.
    pub repetition_penalty: Option<f32>,
    /// Token id, as text, to what is added to its logit.
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// How many alternatives to tell of each token.
    pub logprobs: Option<u8>,
    /// The same seed gives the same answer.
    pub seed: Option<i64>,
    /// Where to stop.
    pub stop: Option<StopSequences>,
    /// How many answers to each prompt.
    pub n: Option<u32>,
    /// Most tokens of an answer; 16 if nothing is said, as in OpenAI's API.
    pub max_tokens: Option<i64>,
    /// Whether to repeat the prompt before the answer.
    pub echo: Option<bool>,
    best_of: Option<u32>,
    suffix: Option<String>,
    /// Models that may answer, in this order, after `model` if that is named.
    pub models: Option<Vec<String>>,
    /// The request as the client sent it, for those who pass it on.
    #[serde(skip)]
    pub body: Bytes,
}

/// What to continue: texts, or token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompletionPrompt {
    /// Texts, which hold no special tokens whatever they contain.
    Texts(Vec<String>),
    /// Token ids, special ones included.
    Tokens(Vec<Vec<u32>>),
}

impl CompletionRequest {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// The first fault, with its field.
    pub fn from_json(body: Bytes) -> Result<Self, InvalidRequest> {
        let mut request: Self = json::from_slice(&body)?;
        request.check()?;
        request.body = body;
        Ok(request)
    }

    fn check(&self) -> Result<(), InvalidRequest> {
        let num_prompts = self.prompt.len();
        check_length("prompt", num_prompts, MAX_PROMPTS)?;
        if num_prompts == 0 {
            return Err(InvalidRequest::of("prompt", "prompt: it is empty"));
        }
        check_models(self.models.as_deref())?;
        check_choices(self.n)?;
        check_max_tokens("max_tokens", self.max_tokens)?;
        check_stops(self.stop.as_ref())?;
        let unsupported = |param: &str, words: &str| {
            Err(InvalidRequest::of(param, format!("{param}: {words}"))
                .with_code("unsupported_value"))
        };
        if self.suffix.as_ref().is_some_and(|text| !text.is_empty()) {
            return unsupported("suffix", "the models here cannot fill in the middle");
        }
        if self.best_of.is_some_and(|best| best > self.num_choices()) {
            return unsupported("best_of", "not supported; use n and choose");
        }
        if self.logprobs.is_some_and(|count| count > MAX_LOGPROBS) {
            let words = format!("logprobs: must be at most {MAX_LOGPROBS}");
            return Err(InvalidRequest::of("logprobs", words));
        }
        if self.logprobs.is_some() && self.echo == Some(true) {
            return unsupported(
                "echo",
                "the tokens of a prompt have no logprobs here; ask for one of the two",
            );
        }
        if self.stream_options.is_some() && !self.is_stream() {
            return Err(InvalidRequest::of(
                "stream_options",
                "stream_options: it needs \"stream\": true",
            ));
        }
        Ok(())
    }

    /// Whether to send the answer as it comes.
    pub fn is_stream(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether the stream ends with the usage.
    pub fn includes_usage(&self) -> bool {
        self.stream_options
            .and_then(|options| options.include_usage)
            .unwrap_or(false)
    }

    /// How many answers to each prompt.
    pub fn num_choices(&self) -> u32 {
        self.n.unwrap_or(1)
    }

    /// The most tokens of an answer.
    pub fn max_output_tokens(&self) -> u64 {
        token_limit(self.max_tokens).unwrap_or(DEFAULT_MAX_TOKENS)
    }
}

impl CompletionPrompt {
    /// How many prompts there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Tokens(prompts) => prompts.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'de> Deserialize<'de> for CompletionPrompt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// An item of a list.
        enum Item {
            Text(String),
            Token(u32),
            Tokens(Vec<u32>),
        }

        struct ItemVisitor;
        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a token id, or a list of token ids")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Text(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Item, E> {
                let id = u32::try_from(id);
                id.map(Item::Token)
                    .map_err(|_| de::Error::custom("no token id is that large"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Item, A::Error> {
                let mut tokens = Vec::new();
                while let Some(token) = seq.next_element()? {
                    tokens.push(token);
                }
                Ok(Item::Tokens(tokens))
            }
        }

        impl<'de> Deserialize<'de> for Item {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ItemVisitor)
            }
        }

        struct PromptVisitor;
        impl<'de> Visitor<'de> for PromptVisitor {
            type Value = CompletionPrompt;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a list of strings, token ids, or a list of those")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(CompletionPrompt::Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mixed = || de::Error::custom("its items are of different kinds");
                let (mut texts, mut tokens, mut lists) = (Vec::new(), Vec::new(), Vec::new());
                while let Some(item) = seq.next_element()? {
                    match item {
                        Item::Text(text) => texts.push(text),
                        Item::Token(token) => tokens.push(token),
                        Item::Tokens(list) => lists.push(list),
                    }
                }
                match (texts.is_empty(), tokens.is_empty(), lists.is_empty()) {
                    (_, true, true) => Ok(CompletionPrompt::Texts(texts)),
                    (true, false, true) => Ok(CompletionPrompt::Tokens(vec![tokens])),
                    (true, true, false) => Ok(CompletionPrompt::Tokens(lists)),
                    _ => Err(mixed()),
                }
            }
        }
        deserializer.deserialize_any(PromptVisitor)
    }
}

/// Writes the events of an answer as the JSON of `text_completion` chunks.
#[derive(Clone, Debug)]
pub struct CompletionChunks {
    id: String,
    created: i64,
    model: String,
    include_usage: bool,
    /// How many characters of each choice have gone out, for `text_offset`.
    offsets: Vec<usize>,
}

#[derive(Serialize)]
struct CompletionJson<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<CompletionChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageJson>>,
}

#[derive(Serialize)]
struct CompletionChoice<'a> {
    index: u32,
    text: &'a str,
    logprobs: Option<CompletionLogprobs>,
    finish_reason: Option<&'static str>,
}

/// The four lists of this API's log-probabilities, one item for each token.
#[derive(Clone, Debug, Default, Serialize)]
struct CompletionLogprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<f32>,
    top_logprobs: Vec<Map<String, Value>>,
    text_offset: Vec<usize>,
}

impl CompletionLogprobs {
    fn push(&mut self, token: TokenLogprob, offset: &mut usize) {
        let text = token_text(&token.bytes);
        self.text_offset.push(*offset);
        *offset += text.chars().count();
        self.tokens.push(text);
        self.token_logprobs.push(finite(token.logprob));
        let top = token.top.into_iter();
        self.top_logprobs.push(
            top.map(|(bytes, logprob)| (token_text(&bytes), finite(logprob).into()))
                .collect(),
        );
    }
}

impl CompletionChunks {
    /// For an answer named `id` of `model`, begun at `created` (seconds since 1970).
    pub fn new(id: String, created: i64, model: String, include_usage: bool) -> Self {
        Self {
            id,
            created,
            model,
            include_usage,
            offsets: Vec::new(),
        }
    }

    /// The chunk for an event, if it has one.
    pub fn write(&mut self, event: AnswerEvent) -> Option<String> {
        match event {
            AnswerEvent::Delta {
                choice,
                delta: Delta::Content(text),
                logprobs,
            } => {
                let logprobs = self.logprobs(choice, logprobs);
                Some(self.chunk(Some((choice, &text, logprobs, None)), None))
            }
            // A text has neither reasoning nor calls.
            AnswerEvent::Delta { .. } | AnswerEvent::Relayed(_) | AnswerEvent::Whole(_) => None,
            AnswerEvent::Finished { choice, reason } => {
                Some(self.chunk(Some((choice, "", None, Some(reason))), None))
            }
            AnswerEvent::Ended { usage, .. } => {
                let usage = usage.filter(|_| self.include_usage)?;
                Some(self.chunk(None, Some(usage.into())))
            }
        }
    }

    fn logprobs(&mut self, choice: u32, tokens: Vec<TokenLogprob>) -> Option<CompletionLogprobs> {
        let offset = choice_at(&mut self.offsets, choice);
        let mut lists = CompletionLogprobs::default();
        for token in tokens {
            lists.push(token, offset);
        }
        (!lists.tokens.is_empty()).then_some(lists)
    }

    fn chunk(
        &self,
        choice: Option<(u32, &str, Option<CompletionLogprobs>, Option<FinishReason>)>,
        usage: Option<UsageJson>,
    ) -> String {
        let choices = choice
            .map(|(index, text, logprobs, reason)| CompletionChoice {
                index,
                text,
                logprobs,
                finish_reason: reason.map(finish_word),
            })
            .into_iter()
            .collect();
        to_json(&CompletionJson {
            id: &self.id,
            object: "text_completion",
            created: self.created,
            model: &self.model,
            choices,
            usage: self.include_usage.then_some(usage),
        })
    }
}

/// Folds the events of an answer into one `text_completion` object.
#[derive(Clone, Debug, Default)]
pub struct TextCompletion {
    choices: Vec<FoldedText>,
    usage: Option<Usage>,
}

#[derive(Clone, Debug, Default)]
struct FoldedText {
    text: String,
    logprobs: CompletionLogprobs,
    offset: usize,
    reason: Option<FinishReason>,
}

impl TextCompletion {
    /// Adds an event.
    pub fn add(&mut self, event: AnswerEvent) {
        match event {
            AnswerEvent::Relayed(_) | AnswerEvent::Whole(_) => {}
            AnswerEvent::Ended { usage, .. } => self.usage = usage,
            AnswerEvent::Finished { choice, reason } => {
                choice_at(&mut self.choices, choice).reason = Some(reason)
            }
            AnswerEvent::Delta {
                choice,
                delta,
                logprobs,
            } => {
                let choice = choice_at(&mut self.choices, choice);
                if let Delta::Content(text) = delta {
                    choice.text.push_str(&text);
                }
                for token in logprobs {
                    choice.logprobs.push(token, &mut choice.offset);
                }
            }
        }
    }

    /// The object. `with_logprobs` says whether they were asked for.
    pub fn into_json(self, id: &str, created: i64, model: &str, with_logprobs: bool) -> Value {
        let choices: Vec<Value> = self
            .choices
            .into_iter()
            .enumerate()
            .map(|(index, choice)| {
                json!({
                    "index": index,
                    "text": choice.text,
                    "logprobs": with_logprobs.then_some(choice.logprobs),
                    "finish_reason": choice.reason.map(finish_word),
                })
            })
            .collect();
        json!({
            "id": id,
            "object": "text_completion",
            "created": created,
            "model": model,
            "choices": choices,
            "usage": self.usage.map(UsageJson::from),
        })
    }
}
