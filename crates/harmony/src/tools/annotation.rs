//! What a schema says about one place beside its type: null, examples, default, name and title.

use serde_json::Value;

use super::schema::View;

/// Whether the type is to have `null` among its alternatives.
pub(super) fn is_nullable(view: &View<'_>) -> bool {
    view.nullable || view.get("nullable") == Some(&Value::Bool(true))
}

/// The examples, if there are any.
pub(super) fn examples<'a>(view: &View<'a>) -> &'a [Value] {
    view.get("examples")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// `default: x`: strings in quotes unless they are one of listed values, everything else as JSON.
/// A default of `null` says no more than the `?` of an optional property and is left out.
pub(super) fn default(view: &View<'_>) -> Option<String> {
    let default = view.get("default").filter(|value| !value.is_null())?;
    let text = match default {
        Value::String(text) if view.literals().is_some() && !text.contains(char::is_control) => {
            text.clone()
        }
        other => other.to_string(),
    };
    Some(format!("default: {text}"))
}

/// The name as it is if it is an identifier, otherwise in quotes.
pub(super) fn property_name(name: &str) -> String {
    let is_start = |c: char| c.is_alphabetic() || matches!(c, '_' | '$');
    let is_identifier = name.starts_with(is_start)
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
    if is_identifier {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}

/// The title that schema generators make up for a field: `some_field` → `Some Field`. It says
/// nothing that the name does not say.
pub(super) fn generated_title(name: &str) -> String {
    let capitalize = |word: &str| {
        let mut chars = word.chars();
        chars
            .next()
            .map(|first| first.to_uppercase().chain(chars).collect::<String>())
    };
    name.split('_')
        .map(|word| capitalize(word).unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ")
}
