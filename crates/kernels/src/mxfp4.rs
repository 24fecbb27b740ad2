//! MXFP4: blocks of 32 four-bit floats (E2M1) with one shared power-of-two scale (E8M0), as the
//! OCP Microscaling Formats specification 1.0 defines them. The dtype of the gpt-oss experts.
//!
//! Files store a row after the other. The kernels read *groups* of [`GROUP`] rows, packed so that a
//! vector lane belongs to a row: the sums of a group then need no adding up across lanes, and one
//! activation meets all its rows at once. A group holds, for each block of columns in order, 128
//! bytes of codes, then for each block the 8 scales of its rows, then zeros up to a multiple of 64
//! bytes. Of the 128 bytes of a block, byte `32 i + 4 r + t` holds column `8 i + t` of row `r` in
//! its low and column `8 i + 4 + t` in its high four bits (`i`, `t` < 4).

use crate::error::{ShapeError, check_columns, check_length};
use crate::group::{GROUP, Groups, group_bytes};

/// Elements that share a scale.
pub(crate) const BLOCK: usize = 32;

/// Bytes that hold the codes of a block of one row.
pub(crate) const BLOCK_BYTES: usize = BLOCK / 2;

/// Bytes that hold the codes of a block of a group.
pub(crate) const GROUP_BLOCK_BYTES: usize = GROUP * BLOCK_BYTES;

/// Bytes of a block in a GGUF file: the scale, then the codes.
const GGUF_BLOCK_BYTES: usize = 1 + BLOCK_BYTES;

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

/// A borrowed MXFP4 matrix in groups of rows, as [`pack_mxfp4`] leaves it.
#[derive(Clone, Copy, Debug)]
pub struct Mxfp4Matrix<'a>(Groups<'a>);

impl<'a> Mxfp4Matrix<'a> {
    /// Bytes of a packed matrix, 4.25 bits for each weight, up to the padding; `None` if they
    /// cannot be counted.
    pub fn num_bytes(rows: usize, cols: usize) -> Option<usize> {
        group_bytes(cols, GROUP_BLOCK_BYTES + GROUP)?.checked_mul(rows.div_ceil(GROUP))
    }

    /// A view of `bytes` as `[rows, cols]`.
    ///
    /// A scale byte `s` means 2^(s-127); 255 means NaN, and makes every product with its block NaN.
    ///
    /// # Errors
    /// If `cols` is not a positive multiple of 32, or `bytes` has another length than
    /// [`Mxfp4Matrix::num_bytes`].
    pub fn new(bytes: &'a [u8], rows: usize, cols: usize) -> Result<Self, ShapeError> {
        Groups::new(bytes, rows, cols, GROUP_BLOCK_BYTES + GROUP).map(Self)
    }

    /// Number of rows.
    pub fn rows(self) -> usize {
        self.0.rows
    }

    /// Elements in a row.
    pub fn cols(self) -> usize {
        self.0.cols
    }

    /// The codes and the scales of group `i`, each by block.
    pub(crate) fn group(self, i: usize) -> (&'a [[u8; GROUP_BLOCK_BYTES]], &'a [[u8; GROUP]]) {
        let blocks = self.0.cols / BLOCK;
        let (codes, rest) = self.0.group(i).split_at(blocks * GROUP_BLOCK_BYTES);
        (codes.as_chunks().0, rest[..blocks * GROUP].as_chunks().0)
    }
}

/// MXFP4 weights as files store them, row-major.
#[derive(Clone, Copy, Debug)]
pub enum Mxfp4Source<'a> {
    /// Two tensors, as in the Hugging Face checkpoints.
    Split {
        /// `[rows, cols/32, 16]`: element `2j` of a block is in the low half of byte `j`, `2j + 1`
        /// in the high one.
        blocks: &'a [u8],
        /// `[rows, cols/32]`
        scales: &'a [u8],
    },
    /// One tensor `[rows, cols/32, 17]`, as in GGUF files: the scale, then 16 bytes of codes,
    /// element `j` in the low half of byte `j` and `j + 16` in the high one.
    Gguf(&'a [u8]),
}

impl<'a> Mxfp4Source<'a> {
    fn check(self, num_blocks: usize) -> Result<(), ShapeError> {
        match self {
            Self::Split { blocks, scales } => {
                check_length("MXFP4 blocks", blocks.len(), num_blocks * BLOCK_BYTES)?;
                check_length("MXFP4 scales", scales.len(), num_blocks)
            }
            Self::Gguf(bytes) => {
                check_length("MXFP4 bytes", bytes.len(), num_blocks * GGUF_BLOCK_BYTES)
            }
        }
    }

