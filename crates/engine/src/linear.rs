//! A dense layer: weights `[out, in]` with a bias.

use std::ops::Range;

use kernels::{
    ColumnsMut, FloatMatrix, FloatType, Isa, Q8Matrix, Q8Source, Q16Rows, matmul_f32_float,
    matmul_f32_q8, matmul_q16_q8, pack_q8,
};

use crate::{
    EngineError,
    checkpoint::{Dtype, Tensor},
    memory::HugeBytes,
    pool::{Pool, rows_per_piece},
};

/// Rows that are packed as one piece of work: whole groups of the kernels.
const PACK_ROWS: usize = 64;

const CHECKED: &str = "the shape was checked when the weights were made";

/// A matrix of floating-point numbers, as it lies in a checkpoint, `[rows, cols]`.
#[derive(Debug, Clone)]
pub(crate) struct FloatWeights {
    tensor: Tensor,
    float_type: FloatType,
    rows: usize,
    cols: usize,
}

impl FloatWeights {
    /// Takes a tensor of shape `[rows, cols]`.
    pub(crate) fn new(tensor: Tensor) -> Result<FloatWeights, EngineError> {
        let (rows, cols) = match *tensor.shape() {
            [rows, cols] => (rows, cols),
            _ => return Err(tensor.error("is not a matrix".into())),
        };
        let float_type = match tensor.dtype() {
            Dtype::Bf16 => FloatType::Bf16,
            Dtype::F16 => FloatType::F16,
            Dtype::F32 => FloatType::F32,
            other => return Err(tensor.error(format!("has type {other}, must be a float"))),
        };
        // Checked here once, so that `view` cannot fail.
        FloatMatrix::new(tensor.bytes(), float_type, rows, cols)
            .map_err(|e| tensor.error(e.to_string()))?;
        Ok(FloatWeights {
            tensor,
            float_type,
            rows,
            cols,
        })
    }

    /// The matrix.
    pub(crate) fn view(&self) -> FloatMatrix<'_> {
        FloatMatrix::new(self.tensor.bytes(), self.float_type, self.rows, self.cols).expect(CHECKED)
    }

    /// Number of bytes.
    pub(crate) fn num_bytes(&self) -> u64 {
        self.tensor.bytes().len() as u64
    }
}

/// The weights of a layer in the form they are multiplied in.
#[derive(Debug)]
enum DenseWeights {
    /// Where the file is mapped.
    Float(FloatWeights),
    /// Packed for [`Q8Matrix`].
    Q8(HugeBytes),
}

/// `y = x Wᵀ + b`.
#[derive(Debug)]
pub(crate) struct Linear {
    weights: DenseWeights,
    rows: usize,
    cols: usize,
    /// `[out]`, or empty for none.
    bias: Vec<f32>,
    /// In the checkpoint.
    num_bytes: u64,
}

/// The input of a layer, `[n, in]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DenseInput<'a> {
    pub(crate) x: &'a [f32],
    /// The same in 16 bits, which [`Mode::Default`](crate::Mode::Default) prefers.
    pub(crate) q16: Option<Q16Rows<'a>>,
}

impl Linear {
    /// A layer with a bias of `[out]`, or without one where `bias` is empty, whose weights stay as
    /// they are.
    pub(crate) fn new(weights: FloatWeights, bias: Vec<f32>) -> Linear {
        let (rows, cols) = (weights.rows, weights.cols);
        let num_bytes = weights.num_bytes();
        Linear::with(DenseWeights::Float(weights), rows, cols, bias, num_bytes)
    }

    /// A layer whose weights are rounded to 8 bits. `weights` is a matrix with a multiple of 32
    /// columns.
    ///
    /// # Errors
    /// [`EngineError::OutOfMemory`].
    pub(crate) fn quantized(
        weights: FloatWeights,
        bias: Vec<f32>,
        pool: &Pool,
    ) -> Result<Linear, EngineError> {
        let (rows, cols) = (weights.rows, weights.cols);
        let num_bytes = weights.num_bytes();
        let view = weights.view();
        let len = Q8Matrix::num_bytes(rows, cols).unwrap_or(usize::MAX);
        let packed = HugeBytes::new(len, "the dense weights", |out| {
            let piece = Q8Matrix::num_bytes(PACK_ROWS, cols).expect(CHECKED);
            pool.for_each_chunk(out, piece, rows.saturating_mul(cols), |_, index, out| {
                let first = index * PACK_ROWS;
                let part = first..rows.min(first + PACK_ROWS);
                let source = Q8Source::Float(view.row_range(part.clone()));
                pack_q8(source, part.len(), cols, out).expect(CHECKED);
                weights.tensor.release(part, rows);
            });
        })?;
        Ok(Linear::with(
            DenseWeights::Q8(packed),
            rows,
            cols,
            bias,
            num_bytes,
        ))
    }

    fn with(
        weights: DenseWeights,
        rows: usize,
        cols: usize,
        bias: Vec<f32>,
        num_bytes: u64,
    ) -> Linear {
        assert!(
            bias.is_empty() || bias.len() == rows,
            "a bias for each output"
        );
        Linear {
            num_bytes: num_bytes + 2 * bias.len() as u64,
            weights,
            rows,
            cols,
            bias,
        }
    }

    /// Number of bytes in the checkpoint.
    pub(crate) fn num_bytes(&self) -> u64 {
        self.num_bytes
    }

