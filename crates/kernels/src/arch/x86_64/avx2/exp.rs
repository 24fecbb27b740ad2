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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Avx2;

    fn exp_of(_: Avx2, x: f32) -> f32 {
        // SAFETY: the token proves that the processor has the instructions.
        unsafe { _mm256_cvtss_f32(exp(_mm256_set1_ps(x))) }
    }

    /// The distance in units in the last place of the expected value.
    fn error_in_ulp(actual: f32, expected: f64) -> f64 {
        let rounded = (expected as f32).max(f32::MIN_POSITIVE);
        let ulp = f64::from(f32::from_bits(rounded.to_bits() + 1)) - f64::from(rounded);
        (f64::from(actual) - expected).abs() / ulp
    }

    #[test]
    fn it_is_within_two_ulp_over_the_whole_range() {
        let Some(avx2) = Avx2::new() else { return };
        let mut worst = 0f64;
        // Every 997th float between the ends; 997 is prime.
        for sign in [1.0f32, -1.0] {
            let end = if sign > 0.0 { 88.722_83f32 } else { 103.9 };
            for bits in (0..=end.to_bits()).step_by(997) {
                let x = sign * f32::from_bits(bits);
                let error = error_in_ulp(exp_of(avx2, x), f64::from(x).exp());
                assert!(error <= 2.0, "exp({x}) is {error} ulp off");
                worst = worst.max(error);
            }
        }
        assert!(worst > 0.5, "the comparison compares nothing");
    }

    #[test]
    fn its_ends_are_zero_and_infinity() {
        let Some(avx2) = Avx2::new() else { return };
        for x in [-104.0, -1e3, -1e38, f32::NEG_INFINITY] {
            assert_eq!(exp_of(avx2, x), 0.0, "exp({x})");
        }
        for x in [88.722_85, 89.0, 1e3, 1e38, f32::INFINITY] {
            assert_eq!(exp_of(avx2, x), f32::INFINITY, "exp({x})");
        }
        assert_eq!(exp_of(avx2, 0.0), 1.0);
        assert_eq!(exp_of(avx2, -0.0), 1.0);
        assert!(exp_of(avx2, f32::NAN).is_nan());
    }
}
