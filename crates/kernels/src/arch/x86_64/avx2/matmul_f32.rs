//! Products of bf16 and MXFP4 weights with `f32` activations.
//!
//! The order of a sum, the same on every path: chunks of [`CHUNK`] inputs, each summed in eight
//! lanes (input `i` in lane `i % 8`), the lanes folded by [`sum_each`], the chunk sums added up in
//! order.

use std::arch::x86_64::*;
use std::ops::Range;

use super::vector::{LANES, load, load_bf16, load_u8x16, padded, store, store4, sum_each};
use crate::bf16::Bf16Matrix;
use crate::mxfp4::{BLOCK, BLOCK_BYTES, DOUBLED_VALUES, Mxfp4Matrix, half_scale};

/// Inputs that are summed on their own.
const CHUNK: usize = 512;

/// Outputs that a tile computes at once.
const TILE: usize = 4;

/// Outputs whose weights are widened at once.
const PANEL: usize = 2 * TILE;

/// Activation rows that a tile computes at once: with four outputs, twelve running sums, which
/// leaves registers for the three activations and one weight that they are made of.
const TILE_COLUMNS: usize = 3;

/// A panel of weights, widened: small enough to stay in the first-level cache while all activation
/// rows pass over it.
type Panel = [[f32; CHUNK]; PANEL];

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_bf16(w: Bf16Matrix<'_>, rows: Range<usize>, x: &[f32], out: &mut [f32]) {
    let n = x.len() / w.cols();
    match n {
        0 => {}
        // So few activation rows that each weight can be widened in a register.
        1 => matmul_bf16_narrow::<1>(w, rows, x, out),
        2 => matmul_bf16_narrow::<2>(w, rows, x, out),
        3 => matmul_bf16_narrow::<3>(w, rows, x, out),
        _ => matmul_panels(rows, w.cols(), x, out, |outputs, inputs, panel| {
            for (row, panel) in outputs.zip(panel) {
                let bytes = &w.row(row)[2 * inputs.start..2 * inputs.end];
                super::convert::bf16_to_f32(bytes, &mut panel[..inputs.len()]);
            }
        }),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_mxfp4(w: Mxfp4Matrix<'_>, rows: Range<usize>, x: &[f32], out: &mut [f32]) {
    matmul_panels(rows, w.cols(), x, out, |outputs, inputs, panel| {
        let blocks = inputs.start / BLOCK..inputs.end / BLOCK;
        for (row, panel) in outputs.zip(panel) {
            let (codes, _) = w.row_blocks(row).as_chunks::<BLOCK_BYTES>();
            let codes_and_scales = codes[blocks.clone()]
                .iter()
                .zip(&w.row_scales(row)[blocks.clone()]);
            let (panel, _) = panel.as_chunks_mut::<BLOCK>();
            for ((codes, scale), out) in codes_and_scales.zip(panel) {
                widen_block(codes, half_scale(*scale), out);
            }
        }
    });
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_f32_bf16_transposed(
    w: Bf16Matrix<'_>,
    cols: Range<usize>,
    x: &[f32],
    out: &mut [f32],
) {
    matmul_panels(cols, w.rows(), x, out, |outputs, inputs, panel| {
        // Squares of 8 inputs by 8 outputs, turned in registers.
        for start in inputs.clone().step_by(LANES) {
            let mut square = [_mm256_setzero_ps(); LANES];
            for (row, input) in square.iter_mut().zip(start..inputs.end) {
                let bytes = &w.row(input)[2 * outputs.start..2 * outputs.end];
                *row = match bytes.as_array::<{ 2 * LANES }>() {
                    Some(bytes) => load_bf16(bytes),
                    None => load_bf16(&padded(bytes)),
                };
            }
            let chunk = (start - inputs.start) / LANES;
            for (row, panel) in transpose(square).into_iter().zip(&mut *panel) {
                store(&mut panel.as_chunks_mut::<LANES>().0[chunk], row);
            }
        }
    });
}

/// One to three activation rows: memory sets the pace, so the weights are read once, in order.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn matmul_bf16_narrow<const N: usize>(
    w: Bf16Matrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: &mut [f32],
) {
    out.fill(0.0);
    let cols = w.cols();
    for (first, out) in rows.clone().step_by(TILE).zip(out.chunks_mut(TILE * N)) {
        // Past the last row the last one stands in; what it gives is dropped.
        let tile_rows: [_; TILE] = std::array::from_fn(|i| w.row((first + i).min(rows.end - 1)));
        for start in (0..cols).step_by(CHUNK) {
            let inputs = start..cols.min(start + CHUNK);
            let split = tile_rows
                .map(|row| row[2 * inputs.start..2 * inputs.end].as_chunks::<{ 2 * LANES }>());
            let x: [_; N] = std::array::from_fn(|j| &x[j * cols..][inputs.clone()]);
            let sums = tile(
                split.map(|(chunks, _)| chunks),
                split.map(|(_, tail)| padded(tail)),
                x,
                |bytes| load_bf16(bytes),
            );
            add_tile(sums, out, N, 0);
        }
    }
}

/// Any number of activation rows and any weights: `widen` writes the weights of up to [`PANEL`]
/// outputs for up to [`CHUNK`] inputs.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn matmul_panels(
    outputs: Range<usize>,
    num_inputs: usize,
    x: &[f32],
    out: &mut [f32],
    widen: impl Fn(Range<usize>, Range<usize>, &mut Panel),
) {
    let n = x.len() / num_inputs;
    out.fill(0.0);
    if n == 0 {
        return;
    }
    let mut panel = [[0.0; CHUNK]; PANEL];
    for (first, out) in outputs
        .clone()
        .step_by(PANEL)
        .zip(out.chunks_mut(PANEL * n))
    {
        let last = outputs.end.min(first + PANEL);
        for start in (0..num_inputs).step_by(CHUNK) {
            let inputs = start..num_inputs.min(start + CHUNK);
            widen(first..last, inputs.clone(), &mut panel);
            let x = Columns {
                x,
                num_inputs,
                inputs,
            };
            let mut j = 0;
            while j + TILE_COLUMNS <= n {
                x.multiply::<TILE_COLUMNS>(&panel, j, out, n);
                j += TILE_COLUMNS;
            }
            match n - j {
                1 => x.multiply::<1>(&panel, j, out, n),
                2 => x.multiply::<2>(&panel, j, out, n),
                _ => {}
            }
        }
    }
}

/// The same chunk of inputs of all activation rows.
struct Columns<'a> {
    x: &'a [f32],
    num_inputs: usize,
    inputs: Range<usize>,
}

