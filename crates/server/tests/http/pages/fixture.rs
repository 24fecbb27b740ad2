//! A server with a few models of different fates, among them one whose host means harm.

use router::catalog::Catalog;
use router::{ModelSpec, ReasoningSpec};
use serde_json::json;
use server::ServerConfig;
use store::{
    AttemptRecord, CatalogUpdate, DeploymentKey, DeploymentRecord, Hour, ModelRecord, Observation,
    ProviderSync, SpecChange, Timestamp,
};

use crate::client::{Running, Setup};

/// The moment that pages speak of.
pub(crate) const MOMENT: &str = "2026-03-19T12:00:00Z";
const NOW: Timestamp = Timestamp(1_773_921_600_000);
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Listed every hour for 41 days.
pub(crate) const OSS: &str = "openai/gpt-oss-20b:free";
/// Left nine days ago.
pub(crate) const GONE: &str = "old/gone:free";
/// Of a host that means harm.
pub(crate) const HOSTILE: &str = "evil/hostile:free";
pub(crate) const RIGHT_TO_LEFT: &str = "rtl/model:free";
/// New, and nothing was seen of it.
pub(crate) const PLAIN: &str = "new/plain:free";

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn spec(name: &str, description: &str) -> ModelSpec {
    ModelSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        context_length: Some(131_072),
        max_output_tokens: Some(8_192),
        modality: Some("text->text".to_owned()),
        input_modalities: words(&["text"]),
        output_modalities: words(&["text"]),
        supported_parameters: words(&["max_tokens", "reasoning", "tools"]),
        is_moderated: Some(true),
        ..ModelSpec::default()
    }
}

fn hostile() -> ModelSpec {
    let bomb = "[".repeat(2_000) + &"*_`".repeat(500) + &">".repeat(1_000);
    ModelSpec {
        input_modalities: words(&["text", "image", "\"><script>alert(2)</script>"]),
        supported_parameters: words(&["<b>", "\u{202e}seed"]),
        expiration_date: Some("\"><img src=x onerror=alert(3)>".to_owned()),
        quantization: Some("</td><script>".to_owned()),
        reasoning: Some(ReasoningSpec {
            efforts: words(&["</script><script>alert(4)</script>"]),
            ..ReasoningSpec::default()
        }),
        ..spec(
            &format!(
                "Evil: \u{202e}<script>alert(1)</script>\u{2066} {}",
                "long ".repeat(60)
            ),
            &format!(
                "<script>alert(1)</script> [click](javascript:alert(1)) <iframe src=//evil> \
                 ![x](https://evil.example/p.png) </script> {bomb}"
            ),
        )
    }
}

struct Row {
    model: &'static str,
    provider: &'static str,
    name: &'static str,
    days_ago: i64,
    gone_days_ago: Option<i64>,
    spec: ModelSpec,
}

fn rows() -> Vec<Row> {
    let row = |model, provider, name, days_ago, spec| Row {
        model,
        provider,
        name,
        days_ago,
        gone_days_ago: None,
        spec,
    };
    let oss = || {
        spec(
            "OpenAI: gpt-oss-20b (free)",
            "A mixture of **experts**.\n\n* small\n* quick",
        )
    };
    vec![
        row("openai/gpt-oss-20b", "openrouter", OSS, 40, oss()),
        row(
            "openai/gpt-oss-20b",
            "groq",
            "openai/gpt-oss-20b",
            40,
            oss(),
        ),
        row("evil/hostile", "openrouter", HOSTILE, 20, hostile()),
        row(
            "rtl/model",
            "openrouter",
            RIGHT_TO_LEFT,
            20,
            ModelSpec {
                supported_parameters: Vec::new(),
                ..spec("نموذج لغوي كبير", "نص تجريبي")
            },
        ),
        row("new/plain", "openrouter", PLAIN, 2, ModelSpec::default()),
        Row {
            gone_days_ago: Some(9),
            ..row(
                "old/gone",
                "openrouter",
                GONE,
                30,
                spec("Old: Gone", "It was here."),
            )
        },
    ]
}

fn ago(days: i64) -> Timestamp {
    Timestamp(NOW.0 - days * DAY_MS)
}

fn key(row: &Row) -> DeploymentKey {
    DeploymentKey {
        provider: row.provider.to_owned(),
        name: row.name.to_owned(),
    }
}

