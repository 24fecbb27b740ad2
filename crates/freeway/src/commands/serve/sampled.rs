//! `freeway serve --sample-data`: pages full of a made-up history, and the model of this machine. No
//! host is set up, so that none can be asked, and nothing made up meets anything real.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use router::Accounts;
use router::Metrics;
use router::Router;
use router::catalog::{Catalog, LocalModels};
use router::recorder::{KeepDays, Recorder, now};
use router::sync::SyncTarget;
use server::{Access, Server};
use store::Store;

use super::{needs_key, say_ready, what_answers};
use crate::config::{Config, LogFormat};
use crate::{interrupt, local_target, sample, terminal, wiring};

/// What was made up is older than what is usually kept.
const KEEP: KeepDays = KeepDays {
    requests: 0,
    attempts: 0,
    hours: 0,
    observations: 0,
    feedback: 0,
    counters: 0,
};

pub(super) async fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    let mut limits = config.server.limits()?;
    limits.sample_moment = Some(sample::MOMENT);
    limits.hosted_providers = sample::HOSTS.map(str::to_owned).to_vec();
    let routing = config.routing.router()?;
    let (store, catalog) = sample::open().await?;
    let access = access(config, &store).await?;
    let server = Server::bind(config.server.listen, limits).await?;

    let local = local_target::start(config, config.log.format == LogFormat::Text)?;
    let what = match &local {
        None => "sample data without a model".to_owned(),
        Some(_) => format!("sample data: {}", what_answers(local.as_ref(), 0)?),
    };
    let metrics = Arc::new(Metrics::default());
    let (recorder, task) = Recorder::spawn(Arc::clone(&store), Arc::clone(&metrics), KEEP);
    let accounts = Accounts::new(local.iter().map(|one| Arc::clone(&one.provider)));
    let router = Router::new(accounts, routing, Arc::clone(&store), recorder, metrics);
    router.set_catalog(Arc::new(with_local(catalog, local.as_ref()).await?));

    say_ready(config, &server, &what);
    server
        .serve(
            Arc::new(router),
            Arc::clone(&store),
            access,
            interrupt::signal()?,
        )
        .await;
    wiring::Records::of(task).finish().await;
    store.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// The catalogue with the model of this machine.
async fn with_local(catalog: Catalog, local: Option<&SyncTarget>) -> anyhow::Result<Catalog> {
    let Some(local) = local else {
        return Ok(catalog);
    };
    let models = local.provider.models().await;
    let models = models.context("the model of this machine does not say what it is")?;
    Ok(catalog.with_local(&[LocalModels {
        provider: local.provider.id().0.clone(),
        tier: local.tier,
        models,
        since: now(),
    }]))
}

/// Who may use the server. Where a key is needed one is made: nobody could bring one.
async fn access(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Access> {
    if !needs_key(config) {
        return Ok(Access::Loopback);
    }
    let secret = sample::add_key_of_this_run(&**store).await?;
    terminal::note(format!(
        "the key of an administrator, for this run: {secret}"
    ));
    Ok(Access::Keys(Arc::clone(store)))
}
