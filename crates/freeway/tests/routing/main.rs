//! `freeway serve` between clients and hosts that misbehave: what clients see, what is recorded, and
//! what is left of it after the worst.
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it likes")]

mod chaos;
mod faults;
mod gateway;
mod killed;
mod restarted;
mod traces;
mod wishes;
