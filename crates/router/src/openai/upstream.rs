//! The same API seen from the other side: what a hosted model is sent, and what comes back.
//!
//! What comes back is read as far as it has to be understood: the texts borrow from it, and no tree
//! is built of what is only passed on.

mod chunk;
mod error_object;
mod outgoing;
mod quota;

pub(crate) use chunk::{Choice, Chunk};
pub(crate) use error_object::ErrorObject;
pub(crate) use outgoing::{Rewrite, rewritten};
pub(crate) use quota::openrouter_quota;
