//! `/feed.xml` and `/feed.json`: what changed in the catalogue of models, for feed readers.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use store::{MAX_ROWS, SpecChange, StoreError, Timestamp};
use time::OffsetDateTime;
use time::macros::format_description;

use super::changes::{Entry, entries};
use super::document::{Document, respond};
use super::row::url;
use super::site::Site;
use super::{text, xml};
use crate::error::ApiError;
use crate::query::Query;
use crate::recent::Recent;
use crate::routes::AppState;

/// How old the news may be: many readers ask, and there is a look at providers once an hour.
const MAX_AGE: Duration = Duration::from_secs(60);
/// The same for those who keep answers.
const CACHE: &str = "public, max-age=300";
/// What the feeds are called.
const TITLE: &str = "Changes of free models";

/// The changes that were read lately, by model.
pub(crate) struct Feeds(Recent<Option<String>, Vec<SpecChange>, StoreError>);

impl Default for Feeds {
    fn default() -> Self {
        Self(Recent::new(MAX_AGE))
    }
}

/// What a feed says.
struct Feed {
    title: String,
    /// Its own path, with what was asked for.
    path: String,
    /// The path of the page it belongs to.
    page: String,
    entries: Vec<Entry>,
}

/// RSS 2.0.
pub(crate) async fn rss(
    State(app): State<Arc<AppState>>,
    site: Site,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let feed = read(&app, &uri, "/feed.xml").await?;
    let document = Document {
        kind: "application/rss+xml; charset=utf-8",
        body: feed.to_rss(&site.url),
        cache: CACHE,
    };
    Ok(respond(document, &headers))
}

/// JSON Feed 1.1.
pub(crate) async fn json_feed(
    State(app): State<Arc<AppState>>,
    site: Site,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let feed = read(&app, &uri, "/feed.json").await?;
    let document = Document {
        kind: "application/feed+json",
        body: feed.to_json(&site.url).to_string(),
        cache: CACHE,
    };
    Ok(respond(document, &headers))
}

async fn read(app: &AppState, uri: &Uri, path: &str) -> Result<Feed, ApiError> {
    let query = Query::of(uri);
    let catalog = app.router.catalog();
    let model = match query.get("model") {
        None => None,
        Some(name) => Some(catalog.require(name)?),
    };
    let id = model.map(|model| model.id.0.clone());
    let read = app.feeds.0.get(id.clone(), async || {
        let ever = Timestamp::default();
        app.store.spec_changes(id.as_deref(), ever, MAX_ROWS).await
    });
    let changes = read.await.map_err(|source| ApiError::Failed {
        known_words: "Failed to fetch changes",
        source,
    })?;
    let entries = entries(&catalog, &changes, changes.len() == MAX_ROWS);
    Ok(match model {
        None => Feed {
            title: TITLE.to_owned(),
            path: path.to_owned(),
            page: "/models".to_owned(),
            entries,
        },
        Some(model) => {
            let shown = router::flr::Shown::of(model);
            let id = text::url_path(shown.id);
            Feed {
                title: format!("Changes of {}", text::name(shown.name())),
                // Encoded as a path it can stand in a query as well: of letters that mean
                // something there it has none.
                path: format!("{path}?model={id}"),
                page: url(shown.id),
                entries,
            }
        }
    })
}

impl Feed {
    fn to_rss(&self, site: &str) -> String {
        let mut xml = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>\n",
        );
        element(&mut xml, "title", &self.title);
        element(&mut xml, "link", &format!("{site}{}", self.page));
        let about = "Models that hosts give for nothing: which appeared, left or changed their \
                     limits, as this Freeway server saw it.";
        element(&mut xml, "description", about);
        element(&mut xml, "language", "en");
        element(&mut xml, "ttl", "60");
        let own = format!("{site}{}", self.path);
        // Writing to a String cannot fail.
        let _ = writeln!(
            xml,
            "<atom:link href=\"{}\" rel=\"self\" type=\"application/rss+xml\"/>",
            xml::escaped(&own)
        );
        if let Some(newest) = self.entries.first() {
            element(&mut xml, "lastBuildDate", &mail_date(newest.at));
        }
        for entry in &self.entries {
            xml.push_str("<item>\n");
            element(&mut xml, "title", &entry.title);
            element(&mut xml, "link", &format!("{site}{}", entry.path));
            let _ = writeln!(
                xml,
                "<guid isPermaLink=\"false\">{}</guid>",
                xml::escaped(&entry.id)
            );
            element(&mut xml, "pubDate", &mail_date(entry.at));
            // It is read as HTML once it is out of the XML.
            element(&mut xml, "description", &list_html(&entry.lines));
            xml.push_str("</item>\n");
        }
        xml.push_str("</channel>\n</rss>\n");
        xml
    }

    fn to_json(&self, site: &str) -> Value {
        let items = self.entries.iter().map(|entry| {
            json!({
                "id": entry.id,
                "url": format!("{site}{}", entry.path),
                "title": entry.title,
                "content_text": entry.lines.join("\n"),
                "date_published": crate::moment::json(entry.at),
            })
        });
        json!({
            "version": "https://jsonfeed.org/version/1.1",
            "title": self.title,
            "home_page_url": format!("{site}{}", self.page),
            "feed_url": format!("{site}{}", self.path),
            "language": "en",
            "items": items.collect::<Vec<_>>(),
        })
    }
}

fn element(xml: &mut String, name: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "<{name}>{}</{name}>", xml::escaped(text));
}

/// Lines as HTML.
fn list_html(lines: &[String]) -> String {
    let mut html = String::from("<ul>");
    for line in lines {
        let _ = write!(html, "<li>{}</li>", xml::escaped(line));
    }
    html.push_str("</ul>");
    html
}

/// Such as `Sat, 22 Nov 2025 16:00:00 GMT`, as mails have it.
fn mail_date(at: Timestamp) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let time = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000));
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_mails() {
        let at = Timestamp(1_763_827_200_123);
        assert_eq!(mail_date(at), "Sat, 22 Nov 2025 16:00:00 GMT");
        assert_eq!(
            mail_date(Timestamp(i64::MAX)),
            "Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }

    #[test]
    fn words_of_strangers_are_inert_in_the_feed_and_in_the_reader() {
        let feed = Feed {
            title: "Changes".to_owned(),
            path: "/feed.xml?model=a/b&c".to_owned(),
            page: "/models".to_owned(),
            entries: vec![Entry {
                id: "freeway:x".to_owned(),
                at: Timestamp(0),
                title: "</title><script>".to_owned(),
                lines: vec!["<img src=x>".to_owned()],
                path: "/models/a/b".to_owned(),
            }],
        };
        let rss = feed.to_rss("http://localhost");
        assert!(rss.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"));
        assert!(rss.contains("&lt;li&gt;&amp;lt;img src=x&amp;gt;&lt;/li&gt;"));
        assert!(rss.contains("model=a/b&amp;c"));
        let json = feed.to_json("http://localhost");
        assert_eq!(json["items"][0]["content_text"], "<img src=x>");
        assert_eq!(json["items"][0]["date_published"], "1970-01-01T00:00:00Z");
    }
}
