use proptest::prelude::*;

use super::*;

fn info(id: &str, provider_name: &str, aliases: &[&str]) -> ModelInfo {
    ModelInfo {
        id: ModelId(id.to_owned()),
        provider_name: provider_name.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        owned_by: "somebody".to_owned(),
        spec: ModelSpec::default(),
    }
}

fn record(provider: &str, name: &str, model: &str, gone_at: Option<i64>) -> DeploymentRecord {
    DeploymentRecord {
        key: DeploymentKey {
            provider: provider.to_owned(),
            name: name.to_owned(),
        },
        model: model.to_owned(),
        spec: StoredDeployment::default().to_json(),
        first_seen_at: Timestamp(1),
        last_seen_at: Timestamp(2),
        gone_at: gone_at.map(Timestamp),
    }
}

fn with_aliases(mut record: DeploymentRecord, aliases: &[&str]) -> DeploymentRecord {
    let stored = StoredDeployment {
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        ..StoredDeployment::default()
    };
    record.spec = stored.to_json();
    record
}

/// gpt-oss-20b at four hosts, and some that share parts of names.
fn catalog() -> Catalog {
    let id = "openai/gpt-oss-20b";
    Catalog::from_store(
        Vec::new(),
        vec![
            record("openrouter", "openai/gpt-oss-20b:free", id, None),
            record("groq", "openai/gpt-oss-20b", id, None),
            record("cloudflare", "@cf/openai/gpt-oss-20b", id, None),
            record("pollinations", "openai-fast", id, None),
            with_aliases(record("llm7", "gpt-oss:20b", id, None), &["oss"]),
            record("x", "acme/small", "acme/small", None),
            record("y", "other/small", "other/small", None),
            record("x", "acme/old", "acme/old", None),
            record("y", "other/old", "other/old", Some(5)),
            record("z", "gone/away", "gone/away", Some(5)),
        ],
    )
}

#[test]
fn one_model_has_several_deployments_and_answers_to_all_their_names() {
    let catalog = catalog();
    for name in [
        "openai/gpt-oss-20b",
        "OpenAI/GPT-OSS-20B",
        "openai/gpt-oss-20b:free",
        "gpt-oss-20b",
        "gpt-oss-20b:free",
        "gpt-oss:20b",
        "@cf/openai/gpt-oss-20b",
        "openai-fast",
        "oss",
        " openai/gpt-oss-20b ",
    ] {
        let found = catalog.find(name).map(|model| model.id.0.as_str());
        assert_eq!(found, Some("openai/gpt-oss-20b"), "{name}");
    }
    let model = catalog.model("openai/gpt-oss-20b").unwrap();
    let providers: Vec<_> = model
        .deployments
        .iter()
        .map(|one| &one.key.provider)
        .collect();
    assert_eq!(
        providers,
        ["cloudflare", "groq", "llm7", "openrouter", "pollinations"]
    );
    assert_eq!(model.author, "openai");
    assert!(model.is_hosted());
    // Only its id is its id.
    assert_eq!(catalog.model("gpt-oss-20b"), None);
}

#[test]
fn a_name_of_several_models_means_none_unless_only_one_is_offered() {
    let catalog = catalog();
    assert_eq!(catalog.find("small"), None);
    assert_eq!(catalog.near("small"), ["acme/small", "other/small"]);
    let found = catalog.find("old").map(|model| model.id.0.as_str());
    assert_eq!(found, Some("acme/old"));
    // One that nobody offers is still known.
    let gone = catalog.find("gone/away").unwrap();
    assert!(!gone.is_active());
    assert_eq!(catalog.find(""), None);
    assert_eq!(catalog.find(":free"), None);
}

