//! Every kernel in plain Rust: the oracle that the vector code is tested against, and the fallback
//! for processors without vector code here. Written to be read, not to be fast.

use std::ops::Range;

use crate::activations::{Q8Rows, Q16Rows, correction};
use crate::columns::ColumnsMut;
use crate::float::{FloatMatrix, FloatType};
use crate::group::GROUP;
use crate::mxfp4::{BLOCK, DOUBLED_VALUES, Mxfp4Matrix, half_scale};
use crate::q8::Q8Matrix;

/// Columns of a weight row that are widened at a time. Their products are summed by themselves,
/// which also keeps the rounding error of long rows small.
const CHUNK: usize = 256;

/// Partial sums of a dot product.
const LANES: usize = 8;

// ---- numbers -----------------------------------------------------------------------------------

pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let mantissa = u32::from(bits & 0x3ff);
    match (exponent, mantissa) {
        // Zero and subnormals: mantissa * 2^-24.
        (0, _) => {
            let magnitude = mantissa as f32 * f32::from_bits((127 - 24) << 23);
            f32::from_bits(sign | magnitude.to_bits())
        }
        (0x1f, 0) => f32::from_bits(sign | f32::INFINITY.to_bits()),
        // The payload is kept and the NaN made quiet, as the processor's conversion does.
        (0x1f, _) => f32::from_bits(sign | 0x7fc0_0000 | mantissa << 13),
        _ => f32::from_bits(sign | (exponent + 127 - 15) << 23 | mantissa << 13),
    }
}

pub(crate) fn f32_to_f16_saturating(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    let half = if magnitude > 0x7f80_0000 {
        0x7e00 | (magnitude >> 13 & 0x3ff) as u16
    } else if magnitude == 0x7f80_0000 {
        0x7c00
    } else if magnitude >= 0x477f_e000 {
        // 65504 and beyond.
        0x7bff
    } else if magnitude >= 0x3880_0000 {
        // Normal: rebias the exponent, then round away 13 bits; a carry correctly moves up to the
        // next exponent.
        let rebiased = magnitude - ((127 - 15) << 23);
        let ties_to_even = 0xfff + (rebiased >> 13 & 1);
        ((rebiased + ties_to_even) >> 13) as u16
    } else {
        // Subnormal: the unit is 2^-24, and the product is exact before rounding.
        let units = f32::from_bits(magnitude) * f32::from_bits((127 + 24) << 23);
        units.round_ties_even() as u16
    };
    sign | half
}

pub(crate) fn floats_to_f32(float_type: FloatType, bytes: &[u8], out: &mut [f32]) {
    let (pairs, quads) = (bytes.as_chunks::<2>().0, bytes.as_chunks::<4>().0);
    match float_type {
        FloatType::Bf16 => {
            for (out, &pair) in out.iter_mut().zip(pairs) {
                *out = f32::from_bits(u32::from(u16::from_le_bytes(pair)) << 16);
            }
        }
        FloatType::F16 => {
            for (out, &pair) in out.iter_mut().zip(pairs) {
                *out = f16_to_f32(u16::from_le_bytes(pair));
            }
        }
        FloatType::F32 => {
            for (out, &quad) in out.iter_mut().zip(quads) {
                *out = f32::from_le_bytes(quad);
            }
        }
    }
}

pub(crate) fn f32_to_f16(x: &[f32], out: &mut [u16]) {
    for (x, out) in x.iter().zip(out) {
        *out = f32_to_f16_saturating(*x);
    }
}

pub(crate) fn quantize_q8_row(
    x: &[f32],
    values: &mut [i8],
    scales: &mut [f32],
    corrections: &mut [i32],
) {
    let (blocks, _) = x.as_chunks::<BLOCK>();
    for (block, x) in blocks.iter().enumerate() {
        let (quantised, scale) = quantize_block(x, 127.0);
        let mut sum = 0;
        for (value, quantised) in values[block * BLOCK..].iter_mut().zip(quantised) {
            *value = quantised as i8;
            sum += quantised;
        }
        scales[block] = scale;
        corrections[block] = correction(sum);
    }
}

pub(crate) fn quantize_q16(x: &[f32], values: &mut [i16], scales: &mut [f32]) {
    let (blocks, _) = x.as_chunks::<BLOCK>();
    for (block, x) in blocks.iter().enumerate() {
        let (quantised, scale) = quantize_block(x, 32767.0);
        for (value, quantised) in values[block * BLOCK..].iter_mut().zip(quantised) {
            *value = quantised as i16;
        }
        scales[block] = scale;
    }
}

