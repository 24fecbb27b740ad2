//! The lists and charts of Free LLM Router's API: each parameter, default, header and error.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use router::ModelSpec;
use router::catalog::Catalog;
use router::recorder::now;
use serde_json::{Value, json};
use server::ServerConfig;
use store::{
    AttemptRecord, CatalogUpdate, DeploymentKey, DeploymentRecord, FeedbackRecord, Hour, KeyId,
    KeyQuota, KeySettings, ModelRecord, Observation, ProviderSync, Timestamp,
};

use super::answers::SUM;
use super::client::{Reply, Running, Setup};
use super::holder::{Holder, add_key};

const IDS: &str = "/api/v1/models/ids";
const FULL: &str = "/api/v1/models/full";
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// By context, the longest first.
const LONG: &str = "b/long:free";
const VISION: &str = "a/vision:free";
const SMALL: &str = "c/small";
const OWN: &str = "test/scripted";

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn spec(context: u64, output: u64, inputs: &[&str], parameters: &[&str]) -> ModelSpec {
    ModelSpec {
        context_length: Some(context),
        max_output_tokens: Some(output),
        modality: Some(format!("{}->text", inputs.join("+"))),
        input_modalities: words(inputs),
        output_modalities: words(&["text"]),
        supported_parameters: words(parameters),
        ..ModelSpec::default()
    }
}

/// Three hosted models, and one that is gone.
pub(crate) fn rows() -> CatalogUpdate {
    let text = &["text"][..];
    let both = &["text", "image"][..];
    let models = [
        (
            "a/vision",
            "openrouter",
            VISION,
            3,
            spec(200_000, 4_000, both, &["tools", "seed"]),
        ),
        (
            "b/long",
            "openrouter",
            LONG,
            9,
            spec(1_000_000, 2_000, text, &["reasoning"]),
        ),
        (
            "c/small",
            "groq",
            SMALL,
            1,
            spec(8_000, 8_000, text, &["a", "b", "c"]),
        ),
        (
            "e/gone",
            "openrouter",
            "e/gone:free",
            5,
            spec(900_000, 1, text, &[]),
        ),
    ];
    let ago = |days: i64| Timestamp(now().0 - days * DAY_MS);
    let mut rows = CatalogUpdate::default();
    for (id, provider, name, first_seen, spec) in models {
        let stored = json!({"spec": spec}).to_string();
        rows.models.push(ModelRecord {
            id: id.to_owned(),
            spec: stored.clone(),
            first_seen_at: ago(first_seen),
            last_seen_at: now(),
        });
        rows.deployments.push(DeploymentRecord {
            key: DeploymentKey {
                provider: provider.to_owned(),
                name: name.to_owned(),
            },
            model: id.to_owned(),
            spec: stored,
            first_seen_at: ago(first_seen),
            last_seen_at: now(),
            gone_at: (id == "e/gone").then(now),
        });
    }
    rows
}

async fn started(config: ServerConfig) -> Running {
    let rows = rows();
    let setup = Setup {
        with_keys: true,
        catalog: Catalog::from_store(rows.models, rows.deployments),
        config,
        ..Setup::default()
    };
    let server = setup.start(|_| SUM.to_owned()).await;
    fill(&server).await;
    server
}