#[test]
fn a_name_of_a_provider_does_not_take_the_id_of_another_model() {
    let catalog = Catalog::from_store(
        Vec::new(),
        vec![
            record("x", "a/b", "a/b", Some(5)),
            record("y", "a/b", "c/d", None),
            with_aliases(record("z", "e/f", "e/f", None), &["c/d", "a/b"]),
        ],
    );
    let found = |name: &str| catalog.find(name).map(|model| model.id.0.clone());
    assert_eq!(found("a/b").as_deref(), Some("a/b"));
    assert_eq!(found("c/d").as_deref(), Some("c/d"));
}

#[test]
fn a_deployment_can_be_named() {
    let catalog = catalog();
    let (model, one) = catalog.pinned("Groq/openai/gpt-oss-20b").unwrap();
    assert_eq!(model.id.0, "openai/gpt-oss-20b");
    assert_eq!(one.key.provider, "groq");
    assert_eq!(catalog.pinned("groq/openai-fast"), None);
    assert_eq!(catalog.pinned("groq"), None);
    let (_, again) = catalog.deployment(&one.key).unwrap();
    assert_eq!(again, one);
    let mut key = one.key.clone();
    key.provider = "nobody".to_owned();
    assert_eq!(catalog.deployment(&key), None);
}

#[test]
fn names_that_are_near_are_suggested_if_somebody_offers_them() {
    let catalog = catalog();
    assert_eq!(catalog.near("openai/gpt-oss-20"), ["openai/gpt-oss-20b"]);
    assert_eq!(catalog.near("openai-fsat"), ["openai/gpt-oss-20b"]);
    assert!(!catalog.near("gone/awaz").contains(&"gone/away".to_owned()));
    assert!(catalog.near("qqqqqqqq").is_empty());
    assert!(catalog.near(&"ö".repeat(100_000)).is_empty());
}

#[test]
fn what_the_engine_can_run_is_known_before_anybody_was_asked() {
    let catalog = Catalog::builtin();
    let ids: Vec<_> = catalog
        .models()
        .iter()
        .map(|model| model.id.0.as_str())
        .collect();
    assert_eq!(ids, [DEMO_ID, "openai/gpt-oss-120b", "openai/gpt-oss-20b"]);
    assert_eq!(catalog.active_models().count(), 0);
    let model = catalog.find("gpt-oss-20b").unwrap();
    assert_eq!(model.spec.name, "OpenAI: gpt-oss-20b");
    assert_eq!(model.spec.context_length, Some(131_072));
    for fact in [
        "21 billion",
        "3.6 billion",
        "Apache 2.0",
        "Harmony",
        "experts",
    ] {
        assert!(model.spec.description.contains(fact), "{fact}");
    }
    assert!(model.spec.supports("tools") && model.spec.reasons());
    assert_eq!(model.first_seen_at, None);
    assert!(catalog.models().iter().all(Model::is_chat));
}

#[test]
fn what_runs_here_is_beside_what_is_hosted_and_takes_its_place_anew_each_time() {
    let local = |models: Vec<ModelInfo>| LocalModels {
        provider: "local".to_owned(),
        tier: Tier::Local,
        models,
        since: Timestamp(7),
    };
    let id = "openai/gpt-oss-20b";
    let catalog = catalog().with_local(&[local(vec![info(id, id, &["gpt-oss-20b"])])]);
    let model = catalog.model(id).unwrap();
    let here = model.at("local").unwrap();
    assert_eq!(here.tier, Tier::Local);
    assert_eq!(model.deployments.len(), 6);

    let catalog = catalog.with_local(&[local(vec![info("local/new", "new", &[])])]);
    assert_eq!(catalog.model(id).unwrap().deployments.len(), 5);
    assert!(catalog.find("new").unwrap().is_active());
    assert!(!catalog.find("new").unwrap().is_hosted());

    // What only ran here and does not any more is not known any more.
    let catalog = catalog.with_local(&[]);
    assert_eq!(catalog.find("new"), None);
    assert!(catalog.model(id).unwrap().is_hosted());

    let demo = LocalModels {
        tier: Tier::Demo,
        ..local(vec![info(DEMO_ID, DEMO_ID, &[])])
    };
    let catalog = Catalog::builtin().with_local(&[demo]);
    let demo = catalog.find("demo").unwrap();
    assert_eq!(demo.deployments[0].tier, Tier::Demo);
    assert_eq!(demo.author, "freeway");
    assert!(demo.spec.description.starts_with("A very small model"));
}

