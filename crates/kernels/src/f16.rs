//! IEEE binary16, carried as its bits in a `u16`: the dtype of the 16-bit KV cache.

use crate::Isa;
use crate::scalar;

/// Rounds to half precision, ties to even.
///
/// A finite value beyond the range becomes ±65504 rather than an infinity, so that one outlier in a
/// cached key cannot turn a whole softmax into NaN. Infinities and NaN are kept.
///
/// # Panics
/// If the lengths differ.
pub fn f32_to_f16(isa: Isa, x: &[f32], out: &mut [u16]) {
    assert_eq!(
        x.len(),
        out.len(),
        "f32_to_f16: elements in against elements out"
    );
    match isa {
        Isa::Scalar => scalar::f32_to_f16(x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.f32_to_f16(x, out),
    }
}
