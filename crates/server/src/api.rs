//! The endpoints.

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod flr;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod key_settings;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod route;
