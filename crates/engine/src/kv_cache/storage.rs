//! The memory of one sequence, and where in it each key and value is.

use std::fmt;
use std::ops::Range;

use kernels::Isa;

use super::{KvElement, PAGE_TOKENS};
use crate::{Config, EngineError, LayerType, Mode, memory};

/// Sizes that follow from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Table of each layer, and its number among the layers of that table.
    layers: Vec<(TableKind, usize)>,
    num_kv_heads: usize,
    head_dim: usize,
    full: TableGeometry,
    ring: TableGeometry,
}

/// The two block tables of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableKind {
    /// All positions of the full-attention layers.
    Full,
    /// The last positions of the sliding layers.
    Ring,
}

/// The pages of one block table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableGeometry {
    /// Elements of a page, all layers of the table together; 0 if it has no layers.
    page_len: usize,
    /// The same in bytes.
    pub(crate) page_bytes: u64,
    /// Most pages: position `p` is in page `p / PAGE_TOKENS % max_pages`.
    pub(crate) max_pages: usize,
}

impl TableGeometry {
    fn new(layer_page_len: usize, num_layers: usize, mode: Mode, max_pages: usize) -> Option<Self> {
        let element_bytes: u64 = match mode {
            Mode::Exact => 4,
            Mode::Default => 2,
        };
        let page_len = layer_page_len.checked_mul(num_layers)?;
        Some(TableGeometry {
            page_len,
            page_bytes: (page_len as u64).checked_mul(element_bytes)?,
            max_pages,
        })
    }

    /// Pages of a sequence that has room for `num_tokens`; it always has a first one.
    pub(super) fn num_pages(&self, num_tokens: usize) -> usize {
        match self.page_len {
            0 => 0,
            _ => num_tokens.max(1).div_ceil(PAGE_TOKENS).min(self.max_pages),
        }
    }
}

impl Geometry {
    /// `None` if `max_chunk` is 0 or a size overflows.
    pub(super) fn new(config: &Config, mode: Mode, max_chunk: usize) -> Option<Geometry> {
        let mut num_layers = (0, 0);
        let layers = config
            .layer_types
            .iter()
            .map(|kind| {
                let (table, count) = match kind {
                    LayerType::FullAttention => (TableKind::Full, &mut num_layers.0),
                    LayerType::SlidingAttention => (TableKind::Ring, &mut num_layers.1),
                };
                *count += 1;
                (table, *count - 1)
            })
            .collect();
        // What must be there at once: all that the first token of a chunk sees, and the chunk.
        let ring_tokens = (config.sliding_window - 1)
            .checked_add(max_chunk)
            .filter(|_| max_chunk > 0)?;
        // So many consecutive positions touch one page more if they start at the end of one; and
        // pages for more positions than a sequence may have are of no use.
        let ring_pages = ((ring_tokens - 1).div_ceil(PAGE_TOKENS) + 1)
            .min(config.max_position_embeddings.div_ceil(PAGE_TOKENS));
        let layer_page_len = config.kv_width().checked_mul(2 * PAGE_TOKENS)?;
        Some(Geometry {
            layers,
            num_kv_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            full: TableGeometry::new(layer_page_len, num_layers.0, mode, usize::MAX)?,
            ring: TableGeometry::new(layer_page_len, num_layers.1, mode, ring_pages)?,
        })
    }

    /// The pages of the full-attention layers.
    pub(crate) fn full(&self) -> &TableGeometry {
        &self.full
    }

    /// The pages of the sliding layers.
    pub(crate) fn ring(&self) -> &TableGeometry {
        &self.ring
    }

    /// Bytes of a sequence that has room for `num_tokens`; `None` if they cannot be counted.
    pub(super) fn sequence_bytes(&self, num_tokens: usize) -> Option<u64> {
        let bytes = |table: &TableGeometry| {
            (table.num_pages(num_tokens) as u64).checked_mul(table.page_bytes)
        };
        bytes(&self.full)?.checked_add(bytes(&self.ring)?)
    }

