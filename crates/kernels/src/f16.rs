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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Rng;

    fn convert(isa: Isa, x: f32) -> u16 {
        let mut out = [0];
        f32_to_f16(isa, &[x], &mut out);
        out[0]
    }

    /// The value of a finite half, exact in `f32`.
    fn value(bits: u16) -> f32 {
        let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
        let magnitude = match exponent {
            0 => mantissa * 2f32.powi(-24),
            _ => (1.0 + mantissa / 1024.0) * 2f32.powi(exponent - 15),
        };
        magnitude.copysign(if bits >> 15 == 1 { -1.0 } else { 1.0 })
    }

    #[test]
    fn every_finite_half_and_what_lies_between_two_rounds_to_nearest_even() {
        for isa in Isa::available() {
            for sign in [0, 0x8000] {
                for bits in 0..0x7c00_u16 {
                    assert_eq!(
                        convert(isa, value(sign | bits)),
                        sign | bits,
                        "{}",
                        isa.name()
                    );
                    if bits == 0x7bff {
                        continue;
                    }
                    // Exact: a half has 11 bits, so a midpoint has 12.
                    let midpoint = (value(sign | bits) + value(sign | (bits + 1))) / 2.0;
                    let even = sign | (bits + bits % 2);
                    let what = format!("around {bits:#x} on {}", isa.name());
                    assert_eq!(convert(isa, midpoint), even, "{what}");
                    let below = f32::from_bits(midpoint.to_bits() - 1);
                    assert_eq!(convert(isa, below), sign | bits, "{what}");
                    let above = f32::from_bits(midpoint.to_bits() + 1);
                    assert_eq!(convert(isa, above), sign | (bits + 1), "{what}");
                }
            }
        }
    }

    #[test]
    fn finite_values_stay_finite_and_the_others_stay_what_they_are() {
        for isa in Isa::available() {
            for x in [65504.0, 65519.9, 65520.0, 65536.0, 1e6, f32::MAX] {
                assert_eq!(convert(isa, x), 0x7bff, "{x} on {}", isa.name());
                assert_eq!(convert(isa, -x), 0xfbff, "{x} on {}", isa.name());
            }
            assert_eq!(convert(isa, f32::INFINITY), 0x7c00);
            assert_eq!(convert(isa, f32::NEG_INFINITY), 0xfc00);
            let nan = convert(isa, f32::NAN);
            assert!(nan & 0x7c00 == 0x7c00 && nan & 0x3ff != 0, "{nan:#x}");
            assert_eq!(convert(isa, 1e-30), 0);
            assert_eq!(convert(isa, -1e-30), 0x8000);
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut rng = Rng::new(12);
        for len in (0..40).chain([if cfg!(miri) { 100 } else { 200_003 }]) {
            let x: Vec<f32> = (0..len).map(|_| rng.any_f32()).collect();
            let mut expected = vec![0; len];
            f32_to_f16(Isa::Scalar, &x, &mut expected);
            for isa in Isa::available() {
                let mut out = vec![0; len];
                f32_to_f16(isa, &x, &mut out);
                assert!(out == expected, "length {len} on {}", isa.name());
            }
        }
    }
}
