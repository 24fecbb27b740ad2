//! Each row of the API's description has its test: what comes in and what goes out.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::Map;
use store::{
    AttemptSum, DeploymentKey, DeploymentRecord, FeedbackRecord, FeedbackSum, Hour, KeyId,
    ModelRecord, Observation, OutcomeSum,
};

use super::*;
use crate::availability::History;
use crate::catalog::{DEMO_ID, LocalModels, StoredDeployment, StoredModel};
use crate::model_info::{ModelId, ModelInfo};
use crate::preferences::{Preferences, Sort};
use crate::reliability::Window;

const HOUR_MS: i64 = 3_600_000;
/// 2026-03-19, 12:30:00.
const NOW: Timestamp = Timestamp((20_531 * 24 + 12) * HOUR_MS + HOUR_MS / 2);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// A model with one specification at all of its hosts; each is a provider, its name there and since
/// when it is gone.
struct Row {
    id: &'static str,
    hosts: &'static [(&'static str, &'static str, Option<i64>)],
    spec: ModelSpec,
    /// In days ago.
    first_seen: i64,
}

fn spec(context: u64, output: Option<u64>, inputs: &[&str], parameters: &[&str]) -> ModelSpec {
    ModelSpec {
        context_length: Some(context),
        max_output_tokens: output,
        modality: Some(format!("{}->text", inputs.join("+"))),
        input_modalities: words(inputs),
        output_modalities: words(&["text"]),
        supported_parameters: words(parameters),
        ..ModelSpec::default()
    }
}

fn rows() -> Vec<Row> {
    let gpt_oss = ModelSpec {
        name: "OpenAI: gpt-oss-20b (free)".to_owned(),
        description: "An open-weight model.".to_owned(),
        is_moderated: Some(true),
        expiration_date: Some("2026-12-31".to_owned()),
        ..spec(
            131_072,
            Some(8192),
            &["text"],
            &["include_reasoning", "seed", "tools"],
        )
    };
    let of_kind = |kind| ModelSpec {
        kind,
        ..spec(200_000, None, &["text"], &["seed"])
    };
    vec![
        Row {
            id: "openai/gpt-oss-20b",
            hosts: &[
                ("groq", "openai/gpt-oss-20b", None),
                ("openrouter", "openai/gpt-oss-20b:free", None),
            ],
            spec: gpt_oss,
            first_seen: 41,
        },
        Row {
            id: "acme/eyes",
            hosts: &[("openrouter", "acme/eyes:free", None)],
            spec: spec(
                32_768,
                Some(32_768),
                &["text", "image"],
                &["tools", "seed", "stop", "top_p"],
            ),
            first_seen: 2,
        },
        Row {
            id: "acme/long",
            hosts: &[("nvidia", "acme/long", None)],
            spec: spec(1_000_000, None, &["text"], &[]),
            first_seen: 10,
        },
        Row {
            id: "acme/twin",
            hosts: &[("openrouter", "acme/twin:free", None)],
            spec: spec(32_768, Some(4096), &["text"], &["seed"]),
            first_seen: 10,
        },
        // Gone at OpenRouter, offered elsewhere.
        Row {
            id: "acme/moved",
            hosts: &[
                ("groq", "acme/moved", None),
                ("openrouter", "acme/moved:free", Some(1)),
            ],
            spec: spec(8192, Some(1024), &["text"], &["seed", "stop"]),
            first_seen: 20,
        },
        Row {
            id: "acme/gone",
            hosts: &[("openrouter", "acme/gone:free", Some(3))],
            spec: spec(500_000, Some(1024), &["text"], &["tools"]),
            first_seen: 20,
        },
        Row {
            id: "acme/guard",
            hosts: &[("openrouter", "acme/guard:free", None)],
            spec: of_kind(ModelKind::Classifier),
            first_seen: 30,
        },
        Row {
            id: "openrouter/free",
            hosts: &[("openrouter", "openrouter/free", None)],
            spec: of_kind(ModelKind::Router),
            first_seen: 30,
        },
        Row {
            id: "acme/ears",
            hosts: &[("groq", "acme/ears", None)],
            spec: of_kind(ModelKind::Other),
            first_seen: 30,
        },
    ]
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp(NOW.0 - days * 24 * HOUR_MS)
}

fn catalog() -> Catalog {
    let (mut models, mut deployments) = (Vec::new(), Vec::new());
    for row in rows() {
        models.push(ModelRecord {
            id: row.id.to_owned(),
            spec: StoredModel {
                author: String::new(),
                spec: row.spec.clone(),
            }
            .to_json(),
            first_seen_at: days_ago(row.first_seen),
            last_seen_at: Timestamp(NOW.0 - 1000),
        });
        for &(provider, name, gone) in row.hosts {
            deployments.push(DeploymentRecord {
                key: key(provider, name),
                model: row.id.to_owned(),
                spec: StoredDeployment {
                    spec: row.spec.clone(),
                    ..StoredDeployment::default()
                }
                .to_json(),
                first_seen_at: days_ago(row.first_seen),
                last_seen_at: Timestamp(NOW.0 - 1000),
                gone_at: gone.map(days_ago),
            });
        }
    }
    let here = |provider: &str, tier, id: &str| LocalModels {
        provider: provider.to_owned(),
        tier,
        models: vec![ModelInfo {
            id: ModelId(id.to_owned()),
            provider_name: id.to_owned(),
            aliases: Vec::new(),
            owned_by: String::new(),
            spec: ModelSpec {
                context_length: Some(4096),
                ..ModelSpec::default()
            },
        }],
        since: days_ago(0),
    };
    Catalog::from_store(models, deployments).with_local(&[
        here("demo", Tier::Demo, DEMO_ID),
        here("local", Tier::Local, "mine"),
    ])
}

