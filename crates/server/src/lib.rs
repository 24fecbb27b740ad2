//! Freeway over HTTP: bytes to types and back.
//!
//! [`Server`] accepts connections, `routes` says who answers which path, `auth` who may ask,
//! `error` what an error looks like. What a request means is the router's matter.
#![forbid(unsafe_code)]

mod accompany;
mod api;
mod auth;
mod body;
mod error;
mod listen;
mod moment;
mod openapi;
mod query;
mod quota;
mod recent;
mod routes;
mod routing_headers;
mod socket;
mod sse;
mod web;

pub use auth::Access;
pub use listen::{ProviderSetup, Server, ServerConfig, ServerError, SetupVariable};
