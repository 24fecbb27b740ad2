//! Every kernel in plain Rust: the oracle that the vector code is tested against, and the fallback
//! for processors without vector code here. Written to be read, not to be fast.

use std::ops::Range;

use crate::bf16::Bf16Matrix;
use crate::mxfp4::{BLOCK, BLOCK_BYTES, DOUBLED_VALUES, Mxfp4Matrix, half_scale};
use crate::q8::{Q8Rows, correction, stored_position};

/// Columns of a weight row that are widened at a time. Their products are summed by themselves,
/// which also keeps the rounding error of long rows small.
const CHUNK: usize = 256;

/// Partial sums of a dot product.
const LANES: usize = 8;

// ---- numbers -----------------------------------------------------------------------------------

fn bf16_at(bytes: &[u8], i: usize) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]])) << 16)
}

/// Twice the values in a byte of MXFP4 codes.
fn doubled_values(byte: u8) -> [i8; 2] {
    [
        DOUBLED_VALUES[usize::from(byte & 0xf)],
        DOUBLED_VALUES[usize::from(byte >> 4)],
    ]
}

fn f16_to_f32(bits: u16) -> f32 {
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

fn f32_to_f16_saturating(x: f32) -> u16 {
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

pub(crate) fn bf16_to_f32(bytes: &[u8], out: &mut [f32]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = bf16_at(bytes, i);
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
    let cols = x.len();
    for (block, x) in x.chunks_exact(BLOCK).enumerate() {
        // As integers the magnitudes compare like the numbers, with NaN above infinity.
        let max_bits = x.iter().map(|x| x.abs().to_bits()).max().unwrap_or(0);
        let max = f32::from_bits(max_bits);
        let is_quantisable = max.is_finite() && max > 0.0;
        scales[block] = if max.is_finite() {
            max / 127.0
        } else {
            f32::NAN
        };
        let mut sum = 0;
        for (i, x) in x.iter().enumerate() {
            let value = if is_quantisable {
                (x / max * 127.0).round_ties_even() as i8
            } else {
                0
            };
            values[stored_position(block * BLOCK + i, cols)] = value;
            sum += i32::from(value);
        }
        corrections[block] = correction(sum);
    }
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
    out: &mut [f32],
    widen: impl Fn(usize, usize, &mut [f32]),
) {
    let n = x.len() / num_inputs;
    out.fill(0.0);
    if n == 0 {
        return;
    }
    let mut buffer = [0.0; CHUNK];
    for start in (0..num_inputs).step_by(CHUNK) {
        let weights = &mut buffer[..CHUNK.min(num_inputs - start)];
        for (output, out) in outputs.clone().zip(out.chunks_exact_mut(n)) {
            widen(output, start, weights);
            for (x, out) in x.chunks_exact(num_inputs).zip(out) {
                *out += dot_f32(weights, &x[start..start + weights.len()]);
            }
        }
    }
}

pub(crate) fn matmul_f32_bf16(w: Bf16Matrix<'_>, rows: Range<usize>, x: &[f32], out: &mut [f32]) {
    matmul(rows, w.cols(), x, out, |row, start, weights| {
        bf16_to_f32(&w.row(row)[2 * start..], weights);
    });
}

pub(crate) fn matmul_f32_bf16_transposed(
    w: Bf16Matrix<'_>,
    cols: Range<usize>,
    x: &[f32],
    out: &mut [f32],
) {
    matmul(cols, w.rows(), x, out, |col, start, weights| {
        for (i, weight) in weights.iter_mut().enumerate() {
            *weight = bf16_at(w.row(start + i), col);
        }
    });
}

pub(crate) fn matmul_f32_mxfp4(w: Mxfp4Matrix<'_>, rows: Range<usize>, x: &[f32], out: &mut [f32]) {
    matmul(rows, w.cols(), x, out, |row, start, weights| {
        let blocks = w.row_blocks(row)[start / 2..].chunks_exact(BLOCK_BYTES);
        let scales = &w.row_scales(row)[start / BLOCK..];
        for ((codes, scale), out) in blocks.zip(scales).zip(weights.chunks_exact_mut(BLOCK)) {
            for (pair, byte) in out.chunks_exact_mut(2).zip(codes) {
                for (weight, value) in pair.iter_mut().zip(doubled_values(*byte)) {
                    *weight = f32::from(value) * half_scale(*scale);
                }
            }
        }
    });
}

pub(crate) fn matmul_q8_mxfp4(
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: Q8Rows<'_>,
    out: &mut [f32],
) {
    let n = x.rows();
    out.fill(0.0);
    if n == 0 {
        return;
    }
    for (row, out) in rows.zip(out.chunks_exact_mut(n)) {
        let blocks = w
            .row_blocks(row)
            .chunks_exact(BLOCK_BYTES)
            .zip(w.row_scales(row));
        for (block, (codes, scale)) in blocks.enumerate() {
            let mut even = [0; BLOCK / 2];
            let mut odd = [0; BLOCK / 2];
            for ((even, odd), byte) in even.iter_mut().zip(&mut odd).zip(codes) {
                [*even, *odd] = doubled_values(*byte);
            }
            let first_even = stored_position(block * BLOCK, w.cols());
            let first_odd = stored_position(block * BLOCK + 1, w.cols());
            for (j, out) in out.iter_mut().enumerate() {
                let values = x.row_values(j);
                let dot = dot_i8(&even, &values[first_even..]) + dot_i8(&odd, &values[first_odd..]);
                *out += dot as f32 * (half_scale(*scale) * x.row_scales(j)[block]);
            }
        }
    }
}

/// The dot product of half a block with as many values.
fn dot_i8(a: &[i8; BLOCK / 2], b: &[i8]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| i32::from(*a) * i32::from(*b))
        .sum()
}
