//! Free LLM Router's API.

use router::availability::{HourStatus, MAX_DAYS};
use router::flr::{
    Attribution, DEFAULT_SORT, DEFAULT_WINDOW, ISSUES, LONG_CONTEXT, MAX_DETAILS_CHARS,
    MAX_FEEDBACK_BYTES, MAX_REQUEST_ID_CHARS,
};
use router::reliability::Window;
use router::{FaultDomain, MAX_TOP_N, REPORTS_PER_MINUTE, Sort, UseCase};
use serde_json::json;

use super::operation::{Access, Body, Header, Operation, Parameter, Tag, answer, in_query};
use super::schema::{
    Member, Schema, always, any, boolean, count, either, integer_between, list, map, maybe, moment,
    named, number_between, object, short_text, text, word,
};
use crate::error::codes::Scope;

pub(super) fn operations() -> Vec<Operation> {
    let list_scopes = vec![Scope::Quota, Scope::ListStore];
    let list_headers = || {
        let stale = [Header::DataStale, Header::DataAge];
        stale.into_iter().chain(Header::QUOTA)
    };
    vec![
        Operation {
            summary: "Ids of models, in the order to ask them",
            description: "An id that is given out is OpenRouter's where OpenRouter has the model; \
                          this server takes either. What is not given is as the preferences of \
                          your key say."
                .to_owned(),
            parameters: list_parameters(),
            answers: vec![answer(200, "The ids.", named("IdList")).with_headers(list_headers())],
            scopes: list_scopes.clone(),
            ..Operation::get("/api/v1/models/ids", "listModelIds", Tag::Lists)
        },
        Operation {
            summary: "The same models with what is known of each",
            description: "An error rate is made of what this server saw itself, and of reports \
                          where it saw nothing. `attribution` says which, `samples`, \
                          `errorRateLow` and `errorRateHigh` how sure it is."
                .to_owned(),
            parameters: list_parameters(),
            answers: vec![
                answer(200, "The models.", named("FullList")).with_headers(list_headers()),
            ],
            scopes: list_scopes,
            ..Operation::get("/api/v1/models/full", "listFullModels", Tag::Lists)
        },
        Operation {
            method: "POST",
            summary: "Report how a model did",
            description: format!(
                "Either `success` is true, or `issue` says what went wrong. Feedback does not \
                 count against your quota, but there may be {REPORTS_PER_MINUTE} a minute from \
                 each key, and from all together who come without one."
            ),
            body: Some(Body {
                schema: named("Feedback"),
                examples: vec![(
                    "Only a trial",
                    json!({"modelId": "freeway/demo", "success": true, "dryRun": true}),
                )],
                max_bytes: Some(MAX_FEEDBACK_BYTES),
            }),
            answers: vec![answer(
                200,
                "It was received.",
                object([always("received", boolean(), "")]),
            )],
            scopes: vec![Scope::Body, Scope::Request, Scope::Quota, Scope::ListStore],
            ..Operation::get("/api/v1/models/feedback", "sendFeedback", Tag::Lists)
        },
        Operation {
            summary: "Which models fail how often, and when",
            description: "Only models of which something is known over this time are told of."
                .to_owned(),
            parameters: health_parameters(),
            answers: vec![answer(
                200,
                "The rates and a chart of them.",
                named("Health"),
            )],
            access: Access::KeyIfAny,
            scopes: vec![Scope::ListStore],
            ..Operation::get("/api/health", "showHealth", Tag::Lists)
        },
        Operation {
            summary: "On which days models could be had",
            description: "Days are days of UTC. A day on which nobody looked is neither available \
                          nor unavailable, and `status` tells which."
                .to_owned(),
            parameters: availability_parameters(),
            answers: vec![answer(200, "The days.", named("Availability"))],
            access: Access::KeyIfAny,
            scopes: vec![Scope::Days],
            ..Operation::get("/api/availability", "showAvailability", Tag::Lists)
        },
    ]
}

fn cases_parameters() -> [Parameter; 2] {
    let words = UseCase::ALL
        .iter()
        .map(|case| format!("`{}`", case.as_str()));
    let words: Vec<_> = words.collect();
    [
        in_query(
            "useCase",
            text(),
            format!(
                "What each model must be good for, all of it: {}, with commas between. \
                 `longContext` is {} tokens or more. Other words are passed over.",
                words.join(", "),
                crate::web::text::number(LONG_CONTEXT)
            ),
        )
        .such_as(UseCase::Tools.as_str()),
        in_query("useCases", text(), "Another name of `useCase`."),
    ]
}

fn sort_parameter(default: Option<Sort>) -> Parameter {
    let mut schema = word(Sort::ALL.iter().map(|sort| sort.as_str()));
    schema.default = default.map(|sort| json!(sort.as_str()));
    let description = match default {
        Some(_) => "Which come first. Another word is taken for the default.",
        None => "Which come first. If it is missing, those with most issues.",
    };
    in_query("sort", schema, description)
}

fn own_reports() -> Parameter {
    in_query(
        "myReports",
        boolean().defaults_to(false),
        "Whether only reports of your key count.",
    )
}

