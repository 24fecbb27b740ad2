//! Keys, preferences and the history of requests.

use router::reliability::Window;
use router::{
    DataPolicy, FailureKind, FaultDomain, MAX_LISTED_MODELS, MAX_MODEL_CHARS, MAX_TOP_N, Sort,
    UseCase,
};
use serde_json::json;

use super::operation::{Access, Body, Operation, Parameter, Tag, answer, in_path, in_query};
use super::schema::{
    Member, Schema, always, any, boolean, count, integer, integer_between, list, list_between,
    maybe, moment, named, object, short_text, text, word,
};
use crate::api::history::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::api::key_settings::LIMITS;
use crate::api::keys::MAX_NAME_CHARS;
use crate::body::SMALL_BODY_BYTES;
use crate::error::codes::Scope;

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = of_holder();
    operations.extend(of_admin());
    operations
}

fn small(schema: Schema, words: &'static str, example: serde_json::Value) -> Option<Body> {
    Some(Body {
        schema,
        examples: vec![(words, example)],
        max_bytes: Some(SMALL_BODY_BYTES),
    })
}

fn of_holder() -> Vec<Operation> {
    vec![
        Operation {
            summary: "Your key and what is left of its quota",
            description: "Without keys, `key` is null and everybody is an administrator."
                .to_owned(),
            answers: vec![answer(200, "The key.", named("Me"))],
            scopes: vec![Scope::Store],
            ..Operation::get("/api/v1/me", "showMe", Tag::Own)
        },
        Operation {
            summary: "Your requests",
            description: "The newest first. What requests said is there only if the key keeps \
                          content."
                .to_owned(),
            parameters: page_parameters(),
            answers: vec![answer(200, "A page of the history.", named("History"))],
            scopes: vec![Scope::Request, Scope::Store],
            ..Operation::get("/api/v1/requests", "listOwnRequests", Tag::Own)
        },
        Operation {
            summary: "Your preferences",
            description: "They belong to a key: a request without one is a 400.".to_owned(),
            answers: vec![answer(
                200,
                "The preferences.",
                object([always("preferences", named("Preferences"), "")]),
            )],
            scopes: vec![Scope::Request, Scope::Store],
            ..Operation::get("/api/v1/preferences", "showPreferences", Tag::Own)
        },
        Operation {
            method: "PUT",
            summary: "Replace your preferences",
            description: "What cannot be used is left out and named in `ignored`. \
                          `allowedModels` and `dataPolicy` are changed by administrators alone."
                .to_owned(),
            body: small(
                object([always("preferences", named("Preferences"), "All of them.")]),
                "The five that fail the least",
                json!({"preferences": {"sort": Sort::LeastIssues.as_str(), "topN": 5}}),
            ),
            answers: vec![answer(
                200,
                "What is kept.",
                object([
                    always("preferences", named("Preferences"), ""),
                    always("ignored", list(text()), "What could not be used, and why."),
                    always("message", text(), ""),
                ]),
            )],
            scopes: vec![Scope::Body, Scope::Request, Scope::Store],
            ..Operation::get("/api/v1/preferences", "replacePreferences", Tag::Own)
        },
    ]
}

