//! Every product on every instruction set against `f64` arithmetic, and the promise that batching
//! and splitting change no bit.

use proptest::prelude::*;

use super::*;
use crate::mxfp4::BLOCK;
use crate::q8::{Q8RowsMut, quantize_q8, stored_position};
use crate::testing::{Rng, assert_close, assert_same_bits};

/// The four products.
#[derive(Clone, Copy, Debug)]
enum Op {
    Bf16,
    Bf16Transposed,
    Mxfp4,
    Q8Mxfp4,
}

const OPS: [Op; 4] = [Op::Bf16, Op::Bf16Transposed, Op::Mxfp4, Op::Q8Mxfp4];

impl Op {
    /// What the number of inputs must be a multiple of.
    fn granularity(self) -> usize {
        match self {
            Self::Bf16 | Self::Bf16Transposed => 1,
            Self::Mxfp4 | Self::Q8Mxfp4 => BLOCK,
        }
    }
}

/// A matrix with everything that one of the products may read of it.
struct Weights {
    op: Op,
    outputs: usize,
    inputs: usize,
    /// bf16, or MXFP4 codes.
    bytes: Vec<u8>,
    scales: Vec<u8>,
}

impl Weights {
    fn random(op: Op, outputs: usize, inputs: usize, rng: &mut Rng) -> Self {
        let count = outputs * inputs;
        let (bytes, scales) = match op {
            Op::Bf16 | Op::Bf16Transposed => {
                let halves = (0..count).map(|_| (rng.uniform(-1.0, 1.0).to_bits() >> 16) as u16);
                (halves.flat_map(u16::to_le_bytes).collect(), Vec::new())
            }
            Op::Mxfp4 | Op::Q8Mxfp4 => {
                let scales = (0..count / BLOCK)
                    .map(|_| 120 + (rng.bits() % 10) as u8)
                    .collect();
                (rng.bytes(count / 2), scales)
            }
        };
        Self {
            op,
            outputs,
            inputs,
            bytes,
            scales,
        }
    }

    /// The weight from an input to an output, by the formats' definitions.
    fn at(&self, output: usize, input: usize) -> f64 {
        const VALUES: [f64; 8] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
        let i = match self.op {
            Op::Bf16Transposed => input * self.outputs + output,
            _ => output * self.inputs + input,
        };
        match self.op {
            Op::Bf16 | Op::Bf16Transposed => {
                let half = [self.bytes[2 * i], self.bytes[2 * i + 1]];
                f64::from(f32::from_bits(u32::from(u16::from_le_bytes(half)) << 16))
            }
            Op::Mxfp4 | Op::Q8Mxfp4 => {
                let byte = self.bytes[i / 2];
                let code = if i % 2 == 0 { byte & 0xf } else { byte >> 4 };
                let sign = if code >= 8 { -1.0 } else { 1.0 };
                match self.scales[i / BLOCK] {
                    255 => f64::NAN,
                    s => sign * VALUES[usize::from(code % 8)] * 2f64.powi(i32::from(s) - 127),
                }
            }
        }
    }

    fn multiply(&self, isa: Isa, outputs: Range<usize>, x: &[f32]) -> Vec<f32> {
        let n = x.len() / self.inputs;
        // Garbage, to see that all of it is overwritten.
        let mut out = vec![f32::NAN; outputs.len() * n];
        let (rows, cols) = match self.op {
            Op::Bf16Transposed => (self.inputs, self.outputs),
            _ => (self.outputs, self.inputs),
        };
        let bf16 = || Bf16Matrix::new(&self.bytes, rows, cols).unwrap();
        let mxfp4 = || Mxfp4Matrix::new(&self.bytes, &self.scales, rows, cols).unwrap();
        match self.op {
            Op::Bf16 => matmul_f32_bf16(isa, bf16(), outputs, x, &mut out),
            Op::Bf16Transposed => matmul_f32_bf16_transposed(isa, bf16(), outputs, x, &mut out),
            Op::Mxfp4 => matmul_f32_mxfp4(isa, mxfp4(), outputs, x, &mut out),
            Op::Q8Mxfp4 => {
                let q8 = Quantised::new(isa, x, self.inputs);
                matmul_q8_mxfp4(isa, mxfp4(), outputs, q8.view(), &mut out);
            }
        }
        out
    }

