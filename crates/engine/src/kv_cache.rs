//! Keys and values of everything the sequences have seen.
//!
//! Memory comes in pages of [`PAGE_TOKENS`] positions, which are allocated as a sequence grows and
//! listed in its two block tables: one for the full-attention layers, which keep all positions, and
//! one for the sliding layers. The latter is a ring: once it has room for what the first token of
//! the longest chunk still sees and for the chunk itself, positions overwrite those from one ring
//! ago. All pages count against one budget of bytes, fixed at the start. A new sequence has its
//! first page, so the budget bounds the number of sequences too; everything is given back with its
//! sequence.
//!
//! Within a page the order is layer, key/value head, keys then values, position, dimension: one
//! head's keys are contiguous, which is how attention reads them.

mod element;
mod storage;

use std::collections::HashMap;

pub(crate) use element::KvElement;
pub(crate) use storage::{Geometry, Storage};

use crate::{Config, EngineError, Mode};

/// Positions in a page.
pub const PAGE_TOKENS: usize = 64;

/// A sequence in a [`KvCache`]. Never reused, so that a stale one cannot name another sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceSlot(u64);

/// What a [`KvCache`] may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvCacheOptions {
    /// Most bytes that all sequences take together.
    pub budget_bytes: u64,
    /// Most tokens that one sequence adds in one forward pass; bounds the rings.
    pub max_chunk: usize,
}

/// The keys and values of a number of sequences.
#[derive(Debug)]
pub struct KvCache {
    geometry: Geometry,
    mode: Mode,
    options: KvCacheOptions,
    sequences: HashMap<SequenceSlot, Sequence>,
    next_slot: u64,
    used_bytes: u64,
}

/// One sequence.
#[derive(Debug)]
struct Sequence {
    /// Positions that are filled.
    len: usize,
    data: SequenceData,
}

/// Its keys and values, at the precision of the mode.
#[derive(Debug)]
pub(crate) enum SequenceData {
    /// Single precision ([`Mode::Exact`]).
    F32(Storage<f32>),
    /// Half precision, as its bits ([`Mode::Default`]).
    F16(Storage<u16>),
}

impl KvCache {
    /// An empty cache for models of this configuration.
    ///
    /// # Errors
    /// [`EngineError::InvalidArgument`] if `max_chunk` is 0 or one sequence of the greatest length
    /// would take more bytes than can be counted.
    pub fn new(
        config: &Config,
        mode: Mode,
        options: KvCacheOptions,
    ) -> Result<KvCache, EngineError> {
        let geometry = Geometry::new(config, mode, options.max_chunk).ok_or_else(|| {
            EngineError::InvalidArgument(format!(
                "max_chunk is {}; it must be at least 1 and leave the sizes of a cache countable",
                options.max_chunk
            ))
        })?;
        Ok(KvCache {
            geometry,
            mode,
            options,
            sequences: HashMap::new(),
            next_slot: 0,
            used_bytes: 0,
        })
    }

    /// Bytes that one sequence of `num_tokens` takes, in a model of this configuration; `None` if
    /// they cannot be counted.
    ///
    /// gpt-oss-20b in half precision: 1.5 MiB for every 64 tokens of its 12 full layers, and as
    /// much for every 64 tokens of its 12 sliding layers, up to 127 + `max_chunk` tokens and a page.
    pub fn sequence_bytes(
        config: &Config,
        mode: Mode,
        max_chunk: usize,
        num_tokens: usize,
    ) -> Option<u64> {
        Geometry::new(config, mode, max_chunk)?.sequence_bytes(num_tokens)
    }

    /// Adds an empty sequence with room for a page of tokens.
    ///
    /// # Errors
    /// [`EngineError::CacheFull`] or [`EngineError::OutOfMemory`]; the cache is as before.
    pub fn add_sequence(&mut self) -> Result<SequenceSlot, EngineError> {
        self.check_budget(self.geometry.sequence_bytes(0).unwrap_or(u64::MAX))?;
        let mut data = match self.mode {
            Mode::Exact => SequenceData::F32(Storage::new()),
            Mode::Default => SequenceData::F16(Storage::new()),
        };
        data.grow(&self.geometry, 0)?;
        self.used_bytes += data.num_bytes(&self.geometry);
        let slot = SequenceSlot(self.next_slot);
        self.next_slot += 1;
        self.sequences.insert(slot, Sequence { len: 0, data });
        Ok(slot)
    }

