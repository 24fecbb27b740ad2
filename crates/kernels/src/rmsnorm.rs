//! Root-mean-square normalisation (Zhang & Sennrich 2019).

use crate::Isa;
use crate::scalar;

/// `out[i] = x[i] / sqrt(mean(x^2) + eps) * gain[i]`, in `f32` throughout.
///
/// # Panics
/// If the lengths differ or are zero.
pub fn rmsnorm(isa: Isa, x: &[f32], gain: &[f32], eps: f32, out: &mut [f32]) {
    assert!(!x.is_empty(), "rmsnorm: no elements");
    assert_eq!(x.len(), gain.len(), "rmsnorm: elements against gains");
    assert_eq!(
        x.len(),
        out.len(),
        "rmsnorm: elements in against elements out"
    );
    match isa {
        Isa::Scalar => scalar::rmsnorm(x, gain, eps, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.rmsnorm(x, gain, eps, out),
    }
}
