//! How fast the kernels are on one core, against how fast one core reads memory.
//!
//! `cargo bench -p kernels` prints a table; nothing is asserted. The weights have the shapes of
//! gpt-oss-20b and are cycled over a buffer larger than the caches, because that is how decoding
//! meets them. A call is timed in slices of rows, as a thread pool would cut it, and the best slice
//! counts: the machine is rarely ours alone, and a long call is always interrupted.

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use kernels::{
    ColumnsMut, FloatMatrix, FloatType, Isa, Mxfp4Matrix, Q8Matrix, Q8Rows, Q8RowsMut, Q16Rows,
    axpy_f32_f16, dot_f32_f16, matmul_f32_float, matmul_f32_float_transposed, matmul_f32_mxfp4,
    matmul_q8_mxfp4, matmul_q16_q8, quantize_q8, quantize_q16, rmsnorm, softmax_with_sink, swiglu,
};

/// Weights to cycle over, in bytes: far more than a last-level cache.
const WORKING_SET: usize = 256 << 20;

const BATCHES: [usize; 3] = [1, 8, 64];

fn main() {
    let bytes = random_bytes(WORKING_SET);
    println!("reading memory: {:.1} GB/s\n", read_bandwidth(&bytes));
    for isa in Isa::available() {
        println!(
            "{:<38} {:>4} {:>10} {:>8} {:>8}",
            isa.name(),
            "n",
            "us",
            "GB/s",
            "GMAC/s"
        );
        for (rows, cols) in [(5760, 2880), (2880, 2880)] {
            bench_mxfp4(isa, &bytes, rows, cols);
        }
        bench_q8(isa, &bytes, 4096, 2880);
        bench_bf16(isa, &bytes, 4096, 2880);
        bench_vectors(isa);
        println!();
    }
}

fn bench_mxfp4(isa: Isa, bytes: &[u8], rows: usize, cols: usize) {
    let size = Mxfp4Matrix::num_bytes(rows, cols).expect("it is small");
    let matrix = |i: usize| {
        let start = i % (bytes.len() / size) * size;
        Mxfp4Matrix::new(&bytes[start..start + size], rows, cols).expect("the shape fits")
    };
    for n in BATCHES {
        let x = activations(n * cols);
        let mut out = vec![0.0; rows * n];
        let (mut values, mut block_scales, mut corrections) = (
            vec![0; n * cols],
            vec![0.0; n * cols / 32],
            vec![0; n * cols / 32],
        );
        let q8 = Q8RowsMut::new(&mut values, &mut block_scales, &mut corrections, cols);
        quantize_q8(isa, &x, q8.expect("the shape fits"));
        let q8 = Q8Rows::new(&values, &block_scales, &corrections, cols).expect("the shape fits");

        let work = Work {
            bytes: size,
            macs: rows * cols * n,
        };
        let name = format!("matmul_q8_mxfp4 {rows}x{cols}");
        report_slices(&name, n, rows, work, |i, rows| {
            let out = ColumnsMut::new(&mut out[..rows.len() * n], rows.len());
            matmul_q8_mxfp4(isa, matrix(i), rows, q8, out);
        });
        let name = format!("matmul_f32_mxfp4 {rows}x{cols}");
        report_slices(&name, n, rows, work, |i, rows| {
            let out = ColumnsMut::new(&mut out[..rows.len() * n], rows.len());
            matmul_f32_mxfp4(isa, matrix(i), rows, &x, out);
        });
    }
}

fn bench_q8(isa: Isa, bytes: &[u8], rows: usize, cols: usize) {
    let size = Q8Matrix::num_bytes(rows, cols).expect("it is small");
    let matrix = |i: usize| {
        let start = i % (bytes.len() / size) * size;
        Q8Matrix::new(&bytes[start..start + size], rows, cols).expect("the shape fits")
    };
    for n in BATCHES {
        let x = activations(n * cols);
        let mut out = vec![0.0; rows * n];
        let (mut values, mut scales) = (vec![0; n * cols], vec![0.0; n * cols / 32]);
        quantize_q16(isa, &x, cols, &mut values, &mut scales);
        let x = Q16Rows::new(&values, &scales, cols).expect("the shape fits");
        let work = Work {
            bytes: size,
            macs: rows * cols * n,
        };
        let name = format!("matmul_q16_q8 {rows}x{cols}");
        report_slices(&name, n, rows, work, |i, rows| {
            let out = ColumnsMut::new(&mut out[..rows.len() * n], rows.len());
            matmul_q16_q8(isa, matrix(i), rows, x, out);
        });
    }
}

fn bench_bf16(isa: Isa, bytes: &[u8], rows: usize, cols: usize) {
    let size = 2 * rows * cols;
    let matrix = |i: usize, rows, cols| {
        let start = i % (bytes.len() / size) * size;
        let bytes = &bytes[start..start + size];
        FloatMatrix::new(bytes, FloatType::Bf16, rows, cols).expect("the shape fits")
    };
    for n in BATCHES {
        let x = activations(n * cols);
        let mut out = vec![0.0; rows * n];
        let work = Work {
            bytes: size,
            macs: rows * cols * n,
        };
        let name = format!("matmul_f32_float bf16 {rows}x{cols}");
        let w = |i| matrix(i, rows, cols);
        report_slices(&name, n, rows, work, |i, rows| {
            let out = ColumnsMut::new(&mut out[..rows.len() * n], rows.len());
            matmul_f32_float(isa, w(i), rows, &x, out);
        });
        let name = format!("... transposed {rows}x{cols}");
        let w = |i| matrix(i, cols, rows);
        report_slices(&name, n, rows, work, |i, rows| {
            let out = ColumnsMut::new(&mut out[..rows.len() * n], rows.len());
            matmul_f32_float_transposed(isa, w(i), rows, &x, out);
        });
    }
}

