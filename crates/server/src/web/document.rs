//! Documents that are asked for again and again: whoever has the newest is told so in a few bytes.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use store::Timestamp;
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::feed::mail_date;

/// A document.
pub(crate) struct Document {
    /// Its media type.
    pub(crate) kind: &'static str,
    /// Its text.
    pub(crate) body: String,
    /// When it last changed, if that is known.
    pub(crate) modified: Option<Timestamp>,
    /// What caches may do.
    pub(crate) cache: &'static str,
}

/// The document, or that the client has it already.
pub(crate) fn respond(document: Document, asked: &HeaderMap) -> Response {
    let mut hasher = DefaultHasher::new();
    document.body.hash(&mut hasher);
    // Weak: a proxy may compress it.
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    let is_known = is_known(asked, &tag, document.modified);
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
    if let Some(at) = document.modified {
        say(LAST_MODIFIED, &mail_date(at));
    }
    if !is_known {
        say(CONTENT_TYPE, document.kind);
        say(X_CONTENT_TYPE_OPTIONS, "nosniff");
    }
    response
}

/// Whether the client has this document. A date counts only where no tag is given.
fn is_known(asked: &HeaderMap, tag: &str, modified: Option<Timestamp>) -> bool {
    let text = |name| asked.get(name).and_then(|value| value.to_str().ok());
    if let Some(tags) = text(IF_NONE_MATCH) {
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let mut tags = tags.split(',');
        return tags.any(|known| known.trim() == "*" || opaque(known) == opaque(tag));
    }
    let (Some(since), Some(modified)) = (text(IF_MODIFIED_SINCE), modified) else {
        return false;
    };
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    // Dates have no fractions of a second.
    PrimitiveDateTime::parse(since.trim(), format)
        .is_ok_and(|since| modified.0.div_euclid(1000) <= since.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: HeaderName, value: &str) -> StatusCode {
        let document = Document {
            kind: "text/plain",
            body: "words".to_owned(),
            modified: Some(Timestamp(1_763_827_200_999)),
            cache: "no-cache",
        };
        let asked = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        let response = respond(document, &asked);
        assert!(response.headers().contains_key(ETAG));
        response.status()
    }

    #[test]
    fn whoever_has_it_is_told_so() {
        let first = respond(
            Document {
                kind: "text/plain",
                body: "words".to_owned(),
                modified: None,
                cache: "no-cache",
            },
            &HeaderMap::new(),
        );
        let tag = first.headers()[ETAG].to_str().unwrap();
        let (had, new) = (StatusCode::NOT_MODIFIED, StatusCode::OK);
        assert_eq!(first.status(), new);
        assert_eq!(status(IF_NONE_MATCH, tag), had);
        assert_eq!(status(IF_NONE_MATCH, &format!("\"x\", {}", &tag[2..])), had);
        assert_eq!(status(IF_NONE_MATCH, "*"), had);
        assert_eq!(status(IF_NONE_MATCH, "\"x\""), new);
        for (date, expected) in [
            ("Sat, 22 Nov 2025 16:00:00 GMT", had),
            ("Sat, 22 Nov 2025 15:59:59 GMT", new),
            ("Sun, 23 Nov 2025 00:00:00 GMT", had),
            ("soon", new),
        ] {
            assert_eq!(status(IF_MODIFIED_SINCE, date), expected, "{date}");
        }
    }
}
