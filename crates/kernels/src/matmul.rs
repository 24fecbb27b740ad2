//! Products of a weight matrix with activation rows, over any range of weight rows.
//!
//! `out[j, r - rows.start] = sum_c w[r, c] * x[j, c]`: weights `[rows, cols]`, activations
//! `[n, cols]`, output `[n, rows.len()]`. Each output is summed in an order that depends on nothing
//! but `cols`, so any batch and any split of the rows give the same bits.

use std::ops::Range;

use crate::activations::{Q8Rows, Q16Rows};
use crate::columns::ColumnsMut;
use crate::float::FloatMatrix;
use crate::group::GROUP;
use crate::mxfp4::Mxfp4Matrix;
use crate::q8::Q8Matrix;
use crate::{Isa, scalar};

/// Floating-point weights times `f32` activations, accumulated in `f32`.
///
/// # Panics
/// If `rows` is no range of rows of `w`, `x` is no whole number of rows of `w.cols()` elements, or
/// `out` is not `[n, rows.len()]`.
pub fn matmul_f32_float(
    isa: Isa,
    w: FloatMatrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    let n = check_activations(x.len(), w.cols());
    check_output(&rows, w.rows(), n, &out);
    match isa {
        Isa::Scalar => scalar::matmul_f32_float(w, rows, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_f32_float(w, rows, x, out),
    }
}

/// MXFP4 weights, dequantised exactly, times `f32` activations, accumulated in `f32`.
///
/// # Panics
/// As [`matmul_f32_float`], and if `rows` is not made of whole groups of 8 rows (the last of the
/// matrix may be cut short).
pub fn matmul_f32_mxfp4(
    isa: Isa,
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    let n = check_activations(x.len(), w.cols());
    check_output(&rows, w.rows(), n, &out);
    check_groups(&rows, w.rows());
    match isa {
        Isa::Scalar => scalar::matmul_f32_mxfp4(w, rows, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_f32_mxfp4(w, rows, x, out),
    }
}

/// Q8 weights, dequantised exactly, times `f32` activations, accumulated in `f32`.
///
/// # Panics
/// As [`matmul_f32_mxfp4`].
pub fn matmul_f32_q8(
    isa: Isa,
    w: Q8Matrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    let n = check_activations(x.len(), w.cols());
    check_output(&rows, w.rows(), n, &out);
    check_groups(&rows, w.rows());
    match isa {
        Isa::Scalar => scalar::matmul_f32_q8(w, rows, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_f32_q8(w, rows, x, out),
    }
}

/// MXFP4 weights times 8-bit activations: an exact integer dot product per block of 32, times both
/// scales, added up in `f32` in the order of the blocks. The same bits on every [`Isa`].
///
/// # Panics
/// If `rows` is no range of rows of `w` or not made of whole groups of 8 rows (the last of the
/// matrix may be cut short), `x` and `w` differ in columns, or `out` is not `[n, rows.len()]`.
pub fn matmul_q8_mxfp4(
    isa: Isa,
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: Q8Rows<'_>,
    out: ColumnsMut<'_>,
) {
    check_columns(x.cols(), w.cols());
    check_output(&rows, w.rows(), x.rows(), &out);
    check_groups(&rows, w.rows());
    match isa {
        Isa::Scalar => scalar::matmul_q8_mxfp4(w, rows, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_q8_mxfp4(w, rows, x, out),
    }
}

/// Q8 weights times 16-bit activations, otherwise as [`matmul_q8_mxfp4`].
///
/// # Panics
/// As [`matmul_q8_mxfp4`].
pub fn matmul_q16_q8(
    isa: Isa,
    w: Q8Matrix<'_>,
    rows: Range<usize>,
    x: Q16Rows<'_>,
    out: ColumnsMut<'_>,
) {
    check_columns(x.cols(), w.cols());
    check_output(&rows, w.rows(), x.rows(), &out);
    check_groups(&rows, w.rows());
    match isa {
        Isa::Scalar => scalar::matmul_q16_q8(w, rows, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_q16_q8(w, rows, x, out),
    }
}

/// The product with a matrix that is stored as `[in, out]`, as dequantised gpt-oss checkpoints
/// store their experts: `out[j, c - cols.start] = sum_i w[i, c] * x[j, i]`.
///
/// `x` is `[n, in]`, `out` is `[n, cols.len()]`.
///
/// # Panics
/// If `cols` is no range of columns of `w`, `x` is no whole number of rows of `w.rows()` elements,
/// or `out` is not `[n, cols.len()]`.
pub fn matmul_f32_float_transposed(
    isa: Isa,
    w: FloatMatrix<'_>,
    cols: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    assert!(w.rows() > 0, "matmul: a transposed matrix without rows");
    let n = check_activations(x.len(), w.rows());
    check_output(&cols, w.cols(), n, &out);
    match isa {
        Isa::Scalar => scalar::matmul_f32_float_transposed(w, cols, x, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.matmul_f32_float_transposed(w, cols, x, out),
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

fn check_columns(activations: usize, weights: usize) {
    assert_eq!(
        activations, weights,
        "matmul: columns of the activations against the weights"
    );
}

fn check_output(range: &Range<usize>, available: usize, n: usize, out: &ColumnsMut<'_>) {
    assert!(
        range.start <= range.end && range.end <= available,
        "matmul: outputs {range:?} of a matrix that has {available}"
    );
    assert!(
        out.rows() == n && out.cols() == range.len(),
        "matmul: the output must be [{n}, {}], it is [{}, {}]",
        range.len(),
        out.rows(),
        out.cols()
    );
}

/// Packed rows come in groups.
fn check_groups(rows: &Range<usize>, available: usize) {
    assert!(
        rows.is_empty()
            || rows.start.is_multiple_of(GROUP)
                && (rows.end.is_multiple_of(GROUP) || rows.end == available),
        "matmul: rows {rows:?} are no whole groups of {GROUP} rows"
    );
}

#[cfg(test)]
mod tests;