impl Columns<'_> {
    /// Multiplies the activation rows `j..j + N` with a panel of weights and adds to `out`
    /// `[up to PANEL, n]`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply<const N: usize>(&self, panel: &Panel, j: usize, out: &mut [f32], n: usize) {
        let x: [_; N] =
            std::array::from_fn(|i| &self.x[(j + i) * self.num_inputs..][self.inputs.clone()]);
        let (tiles, _) = panel.as_chunks::<TILE>();
        for (weights, out) in tiles.iter().zip(out.chunks_mut(TILE * n)) {
            let split = [0, 1, 2, 3].map(|i| weights[i][..self.inputs.len()].as_chunks::<LANES>());
            let sums = tile(
                split.map(|(chunks, _)| chunks),
                split.map(|(_, tail)| padded(tail)),
                x,
                |weights| load(weights),
            );
            add_tile(sums, out, n, j);
        }
    }
}

/// The sums of one chunk for four outputs and `N` activation rows: `w` and `x` hold the same
/// number of whole registers, then a tail.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn tile<W, const N: usize>(
    w: [&[W]; TILE],
    w_tail: [W; TILE],
    x: [&[f32]; N],
    load_w: impl Fn(&W) -> __m256,
) -> [__m128; N] {
    let x = x.map(|x| x.as_chunks::<LANES>());
    let num_chunks = w[0].len();
    assert!(w.iter().all(|w| w.len() == num_chunks));
    assert!(x.iter().all(|(chunks, _)| chunks.len() == num_chunks));

    let mut sums = [[_mm256_setzero_ps(); TILE]; N];
    for chunk in 0..num_chunks {
        // SAFETY: all slices have `num_chunks` elements.
        let x = x.map(|(chunks, _)| load(unsafe { chunks.get_unchecked(chunk) }));
        for output in 0..TILE {
            // SAFETY: all slices have `num_chunks` elements.
            let w = load_w(unsafe { w[output].get_unchecked(chunk) });
            for j in 0..N {
                sums[j][output] = _mm256_fmadd_ps(w, x[j], sums[j][output]);
            }
        }
    }
    if x.iter().any(|(_, tail)| !tail.is_empty()) {
        let x = x.map(|(_, tail)| load(&padded(tail)));
        for output in 0..TILE {
            let w = load_w(&w_tail[output]);
            for j in 0..N {
                sums[j][output] = _mm256_fmadd_ps(w, x[j], sums[j][output]);
            }
        }
    }
    sums.map(|sums| sum_each(sums))
}

