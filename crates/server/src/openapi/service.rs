//! The server itself.

use super::operation::{Access, Answer, Operation, Tag, answer, in_query};
use super::schema::{
    Schema, always, any, list, list_between, map, maybe, moment, named, object, text, word,
};
use crate::api::health::MAX_DEGRADED;
use crate::error::codes::Scope;
use crate::web::changes::MAX_ENTRIES;

/// A model that most servers know.
const KNOWN_MODEL: &str = "openai/gpt-oss-20b";

pub(super) fn operations() -> Vec<Operation> {
    let ready = || {
        object([
            always("status", word(["ready"]), ""),
            maybe(
                "degraded",
                list_between(text(), 0, MAX_DEGRADED),
                "What does not work, though the server answers.",
            ),
        ])
    };
    let not_ready = object([
        always("status", word(["not ready"]), ""),
        always("problems", list(text()), "Why."),
    ]);
    vec![
        Operation {
            summary: "Whether the process lives",
            answers: vec![answer(
                200,
                "It lives.",
                object([always("status", word(["ok"]), "")]),
            )],
            access: Access::Everybody,
            ..Operation::get("/healthz", "checkLife", Tag::Service)
        },
        Operation {
            summary: "Whether it can answer",
            description: "For load balancers. What does not work though it answers stands in \
                          `degraded`: hosts at rest, lists that cannot be read, records that are \
                          lost."
                .to_owned(),
            answers: vec![
                answer(200, "It can.", ready()),
                answer(503, "It cannot, and why.", not_ready),
            ],
            access: Access::Everybody,
            ..Operation::get("/readyz", "checkReadiness", Tag::Service)
        },
        Operation {
            summary: "Metrics for Prometheus",
            description: "OpenMetrics text, with the names of OpenTelemetry's conventions where \
                          they have one."
                .to_owned(),
            answers: vec![
                answer(200, "The metrics.", text())
                    .of_type("application/openmetrics-text; version=1.0.0; charset=utf-8"),
            ],
            ..Operation::get("/metrics", "showMetrics", Tag::Service)
        },
        Operation {
            summary: "This description",
            answers: vec![answer(200, "An OpenAPI 3.1 document.", map(any()))],
            access: Access::Everybody,
            ..Operation::get("/openapi.json", "describeApi", Tag::Service)
        },
        feed(
            Operation::get("/feed.xml", "readRss", Tag::Feeds),
            "Changes as RSS 2.0",
            answer(200, "The feed.", text()).of_type("application/rss+xml; charset=utf-8"),
        ),
        feed(
            Operation::get("/feed.json", "readJsonFeed", Tag::Feeds),
            "Changes as JSON Feed 1.1",
            answer(200, "The feed.", named("JsonFeed")).of_type("application/feed+json"),
        ),
    ]
}

/// A feed of changes.
fn feed(operation: Operation, summary: &'static str, answer: Answer) -> Operation {
    Operation {
        summary,
        description: format!(
            "Models that appeared, left, came back or changed their limits, the newest first, \
             {MAX_ENTRIES} at most. What one look at a host found of many models is one entry."
        ),
        parameters: vec![
            in_query("model", text(), "Only what happened to this model.").such_as(KNOWN_MODEL),
        ],
        answers: vec![answer],
        access: Access::Everybody,
        scopes: vec![Scope::Model, Scope::ListStore],
        ..operation
    }
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let item = object([
        always("id", text(), "Its name, which stays the same."),
        always("url", text(), "A page about it."),
        always("title", text(), "What happened."),
        always("content_text", text(), "More about it."),
        always("date_published", moment(), "When it was seen."),
    ]);
    let feed = object([
        always("version", text(), ""),
        always("title", text(), ""),
        always("home_page_url", text(), "The page it belongs to."),
        always("feed_url", text(), "The feed itself."),
        always("language", text(), ""),
        always("items", list(item), "The newest first."),
    ]);
    vec![("JsonFeed", feed)]
}
