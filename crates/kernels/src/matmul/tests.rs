//! Every product on every instruction set against `f64` arithmetic, and the promise that batching
//! and splitting change no bit.

use proptest::prelude::*;

use super::*;
use crate::activations::{Q8RowsMut, quantize_q8, quantize_q16};
use crate::float::FloatType;
use crate::mxfp4::{BLOCK, Mxfp4Source, pack_mxfp4};
use crate::q8::{Q8Source, pack_q8};
use crate::testing::{Rng, assert_close, assert_same_bits};

/// The products.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Float(FloatType),
    Transposed(FloatType),
    Mxfp4,
    Q8,
    Q8Mxfp4,
    Q16Q8,
}

const OPS: [Op; 10] = [
    Op::Float(FloatType::Bf16),
    Op::Float(FloatType::F16),
    Op::Float(FloatType::F32),
    Op::Transposed(FloatType::Bf16),
    Op::Transposed(FloatType::F16),
    Op::Transposed(FloatType::F32),
    Op::Mxfp4,
    Op::Q8,
    Op::Q8Mxfp4,
    Op::Q16Q8,
];

/// Those of integers, which are the same bits on every instruction set.
const INTEGER_OPS: [Op; 2] = [Op::Q8Mxfp4, Op::Q16Q8];

impl Op {
    /// What the number of inputs must be a multiple of.
    fn granularity(self) -> usize {
        match self {
            Self::Float(_) | Self::Transposed(_) => 1,
            _ => BLOCK,
        }
    }

    /// What the outputs may be split at multiples of.
    fn output_granularity(self) -> usize {
        match self {
            Self::Float(_) | Self::Transposed(_) => 1,
            _ => GROUP,
        }
    }
}

/// A matrix with everything that one of the products may read of it.
struct Weights {
    op: Op,
    outputs: usize,
    inputs: usize,
    /// As files have them: floats, MXFP4 codes or the blocks of Q8_0.
    bytes: Vec<u8>,
    /// Of MXFP4.
    scales: Vec<u8>,
    packed: Vec<u8>,
}

impl Weights {
    fn random(op: Op, outputs: usize, inputs: usize, rng: &mut Rng) -> Self {
        let count = outputs * inputs;
        let (bytes, scales) = match op {
            Op::Float(float_type) | Op::Transposed(float_type) => {
                let mut bytes = Vec::new();
                for _ in 0..count {
                    let weight = rng.uniform(-1.0, 1.0);
                    match float_type {
                        FloatType::Bf16 => bytes.extend(&weight.to_le_bytes()[2..]),
                        FloatType::F16 => {
                            let half = scalar::f32_to_f16_saturating(weight);
                            bytes.extend(half.to_le_bytes());
                        }
                        FloatType::F32 => bytes.extend(weight.to_le_bytes()),
                    }
                }
                (bytes, Vec::new())
            }
            Op::Mxfp4 | Op::Q8Mxfp4 => {
                let scales = (0..count / BLOCK)
                    .map(|_| 120 + (rng.bits() % 10) as u8)
                    .collect();
                (rng.bytes(count / 2), scales)
            }
            Op::Q8 | Op::Q16Q8 => {
                let mut bytes = Vec::new();
                for _ in 0..count / BLOCK {
                    let scale = scalar::f32_to_f16_saturating(rng.uniform(0.001, 0.01));
                    bytes.extend(scale.to_le_bytes());
                    bytes.extend(rng.bytes(BLOCK));
                }
                (bytes, Vec::new())
            }
        };
        Self::new(op, outputs, inputs, bytes, scales)
    }

    fn new(op: Op, outputs: usize, inputs: usize, bytes: Vec<u8>, scales: Vec<u8>) -> Self {
        let mut weights = Self {
            op,
            outputs,
            inputs,
            bytes,
            scales,
            packed: Vec::new(),
        };
        weights.pack();
        weights
    }

    fn pack(&mut self) {
        let (rows, cols) = (self.outputs, self.inputs);
        match self.op {
            Op::Float(_) | Op::Transposed(_) => {}
            Op::Mxfp4 | Op::Q8Mxfp4 => {
                self.packed = vec![0; Mxfp4Matrix::num_bytes(rows, cols).unwrap()];
                let source = Mxfp4Source::Split {
                    blocks: &self.bytes,
                    scales: &self.scales,
                };
                pack_mxfp4(source, rows, cols, &mut self.packed).unwrap();
            }
            Op::Q8 | Op::Q16Q8 => {
                self.packed = vec![0; Q8Matrix::num_bytes(rows, cols).unwrap()];
                pack_q8(Q8Source::Gguf(&self.bytes), rows, cols, &mut self.packed).unwrap();
            }
        }
    }