fn merged(specs: &[ModelSpec]) -> ModelSpec {
    let deployments: Vec<Deployment> = specs
        .iter()
        .map(|spec| {
            let info = ModelInfo {
                spec: spec.clone(),
                ..info("a/b", "b", &[])
            };
            Deployment::new(info, "x", Tier::Hosted, Timestamp(0))
        })
        .collect();
    let deployments: Vec<_> = deployments.iter().collect();
    merged_spec(&ModelId("a/b".to_owned()), None, &deployments)
}

#[test]
fn a_model_can_do_what_any_of_its_deployments_can() {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let one = ModelSpec {
        name: "First".to_owned(),
        context_length: Some(1000),
        max_output_tokens: Some(100),
        supported_parameters: words(&["tools", "seed"]),
        is_moderated: Some(true),
        expiration_date: Some("2026-12-01".to_owned()),
        quantization: Some("fp4".to_owned()),
        ..ModelSpec::default()
    };
    let other = ModelSpec {
        name: "Second".to_owned(),
        description: "Words.".to_owned(),
        context_length: Some(8000),
        supported_parameters: words(&["seed", "reasoning"]),
        is_moderated: Some(false),
        expiration_date: Some("2027-01-01".to_owned()),
        quantization: Some("fp8".to_owned()),
        ..ModelSpec::default()
    };
    let both = merged(&[one.clone(), other]);
    assert_eq!(both.name, "First");
    assert_eq!(both.description, "Words.");
    assert_eq!(both.context_length, Some(8000));
    assert_eq!(both.max_output_tokens, Some(100));
    assert_eq!(both.supported_parameters, ["reasoning", "seed", "tools"]);
    assert_eq!(both.is_moderated, Some(false));
    assert_eq!(both.expiration_date.as_deref(), Some("2027-01-01"));
    assert_eq!(both.quantization, None);
    // It stays as long as anybody says no day.
    let both = merged(&[one.clone(), ModelSpec::default()]);
    assert_eq!(both.expiration_date, None);
    assert_eq!(
        merged(std::slice::from_ref(&one)).expiration_date,
        one.expiration_date
    );
    assert_eq!(merged(&[]), ModelSpec::default());
}

#[test]
fn what_is_built_in_fills_what_nobody_says_and_hosts_say_their_limits() {
    let id = ModelId("openai/gpt-oss-20b".to_owned());
    let said = ModelInfo {
        spec: ModelSpec {
            name: "OpenAI: gpt-oss-20b (free)".to_owned(),
            description: "Cut off af...".to_owned(),
            max_output_tokens: Some(8192),
            ..ModelSpec::default()
        },
        ..info(&id.0, "openai/gpt-oss-20b:free", &[])
    };
    let one = Deployment::new(said, "openrouter", Tier::Hosted, Timestamp(0));
    let spec = merged_spec(&id, None, &[&one]);
    assert_eq!(spec.name, "OpenAI: gpt-oss-20b");
    assert!(spec.description.contains("21 billion"));
    assert_eq!(spec.max_output_tokens, Some(8192));
    assert_eq!(spec.context_length, Some(131_072));
}

#[test]
fn a_row_that_cannot_be_read_is_one_that_says_nothing() {
    let mut broken = record("x", "a/b", "a/b", None);
    broken.spec = "{\"spec\": 5".to_owned();
    let model = ModelRecord {
        id: "a/b".to_owned(),
        spec: "[]".to_owned(),
        first_seen_at: Timestamp(1),
        last_seen_at: Timestamp(2),
    };
    let catalog = Catalog::from_store(vec![model], vec![broken]);
    let model = catalog.find("a/b").unwrap();
    assert!(model.is_active());
    assert_eq!(model.spec, ModelSpec::default());
}

