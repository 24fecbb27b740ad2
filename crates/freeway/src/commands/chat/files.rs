//! The JSON files of the command line: tools, response schemas, conversations.

use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use harmony::{Conversation, ResponseFormat, ToolDescription};
use serde::Deserialize;
use serde_json::Value;

use crate::input::read_text;

/// The functions of a tools file: an array of functions, plain or in the OpenAI API's wrapping.
pub(crate) fn read_tools(path: &Path) -> anyhow::Result<Vec<ToolDescription>> {
    parse_tools(&read_text(path)?)
        .with_context(|| format!("{} is not a tools file", path.display()))
}

/// The response format of a schema file: a bare JSON schema, or the OpenAI API's `json_schema` form.
pub(crate) fn read_response_format(path: &Path) -> anyhow::Result<ResponseFormat> {
    parse_response_format(&read_text(path)?)
        .with_context(|| format!("{} is not a schema file", path.display()))
}

/// One conversation to answer, and the name that its answer is to carry.
pub(crate) struct Case {
    pub(crate) id: Option<Value>,
    pub(crate) conversation: Conversation,
}

/// The conversations of a file of JSON lines. A line is a conversation, or an object that has one
/// under `conversation` and may have an `id`.
pub(crate) fn read_cases(path: &Path) -> anyhow::Result<Vec<Case>> {
    let text = read_text(path)?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let cases: Vec<Case> = lines
        .map(|(index, line)| {
            parse_case(line).with_context(|| format!("{} line {}", path.display(), index + 1))
        })
        .collect::<anyhow::Result<_>>()?;
    ensure!(!cases.is_empty(), "{} has no conversation", path.display());
    Ok(cases)
}

fn parse_case(line: &str) -> anyhow::Result<Case> {
    #[derive(Deserialize)]
    struct Wrapped {
        id: Option<Value>,
        conversation: Value,
    }
    let value: Value = serde_json::from_str(line)?;
    let (id, conversation) = if value.get("conversation").is_some() {
        let wrapped: Wrapped = serde_json::from_value(value)?;
        (wrapped.id, wrapped.conversation)
    } else {
        (None, value)
    };
    let conversation = Conversation::from_json(&conversation.to_string())?;
    Ok(Case { id, conversation })
}

fn parse_tools(json: &str) -> anyhow::Result<Vec<ToolDescription>> {
    #[derive(Deserialize)]
    struct Function {
        name: String,
        #[serde(default)]
        description: Option<String>,
        #[serde(default)]
        parameters: Option<Value>,
    }
    let entries = match serde_json::from_str(json)? {
        Value::Array(entries) => entries,
        entry @ Value::Object(_) => vec![entry],
        _ => bail!("expected an array of functions"),
    };
    entries
        .into_iter()
        .enumerate()
        .map(|(index, mut entry)| {
            let function = match entry.get_mut("function") {
                Some(inner) => inner.take(),
                None => entry,
            };
            let function: Function = serde_json::from_value(function)
                .map_err(|error| anyhow!("entry {index} is not a function: {error}"))?;
            ensure!(
                is_function_name(&function.name),
                "entry {index}: the name {:?} may have letters, digits, `_`, `-` and `.` only, at \
                 most 64 of them",
                function.name
            );
            let description = function.description.unwrap_or_default();
            Ok(ToolDescription::new(
                function.name,
                description,
                function.parameters,
            ))
        })
        .collect()
}

/// What the OpenAI API accepts as a name, and dots, which MCP servers use.
fn is_function_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn parse_response_format(json: &str) -> anyhow::Result<ResponseFormat> {
    let mut value: Value = serde_json::from_str(json)?;
    if let Some(inner) = value.get_mut("json_schema") {
        value = inner.take();
    }
    ensure!(value.is_object(), "expected a JSON object");
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match value.get("schema") {
        Some(schema) if schema.is_object() => Ok(ResponseFormat {
            name: text(&value, "name").unwrap_or_else(|| "response".to_owned()),
            description: text(&value, "description"),
            schema: schema.clone(),
        }),
        _ => Ok(ResponseFormat {
            name: "response".to_owned(),
            description: None,
            schema: value,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn functions_are_read_plain_and_in_the_wrapping_of_the_api() {
        let plain = json!({"name": "f", "description": "D", "parameters": {"type": "object"}});
        let wrapped = json!({"type": "function", "function": plain});
        let tools = parse_tools(&json!([plain, wrapped]).to_string()).unwrap();
        assert_eq!(tools[0], tools[1]);
        assert_eq!(parse_tools(&plain.to_string()).unwrap(), tools[..1]);
        let bare = parse_tools(r#"[{"name": "g"}]"#).unwrap();
        assert_eq!(
            (bare[0].name.as_str(), bare[0].parameters.is_none()),
            ("g", true)
        );
    }

    #[test]
    fn a_bad_tools_file_names_the_entry() {
        for (json, words) in [
            ("3", "an array"),
            (r#"[{"name": "f"}, {"description": "no name"}]"#, "entry 1"),
            (r#"[{"name": "two words"}]"#, "letters"),
            (r#"[{"type": "function", "function": 3}]"#, "entry 0"),
            ("[", "EOF"),
        ] {
            let error = format!("{:#}", parse_tools(json).unwrap_err());
            assert!(error.contains(words), "{json}: {error}");
        }
    }

    #[test]
    fn a_schema_is_read_bare_and_in_the_wrapping_of_the_api() {
        let schema = json!({"type": "object", "properties": {}});
        let bare = parse_response_format(&schema.to_string()).unwrap();
        assert_eq!((bare.name.as_str(), &bare.schema), ("response", &schema));
        let wrapped =
            json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
        let format = parse_response_format(&wrapped.to_string()).unwrap();
        assert_eq!((format.name.as_str(), &format.schema), ("n", &schema));
        assert!(parse_response_format("[]").is_err());
    }

    #[test]
    fn a_line_is_a_conversation_with_or_without_an_id() {
        let conversation = json!({"messages": [{"role": "user", "content": "hi"}]});
        assert!(parse_case(&conversation.to_string()).unwrap().id.is_none());
        let case = parse_case(&json!({"id": 7, "conversation": conversation}).to_string()).unwrap();
        assert_eq!(case.id, Some(json!(7)));
        assert_eq!(case.conversation.messages[0].text(), "hi");
        assert!(parse_case("{}").is_err());
    }
}