fn key(provider: &str, name: &str) -> DeploymentKey {
    DeploymentKey {
        provider: provider.to_owned(),
        name: name.to_owned(),
    }
}

fn attempts(model: &str, at: (&str, &str), outcome: &str, domain: &str, count: u64) -> OutcomeSum {
    OutcomeSum {
        model: model.to_owned(),
        deployment: key(at.0, at.1),
        start: Timestamp(NOW.0 - NOW.0.rem_euclid(HOUR_MS) - 2 * HOUR_MS),
        outcome: outcome.to_owned(),
        fault_domain: domain.to_owned(),
        sum: AttemptSum {
            count,
            ..AttemptSum::default()
        },
    }
}

/// What this server saw: gpt-oss failed 8 of 40 times, the twin never, the vision model was only
/// reported on.
fn seen() -> (Vec<OutcomeSum>, Vec<FeedbackSum>) {
    let gpt_oss = |outcome, domain, count| {
        let host = ("openrouter", "openai/gpt-oss-20b:free");
        attempts("openai/gpt-oss-20b", host, outcome, domain, count)
    };
    let sums = vec![
        gpt_oss("ok", "", 32),
        gpt_oss("rate_limited", "host", 4),
        gpt_oss("unavailable", "host", 1),
        gpt_oss("empty_answer", "host", 3),
        gpt_oss("canceled", "caller", 9),
        gpt_oss("account_rate_limited", "account", 5),
        attempts("acme/twin", ("openrouter", "acme/twin:free"), "ok", "", 400),
        // By a model that is not in the catalogue.
        attempts("who/knows", ("x", "who/knows"), "timeout", "host", 9),
    ];
    let report = |issue: Option<&str>, count| FeedbackSum {
        model: "acme/eyes".to_owned(),
        hour: Hour(Hour::of(NOW).0 - 1),
        issue: issue.map(str::to_owned),
        count,
        num_reporters: count,
    };
    let reports = vec![report(None, 1), report(Some("unavailable"), 2)];
    (sums, reports)
}

fn errors(catalog: &Catalog) -> ErrorRates {
    let (sums, reports) = seen();
    ErrorRates::new(catalog, &sums, &reports)
}

/// The parameters of a query, as a server reads them.
fn getter<'a>(query: &'a str) -> impl Fn(&str) -> Option<&'a str> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut first: HashMap<&str, &'a str> = HashMap::new();
    for (name, value) in pairs {
        first.entry(name).or_insert(value);
    }
    move |name| first.get(name).copied()
}

fn saved(json: Value) -> Preferences {
    let (preferences, faults) = Preferences::read(&json);
    assert!(faults.is_empty(), "{faults:?}");
    preferences
}

fn fresh() -> Freshness {
    Freshness {
        updated_at: Some(NOW),
        age_s: Some(0),
        is_stale: false,
    }
}

fn ids(query: &str, saved: &Preferences) -> Vec<String> {
    let catalog = catalog();
    let params = list_params(getter(query), saved);
    let body = ids_body(&catalog, &errors(&catalog), &params, &fresh(), "req_1");
    let ids = body["ids"].as_array().unwrap();
    assert_eq!(body["count"], ids.len());
    assert_eq!(body["requestId"], "req_1");
    ids.iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect()
}

const LONG: &str = "acme/long";
const OSS: &str = "openai/gpt-oss-20b:free";
const EYES: &str = "acme/eyes:free";
const TWIN: &str = "acme/twin:free";
const MOVED: &str = "acme/moved";
const GUARD: &str = "acme/guard:free";
const ROUTER: &str = "openrouter/free";
const MINE: &str = "mine";

/// By context length, and of equals by id.
const ALL: [&str; 8] = [LONG, GUARD, ROUTER, OSS, EYES, TWIN, MOVED, MINE];

