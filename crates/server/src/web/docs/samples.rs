//! Examples that run against this server, in three languages.

use router::AUTO;
use serde_json::{Value, json};

use crate::web::text::is_disturbing;

/// The same call in three languages.
pub(in crate::web) struct Sample {
    /// For the ids of its parts.
    pub(super) id: &'static str,
    pub(in crate::web) curl: String,
    pub(in crate::web) python: String,
    pub(in crate::web) node: String,
}

/// What is asked in the examples.
const QUESTION: &str = "What is 27 + 58?";
/// The variable of the environment that has the key.
pub(in crate::web) const KEY_VARIABLE: &str = "FREEWAY_API_KEY";

/// How to ask this model. An id is text of a stranger: it is quoted for each language, since somebody will
/// run what stands here.
pub(in crate::web) fn of_model(model: &str, url: &str, is_keyless: bool) -> Sample {
    let body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": "Hello" }],
    });
    let last = [
        "print(answer.choices[0].message.content)",
        "console.log(answer.choices[0].message.content);",
    ];
    sample("call", url, is_keyless, &body, last)
}

/// All examples of the guide.
pub(super) fn samples(url: &str, is_keyless: bool) -> super::Samples {
    let of = |id, body: Value, last: [&str; 2]| sample(id, url, is_keyless, &body, last);
    let messages = |question: &str| json!([{ "role": "user", "content": question }]);
    let plain = [
        "print(answer.choices[0].message.content)",
        "console.log(answer.choices[0].message.content);",
    ];
    super::Samples {
        first: of(
            "first",
            json!({ "model": AUTO, "messages": messages(QUESTION) }),
            plain,
        ),
        stream: of(
            "stream",
            json!({ "model": AUTO, "messages": messages(QUESTION), "stream": true }),
            [
                "for chunk in answer:\n    if chunk.choices:\n        \
                 print(chunk.choices[0].delta.content or \"\", end=\"\", flush=True)",
                "for await (const chunk of answer) {\n  \
                 process.stdout.write(chunk.choices[0]?.delta.content ?? \"\");\n}",
            ],
        ),
        tools: of(
            "tool",
            json!({
                "model": AUTO,
                "messages": messages("What's the weather in Oslo?"),
                "tools": [{ "type": "function", "function": {
                    "name": "get_weather",
                    "description": "The weather of a city.",
                    "parameters": {
                        "type": "object",
                        "properties": { "city": { "type": "string" } },
                        "required": ["city"],
                    },
                } }],
            }),
            [
                "print(answer.choices[0].message.tool_calls)",
                "console.log(answer.choices[0].message.tool_calls);",
            ],
        ),
        schema: of(
            "schema",
            json!({
                "model": AUTO,
                "messages": messages("Name a city and its country."),
                "response_format": { "type": "json_schema", "json_schema": {
                    "name": "city",
                    "schema": {
                        "type": "object",
                        "properties": {
                            "city": { "type": "string" },
                            "country": { "type": "string" },
                        },
                        "required": ["city", "country"],
                    },
                } },
            }),
            plain,
        ),
        effort: of(
            "effort",
            json!({
                "model": AUTO,
                "messages": messages("What is 913 - 48?"),
                "reasoning_effort": "high",
            }),
            plain,
        ),
    }
}

fn sample(
    id: &'static str,
    url: &str,
    is_keyless: bool,
    body: &Value,
    [python_end, node_end]: [&str; 2],
) -> Sample {
    let members = body.as_object().into_iter().flatten();
    let python_arguments: String = members
        .clone()
        .map(|(name, value)| format!("    {name}={},\n", python(value)))
        .collect();
    let node_arguments: String = members
        .map(|(name, value)| format!("  {name}: {},\n", spaced(value)))
        .collect();
    let (python_import, python_key, node_key) = match is_keyless {
        true => ("", "\"unused\"".to_owned(), "\"unused\"".to_owned()),
        false => (
            "import os\n\n",
            format!("os.environ[\"{KEY_VARIABLE}\"]"),
            format!("process.env.{KEY_VARIABLE}"),
        ),
    };
    Sample {
        id,
        curl: curl(url, "POST", "/v1/chat/completions", Some(body), !is_keyless),
        python: format!(
            "{python_import}from openai import OpenAI\n\n\
             client = OpenAI(base_url=\"{url}/v1\", api_key={python_key})\n\
             answer = client.chat.completions.create(\n{python_arguments})\n{python_end}\n"
        ),
        node: format!(
            "import OpenAI from \"openai\";\n\n\
             const client = new OpenAI({{ baseURL: \"{url}/v1\", apiKey: {node_key} }});\n\
             const answer = await client.chat.completions.create({{\n{node_arguments}}});\n\
             {node_end}\n"
        ),
    }
}

