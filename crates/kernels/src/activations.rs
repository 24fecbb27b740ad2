//! Activations as integers in blocks of 32 with one `f32` scale each: 8 bits against MXFP4 weights,
//! 16 bits against Q8 weights, where they cost no more.

use crate::columns::ColumnsMut;
use crate::error::{ShapeError, check_columns, check_length};
use crate::mxfp4::BLOCK;
use crate::{Isa, scalar};

/// What the vector code adds to the doubled values of MXFP4 weights, which makes them 0 to 24.
pub(crate) const OFFSET: i32 = 12;

/// What takes that offset off a block's dot product again, from the sum of its activations.
pub(crate) fn correction(sum: i32) -> i32 {
    -OFFSET * sum
}

/// 8-bit activation rows, borrowed from buffers of the caller.
#[derive(Clone, Copy, Debug)]
pub struct Q8Rows<'a> {
    values: &'a [i8],
    scales: &'a [f32],
    corrections: &'a [i32],
    cols: usize,
}

impl<'a> Q8Rows<'a> {
    /// A view of what [`quantize_q8`] wrote: `values` `[n, cols]`, `scales` and `corrections`
    /// `[n, cols/32]`. Any contiguous run of whole rows is a valid view.
    ///
    /// # Errors
    /// If `cols` is not a positive multiple of 32, or the lengths do not agree on a whole `n`.
    pub fn new(
        values: &'a [i8],
        scales: &'a [f32],
        corrections: &'a [i32],
        cols: usize,
    ) -> Result<Self, ShapeError> {
        check_shape(values.len(), scales.len(), cols)?;
        check_length("corrections", corrections.len(), values.len() / BLOCK)?;
        Ok(Self {
            values,
            scales,
            corrections,
            cols,
        })
    }

    /// Number of activation rows, `n`.
    pub fn rows(self) -> usize {
        self.values.len() / self.cols
    }

    /// Elements in a row.
    pub fn cols(self) -> usize {
        self.cols
    }

    /// The blocks of row `j`: their values, scales and corrections.
    pub(crate) fn row(self, j: usize) -> (&'a [[i8; BLOCK]], &'a [f32], &'a [i32]) {
        let blocks = self.cols / BLOCK;
        let values = &self.values[j * self.cols..][..self.cols];
        (
            values.as_chunks().0,
            &self.scales[j * blocks..][..blocks],
            &self.corrections[j * blocks..][..blocks],
        )
    }
}

/// Where [`quantize_q8`] writes: the buffers of a [`Q8Rows`], or some of their columns.
#[derive(Debug)]
pub struct Q8RowsMut<'a> {
    values: ColumnsMut<'a, i8>,
    scales: ColumnsMut<'a, f32>,
    corrections: ColumnsMut<'a, i32>,
}

impl<'a> Q8RowsMut<'a> {
    /// A view of `values` as `[n, cols]`, `scales` and `corrections` as `[n, cols/32]`.
    ///
    /// # Errors
    /// If `cols` is not a positive multiple of 32, or the lengths do not agree on a whole `n`.
    pub fn new(
        values: &'a mut [i8],
        scales: &'a mut [f32],
        corrections: &'a mut [i32],
        cols: usize,
    ) -> Result<Self, ShapeError> {
        check_shape(values.len(), scales.len(), cols)?;
        check_length("corrections", corrections.len(), values.len() / BLOCK)?;
        Ok(Self {
            values: ColumnsMut::new(values, cols),
            scales: ColumnsMut::new(scales, cols / BLOCK),
            corrections: ColumnsMut::new(corrections, cols / BLOCK),
        })
    }

    /// Number of activation rows, `n`.
    pub fn rows(&self) -> usize {
        self.values.rows()
    }

    /// Elements in a row.
    pub fn cols(&self) -> usize {
        self.values.cols()
    }