fn update() -> CatalogUpdate {
    let mut update = CatalogUpdate::default();
    for row in rows() {
        let stored = json!({"spec": row.spec}).to_string();
        let gone_at = row.gone_days_ago.map(ago);
        let last_seen_at = gone_at.unwrap_or(NOW);
        if update.models.iter().all(|model| model.id != row.model) {
            update.models.push(ModelRecord {
                id: row.model.to_owned(),
                spec: stored.clone(),
                first_seen_at: ago(row.days_ago),
                last_seen_at,
            });
        }
        update.deployments.push(DeploymentRecord {
            key: key(&row),
            model: row.model.to_owned(),
            spec: stored,
            first_seen_at: ago(row.days_ago),
            last_seen_at,
            gone_at,
        });
        if row.name == PLAIN {
            continue;
        }
        let first = Hour::of(ago(row.days_ago)).0;
        for hour in first..=Hour::of(NOW).0 {
            // Two days ago nobody looked for nine hours.
            let is_gap = (Hour::of(ago(2)).0..Hour::of(ago(2)).0 + 9).contains(&hour);
            if is_gap {
                continue;
            }
            let is_gone = gone_at.is_some_and(|at| Hour::of(at).0 <= hour);
            update.observations.push(Observation {
                key: key(&row),
                hour: Hour(hour),
                is_listed: !is_gone,
                is_up: (row.provider == "openrouter" && !is_gone).then_some(hour % 50 != 0),
                num_probes_ok: 0,
                num_probes_failed: 0,
            });
        }
    }
    update.changes = vec![
        SpecChange {
            model: "openai/gpt-oss-20b".to_owned(),
            deployment: Some(DeploymentKey {
                provider: "openrouter".to_owned(),
                name: OSS.to_owned(),
            }),
            at: ago(3),
            field: "max_output_tokens".to_owned(),
            old: Some("131072".to_owned()),
            new: Some("8192".to_owned()),
        },
        SpecChange {
            model: "evil/hostile".to_owned(),
            deployment: None,
            at: ago(1),
            field: "<script>alert(5)</script>".to_owned(),
            old: Some("\"</del><script>\"".to_owned()),
            new: None,
        },
    ];
    update
}

/// Every three hours four requests, of which now and then one fails: by the host, or by our account.
fn attempts() -> Vec<AttemptRecord> {
    let attempt = |number: i64| {
        let (outcome, domain) = match number {
            number if number % 29 == 0 => ("account_rate_limited", "account"),
            number if number % 13 == 0 => ("rate_limited", "host"),
            number if number % 17 == 0 => ("empty_answer", "host"),
            _ => ("ok", ""),
        };
        let is_ok = outcome == "ok";
        AttemptRecord {
            request_id: format!("req_{number}"),
            number: 0,
            model: "openai/gpt-oss-20b".to_owned(),
            deployment: DeploymentKey {
                provider: "openrouter".to_owned(),
                name: OSS.to_owned(),
            },
            started_at: Timestamp(NOW.0 - 1 - number / 4 * 3 * HOUR_MS),
            outcome: outcome.to_owned(),
            fault_domain: domain.to_owned(),
            http_status: Some(200),
            first_token_ms: is_ok.then_some(400),
            duration_ms: 2_400,
            prompt_tokens: 10,
            completion_tokens: if is_ok { 101 } else { 0 },
            reasoning_tokens: 0,
            is_exploration: false,
        }
    };
    (0..400).map(attempt).collect()
}

/// The server.
pub(crate) async fn filled() -> Running {
    let update = update();
    let (models, deployments) = (update.models.clone(), update.deployments.clone());
    let setup = Setup {
        catalog: Catalog::from_store(models, deployments),
        config: ServerConfig {
            sample_moment: Some(NOW),
            public_url: Some("https://freeway.example".to_owned()),
            hosted_providers: vec!["openrouter".to_owned(), "groq".to_owned()],
            ..ServerConfig::default()
        },
        ..Setup::default()
    };
    let server = setup.start(|_| String::new()).await;
    server.store.update_catalog(&update).await.unwrap();
    server.store.insert_attempts(&attempts()).await.unwrap();
    for provider in ["groq", "openrouter"] {
        let sync = ProviderSync {
            provider: provider.to_owned(),
            tried_at: NOW,
            succeeded_at: Some(Timestamp(NOW.0 - 600_000)),
            error: None,
            settings: String::new(),
        };
        server.store.record_sync(&sync).await.unwrap();
    }
    server
}
