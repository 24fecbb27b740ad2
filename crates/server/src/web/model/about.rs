//! What hosts say of a model, in HTML: text of strangers, of whose Markdown the harmless part is kept.

use std::fmt::Write;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::web::text::is_disturbing;
use crate::web::xml::escaped;

/// Characters of a description that are shown.
const MAX_CHARS: usize = 6_000;
/// How deep lists and quotes may lie in each other.
const MAX_DEPTH: usize = 8;

/// Paragraphs, lists, emphasis, code and links to pages of the web. HTML is shown as the text that it
/// is, pictures as their words; headings do not disturb those of the page.
pub(super) fn html(description: &str) -> String {
    let kept: String = description
        .chars()
        .filter(|&letter| letter == '\n' || !is_disturbing(letter))
        .take(MAX_CHARS)
        .collect();
    let is_cut = description.chars().count() > MAX_CHARS;
    let mut html = String::new();
    let mut open: Vec<&'static str> = Vec::new();
    for event in Parser::new_ext(kept.trim(), Options::empty()) {
        write_event(&mut html, &mut open, event);
    }
    while let Some(name) = open.pop() {
        close(&mut html, name);
    }
    if is_cut {
        html.push_str("<p>…</p>");
    }
    html
}

fn write_event(html: &mut String, open: &mut Vec<&'static str>, event: Event<'_>) {
    match event {
        Event::Start(tag) => {
            let name = element(&tag);
            let depth = open.iter().filter(|one| !one.is_empty()).count();
            let name = if depth < MAX_DEPTH { name } else { "" };
            match (&tag, name) {
                (_, "") => {}
                (Tag::Link { dest_url, .. }, _) => {
                    html.push_str("<a rel=\"nofollow noopener ugc\" href=\"");
                    html.push_str(&escaped(dest_url));
                    html.push_str("\">");
                }
                _ => {
                    // Writing to a String cannot fail.
                    let _ = write!(html, "<{name}>");
                }
            }
            open.push(name);
        }
        Event::End(_) => {
            if let Some(name) = open.pop() {
                close(html, name);
            }
        }
        Event::Code(code) => {
            html.push_str("<code>");
            html.push_str(&escaped(&code));
            html.push_str("</code>");
        }
        Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
            html.push_str(&escaped(&text));
        }
        Event::SoftBreak | Event::HardBreak => html.push('\n'),
        _ => {}
    }
}

/// The element for a part of Markdown; empty: only its text is kept.
fn element(tag: &Tag<'_>) -> &'static str {
    match tag {
        Tag::Paragraph | Tag::HtmlBlock => "p",
        Tag::Heading { .. } => "h3",
        Tag::BlockQuote(_) => "blockquote",
        Tag::CodeBlock(_) => "pre",
        Tag::List(Some(_)) => "ol",
        Tag::List(None) => "ul",
        Tag::Item => "li",
        Tag::Emphasis => "em",
        Tag::Strong => "strong",
        Tag::Link { dest_url, .. } if is_web(dest_url) => "a",
        _ => "",
    }
}

fn is_web(url: &str) -> bool {
    let url = url.trim().to_ascii_lowercase();
    url.starts_with("https://") || url.starts_with("http://")
}

fn close(html: &mut String, name: &str) {
    if !name.is_empty() {
        let _ = write!(html, "</{name}>");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markdown_keeps_its_form_and_nothing_runs() {
        let cases = [
            (
                "a **b** *c* `d`",
                "<p>a <strong>b</strong> <em>c</em> <code>d</code></p>",
            ),
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            (
                "x <img src=x onerror=y>",
                "<p>x &lt;img src=x onerror=y&gt;</p>",
            ),
            ("[a](javascript:alert(1))", "<p>a</p>"),
            (
                "[a](https://x.y/?q=\"<)",
                "<p><a rel=\"nofollow noopener ugc\" href=\"https://x.y/?q=&quot;&lt;\">a</a></p>",
            ),
            ("![pic](https://evil/p.png)", "<p>pic</p>"),
            ("# Big", "<h3>Big</h3>"),
            ("a\u{202e}b", "<p>ab</p>"),
        ];
        for (markdown, expected) in cases {
            let made = html(markdown);
            let made = made.trim();
            let made = made
                .strip_prefix("<p>&lt;script")
                .map_or(made.to_owned(), |rest| {
                    format!("&lt;script{}", rest.trim_end_matches("</p>"))
                });
            assert_eq!(made, expected, "{markdown}");
        }
    }

    #[test]
    fn bombs_stay_small() {
        let quotes = ">".repeat(5_000);
        assert!(html(&quotes).matches("<blockquote>").count() <= MAX_DEPTH);
        let long = "word ".repeat(100_000);
        assert!(html(&long).len() < 2 * MAX_CHARS);
        let _ = html(&"[".repeat(50_000));
        let _ = html(&"*a ".repeat(50_000));
    }

    proptest! {
        #[test]
        fn every_element_is_closed_and_known(markdown in "[ -~\n*_`<>#\\[\\]()!-]{0,200}") {
            let made = html(&markdown);
            let mut open = Vec::new();
            for part in made.split('<').skip(1) {
                let tag = part.split('>').next().unwrap_or("");
                match tag.strip_prefix('/') {
                    Some(name) => prop_assert_eq!(open.pop(), Some(name.to_owned())),
                    None => {
                        let name = tag.split(' ').next().unwrap_or("").to_owned();
                        let known = ["p", "h3", "blockquote", "pre", "ol", "ul", "li", "em", "strong", "a", "code"];
                        prop_assert!(known.contains(&name.as_str()), "{}", made);
                        open.push(name);
                    }
                }
            }
            prop_assert!(open.is_empty(), "{}", made);
        }
    }
}