    /// The weight from an input to an output, by the formats' definitions.
    fn at(&self, output: usize, input: usize) -> f64 {
        const VALUES: [f64; 8] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
        let i = match self.op {
            Op::Transposed(_) => input * self.outputs + output,
            _ => output * self.inputs + input,
        };
        let half = |at: usize| u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]);
        match self.op {
            Op::Float(float_type) | Op::Transposed(float_type) => f64::from(match float_type {
                FloatType::Bf16 => f32::from_bits(u32::from(half(2 * i)) << 16),
                FloatType::F16 => scalar::f16_to_f32(half(2 * i)),
                FloatType::F32 => {
                    f32::from_le_bytes(self.bytes[4 * i..4 * i + 4].try_into().unwrap())
                }
            }),
            Op::Mxfp4 | Op::Q8Mxfp4 => {
                let byte = self.bytes[i / 2];
                let code = if i % 2 == 0 { byte & 0xf } else { byte >> 4 };
                let sign = if code >= 8 { -1.0 } else { 1.0 };
                match self.scales[i / BLOCK] {
                    255 => f64::NAN,
                    s => sign * VALUES[usize::from(code % 8)] * 2f64.powi(i32::from(s) - 127),
                }
            }
            Op::Q8 | Op::Q16Q8 => {
                let block = i / BLOCK * (2 + BLOCK);
                let value = self.bytes[block + 2 + i % BLOCK].cast_signed();
                f64::from(value) * f64::from(scalar::f16_to_f32(half(block)))
            }
        }
    }

    /// The product `[n, outputs.len()]`.
    fn multiply(&self, isa: Isa, outputs: Range<usize>, x: &[f32]) -> Vec<f32> {
        let n = x.len() / self.inputs;
        // Garbage, to see that all of it is overwritten; and a column on either side, to see that
        // nothing else is.
        let width = outputs.len() + 2;
        let mut out = vec![f32::NAN; n * width];
        let (_, columns) = ColumnsMut::new(&mut out, width).split_at(1);
        let (columns, _) = columns.split_at(outputs.len());
        let (rows, cols) = match self.op {
            Op::Transposed(_) => (self.inputs, self.outputs),
            _ => (self.outputs, self.inputs),
        };
        let mxfp4 = || Mxfp4Matrix::new(&self.packed, rows, cols).unwrap();
        let q8 = || Q8Matrix::new(&self.packed, rows, cols).unwrap();
        match self.op {
            Op::Float(float_type) => {
                let w = FloatMatrix::new(&self.bytes, float_type, rows, cols).unwrap();
                matmul_f32_float(isa, w, outputs, x, columns);
            }
            Op::Transposed(float_type) => {
                let w = FloatMatrix::new(&self.bytes, float_type, rows, cols).unwrap();
                matmul_f32_float_transposed(isa, w, outputs, x, columns);
            }
            Op::Mxfp4 => matmul_f32_mxfp4(isa, mxfp4(), outputs, x, columns),
            Op::Q8 => matmul_f32_q8(isa, q8(), outputs, x, columns),
            Op::Q8Mxfp4 => {
                let x = Quantised8::new(isa, x, self.inputs);
                matmul_q8_mxfp4(isa, mxfp4(), outputs, x.view(), columns);
            }
            Op::Q16Q8 => {
                let (values, scales) = quantise16(isa, x, self.inputs);
                let x = Q16Rows::new(&values, &scales, self.inputs).unwrap();
                matmul_q16_q8(isa, q8(), outputs, x, columns);
            }
        }
        let rows = out.chunks_exact(width);
        assert!(
            rows.clone()
                .all(|row| row[0].is_nan() && row[width - 1].is_nan())
        );
        rows.flat_map(|row| &row[1..width - 1]).copied().collect()
    }

    /// The activations as the product sees them.
    fn seen(&self, x: &[f32]) -> Vec<f64> {
        match self.op {
            Op::Q8Mxfp4 => Quantised8::new(Isa::Scalar, x, self.inputs).dequantised(),
            Op::Q16Q8 => {
                let (values, scales) = quantise16(Isa::Scalar, x, self.inputs);
                let values = values.iter().enumerate();
                values
                    .map(|(i, value)| f64::from(*value) * f64::from(scales[i / BLOCK]))
                    .collect()
            }
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
                assert_close(out[j * self.outputs + output], sum, 1e-6 * size, &what);
            }
        }
    }

    /// Each activation row alone, and each split of the outputs, against all at once.
    fn check_invariance(&self, isa: Isa, x: &[f32], split: usize) {
        let whole = self.multiply(isa, 0..self.outputs, x);
        let rows = whole.chunks_exact(self.outputs);
        for (j, (x, row)) in x.chunks_exact(self.inputs).zip(rows).enumerate() {
            let alone = self.multiply(isa, 0..self.outputs, x);
            let what = format!("{:?} on {}: row {j} and alone", self.op, isa.name());
            assert_same_bits(row, &alone, &what);
        }
        let split = split.next_multiple_of(self.op.output_granularity());
        let split = split.min(self.outputs);
        let left = self.multiply(isa, 0..split, x);
        let right = self.multiply(isa, split..self.outputs, x);
        for (j, row) in whole.chunks_exact(self.outputs).enumerate() {
            let parts = [
                &left[j * split..(j + 1) * split],
                &right[j * (self.outputs - split)..(j + 1) * (self.outputs - split)],
            ];
            let what = format!("{:?} on {}: split at {split}", self.op, isa.name());
            assert_same_bits(&parts.concat(), row, &what);
        }
    }

    /// The scalar oracle, bit for bit.
    fn check_against_scalar(&self, isa: Isa, x: &[f32]) {
        let expected = self.multiply(Isa::Scalar, 0..self.outputs, x);
        let actual = self.multiply(isa, 0..self.outputs, x);
        assert_same_bits(
            &actual,
            &expected,
            &format!("{:?} on {}", self.op, isa.name()),
        );
    }
}

