//! The server itself.

use super::operation::{Access, Operation, Tag, answer};
use super::schema::{Schema, always, any, list, list_between, map, maybe, object, text, word};
use crate::api::health::MAX_DEGRADED;

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
    ]
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    Vec::new()
}
