//! The subcommands, one file each.

pub(crate) mod chat;
pub(crate) mod doctor;
pub(crate) mod harmony;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod pull;
pub(crate) mod route;
pub(crate) mod score;
pub(crate) mod serve;
pub(crate) mod sync;
pub(crate) mod synth;