    /// Cuts into pieces of `blocks` blocks of 32 columns; the last may be narrower.
    ///
    /// # Panics
    /// If `blocks` is 0.
    pub fn block_chunks(self, blocks: usize) -> impl Iterator<Item = Self> {
        let values = self.values.chunks(blocks * BLOCK);
        let factors = self.scales.chunks(blocks);
        let factors = factors.zip(self.corrections.chunks(blocks));
        values
            .zip(factors)
            .map(|(values, (scales, corrections))| Self {
                values,
                scales,
                corrections,
            })
    }
}

/// 16-bit activation rows, borrowed from buffers of the caller.
#[derive(Clone, Copy, Debug)]
pub struct Q16Rows<'a> {
    values: &'a [i16],
    scales: &'a [f32],
    cols: usize,
}

impl<'a> Q16Rows<'a> {
    /// A view of what [`quantize_q16`] wrote: `values` `[n, cols]`, `scales` `[n, cols/32]`. Any
    /// contiguous run of whole rows is a valid view.
    ///
    /// # Errors
    /// If `cols` is not a positive multiple of 32, or the lengths do not agree on a whole `n`.
    pub fn new(values: &'a [i16], scales: &'a [f32], cols: usize) -> Result<Self, ShapeError> {
        check_shape(values.len(), scales.len(), cols)?;
        Ok(Self {
            values,
            scales,
            cols,
        })
    }

    /// Number of activation rows, `n`.
    pub fn rows(self) -> usize {
        self.values.len() / self.cols
    }

    /// Elements in a row.
    pub fn cols(self) -> usize {
        self.cols
    }

    /// The blocks of row `j`: their values and scales.
    pub(crate) fn row(self, j: usize) -> (&'a [[i16; BLOCK]], &'a [f32]) {
        let blocks = self.cols / BLOCK;
        let values = &self.values[j * self.cols..][..self.cols];
        (values.as_chunks().0, &self.scales[j * blocks..][..blocks])
    }
}

/// `Ok` if `values` are whole rows of `cols` and every block has its scale.
fn check_shape(values: usize, scales: usize, cols: usize) -> Result<(), ShapeError> {
    check_columns(cols, BLOCK)?;
    check_length("quantised values", values, values / cols * cols)?;
    check_length("scales", scales, values / BLOCK)
}

/// Quantises `x` `[n, cols]` to 8 bits: per block of 32, `scale = max|x| / 127` and
/// `value = round(x / max|x| * 127)`, ties to even.
///
/// A block that holds a NaN or an infinity gets the scale NaN, so that every product with it is
/// NaN. The result is the same, bit for bit, on every [`Isa`].
///
/// # Panics
/// If `x` and `out` differ in size.
pub fn quantize_q8(isa: Isa, x: &[f32], out: Q8RowsMut<'_>) {
    let Q8RowsMut {
        mut values,
        mut scales,
        mut corrections,
    } = out;
    let cols = values.cols();
    assert_eq!(
        x.len(),
        values.rows() * cols,
        "quantize_q8: elements in against elements out"
    );
    for (j, x) in x.chunks_exact(cols).enumerate() {
        let (values, scales, corrections) = (values.row(j), scales.row(j), corrections.row(j));
        match isa {
            Isa::Scalar => scalar::quantize_q8_row(x, values, scales, corrections),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(avx2) => avx2.quantize_q8_row(x, values, scales, corrections),
        }
    }
}

