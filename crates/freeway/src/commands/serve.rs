//! `freeway serve`: the OpenAI API on the model of this machine and on whoever else may be asked.

mod sampled;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use router::Router;
use router::catalog::Tier;
use router::recorder::now;
use router::sync::{SyncTarget, Syncer};
use server::{Access, Server};
use store::Store;
use time::Date;
use time::macros::format_description;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::args::ServeArgs;
use crate::config::{Config, LogFormat};
use crate::local_target::{self, NO_MODEL};
use crate::{UsageError, interrupt, providers, telemetry, terminal, wiring};

/// How long the start waits for the first look at hosts that nobody has looked at yet, or not with
/// these settings: until then there is no such model as theirs. One that hangs keeps those of others
/// waiting no longer.
const FIRST_LOOK_PATIENCE: Duration = Duration::from_secs(2);
/// How often the history of those of whom nothing is known in memory is looked up.
const HEALTH_INTERVAL: Duration = Duration::from_secs(300);
/// How often providers that tell what our accounts have left are asked.
const QUOTA_INTERVAL: Duration = Duration::from_secs(1800);

pub(crate) fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    if args.sample_data && args.store.url().is_some() {
        bail!(UsageError(
            "--sample-data shows a database of its own, in memory: leave out --store and \
             FREEWAY_STORE, or --sample-data"
                .to_owned()
        ));
    }
    let config = settings(&args)?;
    wiring::start_log(&config.log)?;
    // The engine has threads of its own; these serve connections and render prompts.
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let code = match args.sample_data {
        true => runtime.block_on(sampled::serve(&config))?,
        false => runtime.block_on(serve(&config))?,
    };
    // Whatever still runs, such as the rendering of a prompt nobody waits for, ends here.
    runtime.shutdown_background();
    Ok(code)
}

/// The file, over which flags and variables win.
fn settings(args: &ServeArgs) -> anyhow::Result<Config> {
    let mut config = wiring::config(args.config(), &args.store)?;
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

async fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    // In the order in which a mistake costs the least: the address and the keys before the model.
    let mut limits = config.server.limits()?;
    let routing = config.routing.router()?;
    let sync = config.routing.sync(router::random_unit())?;
    let exporter = telemetry::exporter(&config.telemetry, &wiring::variable)?;
    let mut targets = providers::targets(config, &wiring::variable)?;
    let hosted = targets.iter().filter(|one| one.tier == Tier::Hosted);
    limits.hosted_providers = hosted.map(|one| one.provider.id().0.clone()).collect();
    limits.providers = providers::setups(config, &wiring::variable);
    let store = wiring::open_store(config).await?;
    let access = access(config, &store).await?;
    let server = Server::bind(config.server.listen, limits).await?;

    let local = local_target::start(config, config.log.format == LogFormat::Text)?;
    let what = what_answers(local.as_ref(), targets.len())?;
    targets.extend(local);

    let (router, records) = wiring::router(&targets, routing, &store, config, exporter).await;
    let accounts = router.accounts().clone();
    let syncer = Syncer::start(targets, accounts, Arc::clone(&store), sync).await;
    let (is_first_look, mut catalogs) = (!syncer.unseen().await?.is_empty(), syncer.subscribe());
    let background = follow(&router, syncer);
    if is_first_look && let Ok(Ok(())) = timeout(FIRST_LOOK_PATIENCE, catalogs.changed()).await {
        router.set_catalog(Arc::clone(&catalogs.borrow_and_update()));
    }

    say_ready(config, &server, &what);
    server
        .serve(router, Arc::clone(&store), access, interrupt::signal()?)
        .await;
    // They hold the router, and that the way to the store.
    background.abort_all().await;
    records.finish().await;
    store.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Says that requests are taken, and where.
fn say_ready(config: &Config, server: &Server, what: &str) {
    let address = server.address();
    let ready = format!("{what} on http://{address}/v1; Ctrl-C ends it");
    match config.log.format {
        LogFormat::Text => terminal::note(ready),
        LogFormat::Json => tracing::info!("{ready}"),
    }
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
    let mut problems = syncer.problems();
    tasks.spawn(syncer.run());
    let own = Arc::clone(router);
    tasks.spawn(async move {
        while problems.changed().await.is_ok() {
            own.set_list_problems(Arc::clone(&problems.borrow_and_update()));
        }
    });
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
            own.accounts().ask().await;
            sleep(QUOTA_INTERVAL).await;
        }
    });
    Background(tasks)
}

/// Who may use the server. Others than this machine need a key.
async fn access(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Access> {
    if !needs_key(config) {
        return Ok(Access::Loopback);
    }
    let address = config.server.listen;
    if !store.has_active_key(now()).await? {
        let why = match address.ip().is_loopback() {
            true if !config.server.require_key => {
                "others reach this server through public_url or a proxy, so a key is needed"
                    .to_owned()
            }
            true => "keys are required".to_owned(),
            false => format!("other machines reach {address}, so a key is needed"),
        };
        bail!(UsageError(format!(
            "{why}, and there is none yet: make one with `freeway keys create`"
        )));
    }
    Ok(Access::Keys(Arc::clone(store)))
}

/// Whether whoever asks needs a key. A proxy in front brings others to an address of this machine, and
/// may name this machine as the host that was asked for.
fn needs_key(config: &Config) -> bool {
    let server = &config.server;
    !server.listen.ip().is_loopback() || server.require_key || server.is_behind_proxy()
}
