//! Shapes of JSON as tables, one inside the other.

use askama::Template;
use serde_json::Value;

use super::prose::prose;
use crate::error::ApiError;
use crate::openapi::API;
use crate::openapi::schema::{Kind, Member, Schema};

/// How deep tables may lie in tables.
const MAX_DEPTH: usize = 8;

#[derive(Template)]
#[template(path = "web/docs/schema.html")]
struct Table {
    rows: Vec<Row>,
}

/// A member of an object.
struct Row {
    name: &'static str,
    kind: String,
    is_required: bool,
    default: Option<String>,
    /// HTML.
    description: String,
    /// The table of its own members, HTML; empty if it has none.
    members: String,
}

/// The table of a shape that has a name.
pub(super) fn table_of(name: &str) -> Result<String, ApiError> {
    API.schema(name).map_or(Ok(String::new()), table)
}

/// The table of a shape, HTML; empty if it has no members.
pub(super) fn table(schema: &Schema) -> Result<String, ApiError> {
    table_to(schema, MAX_DEPTH)
}

fn table_to(schema: &Schema, depth: usize) -> Result<String, ApiError> {
    let Some(members) = members(schema).filter(|_| depth > 0) else {
        return Ok(String::new());
    };
    let rows: Result<Vec<Row>, ApiError> = members
        .iter()
        .map(|member| {
            Ok(Row {
                name: member.name,
                kind: kind(&member.schema),
                is_required: member.is_required,
                default: member.schema.default.as_ref().map(Value::to_string),
                description: prose(&member.schema.description),
                members: table_to(&member.schema, depth - 1)?,
            })
        })
        .collect();
    Table { rows: rows? }.render().map_err(ApiError::Template)
}

/// The members of an object, or of the items of a list.
fn members(schema: &Schema) -> Option<&[Member]> {
    match &schema.kind {
        Kind::Object(members) => Some(members),
        Kind::Named(name) => members(API.schema(name)?),
        Kind::List { items, .. } | Kind::Map(items) => members(items),
        Kind::Either(kinds) => kinds.iter().find_map(members),
        _ => None,
    }
}

/// A shape in a few words, such as `list of strings, 1 to 16`.
pub(super) fn kind(schema: &Schema) -> String {
    let words = match &schema.kind {
        Kind::Any => "anything".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Integer { min, max } => {
            let (min, max) = (
                min.map(|end| end.to_string()),
                max.map(|end| end.to_string()),
            );
            ranged("integer", min, max)
        }
        Kind::Number { min, max } => {
            let (min, max) = (
                min.map(|end| end.to_string()),
                max.map(|end| end.to_string()),
            );
            ranged("number", min, max)
        }
        Kind::Text { format, max_chars } => match (format, max_chars) {
            (Some("date-time"), _) => "moment".to_owned(),
            (_, Some(max)) => format!("string, up to {max} characters"),
            _ => "string".to_owned(),
        },
        Kind::Word(words) => words
            .iter()
            .map(|word| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(" | "),
        Kind::List { items, min, max } => {
            let of = format!("list of {}", kind_of_items(items));
            let (min, max) = (
                (*min > 0).then(|| min.to_string()),
                max.map(|max| max.to_string()),
            );
            ranged(&of, min, max)
        }
        Kind::Object(_) => "object".to_owned(),
        Kind::Map(values) => format!("object of any names with {}", kind_of_items(values)),
        Kind::Named(name) => (*name).to_owned(),
        Kind::Either(kinds) => kinds.iter().map(kind).collect::<Vec<_>>().join(" or "),
    };
    match schema.is_nullable {
        true => format!("{words} or null"),
        false => words,
    }
}

fn kind_of_items(items: &Schema) -> String {
    match &items.kind {
        Kind::Word(_) | Kind::Either(_) => format!("({})", kind(items)),
        _ => kind(items),
    }
}

fn ranged(words: &str, min: Option<String>, max: Option<String>) -> String {
    match (min, max) {
        (None, None) => words.to_owned(),
        (Some(min), None) => format!("{words}, {min} or more"),
        (None, Some(max)) => format!("{words}, at most {max}"),
        (Some(min), Some(max)) => format!("{words}, {min} to {max}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::schema::{
        boolean, either, integer_between, integer_from, list, list_between, map, named, short_text,
        text, word,
    };

    #[test]
    fn shapes_are_told_in_words() {
        for (schema, words) in [
            (integer_between(1, 16), "integer, 1 to 16"),
            (integer_from(-1).or_null(), "integer, -1 or more or null"),
            (short_text(9), "string, up to 9 characters"),
            (word(["a", "b"]).or_null(), "\"a\" | \"b\" or null"),
            (list_between(text(), 0, 4), "list of string, at most 4"),
            (list(word(["a"])), "list of (\"a\")"),
            (map(boolean()), "object of any names with true or false"),
            (either([text(), named("Key")]), "string or Key"),
        ] {
            assert_eq!(kind(&schema), words);
        }
    }

    #[test]
    fn tables_lie_in_tables_and_end() {
        let html = table_of("ChatRequest").unwrap();
        assert!(html.contains("tool_call_id"));
        let html = table_of("History").unwrap();
        assert!(html.contains("isExploration"));
        assert_eq!(table_of("Nothing").unwrap(), "");
        assert_eq!(table_to(API.schema("History").unwrap(), 0).unwrap(), "");
    }
}
