//! The files that pages load, inside the program. Their path names their content, so that browsers may
//! keep them for ever.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// A file of `web/static`.
struct Asset {
    name: &'static str,
    content: &'static [u8],
}

/// Names files of `web/static` and takes them in.
macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        &[$(Asset {
            name: $name,
            content: include_bytes!(concat!("static/", $name)),
        }),*]
    };
}

const ASSETS: &[Asset] = assets![
    "base.js",
    "chat-answer.js",
    "chat-dom.js",
    "chat-draft.js",
    "chat-errors.js",
    "chat-export.js",
    "chat-keeper.js",
    "chat-key.js",
    "chat-menu.js",
    "chat-message.js",
    "chat-models.js",
    "chat-notices.js",
    "chat-picker.js",
    "chat-request.js",
    "chat-samples.js",
    "chat-scroll.js",
    "chat-settings.js",
    "chat-sidebar.js",
    "chat-store.js",
    "chat-stream.js",
    "chat-thread.js",
    "chat-trail.js",
    "chat-tree.js",
    "chat.css",
    "chat.js",
    "code-view.js",
    "dashboard.css",
    "dashboard.js",
    "docs.css",
    "docs.js",
    "favicon.svg",
    "highlight-languages.js",
    "highlight.js",
    "json-fault.js",
    "markdown-blocks.js",
    "markdown-inline.js",
    "markdown.js",
    "model.js",
    "models.css",
    "plain-text.js",
    "style.css",
    "theme.js",
];

/// One for all of them: modules find each other by relative paths.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    for asset in ASSETS {
        asset.name.hash(&mut hasher);
        asset.content.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
});

/// The path of a file.
pub(super) fn path(name: &str) -> String {
    debug_assert!(find(name).is_some(), "{name} is not in web/static");
    format!("/static/{}/{name}", *VERSION)
}

fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

pub(crate) async fn show(Path((version, name)): Path<(String, String)>) -> Response {
    let Some(asset) = find(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // A page of another version of this program asks for what it had: close enough, but not to keep.
    let is_exact = version == *VERSION;
    respond(asset, is_exact)
}

/// For browsers that ask without looking at the page.
pub(crate) async fn favicon() -> Response {
    match find("favicon.svg") {
        Some(asset) => respond(asset, false),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn respond(asset: &Asset, is_exact: bool) -> Response {
    let mut response = Response::new(Body::from(asset.content));
    let headers = response.headers_mut();
    let kind = match asset.name.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    let cache = match is_exact {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// The words of a file.
#[cfg(test)]
pub(super) fn text(name: &str) -> Option<&'static str> {
    find(name).and_then(|asset| std::str::from_utf8(asset.content).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_taken_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/static");
        let files = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        let known: Vec<&str> = ASSETS.iter().map(|asset| asset.name).collect();
        assert_eq!(names, known, "in the order of their names");
    }
}
