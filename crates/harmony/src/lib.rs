//! The Harmony format.
#![forbid(unsafe_code)]

mod tokenizer;
mod vocab;

pub use tokenizer::{Tokenizer, TokenizerError};

/// The id of a token: a row of the model's embedding.
pub type TokenId = u32;
