//! `freeway serve`: the OpenAI API on the model of this machine and on whoever else may be asked.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use engine::{EngineConfig, EngineHandle};
use router::catalog::Tier;
use router::provider::Provider;
use router::provider::local::{LocalModel, LocalProvider};
use router::recorder::{Recorder, now};
use router::sync::{SyncTarget, Syncer};
use router::{Metrics, ModelId, ModelInfo, ModelSpec, Router};
use server::{Access, Server};
use store::Store;
use time::Date;
use time::macros::format_description;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

use crate::args::{ModelArgs, ServeArgs};
use crate::config::{Config, LogFormat, LogSection, ModelSection};
use crate::local_model::ModelSource;
use crate::{UsageError, data_dir, hub_cache, providers, terminal};

/// What is named as the model for no model.
const NO_MODEL: &str = "none";
/// How often the history of those of whom nothing is known in memory is looked up.
const HEALTH_INTERVAL: Duration = Duration::from_secs(300);
/// How often providers that tell what our accounts have left are asked.
const QUOTA_INTERVAL: Duration = Duration::from_secs(1800);
/// How long the last records may take to be written.
const RECORDER_PATIENCE: Duration = Duration::from_secs(5);

/// When gpt-oss was published and when the demo was trained, in seconds since 1970.
const GPT_OSS_CREATED: i64 = 1_754_352_000;
const DEMO_CREATED: i64 = 1_795_305_600;

pub(crate) fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = settings(&args)?;
    start_log(&config.log)?;
    // The engine has threads of its own; these serve connections and render prompts.
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let code = runtime.block_on(serve(&config))?;
    // Whatever still runs, such as the rendering of a prompt nobody waits for, ends here.
    runtime.shutdown_background();
    Ok(code)
}