    /// The activations as the product sees them.
    fn seen(&self, x: &[f32]) -> Vec<f64> {
        match self.op {
            Op::Q8Mxfp4 => Quantised::new(Isa::Scalar, x, self.inputs).dequantised(),
            _ => x.iter().copied().map(f64::from).collect(),
        }
    }

    /// Compares with `f64` arithmetic; the tolerance grows with the size of what is summed.
    fn check_against_f64(&self, isa: Isa, x: &[f32]) {
        let n = x.len() / self.inputs;
        let out = self.multiply(isa, 0..self.outputs, x);
        let seen = self.seen(x);
        for output in 0..self.outputs {
            for j in 0..n {
                let terms = (0..self.inputs)
                    .map(|input| self.at(output, input) * seen[j * self.inputs + input]);
                let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| {
                    (sum + term, size + term.abs())
                });
                let what = format!(
                    "{:?} {}x{} on {}, output {output}, activation row {j}",
                    self.op,
                    self.outputs,
                    self.inputs,
                    isa.name()
                );
                assert_close(out[output * n + j], sum, 1e-6 * size, &what);
            }
        }
    }

    /// Each activation row alone, and each split of the outputs, against all at once.
    fn check_invariance(&self, isa: Isa, x: &[f32], split: usize) {
        let n = x.len() / self.inputs;
        let whole = self.multiply(isa, 0..self.outputs, x);
        for (j, row) in x.chunks_exact(self.inputs).enumerate() {
            let alone = self.multiply(isa, 0..self.outputs, row);
            let column: Vec<f32> = whole.iter().skip(j).step_by(n).copied().collect();
            let what = format!("{:?} on {}: row {j} of {n} and alone", self.op, isa.name());
            assert_same_bits(&column, &alone, &what);
        }
        let mut parts = self.multiply(isa, 0..split, x);
        parts.extend(self.multiply(isa, split..self.outputs, x));
        let what = format!(
            "{:?} on {}: split at {split} and whole",
            self.op,
            isa.name()
        );
        assert_same_bits(&parts, &whole, &what);
    }
}

/// Buffers for [`Q8Rows`].
struct Quantised {
    values: Vec<i8>,
    scales: Vec<f32>,
    corrections: Vec<i32>,
    cols: usize,
}

impl Quantised {
    fn new(isa: Isa, x: &[f32], cols: usize) -> Self {
        let blocks = x.len() / BLOCK;
        let (mut values, mut scales, mut corrections) =
            (vec![0; x.len()], vec![0.0; blocks], vec![0; blocks]);
        let out = Q8RowsMut::new(&mut values, &mut scales, &mut corrections, cols).unwrap();
        quantize_q8(isa, x, out);
        Self {
            values,
            scales,
            corrections,
            cols,
        }
    }

    fn view(&self) -> Q8Rows<'_> {
        Q8Rows::new(&self.values, &self.scales, &self.corrections, self.cols).unwrap()
    }

    fn dequantised(&self) -> Vec<f64> {
        (0..self.values.len())
            .map(|i| {
                let (row, c) = (i / self.cols, i % self.cols);
                let value = self.values[row * self.cols + stored_position(c, self.cols)];
                f64::from(value) * f64::from(self.scales[i / BLOCK])
            })
            .collect()
    }
}

#[test]
fn products_agree_with_f64() {
    let mut rng = Rng::new(1);
    // Rows and columns around the sizes of tiles, panels and chunks.
    let rows = [1, 3, 4, 5, 9];
    let columns = [1, 7, 8, 31, 33, 511, 520, 1025];
    let blocks = [1, 2, 3, 16, 17, 33, 129, 131];
    for op in OPS {
        let lengths = if op.granularity() == 1 {
            columns
        } else {
            blocks
        };
        for (i, length) in lengths.into_iter().enumerate() {
            for outputs in rows {
                let inputs = length * op.granularity();
                let weights = Weights::random(op, outputs, inputs, &mut rng);
                let n = [1, 2, 3, 4, 7][(i + outputs) % 5];
                let x = rng.activations(n * inputs);
                for isa in Isa::available() {
                    weights.check_against_f64(isa, &x);
                }
            }
        }
    }
}

#[test]
fn the_shapes_of_gpt_oss_agree_with_f64() {
    let mut rng = Rng::new(2);
    for op in OPS {
        let weights = Weights::random(op, 13, 2880, &mut rng);
        let x = rng.activations(5 * 2880);
        for isa in Isa::available() {
            weights.check_against_f64(isa, &x);
        }
    }
}

