//! Traces of requests, sent to an OpenTelemetry collector: OTLP over HTTP, in JSON.
//!
//! * `context`: the trace that a request belongs to, as `traceparent` says it.
//! * `request`: what became of a request and of its attempts, made into spans: one of kind SERVER for
//!   the request and below it one of kind CLIENT for each attempt. They are made of what the store is
//!   told at the same moments, and hold no prompt, no answer, no key and no header.
//! * `span`: spans, and how OTLP writes them.
//! * `exporter`: the queue and the task that sends what is in it; `collector`: one try to send.
//!
//! Nobody waits for a collector: spans go into a bounded queue, and what finds no room there or is not
//! taken is dropped and counted. Without a collector nothing of this runs.

mod collector;
mod context;
mod exporter;
mod request;
mod span;

pub use context::Sampler;
pub use exporter::{Exporter, Tracer, TracerTask};
pub use request::RequestTrace;

pub(crate) use context::TraceContext;
pub(crate) use request::{AttemptTrace, Ended};

use std::time::Duration;

use crate::config::Secret;

/// Where traces go, and which.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpConfig {
    /// The URL that spans are posted to, such as `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
    /// Further headers of every export, such as a key.
    pub headers: Vec<(String, Secret)>,
    /// What is said of this server beside its version: `service.name` and others.
    pub resource: Vec<(String, String)>,
    /// Which requests are traced.
    pub sampler: Sampler,
    /// How long one try to export may take.
    pub timeout: Duration,
}

impl OtlpConfig {
    /// Every trace to this URL.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            headers: Vec::new(),
            resource: Vec::new(),
            sampler: Sampler::default(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Why traces cannot be sent as the configuration wants it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("traces: {0}")]
pub struct OtlpConfigError(pub(crate) String);
