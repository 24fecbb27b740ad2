//! Products of weights of any form with `f32` activations.
//!
//! The order of a sum: chunks of [`CHUNK`] inputs, each summed in eight lanes (input `i` in lane
//! `i % 8`), the lanes folded by [`sum_each`], the chunk sums added up in order.

use std::arch::x86_64::*;
use std::ops::Range;

use super::matmul_group::half_scales;
use super::vector::{
    LANES, Registers, add_four, load, load_bf16, load_f16_bytes, load_f32_bytes, load_i8x16,
    load_u8x8, load_u8x16, load_u8x32, prefetch, store, sum_each,
};
use crate::columns::ColumnsMut;
use crate::float::{FloatMatrix, FloatType};
use crate::group::GROUP;
use crate::mxfp4::{BLOCK, DOUBLED_VALUES, Mxfp4Matrix};
use crate::q8::Q8Matrix;

/// Inputs that are summed on their own. The weights of a tile and the activations it meets stay in
/// the first-level cache.
const CHUNK: usize = 512;

/// Outputs that a tile computes at once.
const TILE: usize = 4;

/// Activation rows that a tile computes at once: with four outputs, twelve running sums, which
/// leaves registers for the three activations and one weight that they are made of.
const TILE_COLUMNS: usize = 3;

/// A weight is widened in a register, once for every three activation rows.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_float(
    w: FloatMatrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    match w.float_type() {
        FloatType::Bf16 => multiply_floats(w, rows, x, out, |bytes| load_bf16(bytes)),
        FloatType::F16 => multiply_floats(w, rows, x, out, |bytes| load_f16_bytes(bytes)),
        FloatType::F32 => multiply_floats(w, rows, x, out, |bytes| load_f32_bytes(bytes)),
    }
}

/// The product with any weights that `load_w` turns into a register.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn multiply_floats<const L: usize>(
    w: FloatMatrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    mut out: ColumnsMut<'_>,
    load_w: impl Fn(&[u8; L]) -> __m256 + Copy,
) {
    let (cols, size) = (w.cols(), w.float_type().num_bytes());
    clear(&mut out);
    for first in rows.clone().step_by(TILE) {
        for start in (0..cols).step_by(CHUNK) {
            let inputs = start..cols.min(start + CHUNK);
            // Past the last row the last one stands in; what it gives is dropped.
            let weights: [Registers<'_, u8, L>; TILE] = std::array::from_fn(|i| {
                let row = w.row((first + i).min(rows.end - 1));
                Registers::new(&row[size * inputs.start..size * inputs.end])
            });
            let columns = Columns::new(x, cols, inputs);
            columns.multiply(
                weights,
                &mut out,
                first - rows.start,
                |bytes| {
                    // Four rows at a time are more than the processor foresees by itself: without
                    // this it reads at half the speed.
                    prefetch(bytes, TILE * size * cols);
                    load_w(bytes)
                },
                load_w,
            );
        }
    }
}

/// The widened weights of a chunk of inputs of a group, row by row.
type Panel = [[f32; CHUNK]; GROUP];

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_mxfp4(
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    multiply_groups(w.cols(), rows, x, out, |group, blocks, panel| {
        widen_mxfp4(w, group, blocks, panel);
    });
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_q8(w: Q8Matrix<'_>, rows: Range<usize>, x: &[f32], out: ColumnsMut<'_>) {
    multiply_groups(w.cols(), rows, x, out, |group, blocks, panel| {
        widen_q8(w, group, blocks, panel);
    });
}

/// The weights of a group are widened once into a buffer, over which all activation rows pass.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn multiply_groups(
    cols: usize,
    rows: Range<usize>,
    x: &[f32],
    mut out: ColumnsMut<'_>,
    widen: impl Fn(usize, Range<usize>, &mut Panel),
) {
    clear(&mut out);
    if x.is_empty() {
        return;
    }
    let mut panel = [[0.0; CHUNK]; GROUP];
    for first in rows.clone().step_by(GROUP) {
        for start in (0..cols).step_by(CHUNK) {
            let inputs = start..cols.min(start + CHUNK);
            widen(
                first / GROUP,
                inputs.start / BLOCK..inputs.end / BLOCK,
                &mut panel,
            );
            let columns = Columns::new(x, cols, inputs.clone());
            for (tile, weights) in panel.as_chunks::<TILE>().0.iter().enumerate() {
                let col = first - rows.start + tile * TILE;
                if col < out.cols() {
                    let weights = weights
                        .each_ref()
                        .map(|weights| Registers::new(&weights[..inputs.len()]));
                    columns.multiply(weights, &mut out, col, |w| load(w), |w| load(w));
                }
            }
        }
    }
}

/// Sums start at zero.
fn clear(out: &mut ColumnsMut<'_>) {
    for j in 0..out.rows() {
        out.row(j).fill(0.0);
    }
}

/// The same chunk of inputs of all activation rows.
struct Columns<'a> {
    x: &'a [f32],
    n: usize,
    num_inputs: usize,
    inputs: Range<usize>,
}

