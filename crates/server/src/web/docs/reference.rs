//! The operations of the API, as the page shows them.

use serde_json::Value;

use super::example::example;
use super::prose::prose;
use super::samples::{curl, spaced};
use super::schema::{kind, table};
use crate::error::ApiError;
use crate::openapi::schema::Kind;
use crate::openapi::{API, Access, Content, Operation, Place, Tag};
use crate::web::text;

/// The operations of a tag.
pub(super) struct Group {
    /// Its anchor.
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) operations: Vec<OperationView>,
}

/// One operation.
pub(super) struct OperationView {
    pub(super) id: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// HTML.
    pub(super) description: String,
    pub(super) access: &'static str,
    pub(super) parameters: Vec<ParameterView>,
    /// The table of the body, HTML.
    pub(super) body: String,
    pub(super) body_limit: Option<String>,
    pub(super) examples: Vec<Example>,
    pub(super) answers: Vec<AnswerView>,
    pub(super) errors: Vec<(u16, Vec<String>)>,
    pub(super) curl: String,
    pub(super) is_destructive: bool,
}

/// A parameter of a URL.
pub(super) struct ParameterView {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) kind: String,
    pub(super) default: Option<String>,
    /// HTML.
    pub(super) description: String,
    /// What the panel has in its field at first.
    pub(super) example: String,
    /// What may be chosen; empty: anything.
    pub(super) words: Vec<String>,
    pub(super) is_required: bool,
}

/// A body to send.
pub(super) struct Example {
    pub(super) words: &'static str,
    pub(super) json: String,
}

/// An answer.
pub(super) struct AnswerView {
    pub(super) status: u16,
    /// HTML.
    pub(super) description: String,
    pub(super) contents: Vec<ContentView>,
    pub(super) headers: Vec<&'static str>,
}

/// A form of an answer's body.
pub(super) struct ContentView {
    pub(super) media_type: &'static str,
    pub(super) kind: String,
    /// HTML.
    pub(super) table: String,
    /// JSON of this shape; empty if it is no JSON.
    pub(super) example: String,
}

/// All of them, by tag.
pub(super) fn groups(url: &str, is_keyless: bool) -> Result<Vec<Group>, ApiError> {
    let mut groups = Vec::new();
    for tag in Tag::ALL {
        let of_tag = API.operations.iter().filter(|one| one.tag == tag);
        let operations: Result<Vec<_>, _> = of_tag.map(|one| view(one, url, is_keyless)).collect();
        let letters = tag.as_str().chars().map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
            _ => '-',
        });
        groups.push(Group {
            id: format!("api-{}", letters.collect::<String>()),
            name: tag.as_str(),
            description: tag.description(),
            operations: operations?,
        });
    }
    Ok(groups)
}

fn view(operation: &Operation, url: &str, is_keyless: bool) -> Result<OperationView, ApiError> {
    let parameters = operation.parameters.iter().map(|one| {
        let example = one.example.as_ref().map_or_else(String::new, plain);
        ParameterView {
            name: one.name,
            place: one.place.as_str(),
            kind: kind(&one.schema),
            default: one.schema.default.as_ref().map(plain),
            description: prose(&one.schema.description),
            example: if one.place == Place::Path {
                example
            } else {
                String::new()
            },
            words: match &one.schema.kind {
                Kind::Word(words) => words.clone(),
                Kind::Boolean => vec!["true".to_owned(), "false".to_owned()],
                _ => Vec::new(),
            },
            is_required: one.place == Place::Path,
        }
    });
    let body = operation.body.as_ref();
    let examples = body.map(|body| body.examples.iter()).into_iter().flatten();
    let answers: Result<Vec<AnswerView>, ApiError> = operation
        .answers
        .iter()
        .map(|answer| {
            let contents: Result<Vec<_>, _> = answer.contents.iter().map(content_view).collect();
            Ok(AnswerView {
                status: answer.status,
                description: prose(answer.description),
                contents: contents?,
                headers: answer.headers.iter().map(|one| one.as_str()).collect(),
            })
        })
        .collect();
    let errors = API.errors_of(operation, is_keyless).into_iter();
    let errors = errors.map(|(status, codes)| {
        let words = codes.iter().filter_map(|code| code.code.clone());
        (status, words.collect())
    });
    let (path, with_key) = (example_path(operation), needs_key(operation, is_keyless));
    let first = body.and_then(|body| body.examples.first());
    let first = first.map(|(_, example)| example);
    Ok(OperationView {
        id: operation.id,
        method: operation.method,
        path: operation.path,
        summary: operation.summary,
        description: prose(&operation.description),
        access: access(operation.access, is_keyless),
        parameters: parameters.collect(),
        body: match body {
            Some(body) => table(&body.schema)?,
            None => String::new(),
        },
        body_limit: body.and_then(|body| {
            let kib = body.max_bytes? / 1024;
            Some(format!("{} KiB", text::number(kib as u64)))
        }),
        examples: examples
            .map(|(words, json)| Example {
                words,
                json: pretty(json),
            })
            .collect(),
        answers: answers?,
        errors: errors.collect(),
        curl: curl(url, operation.method, &path, first, with_key),
        is_destructive: operation.is_destructive,
    })
}

fn content_view(content: &Content) -> Result<ContentView, ApiError> {
    let table = table(&content.schema)?;
    let example = match table.is_empty() {
        true => String::new(),
        false => pretty(&example(&content.schema)),
    };
    Ok(ContentView {
        media_type: content.media_type,
        kind: kind(&content.schema),
        table,
        example,
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| spaced(value))
}

fn needs_key(operation: &Operation, is_keyless: bool) -> bool {
    !is_keyless && matches!(operation.access, Access::Key | Access::Admin)
}

fn access(access: Access, is_keyless: bool) -> &'static str {
    match access {
        _ if is_keyless => "No key needed",
        Access::Everybody | Access::KeyIfAny => "No key needed",
        Access::Key => "Needs a key",
        Access::Admin => "Needs an administrator's key",
    }
}

/// The path with examples in the place of its variable parts.
fn example_path(operation: &Operation) -> String {
    let mut path = operation.path.to_owned();
    let mut query = Vec::new();
    for one in &operation.parameters {
        let Some(example) = one.example.as_ref().map(plain) else {
            continue;
        };
        match one.place {
            Place::Path => path = path.replace(&format!("{{{}}}", one.name), &example),
            Place::Query => query.push(format!("{}={example}", one.name)),
        }
    }
    match query.is_empty() {
        true => path,
        false => format!("{path}?{}", query.join("&")),
    }
}

/// A text without its quotes; other values as they are.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
