//! Byte-pair merging of one piece of text in O(n log n), whatever the piece.
//!
//! The rule: as long as two neighbours can merge, merge the pair of the lowest rank, the leftmost
//! of equals. A queue holds every mergeable pair; after a merge the entries of the pairs that
//! vanished are stale and are skipped when they come up.

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
    queue: Queue,
}

/// A run of bytes that is one token so far. It lives at the index of its first byte.
#[derive(Clone, Copy)]
struct Symbol {
    id: TokenId,
    /// First byte of the symbol to the left; `u32::MAX` at the start.
    prev: u32,
    /// First byte of the symbol to the right: one past this one.
    next: u32,
    /// Rank of the merge with the symbol to the right; `NONE` if there is none, or if this symbol
    /// was merged into its left one.
    pair_rank: u32,
}

const NONE: u32 = u32::MAX;

/// The pairs by rank, then by position; see `entry`. Those of the start are most of them, and
/// sorting them once is faster than keeping them in a heap.
#[derive(Default)]
struct Queue {
    /// The pairs of the start, sorted.
    first: Vec<u64>,
    /// How many of `first` are used up.
    num_popped: usize,
    later: BinaryHeap<Reverse<u64>>,
}

impl Queue {
    fn clear(&mut self) {
        self.first.clear();
        self.num_popped = 0;
        self.later.clear();
    }

    fn pop(&mut self) -> Option<u64> {
        match (self.first.get(self.num_popped), self.later.peek()) {
            (Some(first), Some(Reverse(later))) if later < first => {}
            (Some(&first), _) => {
                self.num_popped += 1;
                return Some(first);
            }
            (None, _) => {}
        }
        self.later.pop().map(|Reverse(later)| later)
    }
}

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
        let Scratch { symbols, queue } = scratch;
        // Pairs looked up, and entries taken from the queue.
        let mut num_steps = piece.len();
        symbols.clear();
        symbols.extend(piece.iter().zip(0..).map(|(&byte, at): (_, u32)| Symbol {
            id: self.byte_ids[usize::from(byte)],
            prev: at.wrapping_sub(1),
            next: at + 1,
            pair_rank: NONE,
        }));
        queue.clear();
        for at in 0..piece.len() as u32 {
            if let Some(merge) = self.pair(vocab, piece, symbols, at) {
                symbols[at as usize].pair_rank = merge.rank;
                queue.first.push(entry(merge.rank, at));
            }
        }
        queue.first.sort_unstable();
        while let Some(top) = queue.pop() {
            num_steps += 1;
            let (rank, at) = ((top >> 32) as u32, top as u32);
            if symbols[at as usize].pair_rank != rank {
                continue; // Stale: the pair is no longer there.
            }
            num_steps += 3;
            let Some(merge) = self.pair(vocab, piece, symbols, at) else {
                continue;
            };
            let right = symbols[at as usize].next;
            let after = symbols[right as usize].next;
            symbols[at as usize].id = merge.id;
            symbols[at as usize].next = after;
            symbols[right as usize].pair_rank = NONE;
            if let Some(after) = symbols.get_mut(after as usize) {
                after.prev = at;
            }
            for changed in [at, symbols[at as usize].prev] {
                let rank = self
                    .pair(vocab, piece, symbols, changed)
                    .map_or(NONE, |m| m.rank);
                let Some(symbol) = symbols.get_mut(changed as usize) else {
                    continue;
                };
                symbol.pair_rank = rank;
                if rank != NONE {
                    queue.later.push(Reverse(entry(rank, changed)));
                }
            }
        }
        // There are fewer merges than bytes, and each queues two pairs at most.
        debug_assert!(
            num_steps <= 7 * piece.len(),
            "{num_steps} steps for {} bytes",
            piece.len()
        );
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
