//! The engine of this machine with its model, as one whom the router may ask.

use std::sync::Arc;

use anyhow::Context;
use engine::{EngineConfig, EngineHandle};
use router::catalog::Tier;
use router::provider::Provider;
use router::provider::local::{LocalModel, LocalProvider};
use router::sync::SyncTarget;
use router::{ModelId, ModelInfo, ModelSpec};

use crate::args::ModelArgs;
use crate::config::{Config, ModelSection};
use crate::hub_cache;
use crate::local_model::ModelSource;

/// What is named as the model for no model.
pub(crate) const NO_MODEL: &str = "none";

/// When gpt-oss was published and when the demo was trained, in seconds since 1970.
const GPT_OSS_CREATED: i64 = 1_754_352_000;
const DEMO_CREATED: i64 = 1_795_305_600;

/// The engine of this machine with its model, if there is to be one. `is_announced` says whether to
/// tell which one that is where none was named.
pub(crate) fn start(config: &Config, is_announced: bool) -> anyhow::Result<Option<SyncTarget>> {
    let name = config.model.name.as_str();
    if name == NO_MODEL {
        return Ok(None);
    }
    let named = Some(name).filter(|name| !name.is_empty());
    let source = ModelSource::resolve(named, hub_cache::directory().as_deref())?;
    if named.is_none() && is_announced {
        source.announce();
    }
    let (model, engine) = tokio::task::block_in_place(|| load(&source, &config.model))?;
    let provider: Arc<dyn Provider> = Arc::new(LocalProvider::new(model, Arc::new(engine)));
    let tier = match source {
        ModelSource::Demo => Tier::Demo,
        ModelSource::Directory { .. } => Tier::Local,
    };
    Ok(Some(SyncTarget { provider, tier }))
}

/// Loads the model and starts its engine.
fn load(source: &ModelSource, config: &ModelSection) -> anyhow::Result<(LocalModel, EngineHandle)> {
    let args = ModelArgs {
        model: None,
        threads: (config.threads > 0).then_some(config.threads),
        exact: config.exact,
    };
    let model = source.load_model(&args)?;
    let encoding = source.load_encoding(model.config())?;
    let engine_config = EngineConfig {
        max_sequences: config.max_sequences as usize,
        max_queued: config.max_queued as usize,
        max_batch_tokens: config.max_batch_tokens as usize,
        kv_cache_bytes: u64::from(config.kv_cache_mib) << 20,
        num_sampled_tokens: encoding.num_sampled_tokens(),
    };
    let engine = EngineHandle::spawn(model, engine_config)
        .context("the [model] settings do not fit this model")?;
    let local = LocalModel {
        info: model_info(source, &config.served_name),
        encoding,
        sampling: source.load_sampling_defaults()?,
        date: Some(config.date.clone()).filter(|date| !date.is_empty()),
    };
    Ok((local, engine))
}

/// What clients learn of the model.
fn model_info(source: &ModelSource, served_name: &str) -> ModelInfo {
    let (name, owned_by, created) = match source {
        ModelSource::Demo => ("demo".to_owned(), "freeway", DEMO_CREATED),
        ModelSource::Directory { name, .. } if hub_cache::is_hub_id(name) => {
            let organisation = name.split('/').next().unwrap_or_default();
            (name.clone(), organisation, GPT_OSS_CREATED)
        }
        ModelSource::Directory { name, path } => {
            let last = path.file_name().and_then(|name| name.to_str());
            (last.unwrap_or(name).to_owned(), "local", GPT_OSS_CREATED)
        }
    };
    let mut aliases = Vec::new();
    let id = match served_name.is_empty() {
        true => name,
        false => {
            aliases.push(name);
            served_name.to_owned()
        }
    };
    if let Some((_, short)) = id.rsplit_once('/') {
        aliases.push(short.to_owned());
    }
    ModelInfo {
        provider_name: id.clone(),
        id: ModelId(id),
        aliases,
        owned_by: owned_by.to_owned(),
        // The provider knows the context.
        spec: ModelSpec {
            created: Some(created),
            ..ModelSpec::default()
        },
    }
}