/// A line for a shell.
pub(super) fn curl(
    url: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
    with_key: bool,
) -> String {
    let streams = body.is_some_and(|body| body["stream"] == true);
    let mut line = String::from(if streams { "curl -N " } else { "curl " });
    // A body makes a POST of it.
    if method != "GET" && !(method == "POST" && body.is_some()) {
        line.push_str(&format!("-X {method} "));
    }
    line.push_str(&shell(&format!("{url}{path}")));
    if with_key {
        line.push_str(&format!(
            " \\\n  -H \"Authorization: Bearer ${KEY_VARIABLE}\""
        ));
    }
    if let Some(body) = body {
        line.push_str(" \\\n  -H \"Content-Type: application/json\"");
        line.push_str(&format!(" \\\n  -d {}", quoted(&spaced(body))));
    }
    line
}

/// A word of a shell, in quotes if it needs them.
fn shell(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/:._-[]".contains(letter);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => quoted(word),
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// JSON on one line, with spaces as people set them.
pub(super) fn spaced(value: &Value) -> String {
    match value {
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), spaced(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => literal(text, json_escape),
        value => value.to_string(),
    }
}

/// A string in quotes, as JSON has it. Characters that nobody sees and that change how others read are
/// written as `escape` says.
fn literal(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut written = String::new();
    for letter in Value::from(text).to_string().chars() {
        match is_disturbing(letter) {
            false => written.push(letter),
            true => written.push_str(&escape(letter)),
        }
    }
    written
}

fn json_escape(letter: char) -> String {
    let units = letter.encode_utf16(&mut [0; 2]).to_vec();
    units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn python_escape(letter: char) -> String {
    match u32::from(letter) {
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// The same in Python.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), python(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => literal(text, python_escape),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_body_as_it_was_meant() {
        let body = json!({ "content": "it's" });
        let line = curl("http://localhost", "POST", "/v1/x", Some(&body), true);
        assert_eq!(
            line,
            "curl http://localhost/v1/x \\\n  -H \"Authorization: Bearer $FREEWAY_API_KEY\" \\\n  \
             -H \"Content-Type: application/json\" \\\n  -d '{\"content\": \"it'\\''s\"}'"
        );
        let line = curl("http://localhost", "DELETE", "/k/{id}?a=1", None, false);
        assert_eq!(line, "curl -X DELETE 'http://localhost/k/{id}?a=1'");
    }

    #[test]
    fn values_are_those_of_the_language() {
        let value = json!({ "a": [true, null, 1.5, "x"] });
        assert_eq!(spaced(&value), "{\"a\": [true, null, 1.5, \"x\"]}");
        assert_eq!(python(&value), "{\"a\": [True, None, 1.5, \"x\"]}");
        let odd = json!("a\u{202e}b\u{e0001}");
        assert_eq!(spaced(&odd), "\"a\\u202eb\\udb40\\udc01\"");
        assert_eq!(python(&odd), "\"a\\u202eb\\U000e0001\"");
    }

    #[test]
    fn without_keys_no_key_is_named() {
        for (is_keyless, expected) in [(true, false), (false, true)] {
            let sample = samples("http://localhost", is_keyless).first;
            for text in [&sample.curl, &sample.python, &sample.node] {
                assert_eq!(text.contains(KEY_VARIABLE), expected, "{text}");
                assert!(text.contains("http://localhost/v1"));
            }
        }
    }
}