    /// Forgets a sequence and gives its memory back. Unknown sequences are ignored.
    pub fn free(&mut self, slot: SequenceSlot) {
        if let Some(sequence) = self.sequences.remove(&slot) {
            self.used_bytes -= sequence.data.num_bytes(&self.geometry);
        }
    }

    /// Number of tokens that a sequence holds, if there is such a sequence.
    pub fn num_tokens(&self, slot: SequenceSlot) -> Option<usize> {
        self.sequences.get(&slot).map(|sequence| sequence.len)
    }

    /// Makes room for `num_tokens` more tokens of a sequence, in addition to those it holds.
    ///
    /// # Errors
    /// [`EngineError::CacheFull`] or [`EngineError::OutOfMemory`]; pages that were allocated before
    /// memory ran out stay with the sequence. [`EngineError::InvalidArgument`] for an unknown one.
    pub fn reserve(&mut self, slot: SequenceSlot, num_tokens: usize) -> Result<(), EngineError> {
        self.check_budget(self.missing_bytes(slot, num_tokens)?)?;
        let sequence = self.sequences.get_mut(&slot).ok_or_else(|| unknown(slot))?;
        let needed = sequence.len.saturating_add(num_tokens);
        let before = sequence.data.num_bytes(&self.geometry);
        let result = sequence.data.grow(&self.geometry, needed);
        self.used_bytes += sequence.data.num_bytes(&self.geometry) - before;
        result
    }

    /// Bytes that [`KvCache::reserve`] would take from the budget.
    ///
    /// # Errors
    /// [`EngineError::InvalidArgument`] if there is no such sequence.
    pub fn missing_bytes(&self, slot: SequenceSlot, num_tokens: usize) -> Result<u64, EngineError> {
        let sequence = self.sequences.get(&slot).ok_or_else(|| unknown(slot))?;
        let needed = sequence.len.saturating_add(num_tokens);
        let bytes = self.geometry.sequence_bytes(needed).unwrap_or(u64::MAX);
        Ok(bytes.saturating_sub(sequence.data.num_bytes(&self.geometry)))
    }

    /// Bytes that the sequences take.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Bytes that are left of the budget.
    pub fn free_bytes(&self) -> u64 {
        self.options.budget_bytes - self.used_bytes
    }

    /// The limits it was made with.
    pub fn options(&self) -> &KvCacheOptions {
        &self.options
    }

    /// The precision it was made for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    fn check_budget(&self, needed_bytes: u64) -> Result<(), EngineError> {
        let free_bytes = self.free_bytes();
        if needed_bytes > free_bytes {
            return Err(EngineError::CacheFull {
                needed_bytes,
                free_bytes,
            });
        }
        Ok(())
    }

    /// Whether the cache was made for a model of this shape.
    pub(crate) fn fits(&self, config: &Config, mode: Mode) -> bool {
        Geometry::new(config, mode, self.options.max_chunk).as_ref() == Some(&self.geometry)
    }

    /// Where things are.
    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The keys and values of a sequence that is known to exist.
    pub(crate) fn data(&self, slot: SequenceSlot) -> Option<&SequenceData> {
        self.sequences.get(&slot).map(|sequence| &sequence.data)
    }

    /// As [`KvCache::data`], to write to.
    pub(crate) fn data_mut(
        &mut self,
        slot: SequenceSlot,
    ) -> Option<(&Geometry, &mut SequenceData)> {
        let sequence = self.sequences.get_mut(&slot)?;
        Some((&self.geometry, &mut sequence.data))
    }

    /// Counts `num_tokens` that every layer has written.
    pub(crate) fn advance(&mut self, slot: SequenceSlot, num_tokens: usize) {
        if let Some(sequence) = self.sequences.get_mut(&slot) {
            sequence.len += num_tokens;
        }
    }
}

impl SequenceData {
    fn grow(&mut self, geometry: &Geometry, num_tokens: usize) -> Result<(), EngineError> {
        match self {
            SequenceData::F32(storage) => storage.grow(geometry, num_tokens),
            SequenceData::F16(storage) => storage.grow(geometry, num_tokens),
        }
    }

    fn num_bytes(&self, geometry: &Geometry) -> u64 {
        match self {
            SequenceData::F32(storage) => storage.num_bytes(geometry),
            SequenceData::F16(storage) => storage.num_bytes(geometry),
        }
    }
}

fn unknown(slot: SequenceSlot) -> EngineError {
    EngineError::InvalidArgument(format!("{slot:?} is no sequence of this KV cache"))
}

#[cfg(test)]
mod tests;
