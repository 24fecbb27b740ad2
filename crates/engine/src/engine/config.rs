//! The limits of an engine.

use crate::EngineError;
use crate::request::RequestLimits;

/// How much an engine may take on. The default suits one machine with a few users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Most sequences that run at once.
    pub max_sequences: usize,
    /// Most sequences that wait for a place when `max_sequences` run.
    pub max_queued: usize,
    /// Most tokens of a forward pass, at least `max_sequences`. Long prompts are read in chunks of
    /// this size. Larger is faster for prompts; smaller answers sooner to others and to aborts,
    /// which wait for the pass to end.
    pub max_batch_tokens: usize,
    /// Most bytes of keys and values. One sequence of gpt-oss-20b takes 24 KiB for each token, and
    /// 24 KiB × (127 + `max_batch_tokens`) at once.
    pub kv_cache_bytes: u64,
    /// Ids from here on are never sampled, for vocabularies that end in ids without a meaning
    /// (gpt-oss: 200,019).
    pub num_sampled_tokens: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            max_sequences: 16,
            max_queued: 64,
            max_batch_tokens: 128,
            kv_cache_bytes: 4 << 30,
            num_sampled_tokens: usize::MAX,
        }
    }
}

impl EngineConfig {
    /// Checks the limits against each other and against `limits`, which follow from them.
    pub(super) fn check(&self, limits: &RequestLimits) -> Result<(), EngineError> {
        let invalid = |reason: String| Err(EngineError::InvalidArgument(reason));
        if self.max_sequences == 0 {
            return invalid("max_sequences must be at least 1".into());
        }
        if self.max_batch_tokens < self.max_sequences {
            return invalid(format!(
                "max_batch_tokens is {}; it must be at least max_sequences, {}, so that every \
                 sequence can advance",
                self.max_batch_tokens, self.max_sequences
            ));
        }
        if self.num_sampled_tokens == 0 {
            return invalid("num_sampled_tokens must be at least 1".into());
        }
        if limits.max_len < 2 {
            return invalid(format!(
                "kv_cache_bytes is {}, which has no room for a single page of one sequence",
                self.kv_cache_bytes
            ));
        }
        Ok(())
    }
}
