//! Where this server is, as whoever asks sees it, and the moment its pages speak of.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::request::Parts;
use store::Timestamp;

use super::dashboard::gate::is_secure;
use super::page::{Nav, Page};
use super::text;
use crate::routes::AppState;

/// Longest name of a host that is repeated.
const MAX_HOST_BYTES: usize = 255;

/// This server, as a page needs it.
pub(crate) struct Site {
    /// Its URL, such as `http://127.0.0.1:8080`, without a slash at the end.
    pub(crate) url: String,
    /// Whether it answers without a key.
    pub(crate) is_keyless: bool,
    /// The moment that pages speak of.
    pub(crate) now: Timestamp,
    /// Whether what pages show is invented.
    pub(crate) is_sample: bool,
}

impl Site {
    /// A page of this site. `path` is the one it is to be known by.
    pub(crate) fn page(
        &self,
        nav: Nav,
        path: impl Into<String>,
        title: impl Into<String>,
        description: impl Into<String>,
    ) -> Page {
        Page {
            title: title.into(),
            description: description.into(),
            path: path.into(),
            site_url: self.url.clone(),
            nav,
            sample_moment: self.is_sample.then(|| text::When::minute(self.now)),
            is_indexed: true,
            image: "/og/site.png".to_owned(),
            json_ld: Vec::new(),
        }
    }
}

impl FromRequestParts<Arc<AppState>> for Site {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<AppState>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self::of(app, &parts.headers))
    }
}

impl Site {
    /// This server, as whoever sent these headers names it.
    pub(crate) fn of(app: &AppState, headers: &HeaderMap) -> Self {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let url = match &app.public_url {
            Some(url) => url.clone(),
            // A host that cannot be one is not repeated into a page.
            None => match host.filter(|host| is_authority(host)) {
                Some(host) => {
                    let scheme = if is_secure(app, headers) {
                        "https"
                    } else {
                        "http"
                    };
                    format!("{scheme}://{host}")
                }
                None => format!("http://{}", app.address),
            },
        };
        Self {
            url,
            is_keyless: app.auth.is_keyless(),
            now: app.now(),
            is_sample: app.sample_moment.is_some(),
        }
    }
}

/// Whether a text is `host[:port]` and nothing that would mean more.
fn is_authority(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (1..=MAX_HOST_BYTES).contains(&host.len()) && host.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_host_is_repeated() {
        for good in ["localhost:8080", "example.com", "[::1]:80", "a-b.c_d"] {
            assert!(is_authority(good), "{good}");
        }
        let long = "a".repeat(256);
        for bad in ["", "a b", "a/b", "a\"", "<script>", "user@host", "ä", &long] {
            assert!(!is_authority(bad), "{bad}");
        }
    }
}
