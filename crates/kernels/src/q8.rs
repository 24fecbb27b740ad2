//! Q8: weights as 8-bit integers in blocks of 32 columns with one half-precision scale each, as
//! GGUF's Q8_0 has them. The form of the dense layers where they are not kept in 16 bits.
//!
//! As MXFP4 matrices (see there) they are packed in groups of [`GROUP`] rows. A group holds, for
//! each block of columns in order, 256 bytes of values, then for each block the 8 scales of its
//! rows, then zeros up to a multiple of 64 bytes. Of the 256 bytes of a block, bytes `16 p + 2 r`
//! and the next hold the columns `2 p` and `2 p + 1` of row `r`.

use crate::error::{ShapeError, check_columns, check_length};
use crate::float::FloatMatrix;
use crate::group::{GROUP, Groups, group_bytes};
use crate::mxfp4::BLOCK;
use crate::scalar::{f16_to_f32, f32_to_f16_saturating};

/// Bytes that hold the values of a block of a group.
pub(crate) const GROUP_BLOCK_BYTES: usize = GROUP * BLOCK;

/// Bytes that hold the values and scales of a block of a group.
const GROUP_BYTES: usize = GROUP_BLOCK_BYTES + 2 * GROUP;

/// Bytes of a block in a GGUF file: the scale, then the values.
const GGUF_BLOCK_BYTES: usize = 2 + BLOCK;

/// A borrowed Q8 matrix in groups of rows, as [`pack_q8`] leaves it.
#[derive(Clone, Copy, Debug)]
pub struct Q8Matrix<'a>(Groups<'a>);

impl<'a> Q8Matrix<'a> {
    /// Bytes of a packed matrix, 8.5 bits for each weight, up to the padding; `None` if they cannot
    /// be counted.
    pub fn num_bytes(rows: usize, cols: usize) -> Option<usize> {
        group_bytes(cols, GROUP_BYTES)?.checked_mul(rows.div_ceil(GROUP))
    }

    /// A view of `bytes` as `[rows, cols]`.
    ///
    /// # Errors
    /// If `cols` is not a positive multiple of 32, or `bytes` has another length than
    /// [`Q8Matrix::num_bytes`].
    pub fn new(bytes: &'a [u8], rows: usize, cols: usize) -> Result<Self, ShapeError> {
        Groups::new(bytes, rows, cols, GROUP_BYTES).map(Self)
    }

    /// Number of rows.
    pub fn rows(self) -> usize {
        self.0.rows
    }

    /// Elements in a row.
    pub fn cols(self) -> usize {
        self.0.cols
    }

    /// The values and the scales (as f16) of group `i`, each by block.
    pub(crate) fn group(self, i: usize) -> (&'a [[u8; GROUP_BLOCK_BYTES]], &'a [[u8; 2 * GROUP]]) {
        let blocks = self.0.cols / BLOCK;
        let (values, rest) = self.0.group(i).split_at(blocks * GROUP_BLOCK_BYTES);
        let scales = &rest[..blocks * 2 * GROUP];
        (values.as_chunks().0, scales.as_chunks().0)
    }
}

/// Weights that become a [`Q8Matrix`], row-major.
#[derive(Clone, Copy, Debug)]
pub enum Q8Source<'a> {
    /// Floating-point weights, to be rounded: per block the scale is `max|w| / 127` in half
    /// precision, a value is `w / scale`, rounded to nearest. A block that holds a NaN or an
    /// infinity gets the scale NaN.
    Float(FloatMatrix<'a>),
    /// `[rows, cols/32, 34]`, as in GGUF files: the scale, then the values.
    Gguf(&'a [u8]),
}

/// The values and the scale, as f16, of one block.
type Block = ([i8; BLOCK], u16);

impl Q8Source<'_> {
    fn block(self, row: usize, block: usize, blocks: usize) -> Block {
        match self {
            Self::Float(matrix) => {
                let mut weights = [0.0; BLOCK];
                matrix.widen(row, block * BLOCK, &mut weights);
                round(&weights)
            }
            Self::Gguf(bytes) => {
                let (all, _) = bytes.as_chunks::<GGUF_BLOCK_BYTES>();
                let [low, high, values @ ..] = &all[row * blocks + block];
                let values = values.map(u8::cast_signed);
                (values, u16::from_le_bytes([*low, *high]))
            }
        }
    }
}

