//! `/sitemap.xml` and `/robots.txt`: what search engines should look at.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use router::catalog::Catalog;
use store::Timestamp;
use time::OffsetDateTime;

use super::document::{Document, respond};
use super::models::shown;
use super::row::url;
use super::site::Site;
use super::{text, xml};
use crate::routes::AppState;

/// Pages that a sitemap may list.
const MAX_PAGES: usize = 50_000;
/// Pages that are always there.
const PAGES: [&str; 5] = ["/", "/models", "/providers", "/chat", "/docs"];

pub(crate) async fn show(
    State(app): State<Arc<AppState>>,
    site: Site,
    headers: HeaderMap,
) -> Response {
    let document = Document {
        kind: "application/xml; charset=utf-8",
        body: sitemap(&app.router.catalog(), &site.url),
        cache: "public, max-age=3600",
    };
    respond(document, &headers)
}

pub(crate) async fn robots(site: Site, headers: HeaderMap) -> Response {
    let document = Document {
        kind: "text/plain; charset=utf-8",
        body: format!(
            "User-agent: *\nDisallow: /v1/\nDisallow: /api/\nDisallow: /dashboard\n\
             Sitemap: {}/sitemap.xml\n",
            site.url
        ),
        cache: "public, max-age=3600",
    };
    respond(document, &headers)
}

/// The pages: first those that are always there, then one for each model and each author.
fn sitemap(catalog: &Catalog, site: &str) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    let fixed = PAGES.into_iter().map(|path| (path.to_owned(), None));
    let listed = shown(catalog);
    let models = listed.iter().map(|shown| {
        // Its page tells of each look at it.
        let seen = shown.model.last_seen_at.or(shown.model.first_seen_at);
        (url(shown.id), seen.and_then(day))
    });
    let authors = listed.iter().map(|shown| shown.model.author.as_str());
    let authors: BTreeSet<&str> = authors.filter(|author| !author.is_empty()).collect();
    let authors = authors
        .into_iter()
        .map(|author| (format!("/providers/{}", text::url_path(author)), None));
    for (path, day) in fixed.chain(models).chain(authors).take(MAX_PAGES) {
        let url = format!("{site}{path}");
        // Writing to a String cannot fail.
        let _ = match day {
            Some(day) => writeln!(
                xml,
                "<url><loc>{}</loc><lastmod>{day}</lastmod></url>",
                xml::escaped(&url)
            ),
            None => writeln!(xml, "<url><loc>{}</loc></url>", xml::escaped(&url)),
        };
    }
    xml.push_str("</urlset>\n");
    xml
}

/// The day of UTC that a moment lies in, as `2026-03-19`.
fn day(at: Timestamp) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).ok()?;
    Some(time.date().to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use store::ModelRecord;

    use super::*;

    fn catalog(num_models: usize) -> Catalog {
        let models = (0..num_models).map(|number| ModelRecord {
            id: format!("acme/m{number}<&'"),
            spec: json!({ "author": "acme" }).to_string(),
            first_seen_at: Timestamp(1_763_827_200_000),
            last_seen_at: Timestamp(1_763_827_200_000),
        });
        Catalog::from_store(models.collect(), Vec::new())
    }

    #[test]
    fn models_and_authors_are_listed_once_each() {
        let xml = sitemap(&catalog(3), "http://localhost");
        let locations = xml.split("<loc>").skip(1);
        let locations: Vec<_> = locations.map(|rest| rest.split('<').next()).collect();
        let unique: BTreeSet<_> = locations.iter().collect();
        assert_eq!(unique.len(), locations.len());
        assert_eq!(xml.matches("/models/acme/").count(), 3);
        assert!(xml.contains(
            "<loc>http://localhost/models/acme/m0%3C%26%27</loc><lastmod>2025-11-22</lastmod>"
        ));
        assert!(xml.contains("<loc>http://localhost/providers/acme</loc>"));
    }

    #[test]
    fn no_more_is_listed_than_a_sitemap_may_have() {
        let xml = sitemap(&catalog(MAX_PAGES), "http://localhost");
        assert_eq!(xml.matches("<loc>").count(), MAX_PAGES);
    }
}