/// `a/vision` was reported three times of four two days ago; `b/long` failed one attempt of ten just
/// now, and another by a fault of our account.
pub(crate) async fn fill(server: &Running) {
    for (number, issue) in [Some("error"), Some("error"), Some("rate_limited"), None]
        .into_iter()
        .enumerate()
    {
        let feedback = FeedbackRecord {
            id: format!("fb_{number}"),
            key_id: Some(KeyId(format!("key_{number}"))),
            model: "a/vision".to_owned(),
            request_id: None,
            is_success: issue.is_none(),
            issue: issue.map(str::to_owned),
            details: None,
            created_at: Timestamp(now().0 - 2 * DAY_MS),
        };
        server.store.insert_feedback(&feedback).await.unwrap();
    }
    let attempts: Vec<_> = (0..11)
        .map(|number| {
            let (outcome, domain) = match number {
                0 => ("internal", "host"),
                1 => ("account_rate_limited", "account"),
                _ => ("ok", ""),
            };
            AttemptRecord {
                request_id: format!("req_{number}"),
                number: 0,
                model: "b/long".to_owned(),
                deployment: DeploymentKey {
                    provider: "openrouter".to_owned(),
                    name: LONG.to_owned(),
                },
                started_at: now(),
                outcome: outcome.to_owned(),
                fault_domain: domain.to_owned(),
                http_status: None,
                first_token_ms: None,
                duration_ms: 1,
                prompt_tokens: 1,
                completion_tokens: 1,
                reasoning_tokens: 0,
                is_exploration: false,
            }
        })
        .collect();
    server.store.insert_attempts(&attempts).await.unwrap();
    let observations = [
        (VISION, 0, true),
        (VISION, 1, false),
        ("e/gone:free", 1, true),
    ];
    let observations = observations.map(|(name, days_ago, is_listed)| Observation {
        key: DeploymentKey {
            provider: "openrouter".to_owned(),
            name: name.to_owned(),
        },
        hour: Hour(Hour::of(now()).0 - 24 * days_ago),
        is_listed,
        is_up: None,
        num_probes_ok: 0,
        num_probes_failed: 0,
    });
    let update = CatalogUpdate {
        observations: observations.to_vec(),
        ..rows()
    };
    server.store.update_catalog(&update).await.unwrap();
}