/// Rounds the weights of a block.
fn round(weights: &[f32; BLOCK]) -> Block {
    // As integers the magnitudes compare like the numbers, with NaN above infinity.
    let max_bits = weights.iter().map(|w| w.abs().to_bits()).max().unwrap_or(0);
    let max = f32::from_bits(max_bits);
    if !max.is_finite() {
        return ([0; BLOCK], 0x7e00);
    }
    let bits = f32_to_f16_saturating(max / 127.0);
    // The scale as it will be read, so that its own rounding is made up for.
    let scale = f16_to_f32(bits);
    let factor = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    (weights.map(|w| (w * factor).round_ties_even() as i8), bits)
}

/// Packs a matrix `[rows, cols]` for [`Q8Matrix`]. Rows that are missing in the last group are
/// filled up with zeros.
///
/// # Errors
/// If `cols` is not a positive multiple of 32, or a buffer has another length than the shape asks
/// for.
pub fn pack_q8(
    source: Q8Source<'_>,
    rows: usize,
    cols: usize,
    out: &mut [u8],
) -> Result<(), ShapeError> {
    check_columns(cols, BLOCK)?;
    let blocks = cols / BLOCK;
    // No product below is greater than this one.
    let num_bytes = Q8Matrix::num_bytes(rows, cols).ok_or(ShapeError::TooLarge { rows, cols })?;
    match source {
        Q8Source::Float(matrix) => {
            check_length("rows", matrix.rows(), rows)?;
            check_length("columns", matrix.cols(), cols)?;
        }
        Q8Source::Gguf(bytes) => {
            check_length("Q8 bytes", bytes.len(), rows * blocks * GGUF_BLOCK_BYTES)?;
        }
    }
    check_length("packed Q8", out.len(), num_bytes)?;
    if rows == 0 {
        return Ok(());
    }
    let group_bytes = num_bytes / rows.div_ceil(GROUP);
    for (first, group) in (0..rows)
        .step_by(GROUP)
        .zip(out.chunks_exact_mut(group_bytes))
    {
        let (values, rest) = group.split_at_mut(blocks * GROUP_BLOCK_BYTES);
        let (scales, padding) = rest.split_at_mut(blocks * 2 * GROUP);
        padding.fill(0);
        let num_rows = GROUP.min(rows - first);
        let outputs = values.as_chunks_mut::<GROUP_BLOCK_BYTES>().0.iter_mut();
        let outputs = outputs.zip(scales.as_chunks_mut::<{ 2 * GROUP }>().0);
        for (block, (values, scales)) in outputs.enumerate() {
            let (pairs, _) = values.as_chunks_mut::<2>();
            let (scales, _) = scales.as_chunks_mut::<2>();
            for row in 0..GROUP {
                let (block, scale) = match row < num_rows {
                    true => source.block(first + row, block, blocks),
                    false => ([0; BLOCK], 0),
                };
                scales[row] = scale.to_le_bytes();
                for (p, pair) in block.as_chunks::<2>().0.iter().enumerate() {
                    pairs[GROUP * p + row] = pair.map(i8::cast_unsigned);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::FloatType;
    use crate::testing::Rng;

    fn pack(source: Q8Source<'_>, rows: usize, cols: usize) -> Vec<u8> {
        let mut out = vec![99; Q8Matrix::num_bytes(rows, cols).unwrap()];
        pack_q8(source, rows, cols, &mut out).unwrap();
        out
    }

    /// The value and the scale at a column of a row, by the definition of the layout.
    fn at(packed: &[u8], (rows, cols): (usize, usize), row: usize, col: usize) -> (i8, f32) {
        let (values, scales) = Q8Matrix::new(packed, rows, cols)
            .unwrap()
            .group(row / GROUP);
        let (block, within, lane) = (col / BLOCK, col % BLOCK, row % GROUP);
        let value = values[block][16 * (within / 2) + 2 * lane + within % 2];
        let scale = [scales[block][2 * lane], scales[block][2 * lane + 1]];
        (value.cast_signed(), f16_to_f32(u16::from_le_bytes(scale)))
    }

    #[test]
    fn blocks_of_gguf_files_are_kept_as_they_are() {
        let mut rng = Rng::new(31);
        for shape @ (rows, cols) in [(1, 32), (8, 64), (13, 96)] {
            let bytes = rng.bytes(rows * cols / BLOCK * GGUF_BLOCK_BYTES);
            let packed = pack(Q8Source::Gguf(&bytes), rows, cols);
            for row in 0..rows.next_multiple_of(GROUP) {
                for col in 0..cols {
                    let (value, scale) = at(&packed, shape, row, col);
                    if row >= rows {
                        assert_eq!((value, scale), (0, 0.0));
                        continue;
                    }
                    let block = &bytes[(row * cols + col) / BLOCK * GGUF_BLOCK_BYTES..];
                    let expected = f16_to_f32(u16::from_le_bytes([block[0], block[1]]));
                    assert_eq!(value, block[2 + col % BLOCK].cast_signed());
                    assert!(scale == expected || scale.is_nan() && expected.is_nan());
                }
            }
        }
    }

    #[test]
    fn rounded_weights_are_within_half_a_step() {
        let mut rng = Rng::new(32);
        let shape @ (rows, cols) = (11, 160);
        let mut weights = rng.activations(rows * cols);
        weights[..BLOCK].fill(-0.0);
        weights[BLOCK..2 * BLOCK]
            .iter_mut()
            .for_each(|w| *w *= 1e-9);
        let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        let matrix = FloatMatrix::new(&bytes, FloatType::F32, rows, cols).unwrap();
        let packed = pack(Q8Source::Float(matrix), rows, cols);
        for (i, weight) in weights.iter().enumerate() {
            let (value, scale) = at(&packed, shape, i / cols, i % cols);
            // Half the unit of the smallest scales is the limit for blocks next to nothing.
            let tolerance = (0.5 + 127.0 / 2048.0) * scale + 2e-6;
            let error = (f32::from(value) * scale - weight).abs();
            assert!(error <= tolerance, "{weight} as {value} x {scale}");
        }
    }

    #[test]
    fn what_is_not_finite_spoils_its_block_only() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut weights = [0.5f32; 96];
            weights[40] = bad;
            let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
            let matrix = FloatMatrix::new(&bytes, FloatType::F32, 1, 96).unwrap();
            let packed = pack(Q8Source::Float(matrix), 1, 96);
            for col in 0..96 {
                let (_, scale) = at(&packed, (1, 96), 0, col);
                assert_eq!(scale.is_nan(), col / BLOCK == 1);
            }
        }
    }

    #[test]
    fn wrong_lengths_are_errors() {
        let mut out = [0; 320];
        let mut pack = |source, rows, cols| {
            pack_q8(source, rows, cols, &mut out).map_err(|error| error.to_string())
        };
        assert_eq!(pack(Q8Source::Gguf(&[0; 102]), 3, 32), Ok(()));
        assert_eq!(
            pack(Q8Source::Gguf(&[0; 101]), 3, 32).unwrap_err(),
            "Q8 bytes: 101 elements where the shape asks for 102"
        );
        assert_eq!(
            pack(Q8Source::Gguf(&[0; 102]), 3, 31).unwrap_err(),
            "rows of 31 columns: the length must be a positive multiple of 32"
        );
        assert_eq!(
            pack(Q8Source::Gguf(&[0; 306]), 9, 32).unwrap_err(),
            "packed Q8: 320 elements where the shape asks for 640"
        );
        let matrix = FloatMatrix::new(&[0; 128], FloatType::F32, 1, 32).unwrap();
        assert_eq!(
            pack(Q8Source::Float(matrix), 2, 32).unwrap_err(),
            "rows: 1 elements where the shape asks for 2"
        );
        assert_eq!(Q8Matrix::num_bytes(4096, 2880), Some(512 * 24_512));
        assert_eq!(Q8Matrix::num_bytes(usize::MAX, 64), None);
    }
}
