//! bfloat16: the upper half of an `f32`. The dtype of every dense gpt-oss weight.

use crate::Isa;
use crate::error::{ShapeError, check_columns, check_length};
use crate::scalar;

/// A borrowed row-major bf16 matrix, as it lies in a checkpoint: little-endian, at any alignment.
#[derive(Clone, Copy, Debug)]
pub struct Bf16Matrix<'a> {
    bytes: &'a [u8],
    rows: usize,
    cols: usize,
}

impl<'a> Bf16Matrix<'a> {
    /// A view of `bytes` as `[rows, cols]`.
    ///
    /// # Errors
    /// If there are no columns, or `bytes` is not exactly `2 * rows * cols` long.
    pub fn new(bytes: &'a [u8], rows: usize, cols: usize) -> Result<Self, ShapeError> {
        check_columns(cols, 1)?;
        let expected = rows
            .checked_mul(cols)
            .and_then(|elements| elements.checked_mul(2))
            .ok_or(ShapeError::TooLarge { rows, cols })?;
        check_length("bf16 bytes", bytes.len(), expected)?;
        Ok(Self { bytes, rows, cols })
    }

    /// Number of rows.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Elements in a row.
    pub fn cols(self) -> usize {
        self.cols
    }

    /// The `2 * cols` bytes of row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(self, i: usize) -> &'a [u8] {
        assert!(i < self.rows, "row {i} of a matrix of {} rows", self.rows);
        let row_bytes = 2 * self.cols;
        &self.bytes[i * row_bytes..][..row_bytes]
    }
}

/// Widens little-endian bf16 to `f32`; exact.
///
/// # Panics
/// If `bytes` is not twice as long as `out`.
pub fn bf16_to_f32(isa: Isa, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(
        bytes.len(),
        2 * out.len(),
        "bf16_to_f32: bytes against elements out"
    );
    match isa {
        Isa::Scalar => scalar::bf16_to_f32(bytes, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.bf16_to_f32(bytes, out),
    }
}
