//! The mixture of experts: each token visits the few experts its router likes best.
//!
//! The copies of all tokens of a batch are sorted by expert, so that each expert's weights are
//! decoded once for all its tokens. What a token gets back is summed in the order in which its own
//! router ranked the experts, so that batch mates cannot change a bit of it.

mod routing;

use std::ops::Range;

use kernels::{
    ColumnsMut, Isa, Q8RowsMut, matmul_f32_float_transposed, matmul_f32_mxfp4, matmul_q8_mxfp4,
    quantize_q8, swiglu,
};

pub(crate) use routing::Routing;

use crate::{
    Config, Mode,
    linear::DenseInput,
    pool::{Pool, rows_per_piece},
    run_state::{MoeState, Q8Buffer},
    weights::{ExpertMatrix, ExpertProjection, LayerWeights},
};

/// Rows that are quantised as one piece of work.
const QUANTIZE_ROWS: usize = 8;

/// Values that share a scale in 8 bits.
const BLOCK: usize = 32;

/// One layer's experts.
pub(crate) struct Moe<'a> {
    pub(crate) config: &'a Config,
    pub(crate) weights: &'a LayerWeights,
    pub(crate) mode: Mode,
    pub(crate) isa: Isa,
    pub(crate) pool: &'a Pool,
}

/// Some activated outputs of one expert, for all its copies: a piece of work.
struct HiddenPiece<'a> {
    expert: usize,
    copies: Range<usize>,
    /// Of the expert's hidden values.
    range: Range<usize>,
    out: HiddenOut<'a>,
}

/// Where hidden values go: in the form that the down projection takes.
enum HiddenOut<'a> {
    F32(ColumnsMut<'a>),
    Q8(Q8RowsMut<'a>),
}

/// Some outputs of the down projection of one expert, for all its copies: a piece of work.
struct OutputPiece<'a> {
    expert: usize,
    copies: Range<usize>,
    range: Range<usize>,
    out: ColumnsMut<'a>,
}

/// What a worker needs for the gate and up projections of a piece, before and after the activation.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    gate_up: Vec<f32>,
    hidden: Vec<f32>,
}

