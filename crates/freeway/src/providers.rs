//! Who may be asked: the providers of the configuration, and the known ones whose key is in its
//! variable. The one place that reads their variables.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use router::AUTO;
use router::catalog::Tier;
use router::config::{FreeRule, ListedModel, ModelList, ProviderConfig, Secret};
use router::presets::{PRESETS, Preset, preset};
use router::provider::Provider;
use router::provider::upstream::UpstreamProvider;
use router::sync::SyncTarget;
use server::{ProviderSetup, SetupVariable};

use crate::config::{Config, ProviderModel, ProviderSection};
use crate::{UsageError, table};

/// The most providers.
const MAX_PROVIDERS: usize = 100;
/// The name that the engine of this program goes by.
const OWN: &str = "local";

/// The providers that are asked over HTTP. `variable` reads the environment.
pub(crate) fn targets(
    config: &Config,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Vec<SyncTarget>> {
    let rows = rows(config, variable)?;
    if rows.len() > MAX_PROVIDERS {
        bail!(UsageError(format!(
            "{} providers are too many; at most {MAX_PROVIDERS}",
            rows.len()
        )));
    }
    let mut targets = Vec::new();
    for (tier, row) in rows {
        let provider = UpstreamProvider::new(row).map_err(|error| UsageError(error.to_string()))?;
        let provider: Arc<dyn Provider> = Arc::new(provider);
        targets.push(SyncTarget { provider, tier });
    }
    Ok(targets)
}

/// The rows: those of the configuration, then known ones that it does not name.
pub(crate) fn rows(
    config: &Config,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<Vec<(Tier, ProviderConfig)>> {
    let mut rows: Vec<(Tier, ProviderConfig)> = Vec::new();
    for section in &config.provider {
        if section.id.is_empty() || section.id == OWN || section.id.contains(['/', ' ', ',', '=']) {
            bail!(UsageError(format!(
                "[[provider]] id = {:?}: give it a name of its own, without spaces, slashes, \
                 commas and equals signs; {OWN:?} is this program's engine",
                section.id
            )));
        }
        let is_twice = config
            .provider
            .iter()
            .filter(|one| one.id == section.id)
            .count()
            > 1;
        if is_twice {
            bail!(UsageError(format!(
                "[[provider]] id = {:?} is there twice; give each its own name",
                section.id
            )));
        }
        if !section.disabled {
            rows.push(row(section, variable)?);
        }
    }
    if !config.routing.known_providers {
        return Ok(rows);
    }
    for known in PRESETS {
        let is_named = config.provider.iter().any(|section| section.id == known.id);
        let key = known.key_variable.and_then(variable);
        if is_named || key.is_none() {
            continue;
        }
        let account = known.account_variable.and_then(variable);
        match known.config(key.map(Secret::new), account.as_deref()) {
            Ok(row) => rows.push((tier_of(known.is_local), row)),
            Err(error) => tracing::warn!(%error, "a provider whose key is there is left out"),
        }
    }
    Ok(rows)
}

/// Who is asked and who could be, and which of their variables are set: for the dashboard. Values of
/// variables do not leave this function.
pub(crate) fn setups(
    config: &Config,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Vec<ProviderSetup> {
    let variables = |names: &[Option<&str>]| {
        let names = names.iter().copied().flatten();
        let read = names.map(|name| SetupVariable {
            name: name.to_owned(),
            is_set: variable(name).is_some_and(|value| !value.is_empty()),
        });
        read.collect::<Vec<_>>()
    };
    let named = config.provider.iter().map(|section| {
        let known = preset(section.like.as_deref().unwrap_or(&section.id));
        let key = section.key_variable.as_deref();
        ProviderSetup {
            id: section.id.clone(),
            name: match known {
                Some(known) if known.id == section.id => known.name.to_owned(),
                _ => section.id.clone(),
            },
            is_disabled: section.disabled,
            needs_row: false,
            variables: variables(&[
                key.or_else(|| known?.key_variable),
                known.and_then(|known| known.account_variable),
            ]),
            note: known.map_or_else(String::new, |known| known.note.to_owned()),
        }
    });
    let is_named = |id: &str| config.provider.iter().any(|section| section.id == id);
    let others = PRESETS.iter().filter(|known| !is_named(known.id));
    let others = others.map(|known| ProviderSetup {
        id: known.id.to_owned(),
        name: known.name.to_owned(),
        is_disabled: !config.routing.known_providers && known.needs_key,
        needs_row: !known.needs_key,
        variables: match known.needs_key {
            true => variables(&[known.key_variable, known.account_variable]),
            // It may have a key, and is not asked for want of one.
            false => Vec::new(),
        },
        note: known.note.to_owned(),
    });
    named.chain(others).collect()
}

fn tier_of(is_own: bool) -> Tier {
    match is_own {
        true => Tier::Local,
        false => Tier::Hosted,
    }
}

fn row(
    section: &ProviderSection,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<(Tier, ProviderConfig)> {
    let fault = |words: String| {
        let id = &section.id;
        anyhow::Error::from(UsageError(format!("[[provider]] {id}: {words}")))
    };
    let known: Option<&Preset> = match &section.like {
        Some(like) => Some(preset(like).ok_or_else(|| {
            let names: Vec<_> = PRESETS.iter().map(|one| one.id).collect();
            fault(format!(
                "like = {like:?} is not known; known are {}",
                names.join(", ")
            ))
        })?),
        None => preset(&section.id),
    };
    let key_variable = section.key_variable.as_deref();
    let key = match key_variable {
        Some(name) => Some(variable(name).ok_or_else(|| {
            fault(format!(
                "the environment variable {name} with its key is not set"
            ))
        })?),
        None => known.and_then(|one| variable(one.key_variable?)),
    };
    let key = key.map(Secret::new);
    let mut row = match known {
        Some(known) => {
            let from_variable = known.account_variable.and_then(variable);
            let account = section.account.clone().or(from_variable);
            known
                .config(key, account.as_deref())
                .map_err(|error| fault(error.message))?
        }
        None => {
            let url = section
                .base_url
                .clone()
                .ok_or_else(|| fault("it is not a known one, so it needs a base_url".to_owned()))?;
            let mut row = ProviderConfig::new(&section.id, url);
            row.api_key = key;
            row
        }
    };
    row.id.clone_from(&section.id);
    if let Some(url) = &section.base_url {
        row.base_url.clone_from(url);
    }
    row.trains_on_prompts = section.trains_on_prompts.or(row.trains_on_prompts);
    if let Some(leaks) = section.leaks_harmony {
        row.dialect.leaks_harmony = leaks;
    }
    for (name, value) in &section.headers {
        row.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        row.headers.push((name.clone(), value.clone()));
    }
    for model in &section.models {
        check_model(model, &section.models).map_err(&fault)?;
    }
    if !section.models.is_empty() {
        let models = section.models.iter().map(|model| ListedModel {
            name: model.name.clone(),
            id: model.id.clone(),
        });
        row.list = ModelList::Fixed(models.collect());
        row.free = FreeRule::AsListed;
    }
    if !section.free_models.is_empty() {
        row.free = FreeRule::Named(section.free_models.clone());
    }
    let limits = &mut row.limits;
    for (name, limit, set) in [
        (
            "requests_per_minute",
            &mut limits.requests_per_minute,
            section.requests_per_minute,
        ),
        (
            "requests_per_day",
            &mut limits.requests_per_day,
            section.requests_per_day,
        ),
        (
            "tokens_per_minute",
            &mut limits.tokens_per_minute,
            section.tokens_per_minute,
        ),
        (
            "tokens_per_day",
            &mut limits.tokens_per_day,
            section.tokens_per_day,
        ),
    ] {
        if set == Some(0) {
            return Err(fault(format!(
                "{name} = 0 would let nothing through; leave it out for the limit that is known, \
                 give a large number for none, or set disabled = true to ask nothing of it"
            )));
        }
        *limit = set.or(*limit);
    }
    if let Some(most) = section.max_connections {
        row.bounds.max_connections = (most as usize).max(1);
    }
    let timeouts = &mut row.timeouts;
    for (name, time, set) in [
        (
            "connect_timeout_s",
            &mut timeouts.connect,
            section.connect_timeout_s,
        ),
        (
            "first_byte_timeout_s",
            &mut timeouts.first_byte,
            section.first_byte_timeout_s,
        ),
        (
            "first_content_timeout_s",
            &mut timeouts.first_content,
            section.first_content_timeout_s,
        ),
        ("idle_timeout_s", &mut timeouts.idle, section.idle_timeout_s),
        (
            "answer_timeout_s",
            &mut timeouts.whole,
            section.answer_timeout_s,
        ),
    ] {
        let Some(seconds) = set else {
            continue;
        };
        *time = Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|time| !time.is_zero() && *time <= Duration::from_secs(86_400))
            .ok_or_else(|| fault(format!("{name} must be above 0 and at most 86400 seconds")))?;
    }
    let is_own = section
        .is_own
        .unwrap_or_else(|| known.is_some_and(|one| one.is_local));
    // Hosts of others are told nothing that they need not know.
    row.sends_trace = section.sends_trace.unwrap_or(is_own);
    Ok((tier_of(is_own), row))
}

/// What is wrong with a model of a list of the settings.
fn check_model(model: &ProviderModel, all: &[ProviderModel]) -> Result<(), String> {
    let ProviderModel { name, id } = model;
    for (what, text) in [("name", name), ("id", id)] {
        if text.trim().is_empty() || *text != table::printable(text) {
            return Err(format!(
                "models: {what} = {text:?}: give a name without characters that nobody sees"
            ));
        }
        if text.eq_ignore_ascii_case(AUTO) {
            return Err(format!(
                "models: {what} = {text:?}: that name leaves the choice to the router; give another"
            ));
        }
    }
    match all.iter().filter(|one| one.name == *name).count() {
        1 => Ok(()),
        _ => Err(format!(
            "models: name = {name:?} is there twice; a model of the host goes by one id"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> anyhow::Result<Vec<(Tier, ProviderConfig)>> {
        let config: Config = toml::from_str(text).unwrap();
        rows(&config, &|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn ids(rows: &[(Tier, ProviderConfig)]) -> Vec<&str> {
        rows.iter().map(|(_, row)| row.id.as_str()).collect()
    }

    #[test]
    fn a_known_provider_is_used_when_its_key_is_there_and_not_otherwise() {
        assert!(read("", &[]).unwrap().is_empty());
        let rows = read("", &[("OPENROUTER_API_KEY", "k")]).unwrap();
        assert_eq!(ids(&rows), ["openrouter"]);
        assert_eq!(rows[0].0, Tier::Hosted);
        let off = "[routing]\nknown_providers = false";
        assert!(
            read(off, &[("OPENROUTER_API_KEY", "k")])
                .unwrap()
                .is_empty()
        );
        let off = "[[provider]]\nid = \"openrouter\"\ndisabled = true";
        assert!(
            read(off, &[("OPENROUTER_API_KEY", "k")])
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_is_missing_is_told_by_the_names_of_variables_and_without_their_values() {
        let text = "[[provider]]\nid = \"groq\"\ndisabled = true\n\
                    [[provider]]\nid = \"rack\"\nlike = \"vllm\"\nkey_variable = \"RACK\"";
        let config: Config = toml::from_str(text).unwrap();
        let setups = setups(&config, &|name| {
            (name == "CLOUDFLARE_API_TOKEN").then(|| "secret-token".to_owned())
        });
        assert!(!format!("{setups:?}").contains("secret-token"));
        let of = |id: &str| setups.iter().find(|one| one.id == id).unwrap();
        assert!(of("groq").is_disabled && !of("openrouter").is_disabled);
        assert!(of("ollama").needs_row && of("ollama").variables.is_empty());
        let told = |id: &str| -> Vec<_> {
            let variables = of(id).variables.iter();
            variables
                .map(|one| (one.name.as_str(), one.is_set))
                .collect()
        };
        assert_eq!(told("rack"), [("RACK", false)]);
        let cloudflare = [
            ("CLOUDFLARE_API_TOKEN", true),
            ("CLOUDFLARE_ACCOUNT_ID", false),
        ];
        assert_eq!(told("cloudflare"), cloudflare);
        assert_eq!(setups.iter().filter(|one| one.id == "groq").count(), 1);
    }

    #[test]
    fn one_that_needs_no_key_is_used_when_it_is_named() {
        let rows = read("[[provider]]\nid = \"ollama\"", &[]).unwrap();
        assert_eq!(ids(&rows), ["ollama"]);
        assert_eq!(rows[0].0, Tier::Local);
    }

    #[test]
    fn what_is_set_wins_over_what_is_known() {
        let text = "[[provider]]\nid = \"openrouter\"\nrequests_per_day = 1000\n\
                    requests_per_minute = 1000000\nidle_timeout_s = 0.5\ntrains_on_prompts = true\n\
                    headers = { X-OpenRouter-Title = \"mine\" }";
        let rows = read(text, &[("OPENROUTER_API_KEY", "k")]).unwrap();
        let row = &rows[0].1;
        assert_eq!(row.limits.requests_per_day, Some(1000));
        assert_eq!(row.limits.requests_per_minute, Some(1_000_000));
        assert_eq!(row.timeouts.idle, Duration::from_millis(500));
        assert_eq!(row.trains_on_prompts, Some(true));
        assert_eq!(row.headers.len(), 1);
        assert_eq!(row.headers[0].1, "mine");
    }

    #[test]
    fn anybody_with_a_url_is_a_provider_and_may_be_like_a_known_one() {
        let text = "[[provider]]\nid = \"rack\"\nlike = \"vllm\"\n\
                    base_url = \"http://10.0.0.5:8000/v1\"\nkey_variable = \"RACK\"\n\
                    [[provider]]\nid = \"x\"\nbase_url = \"https://llm.example/v1\"\n\
                    models = [{ name = \"n\", id = \"a/b\" }]";
        let rows = read(text, &[("RACK", "k")]).unwrap();
        assert_eq!(ids(&rows), ["rack", "x"]);
        assert_eq!((rows[0].0, rows[1].0), (Tier::Local, Tier::Hosted));
        assert_eq!(rows[0].1.base_url, "http://10.0.0.5:8000/v1");
        assert_eq!(
            [0, 1].map(|at: usize| rows[at].1.sends_trace),
            [true, false]
        );
        assert!(matches!(&rows[1].1.list, ModelList::Fixed(models) if models.len() == 1));
    }

    #[test]
    fn a_base_url_that_cannot_work_is_refused_without_its_password() {
        let targets = |url: &str| {
            let text = format!("[[provider]]\nid = \"mine\"\nbase_url = {url:?}");
            let config: Config = toml::from_str(&text).unwrap();
            targets(&config, &|_| None).map(|targets| targets.len())
        };
        for good in [
            "https://llm.example/v1",
            "http://10.0.0.5:8000",
            "https://azure.example/models?api-version=2024-05-01",
        ] {
            assert_eq!(targets(good).unwrap(), 1, "{good}");
        }
        for (url, words) in [
            ("llm.example/v1", "as https://host/v1"),
            ("ftp://llm.example/v1", "must begin with https://"),
            ("https://llm.example/v1#a", "must have no #"),
            ("https://llm.example/v1/chat/completions", "must end before"),
            ("https://llm.example/v1/completions/", "must end before"),
            ("http://user:sesame@llm.example/v1", "no name of a user"),
            ("http://user:ses?ame@llm.example/v1", "as https://host/v1"),
            ("http://user:sesame@llm example/v1", "is no URL"),
            ("user:sesame@llm.example/v1", "as https://host/v1"),
            ("llm.example/v1?key=sesame", "as https://host/v1"),
        ] {
            let error = targets(url).unwrap_err();
            assert!(error.is::<UsageError>());
            let text = error.to_string();
            assert!(text.contains("mine: base_url"), "{text}");
            assert!(text.contains(words), "{url}: {text}");
            assert!(!text.contains("ses"), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_the_provider_and_without_its_key() {
        for (text, words) in [
            ("id = \"x\"", "needs a base_url"),
            ("id = \"\"", "a name of its own"),
            ("id = \"local\"", "this program's engine"),
            ("id = \"a/b\"", "a name of its own"),
            ("id = \"groq\"", "GROQ_API_KEY"),
            ("id = \"x\"\nlike = \"nobody\"", "known are openrouter"),
            (
                "id = \"x\"\nbase_url = \"http://a\"\nkey_variable = \"NO\"",
                "NO with its key",
            ),
            (
                "id = \"ollama\"\nrequests_per_minute = 0",
                "ollama: requests_per_minute = 0 would let nothing through",
            ),
            (
                "id = \"ollama\"\nmodels = [{ name = \"m\", id = \"Auto\" }]",
                "models: id = \"Auto\": that name leaves",
            ),
            (
                "id = \"ollama\"\nmodels = [{ name = \"\", id = \"a\" }]",
                "models: name = \"\": give",
            ),
            (
                "id = \"ollama\"\nmodels = [{ name = \"m\", id = \"a\\u202eb\" }]",
                "models: id = \"a\\u{202e}b\": give",
            ),
            (
                "id = \"ollama\"\nmodels = [{ name = \"m\", id = \"a\" }, \
                 { name = \"m\", id = \"b\" }]",
                "models: name = \"m\" is there twice",
            ),
            (
                "id = \"ollama\"\nidle_timeout_s = 0",
                "idle_timeout_s must be above 0",
            ),
            (
                "id = \"ollama\"\n[[provider]]\nid = \"ollama\"",
                "there twice",
            ),
        ] {
            let error = read(&format!("[[provider]]\n{text}"), &[]).unwrap_err();
            assert!(error.is::<UsageError>());
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
    }
}
