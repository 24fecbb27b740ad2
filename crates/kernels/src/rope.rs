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
