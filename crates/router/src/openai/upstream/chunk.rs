//! What comes back: a chunk of a stream, or a whole answer, which differ in one name only. Read
//! without a copy, and leniently: of hosts there are many.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::provider::Usage;

/// Most choices of a chunk, and calls of a choice: more than can be asked for. An empty one takes
/// hundreds of times the memory of its JSON.
const MAX_ITEMS: usize = 256;

/// A chunk of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chunk<'a> {
    /// `None` if it has no such field.
    #[serde(borrow, default)]
    choices: Option<Few<Choice<'a>>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    x_groq: Option<Groq<'a>>,
    /// What went wrong, in whatever form.
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// One choice.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    /// Which, from 0.
    pub(crate) index: u32,
    #[serde(borrow)]
    delta: Option<Message<'a>>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    /// The words, in the API that continues texts.
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    /// Why it ended, if it did.
    #[serde(borrow)]
    pub(crate) finish_reason: Text<'a>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// What a choice says, or says more.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    /// Words for the user.
    #[serde(borrow)]
    pub(crate) content: Text<'a>,
    /// Reasoning, as OpenRouter and newer vLLM name it.
    #[serde(borrow)]
    reasoning: Text<'a>,
    /// The same, as DeepSeek and older vLLM name it.
    #[serde(borrow)]
    reasoning_content: Text<'a>,
    /// The same in parts; only whether there are any.
    #[serde(borrow)]
    reasoning_details: Text<'a>,
    /// Why the model will not.
    #[serde(borrow)]
    pub(crate) refusal: Text<'a>,
    /// Calls of functions.
    #[serde(borrow)]
    tool_calls: Option<Few<Call<'a>>>,
}

/// A call, or more of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Call<'a> {
    /// Which call of the choice; whole answers do not say.
    pub(crate) index: Option<u32>,
    /// The name by which its result refers to it.
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    /// The function and its arguments.
    #[serde(borrow)]
    pub(crate) function: Option<Function<'a>>,
}

/// The function of a call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Function<'a> {
    /// Its name.
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    /// Its arguments, or more of them.
    #[serde(borrow)]
    pub(crate) arguments: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Groq<'a> {
    usage: Option<WireUsage>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// Where DeepSeek and vLLM put it.
    prompt_cache_hit_tokens: Count,
    reasoning_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Count,
}

impl<'a> Chunk<'a> {
    /// Whether there is a list of choices, if only an empty one.
    pub(crate) fn has_choices(&self) -> bool {
        self.choices.is_some()
    }

    /// The choices.
    pub(crate) fn choices(&self) -> FewIter<'_, Choice<'a>> {
        FewIter::of(self.choices.as_ref())
    }

    /// What went wrong, as JSON, if the host says so anywhere.
    pub(crate) fn error(&self) -> Option<&'a str> {
        let of_choices = || {
            self.choices().find_map(|choice| {
                let is_error = choice.finish_reason.as_str() == "error";
                choice.error.or(is_error.then_some(RawValue::NULL))
            })
        };
        let of_groq = || self.x_groq.as_ref().and_then(|groq| groq.error);
        self.error
            .or_else(of_groq)
            .or_else(of_choices)
            .map(RawValue::get)
    }

    /// The tokens, if the chunk tells.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let of_groq = || self.x_groq.as_ref().and_then(|groq| groq.usage);
        self.usage.or_else(of_groq).map(WireUsage::normal)
    }

    /// Whether `usage` itself tells the tokens, where every client looks for them.
    pub(crate) fn tells_usage(&self) -> bool {
        self.usage.is_some()
    }
}

impl<'a> Choice<'a> {
    /// What it says.
    pub(crate) fn said(&self) -> Option<&Message<'a>> {
        self.delta.as_ref().or(self.message.as_ref())
    }

    /// The words, in whichever API.
    pub(crate) fn words(&self) -> &Text<'a> {
        match self.said() {
            Some(message) => &message.content,
            None => &self.text,
        }
    }
}

impl<'a> Message<'a> {
    /// The reasoning, under whichever name; `reasoning_details` repeat it.
    pub(crate) fn reasoning(&self) -> &Text<'a> {
        [&self.reasoning, &self.reasoning_content]
            .into_iter()
            .find(|text| text.is_filled())
            .unwrap_or(&self.reasoning_details)
    }

    /// The calls.
    pub(crate) fn calls(&self) -> FewIter<'_, Call<'a>> {
        FewIter::of(self.tool_calls.as_ref())
    }
}