#[test]
fn ids_lists_what_the_query_asks_for() {
    let none = Preferences::default();
    let by_context: &[&str] = &ALL;
    for (query, expected) in [
        ("", by_context),
        // Use cases: all of them, trimmed, in the case they are written in.
        ("useCase=chat", &[LONG, OSS, EYES, TWIN, MOVED, MINE]),
        ("useCase=vision", &[EYES]),
        ("useCase=tools", &[OSS, EYES]),
        ("useCase=longContext", &[LONG, GUARD, ROUTER, OSS]),
        ("useCase=reasoning", &[OSS]),
        ("useCase=tools,vision", &[EYES]),
        ("useCase= tools , reasoning ", &[OSS]),
        ("useCase=vision,reasoning", &[]),
        ("useCases=vision", &[EYES]),
        ("useCase=tools&useCases=vision", &[OSS, EYES]),
        ("useCase=Vision", by_context),
        ("useCase=vision,nonsense", &[EYES]),
        ("useCase=nonsense", by_context),
        ("useCase=&sort=&topN=", by_context),
        ("useCase=%20", by_context),
        // Orders.
        ("sort=contextLength", by_context),
        (
            "sort=maxOutput&useCase=chat",
            &[EYES, OSS, TWIN, MOVED, LONG, MINE],
        ),
        (
            "sort=capable&useCase=chat",
            &[EYES, OSS, MOVED, TWIN, LONG, MINE],
        ),
        // The twin never failed in 400, gpt-oss in 8 of 40; of the vision model there are three
        // reports, and of the others nothing is known.
        (
            "sort=leastIssues&useCase=chat",
            &[TWIN, OSS, EYES, LONG, MOVED, MINE],
        ),
        (
            "sort=newest&useCase=chat",
            &[MINE, EYES, LONG, TWIN, MOVED, OSS],
        ),
        ("sort=best", by_context),
        ("sort=MaxOutput", by_context),
        // How many.
        ("topN=2", &[LONG, GUARD]),
        ("topN=0", &[LONG]),
        ("topN=-7", &[LONG]),
        ("topN=3.9", &[LONG, GUARD, ROUTER]),
        ("topN=2nd", &[LONG, GUARD]),
        ("topN=101", by_context),
        ("topN=99999999999999999999", by_context),
        ("topN=many", by_context),
        ("topN=NaN", by_context),
        // How bad. What nothing is known of passes, as it always did.
        ("maxErrorRate=0&useCase=chat", &[LONG, TWIN, MOVED, MINE]),
        ("maxErrorRate=19&useCase=chat", &[LONG, TWIN, MOVED, MINE]),
        (
            "maxErrorRate=20&useCase=chat",
            &[LONG, OSS, TWIN, MOVED, MINE],
        ),
        (
            "maxErrorRate=20.9&useCase=chat",
            &[LONG, OSS, TWIN, MOVED, MINE],
        ),
        ("maxErrorRate=19.9&useCase=chat", &[LONG, TWIN, MOVED, MINE]),
        ("maxErrorRate=100", by_context),
        ("maxErrorRate=500", by_context),
        ("maxErrorRate=-5&useCase=chat", &[LONG, TWIN, MOVED, MINE]),
        ("maxErrorRate=none", by_context),
        // The threshold comes before the number.
        ("maxErrorRate=0&useCase=chat&topN=2", &[LONG, TWIN]),
        // There is no list of exclusions in a request.
        (
            "excludeModels=acme/long&excludeModelIds=acme/long",
            by_context,
        ),
        // What its clients send.
        (
            "useCase=chat&sort=capable&topN=40&maxErrorRate=40&timeRange=7d",
            &[OSS, MOVED, TWIN, LONG, MINE],
        ),
    ] {
        assert_eq!(ids(query, &none), expected, "{query}");
    }
}

#[test]
fn what_a_key_has_saved_fills_what_the_query_leaves_open() {
    let mine = saved(json!({
        "useCases": ["tools"], "sort": "maxOutput", "topN": 1, "maxErrorRate": 50,
        "timeRange": "24h", "myReports": true, "excludeModelIds": ["acme/eyes"],
    }));
    let params = |query: &str| list_params(getter(query), &mine);
    for (query, expected) in [
        ("", vec![OSS]),
        ("useCase=chat&topN=3", vec![OSS, TWIN, MOVED]),
        // What cannot be read is not what is saved.
        ("useCase=nonsense&topN=2", vec![OSS, TWIN]),
        ("topN=many&useCase=chat", vec![OSS, TWIN, MOVED, LONG, MINE]),
        ("sort=nonsense&useCase=chat", vec![LONG]),
        // Blank is absent.
        ("useCase=&sort=", vec![OSS]),
        // Exclusions stay, unless they are told not to.
        ("_ignoreSavedPreferences=true&useCase=tools", vec![OSS]),
        (
            "_ignoreSavedPreferences=true&_clearExcludedModels=true&useCase=vision",
            vec![EYES],
        ),
        ("_clearExcludedModels=true&maxErrorRate=100", vec![EYES]),
        ("_clearExcludedModels=yes&maxErrorRate=100", vec![OSS]),
        ("_ignoreSavedPreferences=1", vec![OSS]),
    ] {
        assert_eq!(ids(query, &mine), expected, "{query}");
    }
    assert_eq!(params("").window, Window::Day);
    assert!(params("").is_own_reports);
    assert!(!params("_ignoreSavedPreferences=true").is_own_reports);
    assert_eq!(params("_ignoreSavedPreferences=true").window, Window::Week);
    assert_eq!(
        params("_ignoreSavedPreferences=true").sort,
        Sort::ContextLength
    );
    assert_eq!(params("_ignoreSavedPreferences=true").top_n, None);
}

#[test]
fn windows_and_whose_reports_count_are_read_as_ever() {
    let none = Preferences::default();
    let params = |query: &str| list_params(getter(query), &none);
    for window in Window::ALL {
        let query = format!("timeRange={window}");
        assert_eq!(params(&query).window, window);
    }
    for query in ["", "timeRange=", "timeRange=2h", "timeRange=7D", "range=1h"] {
        assert_eq!(params(query).window, Window::Week, "{query}");
    }
    assert!(params("myReports=true").is_own_reports);
    for query in [
        "",
        "myReports=1",
        "myReports=True",
        "myReports=yes",
        "myReports=false",
    ] {
        assert!(!params(query).is_own_reports, "{query}");
    }
}

