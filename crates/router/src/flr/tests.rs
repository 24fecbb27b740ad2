//! Each row of the API's description has its test: what comes in and what goes out. Here are the
//! catalogue and the history that they share.

mod availability;
mod feedback;
mod health;
mod lists;

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

const LONG: &str = "acme/long";
const OSS: &str = "openai/gpt-oss-20b:free";
const EYES: &str = "acme/eyes:free";
const TWIN: &str = "acme/twin:free";
const MOVED: &str = "acme/moved";
const GUARD: &str = "acme/guard:free";
const ROUTER: &str = "openrouter/free";
const MINE: &str = "mine";

fn names(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items
        .map(|one| one[key].as_str().unwrap().to_owned())
        .collect()
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