    /// The codes of block `i`, eight columns to a word, the first in the lowest bits; and the scale.
    #[inline]
    fn block(self, i: usize) -> ([u32; 4], u8) {
        match self {
            Self::Split { blocks, scales } => {
                let (blocks, _) = blocks.as_chunks::<4>();
                let words = std::array::from_fn(|w| u32::from_le_bytes(blocks[4 * i + w]));
                (words, scales[i])
            }
            Self::Gguf(bytes) => {
                let (blocks, _) = bytes.as_chunks::<GGUF_BLOCK_BYTES>();
                let [scale, codes @ ..] = &blocks[i];
                let (quarters, _) = codes.as_chunks::<4>();
                let [a, b, c, d]: [u32; 4] =
                    std::array::from_fn(|w| u32::from_le_bytes(quarters[w]));
                let (low, high) = (|w: u32| spread(w & LOW), |w: u32| spread(w >> 4 & LOW));
                let words = [
                    low(a) | low(b) << 16,
                    low(c) | low(d) << 16,
                    high(a) | high(b) << 16,
                    high(c) | high(d) << 16,
                ];
                (words, *scale)
            }
        }
    }
}

/// The low half of each byte.
const LOW: u32 = 0x0f0f_0f0f;

/// The low halves of four bytes, moved together into the lower 16 bits.
fn spread(word: u32) -> u32 {
    let pairs = (word | word >> 4) & 0x00ff_00ff;
    (pairs | pairs >> 8) & 0xffff
}

/// Eight codes as a lane of a group holds them: of the columns `0..4` in the low halves of the
/// bytes, of `4..8` in the high ones.
fn interleave(word: u32) -> u32 {
    let swap = |word: u32, shift: u32, mask: u32| {
        let difference = (word ^ word >> shift) & mask;
        word ^ difference ^ difference << shift
    };
    swap(swap(word, 8, 0x0000_ff00), 4, 0x00f0_00f0)
}

