//! What happens to an activation row between two matrix products.

use std::arch::x86_64::*;

use super::attention::dot_f32;
use super::exp::exp;
use super::vector::{LANES, load, padded, store};

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn rmsnorm(x: &[f32], gain: &[f32], eps: f32, out: &mut [f32]) {
    let mean_square = dot_f32(x, x) / x.len() as f32;
    let factor = 1.0 / (mean_square + eps).sqrt();
    // A product per element rounds the same in any register width: the compiler's code will do.
    for ((x, gain), out) in x.iter().zip(gain).zip(out) {
        *out = x * factor * gain;
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn rope(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = head.split_at_mut(cos.len());
    let (a_chunks, a_tail) = first.as_chunks_mut::<LANES>();
    let (b_chunks, b_tail) = second.as_chunks_mut::<LANES>();
    let (cos_chunks, cos_tail) = cos.as_chunks::<LANES>();
    let (sin_chunks, sin_tail) = sin.as_chunks::<LANES>();
    let angles = cos_chunks.iter().zip(sin_chunks);
    for ((a, b), (cos, sin)) in a_chunks.iter_mut().zip(b_chunks).zip(angles) {
        rotate(a, b, cos, sin);
    }
    if !a_tail.is_empty() {
        let (mut a, mut b) = (padded(a_tail), padded(b_tail));
        rotate(&mut a, &mut b, &padded(cos_tail), &padded(sin_tail));
        a_tail.copy_from_slice(&a[..a_tail.len()]);
        b_tail.copy_from_slice(&b[..b_tail.len()]);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn rotate(a: &mut [f32; LANES], b: &mut [f32; LANES], cos: &[f32; LANES], sin: &[f32; LANES]) {
    let (x, y, cos, sin) = (load(a), load(b), load(cos), load(sin));
    store(a, _mm256_fnmadd_ps(y, sin, _mm256_mul_ps(x, cos)));
    store(b, _mm256_fmadd_ps(x, sin, _mm256_mul_ps(y, cos)));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn swiglu(gate_up: &[f32], alpha: f32, limit: f32, out: &mut [f32]) {
    let (chunks, tail) = gate_up.as_chunks::<{ 2 * LANES }>();
    let (out_chunks, out_tail) = out.as_chunks_mut::<LANES>();
    for (gate_up, out) in chunks.iter().zip(out_chunks) {
        store(out, swiglu_of_eight(gate_up, alpha, limit));
    }
    if !out_tail.is_empty() {
        let mut last = [0.0; LANES];
        store(&mut last, swiglu_of_eight(&padded(tail), alpha, limit));
        out_tail.copy_from_slice(&last[..out_tail.len()]);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn swiglu_of_eight(gate_up: &[f32; 2 * LANES], alpha: f32, limit: f32) -> __m256 {
    let (halves, _) = gate_up.as_chunks::<LANES>();
    let (low, high) = (load(&halves[0]), load(&halves[1]));
    // Both come out in the order 0 1 4 5 2 3 6 7.
    let gate = _mm256_shuffle_ps::<0b10_00_10_00>(low, high);
    let up = _mm256_shuffle_ps::<0b11_01_11_01>(low, high);

    // Limits first: `min` and `max` return their second operand when one is NaN.
    let gate = _mm256_min_ps(_mm256_set1_ps(limit), gate);
    let up = _mm256_max_ps(
        _mm256_set1_ps(-limit),
        _mm256_min_ps(_mm256_set1_ps(limit), up),
    );

    let one = _mm256_set1_ps(1.0);
    let denominator = _mm256_add_ps(one, exp(_mm256_mul_ps(_mm256_set1_ps(-alpha), gate)));
    let product = _mm256_mul_ps(_mm256_div_ps(gate, denominator), _mm256_add_ps(up, one));
    let in_order = _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_castps_pd(product));
    _mm256_castpd_ps(in_order)
}
