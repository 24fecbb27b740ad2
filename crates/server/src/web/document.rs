//! Documents that are asked for again and again: whoever has the newest is told so in a few bytes.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

/// A document. It has no date of its last change: a text that is made of what is known now may change
/// without any of its parts getting younger, so only a mark of the text itself tells.
pub(crate) struct Document {
    /// Its media type.
    pub(crate) kind: &'static str,
    /// Its text.
    pub(crate) body: String,
    /// What caches may do.
    pub(crate) cache: &'static str,
}

/// The document, or that the client has it already.
pub(crate) fn respond(document: Document, asked: &HeaderMap) -> Response {
    let mut hasher = DefaultHasher::new();
    document.body.hash(&mut hasher);
    // Weak: a proxy may compress it.
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    let is_known = is_known(asked, &tag);
    let mut response = Response::new(match is_known {
        true => Body::empty(),
        false => Body::from(document.body),
    });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    let mut say = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    say(ETAG, &tag);
    say(CACHE_CONTROL, document.cache);
    if !is_known {
        say(CONTENT_TYPE, document.kind);
        say(X_CONTENT_TYPE_OPTIONS, "nosniff");
    }
    response
}

/// Whether the client has this document.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let tags = asked.get(IF_NONE_MATCH);
    let tags = tags.and_then(|value| value.to_str().ok()).unwrap_or("");
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let mut tags = tags.split(',');
    tags.any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(asked: &HeaderMap) -> Response {
        let document = Document {
            kind: "text/plain",
            body: "words".to_owned(),
            cache: "no-cache",
        };
        respond(document, asked)
    }

    fn status(tag: &str) -> StatusCode {
        let response = told(&HeaderMap::from_iter([(
            IF_NONE_MATCH,
            tag.parse().unwrap(),
        )]));
        assert!(response.headers().contains_key(ETAG));
        response.status()
    }

    #[test]
    fn whoever_has_it_is_told_so() {
        let first = told(&HeaderMap::new());
        let tag = first.headers()[ETAG].to_str().unwrap();
        let (had, new) = (StatusCode::NOT_MODIFIED, StatusCode::OK);
        assert_eq!(first.status(), new);
        assert_eq!(status(tag), had);
        assert_eq!(status(&format!("\"x\", {}", &tag[2..])), had);
        assert_eq!(status("*"), had);
        assert_eq!(status("\"x\""), new);
        assert_eq!(status(""), new);
    }
}
