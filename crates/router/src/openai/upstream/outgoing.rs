//! The body of a request as it goes out: what the client sent, field for field, but for a few.

use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::MaxTokensName;

/// What is changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rewrite<'a> {
    /// The provider's name of the model.
    pub(crate) model: &'a str,
    /// Whether to ask for the usage at the end of a stream.
    pub(crate) asks_usage: bool,
    /// Whether `stream_options` may be sent.
    pub(crate) takes_stream_options: bool,
    /// Whether it does what `provider` wishes, as OpenRouter does; others refuse what they do not
    /// know.
    pub(crate) takes_wishes: bool,
    /// What the limit on tokens is called.
    pub(crate) max_tokens: MaxTokensName,
}

/// The fields of an object in their order, none of them read.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The body with `rewrite` done and our own fields left out; `None` if it is no JSON object.
///
/// Ours are `models`, a choice among models that is made here, `route` in the forms that steer that
/// choice (an object, or OpenRouter's old `"fallback"`), and `provider` unless the host chooses
/// among others itself.
pub(crate) fn rewritten(body: &[u8], rewrite: Rewrite<'_>) -> Option<Bytes> {
    let Fields(fields) = serde_json::from_slice(body).ok()?;
    let has = |name: &str| fields.iter().any(|(key, _)| key == name);
    let mut out = Writer::new(body.len() + rewrite.model.len() + 64);
    let mut has_model = false;
    for (key, value) in &fields {
        let value = value.get();
        match key.as_ref() {
            "model" => {
                has_model = true;
                out.text("model", rewrite.model)?;
            }
            "models" => {}
            "provider" if !rewrite.takes_wishes => {}
            "route" if value.starts_with('{') || value == "\"fallback\"" => {}
            "stream_options" if !rewrite.takes_stream_options => {}
            "stream_options" if rewrite.asks_usage => {
                out.raw("stream_options", &with_usage(value)?)?;
            }
            "max_completion_tokens" if rewrite.max_tokens == MaxTokensName::MaxTokens => {
                // Of two limits the newer name counts, as everywhere.
                out.raw("max_tokens", value)?;
            }
            "max_tokens"
                if rewrite.max_tokens == MaxTokensName::MaxTokens
                    && has("max_completion_tokens") => {}
            "max_tokens" if rewrite.max_tokens == MaxTokensName::MaxCompletionTokens => {
                if !has("max_completion_tokens") {
                    out.raw("max_completion_tokens", value)?;
                }
            }
            key => out.raw(key, value)?,
        }
    }
    if !has_model {
        out.text("model", rewrite.model)?;
    }
    if rewrite.asks_usage && rewrite.takes_stream_options && !has("stream_options") {
        out.raw("stream_options", r#"{"include_usage":true}"#)?;
    }
    Some(out.finish())
}

/// `stream_options` with `include_usage` true, its other fields as they are.
fn with_usage(options: &str) -> Option<String> {
    let fields = match options {
        "null" => Fields(Vec::new()),
        options => serde_json::from_str(options).ok()?,
    };
    let mut out = Writer::new(options.len() + 32);
    for (key, value) in &fields.0 {
        if key != "include_usage" {
            out.raw(key, value.get())?;
        }
    }
    out.raw("include_usage", "true")?;
    String::from_utf8(out.finish().into()).ok()
}

/// Writes an object field by field.
struct Writer {
    bytes: BytesMut,
}

impl Writer {
    fn new(capacity: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(capacity);
        bytes.put_u8(b'{');
        Self { bytes }
    }

    fn key(&mut self, key: &str) -> Option<()> {
        if self.bytes.len() > 1 {
            self.bytes.put_u8(b',');
        }
        serde_json::to_writer((&mut self.bytes).writer(), key).ok()?;
        self.bytes.put_u8(b':');
        Some(())
    }

    fn raw(&mut self, key: &str, value: &str) -> Option<()> {
        self.key(key)?;
        self.bytes.put_slice(value.as_bytes());
        Some(())
    }

    fn text(&mut self, key: &str, value: &str) -> Option<()> {
        self.key(key)?;
        serde_json::to_writer((&mut self.bytes).writer(), value).ok()
    }

    fn finish(mut self) -> Bytes {
        self.bytes.put_u8(b'}');
        self.bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Rewrite<'_> = Rewrite {
        model: "host/name:free",
        asks_usage: false,
        takes_stream_options: true,
        takes_wishes: true,
        max_tokens: MaxTokensName::Either,
    };

    fn body(text: &str, rewrite: Rewrite<'_>) -> String {
        String::from_utf8(rewritten(text.as_bytes(), rewrite).unwrap().into()).unwrap()
    }

    #[test]
    fn unknown_fields_pass_byte_for_byte_and_in_order() {
        let sent = r#"{"z": 1.50e+3 ,"model":"auto","messages":[ {"role":"user","x":"\u00e9"}],
            "new \"field\"":{"b":1,"a":[true , null]},"big":123456789012345678901234567890}"#;
        let expected = r#"{"z":1.50e+3,"model":"host/name:free","messages":[ {"role":"user","x":"\u00e9"}],"new \"field\"":{"b":1,"a":[true , null]},"big":123456789012345678901234567890}"#;
        assert_eq!(body(sent, PLAIN), expected);
    }

    #[test]
    fn our_own_fields_stay_here() {
        let sent = r#"{"models":["a","b"],"route":{"sort":"latency"},"n":1}"#;
        assert_eq!(body(sent, PLAIN), r#"{"n":1,"model":"host/name:free"}"#);
        let sent = r#"{"route":"fallback","model":"x"}"#;
        assert_eq!(body(sent, PLAIN), r#"{"model":"host/name:free"}"#);
        let sent = r#"{"model":"x","route":"sort","provider":{"order":["Groq"]}}"#;
        let expected = r#"{"model":"host/name:free","route":"sort","provider":{"order":["Groq"]}}"#;
        assert_eq!(body(sent, PLAIN), expected);
        let other = Rewrite {
            takes_wishes: false,
            ..PLAIN
        };
        let expected = r#"{"model":"host/name:free","route":"sort"}"#;
        assert_eq!(body(sent, other), expected);
    }

    #[test]
    fn usage_is_asked_for_where_it_is_told() {
        let asking = Rewrite {
            asks_usage: true,
            ..PLAIN
        };
        for (sent, expected) in [
            (
                r#"{"model":"m","stream":true}"#,
                r#"{"model":"host/name:free","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":false,"other":[1 ]},"model":"m"}"#,
                r#"{"stream_options":{"other":[1 ],"include_usage":true},"model":"host/name:free"}"#,
            ),
            (
                r#"{"stream_options":null,"model":"m"}"#,
                r#"{"stream_options":{"include_usage":true},"model":"host/name:free"}"#,
            ),
        ] {
            assert_eq!(body(sent, asking), expected);
        }
        let never = Rewrite {
            takes_stream_options: false,
            ..PLAIN
        };
        let sent = r#"{"stream_options":{"include_usage":true},"model":"m"}"#;
        assert_eq!(body(sent, never), r#"{"model":"host/name:free"}"#);
    }

    #[test]
    fn the_limit_on_tokens_has_the_name_that_the_host_knows() {
        let named = |max_tokens| Rewrite {
            max_tokens,
            ..PLAIN
        };
        let old = named(MaxTokensName::MaxTokens);
        let new = named(MaxTokensName::MaxCompletionTokens);
        let model = r#""model":"host/name:free""#;
        for (sent, rewrite, expected) in [
            (r#""max_completion_tokens":5"#, old, r#""max_tokens":5"#),
            (r#""max_tokens":5"#, old, r#""max_tokens":5"#),
            (
                r#""max_tokens":5,"max_completion_tokens":6"#,
                old,
                r#""max_tokens":6"#,
            ),
            (r#""max_tokens":5"#, new, r#""max_completion_tokens":5"#),
            (
                r#""max_tokens":5,"max_completion_tokens":6"#,
                new,
                r#""max_completion_tokens":6"#,
            ),
        ] {
            let sent = format!(r#"{{"model":"m",{sent}}}"#);
            assert_eq!(body(&sent, rewrite), format!("{{{model},{expected}}}"));
        }
    }

    #[test]
    fn what_is_no_object_is_not_sent() {
        for sent in ["", "[1]", "{\"model\":", "7"] {
            assert_eq!(rewritten(sent.as_bytes(), PLAIN), None, "{sent}");
        }
    }
}