/// Packs a matrix `[rows, cols]` for [`Mxfp4Matrix`]. Rows that are missing in the last group are
/// filled up with zeros.
///
/// # Errors
/// If `cols` is not a positive multiple of 32, or a buffer has another length than the shape asks
/// for.
pub fn pack_mxfp4(
    source: Mxfp4Source<'_>,
    rows: usize,
    cols: usize,
    out: &mut [u8],
) -> Result<(), ShapeError> {
    check_columns(cols, BLOCK)?;
    let blocks = cols / BLOCK;
    let too_large = ShapeError::TooLarge { rows, cols };
    // No product below is greater than this one.
    let num_bytes = Mxfp4Matrix::num_bytes(rows, cols).ok_or(too_large)?;
    source.check(rows * blocks)?;
    check_length("packed MXFP4", out.len(), num_bytes)?;
    if rows == 0 {
        return Ok(());
    }
    let group_bytes = num_bytes / rows.div_ceil(GROUP);
    for (first, group) in (0..rows)
        .step_by(GROUP)
        .zip(out.chunks_exact_mut(group_bytes))
    {
        let (codes, rest) = group.split_at_mut(blocks * GROUP_BLOCK_BYTES);
        let (scales, padding) = rest.split_at_mut(blocks * GROUP);
        padding.fill(0);
        let num_rows = GROUP.min(rows - first);
        let outputs = codes.as_chunks_mut::<GROUP_BLOCK_BYTES>().0.iter_mut();
        let outputs = outputs.zip(scales.as_chunks_mut::<GROUP>().0);
        for (block, (codes, scales)) in outputs.enumerate() {
            let (words, _) = codes.as_chunks_mut::<4>();
            for row in 0..GROUP {
                let (block, scale) = match row < num_rows {
                    true => source.block((first + row) * blocks + block),
                    false => ([0; 4], 0),
                };
                scales[row] = scale;
                for (i, word) in block.into_iter().enumerate() {
                    words[GROUP * i + row] = interleave(word).to_le_bytes();
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Rng;

    /// The code at a column of a row of a group, by the definition of the layout.
    fn code(matrix: Mxfp4Matrix<'_>, row: usize, col: usize) -> u8 {
        let (codes, _) = matrix.group(row / GROUP);
        let within = col % BLOCK;
        let byte = codes[col / BLOCK][32 * (within / 8) + 4 * (row % GROUP) + within % 4];
        if within % 8 < 4 {
            byte & 0xf
        } else {
            byte >> 4
        }
    }

    #[test]
    fn both_layouts_of_files_are_packed_to_the_same() {
        let mut rng = Rng::new(30);
        for (rows, cols) in [(1, 32), (8, 64), (13, 96), (16, 2880)] {
            let codes: Vec<u8> = (0..rows * cols).map(|_| rng.bits() as u8 % 16).collect();
            let scales = rng.bytes(rows * cols / BLOCK);
            let blocks: Vec<u8> = codes.chunks(2).map(|c| c[0] | c[1] << 4).collect();
            let gguf: Vec<u8> = codes
                .chunks(BLOCK)
                .zip(&scales)
                .flat_map(|(codes, scale)| {
                    let bytes = (0..16).map(|j| codes[j] | codes[j + 16] << 4);
                    std::iter::once(*scale).chain(bytes)
                })
                .collect();

            let pack = |source| {
                let mut out = vec![99; Mxfp4Matrix::num_bytes(rows, cols).unwrap()];
                pack_mxfp4(source, rows, cols, &mut out).unwrap();
                out
            };
            let split = Mxfp4Source::Split {
                blocks: &blocks,
                scales: &scales,
            };
            let packed = pack(split);
            assert_eq!(packed, pack(Mxfp4Source::Gguf(&gguf)));

            let matrix = Mxfp4Matrix::new(&packed, rows, cols).unwrap();
            for row in 0..rows.next_multiple_of(GROUP) {
                for col in 0..cols {
                    let expected = codes.get(row * cols + col).filter(|_| row < rows);
                    assert_eq!(code(matrix, row, col), *expected.unwrap_or(&0));
                }
                let (_, packed) = matrix.group(row / GROUP);
                for block in (0..cols / BLOCK).filter(|_| row < rows) {
                    let scale = scales[row * cols / BLOCK + block];
                    assert_eq!(packed[block][row % GROUP], scale);
                }
            }
        }
    }

    #[test]
    fn a_packed_matrix_has_little_padding() {
        assert_eq!(Mxfp4Matrix::num_bytes(5760, 2880), Some(720 * 12_288));
        assert_eq!(Mxfp4Matrix::num_bytes(9, 32), Some(2 * 192));
        assert_eq!(Mxfp4Matrix::num_bytes(0, 32), Some(0));
        assert_eq!(Mxfp4Matrix::num_bytes(usize::MAX, 64), None);
        assert_eq!(Mxfp4Matrix::num_bytes(1, usize::MAX / 32 * 32), None);
    }

    #[test]
    fn wrong_lengths_are_errors() {
        let new = |len: usize, rows, cols| Mxfp4Matrix::new(&vec![0; len], rows, cols).map(drop);
        assert_eq!(new(192, 3, 32), Ok(()));
        assert_eq!(
            new(192, 3, 48).unwrap_err().to_string(),
            "rows of 48 columns: the length must be a positive multiple of 32"
        );
        let (buffer, actual) = ("packed weights", 191);
        let expected = 192;
        let length = ShapeError::Length {
            buffer,
            actual,
            expected,
        };
        assert_eq!(new(191, 3, 32), Err(length));
        let (rows, cols) = (usize::MAX / 4, 320);
        assert_eq!(new(0, rows, cols), Err(ShapeError::TooLarge { rows, cols }));

        let mut out = [0; 192];
        let mut pack = |blocks: &[u8], scales: &[u8], cols| {
            let source = Mxfp4Source::Split { blocks, scales };
            pack_mxfp4(source, 3, cols, &mut out).map_err(|error| error.to_string())
        };
        assert_eq!(pack(&[0; 48], &[0; 3], 32), Ok(()));
        let words = |result: Result<(), String>| result.unwrap_err();
        assert_eq!(
            words(pack(&[0; 47], &[0; 3], 32)),
            "MXFP4 blocks: 47 elements where the shape asks for 48"
        );
        assert_eq!(
            words(pack(&[0; 48], &[0; 4], 32)),
            "MXFP4 scales: 4 elements where the shape asks for 3"
        );
        assert_eq!(
            words(pack(&[0; 96], &[0; 6], 64)),
            "packed MXFP4: 192 elements where the shape asks for 320"
        );
        let gguf = Mxfp4Source::Gguf(&[0; 50]);
        assert_eq!(
            pack_mxfp4(gguf, 3, 32, &mut out).unwrap_err().to_string(),
            "MXFP4 bytes: 50 elements where the shape asks for 51"
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
