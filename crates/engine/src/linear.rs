//! A dense layer: bf16 weights `[out, in]` with a bias.

use std::ops::Range;

use kernels::{Bf16Matrix, Isa, matmul_f32_bf16};

use crate::{
    EngineError,
    checkpoint::Tensor,
    pool::{Pool, rows_per_piece},
};

/// A bf16 matrix of a checkpoint, `[rows, cols]`.
#[derive(Debug, Clone)]
pub(crate) struct Bf16Weights {
    tensor: Tensor,
    rows: usize,
    cols: usize,
}

impl Bf16Weights {
    /// Takes a tensor of shape `[rows, cols]`.
    pub(crate) fn new(tensor: Tensor) -> Result<Bf16Weights, EngineError> {
        let (rows, cols) = match *tensor.shape() {
            [rows, cols] => (rows, cols),
            _ => return Err(tensor.error("is not a matrix".into())),
        };
        // Checked here once, so that `view` cannot fail.
        Bf16Matrix::new(tensor.bytes(), rows, cols).map_err(|e| tensor.error(e.to_string()))?;
        Ok(Bf16Weights { tensor, rows, cols })
    }

    /// The matrix.
    pub(crate) fn view(&self) -> Bf16Matrix<'_> {
        Bf16Matrix::new(self.tensor.bytes(), self.rows, self.cols)
            .expect("the same shape was accepted when the weights were made")
    }

    /// Number of bytes.
    pub(crate) fn num_bytes(&self) -> u64 {
        self.tensor.bytes().len() as u64
    }
}

/// `y = x Wᵀ + b`.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weights: Bf16Weights,
    /// `[out]`, or empty for none.
    bias: Vec<f32>,
}

impl Linear {
    /// A layer with a bias of `[out]`, or without one where `bias` is empty.
    pub(crate) fn new(weights: Bf16Weights, bias: Vec<f32>) -> Linear {
        assert!(
            bias.is_empty() || bias.len() == weights.rows,
            "a bias for each output"
        );
        Linear { weights, bias }
    }

    /// Number of bytes of the weights.
    pub(crate) fn num_bytes(&self) -> u64 {
        self.weights.num_bytes() + 2 * self.bias.len() as u64
    }

    /// Applies the layer to `x` `[n, in]` and writes `out` `[n, out]`.
    ///
    /// `scratch` needs room for `n` elements at least; the more, the better the work is shared.
    pub(crate) fn forward(
        &self,
        isa: Isa,
        pool: &Pool,
        x: &[f32],
        out: &mut [f32],
        scratch: &mut [f32],
    ) {
        let (rows, cols) = (self.weights.rows, self.weights.cols);
        let n = x.len() / cols;
        match n {
            0 => {}
            1 => {
                // One activation row: the output of the product already is the row wanted.
                self.multiply(isa, pool, 0..rows, x, out);
                for (y, b) in out.iter_mut().zip(&self.bias) {
                    *y += b;
                }
            }
            _ => {
                let rows_at_once = scratch.len() / n;
                for start in (0..rows).step_by(rows_at_once) {
                    let panel = start..rows.min(start + rows_at_once);
                    let product = &mut scratch[..panel.len() * n];
                    self.multiply(isa, pool, panel.clone(), x, product);
                    self.transpose(pool, panel, product, out);
                }
            }
        }
    }

    /// `product[r, j] = w[rows.start + r] · x[j]`, the rows shared among the threads.
    fn multiply(&self, isa: Isa, pool: &Pool, rows: Range<usize>, x: &[f32], product: &mut [f32]) {
        let weights = self.weights.view();
        let n = product.len() / rows.len();
        let piece = rows_per_piece(rows.len(), weights.cols() * n);
        let macs = rows.len().saturating_mul(weights.cols()).saturating_mul(n);
        pool.for_each_chunk(product, piece * n, macs, |_, index, product| {
            let first = rows.start + index * piece;
            matmul_f32_bf16(isa, weights, first..first + product.len() / n, x, product);
        });
    }

    /// Writes `product` `[panel, n]` into the columns `panel` of `out` `[n, out]`, plus the bias.
    fn transpose(&self, pool: &Pool, panel: Range<usize>, product: &[f32], out: &mut [f32]) {
        let width = self.weights.rows;
        let n = out.len() / width;
        let bias = self.bias.get(panel.clone()).unwrap_or_default();
        pool.for_each_chunk(out, TILE * width, product.len(), |_, index, out| {
            transpose_tile(product, n, index * TILE, out, width, panel.start);
            for row in out.chunks_exact_mut(width) {
                for (y, b) in row[panel.clone()].iter_mut().zip(bias) {
                    *y += b;
                }
            }
        });
    }
}

/// Activation rows that are transposed together: as many as `f32` fit a cache line.
pub(crate) const TILE: usize = 16;

/// Turns columns of a product `[rows, n]` into rows: `out[j, offset + r] = product[r, first + j]`
/// for each row `j` of `out` `[up to n - first, stride]`.
pub(crate) fn transpose_tile(
    product: &[f32],
    n: usize,
    first: usize,
    out: &mut [f32],
    stride: usize,
    offset: usize,
) {
    let count = out.len() / stride;
    for (r, row) in product.chunks_exact(n).enumerate() {
        for (j, &value) in row[first..first + count].iter().enumerate() {
            out[j * stride + offset + r] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::SafetensorsFile;

    /// A layer with small integers as weights and biases, whose products are exact.
    fn layer(rows: usize, cols: usize) -> (Linear, Vec<Vec<f32>>) {
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
        let weights = Bf16Weights::new(SafetensorsFile::tensor(&file, "w").unwrap()).unwrap();
        let bias = (0..rows).map(|r| r as f32).collect();
        let matrix = (0..rows)
            .map(|r| (0..cols).map(|c| weight(r, c)).collect())
            .collect();
        (Linear::new(weights, bias), matrix)
    }

    proptest! {
        #[test]
        fn any_scratch_and_any_threads_give_the_plain_product(
            rows in 1usize..200,
            cols in 1usize..100,
            n in 0usize..40,
            rows_at_once in 1usize..300,
            num_threads in 1usize..4,
        ) {
            let (layer, matrix) = layer(rows, cols);
            let x: Vec<f32> = (0..n * cols).map(|i| (i % 17) as f32 - 8.0).collect();
            let mut out = vec![f32::NAN; n * rows];
            let mut scratch = vec![f32::NAN; n * rows_at_once];
            let pool = Pool::new(num_threads).unwrap();
            layer.forward(Isa::detect(), &pool, &x, &mut out, &mut scratch);
            for (x, out) in x.chunks(cols).zip(out.chunks(rows)) {
                for (r, &y) in out.iter().enumerate() {
                    let product: f32 = x.iter().zip(&matrix[r]).map(|(x, w)| x * w).sum();
                    prop_assert_eq!(y, product + r as f32);
                }
            }
        }
    }
}
