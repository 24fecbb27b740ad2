//! The seam through which a grammar steers sampling: before each token a constraint says which ids
//! may come next, after it the constraint is told which one did. The engine knows nothing of what
//! the ids mean.

use std::sync::Arc;

use crate::TokenId;

/// Decides which tokens a sequence may produce next.
///
/// One constraint belongs to one sequence. For each generated token the engine calls
/// [`allowed`](Self::allowed) once and then [`accept`](Self::accept) with the token it sampled, the
/// stop token included. A sequence that is preempted and computed again keeps its constraint:
/// tokens are accepted once only.
pub trait LogitConstraint: Send {
    /// The tokens that may come next. If it allows nothing, the sequence fails with
    /// [`SamplingError::NothingToSample`](crate::SamplingError::NothingToSample).
    fn allowed(&mut self) -> TokenMask;

    /// Moves past `token`, which was sampled among the allowed ones.
    fn accept(&mut self, token: TokenId);
}

/// What a [`LogitConstraint`] allows. Cloning is cheap, so a constraint may keep the masks of its
/// states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenMask {
    /// Every token.
    #[default]
    All,
    /// The tokens of the set, no other.
    Only(Arc<TokenSet>),
}

impl TokenMask {
    /// Whether `token` may be sampled.
    pub fn allows(&self, token: TokenId) -> bool {
        match self {
            TokenMask::All => true,
            TokenMask::Only(set) => set.contains(token),
        }
    }
}

impl From<TokenSet> for TokenMask {
    fn from(set: TokenSet) -> Self {
        TokenMask::Only(Arc::new(set))
    }
}

/// A set of token ids below a fixed vocabulary size, one bit each (25 KB for gpt-oss).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSet {
    /// Bit `i % 64` of word `i / 64` says whether id `i` is in the set; bits from `vocab_size` on
    /// are zero.
    words: Vec<u64>,
    vocab_size: usize,
}

impl TokenSet {
    /// The empty set of ids below `vocab_size`.
    pub fn new(vocab_size: usize) -> Self {
        TokenSet {
            words: vec![0; vocab_size.div_ceil(64)],
            vocab_size,
        }
    }

    /// The set of these ids. Ids from `vocab_size` on are left out.
    pub fn from_ids(vocab_size: usize, ids: impl IntoIterator<Item = TokenId>) -> Self {
        let mut set = TokenSet::new(vocab_size);
        for id in ids {
            set.insert(id);
        }
        set
    }

    /// Adds `token`. An id outside the vocabulary can never be sampled and is ignored.
    pub fn insert(&mut self, token: TokenId) {
        if (token as usize) < self.vocab_size {
            self.words[token as usize / 64] |= 1 << (token % 64);
        }
    }

    /// Takes `token` out.
    pub fn remove(&mut self, token: TokenId) {
        if let Some(word) = self.words.get_mut(token as usize / 64) {
            *word &= !(1 << (token % 64));
        }
    }

    /// Whether `token` is in the set.
    pub fn contains(&self, token: TokenId) -> bool {
        self.words
            .get(token as usize / 64)
            .is_some_and(|word| word >> (token % 64) & 1 == 1)
    }

    /// How many ids the set holds.
    pub fn len(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The ids in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            // Clearing the lowest set bit steps to the next id; `None` ends the word.
            std::iter::successors((word != 0).then_some(word), |rest| {
                let next = rest & (rest - 1);
                (next != 0).then_some(next)
            })
            .map(move |rest| index as TokenId * 64 + rest.trailing_zeros())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn everything_is_allowed_by_default() {
        assert!(TokenMask::default().allows(0));
        assert!(TokenMask::default().allows(TokenId::MAX));
    }

    #[test]
    fn ids_outside_the_vocabulary_are_ignored() {
        let mut set = TokenSet::from_ids(65, [64, 65, 66, TokenId::MAX]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [64]);
        assert!(!set.contains(TokenId::MAX));
        set.remove(TokenId::MAX);
        assert_eq!(set.len(), 1);
    }

    proptest! {
        #[test]
        fn a_token_set_is_a_set(
            vocab_size in 0usize..300,
            edits in prop::collection::vec((any::<bool>(), 0u32..320), 0..200),
        ) {
            let mut set = TokenSet::new(vocab_size);
            let mut oracle = BTreeSet::new();
            for (add, id) in edits {
                if add {
                    set.insert(id);
                    if (id as usize) < vocab_size {
                        oracle.insert(id);
                    }
                } else {
                    set.remove(id);
                    oracle.remove(&id);
                }
            }
            prop_assert_eq!(set.len(), oracle.len());
            prop_assert_eq!(set.is_empty(), oracle.is_empty());
            prop_assert!((0..400).all(|id| set.contains(id) == oracle.contains(&id)));
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), oracle.into_iter().collect::<Vec<_>>());
        }
    }
}
