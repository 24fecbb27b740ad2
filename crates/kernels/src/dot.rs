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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::f16::f32_to_f16;
    use crate::testing::{Rng, assert_close, assert_same_bits};

    /// `b` in half precision, and the same values widened by the definition of the format.
    fn halves(isa: Isa, b: &[f32]) -> (Vec<u16>, Vec<f64>) {
        let mut bits = vec![0; b.len()];
        f32_to_f16(isa, b, &mut bits);
        let values = bits.iter().map(|bits| {
            // Normal numbers only: the inputs are ordinary.
            let (exponent, mantissa) = (bits >> 10 & 0x1f, f64::from(bits & 0x3ff));
            let magnitude = (1.0 + mantissa / 1024.0) * 2f64.powi(i32::from(exponent) - 15);
            if bits >> 15 == 1 {
                -magnitude
            } else {
                magnitude
            }
        });
        (bits.clone(), values.collect())
    }

    #[test]
    fn dot_and_axpy_agree_with_f64_at_every_length() {
        let mut rng = Rng::new(10);
        for len in (0..80).chain([128, 515, 4096]) {
            let a = rng.activations(len);
            // Away from zero, where half precision has fewer digits.
            let b: Vec<f32> = (0..len)
                .map(|_| rng.uniform(0.1, 4.0).copysign(rng.uniform(-1.0, 1.0)))
                .collect();
            for isa in Isa::available() {
                let what = format!("length {len} on {}", isa.name());
                let exact = b.iter().copied().map(f64::from).collect();
                let (bits, halved) = halves(isa, &b);
                let mut y = vec![0.25; len];
                axpy_f32(isa, 0.7, &b, &mut y);
                check(dot_f32(isa, &a, &b), &y, &a, &exact, &what);
                let mut y = vec![0.25; len];
                axpy_f32_f16(isa, 0.7, &bits, &mut y);
                check(dot_f32_f16(isa, &a, &bits), &y, &a, &halved, &what);
            }
        }

        fn check(dot: f32, y: &[f32], a: &[f32], b: &Vec<f64>, what: &str) {
            let terms = a.iter().zip(b).map(|(a, b)| f64::from(*a) * b);
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| {
                (sum + term, size + term.abs())
            });
            assert_close(dot, sum, 1e-6 * size, what);
            for (y, b) in y.iter().zip(b) {
                assert_close(
                    *y,
                    0.25 + f64::from(0.7f32) * b,
                    2e-7 * (0.25 + b.abs()),
                    what,
                );
            }
        }
    }

    #[test]
    fn a_long_axpy_is_the_short_ones_side_by_side() {
        let mut rng = Rng::new(11);
        let (x, y) = (rng.activations(100), rng.activations(100));
        for isa in Isa::available() {
            let mut whole = y.clone();
            axpy_f32(isa, 1.7, &x, &mut whole);
            let mut parts = y.clone();
            for (x, y) in x.chunks(7).zip(parts.chunks_mut(7)) {
                axpy_f32(isa, 1.7, x, y);
            }
            assert_same_bits(&parts, &whole, isa.name());
        }
    }

    #[test]
    fn every_half_is_widened_to_its_value() {
        for isa in Isa::available() {
            for bits in 0..=u16::MAX {
                let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
                let magnitude = match exponent {
                    0 => mantissa * 2f64.powi(-24),
                    31 if mantissa == 0.0 => f64::INFINITY,
                    31 => f64::NAN,
                    _ => (1.0 + mantissa / 1024.0) * 2f64.powi(exponent - 15),
                };
                let expected = if bits >> 15 == 1 {
                    -magnitude
                } else {
                    magnitude
                };
                // Two lengths: in a whole register and in a tail.
                for len in [8, 1] {
                    let mut y = [0.0; 8];
                    axpy_f32_f16(isa, 1.0, &[bits; 8][..len], &mut y[..len]);
                    let what = format!("{bits:#x} on {}", isa.name());
                    assert_close(y[0], expected + 0.0, 0.0, &what);
                }
            }
        }
    }

    #[test]
    fn nan_and_infinity_come_through() {
        for isa in Isa::available() {
            for i in 0..19 {
                let mut a = [1.0; 19];
                a[i] = f32::NAN;
                assert!(dot_f32(isa, &a, &[1.0; 19]).is_nan());
                a[i] = f32::INFINITY;
                assert_eq!(dot_f32(isa, &a, &[1.0; 19]), f32::INFINITY);
                assert!(dot_f32_f16(isa, &a, &[0; 19]).is_nan());
            }
        }
    }

    #[test]
    #[should_panic(expected = "dot_f32: lengths")]
    fn other_lengths_panic() {
        dot_f32(Isa::detect(), &[1.0; 8], &[1.0; 9]);
    }
}
