//! The parameters of a URL.

use std::borrow::Cow;

use axum::http::Uri;

/// Parameters that are read of one URL.
const MAX_PARAMETERS: usize = 100;

/// The parameters of a URL, in their order.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Self {
        let text = uri.query().unwrap_or("").as_bytes();
        Self(form_urlencoded::parse(text).take(MAX_PARAMETERS).collect())
    }

    /// The first value of this name. One of blanks alone is as if it were not there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// All values of this name that are not blank.
    pub(crate) fn all(&self, name: &'a str) -> impl Iterator<Item = &str> {
        let values = self.0.iter().filter(move |(key, _)| key == name);
        let values = values.map(|(_, value)| value.trim());
        values.filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_a_name_is_the_one_and_a_blank_one_is_none() {
        let uri = "/p?a=1&a=2&b=+&c=x%20y%2Fz&=q&d".parse().unwrap();
        let query = Query::of(&uri);
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.get("b"), None);
        assert_eq!(query.get("c"), Some("x y/z"));
        assert_eq!((query.get("d"), query.get("e")), (None, None));
        let bare = "/p".parse().unwrap();
        assert_eq!(Query::of(&bare).get("a"), None);
    }
}