/// Integers from `-limit` to `limit`, and the scale that belongs to them.
fn quantize_block(x: &[f32; BLOCK], limit: f32) -> ([i32; BLOCK], f32) {
    // As integers the magnitudes compare like the numbers, with NaN above infinity.
    let max_bits = x.iter().map(|x| x.abs().to_bits()).max().unwrap_or(0);
    let max = f32::from_bits(max_bits);
    if !max.is_finite() {
        return ([0; BLOCK], f32::NAN);
    }
    if max == 0.0 {
        return ([0; BLOCK], 0.0);
    }
    let value = |x: f32| (x / max * limit).round_ties_even() as i32;
    (x.map(value), max / limit)
}

// ---- vectors -----------------------------------------------------------------------------------

/// The sum of partial sums, the same tree whatever the length.
fn fold([a, b, c, d, e, f, g, h]: [f32; LANES]) -> f32 {
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

/// Cut into arrays so that compilers find the vector instructions of any processor by themselves.
pub(crate) fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_tail) = a.as_chunks::<LANES>();
    let (b_chunks, b_tail) = b.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_tail.iter().zip(b_tail)) {
        *lane += a * b;
    }
    fold(lanes)
}

pub(crate) fn dot_f32_f16(a: &[f32], b: &[u16]) -> f32 {
    let mut lanes = [0.0; LANES];
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        lanes[i % LANES] += a * f16_to_f32(*b);
    }
    fold(lanes)
}

pub(crate) fn axpy_f32(alpha: f32, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.iter().zip(y) {
        *y += alpha * x;
    }
}

pub(crate) fn axpy_f32_f16(alpha: f32, x: &[u16], y: &mut [f32]) {
    for (x, y) in x.iter().zip(y) {
        *y += alpha * f16_to_f32(*x);
    }
}

pub(crate) fn rmsnorm(x: &[f32], gain: &[f32], eps: f32, out: &mut [f32]) {
    let mean_square = dot_f32(x, x) / x.len() as f32;
    let factor = 1.0 / (mean_square + eps).sqrt();
    for ((x, gain), out) in x.iter().zip(gain).zip(out) {
        *out = x * factor * gain;
    }
}

pub(crate) fn softmax_with_sink(scores: &mut [f32], sink: f32) {
    let max = scores.iter().fold(sink, |max, &score| max.max(score));
    // With nothing but −∞ there is no weight to share out; any finite maximum gives zeros.
    let (max, sink_weight) = if max == f32::NEG_INFINITY {
        (0.0, 1.0)
    } else {
        (max, (sink - max).exp())
    };
    let mut lanes = [0.0; LANES];
    for (i, score) in scores.iter_mut().enumerate() {
        *score = (*score - max).exp();
        lanes[i % LANES] += *score;
    }
    let total = fold(lanes) + sink_weight;
    for score in scores {
        *score /= total;
    }
}