/// Quantises `x` `[n, cols]` to 16 bits, `values` `[n, cols]` and `scales` `[n, cols/32]`: per block
/// of 32, `scale = max|x| / 32767` and `value = round(x / max|x| * 32767)`, ties to even.
///
/// What is not finite and what differs between instruction sets: as [`quantize_q8`].
///
/// # Panics
/// If `cols` is not a positive multiple of 32, or the lengths do not agree on a whole `n`.
pub fn quantize_q16(isa: Isa, x: &[f32], cols: usize, values: &mut [i16], scales: &mut [f32]) {
    assert!(
        check_shape(values.len(), scales.len(), cols).is_ok() && x.len() == values.len(),
        "quantize_q16: {} elements in, {} values and {} scales out, rows of {cols}",
        x.len(),
        values.len(),
        scales.len()
    );
    // A block knows nothing of its row.
    match isa {
        Isa::Scalar => scalar::quantize_q16(x, values, scales),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(avx2) => avx2.quantize_q16(x, values, scales),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, assert_same_bits};

    fn q8(isa: Isa, x: &[f32], cols: usize) -> (Vec<i8>, Vec<f32>, Vec<i32>) {
        let blocks = x.len() / BLOCK;
        let (mut values, mut scales, mut corrections) =
            (vec![99; x.len()], vec![99.0; blocks], vec![99; blocks]);
        let out = Q8RowsMut::new(&mut values, &mut scales, &mut corrections, cols).unwrap();
        quantize_q8(isa, x, out);
        (values, scales, corrections)
    }

    fn q16(isa: Isa, x: &[f32], cols: usize) -> (Vec<i16>, Vec<f32>) {
        let (mut values, mut scales) = (vec![99; x.len()], vec![99.0; x.len() / BLOCK]);
        quantize_q16(isa, x, cols, &mut values, &mut scales);
        (values, scales)
    }

    #[test]
    fn values_are_within_half_a_step_and_corrections_fit() {
        let mut rng = Rng::new(20);
        for cols in (1..8).map(|blocks| blocks * BLOCK) {
            let x = rng.activations(3 * cols);
            for isa in Isa::available() {
                let (values, scales, corrections) = q8(isa, &x, cols);
                let (values16, scales16) = q16(isa, &x, cols);
                for (i, x) in x.iter().enumerate() {
                    let (scale, scale16) = (scales[i / BLOCK], scales16[i / BLOCK]);
                    let error = (x - f32::from(values[i]) * scale).abs();
                    assert!(error <= scale * 0.500_01, "{x} on {}", isa.name());
                    let error = (x - f32::from(values16[i]) * scale16).abs();
                    assert!(error <= scale16 * 0.51, "{x} on {}", isa.name());
                }
                for (block, values) in values.chunks(BLOCK).enumerate() {
                    let sum: i32 = values.iter().map(|v| i32::from(*v)).sum();
                    assert_eq!(corrections[block], -12 * sum);
                    assert_eq!(values.iter().map(|v| v.unsigned_abs()).max(), Some(127));
                }
                for values in values16.chunks(BLOCK) {
                    assert_eq!(values.iter().map(|v| v.unsigned_abs()).max(), Some(32767));
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut rng = Rng::new(21);
        for blocks in (1..8).chain([90, 501]) {
            let cols = blocks * BLOCK;
            let mut x = rng.activations(2 * cols);
            // Ties, subnormals, zeros, extremes.
            x[..BLOCK]
                .iter_mut()
                .zip(0i16..)
                .for_each(|(x, i)| *x = f32::from(8 * i - 127) / 2.0);
            x[cols..][..BLOCK].fill_with(|| f32::from_bits(rng.bits() as u32 % 3));
            if blocks > 2 {
                x[BLOCK..2 * BLOCK].fill(-0.0);
                x[2 * BLOCK] = f32::MAX;
            }
            let expected = q8(Isa::Scalar, &x, cols);
            let expected16 = q16(Isa::Scalar, &x, cols);
            for isa in Isa::available() {
                let (values, scales, corrections) = q8(isa, &x, cols);
                assert!(
                    values == expected.0 && corrections == expected.2,
                    "{}",
                    isa.name()
                );
                assert_same_bits(&scales, &expected.1, isa.name());
                let (values, scales) = q16(isa, &x, cols);
                assert!(values == expected16.0, "{}", isa.name());
                assert_same_bits(&scales, &expected16.1, isa.name());
            }
        }
    }

    #[test]
    fn pieces_of_columns_give_the_whole() {
        let mut rng = Rng::new(22);
        let (rows, cols) = (5, 7 * BLOCK);
        let x = rng.activations(rows * cols);
        for isa in Isa::available() {
            let whole = q8(isa, &x, cols);
            let (mut values, mut scales, mut corrections) =
                (vec![99; x.len()], vec![99.0; rows * 7], vec![99; rows * 7]);
            let out = Q8RowsMut::new(&mut values, &mut scales, &mut corrections, cols).unwrap();
            let mut first = 0;
            for piece in out.block_chunks(2) {
                let (width, n) = (piece.cols(), piece.rows());
                let part: Vec<f32> = (0..n)
                    .flat_map(|j| &x[j * cols + first..][..width])
                    .copied()
                    .collect();
                quantize_q8(isa, &part, piece);
                first += width;
            }
            assert_eq!((values, scales, corrections), whole);
        }
    }

    #[test]
    fn a_bad_value_spoils_its_block_only() {
        for isa in Isa::available() {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = [0.5; 96];
                x[40] = bad;
                let (values, scales, corrections) = q8(isa, &x, 96);
                assert!(scales[1].is_nan() && corrections[1] == 0);
                assert!(values[BLOCK..2 * BLOCK].iter().all(|&value| value == 0));
                assert_eq!([scales[0], scales[2]], [0.5 / 127.0; 2]);
                assert_eq!([corrections[0], corrections[2]], [-12 * 127 * 32; 2]);
                let (values, scales) = q16(isa, &x, 96);
                assert!(scales[1].is_nan());
                assert!(values[BLOCK..2 * BLOCK].iter().all(|&value| value == 0));
                assert_eq!([scales[0], scales[2]], [0.5 / 32767.0; 2]);
            }
        }
    }

    #[test]
    fn views_have_the_size_they_say() {
        let (values, scales, corrections) = ([0; 192], [0.0; 6], [0; 6]);
        let rows = Q8Rows::new(&values, &scales, &corrections, 96).unwrap();
        assert_eq!((rows.rows(), rows.cols()), (2, 96));
        assert_eq!(
            Q8Rows::new(&values, &scales, &corrections, 128)
                .unwrap_err()
                .to_string(),
            "quantised values: 192 elements where the shape asks for 128"
        );
        let (actual, expected) = (5, 6);
        let length = |buffer| ShapeError::Length {
            buffer,
            actual,
            expected,
        };
        assert_eq!(
            Q8Rows::new(&values, &scales[1..], &corrections, 96).unwrap_err(),
            length("scales")
        );
        assert_eq!(
            Q8Rows::new(&values, &scales, &corrections[1..], 96).unwrap_err(),
            length("corrections")
        );
        let values = values.map(i16::from);
        assert_eq!(Q16Rows::new(&values, &scales, 64).unwrap().rows(), 3);
        assert_eq!(
            Q16Rows::new(&values, &scales[1..], 96).unwrap_err(),
            length("scales")
        );
        assert!(Q16Rows::new(&values, &scales, 48).is_err());
    }

    #[test]
    #[should_panic(expected = "quantize_q8: elements in against elements out")]
    fn other_lengths_panic() {
        let (mut values, mut scales, mut corrections) = ([0; 32], [0.0; 1], [0; 1]);
        let out = Q8RowsMut::new(&mut values, &mut scales, &mut corrections, 32).unwrap();
        quantize_q8(Isa::detect(), &[0.0; 64], out);
    }

    #[test]
    #[should_panic(expected = "quantize_q16: 64 elements in, 32 values and 1 scales out")]
    fn other_lengths_panic_in_16_bits_too() {
        quantize_q16(Isa::detect(), &[0.0; 64], 32, &mut [0; 32], &mut [0.0; 1]);
    }
}
