//! The kernels for AVX2, FMA and F16C, as methods of the token that proves the processor has them.
//!
//! The one rule of this code: the bits of an output depend only on its own inputs and their length.
//! So every sum has an order fixed by the length alone, each lane of a register belongs to one
//! output or to a fixed share of one sum, and tails run through the same instructions as full
//! registers, padded with values that add nothing.
#![expect(
    unsafe_code,
    reason = "vector loads and stores, and entering target-feature functions"
)]

use std::ops::Range;

use crate::activations::{Q8Rows, Q16Rows};
use crate::columns::ColumnsMut;
use crate::float::{FloatMatrix, FloatType};
use crate::isa::Avx2;
use crate::mxfp4::Mxfp4Matrix;
use crate::q8::Q8Matrix;

mod attention;
mod convert;
mod elementwise;
mod exp;
mod matmul_f32;
mod matmul_group;
mod matmul_transposed;
mod quantize;
mod vector;

/// The lengths have been checked by the public functions of the same names.
impl Avx2 {
    pub(crate) fn floats_to_f32(self, float_type: FloatType, bytes: &[u8], out: &mut [f32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { convert::floats_to_f32(float_type, bytes, out) };
    }

    pub(crate) fn f32_to_f16(self, x: &[f32], out: &mut [u16]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { convert::f32_to_f16(x, out) };
    }

    pub(crate) fn quantize_q8_row(
        self,
        x: &[f32],
        values: &mut [i8],
        scales: &mut [f32],
        corrections: &mut [i32],
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { quantize::quantize_q8_row(x, values, scales, corrections) };
    }

    pub(crate) fn quantize_q16(self, x: &[f32], values: &mut [i16], scales: &mut [f32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { quantize::quantize_q16(x, values, scales) };
    }

    pub(crate) fn dot_f32(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { attention::dot_f32(a, b) }
    }

    pub(crate) fn dot_f32_f16(self, a: &[f32], b: &[u16]) -> f32 {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { attention::dot_f32_f16(a, b) }
    }

    pub(crate) fn axpy_f32(self, alpha: f32, x: &[f32], y: &mut [f32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { attention::axpy_f32(alpha, x, y) };
    }

    pub(crate) fn axpy_f32_f16(self, alpha: f32, x: &[u16], y: &mut [f32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { attention::axpy_f32_f16(alpha, x, y) };
    }

    pub(crate) fn softmax_with_sink(self, scores: &mut [f32], sink: f32) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { attention::softmax_with_sink(scores, sink) };
    }

    pub(crate) fn rmsnorm(self, x: &[f32], gain: &[f32], eps: f32, out: &mut [f32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { elementwise::rmsnorm(x, gain, eps, out) };
    }

    pub(crate) fn rope(self, head: &mut [f32], cos: &[f32], sin: &[f32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { elementwise::rope(head, cos, sin) };
    }

    pub(crate) fn swiglu(self, gate_up: &[f32], alpha: f32, limit: f32, out: &mut [f32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { elementwise::swiglu(gate_up, alpha, limit, out) };
    }

    pub(crate) fn matmul_f32_float(
        self,
        w: FloatMatrix<'_>,
        rows: Range<usize>,
        x: &[f32],
        out: ColumnsMut<'_>,
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { matmul_f32::matmul_f32_float(w, rows, x, out) };
    }

    pub(crate) fn matmul_f32_float_transposed(
        self,
        w: FloatMatrix<'_>,
        cols: Range<usize>,
        x: &[f32],
        out: ColumnsMut<'_>,
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { matmul_transposed::matmul_f32_float_transposed(w, cols, x, out) };
    }

    pub(crate) fn matmul_f32_mxfp4(
        self,
        w: Mxfp4Matrix<'_>,
        rows: Range<usize>,
        x: &[f32],
        out: ColumnsMut<'_>,
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { matmul_f32::matmul_f32_mxfp4(w, rows, x, out) };
    }

    pub(crate) fn matmul_f32_q8(
        self,
        w: Q8Matrix<'_>,
        rows: Range<usize>,
        x: &[f32],
        out: ColumnsMut<'_>,
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { matmul_f32::matmul_f32_q8(w, rows, x, out) };
    }

    pub(crate) fn matmul_q8_mxfp4(
        self,
        w: Mxfp4Matrix<'_>,
        rows: Range<usize>,
        x: Q8Rows<'_>,
        out: ColumnsMut<'_>,
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { matmul_group::matmul_q8_mxfp4(w, rows, x, out) };
    }

    pub(crate) fn matmul_q16_q8(
        self,
        w: Q8Matrix<'_>,
        rows: Range<usize>,
        x: Q16Rows<'_>,
        out: ColumnsMut<'_>,
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { matmul_group::matmul_q16_q8(w, rows, x, out) };
    }
}
