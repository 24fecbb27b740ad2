//! The exponential function on eight lanes.

use std::arch::x86_64::*;

/// `e^x` to within 2 units in the last place over the whole range, subnormal results included.
/// NaN stays NaN.
///
/// `x = n ln 2 + r` with integer `n` and `|r| <= ln 2 / 2`; `e^r` is `1 + r + r^2 q(r)`, where `q`
/// was fitted for the smallest largest relative error (3.1e-9, a twentieth of a rounding).
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn exp(x: __m256) -> __m256 {
    /// Highest power first.
    const Q: [f32; 5] = [
        0.001_381_454,
        0.008_368_745,
        0.041_668_39,
        0.166_665_21,
        0.499_999_94,
    ];
    const LN_2_HIGH: f32 = std::f32::consts::LN_2;
    const LN_2_LOW: f32 = (std::f64::consts::LN_2 - LN_2_HIGH as f64) as f32;

    // Just past the ends the result is 0 or infinity anyway. The constants come first because
    // `min` and `max` return their second operand when one is NaN.
    let x = _mm256_min_ps(
        _mm256_set1_ps(89.0),
        _mm256_max_ps(_mm256_set1_ps(-104.5), x),
    );

    let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(_mm256_mul_ps(
        x,
        _mm256_set1_ps(std::f32::consts::LOG2_E),
    ));
    let r = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN_2_HIGH), x);
    let r = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN_2_LOW), r);

    let mut q = _mm256_set1_ps(Q[0]);
    for coefficient in &Q[1..] {
        q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(*coefficient));
    }
    let p = _mm256_fmadd_ps(q, _mm256_mul_ps(r, r), r);
    let p = _mm256_add_ps(p, _mm256_set1_ps(1.0));

    // 2^n does not fit a float at either end of the range; half of n does. The first product is
    // exact, so the result is rounded once.
    let n = _mm256_cvtps_epi32(n);
    let half = _mm256_srai_epi32::<1>(n);
    let power = |n| {
        let biased = _mm256_add_epi32(n, _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
    };
    let p = _mm256_mul_ps(p, power(half));
    _mm256_mul_ps(p, power(_mm256_sub_epi32(n, half)))
}
