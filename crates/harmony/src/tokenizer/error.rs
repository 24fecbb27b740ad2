//! Why a `tokenizer.json` cannot be used.

use crate::TokenId;

/// Why a `tokenizer.json` cannot be used. Every variant names the part of the file to look at.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// Not JSON, or a field of the wrong type.
    // The cause is told here, so it is no `source`: chains of errors would print it twice.
    #[error(
        "not a tokenizer.json: {0}; use the file of that name that lies beside the weights of a \
         model, or fetch it again"
    )]
    Json(serde_json::Error),
    /// A part of the format that would change the tokens and that this reader does not implement.
    #[error(
        "{field} = {value} is not supported: only byte-level BPE with no normalizer or NFC is \
         (as gpt-oss, GPT-2, Llama 3 and Qwen use it)"
    )]
    Unsupported {
        /// Path of the field in the file, such as `pre_tokenizer.type`.
        field: &'static str,
        /// Its value, shortened.
        value: String,
    },
    /// A split pattern that cannot be matched exactly in linear time.
    #[error("split pattern {pattern:?} is not supported: {reason}")]
    Pattern {
        /// The pattern, shortened.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two different tokens claim one id.
    #[error("id {id} is given to both {first:?} and {second:?}")]
    DuplicateId {
        /// The id.
        id: TokenId,
        /// One of the tokens.
        first: String,
        /// Another one.
        second: String,
    },
    /// An id that no vocabulary reaches.
    #[error("id {id} of token {token:?} is above the limit of {limit}")]
    IdTooLarge {
        /// The token.
        token: String,
        /// Its id.
        id: u64,
        /// The highest id accepted.
        limit: TokenId,
    },
    /// A byte without a token: some text could not be encoded.
    #[error("model.vocab has no ordinary token for byte 0x{0:02x}: byte-level BPE needs all 256")]
    MissingByte(u8),
    /// A merge that is not a pair of tokens whose joined text is a token.
    #[error("model.merges[{index}] = {merge:?}: {reason}")]
    Merge {
        /// Position in the list.
        index: usize,
        /// The merge as it stands in the file, shortened.
        merge: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Quotes a piece of the file in an error without repeating megabytes of it.
pub(super) fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 200;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
