//! Products of bf16 and MXFP4 weights with `f32` activations.
//!
//! The order of a sum: chunks of [`CHUNK`] inputs, each summed in eight lanes (input `i` in lane
//! `i % 8`), the lanes folded by [`sum_each`], the chunk sums added up in order.

use std::arch::x86_64::*;
use std::ops::Range;

use super::vector::{
    LANES, Registers, add_column, load, load_bf16, load_i8x16, load_u8x16, prefetch, store,
    sum_each,
};
use crate::bf16::Bf16Matrix;
use crate::mxfp4::{BLOCK, BLOCK_BYTES, DOUBLED_VALUES, Mxfp4Matrix, half_scale};

/// Inputs that are summed on their own. The weights of a tile and the activations it meets stay in
/// the first-level cache.
const CHUNK: usize = 512;

/// Outputs that a tile computes at once.
const TILE: usize = 4;

/// Activation rows that a tile computes at once: with four outputs, twelve running sums, which
/// leaves registers for the three activations and one weight that they are made of.
const TILE_COLUMNS: usize = 3;

/// A weight is widened in a register, once for every three activation rows: that is a shift.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_bf16(w: Bf16Matrix<'_>, rows: Range<usize>, x: &[f32], out: &mut [f32]) {
    let (cols, n) = (w.cols(), x.len() / w.cols());
    out.fill(0.0);
    if n == 0 {
        return;
    }
    let bytes_to_next_tile = TILE * 2 * cols;
    for (first, out) in rows.clone().step_by(TILE).zip(out.chunks_mut(TILE * n)) {
        for start in (0..cols).step_by(CHUNK) {
            let inputs = start..cols.min(start + CHUNK);
            let weights = bf16_tile(w, first..rows.end, inputs.clone());
            Columns {
                x,
                n,
                num_inputs: cols,
                inputs,
            }
            .multiply(
                weights,
                out,
                |bytes| {
                    // Four rows at a time are more than the processor foresees by itself: without
                    // this it reads at half the speed.
                    prefetch(bytes, bytes_to_next_tile);
                    load_bf16(bytes)
                },
                |bytes| load_bf16(bytes),
            );
        }
    }
}

/// The weights of a tile are widened once into a buffer, over which all activation rows pass.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_mxfp4(w: Mxfp4Matrix<'_>, rows: Range<usize>, x: &[f32], out: &mut [f32]) {
    let (cols, n) = (w.cols(), x.len() / w.cols());
    out.fill(0.0);
    if n == 0 {
        return;
    }
    let mut panel = [[0.0; CHUNK]; TILE];
    for (first, out) in rows.clone().step_by(TILE).zip(out.chunks_mut(TILE * n)) {
        for start in (0..cols).step_by(CHUNK) {
            let inputs = start..cols.min(start + CHUNK);
            for (row, panel) in (first..rows.end).zip(&mut panel) {
                widen_mxfp4(w, row, inputs.clone(), panel);
            }
            let weights = panel_tile(&panel, inputs.len());
            Columns {
                x,
                n,
                num_inputs: cols,
                inputs,
            }
            .multiply(weights, out, |w| load(w), |w| load(w));
        }
    }
}

/// The weights of the first four `rows`, as they lie in memory. Past the last row the last one
/// stands in; what it gives is dropped.
#[inline]
fn bf16_tile(
    w: Bf16Matrix<'_>,
    rows: Range<usize>,
    inputs: Range<usize>,
) -> [Registers<'_, u8, { 2 * LANES }>; TILE] {
    std::array::from_fn(|i| {
        let row = w.row((rows.start + i).min(rows.end - 1));
        Registers::new(&row[2 * inputs.start..2 * inputs.end])
    })
}

/// The first `len` weights of four rows that have been widened.
#[inline]
fn panel_tile(panel: &[[f32; CHUNK]; TILE], len: usize) -> [Registers<'_, f32, LANES>; TILE] {
    panel
        .each_ref()
        .map(|weights| Registers::new(&weights[..len]))
}

/// The same chunk of inputs of all activation rows.
struct Columns<'a> {
    x: &'a [f32],
    n: usize,
    num_inputs: usize,
    inputs: Range<usize>,
}

impl<'a> Columns<'a> {
    /// Multiplies with the weights of a tile and adds to `out` `[up to TILE, n]`. The weights pass
    /// through `load_first` once, then through `load_w` for every further three activation rows.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply<T: Copy, const L: usize>(
        &self,
        weights: [Registers<'_, T, L>; TILE],
        out: &mut [f32],
        load_first: impl Fn(&[T; L]) -> __m256,
        load_w: impl Fn(&[T; L]) -> __m256 + Copy,
    ) {
        let mut j = self.multiply_some(0, weights, out, load_first);
        while j < self.n {
            j = self.multiply_some(j, weights, out, load_w);
        }
    }

