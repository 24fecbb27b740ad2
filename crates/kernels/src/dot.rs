//! The two vector operations of attention: a score is a dot product with a cached key, the output a
//! weighted sum of cached values. The cache holds `f32` or `f16` (its bits in a `u16`).

use crate::Isa;
use crate::scalar;

/// `sum a[i] * b[i]`.
///
/// # Panics
/// If the lengths differ.
pub fn dot_f32(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "dot_f32: lengths");
    match isa {
        Isa::Scalar => scalar::dot_f32(a, b),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.dot_f32(a, b),
    }
}

/// `y[i] += alpha * x[i]`.
///
/// # Panics
/// If the lengths differ.
pub fn axpy_f32(isa: Isa, alpha: f32, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "axpy_f32: lengths");
    match isa {
        Isa::Scalar => scalar::axpy_f32(alpha, x, y),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.axpy_f32(alpha, x, y),
    }
}

/// `sum a[i] * b[i]` with `b` in half precision.
///
/// # Panics
/// If the lengths differ.
pub fn dot_f32_f16(isa: Isa, a: &[f32], b: &[u16]) -> f32 {
    assert_eq!(a.len(), b.len(), "dot_f32_f16: lengths");
    match isa {
        Isa::Scalar => scalar::dot_f32_f16(a, b),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.dot_f32_f16(a, b),
    }
}

/// `y[i] += alpha * x[i]` with `x` in half precision.
///
/// # Panics
/// If the lengths differ.
pub fn axpy_f32_f16(isa: Isa, alpha: f32, x: &[u16], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "axpy_f32_f16: lengths");
    match isa {
        Isa::Scalar => scalar::axpy_f32_f16(alpha, x, y),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.axpy_f32_f16(alpha, x, y),
    }
}
