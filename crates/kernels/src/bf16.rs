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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_the_upper_half_of_a_float() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        for isa in Isa::available() {
            for len in (0..20).chain([1 << 16]) {
                // From an odd address too.
                for bytes in [&bytes[..2 * len], &[&[0], &bytes[..2 * len]].concat()[1..]] {
                    let mut out = vec![0.0; len];
                    bf16_to_f32(isa, bytes, &mut out);
                    for (i, out) in out.iter().enumerate() {
                        assert_eq!(out.to_bits(), (i as u32) << 16, "{}", isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn a_matrix_has_the_size_it_says() {
        let bytes = [0; 12];
        let matrix = Bf16Matrix::new(&bytes, 2, 3).unwrap();
        assert_eq!(
            (matrix.rows(), matrix.cols(), matrix.row(1).len()),
            (2, 3, 6)
        );
        assert_eq!(
            Bf16Matrix::new(&bytes, 2, 4).unwrap_err().to_string(),
            "bf16 bytes: 12 elements where the shape asks for 16"
        );
        assert_eq!(
            Bf16Matrix::new(&[], 5, 0).unwrap_err(),
            ShapeError::Columns {
                cols: 0,
                multiple: 1
            }
        );
        let (rows, cols) = (usize::MAX / 2, 3);
        assert_eq!(
            Bf16Matrix::new(&bytes, rows, cols).unwrap_err(),
            ShapeError::TooLarge { rows, cols }
        );
    }

    #[test]
    #[should_panic(expected = "row 2 of a matrix of 2 rows")]
    fn a_row_that_is_not_there_panics() {
        Bf16Matrix::new(&[0; 12], 2, 3).unwrap().row(2);
    }
}
