//! The softmax of gpt-oss attention, whose denominator also counts a learned sink logit.

use crate::Isa;
use crate::scalar;

/// In place, `p_j = exp(a_j - m) / (sum_k exp(a_k - m) + exp(sink - m))` with
/// `m = max(max_j a_j, sink)`.
///
/// A sink of −∞ gives the ordinary softmax. Scores of −∞ get probability 0, even where all scores
/// and the sink are −∞. NaN or +∞ among them makes every probability NaN. No scores: no effect.
pub fn softmax_with_sink(isa: Isa, scores: &mut [f32], sink: f32) {
    match isa {
        Isa::Scalar => scalar::softmax_with_sink(scores, sink),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.softmax_with_sink(scores, sink),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, assert_close};

    fn check_against_f64(isa: Isa, scores: &[f32], sink: f32) {
        let mut out = scores.to_vec();
        softmax_with_sink(isa, &mut out, sink);
        let max = f64::from(scores.iter().fold(sink, |max, score| max.max(*score)));
        let weights: Vec<f64> = scores
            .iter()
            .map(|score| (f64::from(*score) - max).exp())
            .collect();
        let total = weights.iter().sum::<f64>() + (f64::from(sink) - max).exp();
        for (out, weight) in out.iter().zip(weights) {
            let expected = weight / total;
            let what = format!("{} scores, sink {sink}, on {}", scores.len(), isa.name());
            // A difference of 100 carries a rounding of 4e-6 into the exponent.
            assert_close(*out, expected, 1e-5 * expected + 1e-38, &what);
        }
    }

    #[test]
    fn it_agrees_with_f64_at_every_length() {
        let mut rng = Rng::new(40);
        for len in (0..40).chain([127, 128, 1001, 20_000]) {
            for reach in [1.0, 100.0] {
                let mut scores: Vec<f32> = (0..len).map(|_| rng.uniform(-reach, reach)).collect();
                let sinks = [rng.uniform(-3.0, 3.0), 200.0, -1000.0, f32::NEG_INFINITY];
                for sink in sinks {
                    // An empty row whose sink is −∞ has no softmax; it is tested below.
                    if len > 0 || sink.is_finite() {
                        Isa::available().for_each(|isa| check_against_f64(isa, &scores, sink));
                    }
                }
                // A masked position.
                if len > 1 {
                    scores[len / 2] = f32::NEG_INFINITY;
                    Isa::available().for_each(|isa| check_against_f64(isa, &scores, 0.0));
                }
            }
        }
    }

    #[test]
    fn it_sums_to_one_less_the_sink() {
        for isa in Isa::available() {
            let mut scores = [2.0; 31];
            softmax_with_sink(isa, &mut scores, 2.0);
            assert_eq!(scores, [1.0 / 32.0; 31]);
            softmax_with_sink(isa, &mut scores, f32::NEG_INFINITY);
            assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_extremes_are_as_documented() {
        for isa in Isa::available() {
            for len in 0..20 {
                let mut scores = vec![f32::NEG_INFINITY; len];
                softmax_with_sink(isa, &mut scores, f32::NEG_INFINITY);
                assert!(scores.iter().all(|p| *p == 0.0), "{}", isa.name());
            }
            for bad in [f32::NAN, f32::INFINITY] {
                for i in 0..19 {
                    let mut scores = [1.0; 19];
                    scores[i] = bad;
                    softmax_with_sink(isa, &mut scores, 0.0);
                    assert!(scores.iter().all(|p| p.is_nan()), "{bad} on {}", isa.name());
                }
                let mut scores = [1.0; 19];
                softmax_with_sink(isa, &mut scores, bad);
                assert!(scores.iter().all(|p| p.is_nan()), "{bad} on {}", isa.name());
            }
        }
    }
}