impl<'a> Columns<'a> {
    fn new(x: &'a [f32], num_inputs: usize, inputs: Range<usize>) -> Self {
        Self {
            x,
            n: x.len() / num_inputs,
            num_inputs,
            inputs,
        }
    }

    /// Multiplies with the weights of a tile and adds to the columns of `out` from `col` on, up to
    /// [`TILE`] of them. The weights pass through `load_first` once, then through `load_w` for
    /// every further three activation rows.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply<T: Copy, const L: usize>(
        &self,
        weights: [Registers<'_, T, L>; TILE],
        out: &mut ColumnsMut<'_>,
        col: usize,
        load_first: impl Fn(&[T; L]) -> __m256,
        load_w: impl Fn(&[T; L]) -> __m256 + Copy,
    ) {
        if self.n == 0 {
            return;
        }
        let mut j = self.multiply_some(0, weights, out, col, load_first);
        while j < self.n {
            j = self.multiply_some(j, weights, out, col, load_w);
        }
    }

    /// Does up to [`TILE_COLUMNS`] activation rows from `j` on and says where it stopped.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply_some<T: Copy, const L: usize>(
        &self,
        j: usize,
        weights: [Registers<'_, T, L>; TILE],
        out: &mut ColumnsMut<'_>,
        col: usize,
        load_w: impl Fn(&[T; L]) -> __m256,
    ) -> usize {
        match self.n - j {
            1 => add(tile(weights, self.rows::<1>(j), load_w), out, j, col),
            2 => add(tile(weights, self.rows::<2>(j), load_w), out, j, col),
            _ => add(
                tile(weights, self.rows::<TILE_COLUMNS>(j), load_w),
                out,
                j,
                col,
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

/// Adds the sums of a tile to the rows `j..j + N` of `out`, up to [`TILE`] columns from `col` on.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add<const N: usize>(sums: [__m128; N], out: &mut ColumnsMut<'_>, j: usize, col: usize) {
    for (j, sums) in (j..).zip(sums) {
        add_four(sums, &mut out.row(j)[col..]);
    }
}

/// Writes the weights of some blocks of a group, row by row. Every product of value and scale is
/// exact, unless it is beyond the range of `f32`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen_mxfp4(w: Mxfp4Matrix<'_>, group: usize, blocks: Range<usize>, panel: &mut Panel) {
    let table = _mm256_broadcastsi128_si256(load_i8x16(&DOUBLED_VALUES));
    let nibble = _mm256_set1_epi8(0xf);
    let (codes, scales) = w.group(group);
    let blocks = codes[blocks.clone()].iter().zip(&scales[blocks]);
    for (block, (codes, scales)) in blocks.enumerate() {
        let scales = half_scales(load_u8x8(scales));
        // Four columns of eight rows at a time: a lane of 32 bits is a row.
        for (i, codes) in codes.as_chunks::<32>().0.iter().enumerate() {
            let codes = load_u8x32(codes);
            let high = _mm256_srli_epi16::<4>(codes);
            for (half, codes) in [codes, high].into_iter().enumerate() {
                let values = _mm256_shuffle_epi8(table, _mm256_and_si256(codes, nibble));
                let first = block * BLOCK + 8 * i + 4 * half;
                // The sign of a byte is that of its lane once it has been moved to the top.
                let columns = [
                    _mm256_slli_epi32::<24>(values),
                    _mm256_slli_epi32::<16>(values),
                    _mm256_slli_epi32::<8>(values),
                    values,
                ];
                for (col, column) in (first..).zip(columns) {
                    let column = _mm256_cvtepi32_ps(_mm256_srai_epi32::<24>(column));
                    write_column(_mm256_mul_ps(column, scales), col, panel);
                }
            }
        }
    }
}

/// As [`widen_mxfp4`]; exact within the range of `f32`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen_q8(w: Q8Matrix<'_>, group: usize, blocks: Range<usize>, panel: &mut Panel) {
    let (values, scales) = w.group(group);
    let blocks = values[blocks.clone()].iter().zip(&scales[blocks]);
    for (block, (values, scales)) in blocks.enumerate() {
        let scales = load_f16_bytes(scales);
        for (p, pair) in values.as_chunks::<16>().0.iter().enumerate() {
            let pair = _mm256_cvtepi8_epi16(load_u8x16(pair));
            let columns = [_mm256_slli_epi32::<16>(pair), pair];
            for (col, column) in (block * BLOCK + 2 * p..).zip(columns) {
                let column = _mm256_cvtepi32_ps(_mm256_srai_epi32::<16>(column));
                write_column(_mm256_mul_ps(column, scales), col, panel);
            }
        }
    }
}

/// Writes a column of a panel.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn write_column(column: __m256, col: usize, panel: &mut Panel) {
    let mut lanes = [0.0; LANES];
    store(&mut lanes, column);
    for (row, lane) in panel.iter_mut().zip(lanes) {
        row[col] = lane;
    }
}
