//! Products of a weight matrix with activation rows, over any range of weight rows.
//!
//! `out[r - rows.start, j] = sum_c w[r, c] * x[j, c]`: weights `[rows, cols]`, activations
//! `[n, cols]`, output weight-row-major `[rows.len(), n]`. Each output is summed in an order that
//! depends on nothing but `cols`, so any batch and any split of the rows give the same bits.

use std::ops::Range;

use crate::bf16::Bf16Matrix;
use crate::mxfp4::Mxfp4Matrix;
use crate::q8::Q8Rows;
use crate::{Isa, scalar};

/// bf16 weights times `f32` activations, accumulated in `f32`.
///
/// # Panics
/// If `rows` is no range of rows of `w`, `x` is no whole number of rows of `w.cols()` elements, or
/// `out` is not `[rows.len(), n]`.
pub fn matmul_f32_bf16(
    isa: Isa,
    w: Bf16Matrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: &mut [f32],
) {
    let n = check_activations(x.len(), w.cols());
    check_output(&rows, w.rows(), n, out.len());
    match isa {
        Isa::Scalar => scalar::matmul_f32_bf16(w, rows, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_f32_bf16(w, rows, x, out),
    }
}

/// MXFP4 weights, dequantised exactly, times `f32` activations, accumulated in `f32`.
///
/// # Panics
/// If `rows` is no range of rows of `w`, `x` is no whole number of rows of `w.cols()` elements, or
/// `out` is not `[rows.len(), n]`.
pub fn matmul_f32_mxfp4(
    isa: Isa,
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: &mut [f32],
) {
    let n = check_activations(x.len(), w.cols());
    check_output(&rows, w.rows(), n, out.len());
    match isa {
        Isa::Scalar => scalar::matmul_f32_mxfp4(w, rows, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_f32_mxfp4(w, rows, x, out),
    }
}

/// MXFP4 weights times Q8 activations: an exact integer dot product per block of 32, times both
/// scales, accumulated in `f32`.
///
/// # Panics
/// If `rows` is no range of rows of `w`, `x` and `w` differ in columns, or `out` is not
/// `[rows.len(), n]`.
pub fn matmul_q8_mxfp4(
    isa: Isa,
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: Q8Rows<'_>,
    out: &mut [f32],
) {
    assert_eq!(
        x.cols(),
        w.cols(),
        "matmul: columns of the activations against the weights"
    );
    check_output(&rows, w.rows(), x.rows(), out.len());
    match isa {
        Isa::Scalar => scalar::matmul_q8_mxfp4(w, rows, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_q8_mxfp4(w, rows, x, out),
    }
}

/// The product with a bf16 matrix that is stored as `[in, out]`, as dequantised gpt-oss
/// checkpoints store their experts: `out[c - cols.start, j] = sum_i w[i, c] * x[j, i]`.
///
/// `x` is `[n, in]`, `out` is `[cols.len(), n]`.
///
/// # Panics
/// If `cols` is no range of columns of `w`, `x` is no whole number of rows of `w.rows()` elements,
/// or `out` is not `[cols.len(), n]`.
pub fn matmul_f32_bf16_transposed(
    isa: Isa,
    w: Bf16Matrix<'_>,
    cols: Range<usize>,
    x: &[f32],
    out: &mut [f32],
) {
    assert!(w.rows() > 0, "matmul: a transposed matrix without rows");
    let n = check_activations(x.len(), w.rows());
    check_output(&cols, w.cols(), n, out.len());
    match isa {
        Isa::Scalar => scalar::matmul_f32_bf16_transposed(w, cols, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_f32_bf16_transposed(w, cols, x, out),
    }
}

/// The number of activation rows in `len` elements.
fn check_activations(len: usize, cols: usize) -> usize {
    assert!(
        len.is_multiple_of(cols),
        "matmul: {len} activations are no whole number of rows of {cols}"
    );
    len / cols
}

fn check_output(range: &Range<usize>, available: usize, n: usize, out_len: usize) {
    assert!(
        range.start <= range.end && range.end <= available,
        "matmul: outputs {range:?} of a matrix that has {available}"
    );
    assert_eq!(
        out_len,
        range.len() * n,
        "matmul: the output must be [{}, {n}]",
        range.len()
    );
}

#[cfg(test)]
mod tests;
