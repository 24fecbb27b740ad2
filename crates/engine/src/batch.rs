//! What one forward pass computes.

use crate::{SequenceSlot, TokenId};

/// Consecutive tokens of one or more sequences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// One for each sequence that takes part.
    pub chunks: Vec<Chunk>,
}

/// The next tokens of one sequence: a whole prompt, a part of it, or the one that was just sampled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The sequence.
    pub sequence: SequenceSlot,
    /// Position of the first token: the number of tokens the cache holds already.
    pub position: usize,
    /// The tokens.
    pub tokens: Vec<TokenId>,
    /// The rows whose logits are wanted.
    pub logits: LogitRows,
}

/// Which tokens of a chunk need logits. Those of gpt-oss cost as much as ten layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogitRows {
    /// None: more of the prompt follows.
    None,
    /// The last token's, to sample the next one.
    Last,
    /// Every token's, to score a text.
    All,
}

/// A batch of one sequence.
impl From<Chunk> for Batch {
    fn from(chunk: Chunk) -> Self {
        Self {
            chunks: vec![chunk],
        }
    }
}

impl Batch {
    /// Number of tokens of all chunks.
    pub fn num_tokens(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.tokens.len()).sum()
    }

    /// Number of rows of logits that are wanted.
    pub fn num_logit_rows(&self) -> usize {
        self.chunks.iter().map(Chunk::num_logit_rows).sum()
    }
}

impl Chunk {
    /// Number of rows of logits that are wanted.
    pub fn num_logit_rows(&self) -> usize {
        match self.logits {
            LogitRows::None => 0,
            LogitRows::Last => self.tokens.len().min(1),
            LogitRows::All => self.tokens.len(),
        }
    }
}
