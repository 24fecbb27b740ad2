//! Products of packed weights with quantised activations: a lane belongs to a row of the group.
//!
//! A step takes one block of a group of eight weight rows, 256 weights, and up to [`COLUMNS`]
//! activation rows. An activation is broadcast to all lanes, so a lane's integer sum is its row's
//! dot product; it is exact, and conversion and scaling happen once for 256 products.
//!
//! MXFP4: a table look-up turns codes into `2 * value + 12`, 0 to 24: unsigned, as the byte
//! multiply-add wants one side to be. What the 12 adds is known per block (`12 * sum of x`) and is
//! taken off again in the integers. The 16-bit sums of eight products of at most 24 * 127 do not
//! overflow.
//!
//! Q8: pairs of 16-bit products are added in 32 bits; 32 products of at most 128 * 32767 fit.
//!
//! The order of a sum, the same on every path: block after block, one fused multiply-add each.

use std::arch::x86_64::*;
use std::ops::Range;

use super::vector::{
    LANES, load_f16_bytes, load_i8x16, load_u8x8, load_u8x16, load_u8x32, prefetch, store,
};
use crate::activations::{OFFSET, Q8Rows, Q16Rows};
use crate::columns::ColumnsMut;
use crate::group::GROUP;
use crate::mxfp4::{self, BLOCK, DOUBLED_VALUES, Mxfp4Matrix};
use crate::q8::{self, Q8Matrix};

/// Activation rows of a step: as many as the registers hold besides the weights of a block.
const COLUMNS: usize = 4;

/// How far ahead weights are asked for. Groups follow each other in memory, so this is what comes
/// next, even across the pages at which the processor's own foresight ends.
const BYTES_AHEAD: usize = 2048;

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_q8_mxfp4(
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: Q8Rows<'_>,
    mut out: ColumnsMut<'_>,
) {
    let n = x.rows();
    for first in rows.clone().step_by(GROUP) {
        let group = w.group(first / GROUP);
        let col = first - rows.start;
        let mut j = 0;
        while j + COLUMNS <= n {
            write(mxfp4_group::<COLUMNS>(group, x, j), &mut out, j, col);
            j += COLUMNS;
        }
        match n - j {
            1 => write(mxfp4_group::<1>(group, x, j), &mut out, j, col),
            2 => write(mxfp4_group::<2>(group, x, j), &mut out, j, col),
            3 => write(mxfp4_group::<3>(group, x, j), &mut out, j, col),
            _ => {}
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_q16_q8(
    w: Q8Matrix<'_>,
    rows: Range<usize>,
    x: Q16Rows<'_>,
    mut out: ColumnsMut<'_>,
) {
    let n = x.rows();
    for first in rows.clone().step_by(GROUP) {
        let group = w.group(first / GROUP);
        let col = first - rows.start;
        let mut j = 0;
        while j + COLUMNS <= n {
            write(q8_group::<COLUMNS>(group, x, j), &mut out, j, col);
            j += COLUMNS;
        }
        match n - j {
            1 => write(q8_group::<1>(group, x, j), &mut out, j, col),
            2 => write(q8_group::<2>(group, x, j), &mut out, j, col),
            3 => write(q8_group::<3>(group, x, j), &mut out, j, col),
            _ => {}
        }
    }
}

/// Writes the outputs `col..col + 8` of the activation rows `j..j + N`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn write<const N: usize>(sums: [__m256; N], out: &mut ColumnsMut<'_>, j: usize, col: usize) {
    for (j, sums) in (j..).zip(sums) {
        let outputs = &mut out.row(j)[col..];
        match outputs.first_chunk_mut::<LANES>() {
            Some(outputs) => store(outputs, sums),
            None => {
                let mut lanes = [0.0; LANES];
                store(&mut lanes, sums);
                outputs.copy_from_slice(&lanes[..outputs.len()]);
            }
        }
    }
}

/// A group times the activation rows `j..j + N`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn mxfp4_group<const N: usize>(
    (codes, weight_scales): (&[[u8; mxfp4::GROUP_BLOCK_BYTES]], &[[u8; GROUP]]),
    x: Q8Rows<'_>,
    j: usize,
) -> [__m256; N] {
    let rows: [_; N] = std::array::from_fn(|i| x.row(j + i));
    let blocks = codes.len();
    assert!(weight_scales.len() == blocks);
    for (values, scales, corrections) in rows {
        assert!(values.len() == blocks && scales.len() == blocks && corrections.len() == blocks);
    }

    let ones = _mm256_set1_epi16(1);
    let mut sums = [_mm256_setzero_ps(); N];
    for block in 0..blocks {
        // SAFETY: `block < blocks`, and that is the length of all these slices.
        let (codes, weight_scales) = unsafe {
            (
                codes.get_unchecked(block),
                weight_scales.get_unchecked(block),
            )
        };
        prefetch(codes, BYTES_AHEAD);
        prefetch(codes, BYTES_AHEAD + 64);
        let weights = decode(codes);
        let weight_scales = half_scales(load_u8x8(weight_scales));
        for (sum, (values, scales, corrections)) in sums.iter_mut().zip(rows) {
            // SAFETY: as above.
            let (values, scale, correction) = unsafe {
                (
                    values.get_unchecked(block),
                    *scales.get_unchecked(block),
                    *corrections.get_unchecked(block),
                )
            };
            let (quads, _) = values.as_chunks::<4>();
            let products = |i: usize| _mm256_maddubs_epi16(weights[i], broadcast_i8x4(quads[i]));
            let low = _mm256_add_epi16(
                _mm256_add_epi16(products(0), products(1)),
                _mm256_add_epi16(products(2), products(3)),
            );
            let high = _mm256_add_epi16(
                _mm256_add_epi16(products(4), products(5)),
                _mm256_add_epi16(products(6), products(7)),
            );
            let dots = _mm256_add_epi32(
                _mm256_add_epi32(_mm256_madd_epi16(low, ones), _mm256_madd_epi16(high, ones)),
                _mm256_set1_epi32(correction),
            );
            let scales = _mm256_mul_ps(weight_scales, _mm256_set1_ps(scale));
            *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), scales, *sum);
        }
    }
    sums
}

