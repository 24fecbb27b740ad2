//! How a specification changed.

use serde_json::Value;
use store::SpecChange;

use crate::web::host_name;
use crate::web::text::{self, When};

/// Characters of a value that are shown.
const MAX_VALUE_CHARS: usize = 80;

/// A change, in words.
pub(super) struct Change {
    pub(super) when: When,
    /// Where: a host, or nothing for the model itself.
    pub(super) host: String,
    pub(super) what: String,
    pub(super) old: String,
    pub(super) new: String,
}

impl Change {
    pub(super) fn of(change: &SpecChange) -> Self {
        let host = match &change.deployment {
            Some(key) => host_name(&key.provider),
            None => String::new(),
        };
        Self {
            when: When::minute(change.at),
            host,
            what: words(&change.field),
            old: change.old.as_deref().map_or_else(String::new, value),
            new: change.new.as_deref().map_or_else(String::new, value),
        }
    }

    /// Whether there is a value before or after.
    pub(super) fn has_values(&self) -> bool {
        !self.old.is_empty() || !self.new.is_empty()
    }
}

/// What changed, for people.
fn words(field: &str) -> String {
    match field {
        "appeared" => "Appeared as free".to_owned(),
        "left" => "No longer free".to_owned(),
        "returned" => "Free again".to_owned(),
        "context_length" => "Context length".to_owned(),
        "max_output_tokens" => "Max output".to_owned(),
        field => {
            let words = field.replace('_', " ");
            let mut letters = words.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string());
            text::name(&format!(
                "{}{}",
                first.unwrap_or_default(),
                letters.as_str()
            ))
        }
    }
}

/// A value that is JSON, for people.
fn value(json: &str) -> String {
    let text = match serde_json::from_str(json) {
        Ok(Value::String(text)) => text,
        Ok(Value::Null) => return String::new(),
        Ok(Value::Number(number)) => match number.as_u64() {
            Some(count) => text::number(count),
            None => number.to_string(),
        },
        Ok(Value::Array(items)) => {
            let items = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            items.collect::<Vec<_>>().join(", ")
        }
        Ok(Value::Bool(true)) => "yes".to_owned(),
        Ok(Value::Bool(false)) => "no".to_owned(),
        _ => json.to_owned(),
    };
    let text = text::name(&text);
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        assert_eq!(value("131072"), "131,072");
        assert_eq!(value("\"fp4\""), "fp4");
        assert_eq!(value("[\"tools\",\"seed\"]"), "tools, seed");
        assert_eq!(value("true"), "yes");
        assert_eq!(value("null"), "");
        assert_eq!(value("not json"), "not json");
        assert_eq!(
            value(&format!("\"{}\"", "x".repeat(100))).chars().count(),
            81
        );
        assert_eq!(words("max_output_tokens"), "Max output");
        assert_eq!(words("is_moderated"), "Is moderated");
        assert_eq!(words(""), "");
    }
}
