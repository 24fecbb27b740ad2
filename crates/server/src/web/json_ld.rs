//! What pages tell programs about themselves, in the vocabulary of schema.org.

use serde_json::{Value, json};

use super::page::Page;

/// A model as an application that costs nothing.
#[derive(Clone, Debug)]
pub(crate) struct Software<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// What it is: text of strangers.
    pub(crate) description: &'a str,
    /// Who made it.
    pub(crate) author: &'a str,
    /// Its page.
    pub(crate) url: &'a str,
    /// Its picture.
    pub(crate) image: &'a str,
    /// Whether somebody offers it for nothing now.
    pub(crate) is_free: bool,
    /// When it was published, as a date.
    pub(crate) published: Option<&'a str>,
}

/// Longest description that is told: search engines read no more.
const MAX_DESCRIPTION_CHARS: usize = 500;

impl Software<'_> {
    /// For [`super::page::Page::json_ld`].
    pub(crate) fn to_json_ld(&self) -> String {
        let mut json = json!({
            "@context": "https://schema.org",
            "@type": "SoftwareApplication",
            "name": self.name,
            "applicationCategory": "DeveloperApplication",
            "operatingSystem": "Any",
            "url": self.url,
            "image": self.image,
        });
        if self.is_free {
            json["offers"] = json!({ "@type": "Offer", "price": "0", "priceCurrency": "USD" });
        }
        if !self.description.is_empty() {
            let words: String = self
                .description
                .chars()
                .take(MAX_DESCRIPTION_CHARS)
                .collect();
            json["description"] = json!(words);
        }
        if !self.author.is_empty() {
            json["author"] = json!({ "@type": "Organization", "name": self.author });
        }
        if let Some(published) = self.published {
            json["datePublished"] = json!(published);
        }
        inert(&json)
    }
}

/// Questions and their answers, both as plain text.
pub(crate) fn faq<'a>(questions: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let questions = questions.into_iter().map(|(question, answer)| {
        json!({
            "@type": "Question",
            "name": question,
            "acceptedAnswer": { "@type": "Answer", "text": answer },
        })
    });
    inert(&json!({
        "@context": "https://schema.org",
        "@type": "FAQPage",
        "mainEntity": questions.collect::<Vec<_>>(),
    }))
}

/// The way to a page: names and paths of those above it, the first page first.
pub(crate) fn breadcrumbs<'a>(
    page: &Page,
    above: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let above = above.into_iter();
    let above = above.map(|(name, path)| (name, format!("{}{path}", page.site_url)));
    let own = (page.title.as_str(), page.canonical());
    let pages = above.chain([own]).enumerate().map(|(index, (name, url))| {
        json!({ "@type": "ListItem", "position": index + 1, "name": name, "item": url })
    });
    inert(&json!({
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": pages.collect::<Vec<_>>(),
    }))
}

/// A page that lists others: their names and paths.
pub(crate) fn collection<'a>(
    page: &Page,
    listed: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let listed = listed.into_iter().enumerate().map(|(index, (name, path))| {
        let url = format!("{}{path}", page.site_url);
        json!({ "@type": "ListItem", "position": index + 1, "name": name, "url": url })
    });
    let listed: Vec<_> = listed.collect();
    inert(&json!({
        "@context": "https://schema.org",
        "@type": "CollectionPage",
        "name": page.title,
        "description": page.description,
        "url": page.canonical(),
        "mainEntity": {
            "@type": "ItemList",
            "numberOfItems": listed.len(),
            "itemListElement": listed,
        },
    }))
}

/// The same JSON in letters that cannot end the element that it stands in, nor mean anything in HTML.
fn inert(json: &Value) -> String {
    let text = json.to_string();
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::web::page::Nav;

    #[test]
    fn a_model_costs_nothing() {
        let software = Software {
            name: "gpt-oss-20b",
            description: "",
            author: "openai",
            url: "http://localhost/models/openai/gpt-oss-20b",
            image: "http://localhost/og/models/openai/gpt-oss-20b.png",
            is_free: true,
            published: Some("2026-02-18"),
        };
        let json: Value = serde_json::from_str(&software.to_json_ld()).unwrap();
        assert_eq!(json["@type"], "SoftwareApplication");
        assert_eq!(json["offers"]["price"], "0");
        assert_eq!(json["author"]["name"], "openai");
        assert!(json["description"].is_null());
    }

    #[test]
    fn lists_are_numbered_from_one() {
        let page = Page {
            title: "Models".to_owned(),
            description: "All".to_owned(),
            path: "/models".to_owned(),
            site_url: "http://localhost".to_owned(),
            nav: Nav::Models,
            sample_moment: None,
            is_indexed: true,
            image: String::new(),
            json_ld: Vec::new(),
        };
        let json: Value = serde_json::from_str(&breadcrumbs(&page, [("Home", "/")])).unwrap();
        let items = json["itemListElement"].as_array().unwrap();
        assert_eq!(
            (&items[0]["item"], &items[1]["item"]),
            (
                &json!("http://localhost/"),
                &json!("http://localhost/models"),
            )
        );
        assert_eq!(items[1]["position"], 2);
        let listed = [("a", "/models/a"), ("b", "/models/b")];
        let json: Value = serde_json::from_str(&collection(&page, listed)).unwrap();
        assert_eq!(json["mainEntity"]["numberOfItems"], 2);
        let second = &json["mainEntity"]["itemListElement"][1];
        assert_eq!(second["url"], "http://localhost/models/b");
        let json: Value = serde_json::from_str(&faq([("Why?", "So.")])).unwrap();
        assert_eq!(json["mainEntity"][0]["acceptedAnswer"]["text"], "So.");
    }

    proptest! {
        #[test]
        fn no_text_gets_out_and_every_text_is_read_back(words in ".{0,40}(</script>|<!--)?.{0,40}") {
            let written = faq([(words.as_str(), "a")]);
            let active = ['<', '>', '&', '\u{2028}', '\u{2029}'];
            prop_assert!(!written.contains(active));
            let json: Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&json["mainEntity"][0]["name"], &Value::from(words));
        }
    }
}
