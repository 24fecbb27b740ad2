//! Causal attention of a batch of queries over the KV cache, with sinks and sliding windows.
//!
//! For query head `h` at position `i`, with the keys `j` that its layer lets it see:
//! `a_j = q·k_j / √d`, `p_j = exp(a_j - m) / (Σ exp(a_j - m) + exp(s_h - m))`, `out = Σ p_j v_j`.
//! The learned sink `s_h` only takes part in the denominator.
//!
//! The heads that share a key/value head are done together, segment by segment of the cache, so
//! that each key is fetched from memory once. Sums run over the keys in the order of their
//! positions, whatever page or chunk they came in.

use std::ops::Range;

use kernels::{Isa, softmax_with_sink};

use crate::{
    Config, LayerType,
    kv_cache::{Geometry, KvElement, SequenceData, Storage},
    pool::{PerWorker, Pool},
};

/// Where a row of the batch stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowPosition {
    /// Number of its sequence within the batch.
    pub(crate) chunk: usize,
    /// Position within the sequence.
    pub(crate) position: usize,
}

/// One layer's attention.
pub(crate) struct Attention<'a> {
    pub(crate) config: &'a Config,
    pub(crate) layer: usize,
    /// `[query heads]`
    pub(crate) sinks: &'a [f32],
    pub(crate) geometry: &'a Geometry,
    /// Keys and values of each sequence of the batch, the batch's own tokens among them.
    pub(crate) sequences: &'a [&'a SequenceData],
    /// One for each row of the batch.
    pub(crate) rows: &'a [RowPosition],
}

impl Attention<'_> {
    /// Attends with the rotated queries `q` `[n, query heads · d]` and writes `out`, same shape.
    pub(crate) fn forward(
        &self,
        isa: Isa,
        pool: &Pool,
        q: &[f32],
        out: &mut [f32],
        scores: &PerWorker<Vec<f32>>,
    ) {
        let num_kv_heads = self.config.num_key_value_heads;
        let group_width = self.config.group_size() * self.config.head_dim;
        let visible: usize = self
            .rows
            .iter()
            .map(|row| self.visible(row.position).len())
            .sum();
        let macs = visible.saturating_mul(2 * self.config.query_width());
        pool.for_each_chunk(out, group_width, macs, |worker, index, out| {
            let row = self.rows[index / num_kv_heads];
            let kv_head = index % num_kv_heads;
            let q = &q[index * group_width..][..group_width];
            let scores = &mut *scores.of(worker);
            match self.sequences[row.chunk] {
                SequenceData::F32(storage) => {
                    self.attend(isa, storage, row.position, kv_head, q, out, scores);
                }
                SequenceData::F16(storage) => {
                    self.attend(isa, storage, row.position, kv_head, q, out, scores);
                }
            }
        });
    }

    /// The positions that a query sees.
    fn visible(&self, position: usize) -> Range<usize> {
        let end = position + 1;
        match self.config.layer_types[self.layer] {
            LayerType::FullAttention => 0..end,
            LayerType::SlidingAttention => end.saturating_sub(self.config.sliding_window)..end,
        }
    }

    /// One query position and the heads `[group, d]` of one key/value head.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are what attention is a function of"
    )]
    fn attend<T: KvElement>(
        &self,
        isa: Isa,
        storage: &Storage<T>,
        position: usize,
        kv_head: usize,
        q: &[f32],
        out: &mut [f32],
        scores: &mut Vec<f32>,
    ) {
        let head_dim = self.config.head_dim;
        let group_size = self.config.group_size();
        let scale = 1.0 / (head_dim as f32).sqrt();
        let visible = self.visible(position);
        let len = visible.len();
        let segments = storage.segments(self.geometry, self.layer, kv_head, visible);

        // Scores [group, len]. A segment's keys stay in the nearest cache for all heads.
        scores.clear();
        scores.resize(group_size * len, 0.0);
        let mut first = 0;
        for (keys, _) in segments.clone() {
            let count = keys.len() / head_dim;
            for (q, scores) in q.chunks_exact(head_dim).zip(scores.chunks_exact_mut(len)) {
                let scores = &mut scores[first..first + count];
                for (score, key) in scores.iter_mut().zip(keys.chunks_exact(head_dim)) {
                    *score = scale * T::dot(isa, q, key);
                }
            }
            first += count;
        }
        let sinks = &self.sinks[kv_head * group_size..][..group_size];
        for (scores, &sink) in scores.chunks_exact_mut(len).zip(sinks) {
            softmax_with_sink(isa, scores, sink);
        }
        out.fill(0.0);
        let mut first = 0;
        for (_, values) in segments {
            let count = values.len() / head_dim;
            for (out, weights) in out.chunks_exact_mut(head_dim).zip(scores.chunks_exact(len)) {
                let weights = &weights[first..first + count];
                for (&weight, value) in weights.iter().zip(values.chunks_exact(head_dim)) {
                    T::add_scaled(isa, weight, value, out);
                }
            }
            first += count;
        }
    }
}