#[test]
fn batching_and_splitting_change_no_bit() {
    let mut rng = Rng::new(3);
    for op in OPS {
        for inputs in [op.granularity(), 19 * 32, 2880, 4096 + 32] {
            let weights = Weights::random(op, 21, inputs, &mut rng);
            for n in [1, 2, 3, 5, 8, 17] {
                let x = rng.activations(n * inputs);
                for isa in Isa::available() {
                    weights.check_invariance(isa, &x, n);
                }
            }
        }
    }
}

#[test]
fn negative_zero_sums_keep_their_sign_in_every_batch() {
    for op in OPS {
        // bf16 -0, or MXFP4 code 8.
        let bytes = match op {
            Op::Bf16 | Op::Bf16Transposed => [0, 0x80].repeat(5 * 64),
            Op::Mxfp4 | Op::Q8Mxfp4 => vec![0x88; 5 * 32],
        };
        let weights = Weights {
            op,
            outputs: 5,
            inputs: 64,
            bytes,
            scales: vec![127; 10],
        };
        for isa in Isa::available() {
            weights.check_invariance(isa, &[1.0; 4 * 64], 2);
        }
    }
}

/// One matrix with a single code in each row, and the unit vectors: the products are the weights.
#[test]
fn every_code_at_every_scale_is_its_value() {
    let (outputs, inputs) = (16 * 256, BLOCK);
    let position = |row: usize| (row * 7 + row / BLOCK) % BLOCK;
    let mut bytes = vec![0; outputs * inputs / 2];
    for row in 0..outputs {
        let shift = 4 * (position(row) % 2);
        bytes[row * BLOCK / 2 + position(row) / 2] = ((row % 16) as u8) << shift;
    }
    let scales = (0..outputs).map(|row| (row / 16) as u8).collect();
    let mut x = vec![0.0; BLOCK * BLOCK];
    (0..BLOCK).for_each(|i| x[i * BLOCK + i] = 1.0);

    let mut weights = Weights {
        op: Op::Mxfp4,
        outputs,
        inputs,
        bytes,
        scales,
    };
    for op in [Op::Mxfp4, Op::Q8Mxfp4] {
        weights.op = op;
        for isa in Isa::available() {
            let all = weights.multiply(isa, 0..outputs, &x);
            for row in 0..outputs {
                let actual = all[row * BLOCK + position(row)];
                let exact = weights.at(row, position(row));
                let what = format!(
                    "{op:?} on {}: code {} scale {}",
                    isa.name(),
                    row % 16,
                    row / 16
                );
                // f32 ends at 2^128.
                let expected = f64::from(exact as f32);
                match op {
                    // An activation is 127 * (1/127), and at the lower end the product of the
                    // scales is rounded to a multiple of 2^-149.
                    Op::Q8Mxfp4 if exact.abs() < 2f64.powi(128) => {
                        let doubled = (exact / 2f64.powi((row / 16) as i32 - 128)).abs();
                        let unit = 2f64.powi(-149);
                        let tolerance = exact.abs() * 2e-7 + doubled * 127.0 * unit / 2.0 + unit;
                        assert_close(actual, exact, tolerance, &what);
                    }
                    Op::Q8Mxfp4 if exact.abs() == 2f64.powi(128) => {
                        assert!(actual.abs() >= f32::MAX * 0.999_999, "{what}: {actual}");
                    }
                    _ => assert_close(actual, expected, 0.0, &what),
                }
            }
        }
    }
}

#[test]
fn nan_and_infinity_reach_only_what_depends_on_them() {
    let mut rng = Rng::new(4);
    for op in OPS {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let weights = Weights::random(op, 6, 96, &mut rng);
            let mut x = rng.activations(4 * 96);
            for isa in Isa::available() {
                x[2 * 96 + 40] = 0.5;
                let good = weights.multiply(isa, 0..6, &x);
                x[2 * 96 + 40] = bad;
                let out = weights.multiply(isa, 0..6, &x);
                for (i, (out, good)) in out.iter().zip(&good).enumerate() {
                    if i % 4 == 2 {
                        // A zero weight makes NaN of infinity, another one passes it on.
                        assert!(!out.is_finite(), "{op:?} on {}: {out}", isa.name());
                    } else {
                        assert_eq!(out.to_bits(), good.to_bits(), "{op:?} on {}", isa.name());
                    }
                }
            }
        }
    }
}