fn of_admin() -> Vec<Operation> {
    let get = |path, id| Operation {
        access: Access::Admin,
        ..Operation::get(path, id, Tag::Admin)
    };
    let id = || {
        in_path(
            "id",
            text().described("The id of the key, `key_…`; not the key itself."),
            "key_abcdefghijkl",
        )
    };
    let one_key = || object([always("key", named("Key"), "")]);
    vec![
        Operation {
            summary: "All keys",
            description: "The newest first, revoked and expired ones included.".to_owned(),
            answers: vec![answer(
                200,
                "The keys.",
                object([always("keys", list(named("Key")), "")]),
            )],
            scopes: vec![Scope::Store],
            ..get("/api/admin/keys", "listKeys")
        },
        Operation {
            method: "POST",
            summary: "Make a key",
            description: "The secret is in this answer and never shown again. Members that are \
                          not known are refused."
                .to_owned(),
            body: small(
                named("KeySettings"),
                "A key for a worker",
                json!({
                    "name": "worker",
                    "expiresAt": "2090-12-31",
                    "quota": {"requestsPerDay": 200},
                }),
            ),
            answers: vec![answer(
                201,
                "The key with its secret.",
                object([
                    always("key", named("Key"), ""),
                    always("secret", text(), "What clients send, `fw_…`."),
                ]),
            )],
            scopes: vec![Scope::Body, Scope::Request, Scope::Room, Scope::Store],
            ..get("/api/admin/keys", "createKey")
        },
        Operation {
            summary: "One key",
            parameters: vec![id()],
            answers: vec![answer(200, "The key.", one_key())],
            scopes: vec![Scope::Name, Scope::Store],
            ..get("/api/admin/keys/{id}", "showKey")
        },
        Operation {
            method: "PATCH",
            summary: "Change a key",
            description: "Its name, its end and its settings. What is not named stays; `null` puts a member back to its default. \
                          Limits of a quota change one by one, preferences as a whole. A member \
                          that is wrong changes nothing at all."
                .to_owned(),
            parameters: vec![id()],
            body: small(
                named("KeySettings"),
                "Fewer requests a day",
                json!({"quota": {"requestsPerDay": 100}}),
            ),
            answers: vec![answer(200, "The key as it is now.", one_key())],
            scopes: vec![Scope::Body, Scope::Request, Scope::Name, Scope::Store],
            ..get("/api/admin/keys/{id}", "changeKey")
        },
        Operation {
            method: "DELETE",
            summary: "Revoke a key",
            description: "At once on this server, on others within seconds. The key stays in the \
                          list, revoked; it cannot be brought back."
                .to_owned(),
            parameters: vec![id()],
            answers: vec![answer(200, "The key as it is now.", one_key())],
            scopes: vec![Scope::Name, Scope::Store],
            is_destructive: true,
            ..get("/api/admin/keys/{id}", "revokeKey")
        },
        Operation {
            summary: "Everybody's requests",
            description: "The newest first.".to_owned(),
            parameters: [
                vec![in_query(
                    "key",
                    text(),
                    "Only those of the key with this id.",
                )],
                page_parameters(),
            ]
            .concat(),
            answers: vec![answer(200, "A page of the history.", named("History"))],
            scopes: vec![Scope::Request, Scope::Store],
            ..get("/api/admin/requests", "listRequests")
        },
    ]
}

fn page_parameters() -> Vec<Parameter> {
    vec![
        in_query(
            "limit",
            integer_between(1, MAX_LIMIT as i64).defaults_to(DEFAULT_LIMIT),
            "How many to a page.",
        ),
        in_query("before", text(), "What the page before gave as `next`."),
        in_query(
            "outcome",
            outcomes(["ok", "failed"]),
            "Only requests that ended so; `failed` is all but `ok` and `canceled`.",
        ),
    ]
}

/// The settings of a key, as they are shown or as they are sent.
fn settings(is_sent: bool) -> Vec<Member> {
    let limit = || integer_between(1, i64::from(u32::MAX)).or_null();
    let limits = LIMITS.map(|name| Member {
        is_required: !is_sent,
        ..always(name, limit(), "The most; `null`: as many as you like.")
    });
    let sent = |schema: Schema| if is_sent { schema.or_null() } else { schema };
    let members = [
        always(
            "isAdmin",
            sent(boolean()),
            "Whether it may manage keys and see everybody's requests.",
        ),
        always(
            "keepsContent",
            sent(boolean()),
            "Whether what its requests say is kept with them.",
        ),
        always("quota", sent(object(limits)), "How much it may ask for."),
        always(
            "preferences",
            sent(named("Preferences")),
            "What it wants by default.",
        ),
    ];
    let members = members.into_iter().map(|member| Member {
        is_required: !is_sent,
        ..member
    });
    members.collect()
}

fn key() -> Schema {
    let mut members = vec![
        always("id", text(), "Its public name."),
        always("name", text(), "What it is for."),
        always("prefix", text(), "The first characters of its secret."),
        always("state", word(["active", "revoked", "expired"]), ""),
        always("createdAt", moment(), ""),
        always("expiresAt", moment().or_null(), "`null`: never."),
        always("revokedAt", moment().or_null(), ""),
        always("lastUsedAt", moment().or_null(), "Exact to a minute."),
    ];
    members.extend(settings(false));
    object(members)
}

fn key_settings() -> Schema {
    let mut members = vec![
        maybe(
            "name",
            short_text(MAX_NAME_CHARS).or_null(),
            "What it is for, in one line.",
        ),
        maybe(
            "expiresAt",
            text().or_null(),
            "A moment or a day of UTC, such as `2030-12-31T00:00:00Z` or `2030-12-31`.",
        ),
    ];
    members.extend(settings(true));
    object(members)
}

