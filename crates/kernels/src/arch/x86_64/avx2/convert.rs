//! Conversions between `f32` and the types of files and of the KV cache.

use std::arch::x86_64::*;

use super::vector::{
    LANES, load, load_bf16, load_f16_bytes, load_f32_bytes, padded, store, store_u16,
};
use crate::float::FloatType;

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn floats_to_f32(float_type: FloatType, bytes: &[u8], out: &mut [f32]) {
    match float_type {
        FloatType::Bf16 => widen(bytes, out, |bytes| load_bf16(bytes)),
        FloatType::F16 => widen(bytes, out, |bytes| load_f16_bytes(bytes)),
        FloatType::F32 => widen(bytes, out, |bytes| load_f32_bytes(bytes)),
    }
}

/// Widens numbers of any type that `load` turns into a register.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen<const L: usize>(bytes: &[u8], out: &mut [f32], load: impl Fn(&[u8; L]) -> __m256) {
    let (chunks, tail) = bytes.as_chunks::<L>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<LANES>();
    for (bytes, out) in chunks.iter().zip(out_chunks) {
        store(out, load(bytes));
    }
    let mut last = [0.0; LANES];
    store(&mut last, load(&padded(tail)));
    out_tail.copy_from_slice(&last[..out_tail.len()]);
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn f32_to_f16(x: &[f32], out: &mut [u16]) {
    let (chunks, tail) = x.as_chunks::<LANES>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<LANES>();
    for (x, out) in chunks.iter().zip(out_chunks) {
        store_u16(out, narrow(load(x)));
    }
    let mut last = [0; LANES];
    store_u16(&mut last, narrow(load(&padded(tail))));
    out_tail.copy_from_slice(&last[..out_tail.len()]);
}

/// To f16, ties to even, finite values kept finite.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn narrow(x: __m256) -> __m128i {
    let limit = _mm256_set1_ps(65504.0);
    let clamped = _mm256_max_ps(
        _mm256_min_ps(x, limit),
        _mm256_sub_ps(_mm256_setzero_ps(), limit),
    );
    // "Not less than infinity": infinities and NaN.
    let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), x);
    let special = _mm256_cmp_ps::<_CMP_NLT_UQ>(magnitude, _mm256_set1_ps(f32::INFINITY));
    _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_blendv_ps(clamped, x, special))
}