#[test]
fn a_key_lists_only_what_it_may_ask() {
    let none = |_: &str| -> Option<&'static str> { None };
    let list = |json: Value| {
        let params = list_params(none, &saved(json));
        let catalog = catalog();
        let body = ids_body(&catalog, &errors(&catalog), &params, &fresh(), "");
        body["ids"].clone()
    };
    assert_eq!(
        list(json!({"allowedModels": ["openai/gpt-oss-20b"]})),
        json!([OSS])
    );
    assert_eq!(
        list(json!({"allowedModels": ["ACME/eyes:free", "acme/gone"]})),
        json!([EYES])
    );
    // Nobody says that he does not train on prompts, but this machine does not.
    assert_eq!(list(json!({"dataPolicy": "noTraining"})), json!([MINE]));
    let excluded = json!({"excludeModelIds": ["acme/long", "mine", OSS, "acme/guard"]});
    assert_eq!(list(excluded), json!([ROUTER, EYES, TWIN, MOVED]));
    // Also if the query would rather not have it so.
    let mine = saved(json!({"allowedModels": ["acme/eyes"]}));
    let query = "_ignoreSavedPreferences=true&_clearExcludedModels=true";
    assert_eq!(ids(query, &mine), [EYES]);
}

#[test]
fn a_list_that_is_too_old_says_so() {
    let sync = |provider: &str, age_s: i64| ProviderSync {
        provider: provider.to_owned(),
        tried_at: NOW,
        succeeded_at: Some(Timestamp(NOW.0 - 1000 * age_s)),
        error: None,
    };
    let fresh = Freshness::of(&[sync("x", 9000), sync("y", 3600)], 2, NOW);
    assert_eq!((fresh.age_s, fresh.is_stale), (Some(3600), false));
    assert!(fresh.headers().is_empty());

    let stale = Freshness::of(&[sync("x", 9000)], 1, NOW);
    let expected = [("x-data-stale", "true"), ("x-data-age-seconds", "9000")];
    assert_eq!(
        stale.headers(),
        expected.map(|(name, value)| (name, value.to_owned()))
    );
    let catalog = Catalog::builtin();
    let params = list_params(|_| None, &Preferences::default());
    let errors = ErrorRates::default();
    assert_eq!(
        ids_body(&catalog, &errors, &params, &stale, "r"),
        json!({"ids": [], "count": 0, "requestId": "r",
               "_meta": {"stale": true, "ageSeconds": 9000}})
    );

    let never = Freshness::of(&[], 1, NOW);
    assert_eq!(
        never.headers()[1],
        ("x-data-age-seconds", "Infinity".to_owned())
    );
    assert_eq!(
        full_body(&catalog, &errors, &params, &never),
        json!({"models": [], "feedbackCounts": {}, "lastUpdated": null, "sort": "contextLength",
               "excludeModelIds": [], "count": 0, "timeRange": "7d",
               "_meta": {"stale": true, "ageSeconds": null}})
    );
    // Where nobody is asked nothing grows old.
    let alone = Freshness::of(&[], 0, NOW);
    assert_eq!((alone.is_stale, alone.updated_at), (false, Some(NOW)));
}

#[test]
fn full_tells_of_each_model_what_it_can_do_and_how_it_fails() {
    let catalog = catalog();
    let query = "useCase=reasoning&sort=capable";
    let params = list_params(getter(query), &saved(json!({"excludeModelIds": ["a/b"]})));
    let body = full_body(&catalog, &errors(&catalog), &params, &fresh());
    let expected = json!({
        "models": [{
            "id": "openai/gpt-oss-20b:free",
            "name": "OpenAI: gpt-oss-20b (free)",
            "description": "An open-weight model.",
            "isModerated": true,
            "lastSeenAt": "2026-03-19T12:29:59.000Z",
            "createdAt": "2026-02-06T12:30:00.000Z",
            "issueCount": 8,
            "errorRate": 20,
            "modality": "text->text",
            "inputModalities": ["text"],
            "outputModalities": ["text"],
            "supportedParameters": ["include_reasoning", "seed", "tools"],
            "contextLength": 131_072,
            "maxCompletionTokens": 8192,
            "samples": 40,
            "errorRateLow": 10.5,
            "errorRateHigh": 34.76,
            "reporters": 0,
            "attribution": "attempts",
            "otherFaults": {"caller": 9, "account": 5},
            "canonicalId": "openai/gpt-oss-20b",
            "providers": ["groq", "openrouter"],
            "runsHere": false,
            "expirationDate": "2026-12-31",
        }],
        "feedbackCounts": {
            "acme/eyes:free": {"errorRate": 66.67, "rateLimited": 0, "unavailable": 2, "error": 0,
                               "successCount": 1},
            "acme/twin:free": {"errorRate": 0, "rateLimited": 0, "unavailable": 0, "error": 0,
                               "successCount": 400},
            "openai/gpt-oss-20b:free": {"errorRate": 20, "rateLimited": 4, "unavailable": 1,
                                        "error": 3, "successCount": 32},
        },
        "lastUpdated": "2026-03-19T12:30:00.000Z",
        "useCases": ["reasoning"],
        "sort": "capable",
        "excludeModelIds": ["a/b"],
        "count": 1,
        "timeRange": "7d",
    });
    assert_eq!(body, expected);
}

