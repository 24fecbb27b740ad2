//! Which token goes to which expert, and the order of the copies.

use std::ops::Range;

use kernels::topk_softmax;

use crate::{Config, EngineError, run_state::allocate};

/// The choice of experts for a batch.
///
/// A *copy* is one token at one of its experts. Copies are numbered by expert, then by token; the
/// copies of one expert are contiguous.
#[derive(Debug)]
pub(crate) struct Routing {
    num_experts: usize,
    experts_per_token: usize,
    num_copies: usize,
    /// Chosen experts of each token, best first, `[n, experts_per_token]`.
    experts: Vec<u32>,
    /// Their weights, of the same shape.
    weights: Vec<f32>,
    /// The number of each of those copies, of the same shape.
    copies: Vec<usize>,
    /// The token of each copy.
    tokens: Vec<usize>,
    /// The first copy of each expert, and the number of all copies at the end: `[experts + 1]`.
    starts: Vec<usize>,
}

impl Routing {
    /// Room for `n` tokens.
    pub(crate) fn new(config: &Config, n: usize) -> Result<Routing, EngineError> {
        let k = config.num_experts_per_tok;
        Ok(Routing {
            num_experts: config.num_local_experts,
            experts_per_token: k,
            num_copies: 0,
            experts: allocate(n, k)?,
            weights: allocate(n, k)?,
            copies: allocate(n, k)?,
            tokens: allocate(n, k)?,
            starts: allocate(config.num_local_experts + 1, 1)?,
        })
    }

    /// Chooses the experts of `n` tokens from `logits` `[n, experts]` and sorts the copies.
    pub(crate) fn route(&mut self, logits: &[f32], n: usize) {
        let k = self.experts_per_token;
        self.num_copies = n * k;
        let chosen = self
            .weights
            .chunks_exact_mut(k)
            .zip(self.experts.chunks_exact_mut(k));
        for (logits, (weights, experts)) in logits.chunks_exact(self.num_experts).zip(chosen) {
            topk_softmax(logits, weights, experts);
        }
        // Counting sort: afterwards `starts[e + 1]` is the end of expert e.
        let experts = &self.experts[..self.num_copies];
        self.starts.fill(0);
        for &expert in experts {
            self.starts[expert as usize + 1] += 1;
        }
        for e in 0..self.num_experts {
            self.starts[e + 1] += self.starts[e];
        }
        // `starts[e]` runs from the start of expert e to its end, which is the start of e + 1.
        for (i, &expert) in experts.iter().enumerate() {
            let next = &mut self.starts[expert as usize];
            self.copies[i] = *next;
            self.tokens[*next] = i / k;
            *next += 1;
        }
        self.starts.copy_within(0..self.num_experts, 1);
        self.starts[0] = 0;
    }

    /// Number of copies.
    pub(crate) fn num_copies(&self) -> usize {
        self.num_copies
    }

    /// The token of each copy.
    pub(crate) fn tokens(&self) -> &[usize] {
        &self.tokens[..self.num_copies]
    }

    /// The copies of a token and their weights, best expert first.
    pub(crate) fn copies_of(&self, token: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = token * self.experts_per_token..(token + 1) * self.experts_per_token;
        let weights = self.weights[range.clone()].iter().copied();
        self.copies[range].iter().copied().zip(weights)
    }

    /// The experts that have copies, and these, in order.
    pub(crate) fn experts(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let ranges = self.starts.windows(2).map(|pair| pair[0]..pair[1]);
        ranges.enumerate().filter(|(_, copies)| !copies.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three tokens, four experts, two each.
    fn routed() -> Routing {
        let mut routing = Routing {
            num_experts: 4,
            experts_per_token: 2,
            num_copies: 0,
            experts: vec![0; 8],
            weights: vec![0.0; 8],
            copies: vec![0; 8],
            tokens: vec![0; 8],
            starts: vec![0; 5],
        };
        let logits = [
            0.0, 9.0, 1.0, 5.0, // experts 1, 3
            7.0, 8.0, 0.0, 0.0, // experts 1, 0
            0.0, 0.0, 0.0, 1.0, // experts 3, 0 (a tie goes to the lower)
        ];
        routing.route(&logits, 3);
        routing
    }

    #[test]
    fn copies_are_sorted_by_expert_then_token() {
        let routing = routed();
        assert_eq!(routing.tokens(), [1, 2, 0, 1, 0, 2]);
        let experts: Vec<_> = routing.experts().collect();
        assert_eq!(experts, [(0, 0..2), (1, 2..4), (3, 4..6)]);
        let copies = |token| {
            routing
                .copies_of(token)
                .map(|(copy, _)| copy)
                .collect::<Vec<_>>()
        };
        assert_eq!(copies(0), [2, 4]);
        assert_eq!(copies(1), [3, 0]);
        assert_eq!(copies(2), [5, 1]);
        for token in 0..3 {
            let sum: f32 = routing.copies_of(token).map(|(_, weight)| weight).sum();
            assert!((sum - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn routing_again_forgets_the_batch_before() {
        let mut routing = routed();
        routing.route(&[1.0, 2.0, 3.0, 4.0], 1);
        assert_eq!(routing.tokens(), [0, 0]);
        assert_eq!(
            routing
                .copies_of(0)
                .map(|(copy, _)| copy)
                .collect::<Vec<_>>(),
            [1, 0]
        );
        assert_eq!(
            routing.experts().collect::<Vec<_>>(),
            [(2, 0..1), (3, 1..2)]
        );
    }
}
