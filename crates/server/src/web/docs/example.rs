//! Values that have a given shape, to show what an answer looks like.

use serde_json::{Map, Value, json};

use crate::openapi::API;
use crate::openapi::schema::{Kind, Schema};

/// How deep examples go.
const MAX_DEPTH: usize = 16;
/// What stands for any text, and for any name of a member.
const ANY_TEXT: &str = "…";
const ANY_MOMENT: &str = "2026-03-19T12:30:00Z";

/// A value of this shape, with every member that it may have.
pub(super) fn example(schema: &Schema) -> Value {
    of_depth(schema, MAX_DEPTH)
}

fn of_depth(schema: &Schema, depth: usize) -> Value {
    if let Some(default) = &schema.default {
        return default.clone();
    }
    if depth == 0 {
        return Value::Null;
    }
    match &schema.kind {
        Kind::Any => Value::Null,
        Kind::Boolean => json!(true),
        Kind::Integer { min, .. } => json!(min.unwrap_or(0).max(0)),
        Kind::Number { min, .. } => json!(min.unwrap_or(0.0).max(0.0)),
        Kind::Text { format, .. } => match format {
            Some("date-time") => json!(ANY_MOMENT),
            _ => json!(ANY_TEXT),
        },
        Kind::Word(words) => json!(words.first()),
        Kind::List { items, .. } => json!([of_depth(items, depth - 1)]),
        Kind::Object(members) => {
            let members = members.iter().map(|member| {
                let value = of_depth(&member.schema, depth - 1);
                (member.name.to_owned(), value)
            });
            Value::Object(members.collect())
        }
        Kind::Map(values) => {
            let value = of_depth(values, depth - 1);
            Value::Object(Map::from_iter([(ANY_TEXT.to_owned(), value)]))
        }
        Kind::Named(name) => API
            .schema(name)
            .map_or(Value::Null, |schema| of_depth(schema, depth - 1)),
        Kind::Either(kinds) => kinds
            .first()
            .map_or(Value::Null, |schema| of_depth(schema, depth - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::document;

    #[test]
    fn examples_have_the_shape_that_they_are_of() {
        let document = document("http://localhost", true);
        for (name, schema) in &API.schemas {
            let mut json = schema.to_json();
            json["components"] = document["components"].clone();
            let validator = jsonschema::draft202012::new(&json).unwrap();
            let example = example(schema);
            let errors: Vec<_> = validator
                .iter_errors(&example)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{name}: {errors:?}\n{example:#}");
        }
    }
}
