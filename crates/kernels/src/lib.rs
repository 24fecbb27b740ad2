//! The arithmetic of the gpt-oss engine: matrix products, norms, softmax, rope, SwiGLU, top-k.
//!
//! Every operation is a safe function that checks the shapes, then runs the code for the
//! instruction set it is told to use ([`Isa`]): plain Rust ([`Isa::Scalar`], which is both the
//! oracle of the tests and the fallback for processors without vector code here), or AVX2.
//!
//! What a caller may rely on:
//!
//! * Single-threaded, no allocation, no I/O, nothing read from the environment.
//! * Same bits every run. On one [`Isa`] each output value depends only on its own row of weights
//!   and its own row of activations: not on the number of rows or columns in the call, nor on how
//!   a matrix is split over calls. So batching, chunking and threading never change a result.
//! * A wrong shape is the caller's error and panics; a NaN or an infinity in the data is not, and
//!   flows through to the values that depend on it.
//!
//! Shapes are row-major. Matrix products take activations `[n, cols]` and write results
//! `[n, rows]`, or some columns of them: threads that split the rows of the weights own columns of
//! the output ([`ColumnsMut`]).

mod activations;
mod arch;
mod columns;
mod dot;
mod error;
mod f16;
mod float;
mod group;
mod isa;
mod matmul;
mod mxfp4;
mod q8;
mod rmsnorm;
mod rope;
mod scalar;
mod softmax;
mod swiglu;
#[cfg(test)]
mod testing;
mod topk;

pub use activations::{Q8Rows, Q8RowsMut, Q16Rows, quantize_q8, quantize_q16};
pub use columns::ColumnsMut;
pub use dot::{axpy_f32, axpy_f32_f16, dot_f32, dot_f32_f16};
pub use error::ShapeError;
pub use f16::f32_to_f16;
pub use float::{FloatMatrix, FloatType, floats_to_f32};
#[cfg(target_arch = "x86_64")]
pub use isa::Avx2;
pub use isa::Isa;
pub use matmul::{
    matmul_f32_float, matmul_f32_float_transposed, matmul_f32_mxfp4, matmul_f32_q8,
    matmul_q8_mxfp4, matmul_q16_q8,
};
pub use mxfp4::{Mxfp4Matrix, Mxfp4Source, pack_mxfp4};
pub use q8::{Q8Matrix, Q8Source, pack_q8};
pub use rmsnorm::rmsnorm;
pub use rope::rope;
pub use softmax::softmax_with_sink;
pub use swiglu::swiglu;
pub use topk::topk_softmax;