#[test]
fn a_nan_scale_spoils_its_row_only() {
    let mut rng = Rng::new(5);
    for op in [Op::Mxfp4, Op::Q8Mxfp4] {
        // 5 rows of 3 blocks: the last block has no partner.
        for bad in 0..15 {
            let mut weights = Weights::random(op, 5, 96, &mut rng);
            weights.scales[bad] = 255;
            let x = rng.activations(2 * 96);
            for isa in Isa::available() {
                let out = weights.multiply(isa, 0..5, &x);
                for (row, out) in out.chunks_exact(2).enumerate() {
                    assert!(
                        out.iter().all(|y| y.is_nan() == (row == bad / 3)),
                        "{}",
                        isa.name()
                    );
                }
            }
        }
    }
}

#[test]
fn nothing_to_do_is_fine() {
    let mut rng = Rng::new(6);
    for op in OPS {
        let weights = Weights::random(op, 6, 64, &mut rng);
        for isa in Isa::available() {
            assert!(weights.multiply(isa, 0..6, &[]).is_empty());
            assert!(weights.multiply(isa, 6..6, &[1.0; 128]).is_empty());
        }
    }
}

fn bf16_of_ones() -> Vec<u8> {
    [0x80, 0x3f].repeat(6)
}

#[test]
#[should_panic(expected = "outputs 1..3 of a matrix that has 2")]
fn too_many_rows_panic() {
    let bytes = bf16_of_ones();
    let w = Bf16Matrix::new(&bytes, 2, 3).unwrap();
    matmul_f32_bf16(Isa::detect(), w, 1..3, &[0.0; 3], &mut [0.0; 2]);
}

#[test]
#[should_panic(expected = "4 activations are no whole number of rows of 3")]
fn ragged_activations_panic() {
    let bytes = bf16_of_ones();
    let w = Bf16Matrix::new(&bytes, 2, 3).unwrap();
    matmul_f32_bf16(Isa::detect(), w, 0..2, &[0.0; 4], &mut [0.0; 2]);
}

#[test]
#[should_panic(expected = "the output must be [2, 1]")]
fn a_short_output_panics() {
    let bytes = bf16_of_ones();
    let w = Bf16Matrix::new(&bytes, 3, 2).unwrap();
    matmul_f32_bf16_transposed(Isa::detect(), w, 0..2, &[0.0; 3], &mut [0.0; 1]);
}

#[test]
#[should_panic(expected = "columns of the activations against the weights")]
fn other_columns_panic() {
    let q8 = Quantised::new(Isa::Scalar, &[0.0; 32], 32);
    let w = Mxfp4Matrix::new(&[0; 32], &[0; 2], 1, 64).unwrap();
    matmul_q8_mxfp4(Isa::detect(), w, 0..1, q8.view(), &mut [0.0; 1]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 3 } else { 96 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_product_is_right_and_invariant(
        op in proptest::sample::select(OPS.to_vec()),
        outputs in 1usize..20,
        length in 1usize..40,
        extra in 0usize..32,
        n in 1usize..12,
        split in 0usize..20,
        seed: u64,
    ) {
        let mut rng = Rng::new(seed);
        let inputs = match op.granularity() {
            1 => 32 * (length - 1) + extra + 1,
            granularity => granularity * length,
        };
        let weights = Weights::random(op, outputs, inputs, &mut rng);
        let x = rng.activations(n * inputs);
        for isa in Isa::available() {
            weights.check_against_f64(isa, &x);
            weights.check_invariance(isa, &x, split.min(outputs));
        }
    }

    #[test]
    fn no_bytes_panic(
        op in proptest::sample::select(OPS.to_vec()),
        outputs in 1usize..6,
        blocks in 1usize..4,
        n in 1usize..6,
        seed: u64,
    ) {
        let mut rng = Rng::new(seed);
        let count = outputs * blocks * BLOCK;
        let weights = Weights {
            op,
            outputs,
            inputs: blocks * BLOCK,
            bytes: rng.bytes(if op.granularity() == 1 { 2 * count } else { count / 2 }),
            scales: rng.bytes(count / BLOCK),
        };
        let x: Vec<f32> = (0..n * weights.inputs).map(|_| rng.any_f32()).collect();
        for isa in Isa::available() {
            prop_assert_eq!(weights.multiply(isa, 0..outputs, &x).len(), outputs * n);
        }
    }
}
