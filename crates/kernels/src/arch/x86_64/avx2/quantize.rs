//! Activations to Q8.

use std::arch::x86_64::*;

use super::vector::{LANES, load, max_u32, store_i8x16, sum_i32};
use crate::mxfp4::BLOCK;
use crate::q8::{correction, stored_position};

/// The arithmetic is that of the scalar oracle, operation by operation, so the bits are the same.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn quantize_q8_row(
    x: &[f32],
    values: &mut [i8],
    scales: &mut [f32],
    corrections: &mut [i32],
) {
    let cols = x.len();
    let (blocks, _) = x.as_chunks::<BLOCK>();
    let (values, _) = values.as_chunks_mut::<{ BLOCK / 2 }>();
    let outputs = scales.iter_mut().zip(corrections);
    for (block, (x, (scale, correction_out))) in blocks.iter().zip(outputs).enumerate() {
        let (x, _) = x.as_chunks::<LANES>();

        // As integers the magnitudes compare like the numbers, with NaN above infinity.
        let mut largest = _mm256_setzero_si256();
        for x in x {
            let bits = _mm256_castps_si256(load(x));
            let magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fff_ffff));
            largest = _mm256_max_epu32(largest, magnitude);
        }
        let max = f32::from_bits(max_u32(largest));

        *scale = if max.is_finite() {
            max / 127.0
        } else {
            f32::NAN
        };
        let mut quantised = [_mm256_setzero_si256(); BLOCK / LANES];
        let mut total = _mm256_setzero_si256();
        if max.is_finite() && max > 0.0 {
            for (quantised, x) in quantised.iter_mut().zip(x) {
                let fraction = _mm256_div_ps(load(x), _mm256_set1_ps(max));
                *quantised = _mm256_cvtps_epi32(_mm256_mul_ps(fraction, _mm256_set1_ps(127.0)));
                total = _mm256_add_epi32(total, *quantised);
            }
        }
        *correction_out = correction(sum_i32(total));

        let (even, odd) = split_even_odd(quantised);
        let first = stored_position(block * BLOCK, cols) / (BLOCK / 2);
        let second = stored_position(block * BLOCK + 1, cols) / (BLOCK / 2);
        store_i8x16(&mut values[first], even);
        store_i8x16(&mut values[second], odd);
    }
}

/// Narrows 32 integers to bytes: those at even positions, those at odd ones.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn split_even_odd([q0, q1, q2, q3]: [__m256i; 4]) -> (__m128i, __m128i) {
    // Packing works within halves of a register and leaves the groups of four as
    // 0 2 4 6 | 1 3 5 7.
    let bytes = _mm256_packs_epi16(_mm256_packs_epi32(q0, q1), _mm256_packs_epi32(q2, q3));
    let natural = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    #[rustfmt::skip]
    let even_then_odd = _mm256_setr_epi8(
        0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15,
        0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15,
    );
    let grouped = _mm256_shuffle_epi8(natural, even_then_odd);
    let split = _mm256_permute4x64_epi64::<0b11_01_10_00>(grouped);
    (
        _mm256_castsi256_si128(split),
        _mm256_extracti128_si256::<1>(split),
    )
}
