//! The kernels for AVX2, FMA and F16C, as methods of the token that proves the processor has them.

use std::ops::Range;

use crate::bf16::Bf16Matrix;
use crate::isa::Avx2;
use crate::mxfp4::Mxfp4Matrix;
use crate::q8::Q8Rows;
use crate::scalar;

#[expect(
    clippy::unused_self,
    reason = "the token is the proof that the vector code may run"
)]
impl Avx2 {
    pub(crate) fn bf16_to_f32(self, bytes: &[u8], out: &mut [f32]) {
        scalar::bf16_to_f32(bytes, out);
    }

    pub(crate) fn f32_to_f16(self, x: &[f32], out: &mut [u16]) {
        scalar::f32_to_f16(x, out);
    }

    pub(crate) fn quantize_q8_row(
        self,
        x: &[f32],
        values: &mut [i8],
        scales: &mut [f32],
        sums: &mut [i32],
    ) {
        scalar::quantize_q8_row(x, values, scales, sums);
    }

    pub(crate) fn dot_f32(self, a: &[f32], b: &[f32]) -> f32 {
        scalar::dot_f32(a, b)
    }

    pub(crate) fn dot_f32_f16(self, a: &[f32], b: &[u16]) -> f32 {
        scalar::dot_f32_f16(a, b)
    }

    pub(crate) fn axpy_f32(self, alpha: f32, x: &[f32], y: &mut [f32]) {
        scalar::axpy_f32(alpha, x, y);
    }

    pub(crate) fn axpy_f32_f16(self, alpha: f32, x: &[u16], y: &mut [f32]) {
        scalar::axpy_f32_f16(alpha, x, y);
    }

    pub(crate) fn rmsnorm(self, x: &[f32], gain: &[f32], eps: f32, out: &mut [f32]) {
        scalar::rmsnorm(x, gain, eps, out);
    }

    pub(crate) fn softmax_with_sink(self, scores: &mut [f32], sink: f32) {
        scalar::softmax_with_sink(scores, sink);
    }

    pub(crate) fn rope(self, head: &mut [f32], cos: &[f32], sin: &[f32]) {
        scalar::rope(head, cos, sin);
    }

    pub(crate) fn swiglu(self, gate_up: &[f32], alpha: f32, limit: f32, out: &mut [f32]) {
        scalar::swiglu(gate_up, alpha, limit, out);
    }

    pub(crate) fn matmul_f32_bf16(
        self,
        w: Bf16Matrix<'_>,
        rows: Range<usize>,
        x: &[f32],
        out: &mut [f32],
    ) {
        scalar::matmul_f32_bf16(w, rows, x, out);
    }

    pub(crate) fn matmul_f32_bf16_transposed(
        self,
        w: Bf16Matrix<'_>,
        cols: Range<usize>,
        x: &[f32],
        out: &mut [f32],
    ) {
        scalar::matmul_f32_bf16_transposed(w, cols, x, out);
    }

    pub(crate) fn matmul_f32_mxfp4(
        self,
        w: Mxfp4Matrix<'_>,
        rows: Range<usize>,
        x: &[f32],
        out: &mut [f32],
    ) {
        scalar::matmul_f32_mxfp4(w, rows, x, out);
    }

    pub(crate) fn matmul_q8_mxfp4(
        self,
        w: Mxfp4Matrix<'_>,
        rows: Range<usize>,
        x: Q8Rows<'_>,
        out: &mut [f32],
    ) {
        debug_assert!((0..x.rows()).all(|j| x.row_sums(j).len() == x.row_scales(j).len()));
        scalar::matmul_q8_mxfp4(w, rows, x, out);
    }
}
