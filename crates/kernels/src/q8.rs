//! Q8: activations as 8-bit integers in blocks of 32 with one `f32` scale each, the other side of
//! the integer products with MXFP4 weights.
//!
//! The order of the values inside a row is private to this crate (see [`stored_position`]): it is
//! the order in which the nibbles of MXFP4 come out of a 32-byte register. It is the same on every
//! [`Isa`], so rows made on one can be read on another.

use crate::Isa;
use crate::error::{ShapeError, check_columns, check_length};
use crate::mxfp4::BLOCK;
use crate::scalar;

/// Quantised activation rows, borrowed from buffers of the caller.
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
        check_shape(values.len(), scales.len(), corrections.len(), cols)?;
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

    /// The values of row `j`, in the private order.
    pub(crate) fn row_values(self, j: usize) -> &'a [i8] {
        &self.values[j * self.cols..][..self.cols]
    }

    /// The scale of each block of row `j`.
    pub(crate) fn row_scales(self, j: usize) -> &'a [f32] {
        let blocks = self.cols / BLOCK;
        &self.scales[j * blocks..][..blocks]
    }

    /// The correction of each block of row `j`.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(
            dead_code,
            reason = "only the vector code adds an offset to the weights"
        )
    )]
    pub(crate) fn row_corrections(self, j: usize) -> &'a [i32] {
        let blocks = self.cols / BLOCK;
        &self.corrections[j * blocks..][..blocks]
    }
}

/// Where [`quantize_q8`] writes: the buffers of a [`Q8Rows`], mutable.
#[derive(Debug)]
pub struct Q8RowsMut<'a> {
    values: &'a mut [i8],
    scales: &'a mut [f32],
    corrections: &'a mut [i32],
    cols: usize,
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
        check_shape(values.len(), scales.len(), corrections.len(), cols)?;
        Ok(Self {
            values,
            scales,
            corrections,
            cols,
        })
    }

    /// Number of activation rows, `n`.
    pub fn rows(&self) -> usize {
        self.values.len() / self.cols
    }

    /// Elements in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }
}

fn check_shape(
    values: usize,
    scales: usize,
    corrections: usize,
    cols: usize,
) -> Result<(), ShapeError> {
    check_columns(cols, BLOCK)?;
    let whole_rows = values / cols * cols;
    check_length("Q8 values", values, whole_rows)?;
    check_length("Q8 scales", scales, values / BLOCK)?;
    check_length("Q8 corrections", corrections, values / BLOCK)
}

/// What the vector code adds to the doubled values of weights, which makes them 0 to 24.
pub(crate) const OFFSET: i8 = 12;

/// What takes that offset off a block's dot product again, from the sum of its activations.
pub(crate) fn correction(sum: i32) -> i32 {
    -i32::from(OFFSET) * sum
}

/// Where element `c` of a row of `cols` is stored.
///
/// Blocks go in pairs: the 16 even elements of the first block, the 16 even elements of the second,
/// then the odd elements likewise. A last block without a partner keeps its evens before its odds.
pub(crate) fn stored_position(c: usize, cols: usize) -> usize {
    const HALF: usize = BLOCK / 2;
    let (pair, within_pair) = (c / (2 * BLOCK), c % (2 * BLOCK));
    let (block, within) = (within_pair / BLOCK, within_pair % BLOCK);
    let (odd, index) = (within % 2, within / 2);
    let paired = (pair + 1) * 2 * BLOCK <= cols;
    let half_run = if paired { 2 * HALF } else { HALF };
    pair * 2 * BLOCK + odd * half_run + block * HALF + index
}

