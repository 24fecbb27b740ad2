//! `freeway pull`: gets a checkpoint from the Hugging Face hub into the local cache.

mod progress;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use engine::{Config, EngineError};

use crate::args::PullArgs;
use crate::hub::{Hub, HubError, Limits, Listing, RemoteFile};
use crate::hub_cache::repository::Repository;
use crate::{UsageError, hub_cache, interrupt, known_models, terminal};
use progress::ProgressPrinter;

/// The branch that is downloaded when no revision is named.
const MAIN: &str = "main";

/// Disk space beyond the files themselves that must be free.
const SPARE_BYTES: u64 = 64 << 20;

/// Longest name of a revision, in bytes.
const MAX_REVISION_BYTES: usize = 200;

pub(crate) fn run(args: PullArgs) -> anyhow::Result<ExitCode> {
    let cache = hub_cache::directory()
        .context("there is no home directory to keep the files in; set HF_HOME to a directory")?;
    let repository = Repository::new(&cache, &args.model).ok_or_else(|| no_hub_id(&args.model))?;
    let revision = args.revision.as_deref().unwrap_or(MAIN);
    check_revision(revision)?;
    interrupt::install()?;
    let hub = Hub::from_env(Limits {
        retries: args.retries,
        backoff: Duration::from_millis(args.backoff_ms),
        stall: Duration::from_millis(args.stall_ms),
    })?;
    let pull = Pull {
        hub,
        repository,
        args: &args,
        revision,
    };
    let mut printer = ProgressPrinter::new();
    let result = pull.run(&mut printer);
    printer.clear();
    match result {
        Ok(snapshot) => {
            pull.print_result(&snapshot)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(HubError::Interrupted) => {
            terminal::note(format_args!(
                "stopped; what has arrived stays, and `{}` goes on from there",
                pull.command()
            ));
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
        Err(error) => Err(error.into()),
    }
}

/// One run of the command.
struct Pull<'a> {
    hub: Hub,
    repository: Repository,
    args: &'a PullArgs,
    revision: &'a str,
}

impl Pull<'_> {
    /// Downloads everything; returns the directory of the checkpoint.
    fn run(&self, printer: &mut ProgressPrinter) -> Result<PathBuf, HubError> {
        let PullArgs {
            model, all, verify, ..
        } = self.args;
        let listing = self.hub.list(model, self.revision, *all, &mut |progress| {
            printer.show(progress)
        })?;
        let blobs = self.repository.blobs();
        self.repository.create().map_err(|source| HubError::Io {
            action: "create",
            path: blobs.clone(),
            source,
        })?;
        let missing_bytes = self.missing_bytes(&listing);
        self.check_space(&blobs, missing_bytes)?;
        printer.begin(&listing, missing_bytes);
        let snapshot = self.repository.snapshot(&listing.commit);
        for file in &listing.files {
            self.hub.download(
                &self.repository,
                model,
                &listing.commit,
                file,
                *verify,
                &mut |progress| printer.show(progress),
            )?;
            if file.name == "config.json" && !all {
                self.check_config(&snapshot.join(&file.name))?;
            }
        }
        // Last, so that an older snapshot answers until this one is whole.
        if self.revision != listing.commit {
            self.repository
                .write_ref(self.revision, &listing.commit)
                .map_err(|source| HubError::Io {
                    action: "write the reference to",
                    path: snapshot.clone(),
                    source,
                })?;
        }
        Ok(snapshot)
    }

    /// Bytes that are neither here nor in what an earlier run left behind.
    fn missing_bytes(&self, listing: &Listing) -> u64 {
        let num_bytes = |path: PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let missing = |file: &RemoteFile| {
            let name = file.checksum.to_string();
            let link = self.repository.snapshot(&listing.commit).join(&file.name);
            let present = num_bytes(self.repository.blob(&name))
                .max(num_bytes(self.repository.partial(&name)))
                .max(num_bytes(link));
            file.num_bytes.saturating_sub(present)
        };
        listing
            .files
            .iter()
            .map(missing)
            .fold(0, u64::saturating_add)
    }

    fn check_space(&self, blobs: &Path, missing_bytes: u64) -> Result<(), HubError> {
        match fs4::available_space(blobs) {
            Ok(free) if missing_bytes > 0 && free < missing_bytes.saturating_add(SPARE_BYTES) => {
                Err(HubError::NoSpace {
                    needed: missing_bytes,
                    free,
                    path: blobs.to_owned(),
                })
            }
            // Where the space cannot be known, writing will show it.
            _ => Ok(()),
        }
    }

    /// Whether the engine can run the model, before 14 GB of it are downloaded.
    fn check_config(&self, path: &Path) -> Result<(), HubError> {
        let json = fs::read(path).map_err(|source| HubError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        match Config::from_json(&json, path) {
            Ok(_) => Ok(()),
            Err(error) => Err(HubError::NoCheckpoint {
                id: self.args.model.clone(),
                reason: match error {
                    EngineError::Config { reason, .. } => reason,
                    error => error.to_string(),
                },
            }),
        }
    }

    fn print_result(&self, snapshot: &Path) -> io::Result<()> {
        let PullArgs { model, .. } = self.args;
        let mut out = io::stdout().lock();
        writeln!(out, "{model} is in {}", snapshot.display())?;
        if self.revision != MAIN {
            writeln!(
                out,
                "`freeway chat --model {}` answers with it",
                snapshot.display()
            )
        } else if model == hub_cache::PREFERRED_MODEL {
            writeln!(out, "`freeway chat` answers with it from now on")
        } else {
            writeln!(out, "`freeway chat --model {model}` answers with it")
        }
    }

    /// What to type to go on.
    fn command(&self) -> String {
        let mut command = format!("freeway pull {}", self.args.model);
        if self.revision != MAIN {
            command.push_str(" --revision ");
            command.push_str(self.revision);
        }
        if self.args.all {
            command.push_str(" --all");
        }
        command
    }
}

fn no_hub_id(name: &str) -> UsageError {
    let suggestion = match known_models::nearest(name) {
        Some(id) => format!("did you mean {id}?"),
        None => format!("give an id such as {}", hub_cache::PREFERRED_MODEL),
    };
    UsageError(format!(
        "{name:?} is no id of a model on the hub; {suggestion}"
    ))
}

/// A revision becomes the name of a file below `refs/`.
fn check_revision(revision: &str) -> Result<(), UsageError> {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
    };
    if revision.len() <= MAX_REVISION_BYTES && revision.split('/').all(is_part) {
        return Ok(());
    }
    Err(UsageError(format!(
        "--revision {revision:?}: give a branch, a tag or a commit"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_stays_below_refs() {
        for revision in [
            "main",
            "v1.0",
            "refs/pr/1",
            "6cee5e81ee83917806bbde320786a8fb61efebee",
        ] {
            assert!(check_revision(revision).is_ok(), "{revision}");
        }
        let long = "x".repeat(201);
        for revision in [
            "",
            "..",
            "a/../../b",
            "/a",
            "a//b",
            ".hidden",
            "a b",
            "a\\b",
            &long,
        ] {
            assert!(check_revision(revision).is_err(), "{revision}");
        }
    }
}
