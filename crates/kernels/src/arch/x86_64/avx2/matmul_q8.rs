//! Products of MXFP4 weights with Q8 activations.
//!
//! A step takes two blocks of four weight rows, 128 bytes of codes, and one activation row:
//!
//! * A table look-up turns codes into `2 * value + 12`, 0 to 24: unsigned, as the byte
//!   multiply-add wants one side to be. What the 12 adds is known per block (`12 * sum of x`) and
//!   is taken off again in the integers, so the dot product is exact.
//! * The 16-bit sums never overflow: eight products of at most 24 * 127.
//! * The sums of the four rows are folded into one register, `[rows 0..4 of the first block, rows
//!   0..4 of the second]`, so that converting and scaling happen once for 256 products.
//!
//! The order of a sum, the same on every path: even and odd blocks apart, each in order; then even
//! plus odd, per chunk of [`CHUNK_PAIRS`] pairs of blocks; the chunk sums in order.

use std::arch::x86_64::*;
use std::ops::Range;

use super::vector::{
    LANES, add_column, load, load_i8x16, load_i8x32, load_u8x16, load_u8x32, padded, prefetch,
    store, store_u8x32,
};
use crate::mxfp4::{BLOCK, BLOCK_BYTES, DOUBLED_VALUES, Mxfp4Matrix};
use crate::q8::{OFFSET, Q8Rows};

/// Weight rows that a step takes.
const TILE: usize = 4;

/// Pairs of blocks whose weights are decoded at once: 4,096 columns, which leaves room in the
/// first-level cache for an activation row.
const CHUNK_PAIRS: usize = 64;

/// Bytes of codes of a pair of blocks.
const PAIR_BYTES: usize = 2 * BLOCK_BYTES;

/// Values of a pair of blocks.
const PAIR: usize = 2 * BLOCK;

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn matmul_q8_mxfp4(
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    x: Q8Rows<'_>,
    out: &mut [f32],
) {
    out.fill(0.0);
    match x.rows() {
        0 => {}
        1 => for_each_tile(w, rows, 1, out, |weights, scales, pairs, out| {
            add_column(
                weights.multiply(scales, &Activations::new(x, 0, pairs)),
                out,
                1,
                0,
            );
        }),
        n => {
            let mut panel = [[[0; PAIR_BYTES]; 2 * TILE]; CHUNK_PAIRS];
            for_each_tile(w, rows, n, out, |weights, scales, pairs, out| {
                let panel = &mut panel[..pairs.len()];
                weights.decode(panel);
                for j in 0..n {
                    let activations = Activations::new(x, j, pairs.clone());
                    add_column(multiply_panel(panel, scales, &activations), out, n, j);
                }
            });
        }
    }
}

/// Calls `run` with the weights of each tile and chunk, their scales, the pairs of blocks, and the
/// part of `out` `[up to TILE, n]` to add to.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn for_each_tile(
    w: Mxfp4Matrix<'_>,
    rows: Range<usize>,
    n: usize,
    out: &mut [f32],
    mut run: impl FnMut(Weights<'_>, &[[f32; LANES]], Range<usize>, &mut [f32]),
) {
    let num_pairs = w.cols().div_ceil(PAIR);
    let mut scales = [[0.0; LANES]; CHUNK_PAIRS];
    for (first, out) in rows.clone().step_by(TILE).zip(out.chunks_mut(TILE * n)) {
        for start in (0..num_pairs).step_by(CHUNK_PAIRS) {
            let pairs = start..num_pairs.min(start + CHUNK_PAIRS);
            let weights = Weights::new(w, first..rows.end, pairs.clone());
            let scales = &mut scales[..pairs.len()];
            weights.widen_scales(scales);
            run(weights, scales, pairs, out);
        }
    }
}

