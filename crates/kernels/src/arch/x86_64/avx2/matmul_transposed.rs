//! Products with floating-point weights that are stored as `[in, out]`: a register holds eight outputs.
//!
//! The order of a sum: chunks of [`CHUNK`] inputs, each summed in order, the chunk sums added up in
//! order.

use std::arch::x86_64::*;
use std::ops::Range;

use super::vector::{
    LANES, Registers, load, load_bf16, load_f16_bytes, load_f32_bytes, prefetch, store,
};
use crate::columns::ColumnsMut;
use crate::float::{FloatMatrix, FloatType};

/// Inputs that are summed on their own.
const CHUNK: usize = 256;

/// Registers of outputs that are summed at once, in the first-level cache: every row of weights is
/// in another page, so it has to be read in long pieces.
const STRIP: usize = 32;

/// Rows of weights to ask for in advance; nothing foresees them.
const ROWS_AHEAD: usize = 16;

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_float_transposed(
    w: FloatMatrix<'_>,
    cols: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    match w.float_type() {
        FloatType::Bf16 => multiply(w, cols, x, out, |bytes: &[u8; 16]| load_bf16(bytes)),
        FloatType::F16 => multiply(w, cols, x, out, |bytes: &[u8; 16]| load_f16_bytes(bytes)),
        FloatType::F32 => multiply(w, cols, x, out, |bytes: &[u8; 32]| load_f32_bytes(bytes)),
    }
}

/// The product with any weights that `load_w` turns into a register.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn multiply<const L: usize>(
    w: FloatMatrix<'_>,
    cols: Range<usize>,
    x: &[f32],
    mut out: ColumnsMut<'_>,
    load_w: impl Fn(&[u8; L]) -> __m256 + Copy,
) {
    let n = out.rows();
    for j in 0..n {
        out.row(j).fill(0.0);
    }
    let width = STRIP * LANES;
    for first in cols.clone().step_by(width) {
        let outputs = first..cols.end.min(first + width);
        for start in (0..w.rows()).step_by(CHUNK) {
            let inputs = start..w.rows().min(start + CHUNK);
            let strip = Strip {
                w,
                inputs,
                outputs: outputs.clone(),
                x,
            };
            let col = first - cols.start;
            // As many inputs at a time as their activations fit the registers.
            let mut j = 0;
            while j + 4 <= n {
                strip.multiply::<L, 2, 4>(j, &mut out, col, load_w);
                j += 4;
            }
            match n - j {
                1 => strip.multiply::<L, 8, 1>(j, &mut out, col, load_w),
                2 => strip.multiply::<L, 4, 2>(j, &mut out, col, load_w),
                3 => strip.multiply::<L, 2, 3>(j, &mut out, col, load_w),
                _ => {}
            }
        }
    }
}

/// A chunk of inputs for a strip of outputs.
struct Strip<'a> {
    w: FloatMatrix<'a>,
    inputs: Range<usize>,
    outputs: Range<usize>,
    x: &'a [f32],
}

/// The sums of a strip for each of `N` activation rows.
type Sums<const N: usize> = [[[f32; LANES]; STRIP]; N];

impl<'a> Strip<'a> {
    /// Multiplies with the activation rows `j..j + N`, `INPUTS` inputs at a time, and adds to the
    /// columns of `out` from `col` on.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply<const L: usize, const INPUTS: usize, const N: usize>(
        &self,
        j: usize,
        out: &mut ColumnsMut<'_>,
        col: usize,
        load_w: impl Fn(&[u8; L]) -> __m256 + Copy,
    ) {
        let mut sums = [[[0.0; LANES]; STRIP]; N];
        let mut input = self.inputs.start;
        while input + INPUTS <= self.inputs.end {
            self.add_inputs::<L, INPUTS, N>(input, j, &mut sums, load_w);
            input += INPUTS;
        }
        while input < self.inputs.end {
            self.add_inputs::<L, 1, N>(input, j, &mut sums, load_w);
            input += 1;
        }
        for (sums, j) in sums.iter().zip(j..) {
            let outputs = &mut out.row(j)[col..];
            for (out, sum) in outputs.iter_mut().zip(sums.as_flattened()) {
                *out += sum;
            }
        }
    }

    /// Adds the products of the inputs `input..input + INPUTS`, in this order.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_inputs<const L: usize, const INPUTS: usize, const N: usize>(
        &self,
        input: usize,
        j: usize,
        sums: &mut Sums<N>,
        load_w: impl Fn(&[u8; L]) -> __m256,
    ) {
        let weights: [Registers<'_, u8, L>; INPUTS] = self.weights(input);
        let len = weights[0].whole.len();
        assert!(len <= STRIP && weights.iter().all(|weights| weights.whole.len() == len));

        let mut activations = [[_mm256_setzero_ps(); N]; INPUTS];
        for (activations, input) in activations.iter_mut().zip(input..) {
            for (activation, j) in activations.iter_mut().zip(j..) {
                *activation = _mm256_set1_ps(self.x[j * self.w.rows() + input]);
            }
        }

        for register in 0..len {
            let mut loaded = [_mm256_setzero_ps(); INPUTS];
            for (loaded, weights) in loaded.iter_mut().zip(&weights) {
                // SAFETY: `register < len`, and that is the length of every `whole`.
                let bytes = unsafe { weights.whole.get_unchecked(register) };
                prefetch(bytes, ROWS_AHEAD * self.w.row(0).len());
                *loaded = load_w(bytes);
            }
            add_products(loaded, &activations, sums, register);
        }
        if len < STRIP {
            let mut loaded = [_mm256_setzero_ps(); INPUTS];
            for (loaded, weights) in loaded.iter_mut().zip(&weights) {
                *loaded = load_w(&weights.tail);
            }
            add_products(loaded, &activations, sums, len);
        }
    }

    /// The weights of each input.
    #[inline]
    fn weights<const L: usize, const INPUTS: usize>(
        &self,
        input: usize,
    ) -> [Registers<'a, u8, L>; INPUTS] {
        let size = self.w.float_type().num_bytes();
        let outputs = size * self.outputs.start..size * self.outputs.end;
        std::array::from_fn(|i| Registers::new(&self.w.row(input + i)[outputs.clone()]))
    }
}

/// Adds the products of eight outputs with each activation.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_products<const INPUTS: usize, const N: usize>(
    weights: [__m256; INPUTS],
    activations: &[[__m256; N]; INPUTS],
    sums: &mut Sums<N>,
    register: usize,
) {
    for (j, sums) in sums.iter_mut().enumerate() {
        let mut sum = load(&sums[register]);
        for (weights, activations) in weights.into_iter().zip(activations) {
            sum = _mm256_fmadd_ps(weights, activations[j], sum);
        }
        store(&mut sums[register], sum);
    }
}