async fn ids(holder: &Holder<'_>, query: &str) -> Vec<String> {
    let reply = holder.get(&format!("{IDS}?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {reply:?}");
    let body = reply.json();
    let ids = body["ids"].as_array().unwrap();
    assert_eq!(body["count"], ids.len());
    ids.iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect()
}

fn members(json: &Value) -> BTreeSet<&str> {
    json.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn is_open_to_all_pages(reply: &Reply) -> bool {
    let allowed = |name: &str| reply.header(&format!("access-control-allow-{name}"));
    allowed("origin") == Some("*")
        && allowed("methods") == Some("GET, POST, OPTIONS")
        && allowed("headers").is_some_and(|names| names.starts_with("Content-Type, Authorization"))
}

#[tokio::test]
async fn each_parameter_of_the_list_has_its_meaning_also_for_odd_values() {
    let server = started(ServerConfig::default()).await;
    let holder = add_key(&server, KeySettings::default()).await;
    let all = [LONG, VISION, SMALL, OWN];
    for (query, expected) in [
        ("", &all[..]),
        ("useCase=vision", &[VISION]),
        ("useCase=longContext", &[LONG, VISION]),
        ("useCase=reasoning", &[LONG]),
        ("useCase=vision,tools", &[VISION]),
        ("useCase=%20vision%20,%20tools", &[VISION]),
        ("useCase=vision,reasoning", &[]),
        ("useCase=chat", &all),
        ("useCase=nonsense", &all),
        ("useCase=Vision", &all),
        ("useCase=nonsense,vision", &[VISION]),
        ("useCases=vision", &[VISION]),
        ("sort=contextLength", &all),
        ("sort=maxOutput", &[SMALL, VISION, LONG, OWN]),
        ("sort=nonsense", &all),
        ("topN=2", &[LONG, VISION]),
        ("topN=2.9", &[LONG, VISION]),
        ("topN=0", &[LONG]),
        ("topN=-5", &[LONG]),
        ("topN=1000", &all),
        ("topN=many", &all),
        ("topN=", &all),
        ("maxErrorRate=40", &[LONG, SMALL, OWN]),
        ("maxErrorRate=75", &all),
        ("maxErrorRate=10.9", &[LONG, SMALL, OWN]),
        ("maxErrorRate=9", &[SMALL, OWN]),
        ("maxErrorRate=0", &[SMALL, OWN]),
        ("maxErrorRate=-3", &[SMALL, OWN]),
        ("maxErrorRate=500", &all),
        ("maxErrorRate=few", &all),
        ("maxErrorRate=40&timeRange=24h", &all),
        ("maxErrorRate=40&timeRange=30d", &[LONG, SMALL, OWN]),
        ("maxErrorRate=40&timeRange=all", &[LONG, SMALL, OWN]),
        ("maxErrorRate=40&timeRange=2h", &[LONG, SMALL, OWN]),
        ("maxErrorRate=5&timeRange=15m", &[VISION, SMALL, OWN]),
        ("maxErrorRate=0&myReports=true", &all),
        ("maxErrorRate=0&myReports=1", &[SMALL, OWN]),
        (
            "excludeModels=b/long:free&excludeModelIds=b/long:free",
            &all,
        ),
        ("topN=1&topN=3", &[LONG]),
        (
            "useCase=chat&sort=capable&topN=40&maxErrorRate=40&timeRange=7d&unknown=1",
            &[],
        ),
    ] {
        let listed = ids(&holder, query).await;
        match query.contains("sort=capable") {
            // What the model here knows grows with it; the others keep their order.
            true => {
                let others: Vec<_> = listed.iter().filter(|id| *id != OWN).collect();
                assert_eq!(others, [SMALL, LONG], "{query}");
            }
            false => assert_eq!(listed, expected, "{query}"),
        }
    }
    assert_eq!(ids(&holder, "sort=newest").await.last().unwrap(), LONG);
    let least = ids(&holder, "sort=leastIssues").await;
    let place = |id: &str| least.iter().position(|one| one == id).unwrap();
    assert!(place(LONG) < place(VISION), "{least:?}");
    assert!(
        place(LONG) < place(SMALL),
        "nothing known is not the best: {least:?}"
    );
}

#[tokio::test]
async fn saved_preferences_stand_where_the_query_says_nothing() {
    let server = started(ServerConfig::default()).await;
    let preferences = json!({"topN": 1, "sort": "maxOutput", "useCases": ["chat"],
        "excludeModelIds": ["c/small", "b/long"]});
    let settings = KeySettings {
        preferences: Some(preferences.to_string()),
        ..KeySettings::default()
    };
    let holder = add_key(&server, settings).await;
    for (query, expected) in [
        ("", &[VISION][..]),
        ("topN=5", &[VISION, OWN]),
        ("topN=", &[VISION]),
        ("topN=5&sort=contextLength", &[VISION, OWN]),
        ("_ignoreSavedPreferences=true", &[VISION, OWN]),
        ("_clearExcludedModels=true", &[SMALL]),
        (
            "_ignoreSavedPreferences=true&_clearExcludedModels=true",
            &[LONG, VISION, SMALL, OWN],
        ),
        ("useCase=nonsense&topN=9", &[VISION, OWN]),
    ] {
        assert_eq!(ids(&holder, query).await, expected, "{query}");
    }
    let settings = KeySettings {
        preferences: Some(json!({"allowedModels": ["a/vision"]}).to_string()),
        ..KeySettings::default()
    };
    let restricted = add_key(&server, settings).await;
    for query in ["", "_ignoreSavedPreferences=true&_clearExcludedModels=true"] {
        assert_eq!(ids(&restricted, query).await, [VISION], "{query}");
    }
}

#[tokio::test]
async fn the_list_of_ids_has_its_members_and_headers() {
    let server = started(ServerConfig::default()).await;
    let settings = KeySettings {
        quota: KeyQuota {
            requests_per_day: Some(2),
            ..KeyQuota::default()
        },
        ..KeySettings::default()
    };
    let holder = add_key(&server, settings).await;
    let reply = holder.get(IDS).await;
    assert_eq!(
        members(&reply.json()),
        BTreeSet::from(["count", "ids", "requestId"])
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("private, max-age=60"));
    assert!(is_open_to_all_pages(&reply), "{reply:?}");
    assert_eq!(reply.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("1"));
    let reset: i64 = reply.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert_eq!(reset % 86_400, 0, "a day ends at midnight of UTC");
    assert!(reset * 1000 > now().0 - DAY_MS);
    assert_eq!(reply.header("x-data-stale"), None);

    // The answer is in the log, and feedback may name it.
    let id = reply.json()["requestId"].as_str().unwrap().to_owned();
    assert_eq!(reply.header("x-request-id"), Some(id.as_str()));
    let request = server.store.request(&id).await.unwrap().unwrap();
    assert_eq!(request.key_id.as_ref(), Some(&holder.id));
    let body = json!({"modelId": VISION, "success": true, "requestId": id});
    let said = holder
        .send("POST", "/api/v1/models/feedback", Some(body))
        .await;
    assert_eq!(said.status, 200, "{said:?}");

    // The full list counts, feedback does not.
    assert_eq!(
        holder.get(FULL).await.header("x-ratelimit-remaining"),
        Some("0")
    );
    for path in [IDS, FULL] {
        let reply = holder.get(path).await;
        assert_eq!(reply.status, 429);
        assert_eq!(reply.json()["error"], "Rate limit exceeded");
        assert!(is_open_to_all_pages(&reply), "{reply:?}");
        assert_eq!(reply.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
        let retry_after: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=86_400).contains(&retry_after));
    }
    let unlimited = add_key(&server, KeySettings::default()).await;
    assert_eq!(unlimited.get(IDS).await.header("x-ratelimit-limit"), None);
}

#[tokio::test]
async fn an_old_list_says_so() {
    let config = ServerConfig {
        hosted_providers: words(&["openrouter"]),
        ..ServerConfig::default()
    };
    let server = started(config).await;
    let holder = add_key(&server, KeySettings::default()).await;
    let read = async |at: Option<i64>| {
        let at = at.map(Timestamp);
        let sync = ProviderSync {
            provider: "openrouter".to_owned(),
            tried_at: at.unwrap_or_default(),
            succeeded_at: at,
            error: None,
            settings: String::new(),
        };
        if at.is_some() {
            server.store.record_sync(&sync).await.unwrap();
        }
        (holder.get(IDS).await, holder.get(FULL).await)
    };
    let (ids, full) = read(None).await;
    for reply in [&ids, &full] {
        assert_eq!(
            reply.json()["_meta"],
            json!({"stale": true, "ageSeconds": null})
        );
        assert_eq!(reply.header("x-data-stale"), Some("true"));
        assert_eq!(reply.header("x-data-age-seconds"), Some("Infinity"));
    }
    let (ids, _) = read(Some(now().0 - 3 * HOUR_MS)).await;
    let age = ids.json()["_meta"]["ageSeconds"].as_i64().unwrap();
    assert!(age >= 10_800, "{age}");
    assert_eq!(
        ids.header("x-data-age-seconds"),
        Some(age.to_string().as_str())
    );
    let (ids, full) = read(Some(now().0)).await;
    assert_eq!(ids.json().get("_meta"), None);
    assert_eq!(full.header("x-data-stale"), None);
}

#[tokio::test]
async fn the_full_list_tells_what_is_known_of_each_model() {
    let server = started(ServerConfig::default()).await;
    let settings = KeySettings {
        preferences: Some(json!({"excludeModelIds": ["c/small"]}).to_string()),
        ..KeySettings::default()
    };
    let holder = add_key(&server, settings).await;
    let reply = holder.get(FULL).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), Some("private, max-age=60"));
    assert!(is_open_to_all_pages(&reply), "{reply:?}");
    let body = reply.json();
    let known = [
        "models",
        "feedbackCounts",
        "lastUpdated",
        "sort",
        "excludeModelIds",
        "count",
    ];
    assert!(members(&body).is_superset(&BTreeSet::from(known)), "{body}");
    assert_eq!(body.get("requestId"), None);
    assert_eq!(body.get("useCases"), None, "left out when empty");
    assert_eq!(body["sort"], "contextLength");
    assert_eq!(body["excludeModelIds"], json!(["c/small"]));
    let models = body["models"].as_array().unwrap();
    assert_eq!(body["count"], models.len());
    let vision = models.iter().find(|model| model["id"] == VISION).unwrap();
    let known = [
        "id",
        "name",
        "contextLength",
        "maxCompletionTokens",
        "description",
        "modality",
        "inputModalities",
        "outputModalities",
        "supportedParameters",
        "isModerated",
        "lastSeenAt",
        "createdAt",
        "issueCount",
        "errorRate",
    ];
    assert!(
        members(vision).is_superset(&BTreeSet::from(known)),
        "{vision}"
    );
    assert_eq!(vision["contextLength"], 200_000);
    assert_eq!(vision["maxCompletionTokens"], 4_000);
    assert_eq!(vision["inputModalities"], json!(["text", "image"]));
    assert_eq!(
        (&vision["issueCount"], &vision["errorRate"]),
        (&json!(3), &json!(75))
    );
    assert_eq!(body["feedbackCounts"][VISION]["errorRate"], 75);
    let long = models.iter().find(|model| model["id"] == LONG).unwrap();
    assert_eq!(
        long["errorRate"], 10,
        "what our account did is not the model's"
    );
    let own = models.iter().find(|model| model["id"] == OWN).unwrap();
    assert_eq!((&own["errorRate"], &own["samples"]), (&json!(0), &json!(0)));
    let body = holder.get(&format!("{FULL}?useCase=vision")).await.json();
    assert_eq!(body["useCases"], json!(["vision"]));
    assert_eq!(body["count"], 1);
}

