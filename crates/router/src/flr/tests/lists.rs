//! `GET /api/v1/models/ids` and `GET /api/v1/models/full`.

use super::*;

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
        settings: String::new(),
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
