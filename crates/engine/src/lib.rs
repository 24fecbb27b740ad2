//! The gpt-oss inference engine: token ids in, token ids out.
//!
//! It knows nothing of text, JSON requests, HTTP or databases. A [`Model`] is loaded from a
//! checkpoint in Hugging Face layout and is immutable from then on; a [`KvCache`] holds what the
//! sequences have seen; a [`RunState`] is the scratch memory of one forward pass. One call of
//! [`Model::forward`] runs a [`Batch`]: chunks of any length of any number of sequences.
//!
//! The promise that everything above relies on: the logits of a position depend only on the tokens
//! of its own sequence up to it. They are the same bits whether the sequence was decoded token by
//! token, prefilled whole or in chunks, alone or beside others, on one thread or many.
#![deny(unsafe_code)]

mod attention;
mod batch;
pub mod checkpoint;
mod config;
mod constraint;
mod engine;
mod error;
mod event;
mod handle;
mod kv_cache;
mod linear;
mod memory;
mod model;
mod moe;
mod pool;
mod request;
mod rng;
mod rope;
mod run_state;
mod sampler;
mod scheduler;
mod sequence;
pub mod synth;
mod weights;

pub use batch::{Batch, Chunk, LogitRows};
pub use config::{Config, LayerType, RopeParameters, RopeScaling};
pub use constraint::{LogitConstraint, TokenMask, TokenSet};
pub use engine::{Engine, EngineConfig, StepOutput};
pub use error::EngineError;
pub use event::{Finish, GenerationEvent, Timings, Usage};
pub use handle::{EngineHandle, EventSink, Generation, RequestGuard};
pub use kv_cache::{KvCache, KvCacheOptions, PAGE_TOKENS, SequenceSlot};
pub use model::{LoadOptions, Mode, Model};
pub use request::{GenerateRequest, SubmitError};
pub use run_state::RunState;
pub use sampler::{
    GeneratedToken, MAX_LOGIT_BIAS, MAX_PENALTY, MAX_TEMPERATURE, MAX_TOP_LOGPROBS, Sampler,
    SamplerScratch, SamplingError, SamplingParams, log_sum_exp,
};
pub use sequence::{FinishReason, SequenceId};

/// The number of a row of the vocabulary.
pub type TokenId = u32;