#[tokio::test]
async fn the_lists_are_refused_in_the_words_that_clients_know() {
    let server = started(ServerConfig::default()).await;
    let holder = add_key(&server, KeySettings::default()).await;
    for path in [IDS, FULL] {
        for (headers, words) in [
            ("", "Missing Authorization header"),
            (
                "authorization: Token x\r\n",
                "Invalid Authorization format. Use: Bearer <api-key>",
            ),
            ("x-api-key:\r\n", "API key is empty"),
            ("authorization: Bearer fma_abc\r\n", "Invalid API key"),
        ] {
            let reply = server.send("GET", path, headers, "").await;
            assert_eq!((reply.status, &reply.json()["error"]), (401, &json!(words)));
            assert!(is_open_to_all_pages(&reply), "{reply:?}");
        }
        let by_header = format!("x-api-key: {}\r\n", holder.secret);
        assert_eq!(server.send("GET", path, &by_header, "").await.status, 200);
        let reply = server.send("OPTIONS", path, "", "").await;
        assert_eq!((reply.status, reply.body.as_str()), (204, ""));
        assert!(is_open_to_all_pages(&reply), "{reply:?}");
        assert_eq!(holder.send("POST", path, None).await.status, 405);
    }
    let expired = {
        let secret = store::ApiKey::generate().unwrap();
        let key = store::NewKey {
            id: KeyId::random().unwrap(),
            name: String::new(),
            prefix: secret.prefix().to_owned(),
            hash: secret.hash(),
            created_at: Timestamp(0),
            expires_at: Some(Timestamp(1)),
            settings: KeySettings::default(),
        };
        server.store.create_key(key).await.unwrap();
        format!("authorization: Bearer {}\r\n", secret.expose())
    };
    let reply = server.send("GET", IDS, &expired, "").await;
    assert_eq!(reply.json()["error"], "API key expired");
    server.store.close().await.unwrap();
    for (path, words) in [
        (IDS, "Failed to fetch model IDs"),
        (FULL, "Failed to fetch models"),
    ] {
        let reply = holder.get(path).await;
        assert_eq!((reply.status, &reply.json()["error"]), (500, &json!(words)));
        assert!(is_open_to_all_pages(&reply), "{reply:?}");
    }
    for (path, words) in [
        ("/api/health", "Failed to fetch health data"),
        ("/api/availability", "Failed to fetch availability data"),
    ] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, &reply.json()["error"]), (500, &json!(words)));
    }
}

