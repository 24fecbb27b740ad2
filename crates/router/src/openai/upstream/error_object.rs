//! What hosts send instead of an answer. Each has a form of its own.

use serde_json::{Map, Value};

/// What an error says, whatever its form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorObject {
    /// What happened, in the host's words; `None` if there are none.
    pub(crate) message: Option<String>,
    /// A number that stands for it, such as a status of HTTP or one of Cloudflare's codes.
    pub(crate) number: Option<u32>,
    /// Words that stand for it: codes and types.
    pub(crate) words: Vec<String>,
    /// Whom OpenRouter had asked.
    pub(crate) provider: Option<String>,
    /// What that one answered.
    pub(crate) raw: Option<String>,
    /// Whether OpenRouter's `metadata` are there.
    pub(crate) has_metadata: bool,
    /// Whether moderation says why.
    pub(crate) is_moderation: bool,
    /// Headers that OpenRouter repeats in the body, in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl ErrorObject {
    /// Reads a body of an error, or the value of an `error` field. `None` if it is no JSON, or an
    /// answer that is none.
    pub(crate) fn from_json(json: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(json).ok()?;
        let mut error = Self::default();
        error.read(&value);
        Some(error)
    }

    /// Everything that it says, in lower case: where words have to be looked for.
    pub(crate) fn text(&self) -> String {
        let parts = self.message.iter().chain(&self.words).chain(&self.raw);
        let mut text = String::new();
        for part in parts {
            text.push_str(&part.to_lowercase());
            text.push('\n');
        }
        text
    }

    fn read(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.say(text),
            Value::Array(list) => {
                if let Some(first) = list.first() {
                    self.read(first);
                }
            }
            Value::Object(object) => self.read_object(object),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn read_object(&mut self, object: &Map<String, Value>) {
        for name in ["message", "detail", "title", "msg"] {
            match object.get(name) {
                Some(Value::String(text)) => self.say(text),
                // FastAPI lists what is wrong with a request.
                Some(list @ Value::Array(_)) => self.read(list),
                _ => {}
            }
        }
        for name in ["code", "status", "error_code", "status_code"] {
            match object.get(name) {
                Some(Value::Number(number)) => self.count(number.as_u64()),
                Some(Value::String(text)) => match text.parse() {
                    Ok(number) => self.count(Some(number)),
                    Err(_) => self.words.push(text.clone()),
                },
                _ => {}
            }
        }
        for name in ["type", "error_type", "provider_code"] {
            if let Some(Value::String(word)) = object.get(name) {
                self.words.push(word.clone());
            }
        }
        if let Some(Value::Object(metadata)) = object.get("metadata") {
            self.has_metadata = true;
            self.read_metadata(metadata);
        }
        // Inner errors last: what stands outside is about the whole.
        for name in ["error", "errors"] {
            if let Some(inner) = object.get(name) {
                self.read(inner);
            }
        }
    }

    fn read_metadata(&mut self, metadata: &Map<String, Value>) {
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        self.provider = text("provider_name").map(str::to_owned);
        self.raw = match metadata.get("raw") {
            Some(Value::String(raw)) => Some(raw.clone()),
            None | Some(Value::Null) => None,
            Some(raw) => Some(raw.to_string()),
        };
        self.words.extend(text("error_type").map(str::to_owned));
        match metadata.get("provider_code") {
            None | Some(Value::Null) => {}
            Some(code) => {
                let code = code
                    .as_str()
                    .map_or_else(|| code.to_string(), str::to_owned);
                self.words.push(code);
                self.provider.get_or_insert_default();
            }
        }
        self.is_moderation =
            metadata.contains_key("reasons") || metadata.contains_key("flagged_input");
        if let Some(Value::Object(headers)) = metadata.get("headers") {
            let text = |value: &Value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            };
            let headers = headers
                .iter()
                .map(|(name, value)| (name.to_lowercase(), text(value)));
            self.headers.extend(headers);
        }
    }

    fn say(&mut self, text: &str) {
        if self.message.is_none() && !text.is_empty() {
            self.message = Some(text.to_owned());
        } else if !text.is_empty() {
            self.words.push(text.to_owned());
        }
    }

    fn count(&mut self, number: Option<u64>) {
        let number = number.and_then(|number| u32::try_from(number).ok());
        self.number = self.number.or(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ErrorObject {
        ErrorObject::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn every_form_says_what_happened() {
        for (json, message, number) in [
            (
                r#"{"error":{"code":429,"message":"slow down"}}"#,
                "slow down",
                Some(429),
            ),
            (
                r#"{"error":{"code":"502","message":"bad"}}"#,
                "bad",
                Some(502),
            ),
            (r#"{"error":"no such thing"}"#, "no such thing", None),
            (
                r#"{"object":"error","message":"gone","code":404}"#,
                "gone",
                Some(404),
            ),
            (r#"{"detail":"Not Found"}"#, "Not Found", None),
            (
                r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
                "field required",
                None,
            ),
            (
                r#"{"success":false,"errors":[{"code":3036,"message":"neurons"}],"result":null}"#,
                "neurons",
                Some(3036),
            ),
            (
                r#"[{"error":{"code":400,"message":"list","status":"X"}}]"#,
                "list",
                Some(400),
            ),
            (r#""only words""#, "only words", None),
        ] {
            let error = read(json);
            assert_eq!(error.message.as_deref(), Some(message), "{json}");
            assert_eq!(error.number, number, "{json}");
        }
        assert_eq!(ErrorObject::from_json(b"<html>"), None);
        assert_eq!(read("null").message, None);
    }

    #[test]
    fn metadata_tell_whom_openrouter_asked() {
        let error = read(
            r#"{"error":{"code":429,"message":"Provider returned error","metadata":{
                "raw":"busy","provider_name":"Chutes"}}}"#,
        );
        assert_eq!(error.provider.as_deref(), Some("Chutes"));
        assert!(error.text().contains("busy"));
        let own = read(
            r#"{"error":{"code":429,"message":"Rate limit exceeded: free-models-per-day",
                "metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":0}}}}"#,
        );
        assert_eq!(own.provider, None);
        let expected = [("x-ratelimit-limit", "50"), ("x-ratelimit-remaining", "0")];
        assert_eq!(
            own.headers,
            expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
    }
}
