//! Loads, stores and sums of whole registers. The arrays in the signatures make them safe to call.

use std::arch::x86_64::*;

/// Lanes of an `f32` register.
pub(super) const LANES: usize = 8;

/// The first elements of a register-sized array from a shorter slice, the others zero.
#[inline]
pub(super) fn padded<T: Copy + Default, const N: usize>(tail: &[T]) -> [T; N] {
    let mut array = [T::default(); N];
    // The usual case saves the call that a copy of unknown length is.
    if !tail.is_empty() {
        array[..tail.len()].copy_from_slice(tail);
    }
    array
}

/// A run of elements cut up for registers of `N` of them.
#[derive(Clone, Copy)]
pub(super) struct Registers<'a, T, const N: usize> {
    pub(super) whole: &'a [[T; N]],
    /// What is left, then zeros.
    pub(super) tail: [T; N],
}

impl<'a, T: Copy + Default, const N: usize> Registers<'a, T, N> {
    #[inline]
    pub(super) fn new(elements: &'a [T]) -> Self {
        let (whole, tail) = elements.as_chunks();
        Self {
            whole,
            tail: padded(tail),
        }
    }
}

/// Asks for the cache line `bytes` after the start of `a`. A hint: the address is never read.
#[inline]
pub(super) fn prefetch<T>(a: &T, bytes: usize) {
    let address = std::ptr::from_ref(a).cast::<i8>().wrapping_add(bytes);
    // SAFETY: a prefetch of any address is without effect on memory and never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load(a: &[f32; 8]) -> __m256 {
    // SAFETY: `a` is 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_ps(a.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn store(a: &mut [f32; 8], v: __m256) {
    // SAFETY: `a` is 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_ps(a.as_mut_ptr(), v) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_u8x16(a: &[u8; 16]) -> __m128i {
    // SAFETY: `a` is 16 readable bytes; the load needs no alignment.
    unsafe { _mm_loadu_si128(a.as_ptr().cast()) }
}

/// Eight bytes in the lower half.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_u8x8(a: &[u8; 8]) -> __m128i {
    // SAFETY: `a` is 8 readable bytes; the load needs no alignment.
    unsafe { _mm_loadl_epi64(a.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_i8x16(a: &[i8; 16]) -> __m128i {
    // SAFETY: `a` is 16 readable bytes; the load needs no alignment.
    unsafe { _mm_loadu_si128(a.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn store_i8x32(a: &mut [i8; 32], v: __m256i) {
    // SAFETY: `a` is 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256(a.as_mut_ptr().cast(), v) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn store_i16x16(a: &mut [i16; 16], v: __m256i) {
    // SAFETY: `a` is 32 writable bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256(a.as_mut_ptr().cast(), v) }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_u8x32(a: &[u8; 32]) -> __m256i {
    // SAFETY: `a` is 32 readable bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(a.as_ptr().cast()) }
}

/// Eight little-endian bf16, widened.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_bf16(bytes: &[u8; 16]) -> __m256 {
    let halves = _mm256_cvtepu16_epi32(load_u8x16(bytes));
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves))
}

/// Eight f16, widened.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_f16(a: &[u16; 8]) -> __m256 {
    // SAFETY: `a` is 16 readable bytes; the load needs no alignment.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(a.as_ptr().cast()) })
}

/// Eight little-endian f16, widened.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_f16_bytes(bytes: &[u8; 16]) -> __m256 {
    _mm256_cvtph_ps(load_u8x16(bytes))
}

/// Eight little-endian f32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn load_f32_bytes(bytes: &[u8; 32]) -> __m256 {
    _mm256_castsi256_ps(load_u8x32(bytes))
}

/// Eight f16 in the integer register that the conversion makes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn store_u16(a: &mut [u16; 8], v: __m128i) {
    // SAFETY: `a` is 16 writable bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(a.as_mut_ptr().cast(), v) }
}

/// The sums of four registers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn sum_each([a, b, c, d]: [__m256; 4]) -> __m128 {
    let halves = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    _mm_add_ps(
        _mm256_castps256_ps128(halves),
        _mm256_extractf128_ps::<1>(halves),
    )
}

/// The sum of a register.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn sum(v: __m256) -> f32 {
    let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
}

/// The sum of an integer register.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn sum_i32(v: __m256i) -> i32 {
    let v = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let v = _mm_add_epi32(v, _mm_shuffle_epi32::<0b01_00_11_10>(v));
    _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32::<0b10_11_00_01>(v)))
}

/// The largest lane as an unsigned integer.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn max_u32(v: __m256i) -> u32 {
    let v = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let v = _mm_max_epu32(v, _mm_shuffle_epi32::<0b01_00_11_10>(v));
    _mm_cvtsi128_si32(_mm_max_epu32(v, _mm_shuffle_epi32::<0b10_11_00_01>(v))).cast_unsigned()
}

/// The largest lane; of a lane with NaN nothing is promised.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn max(v: __m256) -> f32 {
    let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)))
}

/// Four elements to add to `out[..4]`, or to as many as there are.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn add_four(sums: __m128, out: &mut [f32]) {
    let mut four = [0.0; 4];
    // SAFETY: `four` is 16 writable bytes; the store needs no alignment.
    unsafe { _mm_storeu_ps(four.as_mut_ptr(), sums) };
    for (out, sum) in out.iter_mut().zip(four) {
        *out += sum;
    }
}
