//! Rotary position embedding (Su et al. 2021) in the rotate-half layout: element `i` of the first
//! half pairs with element `i` of the second.

use crate::Isa;
use crate::scalar;

/// Rotates one head in place: `(a, b) -> (a cos - b sin, b cos + a sin)` for each pair.
///
/// `head` has `d` elements, `cos` and `sin` have `d/2` (any YaRN concentration already in them).
///
/// # Panics
/// If the lengths do not fit.
pub fn rope(isa: Isa, head: &mut [f32], cos: &[f32], sin: &[f32]) {
    assert_eq!(
        head.len(),
        2 * cos.len(),
        "rope: elements of the head against cosines"
    );
    assert_eq!(cos.len(), sin.len(), "rope: cosines against sines");
    match isa {
        Isa::Scalar => scalar::rope(head, cos, sin),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.rope(head, cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, assert_close};

    #[test]
    fn it_rotates_each_pair() {
        let mut rng = Rng::new(50);
        for half in (0..40).chain([64]) {
            let head = rng.activations(2 * half);
            let angles: Vec<f32> = (0..half).map(|_| rng.uniform(-3.0, 3.0)).collect();
            let cos: Vec<f32> = angles.iter().map(|angle| 1.35 * angle.cos()).collect();
            let sin: Vec<f32> = angles.iter().map(|angle| 1.35 * angle.sin()).collect();
            for isa in Isa::available() {
                let mut out = head.clone();
                rope(isa, &mut out, &cos, &sin);
                for i in 0..half {
                    let [a, b, c, s] = [head[i], head[half + i], cos[i], sin[i]].map(f64::from);
                    let tolerance = 2e-7 * (a.abs() + b.abs());
                    let what = format!("pair {i} of {half} on {}", isa.name());
                    assert_close(out[i], a * c - b * s, tolerance, &what);
                    assert_close(out[half + i], b * c + a * s, tolerance, &what);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "rope: elements of the head against cosines")]
    fn other_lengths_panic() {
        rope(Isa::detect(), &mut [1.0; 6], &[1.0; 2], &[0.0; 2]);
    }
}