    /// Where the keys (and behind them the values) of a head start in a page; `layer` counts the
    /// layers of its table.
    fn head_start(&self, layer: usize, head: usize) -> usize {
        (layer * self.num_kv_heads + head) * 2 * PAGE_TOKENS * self.head_dim
    }

    fn table(&self, kind: TableKind) -> &TableGeometry {
        match kind {
            TableKind::Full => &self.full,
            TableKind::Ring => &self.ring,
        }
    }
}

/// Contiguous keys and the values of the same positions, each `[positions, head_dim]`.
pub(crate) type Segment<'a, T> = (&'a [T], &'a [T]);

/// The keys and values of one sequence: a block table for the layers of each kind.
pub(crate) struct Storage<T> {
    full: Vec<Box<[T]>>,
    ring: Vec<Box<[T]>>,
}

impl<T: KvElement> Storage<T> {
    /// A sequence without any page.
    pub(super) fn new() -> Storage<T> {
        Storage {
            full: Vec::new(),
            ring: Vec::new(),
        }
    }

    /// Adds the pages that `num_tokens` positions need.
    ///
    /// # Errors
    /// [`EngineError::OutOfMemory`]; the sequence keeps the pages it has by then.
    pub(super) fn grow(
        &mut self,
        geometry: &Geometry,
        num_tokens: usize,
    ) -> Result<(), EngineError> {
        for (pages, table) in [
            (&mut self.full, &geometry.full),
            (&mut self.ring, &geometry.ring),
        ] {
            while pages.len() < table.num_pages(num_tokens) {
                let page = memory::allocate(table.page_len, "the KV cache")?;
                pages.push(page.into_boxed_slice());
            }
        }
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
        let pages = match kind {
            TableKind::Full => &mut self.full,
            TableKind::Ring => &mut self.ring,
        };
        let page = &mut pages[position / PAGE_TOKENS % geometry.table(kind).max_pages];
        let head_len = PAGE_TOKENS * geometry.head_dim;
        let start = geometry.head_start(layer, head);
        let (keys, values) = page[start..start + 2 * head_len].split_at_mut(head_len);
        let index = position % PAGE_TOKENS;
        let range = index * geometry.head_dim..(index + 1) * geometry.head_dim;
        T::store(isa, key, &mut keys[range.clone()]);
        T::store(isa, value, &mut values[range]);
    }

    /// The keys and values of one head at a range of positions, in order, page by page.
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
        let pages = match kind {
            TableKind::Full => &self.full,
            TableKind::Ring => &self.ring,
        };
        let max_pages = geometry.table(kind).max_pages;
        let head_dim = geometry.head_dim;
        let head_len = PAGE_TOKENS * head_dim;
        let start = geometry.head_start(layer, head);
        let mut next = positions.start;
        std::iter::from_fn(move || {
            if next >= positions.end {
                return None;
            }
            let index = next % PAGE_TOKENS;
            let count = (PAGE_TOKENS - index).min(positions.end - next);
            let page = &pages[next / PAGE_TOKENS % max_pages];
            next += count;
            let (keys, values) = page[start..start + 2 * head_len].split_at(head_len);
            let range = index * head_dim..(index + count) * head_dim;
            Some((&keys[range.clone()], &values[range]))
        })
    }
}

impl<T> Storage<T> {
    /// Bytes of its pages.
    pub(super) fn num_bytes(&self, geometry: &Geometry) -> u64 {
        self.full.len() as u64 * geometry.full.page_bytes
            + self.ring.len() as u64 * geometry.ring.page_bytes
    }
}

impl<T> fmt::Debug for Storage<T> {
    /// Not the numbers: nobody wants to see gigabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("full_pages", &self.full.len())
            .field("ring_pages", &self.ring.len())
            .finish()
    }
}
