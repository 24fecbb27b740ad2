//! One projection of all experts of a layer, in either form checkpoints store it.

use std::ops::Range;

use kernels::{FloatMatrix, FloatType, Mxfp4Matrix, Mxfp4Source, pack_mxfp4};

use super::Loader;
use crate::{
    EngineError,
    checkpoint::{Dtype, Tensor},
    memory::HugeBytes,
};

const CHECKED: &str = "the shape was checked when the weights were loaded";

/// The E8M0 scale that means NaN.
const NAN_SCALE: u8 = 255;

/// Weights and biases of one projection of every expert.
#[derive(Debug)]
pub(crate) struct ExpertProjection {
    num_inputs: usize,
    num_outputs: usize,
    weights: ExpertWeights,
    /// `[experts, outputs]`
    bias: Vec<f32>,
    /// In the checkpoint.
    num_bytes: u64,
}

/// How the weights are stored.
#[derive(Debug)]
enum ExpertWeights {
    /// `[experts]` matrices, packed for [`Mxfp4Matrix`]
    Mxfp4(HugeBytes),
    /// `[experts, inputs, outputs]` in bf16: transposed, as `save_pretrained` leaves it
    Transposed(Tensor),
}

/// The weights of one expert.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExpertMatrix<'a> {
    /// `[outputs, inputs]`
    Mxfp4(Mxfp4Matrix<'a>),
    /// `[inputs, outputs]`
    Transposed(FloatMatrix<'a>),
}

impl ExpertProjection {
    /// Width of the input.
    pub(crate) fn num_inputs(&self) -> usize {
        self.num_inputs
    }

    /// Width of the output.
    pub(crate) fn num_outputs(&self) -> usize {
        self.num_outputs
    }

    /// Whether the weights are MXFP4, for which 8-bit activations exist.
    pub(crate) fn is_mxfp4(&self) -> bool {
        matches!(self.weights, ExpertWeights::Mxfp4(_))
    }

    /// The weights of one expert.
    pub(crate) fn expert(&self, expert: usize) -> ExpertMatrix<'_> {
        let (rows, cols) = (self.num_outputs, self.num_inputs);
        match &self.weights {
            ExpertWeights::Mxfp4(bytes) => {
                let len = Mxfp4Matrix::num_bytes(rows, cols).expect(CHECKED);
                let bytes = slice(bytes, expert, len);
                ExpertMatrix::Mxfp4(Mxfp4Matrix::new(bytes, rows, cols).expect(CHECKED))
            }
            ExpertWeights::Transposed(weights) => {
                let bytes = slice(weights.bytes(), expert, 2 * rows * cols);
                let matrix = FloatMatrix::new(bytes, FloatType::Bf16, cols, rows);
                ExpertMatrix::Transposed(matrix.expect(CHECKED))
            }
        }
    }

    /// The biases of one expert, `[outputs]`.
    pub(crate) fn bias(&self, expert: usize) -> &[f32] {
        &self.bias[expert * self.num_outputs..][..self.num_outputs]
    }

    /// Number of bytes in the checkpoint.
    pub(crate) fn num_bytes(&self) -> u64 {
        self.num_bytes
    }
}

/// The `index`-th piece of `len` bytes.
fn slice(bytes: &[u8], index: usize, len: usize) -> &[u8] {
    let Range { start, end } = index * len..(index + 1) * len;
    &bytes[start..end]
}

impl Loader<'_> {
    /// The projection whose tensors' names start with `name`.
    pub(super) fn experts(
        &self,
        name: &str,
        num_experts: usize,
        num_outputs: usize,
        num_inputs: usize,
    ) -> Result<ExpertProjection, EngineError> {
        let blocks_name = format!("{name}_blocks");
        let (weights, num_bytes) =
            if self.checkpoint.contains(&blocks_name) || !self.checkpoint.contains(name) {
                let num_blocks = num_inputs.div_ceil(32);
                let shape = [num_experts, num_outputs, num_blocks, 16];
                let blocks = self.tensor(&blocks_name, &[Dtype::U8], &shape)?;
                if !num_inputs.is_multiple_of(32) {
                    return Err(blocks.error(format!(
                        "MXFP4 needs rows of a multiple of 32 weights, config.json asks for \
                     {num_inputs}"
                    )));
                }
                let scales = self.tensor(&format!("{name}_scales"), &[Dtype::U8], &shape[..3])?;
                self.refuse_nan(&scales, num_outputs * num_blocks)?;
                let num_bytes = blocks.bytes().len() + scales.bytes().len();
                let packed = self.pack(&blocks, &scales, [num_experts, num_outputs, num_inputs])?;
                (ExpertWeights::Mxfp4(packed), num_bytes)
            } else {
                let shape = [num_experts, num_inputs, num_outputs];
                let tensor = self.tensor(name, &[Dtype::Bf16], &shape)?;
                let num_bytes = tensor.bytes().len();
                (ExpertWeights::Transposed(tensor), num_bytes)
            };
        let bias = self.vectors(&format!("{name}_bias"), &[num_experts, num_outputs])?;
        Ok(ExpertProjection {
            num_inputs,
            num_outputs,
            weights,
            num_bytes: (num_bytes + 2 * bias.len()) as u64,
            bias,
        })
    }

    /// Packs every expert, on all threads.
    fn pack(
        &self,
        blocks: &Tensor,
        scales: &Tensor,
        [num_experts, rows, cols]: [usize; 3],
    ) -> Result<HugeBytes, EngineError> {
        let len = Mxfp4Matrix::num_bytes(rows, cols);
        let total = len.and_then(|len| len.checked_mul(num_experts));
        HugeBytes::new(total.unwrap_or(usize::MAX), "the experts", |out| {
            let Some(len) = len.filter(|len| *len > 0) else {
                return;
            };
            let work = out.len();
            self.pool.for_each_chunk(out, len, work, |_, expert, out| {
                let source = Mxfp4Source::Split {
                    blocks: slice(blocks.bytes(), expert, rows * cols / 2),
                    scales: slice(scales.bytes(), expert, rows * cols / 32),
                };
                pack_mxfp4(source, rows, cols, out).expect(CHECKED);
                blocks.release(expert..expert + 1, num_experts);
                scales.release(expert..expert + 1, num_experts);
            });
        })
    }

    /// Looks for a NaN among the scales, on all threads.
    fn refuse_nan(&self, scales: &Tensor, scales_per_expert: usize) -> Result<(), EngineError> {
        match self.pool.find_byte(scales.bytes(), NAN_SCALE) {
            None => Ok(()),
            Some(position) => Err(scales.error(format!(
                "the scale of expert {} at offset {} is NaN (byte 255); \
                 the file is damaged, download it again",
                position / scales_per_expert,
                position % scales_per_expert
            ))),
        }
    }
}
