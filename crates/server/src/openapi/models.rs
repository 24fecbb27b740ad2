//! What models there are, and who would answer.

use router::AUTO;
use router::breaker::Admission;
use router::catalog::Tier;
use router::provider::QuotaWindow;
use serde_json::json;

use super::operation::{Body, Operation, Tag, answer, in_path};
use super::schema::{
    Member, Schema, always, any, boolean, count, integer, list, maybe, moment, named, number,
    number_between, object, text, word,
};
use crate::error::codes::Scope;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            summary: "List the models",
            description: "Those that somebody offers now and that your key may use. The names of \
                          their limits are OpenRouter's and vLLM's, so that clients of either \
                          read them."
                .to_owned(),
            answers: vec![answer(200, "The models.", named("ModelList"))],
            ..Operation::get("/v1/models", "listModels", Tag::Models)
        },
        Operation {
            summary: "One model",
            description: "Ids contain slashes, and may be written with them.".to_owned(),
            parameters: vec![in_path(
                "id",
                text().described(format!("The id of the model, or `{AUTO}`.")),
                AUTO,
            )],
            answers: vec![answer(200, "The model.", named("Model"))],
            scopes: vec![Scope::Model],
            ..Operation::get("/v1/models/{id}", "showModel", Tag::Models)
        },
        Operation {
            method: "POST",
            summary: "Explain a route",
            description: "Takes the body of a chat request and tells whom it would be sent to, in \
                          order and with scores, and who is left out and why. Nobody is asked and \
                          nothing is counted."
                .to_owned(),
            body: Some(Body {
                schema: named("ChatRequest"),
                examples: vec![(
                    "Who would answer this?",
                    json!({
                        "model": AUTO,
                        "messages": [{"role": "user", "content": "What is 27 + 58?"}],
                    }),
                )],
                max_bytes: None,
            }),
            answers: vec![answer(200, "The order, and why.", named("Explanation"))],
            scopes: vec![Scope::Body, Scope::Request, Scope::Model],
            ..Operation::get("/v1/route/explain", "explainRoute", Tag::Models)
        },
    ]
}

fn model() -> Schema {
    object([
        always("id", text(), "The name to ask for."),
        always("object", word(["model"]), ""),
        always(
            "created",
            integer(),
            "When it was made, in seconds since 1970; 0: unknown.",
        ),
        always("owned_by", text(), "Who made it."),
        maybe("name", text(), "Its name for people."),
        maybe(
            "context_length",
            count().or_null(),
            "Tokens of prompt and answer together; `null`: unknown.",
        ),
        maybe(
            "max_model_len",
            count().or_null(),
            "The same, as vLLM names it.",
        ),
        maybe(
            "max_completion_tokens",
            count().or_null(),
            "The most tokens of an answer; `null`: unknown.",
        ),
        maybe(
            "supported_parameters",
            list(text()),
            "Fields of a request that it knows.",
        ),
        maybe("providers", list(text()), "Who offers it now."),
    ])
}

/// What is told of a deployment.
fn route() -> Vec<Member> {
    let quota = object([
        always(
            "window",
            word(QuotaWindow::ALL.map(QuotaWindow::as_str)),
            "What is counted, and over which time.",
        ),
        always("limit", count(), "How much there is."),
        always("remaining", count(), "What is left of it."),
        always("resets_at", moment().or_null(), "When it begins anew."),
    ]);
    vec![
        always("deployment", text(), "`provider/name`."),
        always("provider", text(), "Who runs it."),
        always("model", text(), "The id of the model."),
        always(
            "tier",
            word(Tier::ALL.map(Tier::as_str)),
            "Where it runs: at a host, on this machine, or it is the demo model.",
        ),
        always(
            "breaker",
            word(Admission::WORDS),
            "Whether it is asked: always, by one request at a time, or not at present.",
        ),
        always(
            "recent",
            object([
                always("ok", number(), "Good outcomes; older ones weigh less."),
                always("failed", number(), "Failures, weighed the same."),
            ]),
            "How it did lately.",
        ),
        always(
            "first_token_ms",
            number().or_null(),
            "The usual time to its first token.",
        ),
        always(
            "tokens_per_second",
            number().or_null(),
            "The usual speed after that.",
        ),
        always(
            "quotas",
            list(quota),
            "What the account at the host may still ask for.",
        ),
    ]
}

fn explanation() -> Schema {
    let score = object([
        always(
            "total",
            number_between(0.0, 1.0),
            "The product of the others.",
        ),
        always(
            "reliability",
            number_between(0.0, 1.0),
            "How likely it is to answer.",
        ),
        always("speed", number_between(0.0, 1.0), "How fast it is."),
        always(
            "quota",
            number_between(0.0, 1.0),
            "Whether what is left of the account's day lasts.",
        ),
    ]);
    let mut ranked = route();
    ranked.push(always("score", score, "Why it stands where it stands."));
    let mut excluded = route();
    excluded.extend([
        always("reason", text(), "Why it is left out, such as `no_tools`."),
        always("detail", any(), "More about that."),
        always(
            "until",
            moment().or_null(),
            "Until when, if it passes with time alone.",
        ),
    ]);
    let needs = object([
        always("prompt_tokens", count(), "As few as the prompt may have."),
        always(
            "output_tokens",
            count().or_null(),
            "The most tokens of the answer, if there is a limit.",
        ),
        always("tools", boolean(), "Whether it declares functions."),
        always("images", boolean(), "Whether it has images."),
        always(
            "forced_call",
            boolean(),
            "Whether a function has to be called.",
        ),
        always(
            "structured_output",
            boolean(),
            "Whether the answer has to follow a schema.",
        ),
        always("reasoning", boolean(), "Whether it asks for reasoning."),
        always("no_training", boolean(), "Whether nobody may train on it."),
    ]);
    object([
        always("object", word(["route.explanation"]), ""),
        always("models", list(text()), "The models that were asked for."),
        always("needs", needs, "What the request needs."),
        always(
            "order",
            list(object(ranked)),
            "Who would be asked, the first first.",
        ),
        always(
            "excluded",
            list(object(excluded)),
            "Who would not be asked.",
        ),
        always(
            "exploration",
            number_between(0.0, 1.0),
            "The probability that somebody little is known of is asked first.",
        ),
    ])
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let models = object([
        always("object", word(["list"]), ""),
        always("data", list(named("Model")), "The models."),
    ]);
    vec![
        ("Model", model()),
        ("ModelList", models),
        ("Explanation", explanation()),
    ]
}