fn list_parameters() -> Vec<Parameter> {
    let mut parameters = cases_parameters().to_vec();
    parameters.extend([
        sort_parameter(Some(DEFAULT_SORT)),
        in_query(
            "topN",
            integer_between(1, i64::from(MAX_TOP_N)),
            "How many, at most.",
        )
        .such_as(5),
        in_query(
            "maxErrorRate",
            integer_between(0, 100),
            "The error rate in percent up to which they are listed.",
        ),
        in_query(
            "timeRange",
            word(Window::ALL.map(Window::as_str)).defaults_to(DEFAULT_WINDOW.as_str()),
            "Over which time errors count.",
        ),
        own_reports(),
    ]);
    parameters
}

fn health_parameters() -> Vec<Parameter> {
    let windows = Window::ALL.into_iter();
    let windows = windows.filter(|&window| window != Window::All);
    let mut parameters = vec![in_query(
        "range",
        word(windows.map(Window::as_str)).defaults_to(DEFAULT_WINDOW.as_str()),
        "Over which time.",
    )];
    parameters.extend(cases_parameters());
    parameters.extend([
        sort_parameter(None),
        in_query("topN", super::schema::integer_from(1), "How many, at most."),
        in_query(
            "maxErrorRate",
            number_between(0.0, 100.0),
            "The error rate in percent up to which they are told of.",
        ),
        own_reports(),
    ]);
    parameters
}

fn availability_parameters() -> Vec<Parameter> {
    let mut parameters = vec![
        in_query(
            "days",
            integer_between(1, i64::from(MAX_DAYS)).defaults_to(MAX_DAYS),
            "How many days, today included. More are taken for the most.",
        )
        .such_as(30),
    ];
    parameters.extend(cases_parameters());
    parameters.push(sort_parameter(Some(DEFAULT_SORT)));
    parameters
}

/// What is told of a model everywhere.
fn spec() -> Vec<Member> {
    vec![
        always("modality", text().or_null(), "Such as `text+image->text`."),
        always("inputModalities", list(text()), "What it takes."),
        always("outputModalities", list(text()), "What it gives."),
        always(
            "supportedParameters",
            list(text()),
            "Fields of a request that it knows.",
        ),
        always(
            "contextLength",
            count().or_null(),
            "Tokens of prompt and answer together.",
        ),
        always(
            "maxCompletionTokens",
            count().or_null(),
            "The most tokens of an answer.",
        ),
    ]
}

fn percent() -> Schema {
    number_between(0.0, 100.0)
}

/// What an error rate rests on.
fn grounds() -> Vec<Member> {
    vec![
        always("samples", count(), "How many cases it is made of."),
        always(
            "errorRateLow",
            percent().or_null(),
            "The lower end of its 95 % interval.",
        ),
        always(
            "errorRateHigh",
            percent().or_null(),
            "The upper end of its 95 % interval.",
        ),
        always("reporters", count(), "How many keys reported."),
        always(
            "attribution",
            word(Attribution::ALL.map(Attribution::as_str)),
            "What it is made of: attempts of this server, reports, or nothing.",
        ),
    ]
}

fn counts() -> Vec<Member> {
    vec![
        always(
            "rateLimited",
            count(),
            "Cases in which a limit was reached.",
        ),
        always(
            "unavailable",
            count(),
            "Cases in which it could not be had.",
        ),
        always("error", count(), "Other failures."),
        always("successCount", count(), "Cases in which it answered."),
    ]
}

fn other_faults() -> Member {
    let domains = FaultDomain::ALL.map(|domain| format!("`{}`", domain.as_str()));
    always(
        "otherFaults",
        map(count()),
        format!(
            "Attempts that failed by somebody else's fault, by whose ({}). They do not count \
             against the model.",
            domains.join(", ")
        ),
    )
}

fn error_rate() -> Member {
    always(
        "errorRate",
        percent(),
        "In percent. 0 with 0 samples means that nothing is known.",
    )
}

fn full_model() -> Schema {
    let mut members = vec![
        always("id", text(), "The name to ask for."),
        always("name", text(), "Its name for people."),
        always(
            "description",
            text().or_null(),
            "What its provider says of it.",
        ),
        always(
            "isModerated",
            boolean().or_null(),
            "Whether prompts are moderated.",
        ),
        always(
            "lastSeenAt",
            moment().or_null(),
            "When somebody last listed it.",
        ),
        always("createdAt", moment().or_null(), "When it was first seen."),
        always("issueCount", count(), "How often it failed."),
        error_rate(),
    ];
    members.extend(spec());
    members.extend(grounds());
    members.extend([
        other_faults(),
        always("canonicalId", text(), "Its id, whoever has it."),
        always("providers", list(text()), "Who offers it now."),
        always("runsHere", boolean(), "Whether this machine runs it."),
        always(
            "expirationDate",
            text().or_null(),
            "Until when it is offered, if that is known.",
        ),
    ]);
    object(members)
}