#[tokio::test]
async fn health_is_for_everybody_and_of_models_that_something_is_known_of() {
    let server = started(ServerConfig::default()).await;
    let holder = add_key(&server, KeySettings::default()).await;
    let listed = |body: &Value| -> Vec<String> {
        let issues = body["issues"].as_array().unwrap().iter();
        issues
            .map(|one| one["modelId"].as_str().unwrap().to_owned())
            .collect()
    };
    let reply = server.get("/api/health").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let body = reply.json();
    let known = ["issues", "timeline", "range", "lastUpdated", "count"];
    assert!(members(&body).is_superset(&BTreeSet::from(known)), "{body}");
    let issue = &body["issues"][0];
    let known = [
        "modelId",
        "modelName",
        "errorRate",
        "modality",
        "inputModalities",
        "outputModalities",
        "supportedParameters",
        "contextLength",
        "maxCompletionTokens",
    ];
    assert!(
        members(issue).is_superset(&BTreeSet::from(known)),
        "{issue}"
    );
    assert_eq!(listed(&body), [VISION, LONG], "most issues first");
    assert_eq!(issue["errorRate"], 75);
    let timeline = body["timeline"].as_array().unwrap();
    let charted = timeline.iter().filter_map(|bucket| bucket.get(VISION));
    assert_eq!(charted.collect::<Vec<_>>(), [&json!(75)]);
    let date = timeline[0]["date"].as_str().unwrap();
    assert_eq!((date.len(), &date[10..11]), (19, " "), "{date}");

    for (query, range, expected) in [
        ("range=24h", "24h", &[LONG][..]),
        ("range=15m", "15m", &[LONG]),
        ("range=30d", "30d", &[VISION, LONG]),
        ("range=all", "7d", &[VISION, LONG]),
        ("range=junk", "7d", &[VISION, LONG]),
        ("useCases=vision", "7d", &[VISION]),
        ("useCase=vision", "7d", &[VISION]),
        ("sort=contextLength", "7d", &[LONG, VISION]),
        ("topN=1", "7d", &[VISION]),
        ("topN=0", "7d", &[VISION, LONG]),
        ("topN=-1", "7d", &[VISION, LONG]),
        ("maxErrorRate=9.9", "7d", &[]),
        ("maxErrorRate=10", "7d", &[LONG]),
        ("maxErrorRate=1000", "7d", &[VISION, LONG]),
        ("myReports=true", "7d", &[VISION, LONG]),
    ] {
        let body = server.get(&format!("/api/health?{query}")).await.json();
        assert_eq!(body["range"], range, "{query}");
        assert_eq!(listed(&body), expected, "{query}");
        assert_eq!(body["count"], expected.len(), "{query}");
    }
    let said = json!({"modelId": SMALL, "issue": "error"});
    holder
        .send("POST", "/api/v1/models/feedback", Some(said))
        .await;
    let own = holder.get("/api/health?myReports=true").await;
    assert_eq!(own.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(listed(&own.json()), [SMALL]);
    let wrong = "authorization: Bearer nonsense\r\n";
    let reply = server
        .send("GET", "/api/health?range=6h&myReports=true", wrong, "")
        .await;
    assert_eq!(listed(&reply.json()), [LONG, SMALL]);
}

#[tokio::test]
async fn those_who_ask_for_charts_at_once_share_what_is_read_but_for_their_own_reports() {
    let server = started(ServerConfig::default()).await;
    let holder = add_key(&server, KeySettings::default()).await;
    for path in [
        "/api/health",
        "/api/availability?days=7",
        "/api/availability?days=7&sort=leastIssues",
    ] {
        let replies = join_all((0..16).map(|_| server.get(path))).await;
        let first = replies[0].json();
        assert!(first["lastUpdated"].is_string(), "{first}");
        // Also the moment of the read, to the millisecond.
        assert!(replies.iter().all(|reply| reply.json() == first), "{path}");
    }
    let known = server.get("/api/health").await.json();
    let said = json!({"modelId": SMALL, "issue": "error"});
    holder
        .send("POST", "/api/v1/models/feedback", Some(said))
        .await;
    let own = holder.get("/api/health?myReports=true").await.json();
    assert_eq!(own["issues"][0]["modelId"], SMALL);
    // What others see is still what was read before, also for other parameters of the same window.
    let few = server.get("/api/health?topN=1").await.json();
    assert_eq!(few["lastUpdated"], known["lastUpdated"]);
    assert_eq!(few["issues"][0], known["issues"][0]);
    // After that the store may be gone.
    server.store.close().await.unwrap();
    assert_eq!(server.get("/api/health").await.json(), known);
    assert_eq!(server.get("/api/health?range=30d").await.status, 500);
    let own = holder.get("/api/health?myReports=true").await;
    assert_eq!(own.status, 500);
}

#[tokio::test]
async fn availability_is_by_day_and_a_wrong_number_of_days_is_refused() {
    let server = started(ServerConfig::default()).await;
    let reply = server.get("/api/availability").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    let body = reply.json();
    let known = ["models", "dates", "lastUpdated", "count"];
    assert!(members(&body).is_superset(&BTreeSet::from(known)), "{body}");
    let dates = body["dates"].as_array().unwrap();
    assert_eq!(dates.len(), 90);
    assert!(dates.is_sorted_by_key(|date| date.as_str().unwrap()));
    let models = body["models"].as_array().unwrap();
    let vision = models
        .iter()
        .find(|model| model["modelId"] == VISION)
        .unwrap();
    let known = [
        "modelId",
        "modelName",
        "isActive",
        "modality",
        "inputModalities",
        "outputModalities",
        "supportedParameters",
        "contextLength",
        "maxCompletionTokens",
        "availability",
    ];
    assert!(
        members(vision).is_superset(&BTreeSet::from(known)),
        "{vision}"
    );
    assert_eq!(vision["isActive"], true);
    let (today, yesterday) = (&dates[89], &dates[88]);
    assert_eq!(vision["availability"][today.as_str().unwrap()], true);
    assert_eq!(vision["availability"][yesterday.as_str().unwrap()], false);
    assert_eq!(vision["availability"].as_object().unwrap().len(), 2);
    let gone = models
        .iter()
        .find(|model| model["modelId"] == "e/gone:free")
        .unwrap();
    assert_eq!(gone["isActive"], false);
    assert!(
        models.iter().all(|model| model["modelId"] != SMALL),
        "never looked at"
    );

    for (query, num_days) in [
        ("days=1", 1),
        ("days=30", 30),
        ("days=0", 1),
        ("days=-4", 1),
        ("days=1000", 90),
        ("days=", 90),
    ] {
        let body = server
            .get(&format!("/api/availability?{query}"))
            .await
            .json();
        assert_eq!(body["dates"].as_array().unwrap().len(), num_days, "{query}");
    }
    for (query, expected) in [
        ("useCases=vision", &[VISION][..]),
        ("useCase=vision", &[VISION]),
        (
            "sort=maxOutput&useCases=longContext",
            &[VISION, LONG, "e/gone:free"],
        ),
        (
            "sort=leastIssues&useCases=longContext&days=1",
            &[LONG, VISION],
        ),
    ] {
        let body = server
            .get(&format!("/api/availability?{query}"))
            .await
            .json();
        let models = body["models"].as_array().unwrap().iter();
        let listed: Vec<_> = models.map(|model| model["modelId"].clone()).collect();
        assert_eq!(listed, expected, "{query}");
        assert_eq!(body["count"], expected.len(), "{query}");
    }
    let reply = server.get("/api/availability?days=soon").await;
    assert_eq!(reply.status, 400);
    let error = reply.json();
    assert_eq!(error["code"], "VALIDATION_ERROR");
    assert_eq!(error["requestId"], reply.header("x-request-id").unwrap());
    assert!(error["error"].is_string());
}
