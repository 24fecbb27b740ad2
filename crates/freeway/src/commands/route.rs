//! `freeway route`: one prompt through the router, as the server would send it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use router::openai::{ChatRequest, error_body, prompt_request};
use router::sync::Syncer;
use router::{Answer, Caller, Router, RouterError, request_id};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::args::RouteArgs;
use crate::commands::chat::printer::Style;
use crate::config::{Config, LogSection};
use crate::knowledge::UnknownModel;
use crate::terminal::note;
use crate::{UsageError, input, interrupt, local_target, providers, table, wiring};
use answer::Shower;

mod answer;
mod explained;

/// How long hosts may take to say what is left of their quotas before it is explained who would be
/// asked.
const QUOTA_PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn run(args: RouteArgs) -> anyhow::Result<ExitCode> {
    let mut config = wiring::config(args.settings.file(), &args.settings.store)?;
    if let Some(name) = args.local_model() {
        name.clone_into(&mut config.model.name);
    }
    let request = Arc::new(request(&args)?);
    wiring::start_log(&LogSection {
        level: "error".to_owned(),
        ..config.log.clone()
    })?;
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let code = runtime.block_on(routed(&args, &config, &request))?;
    // Whatever still runs, such as the rendering of a prompt nobody waits for, ends here.
    runtime.shutdown_background();
    Ok(code)
}

fn request(args: &RouteArgs) -> anyhow::Result<ChatRequest> {
    let prompt = match args.prompt.as_str() {
        "-" => input::read_text(Path::new("-"))?,
        prompt => prompt.to_owned(),
    };
    if prompt.trim().is_empty() {
        bail!(UsageError(
            "the prompt is empty; give it as an argument or on standard input".to_owned()
        ));
    }
    let models: Vec<&str> = args.model.iter().map(|name| name.trim()).collect();
    if models.iter().any(|name| name.is_empty()) {
        bail!(UsageError(
            "--model: a name is empty; give names with commas between them".to_owned()
        ));
    }
    let tools = args.tools.as_deref().map(tools).transpose()?;
    let request = prompt_request(&models, &prompt, tools);
    Ok(request.map_err(|error| UsageError(error.to_string()))?)
}

fn tools(path: &Path) -> anyhow::Result<Value> {
    let text = input::read_text(path)?;
    let tools = serde_json::from_str(&text);
    tools.with_context(|| format!("{} is not a tools file", path.display()))
}

async fn routed(
    args: &RouteArgs,
    config: &Config,
    request: &Arc<ChatRequest>,
) -> anyhow::Result<ExitCode> {
    let routing = config.routing.router()?;
    let sync = config.routing.sync(0.0)?;
    let mut targets = providers::targets(config, &wiring::variable)?;
    let store = wiring::open_store(config).await?;
    targets.extend(local_target::start(config, false)?);
    // Traces are of requests to a server.
    let (router, records) = wiring::router(&targets, routing, &store, config, None).await;
    let accounts = router.accounts().clone();
    let syncer = Syncer::start(targets, accounts, Arc::clone(&store), sync).await;
    wiring::take_catalog(&router, &syncer);
    let unseen = syncer.unseen().await?;
    drop(syncer);
    if let Err(error) = router.remember_health().await {
        tracing::error!(%error, "the history of hosts cannot be read");
    }
    if !unseen.is_empty() {
        note(table::printable(&format!(
            "(nobody has looked at what these hosts have, or not with the settings that are now: {}; \
             `freeway sync` does)",
            unseen.join(", ")
        )));
    }
    if args.explain {
        // What a host counts for itself is in no store. One that hangs is explained without.
        let asked = timeout(QUOTA_PATIENCE, router.accounts().ask()).await;
        if asked.is_err() {
            note(
                "(not every host said in time what is left of its quota; of those it is what the store \
                 knows)",
            );
        }
    }
    let result = match args.explain {
        true => explain(args, &router, request).map(|()| ExitCode::SUCCESS),
        false => ask(args, &router, request).await,
    };
    // It holds the way to the store.
    drop(router);
    records.finish().await;
    store.close().await.context("cannot close the store")?;
    result
}

fn explain(args: &RouteArgs, router: &Router, request: &Arc<ChatRequest>) -> anyhow::Result<()> {
    let told = router.explain(&Caller::of_this_machine(), request);
    let told = told.map_err(|error| failed(args, error))?;
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{}", table::json_line(&told))?,
        false => out.write_all(explained::text(&told).as_bytes())?,
    }
    Ok(out.flush()?)
}

async fn ask(
    args: &RouteArgs,
    router: &Router,
    request: &Arc<ChatRequest>,
) -> anyhow::Result<ExitCode> {
    let mut interrupted = std::pin::pin!(interrupt::signal()?);
    let caller = Caller::of_this_machine();
    let asked = router.chat(&caller, request_id(), request);
    let answer = tokio::select! {
        answer = asked => answer,
        () = &mut interrupted => return Ok(ExitCode::from(interrupt::EXIT_CODE)),
    };
    let Answer {
        id,
        created,
        model,
        deployment,
        trail,
        mut stream,
        ..
    } = answer.map_err(|error| failed(args, error))?;
    for attempt in &trail {
        note(table::printable(&format!("({})", attempt.to_text())));
    }
    let out = io::stdout();
    let style = (!args.json).then(|| Style::for_stdout(!args.hide_reasoning));
    let mut shower = Shower::new(out.lock(), style);
    loop {
        let event = tokio::select! {
            event = stream.next() => event,
            () = &mut interrupted => {
                shower.finish()?;
                return Ok(ExitCode::from(interrupt::EXIT_CODE));
            }
        };
        match event {
            Some(Ok(event)) => shower.show(event)?,
            Some(Err(error)) => {
                shower.finish()?;
                let error = failed(args, error.into());
                return Err(error.context(format!("{deployment} broke off")));
            }
            None => break,
        }
    }
    shower.finish()?;
    if let Some(fault) = shower.fault() {
        note(format_args!(
            "(the answer of {}: {fault})",
            table::printable(&deployment)
        ));
    }
    if args.json {
        let json = shower.into_json(&id, created, &model, &deployment, &trail);
        let mut out = io::stdout().lock();
        writeln!(out, "{}", table::json_line(&json))?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What kept an answer from its end, after who was asked; as the API's error object for programs.
fn failed(args: &RouteArgs, error: RouterError) -> anyhow::Error {
    for attempt in error.trail().unwrap_or_default() {
        note(table::printable(&format!("({})", attempt.to_text())));
    }
    if args.json {
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{}", table::json_line(&error_body(&error)));
        if let Err(error) = written.and_then(|()| out.flush()) {
            return error.into();
        }
    }
    named(error)
}

/// The same in the words of the command line.
fn named(error: RouterError) -> anyhow::Error {
    match error {
        RouterError::ModelNotFound { model, similar } => UnknownModel {
            name: model,
            similar,
        }
        .into(),
        error => error.into(),
    }
}
