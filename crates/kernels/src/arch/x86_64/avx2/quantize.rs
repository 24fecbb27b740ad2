//! Activations to 8 and 16 bits.

use std::arch::x86_64::*;

use super::vector::{LANES, load, max_u32, store_i8x32, store_i16x16, sum_i32};
use crate::activations::correction;
use crate::mxfp4::BLOCK;

/// The arithmetic is that of the scalar oracle, operation by operation, so the bits are the same.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn quantize_q8_row(
    x: &[f32],
    values: &mut [i8],
    scales: &mut [f32],
    corrections: &mut [i32],
) {
    let blocks = x.as_chunks::<BLOCK>().0.iter();
    let values = values.as_chunks_mut::<BLOCK>().0;
    let factors = scales.iter_mut().zip(corrections);
    for ((x, values), (scale, correction_out)) in blocks.zip(values).zip(factors) {
        let (quantised, block_scale) = quantize_block(x, 127.0);
        let [q0, q1, q2, q3] = quantised;
        let total = _mm256_add_epi32(_mm256_add_epi32(q0, q1), _mm256_add_epi32(q2, q3));
        *scale = block_scale;
        *correction_out = correction(sum_i32(total));
        // Packing works within halves of a register and leaves groups of four out of order.
        let bytes = _mm256_packs_epi16(_mm256_packs_epi32(q0, q1), _mm256_packs_epi32(q2, q3));
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        store_i8x32(values, _mm256_permutevar8x32_epi32(bytes, order));
    }
}

/// As [`quantize_q8_row`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn quantize_q16(x: &[f32], values: &mut [i16], scales: &mut [f32]) {
    let blocks = x.as_chunks::<BLOCK>().0.iter();
    let values = values.as_chunks_mut::<{ BLOCK / 2 }>().0;
    let values = values.as_chunks_mut::<2>().0;
    for ((x, values), scale) in blocks.zip(values).zip(scales) {
        let (quantised, block_scale) = quantize_block(x, 32767.0);
        *scale = block_scale;
        for (values, pair) in values.iter_mut().zip(quantised.as_chunks::<2>().0) {
            let packed = _mm256_packs_epi32(pair[0], pair[1]);
            store_i16x16(values, _mm256_permute4x64_epi64::<0b11_01_10_00>(packed));
        }
    }
}

/// Integers from `-limit` to `limit`, and the scale that belongs to them.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn quantize_block(x: &[f32; BLOCK], limit: f32) -> ([__m256i; BLOCK / LANES], f32) {
    let (x, _) = x.as_chunks::<LANES>();
    // As integers the magnitudes compare like the numbers, with NaN above infinity.
    let mut largest = _mm256_setzero_si256();
    for x in x {
        let bits = _mm256_castps_si256(load(x));
        let magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fff_ffff));
        largest = _mm256_max_epu32(largest, magnitude);
    }
    let max = f32::from_bits(max_u32(largest));

    let mut quantised = [_mm256_setzero_si256(); BLOCK / LANES];
    if !max.is_finite() {
        return (quantised, f32::NAN);
    }
    if max > 0.0 {
        for (quantised, x) in quantised.iter_mut().zip(x) {
            let fraction = _mm256_div_ps(load(x), _mm256_set1_ps(max));
            *quantised = _mm256_cvtps_epi32(_mm256_mul_ps(fraction, _mm256_set1_ps(limit)));
        }
    }
    (quantised, max / limit)
}
