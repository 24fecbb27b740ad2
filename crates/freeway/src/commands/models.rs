//! `freeway models`: what is here, and what others give for nothing.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use router::recorder::now;
use store::Store;

use crate::args::{ModelsArgs, ModelsCommand};
use crate::config::Config;
use crate::knowledge::Knowledge;
use crate::{UsageError, wiring};

mod figures;
mod free;
mod local;
mod show;
mod show_json;

pub(crate) fn run(args: ModelsArgs) -> anyhow::Result<ExitCode> {
    if !args.free && args.command.is_none() {
        return local::run(args.json);
    }
    if args.free && args.command.is_some() {
        bail!(UsageError(
            "--free lists models and `show` prints one: give one of the two".to_owned()
        ));
    }
    let config = wiring::config(args.settings.file(), &args.settings.store)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(async {
            let store = wiring::open_store(&config).await?;
            let text = told(&args, &config, &store).await?;
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
            store.close().await.context("cannot close the store")
        })?;
    Ok(ExitCode::SUCCESS)
}

async fn told(
    args: &ModelsArgs,
    config: &Config,
    store: &Arc<dyn Store>,
) -> anyhow::Result<String> {
    let read = Knowledge::read(&**store, now()).await;
    let knowledge = read.context("cannot read the catalogue")?;
    match &args.command {
        Some(ModelsCommand::Show { id }) => show::text(&knowledge, config, id, args.json).await,
        None => free::text(&knowledge, &args.filters, args.json).await,
    }
}
