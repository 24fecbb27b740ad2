//! `freeway sync`: one look at what the hosts have.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use router::Accounts;
use router::catalog::Tier;
use router::recorder::now;
use router::sync::{Pass, PassReport, SyncSummary, SyncTarget, Syncer};
use serde_json::{Value, json};

use crate::args::SyncArgs;
use crate::config::Config;
use crate::knowledge::without_name;
use crate::terminal::{StatusLine, note};
use crate::{providers, table, wiring};

/// How often the line of progress changes.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

pub(crate) fn run(args: SyncArgs) -> anyhow::Result<ExitCode> {
    let config = wiring::config(args.settings.file(), &args.settings.store)?;
    let sync = config.routing.sync(0.0)?;
    let mut targets = providers::targets(&config, &wiring::variable)?;
    targets.retain(|one| one.tier == Tier::Hosted);
    if targets.is_empty() {
        bail!(
            "there is no host to look at: set the key of one, such as OPENROUTER_API_KEY, or name \
             a [[provider]] in the settings"
        );
    }
    let report = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(async {
            let store = wiring::open_store(&config).await?;
            let names = names(&targets);
            let accounts = Accounts::new(targets.iter().map(|one| Arc::clone(&one.provider)));
            let remembered = accounts.remember(&*store).await;
            remembered.context("cannot read what is used of the quotas")?;
            let mut syncer = Syncer::start(targets, accounts, Arc::clone(&store), sync).await;
            let pass = syncer.pass(Pass::All, now());
            let report = with_progress(&names, pass).await;
            let report = report.context("cannot write the catalogue")?;
            drop(syncer);
            store.close().await.context("cannot close the store")?;
            anyhow::Ok(report)
        })?;
    print(&report, args.json, &config)?;
    let is_observed = report.providers.iter().any(|(_, one)| one.error.is_none());
    Ok(match is_observed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn names(targets: &[SyncTarget]) -> String {
    let names: Vec<&str> = targets
        .iter()
        .map(|one| one.provider.id().0.as_str())
        .collect();
    table::printable(&names.join(", "))
}

/// Waits, and tells for how long.
async fn with_progress<T>(names: &str, work: impl Future<Output = T>) -> T {
    let mut status = StatusLine::new();
    let started = Instant::now();
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(PROGRESS_INTERVAL, &mut work).await {
            Ok(done) => return done,
            Err(_) => status.show(format_args!(
                "looking at {names}: {} s",
                started.elapsed().as_secs()
            )),
        }
    }
}

fn print(report: &PassReport, is_json: bool, config: &Config) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if is_json {
        writeln!(out, "{}", table::json_line(&to_json(report)))?;
        return Ok(out.flush()?);
    }
    if report.is_left_to_another {
        note(
            "(another process that shares the store looks right now, so nothing was done; what it \
             finds is in the store in a moment)",
        );
        return Ok(());
    }
    let header = ["HOST", "LISTED", "NEW", "BACK", "GONE", "CHANGED", "STATE"];
    let rows = report
        .providers
        .iter()
        .map(|(name, summary)| row(name, summary));
    out.write_all(table::render(header, rows).as_bytes())?;
    out.flush()?;
    if !report.probes.is_empty() {
        let num_ok = report.probes.iter().filter(|(_, is_ok)| *is_ok).count();
        note(format_args!(
            "({} of {} probes were answered; [routing] probes_per_day = {})",
            num_ok,
            report.probes.len(),
            config.routing.probes_per_day
        ));
    }
    Ok(())
}

fn row(name: &str, summary: &SyncSummary) -> [String; 7] {
    if let Some(error) = &summary.error {
        let nothing = || "-".to_owned();
        return [
            name.to_owned(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            format!("not observed: {}", without_name(error, name)),
        ];
    }
    let state = match &summary.doubt {
        Some(doubt) => format!("doubted: {doubt}"),
        None => "read".to_owned(),
    };
    [
        name.to_owned(),
        summary.num_listed.to_string(),
        summary.appeared.len().to_string(),
        summary.returned.len().to_string(),
        summary.left.len().to_string(),
        summary.num_changed_fields.to_string(),
        state,
    ]
}

fn to_json(report: &PassReport) -> Value {
    let providers = report.providers.iter().map(|(name, summary)| {
        json!({
            "provider": name,
            "is_observed": summary.error.is_none(),
            "listed": summary.num_listed,
            "new": summary.appeared,
            "back": summary.returned,
            "gone": summary.left,
            "changed_fields": summary.num_changed_fields,
            "doubt": summary.doubt,
            "not_observed": summary.error,
        })
    });
    let probes = report.probes.iter().map(|(key, is_ok)| {
        json!({
            "provider": key.provider,
            "name": key.name,
            "is_ok": is_ok,
        })
    });
    json!({
        "is_left_to_another": report.is_left_to_another,
        "providers": providers.collect::<Vec<_>>(),
        "probes": probes.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_observed_has_no_numbers() {
        let failed = SyncSummary {
            error: Some("x: nobody listens".to_owned()),
            ..SyncSummary::default()
        };
        let row = row("x", &failed);
        assert_eq!(row[1], "-");
        assert_eq!(row[6], "not observed: nobody listens");
    }
}
