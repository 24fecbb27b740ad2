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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, assert_close};

    fn run(isa: Isa, gate_up: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; gate_up.len() / 2];
        swiglu(isa, gate_up, 1.702, 7.0, &mut out);
        out
    }

    #[test]
    fn it_agrees_with_f64_at_every_length() {
        let mut rng = Rng::new(60);
        for len in (0..40).chain([2880]) {
            // Beyond both limits, and where the sigmoid underflows.
            let reach = [1.0, 12.0, 80.0][len % 3];
            let gate_up: Vec<f32> = (0..2 * len).map(|_| rng.uniform(-reach, reach)).collect();
            for isa in Isa::available() {
                for (pair, out) in gate_up.chunks_exact(2).zip(run(isa, &gate_up)) {
                    let gate = f64::from(pair[0]).min(7.0);
                    let up = f64::from(pair[1]).clamp(-7.0, 7.0);
                    let exponent = f64::from(-1.702f32) * gate;
                    let expected = gate / (1.0 + exponent.exp()) * (up + 1.0);
                    let tolerance = (1e-6 + 2e-7 * exponent.abs()) * expected.abs() + 1e-35;
                    let what = format!("{pair:?} on {}", isa.name());
                    assert_close(out, expected, tolerance, &what);
                }
            }
        }
    }

    #[test]
    fn limits_hold_and_nan_stays() {
        let at_limit = 7.0 / (1.0 + (-1.702f32 * 7.0).exp());
        for isa in Isa::available() {
            for len in [1, 8, 9] {
                let one = |gate, up| *run(isa, &[gate, up].repeat(len)).last().unwrap();
                let inf = f32::INFINITY;
                assert!((one(inf, inf) - 8.0 * at_limit).abs() < 1e-5);
                assert!((one(7.5, -inf) + 6.0 * at_limit).abs() < 1e-5);
                assert_eq!(one(-1e30, 1.0), 0.0);
                assert!(one(f32::NAN, 1.0).is_nan() && one(1.0, f32::NAN).is_nan());
            }
        }
    }

    #[test]
    #[should_panic(expected = "swiglu: elements in against elements out")]
    fn other_lengths_panic() {
        swiglu(Isa::detect(), &[1.0; 7], 1.702, 7.0, &mut [0.0; 3]);
    }
}