fn preferences() -> Schema {
    let models = |min| list_between(short_text(MAX_MODEL_CHARS), min, MAX_LISTED_MODELS).or_null();
    object([
        maybe(
            "useCases",
            list(word(UseCase::ALL.iter().map(|case| case.as_str()))).or_null(),
            "What models must be good for, all of it.",
        ),
        maybe(
            "sort",
            word(Sort::ALL.iter().map(|sort| sort.as_str())).or_null(),
            "Which come first.",
        ),
        maybe(
            "topN",
            integer_between(1, i64::from(MAX_TOP_N)).or_null(),
            "How many are listed.",
        ),
        maybe(
            "maxErrorRate",
            integer_between(0, 100).or_null(),
            "The error rate in percent up to which models are listed and asked.",
        ),
        maybe(
            "timeRange",
            word(Window::ALL.map(Window::as_str)).or_null(),
            "Over which time errors count.",
        ),
        maybe(
            "myReports",
            boolean().or_null(),
            "Whether only reports of this key count.",
        ),
        maybe(
            "excludeModelIds",
            models(0),
            "Models that are neither listed nor asked.",
        ),
        maybe(
            "allowedModels",
            models(0),
            "The only models that may be asked. For administrators to change.",
        ),
        maybe(
            "dataPolicy",
            word(DataPolicy::ALL.iter().map(|policy| policy.as_str())).or_null(),
            "Which hosts may read prompts: any, or those alone that do not train on them. For \
             administrators to change.",
        ),
    ])
}

fn me() -> Schema {
    let window = || {
        object([
            always("limit", count(), "How much there is."),
            always("used", count(), "What was used."),
            always("remaining", count(), "What is left."),
            always("resetsAt", moment(), "When it begins anew."),
        ])
    };
    object([
        always("key", named("Key").or_null(), "`null` without keys."),
        always("isAdmin", boolean(), "Whether you are an administrator."),
        always(
            "quota",
            object(LIMITS.map(|name| maybe(name, window(), ""))),
            "Each limit that the key has.",
        ),
    ])
}

fn times() -> Vec<Member> {
    vec![
        always(
            "firstTokenMs",
            count().or_null(),
            "Milliseconds until the first word.",
        ),
        always("durationMs", count(), "Milliseconds until the end."),
        always("promptTokens", count(), "Tokens of the prompt."),
        always(
            "completionTokens",
            count(),
            "Tokens of the answer, reasoning included.",
        ),
        always("reasoningTokens", count(), "Those of the reasoning."),
    ]
}

/// These words and those of all kinds of failure.
fn outcomes<const N: usize>(words: [&'static str; N]) -> Schema {
    let failures = FailureKind::ALL.iter().map(|kind| kind.as_str());
    word(words.into_iter().chain(failures))
}

fn history() -> Schema {
    let mut attempt = vec![
        always("number", integer(), "Which it was, from 1."),
        always("model", text(), "The id of the model."),
        always("provider", text(), "Who was asked."),
        always("name", text(), "What the provider calls the model."),
        always("startedAt", moment(), ""),
        always("outcome", outcomes(["ok"]), "How it ended."),
        always(
            "faultDomain",
            word(FaultDomain::ALL.map(FaultDomain::as_str)).or_null(),
            "Whose fault it was.",
        ),
        always(
            "httpStatus",
            integer().or_null(),
            "The status of the provider's answer.",
        ),
    ];
    attempt.extend(times());
    attempt.push(always(
        "isExploration",
        boolean(),
        "Whether it was asked to learn more of it.",
    ));
    let feedback = object([
        always("modelId", text(), "Of which model."),
        always("success", boolean(), "Whether it answered."),
        always("issue", text().or_null(), "What went wrong."),
        always("details", text().or_null(), "In the user's words."),
        always("createdAt", moment(), ""),
    ]);
    let mut request = vec![
        always("id", text(), "That of `x-request-id`."),
        always("keyId", text().or_null(), "Whose it is."),
        always("startedAt", moment(), ""),
        always("operation", text(), "Such as `chat`."),
        always("requestedModel", text(), "What was asked for."),
        always("deployment", text().or_null(), "Who answered."),
        always("outcome", outcomes(["ok"]), "How it ended."),
        always("isStream", boolean(), ""),
    ];
    request.extend(times());
    request.extend([
        always(
            "attempts",
            list(object(attempt)),
            "Everybody who was asked, in order.",
        ),
        always("feedback", list(feedback), "What was said of it."),
        maybe("content", any(), "What was said, if the key keeps content."),
    ]);
    object([
        always("requests", list(object(request)), "The newest first."),
        always(
            "next",
            text().or_null(),
            "The `before` of the next page; `null` at the end.",
        ),
    ])
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("Key", key()),
        ("KeySettings", key_settings()),
        ("Preferences", preferences()),
        ("Me", me()),
        ("History", history()),
    ]
}