/// Adds the sums of a tile to the columns `j..j + N` of `out` `[up to TILE, n]`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_tile<const N: usize>(sums: [__m128; N], out: &mut [f32], n: usize, j: usize) {
    for (j, sums) in (j..).zip(sums) {
        let mut four = [0.0; TILE];
        store4(&mut four, sums);
        for (out, sum) in out.chunks_exact_mut(n).zip(four) {
            out[j] += sum;
        }
    }
}

/// One MXFP4 block as `f32`. Every product is exact, unless it is beyond the range of `f32`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen_block(codes: &[u8; BLOCK_BYTES], half_scale: f32, out: &mut [f32; BLOCK]) {
    let table = load_u8x16(&DOUBLED_VALUES.map(i8::cast_unsigned));
    let nibble = _mm_set1_epi8(0xf);
    let codes = load_u8x16(codes);
    let even = _mm_shuffle_epi8(table, _mm_and_si128(codes, nibble));
    let odd = _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16::<4>(codes), nibble));
    let low = _mm_unpacklo_epi8(even, odd);
    let high = _mm_unpackhi_epi8(even, odd);
    let eights = [
        low,
        _mm_srli_si128::<8>(low),
        high,
        _mm_srli_si128::<8>(high),
    ];
    let scale = _mm256_set1_ps(half_scale);
    for (eight, out) in eights.into_iter().zip(out.as_chunks_mut::<LANES>().0) {
        let values = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight));
        store(out, _mm256_mul_ps(values, scale));
    }
}

/// Rows become columns.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn transpose([r0, r1, r2, r3, r4, r5, r6, r7]: [__m256; 8]) -> [__m256; 8] {
    // Each half of four registers is a 4x4 square ...
    let square = |a, b, c, d| {
        let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        [
            _mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low),
            _mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low),
            _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
            _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
        ]
    };
    let [a0, a1, a2, a3] = square(r0, r1, r2, r3);
    let [b0, b1, b2, b3] = square(r4, r5, r6, r7);
    // ... of which the lower ones of both make the first four columns, the upper ones the rest.
    [
        _mm256_permute2f128_ps::<0x20>(a0, b0),
        _mm256_permute2f128_ps::<0x20>(a1, b1),
        _mm256_permute2f128_ps::<0x20>(a2, b2),
        _mm256_permute2f128_ps::<0x20>(a3, b3),
        _mm256_permute2f128_ps::<0x31>(a0, b0),
        _mm256_permute2f128_ps::<0x31>(a1, b1),
        _mm256_permute2f128_ps::<0x31>(a2, b2),
        _mm256_permute2f128_ps::<0x31>(a3, b3),
    ]
}