/// The weights of a block, doubled and offset: of the columns `4 i..4 i + 4` in register `i`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn decode(codes: &[u8; mxfp4::GROUP_BLOCK_BYTES]) -> [__m256i; 8] {
    let table = _mm_add_epi8(load_i8x16(&DOUBLED_VALUES), _mm_set1_epi8(OFFSET as i8));
    let table = _mm256_broadcastsi128_si256(table);
    let nibble = _mm256_set1_epi8(0xf);
    let mut weights = [_mm256_setzero_si256(); 8];
    let (quarters, _) = codes.as_chunks::<32>();
    for (weights, codes) in weights.as_chunks_mut::<2>().0.iter_mut().zip(quarters) {
        let codes = load_u8x32(codes);
        let high = _mm256_srli_epi16::<4>(codes);
        weights[0] = _mm256_shuffle_epi8(table, _mm256_and_si256(codes, nibble));
        weights[1] = _mm256_shuffle_epi8(table, _mm256_and_si256(high, nibble));
    }
    weights
}

/// Half of 2^(s-127) for each of the low eight bytes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn half_scales(bytes: __m128i) -> __m256 {
    let s = _mm256_cvtepu8_epi32(bytes);
    // 2^(s-127): a float's exponent field, but for 0, which is the subnormal 2^-127 ...
    let power = _mm256_max_epi32(_mm256_slli_epi32::<23>(s), _mm256_set1_epi32(0x0040_0000));
    // ... and for 255, where all bits set make a NaN.
    let nan = _mm256_cmpeq_epi32(s, _mm256_set1_epi32(255));
    let scale = _mm256_castsi256_ps(_mm256_or_si256(power, nan));
    _mm256_mul_ps(scale, _mm256_set1_ps(0.5))
}

/// A group times the activation rows `j..j + N`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn q8_group<const N: usize>(
    (weights, weight_scales): (&[[u8; q8::GROUP_BLOCK_BYTES]], &[[u8; 2 * GROUP]]),
    x: Q16Rows<'_>,
    j: usize,
) -> [__m256; N] {
    let rows: [_; N] = std::array::from_fn(|i| x.row(j + i));
    let blocks = weights.len();
    assert!(weight_scales.len() == blocks);
    for (values, scales) in rows {
        assert!(values.len() == blocks && scales.len() == blocks);
    }

    let mut sums = [_mm256_setzero_ps(); N];
    for block in 0..blocks {
        // SAFETY: `block < blocks`, and that is the length of all these slices.
        let (weights, weight_scales) = unsafe {
            (
                weights.get_unchecked(block),
                weight_scales.get_unchecked(block),
            )
        };
        for line in 0..4 {
            prefetch(weights, BYTES_AHEAD + 64 * line);
        }
        let mut pairs = [&[[0; 2]; BLOCK / 2]; N];
        for (pairs, (values, _)) in pairs.iter_mut().zip(rows) {
            // SAFETY: as above.
            let values = unsafe { values.get_unchecked(block) };
            *pairs = values.as_chunks::<2>().0.try_into().expect("32 values");
        }
        let mut dots = [_mm256_setzero_si256(); N];
        for (p, weights) in weights.as_chunks::<16>().0.iter().enumerate() {
            let weights = _mm256_cvtepi8_epi16(load_u8x16(weights));
            for (dots, pairs) in dots.iter_mut().zip(pairs) {
                let products = _mm256_madd_epi16(weights, broadcast_i16x2(pairs[p]));
                *dots = _mm256_add_epi32(*dots, products);
            }
        }
        let weight_scales = load_f16_bytes(weight_scales);
        for ((sum, dots), (_, scales)) in sums.iter_mut().zip(dots).zip(rows) {
            // SAFETY: as above.
            let scale = unsafe { *scales.get_unchecked(block) };
            let scales = _mm256_mul_ps(weight_scales, _mm256_set1_ps(scale));
            *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), scales, *sum);
        }
    }
    sums
}

/// Four bytes in every lane.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn broadcast_i8x4(bytes: [i8; 4]) -> __m256i {
    _mm256_set1_epi32(i32::from_ne_bytes(bytes.map(i8::cast_unsigned)))
}

/// A pair of 16-bit integers in every lane, the first in the lower half.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn broadcast_i16x2([first, second]: [i16; 2]) -> __m256i {
    let bits = u32::from(second.cast_unsigned()) << 16 | u32::from(first.cast_unsigned());
    _mm256_set1_epi32(bits.cast_signed())
}