/// Quantises `x` `[n, cols]`: per block of 32, `scale = max|x| / 127` and
/// `value = round(x / max|x| * 127)`, ties to even.
///
/// A block that holds a NaN or an infinity gets the scale NaN, so that every product with it is NaN.
/// The result is the same, bit for bit, on every [`Isa`].
///
/// # Panics
/// If `x` and `out` differ in size.
pub fn quantize_q8(isa: Isa, x: &[f32], out: Q8RowsMut<'_>) {
    assert_eq!(
        x.len(),
        out.values.len(),
        "quantize_q8: elements in against elements out"
    );
    let Q8RowsMut {
        values,
        scales,
        corrections,
        cols,
    } = out;
    let blocks = cols / BLOCK;
    let rows = x.chunks_exact(cols).zip(values.chunks_exact_mut(cols));
    let factors = scales
        .chunks_exact_mut(blocks)
        .zip(corrections.chunks_exact_mut(blocks));
    for ((x, values), (scales, corrections)) in rows.zip(factors) {
        match isa {
            Isa::Scalar => scalar::quantize_q8_row(x, values, scales, corrections),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(avx2) => avx2.quantize_q8_row(x, values, scales, corrections),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, assert_same_bits};

    fn quantise(isa: Isa, x: &[f32], cols: usize) -> (Vec<i8>, Vec<f32>, Vec<i32>) {
        let blocks = x.len() / BLOCK;
        let (mut values, mut scales, mut corrections) =
            (vec![99; x.len()], vec![99.0; blocks], vec![99; blocks]);
        let out = Q8RowsMut::new(&mut values, &mut scales, &mut corrections, cols).unwrap();
        quantize_q8(isa, x, out);
        (values, scales, corrections)
    }

    #[test]
    fn stored_positions_are_a_permutation() {
        for blocks in 1..8 {
            let cols = blocks * BLOCK;
            let mut seen: Vec<usize> = (0..cols).map(|c| stored_position(c, cols)).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..cols));
        }
    }

    #[test]
    fn values_are_within_half_a_step_and_corrections_fit() {
        let mut rng = Rng::new(20);
        for blocks in 1..8 {
            let cols = blocks * BLOCK;
            let x = rng.activations(3 * cols);
            for isa in Isa::available() {
                let (values, scales, corrections) = quantise(isa, &x, cols);
                for (block, x) in x.chunks_exact(BLOCK).enumerate() {
                    let (row, first) = (block / blocks, block % blocks * BLOCK);
                    let scale = scales[block];
                    let mut sum = 0;
                    let mut largest = 0;
                    for (i, x) in x.iter().enumerate() {
                        let value = values[row * cols + stored_position(first + i, cols)];
                        sum += i32::from(value);
                        largest = largest.max(value.unsigned_abs());
                        let error = (x - f32::from(value) * scale).abs();
                        assert!(
                            error <= scale * 0.500_01,
                            "{x} as {value} on {}",
                            isa.name()
                        );
                    }
                    assert_eq!(largest, 127);
                    assert_eq!(corrections[block], -12 * sum);
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
            let (values, scales, corrections) = quantise(Isa::Scalar, &x, cols);
            for isa in Isa::available() {
                let (v, s, c) = quantise(isa, &x, cols);
                assert!(v == values && c == corrections, "{}", isa.name());
                assert_same_bits(&s, &scales, isa.name());
            }
        }
    }

    #[test]
    fn a_bad_value_spoils_its_block_only() {
        for isa in Isa::available() {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = [0.5; 96];
                x[40] = bad;
                let (values, scales, corrections) = quantise(isa, &x, 96);
                assert!(scales[1].is_nan() && corrections[1] == 0);
                assert!((BLOCK..2 * BLOCK).all(|c| values[stored_position(c, 96)] == 0));
                assert_eq!([scales[0], scales[2]], [0.5 / 127.0; 2]);
                assert_eq!([corrections[0], corrections[2]], [-12 * 127 * 32; 2]);
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
            "Q8 values: 192 elements where the shape asks for 128"
        );
        assert_eq!(
            Q8Rows::new(&values, &scales[1..], &corrections, 96).unwrap_err(),
            ShapeError::Length {
                buffer: "Q8 scales",
                actual: 5,
                expected: 6
            }
        );
        assert_eq!(
            Q8Rows::new(&values, &scales, &corrections[1..], 96).unwrap_err(),
            ShapeError::Length {
                buffer: "Q8 corrections",
                actual: 5,
                expected: 6
            }
        );
        assert_eq!(
            Q8Rows::new(&[], &[], &[], 0).unwrap_err(),
            ShapeError::Columns {
                cols: 0,
                multiple: 32
            }
        );
    }
}