impl WireUsage {
    fn normal(self) -> Usage {
        let cached = self.prompt_tokens_details.unwrap_or_default().cached_tokens;
        let reasoning = self.completion_tokens_details.unwrap_or_default();
        Usage {
            prompt_tokens: self.prompt_tokens.0,
            cached_tokens: cached.0.max(self.prompt_cache_hit_tokens.0),
            completion_tokens: self.completion_tokens.0,
            reasoning_tokens: reasoning.reasoning_tokens.0.max(self.reasoning_tokens.0),
        }
    }
}

/// A text; anything else that may stand in its place is told by whether it is filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    /// `null`, an empty list, or no such field.
    #[default]
    Nothing,
    /// A text.
    Words(Cow<'a, str>),
    /// A list or an object with something in it, or a number.
    Other,
}

impl Text<'_> {
    /// Whether there is anything.
    pub(crate) fn is_filled(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Words(words) => !words.is_empty(),
            Self::Other => true,
        }
    }

    /// The text, or an empty one.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Words(words) => words,
            Self::Nothing | Self::Other => "",
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text::Words(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text::Words(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Text<'de>, E> {
                Ok(Text::Nothing)
            }

            fn visit_bool<E: de::Error>(self, is_true: bool) -> Result<Text<'de>, E> {
                Ok(match is_true {
                    true => Text::Other,
                    false => Text::Nothing,
                })
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Text<'de>, E> {
                Ok(Text::Other)
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Text<'de>, E> {
                Ok(Text::Other)
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Text<'de>, E> {
                Ok(Text::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
                let mut text = Text::Nothing;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    text = Text::Other;
                }
                Ok(text)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                let mut text = Text::Nothing;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    text = Text::Other;
                }
                Ok(text)
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A number of tokens; what is none counts as 0.
#[derive(Clone, Copy, Debug, Default)]
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;
        impl<'de> Visitor<'de> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Count, E> {
                Ok(Count(usize::try_from(count).unwrap_or(0)))
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<Count, E> {
                Ok(Count(usize::try_from(count).unwrap_or(0)))
            }

            fn visit_f64<E: de::Error>(self, count: f64) -> Result<Count, E> {
                // A cast of a float saturates, and makes 0 of what is no number.
                Ok(Count(count as usize))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Count, E> {
                Ok(Count(text.parse().unwrap_or(0)))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Count, E> {
                Ok(Count(0))
            }
        }
        deserializer.deserialize_any(CountVisitor)
    }
}

/// A list of which most have one item: that one takes no allocation. Lists of more than
/// [`MAX_ITEMS`] are not read.
#[derive(Debug)]
struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

/// The items of a short list.
pub(crate) struct FewIter<'f, T> {
    first: Option<&'f T>,
    rest: std::slice::Iter<'f, T>,
}

impl<'f, T> FewIter<'f, T> {
    fn of(few: Option<&'f Few<T>>) -> Self {
        Self {
            first: few.and_then(|few| few.first.as_ref()),
            rest: few.map_or(&[][..], |few| &few.rest).iter(),
        }
    }
}

impl<'f, T> Iterator for FewIter<'f, T> {
    type Item = &'f T;

