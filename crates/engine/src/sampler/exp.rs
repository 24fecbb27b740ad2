//! The exponential, the same bits on every platform (the standard library calls the platform's
//! mathematical library, which may differ in the last place) and in a form that compilers
//! vectorise.

use super::sanitize;

/// Below this the result counts as zero; `exp(-700)` is 1e-304.
const MIN_ARGUMENT: f64 = -700.0;

/// Rows are reduced in this many lanes side by side: a single sum or maximum would wait for every
/// addition and could not be vectorised. A fixed number, so that sums round alike everywhere.
const NUM_LANES: usize = 8;

/// `exp(x)` for `x <= 0`, to within 2 units in the last place; 0 below [`MIN_ARGUMENT`].
///
/// Cody and Waite's reduction `x = n ln 2 + r` with `|r| <= ln 2 / 2`, then the Taylor polynomial
/// of degree 13, whose remainder is below 5e-18.
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// Adding and subtracting 1.5 * 2^52 rounds to an integer, which stays in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts; the high one has 21 trailing zero bits, so `n * LN2_HIGH` is exact.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// 1 / k! for k from 13 down to 0.
    const COEFFICIENTS: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let clamped = x.max(MIN_ARGUMENT);
    let shifted = clamped * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let polynomial = COEFFICIENTS
        .iter()
        .fold(0.0, |sum, coefficient| sum * r + coefficient);
    // 2^n: the low bits of `shifted` are n in two's complement, moved into the exponent field.
    let power = f64::from_bits((shifted.to_bits().wrapping_add(1023)) << 52);
    if x < MIN_ARGUMENT {
        0.0
    } else {
        polynomial * power
    }
}

/// Fills `weights` with `exp((logit - max) / temperature)`. `max` is finite and the greatest logit.
pub(super) fn weights(logits: &[f32], max: f32, temperature: f32, weights: &mut Vec<f64>) {
    let max = f64::from(max);
    let scale = 1.0 / f64::from(temperature);
    weights.clear();
    weights.extend(
        logits
            .iter()
            .map(|&logit| exp((f64::from(logit) - max) * scale)),
    );
}

/// `ln(sum(exp(logits)))`, the normaliser of a softmax: a token's log-probability is its logit
/// minus this. NaN counts as negative infinity, positive infinity as the largest number. Negative
/// infinity if no logit is finite.
pub fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = max(logits);
    if max == f32::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    let max = f64::from(max);
    let exp_of = |logit: f32| exp(f64::from(sanitize(logit)) - max);
    let (chunks, rest) = logits.as_chunks::<NUM_LANES>();
    let mut sums = [0.0; NUM_LANES];
    for chunk in chunks {
        for (sum, &logit) in sums.iter_mut().zip(chunk) {
            *sum += exp_of(logit);
        }
    }
    max + (sums.iter().sum::<f64>() + rest.iter().map(|&logit| exp_of(logit)).sum::<f64>()).ln()
}

/// The greatest logit, with NaN and positive infinity read as [`sanitize`] does; negative infinity
/// if there is none.
pub(super) fn max(logits: &[f32]) -> f32 {
    let greater = |a: f32, b: f32| if a > b { a } else { b };
    let (chunks, rest) = logits.as_chunks::<NUM_LANES>();
    let maxima = chunks
        .iter()
        .fold([f32::NEG_INFINITY; NUM_LANES], |maxima, chunk| {
            std::array::from_fn(|lane| greater(sanitize(chunk[lane]), maxima[lane]))
        });
    rest.iter()
        .map(|&logit| sanitize(logit))
        .chain(maxima)
        .fold(f32::NEG_INFINITY, greater)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exp_of_its_limits() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp(-700.1), 0.0);
        assert!(exp(-700.0) > 0.0);
    }

    proptest! {
        #[test]
        fn exp_is_within_two_units_in_the_last_place(x in -700.0..=0.0f64, small in -1.0..=0.0f64) {
            for x in [x, small, small * 1e-6] {
                let (value, expected) = (exp(x), x.exp());
                let distance = value.to_bits().abs_diff(expected.to_bits());
                prop_assert!(distance <= 2, "exp({x}) = {value}, not {expected}");
            }
        }

        #[test]
        fn log_sum_exp_agrees_with_the_definition(
            logits in prop::collection::vec(-30.0..30.0f32, 1..200),
        ) {
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            prop_assert!((log_sum_exp(&logits) - sum.ln()).abs() < 1e-12);
        }
    }

    #[test]
    fn log_sum_exp_survives_anything() {
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(
            log_sum_exp(&[f32::NAN, f32::NEG_INFINITY]),
            f64::NEG_INFINITY
        );
        assert_eq!(log_sum_exp(&[f32::NAN, 3.0]), 3.0);
        assert_eq!(log_sum_exp(&[f32::INFINITY, 0.0]), f64::from(f32::MAX));
        assert!((log_sum_exp(&[1e30, 1e30]) - 1e30f32 as f64).abs() < 1e22);
    }
}
