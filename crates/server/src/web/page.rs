//! What all pages have in common.

use askama::Template;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::assets;
use super::text::When;
use crate::error::ApiError;

/// The entries of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nav {
    Home,
    Models,
    Providers,
    Chat,
    Docs,
    Status,
    Dashboard,
    /// Of a page that is none of them.
    Other,
}

impl Nav {
    fn name(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Models => "Models",
            Self::Providers => "Providers",
            Self::Chat => "Chat",
            Self::Docs => "Docs",
            Self::Status => "Status",
            Self::Dashboard => "Dashboard",
            Self::Other => "",
        }
    }
}

/// The head of a page, and what its frame says. Templates extend `web/layout.html` and have it in a
/// field `page`.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) description: String,
    /// The path it is to be known by, encoded.
    pub(crate) path: String,
    pub(crate) site_url: String,
    pub(crate) nav: Nav,
    /// When the data is invented: the moment it speaks of.
    pub(crate) sample_moment: Option<When>,
    /// Whether search engines may list it.
    pub(crate) is_indexed: bool,
    /// The path of the picture that is shown where somebody links to it.
    pub(crate) image: String,
    /// What programs may know of it: JSON-LD in which `<` is escaped.
    pub(crate) json_ld: Vec<String>,
}

impl Page {
    /// Where a file of `web/static` is.
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::path(name)
    }

    /// The URL it is to be known by.
    pub(crate) fn canonical(&self) -> String {
        format!("{}{}", self.site_url, self.path)
    }

    /// The `aria-current` of the entry of the navigation with this name.
    pub(crate) fn current(&self, name: &str) -> &'static str {
        match self.nav.name() == name {
            true => "page",
            false => "false",
        }
    }

    /// The same, for nobody's index.
    pub(crate) fn not_indexed(self) -> Self {
        Self {
            is_indexed: false,
            ..self
        }
    }
}

/// A page as a response.
pub(crate) fn html(template: &impl Template) -> Result<Response, ApiError> {
    html_with(StatusCode::OK, template)
}

/// The same, with a status.
pub(crate) fn html_with(
    status: StatusCode,
    template: &impl Template,
) -> Result<Response, ApiError> {
    let html = template.render().map_err(ApiError::Template)?;
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}