#[test]
fn rows_keep_what_a_provider_said() {
    let status = EndpointStatus {
        is_up: true,
        uptime_percent: Some(98.5),
        first_token_ms: Some(f64::NAN),
        tokens_per_second: None,
    };
    let stored = StoredDeployment {
        owned_by: "a".to_owned(),
        aliases: vec!["c".to_owned()],
        status: Some(StoredStatus::of(status, Timestamp(9))),
        spec: ModelSpec {
            context_length: Some(5),
            kind: ModelKind::Classifier,
            ..ModelSpec::default()
        },
    };
    let again = StoredDeployment::from_json(&stored.to_json());
    assert_eq!(again, stored);
    let (again, at) = again.status.unwrap().into_status();
    assert_eq!(at, Timestamp(9));
    assert_eq!(again.first_token_ms, None, "JSON has no word for it");
    // A later version may know more kinds and fields.
    let later = r#"{"spec": {"kind": "painter", "taste": 5, "context_length": 7}}"#;
    let later = StoredDeployment::from_json(later);
    assert_eq!(later.spec.kind, ModelKind::Other);
    assert_eq!(later.spec.context_length, Some(7));
}

#[test]
fn a_name_that_is_only_built_in_gives_way_to_a_model_that_runs_under_it_here() {
    assert_eq!(Catalog::builtin().find("demo").unwrap().id.0, DEMO_ID);
    let info = ModelInfo {
        id: ModelId("mine".to_owned()),
        provider_name: "mine".to_owned(),
        aliases: vec!["demo".to_owned()],
        owned_by: "me".to_owned(),
        spec: ModelSpec::default(),
    };
    let local = LocalModels {
        provider: "local".to_owned(),
        tier: Tier::Demo,
        models: vec![info],
        since: Timestamp(0),
    };
    let catalog = Catalog::builtin().with_local(&[local]);
    assert_eq!(catalog.find("demo").unwrap().id.0, "mine");
}

proptest! {
    #[test]
    fn lookup_is_as_plain_search_finds_it(
        rows in prop::collection::vec(
            ("[ab]/[cd]", prop::sample::select(vec!["c", "a/c", "B/D", "x:1"]), any::<bool>()),
            0..8,
        ),
        name in prop::sample::select(vec!["c", "a/c", "A/C:free", "b/d", "x:1", "d", "zz"]),
    ) {
        let records = rows.iter().enumerate().map(|(index, (model, own_name, is_gone))| {
            record(&format!("p{index}"), own_name, model, is_gone.then_some(5))
        });
        let catalog = Catalog::from_store(Vec::new(), records.collect());
        let found = catalog.find(name).map(|model| model.id.0.clone());

        // Every way of naming in turn; the first that names any decides.
        let oracle = |name: &str| {
            let is = |other: &str| other.eq_ignore_ascii_case(name);
            let ways: [&dyn Fn(&Model) -> bool; 3] = [
                &|model| is(&model.id.0),
                &|model| model.deployments.iter().any(|one| is(&one.key.name)),
                &|model| model.id.0.split('/').nth(1).is_some_and(is),
            ];
            for way in ways {
                let all: Vec<_> = catalog.models().iter().filter(|model| way(model)).collect();
                let active: Vec<_> = all.iter().filter(|model| model.is_active()).collect();
                match (all.len(), active.len()) {
                    (0, _) => {}
                    (1, _) => return Some(Some(all[0].id.0.clone())),
                    (_, 1) => return Some(Some(active[0].id.0.clone())),
                    _ => return Some(None),
                }
            }
            None
        };
        let expected = oracle(name)
            .or_else(|| oracle(name.strip_suffix(":free")?))
            .flatten();
        prop_assert_eq!(found, expected);
    }
}
