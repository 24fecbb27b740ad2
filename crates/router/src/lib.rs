//! Decides who answers a request, asks them, and keeps what happened.
//!
//! * [`catalog`]: what models there are and who has them; [`sync`] looks at what providers have.
//! * [`availability`]: when models could be had.
//! * [`openai`]: the OpenAI API's JSON, both ways; nothing outside of it knows those shapes.
//! * [`provider`]: who can answer. [`provider::local`] is the engine on this machine,
//!   [`provider::upstream`] whoever is asked over HTTP: a row of [`config`], known ones in [`presets`].
//! * [`reliability`]: how often models fail, with what is known and what is not.
//! * [`Router`]: finds the deployments of a model, asks one, and watches the answer go by.
//! * [`recorder`]: writes to the store what became of each request, away from the token path.
//! * [`otlp`]: sends traces of requests to a collector, if there is one.
//! * [`flr`]: the API of Free LLM Router in JSON.
//!
//! A request goes down once and a stream comes up once. Dropping the stream cancels the request,
//! all the way down to the engine.
#![forbid(unsafe_code)]

mod accounts;
pub mod availability;
pub mod breaker;
mod caller;
mod caller_quota;
pub mod catalog;
pub mod config;
mod error;
#[cfg(test)]
mod flaky_store;
pub mod flr;
pub mod health;
mod metrics;
mod model_info;
mod needs;
pub mod openai;
pub mod otlp;
pub mod policy;
mod preferences;
pub mod presets;
pub mod provider;
pub mod quota;
mod random_id;
pub mod recorder;
pub mod reliability;
mod router;
pub mod sync;

pub use accounts::Accounts;
pub use caller::Caller;
pub use caller_quota::{
    AdmitError, CallerQuota, QuotaExceeded, QuotaState, REPORTS_PER_MINUTE, WindowUse, settlement,
};
pub use error::{
    Exhausted, Failed, FailureKind, FaultDomain, InvalidRequest, ProviderError, RetryAfter,
    RouterError, whole_seconds,
};
pub use metrics::Metrics;
pub use model_info::{ModelId, ModelInfo, ModelKind, ModelSpec, ReasoningSpec};
pub use preferences::{DataPolicy, MAX_LISTED_MODELS, Preferences, Sort, UseCase};
pub use random_id::{random_id, random_unit, request_id};
pub use router::{
    AUTO, Answer, Arrival, AttemptSummary, HostState, Resting, RouteStatus, Router, RouterConfig,
    WatchedStream,
};