pub(crate) fn rope(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = head.split_at_mut(cos.len());
    for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(cos.iter().zip(sin)) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

pub(crate) fn swiglu(gate_up: &[f32], alpha: f32, limit: f32, out: &mut [f32]) {
    for (pair, out) in gate_up.chunks_exact(2).zip(out) {
        // Comparisons rather than `min` and `clamp`: those would turn NaN into the limit.
        let gate = if pair[0] > limit { limit } else { pair[0] };
        let up = if pair[1] > limit {
            limit
        } else if pair[1] < -limit {
            -limit
        } else {
            pair[1]
        };
        *out = gate / (1.0 + (-alpha * gate).exp()) * (up + 1.0);
    }
}

// ---- matrices ----------------------------------------------------------------------------------

/// The product for any weight format that `widen` can turn into `f32`: it writes the weights of
/// an output for the inputs from the given one on, as many as the buffer holds.
///
/// Chunks of inputs are outermost, so that a chunk of a transposed matrix stays in the cache.
fn matmul(
    outputs: Range<usize>,
    num_inputs: usize,
    x: &[f32],
    mut out: ColumnsMut<'_>,
    widen: impl Fn(usize, usize, &mut [f32]),
) {
    let n = x.len() / num_inputs;
    for j in 0..n {
        out.row(j).fill(0.0);
    }
    let mut buffer = [0.0; CHUNK];
    for start in (0..num_inputs).step_by(CHUNK) {
        let weights = &mut buffer[..CHUNK.min(num_inputs - start)];
        for (col, output) in outputs.clone().enumerate() {
            widen(output, start, weights);
            for (j, x) in x.chunks_exact(num_inputs).enumerate() {
                out.row(j)[col] += dot_f32(weights, &x[start..start + weights.len()]);
            }
        }
    }
}

pub(crate) fn matmul_f32_float(
    w: FloatMatrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    matmul(rows, w.cols(), x, out, |row, start, weights| {
        w.widen(row, start, weights);
    });
}

pub(crate) fn matmul_f32_float_transposed(
    w: FloatMatrix<'_>,
    cols: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    matmul(cols, w.rows(), x, out, |col, start, weights| {
        for (i, weight) in weights.iter_mut().enumerate() {
            w.widen(start + i, col, std::slice::from_mut(weight));
        }
    });
}

pub(crate) fn matmul_f32_mxfp4(
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: &[f32],
    out: ColumnsMut<'_>,
) {
    matmul(rows, w.cols(), x, out, |row, start, weights| {
        for (weight, col) in weights.iter_mut().zip(start..) {
            let scale = half_scale(mxfp4_scale(w, row, col / BLOCK));
            *weight = f32::from(doubled_value(w, row, col)) * scale;
        }
    });
}

pub(crate) fn matmul_f32_q8(w: Q8Matrix<'_>, rows: Range<usize>, x: &[f32], out: ColumnsMut<'_>) {
    matmul(rows, w.cols(), x, out, |row, start, weights| {
        for (weight, col) in weights.iter_mut().zip(start..) {
            *weight = f32::from(q8_value(w, row, col)) * q8_scale(w, row, col / BLOCK);
        }
    });
}

pub(crate) fn matmul_q8_mxfp4(
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: Q8Rows<'_>,
    mut out: ColumnsMut<'_>,
) {
    for j in 0..x.rows() {
        let (values, scales, _) = x.row(j);
        for (row, out) in rows.clone().zip(out.row(j)) {
            *out = sum_of_blocks(values.len(), |block| {
                let products = values[block].iter().enumerate().map(|(i, value)| {
                    i32::from(*value) * i32::from(doubled_value(w, row, block * BLOCK + i))
                });
                let scale = half_scale(mxfp4_scale(w, row, block)) * scales[block];
                (products.sum(), scale)
            });
        }
    }
}

pub(crate) fn matmul_q16_q8(
    w: Q8Matrix<'_>,
    rows: Range<usize>,
    x: Q16Rows<'_>,
    mut out: ColumnsMut<'_>,
) {
    for j in 0..x.rows() {
        let (values, scales) = x.row(j);
        for (row, out) in rows.clone().zip(out.row(j)) {
            *out = sum_of_blocks(values.len(), |block| {
                let products = values[block].iter().enumerate().map(|(i, value)| {
                    i32::from(*value) * i32::from(q8_value(w, row, block * BLOCK + i))
                });
                (products.sum(), q8_scale(w, row, block) * scales[block])
            });
        }
    }
}

/// The sum over blocks of an exact integer dot product times its scale, in order. With one rounding
/// for each, as the vector code has: the results are the same bits.
fn sum_of_blocks(blocks: usize, dot_and_scale: impl Fn(usize) -> (i32, f32)) -> f32 {
    (0..blocks)
        .map(dot_and_scale)
        .fold(0.0, |sum, (dot, scale)| (dot as f32).mul_add(scale, sum))
}

/// Twice a weight without its scale.
fn doubled_value(w: Mxfp4Matrix<'_>, row: usize, col: usize) -> i8 {
    let (codes, _) = w.group(row / GROUP);
    let within = col % BLOCK;
    let byte = codes[col / BLOCK][32 * (within / 8) + 4 * (row % GROUP) + within % 4];
    let code = if within % 8 < 4 {
        byte & 0xf
    } else {
        byte >> 4
    };
    DOUBLED_VALUES[usize::from(code)]
}

fn mxfp4_scale(w: Mxfp4Matrix<'_>, row: usize, block: usize) -> u8 {
    w.group(row / GROUP).1[block][row % GROUP]
}

fn q8_value(w: Q8Matrix<'_>, row: usize, col: usize) -> i8 {
    let (values, _) = w.group(row / GROUP);
    let within = col % BLOCK;
    values[col / BLOCK][16 * (within / 2) + 2 * (row % GROUP) + within % 2].cast_signed()
}

fn q8_scale(w: Q8Matrix<'_>, row: usize, block: usize) -> f32 {
    let scales = w.group(row / GROUP).1[block].as_chunks::<2>().0;
    f16_to_f32(u16::from_le_bytes(scales[row % GROUP]))
}