/// A tile of weight rows over a chunk of pairs of blocks.
struct Weights<'a> {
    /// From one row to the row that is in its place in the next tile.
    bytes_to_next_tile: usize,
    codes: [&'a [[u8; PAIR_BYTES]]; TILE],
    /// The last block, padded, where it has no partner.
    lone_codes: Option<[[u8; PAIR_BYTES]; TILE]>,
    scales: [&'a [u8]; TILE],
}

impl<'a> Weights<'a> {
    /// The first four `rows`. Past the last row the last one stands in; what it gives is dropped.
    #[inline]
    fn new(w: Mxfp4Matrix<'a>, rows: Range<usize>, pairs: Range<usize>) -> Self {
        let rows: [_; TILE] = std::array::from_fn(|i| (rows.start + i).min(rows.end - 1));
        let blocks = 2 * pairs.start..(w.cols() / BLOCK).min(2 * pairs.end);
        let split = rows.map(|row| {
            let bytes = blocks.start * BLOCK_BYTES..blocks.end * BLOCK_BYTES;
            w.row_blocks(row)[bytes].as_chunks::<PAIR_BYTES>()
        });
        Self {
            bytes_to_next_tile: TILE * (w.cols() / 2),
            codes: split.map(|(codes, _)| codes),
            lone_codes: (blocks.len() % 2 == 1).then(|| split.map(|(_, lone)| padded(lone))),
            scales: rows.map(|row| &w.row_scales(row)[blocks.clone()]),
        }
    }

    /// The scales as `f32`, half of 2^(s-127) because the values are doubled: per pair the four
    /// rows' of the first block, then the four rows' of the second.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn widen_scales(&self, out: &mut [[f32; LANES]]) {
        /// Blocks that are handled together.
        const STEP: usize = 16;

        for (step, out) in out.chunks_mut(STEP / 2).enumerate() {
            let mut rows = [_mm_setzero_si128(); TILE];
            for (row, scales) in rows.iter_mut().zip(self.scales) {
                let rest = &scales[step * STEP..];
                *row = match rest.first_chunk::<STEP>() {
                    Some(bytes) => load_u8x16(bytes),
                    None => load_u8x16(&padded(rest)),
                };
            }
            let [r0, r1, r2, r3] = rows;
            // Rows become columns: a group of four bytes holds the four rows' scales of a block.
            let (low01, high01) = (_mm_unpacklo_epi8(r0, r1), _mm_unpackhi_epi8(r0, r1));
            let (low23, high23) = (_mm_unpacklo_epi8(r2, r3), _mm_unpackhi_epi8(r2, r3));
            let fours = [
                _mm_unpacklo_epi16(low01, low23),
                _mm_unpackhi_epi16(low01, low23),
                _mm_unpacklo_epi16(high01, high23),
                _mm_unpackhi_epi16(high01, high23),
            ];
            for (four, out) in fours.into_iter().zip(out.chunks_mut(2)) {
                for (out, pair) in out.iter_mut().zip([four, _mm_srli_si128::<8>(four)]) {
                    store(out, half_scales(pair));
                }
            }
        }
    }

    /// The decoded weights of each pair, for [`multiply_panel`].
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn decode(&self, out: &mut [[[u8; PAIR_BYTES]; 2 * TILE]]) {
        let (pairs, lone) = out.split_at_mut(self.codes[0].len());
        let [c0, c1, c2, c3] = self.codes;
        let codes = c0.iter().zip(c1).zip(c2.iter().zip(c3));
        for (((c0, c1), (c2, c3)), out) in codes.zip(pairs) {
            store_decoded(self.decode_pair([c0, c1, c2, c3]), out);
        }
        if let (Some(codes), Some(out)) = (&self.lone_codes, lone.first_mut()) {
            store_decoded(decode(codes.each_ref()), out);
        }
    }

    /// Decodes, and fetches what the next tile will want in this place: four rows at a time are
    /// more than the processor foresees by itself, and without this it reads at half the speed.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn decode_pair(&self, codes: [&[u8; PAIR_BYTES]; TILE]) -> Decoded {
        for codes in codes {
            prefetch(codes, self.bytes_to_next_tile);
        }
        decode(codes)
    }

    /// Multiplies with one activation row; each weight is decoded in a register.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply(&self, scales: &[[f32; LANES]], x: &Activations<'_>) -> __m128 {
        let mut sums = _mm256_setzero_ps();
        let [c0, c1, c2, c3] = self.codes;
        let codes = c0.iter().zip(c1).zip(c2.iter().zip(c3));
        for ((((c0, c1), (c2, c3)), scales), x) in codes.zip(scales).zip(x.pairs()) {
            sums = add_pair(sums, self.decode_pair([c0, c1, c2, c3]), scales, x);
        }
        if let (Some(codes), Some(scales), Some(x)) = (&self.lone_codes, scales.last(), &x.lone) {
            sums = add_pair(sums, decode(codes.each_ref()), scales, x.as_pair());
        }
        even_plus_odd(sums)
    }
}

