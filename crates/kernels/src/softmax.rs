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
