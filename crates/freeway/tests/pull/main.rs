//! `freeway pull` against hubs, good and bad ones: what is asked for, what ends up in the cache, and
//! what the user is told.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

mod fake_hub;
mod home;
mod interruptions;
mod lies;
mod limits;
#[path = "../support/output.rs"]
mod output;
mod pulls;
mod refusals;
mod stalls;