/// Buffers for [`Q8Rows`].
struct Quantised8 {
    values: Vec<i8>,
    scales: Vec<f32>,
    corrections: Vec<i32>,
    cols: usize,
}

impl Quantised8 {
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
        let values = self.values.iter().enumerate();
        values
            .map(|(i, value)| f64::from(*value) * f64::from(self.scales[i / BLOCK]))
            .collect()
    }
}

fn quantise16(isa: Isa, x: &[f32], cols: usize) -> (Vec<i16>, Vec<f32>) {
    let (mut values, mut scales) = (vec![0; x.len()], vec![0.0; x.len() / BLOCK]);
    quantize_q16(isa, x, cols, &mut values, &mut scales);
    (values, scales)
}

#[test]
fn products_agree_with_f64() {
    let mut rng = Rng::new(1);
    // Rows and columns around the sizes of tiles, panels and chunks.
    let rows = [1, 3, 4, 5, 9, 16];
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
                let n = [1, 2, 3, 4, 5, 7][(i + outputs) % 6];
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
fn integer_products_are_the_same_bits_on_every_instruction_set() {
    let mut rng = Rng::new(8);
    for op in INTEGER_OPS {
        for (outputs, inputs) in [(1, 32), (8, 64), (21, 608), (13, 2880)] {
            let weights = Weights::random(op, outputs, inputs, &mut rng);
            let mut x = rng.activations(7 * inputs);
            // The largest products: every value at its limit.
            x[..inputs].fill(-1.0);
            for isa in Isa::available() {
                weights.check_against_scalar(isa, &x);
            }
        }
    }
}

#[test]
fn the_largest_integers_do_not_overflow() {
    for op in INTEGER_OPS {
        let (outputs, inputs) = (8, 96);
        let weights = match op {
            // All codes are -6, or +6.
            Op::Q8Mxfp4 => [0xff, 0x77].map(|byte| {
                let (bytes, scales) = (vec![byte; outputs * inputs / 2], vec![127; 24]);
                Weights::new(op, outputs, inputs, bytes, scales)
            }),
            _ => [0x80, 0x7f].map(|byte| {
                let one = scalar::f32_to_f16_saturating(1.0).to_le_bytes();
                let block = [&one[..], &[byte; BLOCK]].concat();
                Weights::new(op, outputs, inputs, block.repeat(24), Vec::new())
            }),
        };
        for weights in weights {
            for sign in [1.0, -1.0] {
                for isa in Isa::available() {
                    weights.check_against_f64(isa, &[sign; 96]);
                    weights.check_against_scalar(isa, &[sign; 96]);
                }
            }
        }
    }
}

#[test]
fn negative_zero_sums_keep_their_sign_in_every_batch() {
    for op in OPS {
        // Floats -0, MXFP4 code 8, or Q8 values of 0 with a negative scale.
        let (bytes, scales) = match op {
            Op::Float(FloatType::F32) | Op::Transposed(FloatType::F32) => {
                ((-0f32).to_le_bytes().repeat(5 * 64), Vec::new())
            }
            Op::Float(_) | Op::Transposed(_) => ([0, 0x80].repeat(5 * 64), Vec::new()),
            Op::Mxfp4 | Op::Q8Mxfp4 => (vec![0x88; 5 * 32], vec![127; 10]),
            Op::Q8 | Op::Q16Q8 => {
                let block = [&[0, 0xbc][..], &[0; BLOCK]].concat();
                (block.repeat(10), Vec::new())
            }
        };
        let weights = Weights::new(op, 5, 64, bytes, scales);
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

    let mut weights = Weights::new(Op::Mxfp4, outputs, inputs, bytes, scales);
    for op in [Op::Mxfp4, Op::Q8Mxfp4] {
        weights.op = op;
        for isa in Isa::available() {
            let all = weights.multiply(isa, 0..outputs, &x);
            for row in 0..outputs {
                let actual = all[position(row) * outputs + row];
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
                    if i / 6 == 2 {
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
    for op in [Op::Mxfp4, Op::Q8, Op::Q8Mxfp4, Op::Q16Q8] {
        // 5 rows of 3 blocks.
        for bad in 0..15 {
            let mut weights = Weights::random(op, 5, 96, &mut rng);
            match weights.scales.get_mut(bad) {
                Some(scale) => *scale = 255,
                None => weights.bytes[bad * (2 + BLOCK) + 1] = 0x7e,
            }
            weights.pack();
            let x = rng.activations(2 * 96);
            for isa in Isa::available() {
                let out = weights.multiply(isa, 0..5, &x);
                for (i, y) in out.iter().enumerate() {
                    assert_eq!(y.is_nan(), i % 5 == bad / 3, "{op:?} on {}", isa.name());
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
            let none = if op.granularity() == 1 { 3..3 } else { 0..0 };
            assert!(weights.multiply(isa, none, &[1.0; 128]).is_empty());
        }
    }
}

fn bf16_of_ones(rows: usize, cols: usize) -> FloatMatrix<'static> {
    const BYTES: [u8; 12] = [
        0x80, 0x3f, 0x80, 0x3f, 0x80, 0x3f, 0x80, 0x3f, 0x80, 0x3f, 0x80, 0x3f,
    ];
    FloatMatrix::new(&BYTES, FloatType::Bf16, rows, cols).unwrap()
}

#[test]
#[should_panic(expected = "outputs 1..3 of a matrix that has 2")]
fn too_many_rows_panic() {
    let out = &mut [0.0; 2];
    let out = ColumnsMut::new(out, 2);
    matmul_f32_float(Isa::detect(), bf16_of_ones(2, 3), 1..3, &[0.0; 3], out);
}

#[test]
#[should_panic(expected = "4 activations are no whole number of rows of 3")]
fn ragged_activations_panic() {
    let out = &mut [0.0; 2];
    let out = ColumnsMut::new(out, 2);
    matmul_f32_float(Isa::detect(), bf16_of_ones(2, 3), 0..2, &[0.0; 4], out);
}

#[test]
#[should_panic(expected = "the output must be [1, 2], it is [1, 1]")]
fn a_short_output_panics() {
    let out = &mut [0.0; 1];
    let out = ColumnsMut::new(out, 1);
    matmul_f32_float_transposed(Isa::detect(), bf16_of_ones(3, 2), 0..2, &[0.0; 3], out);
}

#[test]
#[should_panic(expected = "columns of the activations against the weights")]
fn other_columns_panic() {
    let x = Quantised8::new(Isa::Scalar, &[0.0; 32], 32);
    let packed = vec![0; Mxfp4Matrix::num_bytes(1, 64).unwrap()];
    let w = Mxfp4Matrix::new(&packed, 1, 64).unwrap();
    let out = &mut [0.0; 1];
    matmul_q8_mxfp4(Isa::detect(), w, 0..1, x.view(), ColumnsMut::new(out, 1));
}

#[test]
#[should_panic(expected = "rows 4..8 are no whole groups of 8 rows")]
fn part_of_a_group_panics() {
    let packed = vec![0; Q8Matrix::num_bytes(16, 32).unwrap()];
    let w = Q8Matrix::new(&packed, 16, 32).unwrap();
    let out = &mut [0.0; 4];
    matmul_f32_q8(Isa::detect(), w, 4..8, &[0.0; 32], ColumnsMut::new(out, 4));
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
            weights.check_invariance(isa, &x, split);
            if INTEGER_OPS.contains(&op) {
                weights.check_against_scalar(isa, &x);
            }
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
        let size = match op {
            Op::Float(float_type) | Op::Transposed(float_type) => count * float_type.num_bytes(),
            Op::Mxfp4 | Op::Q8Mxfp4 => count / 2,
            Op::Q8 | Op::Q16Q8 => count / BLOCK * (2 + BLOCK),
        };
        let scales = match op {
            Op::Mxfp4 | Op::Q8Mxfp4 => rng.bytes(count / BLOCK),
            _ => Vec::new(),
        };
        let weights = Weights::new(op, outputs, blocks * BLOCK, rng.bytes(size), scales);
        let x: Vec<f32> = (0..n * weights.inputs).map(|_| rng.any_f32()).collect();
        for isa in Isa::available() {
            prop_assert_eq!(weights.multiply(isa, 0..outputs, &x).len(), outputs * n);
        }
    }
}