fn full_list() -> Schema {
    let mut of_model = vec![error_rate()];
    of_model.extend(counts());
    object([
        always("models", list(full_model()), "The models."),
        always(
            "feedbackCounts",
            map(object(of_model)),
            "By id, of every model of which something is known.",
        ),
        always(
            "lastUpdated",
            moment().or_null(),
            "When a list was last read.",
        ),
        maybe(
            "useCases",
            list(word(UseCase::ALL.iter().map(|case| case.as_str()))),
            "Those that were asked for.",
        ),
        always("sort", word(Sort::ALL.iter().map(|sort| sort.as_str())), ""),
        always(
            "excludeModelIds",
            list(text()),
            "Models that the preferences of your key leave out.",
        ),
        always("count", count(), "How many models there are."),
        always("timeRange", word(Window::ALL.map(Window::as_str)), ""),
        meta(),
    ])
}

fn meta() -> Member {
    maybe(
        "_meta",
        object([
            always("stale", boolean(), ""),
            always(
                "ageSeconds",
                count().or_null(),
                "Its age; `null`: it was never read.",
            ),
        ]),
        "Only there if no list of a provider could be read for a while.",
    )
}

fn health() -> Schema {
    let mut issue = vec![
        always("modelId", text(), "The name to ask for."),
        always("modelName", text(), "Its name for people."),
        error_rate(),
    ];
    issue.extend(spec());
    issue.extend(counts());
    issue.push(always("total", count(), "All cases."));
    issue.extend(grounds());
    issue.push(other_faults());
    object([
        always("issues", list(object(issue)), "The models."),
        always(
            "timeline",
            list(map(either([text(), percent()]))),
            "For each piece of the time its `date`, and by model id the error rate in percent. \
             Models without cases in it are missing: nothing is known then.",
        ),
        always("range", word(Window::ALL.map(Window::as_str)), ""),
        always("lastUpdated", moment().or_null(), "As of when."),
        always("count", count(), "How many models there are."),
    ])
}

fn availability() -> Schema {
    let mut model = vec![
        always("modelId", text(), "The name to ask for."),
        always("modelName", text(), "Its name for people."),
        always("isActive", boolean(), "Whether a host offers it now."),
        always("runsHere", boolean(), "Whether this machine runs it."),
    ];
    model.extend(spec());
    model.extend([
        always(
            "availability",
            map(boolean()),
            "By day, whether it could be had. Days on which nobody looked are missing.",
        ),
        always(
            "status",
            map(word(HourStatus::ALL.map(HourStatus::as_str))),
            "By day, the best that can be said of half of its hours.",
        ),
        always("availableDays", count(), "Days on which it could be had."),
        always("trackedDays", count(), "Days on which somebody looked."),
        always("unobservedDays", count(), "Days on which nobody looked."),
        always("availableHours", count(), "The same in hours."),
        always("observedHours", count(), "The same in hours."),
        always(
            "availabilityPercent",
            percent().or_null(),
            "Available hours of observed hours.",
        ),
        always(
            "evidenceHours",
            object([
                always("listed", count(), "Somebody listed it."),
                always(
                    "endpointUp",
                    count(),
                    "Its host said that it can be called.",
                ),
                always("probed", count(), "It answered a probe."),
                always("served", count(), "It answered a request."),
            ]),
            "In how many hours there was evidence of each kind.",
        ),
    ]);
    object([
        always(
            "models",
            list(object(model)),
            "Those that were seen in this time.",
        ),
        always("dates", list(text()), "The days, the oldest first."),
        always("lastUpdated", moment().or_null(), "As of when."),
        always("count", count(), "How many models there are."),
    ])
}

fn feedback() -> Schema {
    object([
        always("modelId", text(), "A model that this server knows."),
        maybe(
            "success",
            boolean().defaults_to(false),
            "Whether it answered.",
        ),
        maybe("issue", word(ISSUES).or_null(), "What went wrong."),
        maybe(
            "details",
            text().or_null(),
            format!("In your words; {MAX_DETAILS_CHARS} characters are kept."),
        ),
        maybe(
            "requestId",
            short_text(MAX_REQUEST_ID_CHARS).or_null(),
            "Which request it is about: the `x-request-id` of one of your key's.",
        ),
        maybe(
            "dryRun",
            any(),
            "If true, the feedback is only checked, and nothing is kept.",
        ),
    ])
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let ids = object([
        always("ids", list(text()), "The ids, the best first."),
        always("count", count(), "How many there are."),
        always("requestId", text(), "What feedback may name."),
        meta(),
    ]);
    let error = object([
        always(
            "error",
            text(),
            "What is wrong, in the words that clients know.",
        ),
        maybe("message", text(), "More about it, and what to do."),
        maybe("code", text(), "A word for programs."),
        maybe("param", text(), "The field that it is about."),
        maybe("requestId", text(), "The name of the request."),
    ]);
    vec![
        ("IdList", ids),
        ("FullList", full_list()),
        ("Feedback", feedback()),
        ("Health", health()),
        ("Availability", availability()),
        ("PlainError", error),
    ]
}
