//! Whether a value is what a JSON schema asks for, as far as hosts are held to it: types, required
//! and closed properties, enumerations. What else a schema may say is not looked at.

use serde_json::{Map, Value};

/// How deep is looked.
const MAX_DEPTH: usize = 32;

/// A text as JSON.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text.trim()).map_err(|error| format!("it is no JSON: {error}"))
}

/// # Errors
/// The first difference, with its place.
pub(super) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    check_at(schema, value, "the answer", MAX_DEPTH)
}

fn check_at(schema: &Value, value: &Value, place: &str, depth: usize) -> Result<(), String> {
    let Some(schema) = schema.as_object().filter(|_| depth > 0) else {
        return Ok(());
    };
    if let Some(kinds) = schema.get("type")
        && !is_of(kinds, value)
    {
        return Err(format!("{place} is not of type {kinds}"));
    }
    if let Some(Value::Array(values)) = schema.get("enum")
        && !values.contains(value)
    {
        return Err(format!("{place} is none of the values of its enum"));
    }
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        return Err(format!("{place} is not {constant}"));
    }
    match value {
        Value::Object(object) => check_object(schema, object, place, depth),
        Value::Array(items) => {
            let Some(item_schema) = schema.get("items") else {
                return Ok(());
            };
            items.iter().enumerate().try_for_each(|(index, item)| {
                check_at(item_schema, item, &format!("{place}[{index}]"), depth - 1)
            })
        }
        _ => Ok(()),
    }
}

fn check_object(
    schema: &Map<String, Value>,
    object: &Map<String, Value>,
    place: &str,
    depth: usize,
) -> Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            return Err(format!("{place} lacks {name:?}"));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false))
        && !schema.contains_key("patternProperties");
    for (name, value) in object {
        match properties.and_then(|properties| properties.get(name)) {
            Some(property) => check_at(property, value, &format!("{place}.{name}"), depth - 1)?,
            None if is_closed => return Err(format!("{place} may not have {name:?}")),
            None => {}
        }
    }
    Ok(())
}

/// Whether the value is of one of the types, which are a word or a list of words.
fn is_of(kinds: &Value, value: &Value) -> bool {
    let is_one = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64()
                || value.is_u64()
                || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => true,
    };
    match kinds {
        Value::String(kind) => is_one(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is_one),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_required_and_closed_properties_and_values_are_checked() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "age": {"type": ["integer", "null"]},
                "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
            },
            "required": ["name"],
            "additionalProperties": false,
        });
        for (value, fault) in [
            (json!({"name": "x"}), None),
            (
                json!({"name": "x", "age": 3.0, "tags": ["a", "b", "a"]}),
                None,
            ),
            (json!({"name": "x", "age": null}), None),
            (json!([]), Some("the answer is not of type \"object\"")),
            (json!({"age": 1}), Some("the answer lacks \"name\"")),
            (
                json!({"name": 7}),
                Some("the answer.name is not of type \"string\""),
            ),
            (
                json!({"name": "x", "age": 1.5}),
                Some("the answer.age is not of type [\"integer\",\"null\"]"),
            ),
            (
                json!({"name": "x", "tags": ["a", "c"]}),
                Some("the answer.tags[1] is none of the values of its enum"),
            ),
            (
                json!({"name": "x", "z": 1}),
                Some("the answer may not have \"z\""),
            ),
        ] {
            assert_eq!(check(&schema, &value).err().as_deref(), fault, "{value}");
        }
        assert_eq!(check(&json!(true), &json!(1)), Ok(()));
        assert_eq!(check(&json!({"type": "unheard-of"}), &json!(1)), Ok(()));
    }

    #[test]
    fn a_deep_schema_is_left_at_some_depth() {
        let (mut schema, mut value) = (json!({"type": "string"}), json!(7));
        for _ in 0..100 {
            schema = json!({"items": schema});
            value = json!([value]);
        }
        assert_eq!(check(&schema, &value), Ok(()));
    }
}
