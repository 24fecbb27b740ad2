//! The `freeway` command: reads what was typed, wires the crates together, prints.
//!
//! This is the one crate with I/O policy: exit codes, environment variables, standard streams. Exit
//! codes are 0 for success, 1 for a failure at run time, 2 for a wrong command line, 130 when the
//! user interrupted.
#![forbid(unsafe_code)]
// These macros panic when the stream is full or closed; see `terminal` and `writeln!`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod commands;
mod config;
mod data_dir;
mod footprint;
mod hub;
mod hub_cache;
mod input;
mod interrupt;
mod inventory;
mod knowledge;
mod known_models;
mod local_model;
mod local_target;
mod machine;
mod moments;
mod providers;
mod sample;
mod table;
mod telemetry;
mod terminal;
mod wiring;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

/// A relayed request allocates some hundred times, and this is faster at it than the C library.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A fault in how the command was called, reported with exit code 2 as clap's own are.
#[derive(Debug)]
struct UsageError(String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Chat(args) => commands::chat::run(args),
        Command::Serve(args) => commands::serve::run(args),
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Models(args) => commands::models::run(args),
        Command::Sync(args) => commands::sync::run(args),
        Command::Route(args) => commands::route::run(args),
        Command::Pull(args) => commands::pull::run(args),
        Command::Score(args) => commands::score::run(args),
        Command::Synth(args) => commands::synth::run(args),
        Command::Harmony(args) => commands::harmony::run(args),
        Command::Keys(args) => commands::keys::run(args),
    };
    result.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            // The reader (`| head`) has seen enough: that is not a failure.
            return ExitCode::SUCCESS;
        }
        // Hosts and their lists have a say in errors.
        let error_text = table::printable_lines(&format!("error: {error:#}"));
        terminal::note(error_text);
        ExitCode::from(if error.is::<UsageError>() { 2 } else { 1 })
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
