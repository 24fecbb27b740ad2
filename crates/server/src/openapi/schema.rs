//! The shapes of JSON: as much of JSON Schema as this API needs.

use serde_json::{Map, Value, json};

/// What a value looks like.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    /// The shape.
    pub(crate) kind: Kind,
    /// What it means.
    pub(crate) description: String,
    /// Whether it may be `null` instead.
    pub(crate) is_nullable: bool,
    /// What it is when it is not given.
    pub(crate) default: Option<Value>,
}

/// The shapes there are.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Anything.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer {
        /// The least.
        min: Option<i64>,
        /// The greatest.
        max: Option<i64>,
    },
    /// A number.
    Number {
        /// The least.
        min: Option<f64>,
        /// The greatest.
        max: Option<f64>,
    },
    /// A text.
    Text {
        /// What kind of text, such as `date-time`.
        format: Option<&'static str>,
        /// The most characters.
        max_chars: Option<usize>,
    },
    /// One of these texts.
    Word(Vec<String>),
    /// A list.
    List {
        /// What each item looks like.
        items: Box<Schema>,
        /// The fewest.
        min: usize,
        /// The most.
        max: Option<usize>,
    },
    /// An object with these members.
    Object(Vec<Member>),
    /// An object whose members have any names and this shape.
    Map(Box<Schema>),
    /// One of the document's named schemas.
    Named(&'static str),
    /// Any of these.
    Either(Vec<Schema>),
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its value.
    pub(crate) schema: Schema,
    /// Whether it is always there.
    pub(crate) is_required: bool,
}

fn of(kind: Kind) -> Schema {
    Schema {
        kind,
        description: String::new(),
        is_nullable: false,
        default: None,
    }
}

/// Anything.
pub(crate) fn any() -> Schema {
    of(Kind::Any)
}

/// `true` or `false`.
pub(crate) fn boolean() -> Schema {
    of(Kind::Boolean)
}

/// A whole number.
pub(crate) fn integer() -> Schema {
    of(Kind::Integer {
        min: None,
        max: None,
    })
}

/// A whole number that is not negative.
pub(crate) fn count() -> Schema {
    integer_from(0)
}

/// A whole number from `min` on.
pub(crate) fn integer_from(min: i64) -> Schema {
    of(Kind::Integer {
        min: Some(min),
        max: None,
    })
}

/// A whole number from `min` to `max`.
pub(crate) fn integer_between(min: i64, max: i64) -> Schema {
    of(Kind::Integer {
        min: Some(min),
        max: Some(max),
    })
}

/// A number.
pub(crate) fn number() -> Schema {
    of(Kind::Number {
        min: None,
        max: None,
    })
}

/// A number from `min` to `max`.
pub(crate) fn number_between(min: f64, max: f64) -> Schema {
    of(Kind::Number {
        min: Some(min),
        max: Some(max),
    })
}

/// A text.
pub(crate) fn text() -> Schema {
    of(Kind::Text {
        format: None,
        max_chars: None,
    })
}

/// A text of at most so many characters.
pub(crate) fn short_text(max_chars: usize) -> Schema {
    of(Kind::Text {
        format: None,
        max_chars: Some(max_chars),
    })
}

/// A moment, such as `2026-03-19T12:30:00.123Z`.
pub(crate) fn moment() -> Schema {
    of(Kind::Text {
        format: Some("date-time"),
        max_chars: None,
    })
}

/// One of these texts.
pub(crate) fn word<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Schema {
    of(Kind::Word(words.into_iter().map(Into::into).collect()))
}

/// A list.
pub(crate) fn list(items: Schema) -> Schema {
    of(Kind::List {
        items: Box::new(items),
        min: 0,
        max: None,
    })
}

/// A list of `min` to `max` items.
pub(crate) fn list_between(items: Schema, min: usize, max: usize) -> Schema {
    of(Kind::List {
        items: Box::new(items),
        min,
        max: Some(max),
    })
}

/// An object.
pub(crate) fn object(members: impl IntoIterator<Item = Member>) -> Schema {
    of(Kind::Object(members.into_iter().collect()))
}

/// An object whose members have any names.
pub(crate) fn map(values: Schema) -> Schema {
    of(Kind::Map(Box::new(values)))
}

/// The schema of this name.
pub(crate) fn named(name: &'static str) -> Schema {
    of(Kind::Named(name))
}

/// Any of these.
pub(crate) fn either(kinds: impl IntoIterator<Item = Schema>) -> Schema {
    of(Kind::Either(kinds.into_iter().collect()))
}

/// A member that is always there.
pub(crate) fn always(name: &'static str, schema: Schema, description: impl Into<String>) -> Member {
    Member {
        name,
        schema: schema.described(description),
        is_required: true,
    }
}

/// A member that may be missing.
pub(crate) fn maybe(name: &'static str, schema: Schema, description: impl Into<String>) -> Member {
    Member {
        is_required: false,
        ..always(name, schema, description)
    }
}

