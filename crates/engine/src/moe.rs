//! The mixture of experts: each token visits the few experts its router likes best.
//!
//! The copies of all tokens of a batch are sorted by expert, so that each expert's weights are
//! decoded once for all its tokens. What a token gets back is summed in the order in which its own
//! router ranked the experts, so that batch mates cannot change a bit of it.

mod routing;

use kernels::{
    Isa, matmul_f32_bf16_transposed, matmul_f32_mxfp4, matmul_q8_mxfp4, quantize_q8, swiglu,
};

pub(crate) use routing::Routing;

use crate::{
    Config, Mode,
    linear::{TILE, transpose_tile},
    pool::{Pool, rows_per_piece},
    run_state::{MoeState, Q8Buffer},
    weights::{ExpertMatrix, ExpertProjection, LayerWeights},
};

/// Rows that are quantised as one piece of work.
const QUANTIZE_ROWS: usize = 8;

/// One layer's experts.
pub(crate) struct Moe<'a> {
    pub(crate) config: &'a Config,
    pub(crate) weights: &'a LayerWeights,
    pub(crate) mode: Mode,
    pub(crate) isa: Isa,
    pub(crate) pool: &'a Pool,
}

impl Moe<'_> {
    /// Adds the experts' answer to `x` `[n, hidden]` to `residual` `[n, hidden]`.
    ///
    /// `product` is scratch for the router's product.
    pub(crate) fn forward(
        &self,
        x: &[f32],
        residual: &mut [f32],
        state: &mut MoeState,
        product: &mut [f32],
    ) {
        let hidden = self.config.hidden_size;
        let n = x.len() / hidden;
        let router_logits = &mut state.router_logits[..n * self.config.num_local_experts];
        self.weights
            .router
            .forward(self.isa, self.pool, x, router_logits, product);
        state.routing.route(router_logits, n);

        self.gather(x, state);
        let MoeState {
            routing,
            rows,
            product,
            copy_q8,
            ..
        } = &mut *state;
        self.project(&self.weights.gate_up, routing, rows, copy_q8, product);
        self.activate(state);
        let MoeState {
            routing,
            hidden,
            product,
            copy_q8,
            ..
        } = &mut *state;
        self.project(&self.weights.down, routing, hidden, copy_q8, product);
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
        let rows = x.len() / cols;
        let pieces = out.pieces_mut(rows, cols, QUANTIZE_ROWS);
        let items: Vec<_> = x.chunks(QUANTIZE_ROWS * cols).zip(pieces).collect();
        self.pool
            .for_each(items, x.len(), |_, (x, out)| quantize_q8(self.isa, x, out));
    }

    /// Multiplies every copy with the weights of its expert: for each expert with `c` copies, in
    /// order, `product` gets `[outputs, c]`. The input is `q8` where the projection takes it.
    fn project(
        &self,
        projection: &ExpertProjection,
        routing: &Routing,
        x: &[f32],
        q8: &Q8Buffer,
        product: &mut [f32],
    ) {
        let (inputs, outputs) = (projection.num_inputs(), projection.num_outputs());
        let takes_q8 = self.takes_q8(projection);
        let macs = (routing.num_copies() * inputs).saturating_mul(outputs);
        let pieces = routing.split_products(product, outputs, |num_copies| {
            rows_per_piece(outputs, inputs * num_copies)
        });
        self.pool.for_each(pieces, macs, |_, piece| {
            let copies = piece.copies;
            let x = || &x[copies.start * inputs..copies.end * inputs];
            match projection.expert(piece.expert) {
                ExpertMatrix::Mxfp4(w) if takes_q8 => {
                    let x = q8.rows(copies.start, copies.len(), inputs);
                    matmul_q8_mxfp4(self.isa, w, piece.rows, x, piece.out);
                }
                ExpertMatrix::Mxfp4(w) => {
                    matmul_f32_mxfp4(self.isa, w, piece.rows, x(), piece.out);
                }
                ExpertMatrix::Bf16Transposed(w) => {
                    matmul_f32_bf16_transposed(self.isa, w, piece.rows, x(), piece.out);
                }
            }
        });
    }

    /// Adds the biases of gate and up and applies the clamped SwiGLU: `product` → `hidden`, and
    /// `copy_q8` if the down projection takes it.
    fn activate(&self, state: &mut MoeState) {
        let MoeState {
            routing,
            product,
            hidden,
            copy_q8,
            gate_up,
            ..
        } = state;
        let inner = self.config.intermediate_size;
        let (alpha, limit) = (self.config.swiglu_alpha, self.config.swiglu_limit);
        let hidden = &mut hidden[..routing.num_copies() * inner];
        // An exponential and a division cost about as much as 16 multiply-adds.
        let macs = hidden.len() * 16;
        let tiles = routing.split_rows(hidden, inner, TILE);
        self.pool.for_each(tiles, macs, |worker, tile| {
            let gate_up = &mut *gate_up.of(worker);
            let num_rows = tile.out.len() / inner;
            gate_up.resize(num_rows * 2 * inner, 0.0);
            let (product, num_copies) = routing.product_of(tile.expert, product, 2 * inner);
            transpose_tile(product, num_copies, tile.first, gate_up, 2 * inner, 0);
            let bias = self.weights.gate_up.bias(tile.expert);
            let rows = gate_up.chunks_exact_mut(2 * inner);
            for (gate_up, out) in rows.zip(tile.out.chunks_exact_mut(inner)) {
                add(gate_up, bias);
                swiglu(self.isa, gate_up, alpha, limit, out);
            }
        });
        if self.takes_q8(&self.weights.down) {
            self.quantize(hidden, inner, copy_q8);
        }
    }

    /// Adds the biases of the down projection, weighs the copies of each token and adds them to
    /// its residual, best expert first.
    fn combine(&self, state: &mut MoeState, residual: &mut [f32]) {
        let MoeState {
            routing,
            product,
            rows,
            ..
        } = state;
        let hidden = self.config.hidden_size;
        let rows = &mut rows[..routing.num_copies() * hidden];
        let macs = rows.len();
        let tiles = routing.split_rows(rows, hidden, TILE);
        self.pool.for_each(tiles, macs, |_, tile| {
            let (product, num_copies) = routing.product_of(tile.expert, product, hidden);
            transpose_tile(product, num_copies, tile.first, tile.out, hidden, 0);
            let bias = self.weights.down.bias(tile.expert);
            for row in tile.out.chunks_exact_mut(hidden) {
                add(row, bias);
            }
        });
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

fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
