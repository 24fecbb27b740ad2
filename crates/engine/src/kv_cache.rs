//! Keys and values of everything the sequences have seen.
//!
//! Full-attention layers keep all positions, in pages of [`PAGE_TOKENS`] that are allocated as a
//! sequence grows; its list of pages is its block table. Sliding layers keep a ring of
//! `window - 1 + max_chunk` positions per sequence: what the first token of a chunk of `max_chunk`
//! still sees, and the chunk itself. Both count against one budget of bytes, fixed at the start;
//! nothing is allocated before it is needed, and all of it is given back with its sequence.
//!
//! Within a page or ring the order is layer, key/value head, keys then values, position, dimension:
//! one head's keys are contiguous, which is how attention reads them.

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
    /// Most tokens that one sequence adds in one forward pass; sizes the rings.
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
    /// gpt-oss-20b in half precision: 24 KiB for each token of its 12 full layers, and a ring of
    /// 24 KiB × (127 + `max_chunk`).
    pub fn sequence_bytes(
        config: &Config,
        mode: Mode,
        max_chunk: usize,
        num_tokens: usize,
    ) -> Option<u64> {
        let geometry = Geometry::new(config, mode, max_chunk)?;
        let pages = num_tokens.div_ceil(PAGE_TOKENS) as u64;
        pages
            .checked_mul(geometry.page_bytes)?
            .checked_add(geometry.ring_bytes)
    }

    /// Adds an empty sequence and allocates its ring.
    ///
    /// # Errors
    /// [`EngineError::CacheFull`] or [`EngineError::OutOfMemory`]; the cache is as before.
    pub fn add_sequence(&mut self) -> Result<SequenceSlot, EngineError> {
        self.check_budget(self.geometry.ring_bytes)?;
        let data = match self.mode {
            Mode::Exact => SequenceData::F32(Storage::new(&self.geometry)?),
            Mode::Default => SequenceData::F16(Storage::new(&self.geometry)?),
        };
        self.used_bytes += self.geometry.ring_bytes;
        let slot = SequenceSlot(self.next_slot);
        self.next_slot += 1;
        self.sequences.insert(slot, Sequence { len: 0, data });
        Ok(slot)
    }

    /// Forgets a sequence and gives its memory back. Unknown sequences are ignored.
    pub fn free(&mut self, slot: SequenceSlot) {
        if let Some(sequence) = self.sequences.remove(&slot) {
            self.used_bytes -= self.geometry.ring_bytes
                + sequence.data.num_pages() as u64 * self.geometry.page_bytes;
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
        let missing = self.missing_pages(slot, num_tokens)?;
        self.check_budget((missing as u64).saturating_mul(self.geometry.page_bytes))?;
        let Some(sequence) = self.sequences.get_mut(&slot) else {
            return Ok(());
        };
        for _ in 0..missing {
            match &mut sequence.data {
                SequenceData::F32(storage) => storage.add_page(&self.geometry)?,
                SequenceData::F16(storage) => storage.add_page(&self.geometry)?,
            }
            self.used_bytes += self.geometry.page_bytes;
        }
        Ok(())
    }

    /// Bytes that [`KvCache::reserve`] would take from the budget.
    ///
    /// # Errors
    /// [`EngineError::InvalidArgument`] if there is no such sequence.
    pub fn missing_bytes(&self, slot: SequenceSlot, num_tokens: usize) -> Result<u64, EngineError> {
        let missing = self.missing_pages(slot, num_tokens)? as u64;
        Ok(missing.saturating_mul(self.geometry.page_bytes))
    }

    /// Bytes that the sequences take.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Bytes that are left of the budget.
    pub fn free_bytes(&self) -> u64 {
        self.options.budget_bytes - self.used_bytes
    }

    /// Bytes of a new, empty sequence.
    pub fn empty_sequence_bytes(&self) -> u64 {
        self.geometry.ring_bytes
    }

    /// The limits it was made with.
    pub fn options(&self) -> &KvCacheOptions {
        &self.options
    }

    /// The precision it was made for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    fn missing_pages(&self, slot: SequenceSlot, num_tokens: usize) -> Result<usize, EngineError> {
        let sequence = self.sequences.get(&slot).ok_or_else(|| unknown(slot))?;
        if self.geometry.page_bytes == 0 {
            return Ok(0);
        }
        let needed = sequence
            .len
            .saturating_add(num_tokens)
            .div_ceil(PAGE_TOKENS);
        Ok(needed.saturating_sub(sequence.data.num_pages()))
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
    fn num_pages(&self) -> usize {
        match self {
            SequenceData::F32(storage) => storage.num_pages(),
            SequenceData::F16(storage) => storage.num_pages(),
        }
    }
}

fn unknown(slot: SequenceSlot) -> EngineError {
    EngineError::InvalidArgument(format!("{slot:?} is no sequence of this KV cache"))
}

#[cfg(test)]
mod tests;
