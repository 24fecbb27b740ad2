//! Reading JSON with errors that name the field.

use serde::de::DeserializeOwned;

use crate::error::InvalidRequest;

/// Reads a request body, which is an object.
pub(super) fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidRequest> {
    // serde would take a list for the fields in their order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let message = "the body must be a JSON object, not a list";
        return Err(InvalidRequest::new(message));
    }
    // Keeping track of the path costs time that only a wrong body is worth.
    serde_json::from_slice(body).or_else(|_| from_slice_with_path(body))
}

/// The same, with the path of the field that is wrong.
fn from_slice_with_path<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidRequest> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() {
            let message = error.to_string();
            // The position in the body says nothing to a program that wrote it field by field.
            let message = message.split(" at line ").next().unwrap_or(&message);
            let param = missing_field(message).map_or_else(
                || path.clone(),
                |field| match path.as_str() {
                    "." => field.to_owned(),
                    path => format!("{path}.{field}"),
                },
            );
            return match param.as_str() {
                "." => InvalidRequest::new(format!("the body: {message}")),
                place => InvalidRequest::of(place, format!("{place}: {message}")),
            };
        }
        malformed(&error)
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> InvalidRequest {
    InvalidRequest::new(format!("the body is not valid JSON: {error}")).with_code("invalid_json")
}

/// The field in serde's words for a missing one.
fn missing_field(message: &str) -> Option<&str> {
    message
        .strip_prefix("missing field `")?
        .split('`')
        .next()
        .filter(|field| !field.is_empty())
}