/// The file, over which flags and variables win.
fn settings(args: &ServeArgs) -> anyhow::Result<Config> {
    let mut config = match args.config() {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if let Some(text) = args.listen() {
        config.server.listen = text.parse().map_err(|_| {
            UsageError(format!(
                "--listen {text}: give an address and a port, such as 127.0.0.1:8080"
            ))
        })?;
    }
    config.server.require_key |= args.require_key;
    if let Some(name) = args.model.name() {
        name.clone_into(&mut config.model.name);
    }
    if let Some(name) = &args.served_name {
        config.model.served_name.clone_from(name);
    }
    if let Some(threads) = args.model.threads {
        config.model.threads = threads;
    }
    config.model.exact |= args.model.exact;
    if let Some(url) = args.store.url() {
        url.clone_into(&mut config.store.url);
    }
    if let Some(level) = args.log() {
        level.clone_into(&mut config.log.level);
    }
    let date = &config.model.date;
    if !date.is_empty() && Date::parse(date, format_description!("[year]-[month]-[day]")).is_err() {
        bail!(UsageError(format!(
            "[model] date = {date:?}: give a date as YYYY-MM-DD"
        )));
    }
    Ok(config)
}

fn start_log(config: &LogSection) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.level).map_err(|error| {
        UsageError(format!(
            "the log level {:?} means nothing ({error}); use error, warn, info, debug or trace",
            config.level
        ))
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match config.format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

async fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    // In the order in which a mistake costs the least: the address and the keys before the model.
    let mut limits = config.server.limits()?;
    let routing = config.routing.router()?;
    let sync = config.routing.sync(router::random_unit())?;
    let mut targets = providers::targets(config, &|name| std::env::var(name).ok())?;
    let hosted = targets.iter().filter(|one| one.tier == Tier::Hosted);
    limits.hosted_providers = hosted.map(|one| one.provider.id().0.clone()).collect();
    let named_store = Some(config.store.url.as_str()).filter(|url| !url.is_empty());
    let store = data_dir::connect(&data_dir::store_url(named_store)?).await?;
    let access = access(config, &store).await?;
    let server = Server::bind(config.server.listen, limits).await?;

    let local = start_local(config)?;
    let what = what_answers(local.as_ref(), targets.len())?;
    targets.extend(local);

    let metrics = Arc::new(Metrics::default());
    let keep = config.store.keep();
    let (recorder, recorder_task) = Recorder::spawn(Arc::clone(&store), Arc::clone(&metrics), keep);
    let asked = targets.iter().map(|one| Arc::clone(&one.provider));
    let router = Router::new(
        asked.collect(),
        routing,
        Arc::clone(&store),
        recorder,
        metrics,
    );
    let router = Arc::new(router);
    if let Err(error) = router.remember_quotas().await {
        tracing::error!(%error, "what was used of the quotas of the day is not known");
    }
    let syncer = Syncer::start(targets, Arc::clone(&store), sync).await;
    let background = follow(&router, syncer);

    let address = server.address();
    let ready = format!("{what} on http://{address}/v1; Ctrl-C ends it");
    match config.log.format {
        LogFormat::Text => terminal::note(ready),
        LogFormat::Json => tracing::info!("{ready}"),
    }
    server
        .serve(router, Arc::clone(&store), access, signal()?)
        .await;
    // They hold the router, and that the way to the store.
    background.abort_all().await;
    // Whatever still holds the way to the store, such as a prompt being rendered, is not waited for
    // without end.
    if tokio::time::timeout(RECORDER_PATIENCE, recorder_task.finish())
        .await
        .is_err()
    {
        tracing::warn!("some requests were not recorded");
    }
    store.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// The engine of this machine with its model, if there is to be one.
fn start_local(config: &Config) -> anyhow::Result<Option<SyncTarget>> {
    let name = config.model.name.as_str();
    if name == NO_MODEL {
        return Ok(None);
    }
    let named = Some(name).filter(|name| !name.is_empty());
    let source = ModelSource::resolve(named, hub_cache::directory().as_deref())?;
    if named.is_none() && config.log.format == LogFormat::Text {
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

/// Who answers, in words.
fn what_answers(local: Option<&SyncTarget>, num_providers: usize) -> anyhow::Result<String> {
    let others = match num_providers {
        0 => None,
        1 => Some("1 provider".to_owned()),
        more => Some(format!("{more} providers")),
    };
    let here = match local.map(|one| one.tier) {
        None => None,
        Some(Tier::Demo) => Some("the demo model"),
        Some(_) => Some("the model here"),
    };
    match (here, others) {
        (Some(here), Some(others)) => Ok(format!("{here} and {others} answer")),
        (Some(here), None) => Ok(format!("{here} answers")),
        (None, Some(others)) => Ok(format!("{others} answer")),
        (None, None) => bail!(UsageError(format!(
            "nobody is left to answer: name a model other than {NO_MODEL:?}, set the key of a \
             provider such as OPENROUTER_API_KEY, or name a [[provider]]"
        ))),
    }
}

/// Tasks that run beside the server.
struct Background(JoinSet<()>);

impl Background {
    /// Ends them, and waits until they have ended.
    async fn abort_all(mut self) {
        self.0.shutdown().await;
    }
}

/// Routes by the newest catalogue, by what the store says of how everybody did, and by what providers
/// say of our accounts.
fn follow(router: &Arc<Router>, syncer: Syncer) -> Background {
    let mut tasks = JoinSet::new();
    let mut catalogs = syncer.subscribe();
    // What is there already counts from the first request on.
    router.set_catalog(Arc::clone(&catalogs.borrow_and_update()));
    tasks.spawn(syncer.run());
    let own = Arc::clone(router);
    tasks.spawn(async move {
        while catalogs.changed().await.is_ok() {
            let newest = Arc::clone(&catalogs.borrow_and_update());
            own.set_catalog(newest);
        }
    });
    let own = Arc::clone(router);
    tasks.spawn(async move {
        loop {
            if let Err(error) = own.remember_health().await {
                tracing::warn!(%error, "the history of hosts cannot be read");
            }
            sleep(HEALTH_INTERVAL).await;
        }
    });
    let own = Arc::clone(router);
    tasks.spawn(async move {
        loop {
            own.ask_quotas().await;
            sleep(QUOTA_INTERVAL).await;
        }
    });
    Background(tasks)
}

/// Who may use the server. Others than this machine need a key.
async fn access(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Access> {
    let address = config.server.listen;
    if address.ip().is_loopback() && !config.server.require_key {
        return Ok(Access::Loopback);
    }
    if !store.has_active_key(now()).await? {
        let why = match address.ip().is_loopback() {
            true => "keys are required".to_owned(),
            false => format!("other machines reach {address}, so a key is needed"),
        };
        bail!(UsageError(format!(
            "{why}, and there is none yet: make one with `freeway keys create`"
        )));
    }
    Ok(Access::Keys(Arc::clone(store)))
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

/// Completes at the first Ctrl-C or SIGTERM. The second one ends the program.
fn signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    // With its feature `termination` the crate hears SIGTERM and SIGHUP as well.
    ctrlc::set_handler(move || match sender.take() {
        Some(sender) => drop(sender.send(())),
        None => std::process::exit(crate::interrupt::EXIT_CODE.into()),
    })
    .context("cannot watch for signals")?;
    Ok(async move {
        // The handler lives as long as the program.
        let _ = receiver.await;
    })
}