impl Moe<'_> {
    /// Adds the experts' answer to `x` `[n, hidden]` to `residual` `[n, hidden]`.
    pub(crate) fn forward(&self, x: &[f32], residual: &mut [f32], state: &mut MoeState) {
        let hidden = self.config.hidden_size;
        let n = x.len() / hidden;
        let router_logits = &mut state.router_logits[..n * self.config.num_local_experts];
        let input = DenseInput { x, q16: None };
        self.weights
            .router
            .forward(self.isa, self.pool, input, router_logits);
        state.routing.route(router_logits, n);

        self.gather(x, state);
        self.gate_up(state);
        self.down(state);
        self.combine(state, residual);
    }

    /// Whether this projection takes activations in 8 bits.
    fn takes_q8(&self, projection: &ExpertProjection) -> bool {
        self.mode == Mode::Default && projection.is_mxfp4()
    }

    /// Copies each token's row to the places of its copies: `rows`, or `copy_q8`.
    fn gather(&self, x: &[f32], state: &mut MoeState) {
        let hidden = self.config.hidden_size;
        let MoeState {
            routing,
            rows,
            token_q8,
            copy_q8,
            ..
        } = state;
        if self.takes_q8(&self.weights.gate_up) {
            self.quantize(x, hidden, token_q8);
            for (copy, &token) in routing.tokens().iter().enumerate() {
                copy_q8.copy_row(copy, token_q8, token, hidden);
            }
        } else {
            for (row, &token) in rows.chunks_exact_mut(hidden).zip(routing.tokens()) {
                row.copy_from_slice(&x[token * hidden..][..hidden]);
            }
        }
    }

    /// Quantises `x` `[rows, cols]`.
    fn quantize(&self, x: &[f32], cols: usize, out: &mut Q8Buffer) {
        let mut out = out.slices(cols);
        let pieces = x.chunks(QUANTIZE_ROWS * cols);
        let items: Vec<_> = pieces.map(|x| (x, out.take(x.len() / cols))).collect();
        self.pool
            .for_each(items, x.len(), |_, (x, out)| quantize_q8(self.isa, x, out));
    }

    /// The gate and up projections of every copy at its expert, their biases, the clamped SwiGLU
    /// and, if the down projection takes 8 bits, the rounding to them: all while the values of a
    /// piece are in the nearest cache.
    fn gate_up(&self, state: &mut MoeState) {
        let MoeState {
            routing,
            rows,
            hidden,
            copy_q8,
            hidden_q8,
            scratch,
            ..
        } = state;
        let projection = &self.weights.gate_up;
        let (inputs, inner) = (projection.num_inputs(), self.config.intermediate_size);
        let macs = (routing.num_copies() * inputs).saturating_mul(2 * inner);
        let takes_q8 = self.takes_q8(&self.weights.down);

        let mut pieces = Vec::new();
        let mut hidden_q8 = hidden_q8.slices(inner);
        let mut hidden = &mut hidden[..];
        for (expert, copies) in routing.experts() {
            let width = rows_per_piece(2 * inner, inputs * copies.len()) / 2;
            let width = width.next_multiple_of(BLOCK);
            let mut add = |index, out| {
                let start = index * width;
                pieces.push(HiddenPiece {
                    expert,
                    copies: copies.clone(),
                    range: start..inner.min(start + width),
                    out,
                });
            };
            if takes_q8 {
                let columns = hidden_q8.take(copies.len()).block_chunks(width / BLOCK);
                for (index, out) in columns.enumerate() {
                    add(index, HiddenOut::Q8(out));
                }
            } else {
                let rows = take(&mut hidden, copies.len() * inner);
                for (index, out) in ColumnsMut::new(rows, inner).chunks(width).enumerate() {
                    add(index, HiddenOut::F32(out));
                }
            }
        }
        let (rows, copy_q8) = (&*rows, &*copy_q8);
        self.pool.for_each(pieces, macs, |worker, piece| {
            self.activate(piece, rows, copy_q8, &mut scratch.of(worker));
        });
    }

    fn activate(&self, piece: HiddenPiece<'_>, x: &[f32], q8: &Q8Buffer, scratch: &mut Scratch) {
        let projection = &self.weights.gate_up;
        let (alpha, limit) = (self.config.swiglu_alpha, self.config.swiglu_limit);
        let range = 2 * piece.range.start..2 * piece.range.end;
        let width = piece.range.len();
        let Scratch { gate_up, hidden } = scratch;
        gate_up.resize(piece.copies.len() * 2 * width, 0.0);
        hidden.resize(piece.copies.len() * width, 0.0);
        let out = ColumnsMut::new(gate_up, 2 * width);
        self.multiply(
            projection,
            piece.expert,
            range.clone(),
            piece.copies,
            (x, q8),
            out,
        );
        let bias = &projection.bias(piece.expert)[range];
        let rows = gate_up.chunks_exact_mut(2 * width);
        for (gate_up, hidden) in rows.zip(hidden.chunks_exact_mut(width)) {
            add(gate_up, bias);
            swiglu(self.isa, gate_up, alpha, limit, hidden);
        }
        match piece.out {
            HiddenOut::Q8(out) => quantize_q8(self.isa, hidden, out),
            HiddenOut::F32(mut out) => {
                for (j, hidden) in hidden.chunks_exact(width).enumerate() {
                    out.row(j).copy_from_slice(hidden);
                }
            }
        }
    }

    /// The down projection of every copy at its expert, with its biases: `rows` `[copies, hidden]`.
    fn down(&self, state: &mut MoeState) {
        let MoeState {
            routing,
            rows,
            hidden,
            hidden_q8,
            ..
        } = state;
        let projection = &self.weights.down;
        let (inputs, outputs) = (projection.num_inputs(), projection.num_outputs());
        let macs = (routing.num_copies() * inputs).saturating_mul(outputs);
        let mut pieces = Vec::new();
        let mut rows = &mut rows[..];
        for (expert, copies) in routing.experts() {
            let width = rows_per_piece(outputs, inputs * copies.len());
            let rows = take(&mut rows, copies.len() * outputs);
            for (index, out) in ColumnsMut::new(rows, outputs).chunks(width).enumerate() {
                let start = index * width;
                pieces.push(OutputPiece {
                    expert,
                    copies: copies.clone(),
                    range: start..start + out.cols(),
                    out,
                });
            }
        }
        let (hidden, hidden_q8) = (&*hidden, &*hidden_q8);
        self.pool.for_each(pieces, macs, |_, mut piece| {
            let OutputPiece { expert, copies, .. } = &piece;
            let (expert, num_copies) = (*expert, copies.len());
            let bias = &projection.bias(expert)[piece.range.clone()];
            self.multiply(
                projection,
                expert,
                piece.range,
                piece.copies,
                (hidden, hidden_q8),
                piece.out.reborrow(),
            );
            for j in 0..num_copies {
                add(piece.out.row(j), bias);
            }
        });
    }

    /// Multiplies copies with rows of the weights of their expert. The input is the second of the
    /// two where the projection takes it.
    fn multiply(
        &self,
        projection: &ExpertProjection,
        expert: usize,
        rows: Range<usize>,
        copies: Range<usize>,
        (x, q8): (&[f32], &Q8Buffer),
        out: ColumnsMut<'_>,
    ) {
        let inputs = projection.num_inputs();
        let takes_q8 = self.takes_q8(projection);
        let x = || &x[copies.start * inputs..copies.end * inputs];
        match projection.expert(expert) {
            ExpertMatrix::Mxfp4(w) if takes_q8 => {
                let x = q8.rows(copies.start, copies.len(), inputs);
                matmul_q8_mxfp4(self.isa, w, rows, x, out);
            }
            ExpertMatrix::Mxfp4(w) => matmul_f32_mxfp4(self.isa, w, rows, x(), out),
            ExpertMatrix::Transposed(w) => {
                matmul_f32_float_transposed(self.isa, w, rows, x(), out);
            }
        }
    }

    /// Weighs the copies of each token and adds them to its residual, best expert first.
    fn combine(&self, state: &mut MoeState, residual: &mut [f32]) {
        let MoeState { routing, rows, .. } = state;
        let hidden = self.config.hidden_size;
        let macs = routing.num_copies() * hidden;
        let rows = &*rows;
        self.pool
            .for_each_chunk(residual, hidden, macs, |_, token, residual| {
                for (copy, weight) in routing.copies_of(token) {
                    for (x, y) in residual.iter_mut().zip(&rows[copy * hidden..][..hidden]) {
                        *x += weight * y;
                    }
                }
            });
    }
}

/// The first `len` elements, which are taken off the slice.
fn take<'a>(slice: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    slice
        .split_off_mut(..len)
        .expect("there is room for all copies")
}

fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
