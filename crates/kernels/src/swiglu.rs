//! The clamped SwiGLU of the gpt-oss experts.

use crate::Isa;
use crate::scalar;

/// `out[i] = gate * sigmoid(alpha * gate) * (up + 1)` with `gate = min(gate_up[2i], limit)` and
/// `up = clamp(gate_up[2i + 1], -limit, limit)`. NaN stays NaN.
///
/// # Panics
/// If `gate_up` is not twice as long as `out`.
pub fn swiglu(isa: Isa, gate_up: &[f32], alpha: f32, limit: f32, out: &mut [f32]) {
    assert_eq!(
        gate_up.len(),
        2 * out.len(),
        "swiglu: elements in against elements out"
    );
    match isa {
        Isa::Scalar => scalar::swiglu(gate_up, alpha, limit, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.swiglu(gate_up, alpha, limit, out),
    }
}
