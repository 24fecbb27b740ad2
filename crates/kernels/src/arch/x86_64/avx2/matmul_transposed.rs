//! Products with bf16 weights that are stored as `[in, out]`: a register holds eight outputs.
//!
//! The order of a sum: chunks of [`CHUNK`] inputs, each summed in order, the chunk sums added up in
//! order.

use std::arch::x86_64::*;
use std::ops::Range;

use super::vector::{LANES, Registers, load, load_bf16, prefetch, store};
use crate::bf16::Bf16Matrix;

/// Inputs that are summed on their own.
const CHUNK: usize = 256;

/// Registers of outputs that are summed at once, in the first-level cache: every row of weights is
/// in another page, so it has to be read in long pieces.
const STRIP: usize = 32;

/// Rows of weights to ask for in advance; nothing foresees them.
const ROWS_AHEAD: usize = 16;

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_bf16_transposed(
    w: Bf16Matrix<'_>,
    cols: Range<usize>,
    x: &[f32],
    out: &mut [f32],
) {
    let n = x.len() / w.rows();
    out.fill(0.0);
    if n == 0 {
        return;
    }
    let width = STRIP * LANES;
    for (first, out) in cols.clone().step_by(width).zip(out.chunks_mut(width * n)) {
        let outputs = first..cols.end.min(first + width);
        for start in (0..w.rows()).step_by(CHUNK) {
            let inputs = start..w.rows().min(start + CHUNK);
            let strip = Strip {
                w,
                inputs,
                outputs: outputs.clone(),
                x,
                n,
            };
            // As many inputs at a time as their activations fit the registers.
            let mut j = 0;
            while j + 4 <= n {
                strip.multiply::<2, 4>(j, out);
                j += 4;
            }
            match n - j {
                1 => strip.multiply::<8, 1>(j, out),
                2 => strip.multiply::<4, 2>(j, out),
                3 => strip.multiply::<2, 3>(j, out),
                _ => {}
            }
        }
    }
}

/// A chunk of inputs for a strip of outputs.
struct Strip<'a> {
    w: Bf16Matrix<'a>,
    inputs: Range<usize>,
    outputs: Range<usize>,
    x: &'a [f32],
    n: usize,
}

/// The sums of a strip for each of `N` activation rows.
type Sums<const N: usize> = [[[f32; LANES]; STRIP]; N];

impl<'a> Strip<'a> {
    /// Multiplies with the activation rows `j..j + N`, `INPUTS` inputs at a time, and adds to `out`
    /// `[outputs, n]`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply<const INPUTS: usize, const N: usize>(&self, j: usize, out: &mut [f32]) {
        let mut sums = [[[0.0; LANES]; STRIP]; N];
        let mut input = self.inputs.start;
        while input + INPUTS <= self.inputs.end {
            self.add_inputs::<INPUTS, N>(input, j, &mut sums);
            input += INPUTS;
        }
        while input < self.inputs.end {
            self.add_inputs::<1, N>(input, j, &mut sums);
            input += 1;
        }
        for (sums, j) in sums.iter().zip(j..) {
            let outputs = out.chunks_exact_mut(self.n);
            for (out, sum) in outputs.zip(sums.as_flattened()) {
                out[j] += sum;
            }
        }
    }

    /// Adds the products of the inputs `input..input + INPUTS`, in this order.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_inputs<const INPUTS: usize, const N: usize>(
        &self,
        input: usize,
        j: usize,
        sums: &mut Sums<N>,
    ) {
        let weights: [_; INPUTS] = self.weights(input);
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
                prefetch(bytes, ROWS_AHEAD * 2 * self.w.cols());
                *loaded = load_bf16(bytes);
            }
            add_products(loaded, &activations, sums, register);
        }
        if len < STRIP {
            let mut loaded = [_mm256_setzero_ps(); INPUTS];
            for (loaded, weights) in loaded.iter_mut().zip(&weights) {
                *loaded = load_bf16(&weights.tail);
            }
            add_products(loaded, &activations, sums, len);
        }
    }

    /// The weights of each input.
    #[inline]
    fn weights<const INPUTS: usize>(
        &self,
        input: usize,
    ) -> [Registers<'a, u8, { 2 * LANES }>; INPUTS] {
        let outputs = 2 * self.outputs.start..2 * self.outputs.end;
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
