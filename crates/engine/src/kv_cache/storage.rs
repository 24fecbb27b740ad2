//! The memory of one sequence, and where in it each key and value is.

use std::ops::Range;

use kernels::Isa;

use super::{KvElement, PAGE_TOKENS};
use crate::{Config, EngineError, LayerType, Mode};

/// Sizes that follow from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Kind of each layer, and its number among the layers of its kind.
    layers: Vec<(LayerType, usize)>,
    num_kv_heads: usize,
    head_dim: usize,
    /// Positions in the ring of a sliding layer.
    ring_tokens: usize,
    /// Elements of a page, all full layers together.
    page_len: usize,
    /// Elements of a ring, all sliding layers together.
    ring_len: usize,
    /// The same in bytes.
    pub(super) page_bytes: u64,
    pub(super) ring_bytes: u64,
}

impl Geometry {
    /// `None` if `max_chunk` is 0 or a size overflows.
    pub(super) fn new(config: &Config, mode: Mode, max_chunk: usize) -> Option<Geometry> {
        let element_bytes: u64 = match mode {
            Mode::Exact => 4,
            Mode::Default => 2,
        };
        let mut counts = (0, 0);
        let layers = config
            .layer_types
            .iter()
            .map(|&kind| {
                let count = match kind {
                    LayerType::FullAttention => &mut counts.0,
                    LayerType::SlidingAttention => &mut counts.1,
                };
                *count += 1;
                (kind, *count - 1)
            })
            .collect();
        // A ring as long as the longest sequence never wraps; a longer one is of no use.
        let ring_tokens = (config.sliding_window - 1)
            .checked_add(max_chunk)
            .filter(|_| max_chunk > 0)?
            .min(config.max_position_embeddings);
        let layer_len = |tokens: usize| tokens.checked_mul(config.kv_width())?.checked_mul(2);
        let page_len = layer_len(PAGE_TOKENS)?.checked_mul(counts.0)?;
        let ring_len = layer_len(ring_tokens)?.checked_mul(counts.1)?;
        Some(Geometry {
            layers,
            num_kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            ring_tokens,
            page_len,
            ring_len,
            page_bytes: (page_len as u64).checked_mul(element_bytes)?,
            ring_bytes: (ring_len as u64).checked_mul(element_bytes)?,
        })
    }

    /// Where the keys (and behind them the values) of a head start in a page or ring of `tokens`
    /// positions; `layer` counts the layers of its kind.
    fn head_start(&self, layer: usize, head: usize, tokens: usize) -> usize {
        (layer * self.num_kv_heads + head) * 2 * tokens * self.head_dim
    }
}

/// Contiguous keys and the values of the same positions, each `[positions, head_dim]`.
pub(crate) type Segment<'a, T> = (&'a [T], &'a [T]);

/// The keys and values of one sequence.
#[derive(Debug)]
pub(crate) struct Storage<T> {
    /// Block table: page `i` holds the positions from `i * PAGE_TOKENS` on, of all full layers.
    pages: Vec<Box<[T]>>,
    /// Position `p` of each sliding layer is at `p % ring_tokens`.
    ring: Box<[T]>,
}

impl<T: KvElement> Storage<T> {
    /// An empty sequence with its ring.
    pub(super) fn new(geometry: &Geometry) -> Result<Storage<T>, EngineError> {
        Ok(Storage {
            pages: Vec::new(),
            ring: allocate(geometry.ring_len)?,
        })
    }

    /// Adds a page at the end of the block table.
    pub(super) fn add_page(&mut self, geometry: &Geometry) -> Result<(), EngineError> {
        let page = allocate(geometry.page_len)?;
        self.pages.push(page);
        Ok(())
    }

    /// Writes the key and value of one head at one position; a page must be there.
    pub(crate) fn write(
        &mut self,
        isa: Isa,
        geometry: &Geometry,
        (layer, head, position): (usize, usize, usize),
        key: &[f32],
        value: &[f32],
    ) {
        let (kind, layer) = geometry.layers[layer];
        let (memory, tokens, index) = match kind {
            LayerType::FullAttention => (
                &mut self.pages[position / PAGE_TOKENS],
                PAGE_TOKENS,
                position % PAGE_TOKENS,
            ),
            LayerType::SlidingAttention => (
                &mut self.ring,
                geometry.ring_tokens,
                position % geometry.ring_tokens,
            ),
        };
        let head_len = tokens * geometry.head_dim;
        let start = geometry.head_start(layer, head, tokens);
        let (keys, values) = memory[start..start + 2 * head_len].split_at_mut(head_len);
        let range = index * geometry.head_dim..(index + 1) * geometry.head_dim;
        T::store(isa, key, &mut keys[range.clone()]);
        T::store(isa, value, &mut values[range]);
    }

    /// The keys and values of one head at a range of positions, in order.
    ///
    /// On a sliding layer the range must still be in the ring.
    pub(crate) fn segments(
        &self,
        geometry: &Geometry,
        layer: usize,
        head: usize,
        positions: Range<usize>,
    ) -> impl Iterator<Item = Segment<'_, T>> + Clone {
        let (kind, layer) = geometry.layers[layer];
        let tokens = match kind {
            LayerType::FullAttention => PAGE_TOKENS,
            LayerType::SlidingAttention => geometry.ring_tokens,
        };
        let head_dim = geometry.head_dim;
        let start = geometry.head_start(layer, head, tokens);
        let mut next = positions.start;
        // Each segment ends with its page, or where the ring wraps.
        std::iter::from_fn(move || {
            if next >= positions.end {
                return None;
            }
            let index = next % tokens;
            let count = (tokens - index).min(positions.end - next);
            let memory = match kind {
                LayerType::FullAttention => &self.pages[next / PAGE_TOKENS],
                LayerType::SlidingAttention => &self.ring,
            };
            next += count;
            let (keys, values) =
                memory[start..start + 2 * tokens * head_dim].split_at(tokens * head_dim);
            let range = index * head_dim..(index + count) * head_dim;
            Some((&keys[range.clone()], &values[range]))
        })
    }
}

impl<T> Storage<T> {
    /// Number of pages.
    pub(super) fn num_pages(&self) -> usize {
        self.pages.len()
    }
}

/// Zeroed memory, or an error instead of an abort.
fn allocate<T: Copy + Default>(len: usize) -> Result<Box<[T]>, EngineError> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(len)
        .map_err(|_| EngineError::OutOfMemory {
            bytes: len as u64 * size_of::<T>() as u64,
            purpose: "the KV cache",
        })?;
    memory.resize(len, T::default());
    Ok(memory.into_boxed_slice())
}
