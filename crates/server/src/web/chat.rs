//! `/chat`: a conversation with any model. The page is scripts; what they say stays in the browser.

use askama::Template;
use axum::response::Response;

use super::page::{Nav, Page, html};
use super::site::Site;
use crate::error::ApiError;

/// What `chat.js` imports, and what that does: browsers fetch them at once instead of one after the
/// other.
const MODULES: &[&str] = &[
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
    "code-view.js",
    "highlight-languages.js",
    "highlight.js",
    "json-fault.js",
    "markdown-blocks.js",
    "markdown-inline.js",
    "markdown.js",
    "plain-text.js",
];

#[derive(Template)]
#[template(path = "web/chat.html")]
struct Chat {
    page: Page,
    modules: &'static [&'static str],
    site_url: String,
    is_keyless: bool,
}

pub(crate) async fn show(site: Site) -> Result<Response, ApiError> {
    let description = "Chat with any free model: reasoning, functions, JSON schemas, and who was asked \
                       for each answer. Conversations stay in your browser.";
    html(&Chat {
        page: site.page(Nav::Chat, "/chat", "Chat", description),
        modules: MODULES,
        site_url: site.url.clone(),
        is_keyless: site.is_keyless,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::web::assets;

    /// The modules that a script imports, as it writes them.
    fn imports(script: &str) -> impl Iterator<Item = &str> {
        script
            .lines()
            .filter_map(|line| line.split_once(" from \"./"))
            .filter_map(|(_, rest)| rest.split_once('"'))
            .map(|(name, _)| name)
    }

    #[test]
    fn all_that_the_chat_imports_is_fetched_at_once() {
        let mut found = BTreeSet::new();
        let mut waiting = vec!["chat.js"];
        while let Some(name) = waiting.pop() {
            let script = assets::text(name).unwrap_or_else(|| panic!("{name} is no asset"));
            for import in imports(script) {
                if found.insert(import) {
                    waiting.push(import);
                }
            }
        }
        assert_eq!(found, MODULES.iter().copied().collect());
    }
}