impl Schema {
    /// The same with these words about it.
    #[must_use]
    pub(crate) fn described(self, description: impl Into<String>) -> Self {
        Self {
            description: description.into(),
            ..self
        }
    }

    /// The same, or `null`.
    #[must_use]
    pub(crate) fn or_null(self) -> Self {
        Self {
            is_nullable: true,
            ..self
        }
    }

    /// The same with what holds when nothing is said.
    #[must_use]
    pub(crate) fn defaults_to(self, default: impl Into<Value>) -> Self {
        Self {
            default: Some(default.into()),
            ..self
        }
    }

    /// JSON Schema of it.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = self.shape();
        let members = match &mut json {
            Value::Object(members) => members,
            _ => return json,
        };
        if self.is_nullable {
            make_nullable(members);
        }
        if !self.description.is_empty() {
            members.insert("description".to_owned(), json!(self.description));
        }
        if let Some(default) = &self.default {
            members.insert("default".to_owned(), default.clone());
        }
        json
    }

    fn shape(&self) -> Value {
        let ranged = |kind: &str, min: Option<Value>, max: Option<Value>| {
            let mut json = json!({ "type": kind });
            for (name, end) in [("minimum", min), ("maximum", max)] {
                if let Some(end) = end {
                    json[name] = end;
                }
            }
            json
        };
        match &self.kind {
            Kind::Any => json!({}),
            Kind::Boolean => json!({ "type": "boolean" }),
            Kind::Integer { min, max } => {
                ranged("integer", min.map(Value::from), max.map(Value::from))
            }
            Kind::Number { min, max } => {
                ranged("number", min.map(Value::from), max.map(Value::from))
            }
            Kind::Text { format, max_chars } => {
                let mut json = json!({ "type": "string" });
                if let Some(format) = format {
                    json["format"] = json!(format);
                }
                if let Some(max) = max_chars {
                    json["maxLength"] = json!(max);
                }
                json
            }
            Kind::Word(words) => json!({ "type": "string", "enum": words }),
            Kind::List { items, min, max } => {
                let mut json = json!({ "type": "array", "items": items.to_json() });
                if *min > 0 {
                    json["minItems"] = json!(min);
                }
                if let Some(max) = max {
                    json["maxItems"] = json!(max);
                }
                json
            }
            Kind::Object(members) => {
                let properties: Map<String, Value> = members
                    .iter()
                    .map(|member| (member.name.to_owned(), member.schema.to_json()))
                    .collect();
                let required = members.iter().filter(|member| member.is_required);
                let required: Vec<_> = required.map(|member| member.name).collect();
                let mut json = json!({ "type": "object", "properties": properties });
                if !required.is_empty() {
                    json["required"] = json!(required);
                }
                json
            }
            Kind::Map(values) => {
                json!({ "type": "object", "additionalProperties": values.to_json() })
            }
            Kind::Named(name) => json!({ "$ref": reference(name) }),
            Kind::Either(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(Self::to_json).collect();
                json!({ "anyOf": kinds })
            }
        }
    }
}

/// Where a named schema stands in the document.
pub(super) fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// Lets `null` stand in the place of what a schema describes.
fn make_nullable(members: &mut Map<String, Value>) {
    if let Some(reference) = members.remove("$ref") {
        let either = json!([{ "$ref": reference }, { "type": "null" }]);
        members.insert("anyOf".to_owned(), either);
        return;
    }
    if let Some(Value::Array(kinds)) = members.get_mut("anyOf") {
        kinds.push(json!({ "type": "null" }));
    }
    if let Some(Value::Array(words)) = members.get_mut("enum") {
        words.push(Value::Null);
    }
    if let Some(kind) = members.get_mut("type") {
        *kind = json!([kind, "null"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_may_stand_for_every_shape() {
        for (schema, expected) in [
            (count(), json!({"type": ["integer", "null"], "minimum": 0})),
            (
                word(["a"]),
                json!({"type": ["string", "null"], "enum": ["a", null]}),
            ),
            (
                named("Key"),
                json!({"anyOf": [{"$ref": "#/components/schemas/Key"}, {"type": "null"}]}),
            ),
            (
                either([text(), boolean()]),
                json!({"anyOf": [{"type": "string"}, {"type": "boolean"}, {"type": "null"}]}),
            ),
            (any(), json!({})),
        ] {
            assert_eq!(schema.or_null().to_json(), expected);
        }
    }

    #[test]
    fn members_that_are_always_there_are_required() {
        let schema = object([
            always("id", text(), "Its name."),
            maybe(
                "size",
                list_between(number(), 1, 3).defaults_to(json!([1])),
                "",
            ),
        ]);
        let expected = json!({
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "Its name."},
                "size": {
                    "type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3,
                    "default": [1],
                },
            },
            "required": ["id"],
        });
        assert_eq!(schema.to_json(), expected);
    }
}
