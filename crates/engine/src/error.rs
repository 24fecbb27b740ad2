//! What can go wrong in the engine, sorted by what a caller can do about it.

use std::path::PathBuf;

use crate::SamplingError;

/// An error of the engine. Its text says what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A file cannot be read or written: check the path, its permissions and the space left.
    /// What the operating system said is the error's source.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What could not be done: `"read"`, `"create"` or `"write"`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// `config.json` describes no model that this engine can run: correct the file.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// Which key is wrong, and what it may be.
        reason: String,
    },

    /// The checkpoint has a layout this engine does not read: get the one the text names.
    #[error("{}: {reason}", path.display())]
    UnsupportedCheckpoint {
        /// The directory or file.
        path: PathBuf,
        /// Which layout was found and which one to get instead.
        reason: String,
    },

    /// A checkpoint file is truncated, garbled or incomplete: download it again.
    #[error("{}: {reason}", path.display())]
    CorruptFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// One tensor is missing or is not what the configuration asks for: the files of the
    /// checkpoint do not belong together, or one is damaged.
    #[error("{}: tensor {tensor}: {reason}", path.display())]
    Tensor {
        /// The file that holds the tensor, or should.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },

    /// An option or argument is out of range: a mistake of the caller.
    #[error("invalid argument: {0}")]
    InvalidArgument(String),

    /// The sequences do not fit into the budget of the KV cache: wait until another sequence is
    /// freed, shorten this one, or raise the budget.
    #[error(
        "the KV cache is full: {needed_bytes} more bytes are needed, {free_bytes} are free; \
         free a sequence or raise the budget"
    )]
    CacheFull {
        /// Bytes that the request needs beyond what its sequence holds.
        needed_bytes: u64,
        /// Bytes of the budget that are free.
        free_bytes: u64,
    },

    /// The operating system gave no memory.
    #[error("out of memory: {bytes} bytes for {purpose} could not be allocated")]
    OutOfMemory {
        /// How many bytes were asked for.
        bytes: u64,
        /// What they were for.
        purpose: &'static str,
    },

    /// No token could be chosen, which ended the sequence: loosen the constraint, or look at the
    /// weights if there is none.
    #[error(transparent)]
    Sampling(SamplingError),

    /// A forward pass failed, which ended every sequence in flight: submit again, with fewer or
    /// shorter sequences if memory ran out.
    #[error("the forward pass failed: {reason}")]
    StepFailed {
        /// The error of the forward pass.
        reason: String,
    },

    /// The caller's progress callback asked to stop; what was done by then is undone.
    #[error("cancelled")]
    Cancelled,

    /// The engine runs no more: start it again.
    #[error("the engine has stopped: {reason}")]
    Stopped {
        /// What stopped it.
        reason: String,
    },
}
