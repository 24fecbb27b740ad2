//! Floating-point weights as files store them: bf16 (the dtype of every dense gpt-oss weight), f16
//! and f32.

use crate::Isa;
use crate::error::{ShapeError, check_columns, check_length};
use crate::scalar;

/// The type of stored numbers, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatType {
    /// bfloat16: the upper half of an `f32`.
    Bf16,
    /// IEEE binary16.
    F16,
    /// IEEE binary32.
    F32,
}

impl FloatType {
    /// Bytes of one number.
    pub fn num_bytes(self) -> usize {
        match self {
            Self::Bf16 | Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// A borrowed row-major matrix of floating-point numbers, as it lies in a file, at any alignment.
#[derive(Clone, Copy, Debug)]
pub struct FloatMatrix<'a> {
    bytes: &'a [u8],
    float_type: FloatType,
    rows: usize,
    cols: usize,
}

impl<'a> FloatMatrix<'a> {
    /// A view of `bytes` as `[rows, cols]`.
    ///
    /// # Errors
    /// If there are no columns, or `bytes` has another length than the shape asks for.
    pub fn new(
        bytes: &'a [u8],
        float_type: FloatType,
        rows: usize,
        cols: usize,
    ) -> Result<Self, ShapeError> {
        check_columns(cols, 1)?;
        let expected = rows
            .checked_mul(cols)
            .and_then(|elements| elements.checked_mul(float_type.num_bytes()))
            .ok_or(ShapeError::TooLarge { rows, cols })?;
        check_length("weight bytes", bytes.len(), expected)?;
        Ok(Self {
            bytes,
            float_type,
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

    /// The type of the elements.
    pub fn float_type(self) -> FloatType {
        self.float_type
    }

    /// The bytes of row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(self, i: usize) -> &'a [u8] {
        assert!(i < self.rows, "row {i} of a matrix of {} rows", self.rows);
        let row_bytes = self.float_type.num_bytes() * self.cols;
        &self.bytes[i * row_bytes..][..row_bytes]
    }

    /// Some of the rows, as a matrix of their own.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn row_range(self, rows: std::ops::Range<usize>) -> Self {
        let row_bytes = self.float_type.num_bytes() * self.cols;
        Self {
            bytes: &self.bytes[rows.start * row_bytes..rows.end * row_bytes],
            rows: rows.len(),
            ..self
        }
    }

    /// The elements of row `i` from column `start` on, as many as `out` holds.
    pub(crate) fn widen(self, i: usize, start: usize, out: &mut [f32]) {
        let size = self.float_type.num_bytes();
        let bytes = &self.row(i)[start * size..][..out.len() * size];
        scalar::floats_to_f32(self.float_type, bytes, out);
    }
}

/// Widens stored numbers to `f32`; exact.
///
/// # Panics
/// If `bytes` is not as long as `out` asks for.
pub fn floats_to_f32(isa: Isa, float_type: FloatType, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(
        bytes.len(),
        float_type.num_bytes() * out.len(),
        "floats_to_f32: bytes against elements out"
    );
    match isa {
        Isa::Scalar => scalar::floats_to_f32(float_type, bytes, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.floats_to_f32(float_type, bytes, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of a half as an `f32`, by the definition of the format.
    fn half(bits: u16) -> f32 {
        let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
        let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
        let magnitude = match (exponent, bits & 0x3ff) {
            (31, 0) => f32::INFINITY,
            (31, _) => f32::NAN,
            (0, _) => mantissa * 2f32.powi(-24),
            _ => (1.0 + mantissa / 1024.0) * 2f32.powi(exponent - 15),
        };
        magnitude.copysign(sign)
    }

    #[test]
    fn every_pattern_of_16_bits_is_widened_exactly() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let bf16 = |bits: u16| f32::from_bits(u32::from(bits) << 16);
        for (float_type, expected) in [
            (FloatType::Bf16, &bf16 as &dyn Fn(u16) -> f32),
            (FloatType::F16, &half),
        ] {
            for isa in Isa::available() {
                for len in (0..20).chain([1 << 16]) {
                    // From an odd address too.
                    for bytes in [&bytes[..2 * len], &[&[0], &bytes[..2 * len]].concat()[1..]] {
                        let mut out = vec![0.0; len];
                        floats_to_f32(isa, float_type, bytes, &mut out);
                        for (bits, out) in (0..=u16::MAX).zip(out) {
                            let expected = expected(bits);
                            assert!(
                                out.to_bits() == expected.to_bits()
                                    || out.is_nan() && expected.is_nan(),
                                "{float_type:?} {bits:#x} is {out} on {}",
                                isa.name()
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn single_precision_is_copied() {
        let floats: Vec<f32> = (0..37).map(|i| i as f32 * 1.7 - 20.0).collect();
        let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
        for isa in Isa::available() {
            for len in 0..37 {
                let mut out = vec![f32::NAN; len];
                floats_to_f32(isa, FloatType::F32, &bytes[..4 * len], &mut out);
                assert_eq!(out, floats[..len]);
            }
        }
    }

    #[test]
    fn a_matrix_has_the_size_it_says() {
        let bytes = [0; 12];
        let matrix = FloatMatrix::new(&bytes, FloatType::Bf16, 2, 3).unwrap();
        assert_eq!(
            (matrix.rows(), matrix.cols(), matrix.row(1).len()),
            (2, 3, 6)
        );
        assert_eq!(
            matrix.row_range(1..2).row(0).as_ptr(),
            matrix.row(1).as_ptr()
        );
        assert!(FloatMatrix::new(&bytes, FloatType::F32, 1, 3).is_ok());
        assert_eq!(
            FloatMatrix::new(&bytes, FloatType::F16, 2, 4)
                .unwrap_err()
                .to_string(),
            "weight bytes: 12 elements where the shape asks for 16"
        );
        assert_eq!(
            FloatMatrix::new(&[], FloatType::Bf16, 5, 0).unwrap_err(),
            ShapeError::Columns {
                cols: 0,
                multiple: 1
            }
        );
        let (rows, cols) = (usize::MAX / 2, 3);
        assert_eq!(
            FloatMatrix::new(&bytes, FloatType::Bf16, rows, cols).unwrap_err(),
            ShapeError::TooLarge { rows, cols }
        );
    }

    #[test]
    #[should_panic(expected = "row 2 of a matrix of 2 rows")]
    fn a_row_that_is_not_there_panics() {
        FloatMatrix::new(&[0; 12], FloatType::Bf16, 2, 3)
            .unwrap()
            .row(2);
    }
}
