//! The two precisions of cached keys and values.

use kernels::{Isa, axpy_f32, axpy_f32_f16, dot_f32, dot_f32_f16, f32_to_f16};

/// A cached number: `f32`, or half precision as its bits in a `u16`.
pub(crate) trait KvElement: Copy + Default + Send + Sync {
    /// Rounds numbers to this precision.
    fn store(isa: Isa, x: &[f32], out: &mut [Self]);

    /// Dot product of a query with a key.
    fn dot(isa: Isa, query: &[f32], key: &[Self]) -> f32;

    /// Adds `weight · value` to `out`.
    fn add_scaled(isa: Isa, weight: f32, value: &[Self], out: &mut [f32]);
}

impl KvElement for f32 {
    fn store(_isa: Isa, x: &[f32], out: &mut [f32]) {
        out.copy_from_slice(x);
    }

    fn dot(isa: Isa, query: &[f32], key: &[f32]) -> f32 {
        dot_f32(isa, query, key)
    }

    fn add_scaled(isa: Isa, weight: f32, value: &[f32], out: &mut [f32]) {
        axpy_f32(isa, weight, value, out);
    }
}

impl KvElement for u16 {
    fn store(isa: Isa, x: &[f32], out: &mut [u16]) {
        f32_to_f16(isa, x, out);
    }

    fn dot(isa: Isa, query: &[f32], key: &[u16]) -> f32 {
        dot_f32_f16(isa, query, key)
    }

    fn add_scaled(isa: Isa, weight: f32, value: &[u16], out: &mut [f32]) {
        axpy_f32_f16(isa, weight, value, out);
    }
}
