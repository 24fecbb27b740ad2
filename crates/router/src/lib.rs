//! Decides who answers a request, asks them, and keeps what happened.
//!
//! * [`openai`]: the OpenAI API's JSON, both ways; nothing outside of it knows those shapes.
//! * [`provider`]: who can answer. [`provider::local`] is the engine on this machine,
//!   [`provider::upstream`] whoever is asked over HTTP: a row of [`config`], known ones in [`presets`].
//! * [`Router`]: finds the deployments of a model, asks one, and watches the answer go by.
//! * [`recorder`]: writes to the store what became of each request, away from the token path.
//!
//! A request goes down once and a stream comes up once. Dropping the stream cancels the request,
//! all the way down to the engine.
#![forbid(unsafe_code)]

pub mod config;
mod error;
mod metrics;
mod model_info;
pub mod openai;
pub mod presets;
pub mod provider;
mod random_id;
pub mod recorder;
mod router;

pub use error::{FailureKind, FaultDomain, InvalidRequest, ProviderError, RetryAfter, RouterError};
pub use metrics::Metrics;
pub use model_info::{ModelId, ModelInfo, ModelSpec, ReasoningSpec};
pub use random_id::random_id;
pub use router::{Answer, Caller, Router, WatchedStream};
