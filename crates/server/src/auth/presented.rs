//! The key that a request presents, and the reasons to refuse it.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};
use store::ApiKey;

use crate::error::ApiError;

/// Some clients of Free LLM Router's API send the key here.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Why a key does not open the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is none.
    Missing,
    /// There is an `Authorization`, but not of the form `Bearer KEY`.
    BadForm,
    /// It has no characters.
    Empty,
    /// It has not the form of our keys, or nobody made it.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl Refusal {
    /// For people.
    pub(crate) fn message(self) -> String {
        let words = match self {
            Self::Missing => "an API key is needed",
            Self::BadForm => "the Authorization header is not of the form `Bearer KEY`",
            Self::Empty => "the API key is empty",
            Self::Unknown => "this API key is unknown",
            Self::Expired => "this API key has expired",
            Self::Revoked => "this API key was revoked",
        };
        format!("{words}; send `Authorization: Bearer KEY` with a key from `freeway keys create`")
    }

    /// The words that clients of Free LLM Router's API know.
    pub(crate) fn known_words(self) -> &'static str {
        match self {
            Self::Missing => "Missing Authorization header",
            Self::BadForm => "Invalid Authorization format. Use: Bearer <api-key>",
            Self::Empty => "API key is empty",
            Self::Unknown | Self::Revoked => "Invalid API key",
            Self::Expired => "API key expired",
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Unauthorized(refusal)
    }
}

/// The key of a request: that of `Authorization`, unless that is of another kind and there is an
/// `X-API-Key`.
pub(super) fn key(headers: &HeaderMap) -> Result<ApiKey, Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let bearer = text(AUTHORIZATION).map(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        // A header ends before its blanks, so an empty key leaves the bare word.
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
        is_bearer.then_some(token).ok_or(Refusal::BadForm)
    });
    let token = match (bearer, text(X_API_KEY)) {
        (Some(Ok(token)), _) => token,
        (_, Some(token)) => token,
        (Some(Err(refusal)), None) => return Err(refusal),
        (None, None) => return Err(Refusal::Missing),
    };
    match token.trim() {
        "" => Err(Refusal::Empty),
        token => ApiKey::parse(token).ok_or(Refusal::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Result<String, Refusal> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        key(&headers).map(|key| key.expose().to_owned())
    }

    #[test]
    fn a_key_is_read_from_either_header() {
        let a = format!("fw_{}", "a".repeat(43));
        let b = format!("fw_{}", "b".repeat(43));
        let bearer = |key: &str| format!("Bearer {key}");
        assert_eq!(read(&[("authorization", &bearer(&a))]), Ok(a.clone()));
        assert_eq!(
            read(&[("authorization", &format!("bEARER  {a}"))]),
            Ok(a.clone())
        );
        assert_eq!(read(&[("x-api-key", &a)]), Ok(a.clone()));
        let both = [("authorization", &*bearer(&a)), ("x-api-key", &*b)];
        assert_eq!(read(&both), Ok(a));
        // A proxy in between may want a password of its own.
        let basic = [("authorization", "Basic dTpw"), ("x-api-key", &*b)];
        assert_eq!(read(&basic), Ok(b));
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_reason() {
        let long = "x".repeat(10_000);
        for (headers, refusal) in [
            (vec![], Refusal::Missing),
            (vec![("authorization", "")], Refusal::BadForm),
            (vec![("authorization", "Bearer")], Refusal::BadForm),
            (vec![("authorization", "Basic dTpw")], Refusal::BadForm),
            (vec![("authorization", "fw_abc")], Refusal::BadForm),
            (vec![("x-api-key", "")], Refusal::Empty),
            (vec![("x-api-key", "fma_abcdef")], Refusal::Unknown),
            (
                vec![("authorization", "Bearer fma_abcdef")],
                Refusal::Unknown,
            ),
            (vec![("authorization", "Bearer a b")], Refusal::Unknown),
            (vec![("x-api-key", long.as_str())], Refusal::Unknown),
        ] {
            assert_eq!(read(&headers), Err(refusal), "{headers:?}");
        }
    }
}
