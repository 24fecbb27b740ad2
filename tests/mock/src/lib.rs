//! A host of models for tests and measurements: a real HTTP server on loopback that answers like
//! OpenRouter and others, and misbehaves on purpose.
//!
//! What it does is decided by the name of the model that is asked for (or by the path, where no
//! model is), in this order: what a test has queued for that name, what it has drawn up a table of
//! chances for, what it has set, what the name itself says (`fault/reset_before_head`), and else it
//! answers well. It counts what it really did.
//!
//! It speaks HTTP by hand, because half of what it does no library for servers allows.
#![forbid(unsafe_code)]

mod answers;
mod behaviour;
mod plan;
mod request;
mod script;
mod server;

pub use answers::{Answer, CatalogueModel, catalogue};
pub use behaviour::Behaviour;
pub use request::SeenRequest;
pub use script::Step;
pub use server::{Mock, Pace};