    /// Applies the layer and writes `out` `[n, out]`. The rows are shared among the threads.
    pub(crate) fn forward(&self, isa: Isa, pool: &Pool, input: DenseInput<'_>, out: &mut [f32]) {
        let n = input.x.len() / self.cols;
        let piece = rows_per_piece(self.rows, self.cols * n);
        let macs = self.rows.saturating_mul(self.cols).saturating_mul(n);
        let pieces = ColumnsMut::new(out, self.rows).chunks(piece).enumerate();
        pool.for_each(pieces.collect(), macs, |_, (index, mut out)| {
            let rows = index * piece..index * piece + out.cols();
            self.multiply(isa, rows.clone(), input, out.reborrow());
            if let Some(bias) = self.bias.get(rows) {
                for j in 0..n {
                    for (y, b) in out.row(j).iter_mut().zip(bias) {
                        *y += b;
                    }
                }
            }
        });
    }

    fn multiply(&self, isa: Isa, rows: Range<usize>, input: DenseInput<'_>, out: ColumnsMut<'_>) {
        match &self.weights {
            DenseWeights::Float(weights) => {
                matmul_f32_float(isa, weights.view(), rows, input.x, out);
            }
            DenseWeights::Q8(bytes) => {
                let weights = Q8Matrix::new(bytes, self.rows, self.cols).expect(CHECKED);
                match input.q16 {
                    Some(x) => matmul_q16_q8(isa, weights, rows, x, out),
                    None => matmul_f32_q8(isa, weights, rows, input.x, out),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use kernels::quantize_q16;
    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::SafetensorsFile;

    /// Small integers as weights, whose products are exact.
    fn layer(rows: usize, cols: usize) -> (FloatWeights, Vec<Vec<f32>>) {
        let weight = |r: usize, c: usize| ((r * 7 + c * 3) % 11) as f32 - 5.0;
        let bytes: Vec<u8> = (0..rows * cols)
            .flat_map(|i| weight(i / cols, i % cols).to_le_bytes()[2..].to_vec())
            .collect();
        let header = format!(
            r#"{{"w":{{"dtype":"BF16","shape":[{rows},{cols}],"data_offsets":[0,{}]}}}}"#,
            bytes.len()
        );
        let length = (header.len() as u64).to_le_bytes();
        let file = [&length[..], header.as_bytes(), &bytes].concat();
        let file = Arc::new(SafetensorsFile::from_bytes(file.into(), Path::new("w")).unwrap());
        let weights = FloatWeights::new(SafetensorsFile::tensor(&file, "w").unwrap()).unwrap();
        let matrix = (0..rows)
            .map(|r| (0..cols).map(|c| weight(r, c)).collect())
            .collect();
        (weights, matrix)
    }

    /// The input in the form the default mode hands over, for any width.
    fn forward(layer: &Linear, num_threads: usize, x: &[f32], in_16_bits: bool) -> Vec<f32> {
        let (cols, n) = (layer.cols, x.len() / layer.cols);
        let (mut values, mut scales) = (vec![0; x.len()], vec![0.0; x.len() / 32]);
        let q16 = in_16_bits.then(|| {
            quantize_q16(Isa::detect(), x, cols, &mut values, &mut scales);
            Q16Rows::new(&values, &scales, cols).unwrap()
        });
        let mut out = vec![f32::NAN; n * layer.rows];
        let pool = Pool::new(num_threads).unwrap();
        layer.forward(Isa::detect(), &pool, DenseInput { x, q16 }, &mut out);
        out
    }

    proptest! {
        #[test]
        fn any_threads_give_the_plain_product(
            rows in 1usize..200,
            cols in 1usize..100,
            n in 0usize..40,
            num_threads in 1usize..4,
        ) {
            let (layer, matrix) = layer(rows, cols);
            let layer = Linear::new(layer, (0..rows).map(|r| r as f32).collect());
            let x: Vec<f32> = (0..n * cols).map(|i| (i % 17) as f32 - 8.0).collect();
            let out = forward(&layer, num_threads, &x, false);
            for (x, out) in x.chunks(cols).zip(out.chunks(rows)) {
                for (r, &y) in out.iter().enumerate() {
                    let product: f32 = x.iter().zip(&matrix[r]).map(|(x, w)| x * w).sum();
                    prop_assert_eq!(y, product + r as f32);
                }
            }
        }

        #[test]
        fn rounded_weights_give_nearly_the_same_on_any_threads(
            rows in 1usize..200,
            blocks in 1usize..5,
            n in 0usize..20,
            num_threads in 1usize..4,
        ) {
            let cols = 32 * blocks;
            let (layer, matrix) = layer(rows, cols);
            let bias = (0..rows).map(|r| r as f32).collect();
            let layer = Linear::quantized(layer, bias, &Pool::new(num_threads).unwrap()).unwrap();
            let x: Vec<f32> = (0..n * cols).map(|i| (i % 17) as f32 - 8.0).collect();
            for in_16_bits in [false, true] {
                let out = forward(&layer, num_threads, &x, in_16_bits);
                prop_assert_eq!(&out, &forward(&layer, 1, &x, in_16_bits));
                for (x, out) in x.chunks(cols).zip(out.chunks(rows)) {
                    for (r, &y) in out.iter().enumerate() {
                        let product: f32 = x.iter().zip(&matrix[r]).map(|(x, w)| x * w).sum();
                        let size: f32 = x.iter().map(|x| x.abs()).sum();
                        // Weights up to 5 in steps of 5 / 127.
                        let error = (y - product - r as f32).abs();
                        prop_assert!(error <= size * 0.022 + 1e-3, "{error} of {size}");
                    }
                }
            }
        }
    }
}