#[test]
fn nothing_known_is_zero_and_says_that_nothing_is_known() {
    let catalog = catalog();
    let params = list_params(getter("useCase=longContext,chat"), &Preferences::default());
    let body = full_body(&catalog, &errors(&catalog), &params, &fresh());
    let long = &body["models"][0];
    assert_eq!(long["id"], LONG);
    assert_eq!(long["name"], LONG, "one without a name goes by its id");
    assert_eq!(
        (&long["errorRate"], &long["issueCount"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(long["samples"], 0);
    assert_eq!(long["attribution"], "none");
    for unknown in [
        "errorRateLow",
        "errorRateHigh",
        "description",
        "maxCompletionTokens",
    ] {
        assert_eq!(long[unknown], Value::Null, "{unknown}");
    }
    assert_eq!(long["isModerated"], Value::Null);
}

#[test]
fn what_runs_here_does_not_make_its_hosts_look_reliable() {
    let catalog = catalog().with_local(&[LocalModels {
        provider: "local".to_owned(),
        tier: Tier::Local,
        models: vec![ModelInfo {
            id: ModelId("acme/eyes".to_owned()),
            provider_name: "acme/eyes".to_owned(),
            aliases: Vec::new(),
            owned_by: String::new(),
            spec: ModelSpec::default(),
        }],
        since: NOW,
    }]);
    let eyes = |provider, name, outcome, domain, count| {
        attempts("acme/eyes", (provider, name), outcome, domain, count)
    };
    let sums = [
        eyes("local", "acme/eyes", "ok", "", 1000),
        eyes("openrouter", "acme/eyes:free", "internal", "host", 3),
        eyes("openrouter", "acme/eyes:free", "ok", "", 1),
    ];
    let rates = ErrorRates::new(&catalog, &sums, &[]);
    let rate = rates.of(catalog.model("acme/eyes").unwrap());
    assert_eq!(rate.rate.map(|rate| rate.num_cases), Some(4));
    let points = Point::of_attempts(&catalog, &sums);
    assert_eq!(points.iter().map(|point| point.num_cases).sum::<u64>(), 4);
    // What is hosted nowhere has its own.
    let mine = [attempts("mine", ("local", "mine"), "ok", "", 7)];
    let rates = ErrorRates::new(&self::catalog(), &mine, &[]);
    let rate = rates.of(self::catalog().model("mine").unwrap()).rate;
    assert_eq!(rate.map(|rate| rate.num_cases), Some(7));
}

fn health(query: &str) -> Value {
    let catalog = catalog();
    let (sums, reports) = seen();
    let mut points = Point::of_attempts(&catalog, &sums);
    points.extend(Point::of_report_sums(&reports));
    let errors = ErrorRates::new(&catalog, &sums, &reports);
    health_body(
        &catalog,
        &errors,
        &points,
        &health_params(getter(query)),
        NOW,
    )
}

fn names(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items
        .map(|one| one[key].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn health_tells_of_models_that_something_is_known_of() {
    for (query, expected) in [
        ("", &[OSS, EYES, TWIN][..]),
        ("sort=nonsense", &[OSS, EYES, TWIN]),
        ("sort=leastIssues", &[TWIN, OSS, EYES]),
        ("sort=contextLength", &[OSS, EYES, TWIN]),
        ("sort=newest", &[EYES, TWIN, OSS]),
        ("useCases=vision", &[EYES]),
        ("useCase=vision", &[EYES]),
        ("useCases=nonsense", &[OSS, EYES, TWIN]),
        ("topN=2", &[OSS, EYES]),
        ("topN=0", &[OSS, EYES, TWIN]),
        ("topN=-3", &[OSS, EYES, TWIN]),
        ("topN=x", &[OSS, EYES, TWIN]),
        ("topN=5000", &[OSS, EYES, TWIN]),
        ("maxErrorRate=20", &[OSS, TWIN]),
        ("maxErrorRate=19.99", &[TWIN]),
        ("maxErrorRate=66.7", &[OSS, EYES, TWIN]),
        ("maxErrorRate=-1", &[]),
        ("maxErrorRate=x", &[OSS, EYES, TWIN]),
        ("maxErrorRate=Infinity", &[OSS, EYES, TWIN]),
    ] {
        let body = health(query);
        assert_eq!(names(&body["issues"], "modelId"), expected, "{query}");
        assert_eq!(body["count"], expected.len(), "{query}");
    }
    for (query, range) in [
        ("", "7d"),
        ("range=15m", "15m"),
        ("range=30d", "30d"),
        ("range=all", "7d"),
        ("range=junk", "7d"),
        ("timeRange=1h", "7d"),
    ] {
        assert_eq!(health(query)["range"], range, "{query}");
    }
    assert!(health_params(getter("myReports=true")).is_own_reports);
    assert!(!health_params(getter("myReports=1")).is_own_reports);
}

#[test]
fn health_tells_of_a_model_what_its_rate_rests_on() {
    let body = health("range=24h&useCases=vision");
    let expected = json!({
        "modelId": "acme/eyes:free",
        "modelName": "acme/eyes:free",
        "errorRate": 66.67,
        "modality": "text+image->text",
        "inputModalities": ["text", "image"],
        "outputModalities": ["text"],
        "supportedParameters": ["tools", "seed", "stop", "top_p"],
        "contextLength": 32_768,
        "maxCompletionTokens": 32_768,
        "rateLimited": 0,
        "unavailable": 2,
        "error": 0,
        "successCount": 1,
        "total": 3,
        "samples": 3,
        "errorRateLow": 20.77,
        "errorRateHigh": 93.85,
        "reporters": 2,
        "attribution": "reports",
        "otherFaults": {},
    });
    assert_eq!(body["issues"], json!([expected]));
    assert_eq!(body["lastUpdated"], "2026-03-19T12:30:00.000Z");
}

#[test]
fn a_chart_has_every_bucket_and_silence_is_no_rate() {
    let body = health("range=6h");
    let expected = json!([
        {"date": "2026-03-19 06:00:00"},
        {"date": "2026-03-19 07:00:00"},
        {"date": "2026-03-19 08:00:00"},
        {"date": "2026-03-19 09:00:00"},
        {"date": "2026-03-19 10:00:00", "acme/twin:free": 0, "openai/gpt-oss-20b:free": 20},
        {"date": "2026-03-19 11:00:00", "acme/eyes:free": 66.67},
        {"date": "2026-03-19 12:00:00"},
    ]);
    assert_eq!(body["timeline"], expected);
    let num_buckets = |query: &str| health(query)["timeline"].as_array().unwrap().len();
    assert_eq!(num_buckets("range=15m"), 15);
    assert_eq!(num_buckets("range=30m"), 30);
    assert_eq!(num_buckets("range=1h"), 60);
    assert_eq!(num_buckets("range=24h"), 25);
    assert_eq!(num_buckets("range=7d"), 8);
    assert_eq!(num_buckets("range=30d"), 31);
    // Days begin at midnight, whenever the window does.
    let days = health("range=7d");
    assert_eq!(days["timeline"][0]["date"], "2026-03-12 00:00:00");
    assert_eq!(days["timeline"][7]["openai/gpt-oss-20b:free"], 20);
    // Models that are not told of are not drawn.
    let body = health("range=6h&topN=1");
    assert_eq!(
        body["timeline"][4],
        json!({"date": "2026-03-19 10:00:00", OSS: 20})
    );
    assert_eq!(body["timeline"][5], json!({"date": "2026-03-19 11:00:00"}));
}

#[test]
fn a_chart_by_the_minute_has_reports_at_their_minutes() {
    let catalog = catalog();
    let report = |issue: Option<&str>, age_ms: i64| FeedbackRecord {
        id: "fb_1".to_owned(),
        key_id: Some(KeyId("key_1".to_owned())),
        model: "acme/long".to_owned(),
        request_id: None,
        is_success: issue.is_none(),
        issue: issue.map(str::to_owned),
        details: None,
        created_at: Timestamp(NOW.0 - age_ms),
    };
    let records = [
        report(None, 30_000),
        report(Some("error"), 45_000),
        report(None, 180_000),
    ];
    let sums = [
        FeedbackSum {
            model: "acme/long".to_owned(),
            hour: Hour::of(NOW),
            issue: None,
            count: 2,
            num_reporters: 1,
        },
        FeedbackSum {
            model: "acme/long".to_owned(),
            hour: Hour::of(NOW),
            issue: Some("error".to_owned()),
            count: 1,
            num_reporters: 1,
        },
    ];
    let errors = ErrorRates::new(&catalog, &[], &sums);
    let params = health_params(getter("range=15m"));
    let body = health_body(
        &catalog,
        &errors,
        &Point::of_reports(&records),
        &params,
        NOW,
    );
    assert_eq!(
        body["issues"][0]["samples"], 2,
        "one reporter, once for each that he says"
    );
    let timeline = body["timeline"].as_array().unwrap();
    assert_eq!(
        timeline[14],
        json!({"date": "2026-03-19 12:29:00", LONG: 50})
    );
    assert_eq!(
        timeline[12],
        json!({"date": "2026-03-19 12:27:00", LONG: 0})
    );
    assert_eq!(timeline[13], json!({"date": "2026-03-19 12:28:00"}));
}

/// gpt-oss and the one that moved were listed at OpenRouter in every hour, but for three days of
/// gpt-oss and two on which nobody looked.
fn looks() -> History {
    let now = Hour::of(NOW).0;
    let today = now.div_euclid(24);
    let rows = (now - 41 * 24..=now).flat_map(|hour| {
        let days_ago = today - hour.div_euclid(24);
        let seen = |provider: &str, name: &str, is_listed| Observation {
            key: key(provider, name),
            hour: Hour(hour),
            is_listed,
            is_up: Some(true),
            num_probes_ok: 0,
            num_probes_failed: 0,
        };
        let is_away = (10..13).contains(&days_ago);
        let mut rows = vec![
            seen("openrouter", "openai/gpt-oss-20b:free", !is_away),
            seen("groq", "openai/gpt-oss-20b", false),
            seen("openrouter", "acme/gone:free", days_ago > 3),
        ];
        rows.retain(|_| !(days_ago == 5 || days_ago == 6));
        rows
    });
    let rows: Vec<_> = rows.collect();
    History::new(&rows, &[])
}

fn availability(query: &str) -> Result<Value, BadDays> {
    let catalog = catalog();
    let params = availability_params(getter(query))?;
    Ok(availability_body(
        &catalog,
        &looks(),
        &errors(&catalog),
        &params,
        NOW,
    ))
}

#[test]
fn availability_tells_of_every_day_what_is_known() {
    let body = availability("days=7&useCases=reasoning").unwrap();
    let expected = json!({
        "models": [{
            "modelId": "openai/gpt-oss-20b:free",
            "modelName": "OpenAI: gpt-oss-20b (free)",
            "isActive": true,
            "runsHere": false,
            "modality": "text->text",
            "inputModalities": ["text"],
            "outputModalities": ["text"],
            "supportedParameters": ["include_reasoning", "seed", "tools"],
            "contextLength": 131_072,
            "maxCompletionTokens": 8192,
            "availability": {"2026-03-15": true, "2026-03-16": true, "2026-03-17": true,
                             "2026-03-18": true, "2026-03-19": true},
            "status": {"2026-03-13": "not_observed", "2026-03-14": "not_observed",
                       "2026-03-15": "callable", "2026-03-16": "callable",
                       "2026-03-17": "callable", "2026-03-18": "callable",
                       "2026-03-19": "callable"},
            "availableDays": 5,
            "trackedDays": 5,
            "unobservedDays": 2,
            "availableHours": 109,
            "observedHours": 109,
            "availabilityPercent": 100,
            "evidenceHours": {"listed": 109, "endpointUp": 109, "probed": 0, "served": 0},
        }],
        "dates": ["2026-03-13", "2026-03-14", "2026-03-15", "2026-03-16", "2026-03-17",
                  "2026-03-18", "2026-03-19"],
        "lastUpdated": "2026-03-19T12:30:00.000Z",
        "count": 1,
    });
    assert_eq!(body, expected);
}

#[test]
fn a_day_on_which_it_was_away_is_false_and_not_missing() {
    let body = availability("").unwrap();
    let models = body["models"].as_array().unwrap();
    let oss = models.iter().find(|one| one["modelId"] == OSS).unwrap();
    let days = oss["availability"].as_object().unwrap();
    let away: Vec<_> = days
        .iter()
        .filter(|(_, yes)| **yes == json!(false))
        .collect();
    assert_eq!(away.len(), 3);
    assert_eq!(
        (oss["availableDays"].clone(), oss["trackedDays"].clone()),
        (json!(37), json!(40))
    );
    assert_eq!(oss["status"]["2026-03-08"], "not_listed");
    // One that is gone is red since, and still told of.
    let gone = models
        .iter()
        .find(|one| one["modelId"] == "acme/gone:free")
        .unwrap();
    assert_eq!(gone["isActive"], false);
    assert_eq!(gone["availability"]["2026-03-18"], false);
    assert_eq!(gone["availability"]["2026-03-12"], true);
    // Models that nobody ever looked at are not told of.
    assert_eq!(models.len(), 2);
    assert_eq!(body["count"], 2);
    assert_eq!(body["dates"].as_array().unwrap().len(), 90);
    assert_eq!(body["dates"][89], "2026-03-19");
}

#[test]
fn days_are_a_number_and_orders_are_those_of_the_lists() {
    for (query, num_days) in [
        ("", 90),
        ("days=", 90),
        ("days=30", 30),
        ("days=0", 1),
        ("days=-5", 1),
        ("days=900", 90),
        ("days=99999999999999999999", 90),
        ("days=12.7", 12),
        ("days=7d", 7),
    ] {
        let body = availability(query).unwrap();
        assert_eq!(body["dates"].as_array().unwrap().len(), num_days, "{query}");
    }
    for query in [
        "days=many",
        "days=NaN",
        "days=Infinity",
        "days=-",
        "days=d7",
    ] {
        let error = availability(query).unwrap_err();
        assert!(error.to_string().contains("from 1 to 90"), "{query}");
    }
    let long = format!("days={}", "x".repeat(10_000));
    assert!(availability(&long).unwrap_err().to_string().len() < 200);
    for (query, expected) in [
        ("", ["acme/gone:free", OSS]),
        ("sort=maxOutput", [OSS, "acme/gone:free"]),
        ("sort=capable", [OSS, "acme/gone:free"]),
        ("sort=leastIssues", [OSS, "acme/gone:free"]),
        ("sort=newest", ["acme/gone:free", OSS]),
        ("sort=junk", ["acme/gone:free", OSS]),
    ] {
        let body = availability(query).unwrap();
        assert_eq!(names(&body["models"], "modelId"), expected, "{query}");
    }
}

fn feedback(body: &Value) -> Result<Feedback, FeedbackError> {
    parse_feedback(body.to_string().as_bytes(), &catalog())
}

#[test]
fn feedback_is_read_in_every_form_that_was_taken() {
    let ok = Feedback {
        model: ModelId("openai/gpt-oss-20b".to_owned()),
        is_success: true,
        issue: None,
        details: None,
        request_id: None,
        is_dry_run: false,
    };
    let failed = Feedback {
        is_success: false,
        issue: Some("error".to_owned()),
        ..ok.clone()
    };
    let dry = Feedback {
        is_dry_run: true,
        ..ok.clone()
    };
    for (body, expected) in [
        (json!({"modelId": OSS, "success": true}), &ok),
        (
            json!({"modelId": "openai/gpt-oss-20b", "success": true, "issue": null}),
            &ok,
        ),
        (json!({"modelId": OSS, "issue": "error"}), &failed),
        (
            json!({"modelId": OSS, "issue": "error", "success": false}),
            &failed,
        ),
        // Only true is a success.
        (
            json!({"modelId": OSS, "issue": "error", "success": "true"}),
            &failed,
        ),
        (
            json!({"modelId": OSS, "success": true, "dryRun": true}),
            &dry,
        ),
        (
            json!({"modelId": OSS, "success": true, "dryRun": "yes"}),
            &dry,
        ),
        (json!({"modelId": OSS, "success": true, "dryRun": 1}), &dry),
        (json!({"modelId": OSS, "success": true, "dryRun": []}), &dry),
        (json!({"modelId": OSS, "success": true, "dryRun": 0}), &ok),
        (json!({"modelId": OSS, "success": true, "dryRun": ""}), &ok),
        (
            json!({"modelId": OSS, "success": true, "dryRun": null}),
            &ok,
        ),
        (
            json!({"modelId": OSS, "success": true, "details": 5, "requestId": {}, "x": 1}),
            &ok,
        ),
    ] {
        assert_eq!(feedback(&body).as_ref(), Ok(expected), "{body}");
    }
    for issue in ["rate_limited", "unavailable", "error"] {
        let read = feedback(&json!({"modelId": OSS, "issue": issue})).unwrap();
        assert_eq!(read.issue.as_deref(), Some(issue));
    }
    let long = "ö".repeat(5000);
    let body = json!({"modelId": OSS, "issue": "error", "details": long, "requestId": " req_1 "});
    let read = feedback(&body).unwrap();
    assert_eq!(read.details.unwrap().chars().count(), 1000);
    assert_eq!(read.request_id.as_deref(), Some("req_1"));
    // One that nobody offers any more is still known.
    assert!(feedback(&json!({"modelId": "acme/gone:free", "issue": "unavailable"})).is_ok());
}

#[test]
fn feedback_that_contradicts_itself_or_is_on_nothing_is_not_taken() {
    for (body, words) in [
        (json!({"success": true}), "modelId is required"),
        (
            json!({"modelId": 5, "success": true}),
            "modelId is required",
        ),
        (
            json!({"modelId": " ", "success": true}),
            "modelId is required",
        ),
        (
            json!({"modelId": OSS, "success": true, "issue": "error"}),
            "must be absent",
        ),
        (json!({"modelId": OSS}), "issue must be one of"),
        (
            json!({"modelId": OSS, "success": false}),
            "issue must be one of",
        ),
        (
            json!({"modelId": OSS, "issue": "slow"}),
            "issue must be one of",
        ),
        (json!({"modelId": OSS, "issue": 5}), "issue must be one of"),
        (
            json!({"modelId": "who/knows", "success": true}),
            "Unknown modelId",
        ),
        (json!([OSS]), "must be a JSON object"),
        (json!(null), "must be a JSON object"),
    ] {
        let error = feedback(&body).unwrap_err();
        assert!(error.to_string().contains(words), "{body}: {error}");
        assert_eq!(error.http_status(), 400);
    }
    let error = |body: &[u8]| parse_feedback(body, &catalog()).unwrap_err().to_string();
    assert!(error(b"{").contains("valid JSON"));
    assert!(error(b"\xff").contains("valid JSON"));
    assert!(error(&vec![b' '; MAX_FEEDBACK_BYTES + 1]).contains("64 KiB"));
    let name = json!({"modelId": "x".repeat(60_000), "success": true}).to_string();
    assert!(error(name.as_bytes()).len() < 800);
}

#[test]
fn errors_and_moments_have_their_forms() {
    assert_eq!(
        error_body(failures::IDS),
        json!({"error": "Failed to fetch model IDs"})
    );
    assert_eq!(
        coded_error_body("No.", BadDays::CODE, "r"),
        json!({"error": "No.", "code": "VALIDATION_ERROR", "requestId": "r"})
    );
    assert_eq!(
        moment(Timestamp(1_763_827_200_007)),
        "2025-11-22T16:00:00.007Z"
    );
    assert_eq!(moment(Timestamp(-1)), "1969-12-31T23:59:59.999Z");
    assert_eq!(moment(Timestamp(i64::MAX)), Value::Null);
    assert_eq!(chart_moment(Timestamp(-1)), "1969-12-31 23:59:59");
    assert_eq!(percent(0.0), json!(0));
    assert_eq!(percent(1.0), json!(100));
    assert_eq!(percent(2.0 / 3.0), json!(66.67));
    assert_eq!(percent(0.457), json!(45.7));
    let mut object = Value::Object(Map::new());
    extend(&mut object, json!([1]));
    assert_eq!(object, json!({}));
}

proptest! {
    #[test]
    fn numbers_are_read_as_javascript_reads_them(number in any::<i32>(), rest in "[a-z. ]{0,5}") {
        let text = format!("{number}{rest}");
        prop_assert_eq!(params::int(&text), Some(i64::from(number)));
        prop_assert_eq!(params::int(&rest), None);
        prop_assert_eq!(params::int(&format!("+{}", number.unsigned_abs())), Some(i64::from(number.unsigned_abs())));
        prop_assert_eq!(params::float(&format!(" {number}.5{}", rest.replace(['e', '.'], "x"))), Some(
            format!("{number}.5").parse().unwrap()
        ));
    }

    #[test]
    fn no_query_and_no_feedback_panics(value in ".{0,80}", body in ".{0,80}") {
        let get = |_: &str| Some(value.as_str());
        let _ = list_params(get, &Preferences::default());
        let _ = health_params(get);
        let _ = availability_params(get);
        let _ = parse_feedback(body.as_bytes(), &Catalog::builtin());
    }

    #[test]
    fn every_list_is_in_an_order_of_its_own_and_no_model_comes_twice(
        sort in prop::sample::select(Sort::ALL.to_vec()),
        shuffled in Just(rows().into_iter().map(|row| row.id).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let catalog = catalog();
        let errors = errors(&catalog);
        let order = |shown: Vec<Shown<'_>>| {
            let mut shown = shown;
            super::params::sort(&mut shown, sort, &errors);
            shown.iter().map(|one| one.id.to_owned()).collect::<Vec<_>>()
        };
        let models = |ids: &[&str]| {
            ids.iter().map(|id| Shown::of(catalog.model(id).unwrap())).collect::<Vec<_>>()
        };
        let mut sorted_ids = shuffled.clone();
        sorted_ids.sort_unstable();
        let expected = order(models(&sorted_ids));
        prop_assert_eq!(&order(models(&shuffled)), &expected);
        let unique: std::collections::HashSet<_> = expected.iter().collect();
        prop_assert_eq!(unique.len(), expected.len());
    }
}
