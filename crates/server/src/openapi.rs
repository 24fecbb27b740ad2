//! `GET /openapi.json`: the description of this API, for programs and for the pages of `/docs`.
//!
//! Requests are read and answers written by hand, so the description is made by hand, too, of few
//! parts: a [`Schema`] for each shape and an [`Operation`] for each method at each
//! path. Words, limits and defaults are those of the code that holds to them; tests hold paths,
//! answers and errors against the running server.

mod answers;
mod lists;
mod models;
mod operation;
mod own;
pub(crate) mod schema;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::body::json_response;
use crate::error::codes::{Code, codes};
use crate::web::site::Site;
pub(crate) use operation::{Access, Content, Header, Operation, Place, Tag};
use schema::Schema;

/// Everything that can be asked here.
pub(crate) struct Api {
    /// By tag, as they are shown.
    pub(crate) operations: Vec<Operation>,
    /// The shapes that have a name.
    pub(crate) schemas: Vec<(&'static str, Schema)>,
    /// What can go wrong.
    pub(crate) codes: Vec<Code>,
}

/// The description, made once.
pub(crate) static API: LazyLock<Api> = LazyLock::new(|| {
    let groups = [
        answers::operations(),
        models::operations(),
        lists::operations(),
        own::operations(),
        service::operations(),
    ];
    let schemas = [
        answers::schemas(),
        models::schemas(),
        lists::schemas(),
        own::schemas(),
        service::schemas(),
    ];
    Api {
        operations: groups.into_iter().flatten().collect(),
        schemas: schemas.into_iter().flatten().collect(),
        codes: codes(),
    }
});

impl Api {
    /// The shape of this name.
    pub(crate) fn schema(&self, name: &str) -> Option<&Schema> {
        let named = self.schemas.iter().find(|(known, _)| *known == name);
        named.map(|(_, schema)| schema)
    }

    /// The errors that an operation may end in, by status.
    pub(crate) fn errors_of(
        &self,
        operation: &Operation,
        is_keyless: bool,
    ) -> BTreeMap<u16, Vec<&Code>> {
        let scopes = operation.all_scopes(is_keyless);
        let mut errors: BTreeMap<u16, Vec<&Code>> = BTreeMap::new();
        for code in &self.codes {
            if code.scopes.iter().any(|scope| scopes.contains(scope)) {
                errors.entry(code.status).or_default().push(code);
            }
        }
        errors
    }
}

/// The document.
pub(crate) async fn show(site: Site) -> Response {
    let document = document(&site.url, site.is_keyless);
    let mut response = json_response(StatusCode::OK, &document);
    let cache = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response
}

/// The document for a server at `base_url`.
pub(crate) fn document(base_url: &str, is_keyless: bool) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in &API.operations {
        let is_flat = operation.has_flat_errors();
        let answered = |status| operation.answers.iter().any(|one| one.status == status);
        let errors = API.errors_of(operation, is_keyless).into_iter();
        let errors = errors
            .filter(|&(status, _)| !answered(status))
            .map(|(status, codes)| (status, error_json(status, &codes, is_flat)));
        let json = operation.to_json(is_keyless, errors.collect());
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = json;
    }
    let tags =
        Tag::ALL.map(|tag| json!({ "name": tag.as_str(), "description": tag.description() }));
    let schemas = API.schemas.iter();
    let schemas = schemas.map(|(name, schema)| ((*name).to_owned(), schema.to_json()));
    let headers = Header::ALL.map(|header| (header.as_str().to_owned(), header.to_json()));
    let mut components = json!({
        "schemas": Value::Object(schemas.collect()),
        "headers": Value::Object(headers.into_iter().collect()),
    });
    if !is_keyless {
        components["securitySchemes"] = json!({
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key of `freeway keys create`, as `Authorization: Bearer KEY`.",
            },
            "apiKey": {
                "type": "apiKey",
                "in": "header",
                "name": "X-API-Key",
                "description": "The same key in a header of its own.",
            },
        });
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Freeway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "OpenAI's API in front of gpt-oss on this machine and of models that \
                            hosts give for nothing. Every GET answers HEAD as well.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": base_url }],
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

/// The answer for the errors of a status.
fn error_json(status: u16, codes: &[&Code], is_flat: bool) -> Value {
    let told = codes.iter().map(|code| match &code.code {
        Some(word) => format!("`{word}`: {}", code.when),
        None => code.when.clone(),
    });
    let schema = if is_flat { "PlainError" } else { "Error" };
    let mut headers = vec![Header::RequestId];
    if matches!(status, 429 | 503) {
        headers.push(Header::RetryAfter);
    }
    json!({
        "description": told.collect::<Vec<_>>().join(" "),
        "headers": operation::headers(&headers),
        "content": { "application/json": { "schema": { "$ref": schema::reference(schema) } } },
    })
}