    /// Does up to [`TILE_COLUMNS`] activation rows from `j` on and says where it stopped.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply_some<T: Copy, const L: usize>(
        &self,
        j: usize,
        weights: [Registers<'_, T, L>; TILE],
        out: &mut [f32],
        load_w: impl Fn(&[T; L]) -> __m256,
    ) -> usize {
        match self.n - j {
            1 => add(tile(weights, self.rows::<1>(j), load_w), out, self.n, j),
            2 => add(tile(weights, self.rows::<2>(j), load_w), out, self.n, j),
            _ => add(
                tile(weights, self.rows::<TILE_COLUMNS>(j), load_w),
                out,
                self.n,
                j,
            ),
        }
        self.n.min(j + TILE_COLUMNS)
    }

    /// The activation rows `j..j + N`.
    #[inline]
    fn rows<const N: usize>(&self, j: usize) -> [Registers<'a, f32, LANES>; N] {
        std::array::from_fn(|i| {
            Registers::new(&self.x[(j + i) * self.num_inputs..][self.inputs.clone()])
        })
    }
}

/// The sums of one chunk for four outputs and `N` activation rows.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn tile<T, const L: usize, const N: usize>(
    w: [Registers<'_, T, L>; TILE],
    x: [Registers<'_, f32, LANES>; N],
    load_w: impl Fn(&[T; L]) -> __m256,
) -> [__m128; N] {
    let len = w[0].whole.len();
    assert!(w.iter().all(|w| w.whole.len() == len) && x.iter().all(|x| x.whole.len() == len));

    let mut sums = [[_mm256_setzero_ps(); TILE]; N];
    for i in 0..len {
        let mut activations = [_mm256_setzero_ps(); N];
        for (activations, x) in activations.iter_mut().zip(&x) {
            // SAFETY: `i < len`, and that is the length of every `whole`.
            *activations = load(unsafe { x.whole.get_unchecked(i) });
        }
        for (output, w) in w.iter().enumerate() {
            // SAFETY: `i < len`, and that is the length of every `whole`.
            let weights = load_w(unsafe { w.whole.get_unchecked(i) });
            for (sums, activations) in sums.iter_mut().zip(activations) {
                sums[output] = _mm256_fmadd_ps(weights, activations, sums[output]);
            }
        }
    }
    for (output, w) in w.iter().enumerate() {
        let weights = load_w(&w.tail);
        for (sums, x) in sums.iter_mut().zip(&x) {
            sums[output] = _mm256_fmadd_ps(weights, load(&x.tail), sums[output]);
        }
    }

    // No closure here: inside `map`, which is compiled without AVX2, it would not be inlined.
    let mut folded = [_mm_setzero_ps(); N];
    for (folded, sums) in folded.iter_mut().zip(sums) {
        *folded = sum_each(sums);
    }
    folded
}

/// Adds the sums of a tile to the columns `j..j + N` of `out` `[up to TILE, n]`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add<const N: usize>(sums: [__m128; N], out: &mut [f32], n: usize, j: usize) {
    for (j, sums) in (j..).zip(sums) {
        add_column(sums, out, n, j);
    }
}

/// Writes the weights of a row for some inputs. Every product of value and scale is exact, unless
/// it is beyond the range of `f32`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen_mxfp4(w: Mxfp4Matrix<'_>, row: usize, inputs: Range<usize>, out: &mut [f32; CHUNK]) {
    let table = load_i8x16(&DOUBLED_VALUES);
    let nibble = _mm_set1_epi8(0xf);
    let blocks = inputs.start / BLOCK..inputs.end / BLOCK;
    let (codes, _) = w.row_blocks(row).as_chunks::<BLOCK_BYTES>();
    let scaled = codes[blocks.clone()].iter().zip(&w.row_scales(row)[blocks]);
    for ((codes, scale), out) in scaled.zip(out.as_chunks_mut::<BLOCK>().0) {
        prefetch(codes, TILE * w.cols() / 2);
        let codes = load_u8x16(codes);
        let even = _mm_shuffle_epi8(table, _mm_and_si128(codes, nibble));
        let odd = _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16::<4>(codes), nibble));
        let (low, high) = (_mm_unpacklo_epi8(even, odd), _mm_unpackhi_epi8(even, odd));
        let eights = [
            low,
            _mm_srli_si128::<8>(low),
            high,
            _mm_srli_si128::<8>(high),
        ];
        let scale = _mm256_set1_ps(half_scale(*scale));
        for (eight, out) in eights.into_iter().zip(out.as_chunks_mut::<LANES>().0) {
            let values = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight));
            store(out, _mm256_mul_ps(values, scale));
        }
    }
}
