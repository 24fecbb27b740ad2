//! Dot products and weighted sums over the KV cache, and the softmax between them.

use std::arch::x86_64::*;

use super::exp::exp;
use super::vector::{LANES, load, load_f16, max, padded, store, sum};

/// Independent partial sums of a dot product: enough to keep two multiply-adds a cycle in flight.
const CHAINS: usize = 4;

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    dot(a, b, |b| load(b))
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn dot_f32_f16(a: &[f32], b: &[u16]) -> f32 {
    dot(a, b, |b| load_f16(b))
}

/// The dot product with any elements that `load_b` turns into a register.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot<B: Copy + Default>(a: &[f32], b: &[B], load_b: impl Fn(&[B; LANES]) -> __m256) -> f32 {
    let (a_chunks, a_tail) = a.as_chunks::<LANES>();
    let (b_chunks, b_tail) = b.as_chunks::<LANES>();
    let (a_groups, a_chunks) = a_chunks.as_chunks::<CHAINS>();
    let (b_groups, b_chunks) = b_chunks.as_chunks::<CHAINS>();

    let mut sums = [_mm256_setzero_ps(); CHAINS];
    for (a, b) in a_groups.iter().zip(b_groups) {
        for chain in 0..CHAINS {
            sums[chain] = _mm256_fmadd_ps(load(&a[chain]), load_b(&b[chain]), sums[chain]);
        }
    }
    for (chain, (a, b)) in a_chunks.iter().zip(b_chunks).enumerate() {
        sums[chain] = _mm256_fmadd_ps(load(a), load_b(b), sums[chain]);
    }
    let (a, b) = (load(&padded(a_tail)), load_b(&padded(b_tail)));
    sums[CHAINS - 1] = _mm256_fmadd_ps(a, b, sums[CHAINS - 1]);

    let [s0, s1, s2, s3] = sums;
    sum(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)))
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn axpy_f32(alpha: f32, x: &[f32], y: &mut [f32]) {
    axpy(alpha, x, y, |x| load(x));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn axpy_f32_f16(alpha: f32, x: &[u16], y: &mut [f32]) {
    axpy(alpha, x, y, |x| load_f16(x));
}

/// `y += alpha * x` with any elements that `load_x` turns into a register.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn axpy<X: Copy + Default>(
    alpha: f32,
    x: &[X],
    y: &mut [f32],
    load_x: impl Fn(&[X; LANES]) -> __m256,
) {
    let alpha = _mm256_set1_ps(alpha);
    let (x_chunks, x_tail) = x.as_chunks::<LANES>();
    let (y_chunks, y_tail) = y.as_chunks_mut::<LANES>();
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        store(y, _mm256_fmadd_ps(alpha, load_x(x), load(y)));
    }
    if !y_tail.is_empty() {
        let y = _mm256_fmadd_ps(alpha, load_x(&padded(x_tail)), load(&padded(y_tail)));
        let mut last = [0.0; LANES];
        store(&mut last, y);
        y_tail.copy_from_slice(&last[..y_tail.len()]);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn softmax_with_sink(scores: &mut [f32], sink: f32) {
    let (chunks, tail) = scores.as_chunks_mut::<LANES>();
    let mut last = [f32::NEG_INFINITY; LANES];
    last[..tail.len()].copy_from_slice(tail);

    let mut largest = _mm256_max_ps(_mm256_set1_ps(sink), load(&last));
    for chunk in &*chunks {
        largest = _mm256_max_ps(largest, load(chunk));
    }
    let largest = max(largest);
    // With nothing but −∞ there is no weight to share out; any finite maximum gives zeros.
    let (largest, sink_weight) = if largest == f32::NEG_INFINITY {
        (0.0, 1.0)
    } else {
        (
            largest,
            _mm256_cvtss_f32(exp(_mm256_set1_ps(sink - largest))),
        )
    };

    let offset = _mm256_set1_ps(largest);
    let mut sums = exp(_mm256_sub_ps(load(&last), offset));
    store(&mut last, sums);
    for chunk in &mut *chunks {
        let weight = exp(_mm256_sub_ps(load(chunk), offset));
        store(chunk, weight);
        sums = _mm256_add_ps(sums, weight);
    }

    let total = _mm256_set1_ps(sum(sums) + sink_weight);
    for chunk in chunks {
        store(chunk, _mm256_div_ps(load(chunk), total));
    }
    let weights = load(&last);
    store(&mut last, _mm256_div_ps(weights, total));
    tail.copy_from_slice(&last[..tail.len()]);
}