/// One activation row over a chunk of pairs of blocks.
struct Activations<'a> {
    values: &'a [[i8; PAIR]],
    scales: &'a [[f32; 2]],
    corrections: &'a [[i32; 2]],
    /// The last block where it has no partner.
    lone: Option<LoneBlock>,
}

/// A block padded to a pair.
struct LoneBlock {
    values: [i8; PAIR],
    scales: [f32; 2],
    corrections: [i32; 2],
}

/// The values, scales and corrections of a pair of blocks.
type Pair<'a> = (&'a [i8; PAIR], (&'a [f32; 2], &'a [i32; 2]));

impl<'a> Activations<'a> {
    #[inline]
    fn new(x: Q8Rows<'a>, row: usize, pairs: Range<usize>) -> Self {
        let blocks = 2 * pairs.start..(x.cols() / BLOCK).min(2 * pairs.end);
        let (values, lone_values) =
            x.row_values(row)[blocks.start * BLOCK..blocks.end * BLOCK].as_chunks::<PAIR>();
        let (scales, lone_scale) = x.row_scales(row)[blocks.clone()].as_chunks::<2>();
        let (corrections, lone_correction) = x.row_corrections(row)[blocks].as_chunks::<2>();
        let lone = (!lone_scale.is_empty()).then(|| {
            // Its sixteen even elements belong in the first quarter, the odd ones in the third.
            let mut values = [0; PAIR];
            let (even, odd) = lone_values.split_at(BLOCK / 2);
            values[..BLOCK / 2].copy_from_slice(even);
            values[BLOCK..][..BLOCK / 2].copy_from_slice(odd);
            LoneBlock {
                values,
                scales: padded(lone_scale),
                corrections: padded(lone_correction),
            }
        });
        Self {
            values,
            scales,
            corrections,
            lone,
        }
    }

    #[inline]
    fn pairs(&self) -> impl Iterator<Item = Pair<'a>> {
        self.values
            .iter()
            .zip(self.scales.iter().zip(self.corrections))
    }
}

impl LoneBlock {
    #[inline]
    fn as_pair(&self) -> Pair<'_> {
        (&self.values, (&self.scales, &self.corrections))
    }
}

/// Multiplies decoded weights with one activation row.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn multiply_panel(
    panel: &[[[u8; PAIR_BYTES]; 2 * TILE]],
    scales: &[[f32; LANES]],
    x: &Activations<'_>,
) -> __m128 {
    let mut sums = _mm256_setzero_ps();
    let weights = panel.iter().zip(scales);
    for ((weights, scales), x) in weights.zip(x.pairs()) {
        sums = add_pair(sums, load_decoded(weights), scales, x);
    }
    if let (Some(weights), Some(scales), Some(x)) = (panel.last(), scales.last(), &x.lone) {
        sums = add_pair(sums, load_decoded(weights), scales, x.as_pair());
    }
    even_plus_odd(sums)
}

