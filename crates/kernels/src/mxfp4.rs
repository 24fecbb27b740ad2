//! MXFP4: blocks of 32 four-bit floats (E2M1) with one shared power-of-two scale (E8M0), as the
//! OCP Microscaling Formats specification 1.0 defines them. The dtype of the gpt-oss experts.

use crate::error::{ShapeError, check_columns, check_length};

/// Elements that share a scale.
pub(crate) const BLOCK: usize = 32;

/// Bytes that hold the codes of a block: element `2j` in the low nibble of byte `j`, `2j + 1` in
/// the high one.
pub(crate) const BLOCK_BYTES: usize = BLOCK / 2;

/// Twice the value of each E2M1 code, so that all are integers.
pub(crate) const DOUBLED_VALUES: [i8; 16] =
    [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Half of 2^(s-127), exact; NaN for 255. Half, because it multiplies doubled values.
pub(crate) fn half_scale(s: u8) -> f32 {
    match s {
        255 => f32::NAN,
        // 2^-128 and 2^-127 are subnormal.
        0 | 1 => f32::from_bits(0x0020_0000 << s),
        _ => f32::from_bits(u32::from(s - 1) << 23),
    }
}

/// A borrowed row-major MXFP4 matrix in the layout of the Hugging Face checkpoints.
#[derive(Clone, Copy, Debug)]
pub struct Mxfp4Matrix<'a> {
    blocks: &'a [u8],
    scales: &'a [u8],
    rows: usize,
    cols: usize,
}

impl<'a> Mxfp4Matrix<'a> {
    /// A view of `blocks` as `[rows, cols/32, 16]` and `scales` as `[rows, cols/32]`.
    ///
    /// A scale byte `s` means 2^(s-127); 255 means NaN, and makes every product with its block NaN.
    ///
    /// # Errors
    /// If `cols` is not a positive multiple of 32, or either buffer has another length.
    pub fn new(
        blocks: &'a [u8],
        scales: &'a [u8],
        rows: usize,
        cols: usize,
    ) -> Result<Self, ShapeError> {
        check_columns(cols, BLOCK)?;
        let num_blocks = rows
            .checked_mul(cols / BLOCK)
            .ok_or(ShapeError::TooLarge { rows, cols })?;
        let num_bytes = num_blocks
            .checked_mul(BLOCK_BYTES)
            .ok_or(ShapeError::TooLarge { rows, cols })?;
        check_length("MXFP4 blocks", blocks.len(), num_bytes)?;
        check_length("MXFP4 scales", scales.len(), num_blocks)?;
        Ok(Self {
            blocks,
            scales,
            rows,
            cols,
        })
    }

    /// Number of rows.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Elements in a row.
    pub fn cols(self) -> usize {
        self.cols
    }

    /// The `cols / 2` bytes of codes of row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_blocks(self, i: usize) -> &'a [u8] {
        assert!(i < self.rows, "row {i} of a matrix of {} rows", self.rows);
        let row_bytes = self.cols / 2;
        &self.blocks[i * row_bytes..][..row_bytes]
    }

    /// The `cols / 32` scale bytes of row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_scales(self, i: usize) -> &'a [u8] {
        assert!(i < self.rows, "row {i} of a matrix of {} rows", self.rows);
        let row_blocks = self.cols / BLOCK;
        &self.scales[i * row_blocks..][..row_blocks]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_has_the_size_it_says() {
        let (blocks, scales) = ([0; 96], [0; 6]);
        let matrix = Mxfp4Matrix::new(&blocks, &scales, 3, 64).unwrap();
        assert_eq!((matrix.rows(), matrix.cols()), (3, 64));
        assert_eq!(
            (matrix.row_blocks(2).len(), matrix.row_scales(2).len()),
            (32, 2)
        );
        assert_eq!(
            Mxfp4Matrix::new(&blocks, &scales, 3, 48)
                .unwrap_err()
                .to_string(),
            "rows of 48 columns: the length must be a positive multiple of 32"
        );
        assert_eq!(
            Mxfp4Matrix::new(&blocks[1..], &scales, 3, 64).unwrap_err(),
            ShapeError::Length {
                buffer: "MXFP4 blocks",
                actual: 95,
                expected: 96
            }
        );
        assert_eq!(
            Mxfp4Matrix::new(&blocks, &scales[1..], 3, 64).unwrap_err(),
            ShapeError::Length {
                buffer: "MXFP4 scales",
                actual: 5,
                expected: 6
            }
        );
        let (rows, cols) = (usize::MAX / 4, 320);
        assert_eq!(
            Mxfp4Matrix::new(&blocks, &scales, rows, cols).unwrap_err(),
            ShapeError::TooLarge { rows, cols }
        );
    }

    #[test]
    fn half_a_scale_is_exact() {
        for s in 0..255 {
            assert_eq!(f64::from(half_scale(s)), 2f64.powi(i32::from(s) - 128));
        }
        assert!(half_scale(255).is_nan());
    }
}
