//! What every command that routes sets up in the same way: the settings, the store, the router.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use router::otlp::{Exporter, TracerTask};
use router::recorder::{Recorder, RecorderTask};
use router::sync::{SyncTarget, Syncer};
use router::{Accounts, Metrics, Router, RouterConfig};
use store::Store;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::StoreArgs;
use crate::config::{Config, LogFormat, LogSection};
use crate::{UsageError, data_dir};

/// How long the last records may take to be written.
const RECORDER_PATIENCE: Duration = Duration::from_secs(5);

/// The file, over which the flag and the variable of the store win.
pub(crate) fn config(file: Option<&Path>, store: &StoreArgs) -> anyhow::Result<Config> {
    let mut config = match file {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if let Some(url) = store.url() {
        url.clone_into(&mut config.store.url);
    }
    Ok(config)
}

/// Opens the store of the settings.
pub(crate) async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let named = Some(config.store.url.as_str()).filter(|url| !url.is_empty());
    data_dir::connect(&data_dir::store_url(named)?).await
}

/// The environment, as providers read it.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Starts the log, on standard error.
pub(crate) fn start_log(config: &LogSection) -> anyhow::Result<()> {
    let filter = log_filter(&config.level)?;
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

/// What is logged. A word alone is a level: as the name of a part it would silence all others.
fn log_filter(level: &str) -> Result<EnvFilter, UsageError> {
    let wrong = |why: &str| {
        UsageError(format!(
            "the log level {level:?} means nothing ({why}); use off, error, warn, info, debug or \
             trace, also by part as in \"info,engine=debug\""
        ))
    };
    for part in level.split(',').map(str::trim) {
        let is_level = !part.is_empty() && part.parse::<LevelFilter>().is_ok();
        if !is_level && !part.contains(['=', '[', ']', '{', '}']) {
            return Err(wrong(&format!("{part:?} is no level")));
        }
    }
    EnvFilter::try_new(level).map_err(|error| wrong(&error.to_string()))
}

/// A router over these targets, and the tasks that write down what becomes of requests and export their
/// traces, if an exporter is given. It knows no model until it is given a catalogue.
pub(crate) async fn router(
    targets: &[SyncTarget],
    routing: RouterConfig,
    store: &Arc<dyn Store>,
    config: &Config,
    exporter: Option<Exporter>,
) -> (Arc<Router>, Records) {
    let metrics = Arc::new(Metrics::default());
    let keep = config.store.keep();
    let (recorder, task) = Recorder::spawn(Arc::clone(store), Arc::clone(&metrics), keep);
    let asked = targets.iter().map(|one| Arc::clone(&one.provider));
    let traces = exporter.map(|exporter| exporter.start(Arc::clone(&metrics)));
    let asked = Accounts::new(asked);
    let router = Router::new(asked, routing, Arc::clone(store), recorder, metrics);
    let (router, traces) = match traces {
        Some((tracer, task)) => (router.with_tracer(tracer), Some(task)),
        None => (router, None),
    };
    if let Err(error) = router.accounts().remember(&**store).await {
        tracing::error!(%error, "what was used of the quotas of the day is not known");
    }
    let records = Records {
        recorder: task,
        traces,
    };
    (Arc::new(router), records)
}

/// The catalogue that the store keeps, with what runs here.
pub(crate) fn take_catalog(router: &Router, syncer: &Syncer) {
    let catalog = Arc::clone(&syncer.subscribe().borrow());
    router.set_catalog(catalog);
}

/// Records that may still have to be written, and traces to be exported.
pub(crate) struct Records {
    recorder: RecorderTask,
    traces: Option<TracerTask>,
}

impl Records {
    /// Records alone.
    pub(crate) fn of(recorder: RecorderTask) -> Self {
        Self {
            recorder,
            traces: None,
        }
    }

    /// Waits until they are, but not without end: whatever still holds the way to the store, such as a
    /// prompt being rendered, is not waited for. Every [`Router`] has to be gone.
    pub(crate) async fn finish(self) {
        let recorded = async {
            let finished = tokio::time::timeout(RECORDER_PATIENCE, self.recorder.finish());
            if finished.await.is_err() {
                tracing::warn!("some requests were not recorded");
            }
        };
        let exported = async {
            if let Some(traces) = self.traces {
                traces.finish().await;
            }
        };
        futures_util::future::join(recorded, exported).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_taken_and_a_word_that_is_none_is_not() {
        for good in [
            "info",
            "WARN",
            "off",
            "info,engine=debug",
            "warn,router::sync=trace",
            "error,[request{id=\"a\"}]=debug",
        ] {
            log_filter(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        }
        for bad in [
            "",
            "wran",
            "engine",
            "info,wran",
            "info,",
            "info,engine=wran",
        ] {
            let error = log_filter(bad).unwrap_err().to_string();
            assert!(
                error.contains("off, error, warn, info, debug or trace"),
                "{error}"
            );
        }
    }
}