/// The decoded weights of a pair of blocks: the even elements of four rows, then the odd ones.
type Decoded = [__m256i; 2 * TILE];

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn decode([c0, c1, c2, c3]: [&[u8; PAIR_BYTES]; TILE]) -> Decoded {
    let table = _mm_add_epi8(load_i8x16(&DOUBLED_VALUES), _mm_set1_epi8(OFFSET));
    let table = _mm256_broadcastsi128_si256(table);
    let nibble = _mm256_set1_epi8(0xf);
    let even = |codes| _mm256_shuffle_epi8(table, _mm256_and_si256(codes, nibble));
    let odd = |codes| even(_mm256_srli_epi16::<4>(codes));
    let [c0, c1, c2, c3] = [
        load_u8x32(c0),
        load_u8x32(c1),
        load_u8x32(c2),
        load_u8x32(c3),
    ];
    [
        even(c0),
        even(c1),
        even(c2),
        even(c3),
        odd(c0),
        odd(c1),
        odd(c2),
        odd(c3),
    ]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn store_decoded(weights: Decoded, out: &mut [[u8; PAIR_BYTES]; 2 * TILE]) {
    for (weights, out) in weights.into_iter().zip(out) {
        store_u8x32(out, weights);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn load_decoded(weights: &[[u8; PAIR_BYTES]; 2 * TILE]) -> Decoded {
    let [e0, e1, e2, e3, o0, o1, o2, o3] = weights;
    [
        load_u8x32(e0),
        load_u8x32(e1),
        load_u8x32(e2),
        load_u8x32(e3),
        load_u8x32(o0),
        load_u8x32(o1),
        load_u8x32(o2),
        load_u8x32(o3),
    ]
}

/// Adds the products of a pair of blocks of four weight rows with one activation row.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_pair(
    sums: __m256,
    [e0, e1, e2, e3, o0, o1, o2, o3]: Decoded,
    weight_scales: &[f32; LANES],
    (values, (scales, corrections)): Pair<'_>,
) -> __m256 {
    let (halves, _) = values.as_chunks::<PAIR_BYTES>();
    let (even, odd) = (load_i8x32(&halves[0]), load_i8x32(&halves[1]));
    // Eight 16-bit sums of four products per row and block.
    let products =
        |e, o| _mm256_add_epi16(_mm256_maddubs_epi16(e, even), _mm256_maddubs_epi16(o, odd));
    let rows01 = _mm256_hadd_epi16(products(e0, o0), products(e1, o1));
    let rows23 = _mm256_hadd_epi16(products(e2, o2), products(e3, o3));
    let one = _mm256_set1_epi16(1);
    let dots = _mm256_hadd_epi32(
        _mm256_madd_epi16(rows01, one),
        _mm256_madd_epi16(rows23, one),
    );

    let first = _mm_set1_epi32(corrections[0]);
    let second = _mm_set1_epi32(corrections[1]);
    let dots = _mm256_add_epi32(dots, _mm256_set_m128i(second, first));
    let (first, second) = (_mm_set1_ps(scales[0]), _mm_set1_ps(scales[1]));
    let scales = _mm256_mul_ps(load(weight_scales), _mm256_set_m128(second, first));
    _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), scales, sums)
}

/// The sums of four rows from those of their even and their odd blocks.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn even_plus_odd(sums: __m256) -> __m128 {
    _mm_add_ps(
        _mm256_castps256_ps128(sums),
        _mm256_extractf128_ps::<1>(sums),
    )
}

/// Half of 2^(s-127) for the low eight bytes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn half_scales(bytes: __m128i) -> __m256 {
    let s = _mm256_cvtepu8_epi32(bytes);
    // 2^(s-127): a float's exponent field, but for 0, which is the subnormal 2^-127 ...
    let power = _mm256_max_epi32(_mm256_slli_epi32::<23>(s), _mm256_set1_epi32(0x0040_0000));
    // ... and for 255, where all bits set make a NaN.
    let nan = _mm256_cmpeq_epi32(s, _mm256_set1_epi32(255));
    let scale = _mm256_castsi256_ps(_mm256_or_si256(power, nan));
    _mm256_mul_ps(scale, _mm256_set1_ps(0.5))
}
