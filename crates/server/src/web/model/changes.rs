//! How a specification changed.

use store::SpecChange;

use crate::web::changes::{parameters, value};
use crate::web::host_name;
use crate::web::text::{self, When};

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
        let (old, new) = match change.field.as_str() {
            "supported_parameters" => (String::new(), parameters(change)),
            _ => {
                let words = |json: &Option<String>| json.as_deref().map(value).unwrap_or_default();
                (words(&change.old), words(&change.new))
            }
        };
        Self {
            when: When::minute(change.at),
            host,
            what: words(&change.field),
            old,
            new,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_read_as_people_write_them() {
        assert_eq!(words("max_output_tokens"), "Max output");
        assert_eq!(words("is_moderated"), "Is moderated");
        assert_eq!(words(""), "");
    }
}