    fn next(&mut self) -> Option<&'f T> {
        self.first.take().or_else(|| self.rest.next())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FewVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for FewVisitor<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX_ITEMS} items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
                let first = seq.next_element()?;
                let mut rest = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if rest.len() + 1 == MAX_ITEMS {
                        return Err(de::Error::invalid_length(MAX_ITEMS + 1, &self));
                    }
                    rest.push(item);
                }
                Ok(Few { first, rest })
            }
        }
        deserializer.deserialize_seq(FewVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(json: &str) -> Chunk<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_plain_chunk_is_read_without_a_copy() {
        let json = r#"{"id":"1","choices":[{"index":0,"delta":{"content":"Hi","x":[1]},
            "finish_reason":null}],"usage":null}"#;
        let chunk = chunk(json);
        let choice = chunk.choices().next().unwrap();
        assert_eq!(choice.words(), &Text::Words(Cow::Borrowed("Hi")));
        assert!(matches!(choice.words(), Text::Words(Cow::Borrowed(_))));
        assert!(!choice.finish_reason.is_filled());
        assert_eq!(chunk.usage(), None);
        assert_eq!(chunk.error(), None);
    }

    #[test]
    fn reasoning_is_found_under_each_of_its_names() {
        for field in ["reasoning", "reasoning_content"] {
            let json = format!(
                r#"{{"choices":[{{"delta":{{"content":"","{field}":"a \"thought\""}}}}]}}"#
            );
            let chunk = chunk(&json);
            let message = chunk.choices().next().unwrap().said().unwrap();
            assert_eq!(message.reasoning().as_str(), "a \"thought\"");
        }
        let details = chunk(r#"{"choices":[{"delta":{"reasoning_details":[{"text":"x"}]}}]}"#);
        let message = details.choices().next().unwrap().said().unwrap();
        assert!(message.reasoning().is_filled());
        let none = chunk(r#"{"choices":[{"delta":{"reasoning_details":[],"reasoning":null}}]}"#);
        let message = none.choices().next().unwrap().said().unwrap();
        assert!(!message.reasoning().is_filled());
    }

    #[test]
    fn usage_is_normal_wherever_it_stands() {
        let expected = Usage {
            prompt_tokens: 9,
            cached_tokens: 4,
            completion_tokens: 7,
            reasoning_tokens: 5,
        };
        for json in [
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,
                "prompt_tokens_details":{"cached_tokens":4},"cost":0,
                "completion_tokens_details":{"reasoning_tokens":5}}}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{
                "prompt_tokens":9,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4},
                "completion_tokens_details":{"reasoning_tokens":5},"queue_time":0.1}}}"#,
            r#"{"choices":null,"usage":{"prompt_tokens":9.0,"completion_tokens":"7",
                "prompt_cache_hit_tokens":4,"reasoning_tokens":5,"prompt_tokens_details":null}}"#,
        ] {
            assert_eq!(chunk(json).usage(), Some(expected), "{json}");
        }
    }

    #[test]
    fn an_error_is_found_wherever_it_stands() {
        for (json, error) in [
            (r#"{"error":{"code":502}}"#, r#"{"code":502}"#),
            (r#"{"error":"down","choices":[]}"#, r#""down""#),
            (
                r#"{"choices":[{"delta":{},"error":{"code":1}}]}"#,
                r#"{"code":1}"#,
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#,
                "null",
            ),
            (
                r#"{"x_groq":{"error":"over capacity"}}"#,
                r#""over capacity""#,
            ),
        ] {
            assert_eq!(chunk(json).error(), Some(error), "{json}");
        }
        assert_eq!(chunk(r#"{"error":null,"choices":[]}"#).error(), None);
    }

    #[test]
    fn lists_are_read_up_to_a_length() {
        for (length, is_read) in [
            (0, true),
            (1, true),
            (256, true),
            (257, false),
            (1 << 20, false),
        ] {
            let list = vec!["{}"; length].join(",");
            let choices = format!(r#"{{"choices":[{list}]}}"#);
            let read = serde_json::from_str::<Chunk<'_>>(&choices);
            assert_eq!(read.is_ok(), is_read, "{length}");
            assert!(read.is_ok_and(|chunk| chunk.choices().count() == length) == is_read);
            let calls = format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{list}]}}}}]}}"#);
            let read = serde_json::from_str::<Chunk<'_>>(&calls);
            assert_eq!(read.is_ok(), is_read, "{length}");
        }
    }

    #[test]
    fn calls_are_read_with_their_arguments() {
        let chunk = chunk(
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c","type":"function",
                "function":{"name":"f","arguments":"{\"a\""}},{"index":2,"function":{}}]}}]}"#,
        );
        let message = chunk.choices().next().unwrap().said().unwrap();
        let calls: Vec<_> = message
            .calls()
            .map(|call| {
                let function = call.function.as_ref().unwrap();
                (
                    call.index,
                    function.name.as_str(),
                    function.arguments.as_str(),
                )
            })
            .collect();
        assert_eq!(calls, [(Some(1), "f", "{\"a\""), (Some(2), "", "")]);
    }
}
