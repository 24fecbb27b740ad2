//! Byte-pair merging of one piece of text in O(n log n), whatever the piece.
//!
//! The rule: as long as two neighbours can merge, merge the pair of the lowest rank, the leftmost of equals. A heap holds
//! every mergeable pair; after a merge the entries of the symbols that vanished are stale and are skipped when they come up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;

use crate::TokenId;
use crate::vocab::Vocab;

/// Longer pieces are cut here, so that positions fit into 32 bits.
const MAX_PIECE_BYTES: usize = 1 << 31;

/// Which neighbours merge, and in what order.
pub(crate) enum Merges {
    /// tiktoken: two neighbours merge when their joined bytes are a token, whose id is the rank.
    ByRank,
    /// Hugging Face: the listed pairs merge, in the order of the list.
    Listed(HashMap<(TokenId, TokenId), Merge>),
}

/// What becomes of a listed pair.
#[derive(Clone, Copy)]
pub(crate) struct Merge {
    pub(crate) rank: u32,
    pub(crate) id: TokenId,
}

/// The encoder of pieces.
pub(crate) struct Bpe {
    pub(crate) merges: Merges,
    /// A piece that is a token as a whole becomes that token, whatever the merges say.
    pub(crate) whole_piece_first: bool,
    /// The token of each single byte.
    pub(crate) byte_ids: [TokenId; 256],
}

/// Memory that the pieces of one text share.
#[derive(Default)]
pub(crate) struct Scratch {
    symbols: Vec<Symbol>,
    heap: BinaryHeap<Reverse<u64>>,
}

/// A run of bytes that is one token so far. It lives at the index of its first byte.
#[derive(Clone, Copy)]
struct Symbol {
    id: TokenId,
    /// First byte of the symbol to the left; `u32::MAX` at the start.
    prev: u32,
    /// First byte of the symbol to the right = one past this one; `GONE` when this one was merged into its left neighbour.
    next: u32,
}

const GONE: u32 = u32::MAX;

impl Bpe {
    /// Appends the tokens of `piece` to `out`.
    pub(crate) fn encode(
        &self,
        vocab: &Vocab,
        piece: &[u8],
        scratch: &mut Scratch,
        out: &mut Vec<TokenId>,
    ) {
        if let [byte] = piece {
            out.push(self.byte_ids[usize::from(*byte)]);
            return;
        }
        if self.whole_piece_first
            && let Some(id) = vocab.find(piece)
        {
            out.push(id);
            return;
        }
        for piece in piece.chunks(MAX_PIECE_BYTES) {
            self.merge(vocab, piece, scratch, out);
        }
    }

    fn merge(&self, vocab: &Vocab, piece: &[u8], scratch: &mut Scratch, out: &mut Vec<TokenId>) {
        let Scratch { symbols, heap } = scratch;
        symbols.clear();
        symbols.extend(piece.iter().zip(0..).map(|(&byte, at): (_, u32)| Symbol {
            id: self.byte_ids[usize::from(byte)],
            prev: at.wrapping_sub(1),
            next: at + 1,
        }));
        let mut entries = std::mem::take(heap).into_vec();
        entries.clear();
        entries.extend((0..piece.len() as u32).filter_map(|at| {
            self.pair(vocab, piece, symbols, at)
                .map(|merge| Reverse(entry(merge.rank, at)))
        }));
        *heap = BinaryHeap::from(entries);
        while let Some(Reverse(top)) = heap.pop() {
            let (rank, at) = ((top >> 32) as u32, top as u32);
            // Stale unless this very pair is still there.
            let Some(merge) = self
                .pair(vocab, piece, symbols, at)
                .filter(|m| m.rank == rank)
            else {
                continue;
            };
            let right = symbols[at as usize].next;
            let after = symbols[right as usize].next;
            symbols[at as usize].id = merge.id;
            symbols[at as usize].next = after;
            symbols[right as usize].next = GONE;
            if let Some(after) = symbols.get_mut(after as usize) {
                after.prev = at;
            }
            for changed in [at, symbols[at as usize].prev] {
                if let Some(merge) = self.pair(vocab, piece, symbols, changed) {
                    heap.push(Reverse(entry(merge.rank, changed)));
                }
            }
        }
        let mut at = 0;
        while let Some(symbol) = symbols.get(at) {
            out.push(symbol.id);
            at = symbol.next as usize;
        }
    }

    /// What the symbol that starts at `at` and its right neighbour merge into.
    #[inline]
    fn pair(&self, vocab: &Vocab, piece: &[u8], symbols: &[Symbol], at: u32) -> Option<Merge> {
        let left = symbols.get(at as usize)?;
        let right = symbols.get(left.next as usize)?;
        match &self.merges {
            Merges::ByRank => {
                let id = vocab.find(&piece[at as usize..right.next as usize])?;
                Some(Merge { rank: id, id })
            }
            Merges::Listed(listed) => listed.get(&(left.id, right.id)).copied(),
        }
    }
}

/// Orders by rank, then by position.
fn entry(rank: u32, at: u32) -> u64 {
    u64::from(rank) << 32 | u64::from(at)
}
