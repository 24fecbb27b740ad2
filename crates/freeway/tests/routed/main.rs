//! The commands about models that others run, through the binary, with hosts on loopback.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

mod home;
#[path = "../support/output.rs"]
mod output;

mod lists;
mod prompts;
mod shows;
mod syncs;
