//! What a form of a page brings.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use router::InvalidRequest;
use serde_json::{Map, Value, json};

use super::gate::Visitor;
use crate::body::discard;
use crate::error::ApiError;
use crate::routes::AppState;

/// Fields that are read of one form.
const MAX_FIELDS: usize = 500;
const FORM: &str = "application/x-www-form-urlencoded";

/// The fields of a form, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Of a request that is a form, whoever sends it.
    pub(super) async fn read(app: &AppState, request: Request) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case(FORM) {
            discard(request.into_body()).await;
            let message = format!("send the form of the page, as {FORM}");
            return Err(InvalidRequest::new(message).into());
        }
        app.small_bodies.read(request, Self::parse).await
    }

    fn parse(body: Bytes) -> Result<Self, InvalidRequest> {
        let fields = form_urlencoded::parse(&body).into_owned();
        Ok(Self(fields.take(MAX_FIELDS).collect()))
    }

    /// The first value of this name, without blanks around it; `None` if there are only those.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// The same, or nothing.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// Every value of this name.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.0.iter().filter(|(key, _)| key == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }

    /// The lines of a field, without empty ones.
    pub(super) fn lines(&self, name: &str) -> Vec<&str> {
        let lines = self.get(name).unwrap_or_default().lines();
        lines
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect()
    }

    /// Whether a box is ticked.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// What the form says of a key, as the members that the API takes.
    pub(super) fn key_members(&self) -> Map<String, Value> {
        let limit = |name: &str| match self.get(name) {
            None => Value::Null,
            // What is no number stays text, which is refused by name.
            Some(text) => text
                .parse::<u64>()
                .map_or_else(|_| json!(text), Value::from),
        };
        let members = json!({
            "name": self.text("name"),
            "expiresAt": self.get("expires").map(str::to_owned),
            "isAdmin": self.is_ticked("admin"),
            "keepsContent": self.is_ticked("content"),
            "quota": {
                "requestsPerMinute": limit("requests_per_minute"),
                "requestsPerDay": limit("requests_per_day"),
                "tokensPerMinute": limit("tokens_per_minute"),
                "tokensPerDay": limit("tokens_per_day"),
            },
        });
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}

/// What is wrong with a form, in the words of the page.
pub(super) fn friendly(error: &InvalidRequest) -> String {
    let label = match error.param.as_deref() {
        Some("quota.requestsPerMinute") => "Requests a minute",
        Some("quota.requestsPerDay") => "Requests a day",
        Some("quota.tokensPerMinute") => "Tokens a minute",
        Some("quota.tokensPerDay") => "Tokens a day",
        Some("expiresAt") => "Expires",
        Some("name") => "Name",
        _ => return error.message.clone(),
    };
    let param = error.param.as_deref().unwrap_or_default();
    let message = error.message.replace(param, label);
    message.replace(", or null for none", ", or empty for none")
}

/// A form that a page of this server sent for the one who is logged in.
pub(super) struct Checked(pub(super) Form);

impl FromRequest<Arc<AppState>> for Checked {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<AppState>) -> Result<Self, Self::Rejection> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let form = Form::read(app, request).await?;
        let token = form.get("token").unwrap_or_default();
        let is_theirs = visitor.is_some_and(|one| is_same(&one.form_token, token));
        if !is_theirs {
            let message = "this form is too old, or not from this page; go back, load the page \
                           again and repeat it";
            return Err(ApiError::Forbidden(message.to_owned()));
        }
        Ok(Self(form))
    }
}

/// Whether two texts are the same, in a time that says nothing of where they differ.
fn is_same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    let difference = pairs.fold(0, |difference, (a, b)| difference | (a ^ b));
    one.len() == other.len() && !one.is_empty() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let form = Form::parse("a=1+2&a=%C3%A4&b=++&c=x%0D%0A+%0D%0Ay".into()).unwrap();
        assert_eq!(form.get("a"), Some("1 2"));
        assert_eq!(form.all("a"), ["1 2", "ä"]);
        assert_eq!((form.get("b"), form.get("d")), (None, None));
        assert_eq!(form.lines("c"), ["x", "y"]);
        assert!(form.is_ticked("a") && !form.is_ticked("b"));
        let many = "x=1&".repeat(10_000);
        assert_eq!(Form::parse(many.into()).unwrap().0.len(), MAX_FIELDS);
    }

    #[test]
    fn only_the_same_token_is_the_same() {
        assert!(is_same("abc", "abc"));
        for other in ["abd", "ab", "abcd", ""] {
            assert!(!is_same("abc", other), "{other}");
        }
        assert!(!is_same("", ""));
    }

    #[test]
    fn what_is_wrong_is_told_in_the_words_of_the_page() {
        let message = "quota.requestsPerDay must be a number from 1 to 9, or null for none";
        let error = InvalidRequest::of("quota.requestsPerDay", message);
        let expected = "Requests a day must be a number from 1 to 9, or empty for none";
        assert_eq!(friendly(&error), expected);
    }
}