/// One call on data in the cache; the bytes are those read.
fn bench_vectors(isa: Isa) {
    let x = activations(5760);
    let gain = activations(2880);
    let mut out = vec![0.0; 2880];
    let work = |elements: usize| Work {
        bytes: 4 * elements,
        macs: elements,
    };

    report("rmsnorm 2880", 1, work(2880), |_| {
        rmsnorm(isa, &x[..2880], &gain, 1e-5, &mut out);
    });
    report("swiglu 2880", 1, work(5760), |_| {
        swiglu(isa, &x, 1.702, 7.0, &mut out)
    });
    let (mut values, mut scales, mut corrections) = (vec![0; 2880], vec![0.0; 90], vec![0; 90]);
    report("quantize_q8 2880", 1, work(2880), |_| {
        let out = Q8RowsMut::new(&mut values, &mut scales, &mut corrections, 2880);
        quantize_q8(isa, &x[..2880], out.expect("the shape fits"));
    });
    let mut scores = activations(4096);
    report("softmax_with_sink 4096", 1, work(4096), |_| {
        softmax_with_sink(isa, &mut scores, 0.5)
    });

    // A head over 4,096 cached positions.
    let cache: Vec<u16> = (0..4096 * 64).map(|i| 0x3000 + (i % 1024) as u16).collect();
    let half = Work {
        bytes: 2 * cache.len(),
        macs: cache.len(),
    };
    report("dot_f32_f16 64, 4096 times", 1, half, |_| {
        for (score, key) in scores.iter_mut().zip(cache.chunks_exact(64)) {
            *score = dot_f32_f16(isa, &x[..64], key);
        }
    });
    report("axpy_f32_f16 64, 4096 times", 1, half, |_| {
        for (score, value) in scores.iter().zip(cache.chunks_exact(64)) {
            axpy_f32_f16(isa, *score, value, &mut out[..64]);
        }
    });
}

/// What one call does.
#[derive(Clone, Copy)]
struct Work {
    bytes: usize,
    macs: usize,
}

/// Calls `run(i, rows)` with slices of the rows in turn and prints the time of a whole call.
fn report_slices(
    name: &str,
    n: usize,
    rows: usize,
    work: Work,
    mut run: impl FnMut(usize, Range<usize>),
) {
    // Well under a millisecond each, in whole tiles of rows.
    let part = if n < 64 { rows / 16 } else { rows / 48 } / 8 * 8;
    let slices = rows / part;
    let best = best_time(|i| {
        let start = i % slices * part;
        run(i / slices, start..start + part);
    });
    print(name, n, work, best * rows as f64 / part as f64);
}

/// Calls `run(i)` and prints the time.
fn report(name: &str, n: usize, work: Work, run: impl FnMut(usize)) {
    print(name, n, work, best_time(run));
}

/// The best time, in seconds, that a call of `run(i)` takes.
fn best_time(mut run: impl FnMut(usize)) -> f64 {
    let started = Instant::now();
    let mut best = f64::INFINITY;
    let mut calls = 0;
    while calls < 3 || started.elapsed().as_secs_f64() < 1.0 {
        let call = Instant::now();
        run(black_box(calls));
        best = best.min(call.elapsed().as_secs_f64());
        calls += 1;
    }
    best
}

fn print(name: &str, n: usize, work: Work, seconds: f64) {
    println!(
        "{name:<38} {n:>4} {:>10.1} {:>8.2} {:>8.2}",
        seconds * 1e6,
        work.bytes as f64 / seconds * 1e-9,
        work.macs as f64 / seconds * 1e-9
    );
}

/// GB/s of a sum over a large buffer, a megabyte at a time. Four places are read in turn, which
/// keeps more requests in flight than one stream does.
fn read_bandwidth(bytes: &[u8]) -> f64 {
    const PIECE: usize = 1 << 20;
    let best = best_time(|i| {
        let piece = &bytes[i * PIECE % bytes.len()..][..PIECE];
        let (words, _) = piece.as_chunks::<32>();
        let (first, second) = words.split_at(words.len() / 2);
        let (a, b) = first.split_at(first.len() / 2);
        let (c, d) = second.split_at(second.len() / 2);
        let mut sums = [0; 32];
        for ((a, b), (c, d)) in a.iter().zip(b).zip(c.iter().zip(d)) {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum ^= a[i] ^ b[i] ^ c[i] ^ d[i];
            }
        }
        black_box(sums);
    });
    PIECE as f64 / best * 1e-9
}

fn random_bytes(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let words = (0..len / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // As bf16 all are of ordinary size: neither NaN nor subnormal.
        (state & 0x80ff_80ff_80ff_80ff | 0x3f00_3f00_3f00_3f00).to_le_bytes()
    });
    words.collect()
}

fn activations(len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0)
        .collect()
}
