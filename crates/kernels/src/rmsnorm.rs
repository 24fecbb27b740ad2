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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, assert_close};

    #[test]
    fn it_agrees_with_f64_at_every_length() {
        let mut rng = Rng::new(30);
        for len in (1..70).chain([2880]) {
            let (x, gain) = (rng.activations(len), rng.activations(len));
            // An epsilon that matters, and the model's.
            for eps in [0.5, 1e-5] {
                let squares: f64 = x.iter().map(|x| f64::from(*x).powi(2)).sum();
                let factor = 1.0 / (squares / len as f64 + f64::from(eps)).sqrt();
                for isa in Isa::available() {
                    let mut out = vec![0.0; len];
                    rmsnorm(isa, &x, &gain, eps, &mut out);
                    for ((x, gain), out) in x.iter().zip(&gain).zip(out) {
                        let expected = f64::from(*x) * factor * f64::from(*gain);
                        let what = format!("length {len} on {}", isa.name());
                        assert_close(out, expected, 5e-7 * expected.abs(), &what);
                    }
                }
            }
        }
    }

    #[test]
    fn zeros_stay_zeros_and_nan_spreads() {
        for isa in Isa::available() {
            let mut out = [1.0; 11];
            rmsnorm(isa, &[0.0; 11], &[1.0; 11], 1e-5, &mut out);
            assert_eq!(out, [0.0; 11]);
            let mut x = [1.0; 11];
            x[10] = f32::NAN;
            rmsnorm(isa, &x, &[1.0; 11], 1e-5, &mut out);
            assert!(out.iter().all(|out| out.is_nan()));
        }
    }

    #[test]
    #[should_panic(expected = "rmsnorm: elements against gains")]
    fn other_lengths_panic() {
        rmsnorm(Isa::detect(), &[1.0; 8], &[1.0; 9], 1e-5, &mut [0.0; 8]);
    }
}
