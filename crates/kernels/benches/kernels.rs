//! How fast the kernels are on one core, against how fast one core reads memory.
//!
//! `cargo bench -p kernels` prints a table; nothing is asserted. The weights are the shapes of
//! gpt-oss-20b, cycled over a buffer larger than the caches, because that is how decoding meets
//! them. A time is the best of several runs: the machine is rarely ours alone.

use std::hint::black_box;
use std::time::Instant;

use kernels::{
    Bf16Matrix, Isa, Mxfp4Matrix, Q8Rows, Q8RowsMut, axpy_f32_f16, dot_f32_f16, matmul_f32_bf16,
    matmul_f32_bf16_transposed, matmul_f32_mxfp4, matmul_q8_mxfp4, quantize_q8, rmsnorm,
    softmax_with_sink, swiglu,
};

/// Weights to cycle over, in bytes: far more than a last-level cache.
const WORKING_SET: usize = 256 << 20;

const BATCHES: [usize; 3] = [1, 8, 64];

fn main() {
    let bytes = random_bytes(WORKING_SET);
    println!("reading memory: {:.1} GB/s\n", read_bandwidth(&bytes));
    for isa in Isa::available() {
        println!(
            "{:<34} {:>4} {:>10} {:>8} {:>8}",
            isa.name(),
            "n",
            "us",
            "GB/s",
            "GMAC/s"
        );
        for (rows, cols) in [(5760, 2880), (2880, 2880)] {
            bench_mxfp4(isa, &bytes, rows, cols);
        }
        bench_bf16(isa, &bytes, 4096, 2880);
        bench_vectors(isa);
        println!();
    }
}

fn bench_mxfp4(isa: Isa, bytes: &[u8], rows: usize, cols: usize) {
    let size = rows * cols / 2;
    let scales = vec![120; rows * cols / 32];
    let matrix = |i: usize| {
        let start = i % (bytes.len() / size) * size;
        Mxfp4Matrix::new(&bytes[start..start + size], &scales, rows, cols).expect("the shape fits")
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
            bytes: size + scales.len(),
            macs: rows * cols * n,
        };
        report(&format!("matmul_q8_mxfp4 {rows}x{cols}"), n, work, |i| {
            matmul_q8_mxfp4(isa, matrix(i), 0..rows, q8, &mut out);
        });
        report(&format!("matmul_f32_mxfp4 {rows}x{cols}"), n, work, |i| {
            matmul_f32_mxfp4(isa, matrix(i), 0..rows, &x, &mut out);
        });
    }
}

fn bench_bf16(isa: Isa, bytes: &[u8], rows: usize, cols: usize) {
    let size = 2 * rows * cols;
    let matrix = |i: usize, rows, cols| {
        let start = i % (bytes.len() / size) * size;
        Bf16Matrix::new(&bytes[start..start + size], rows, cols).expect("the shape fits")
    };
    for n in BATCHES {
        let x = activations(n * cols);
        let mut out = vec![0.0; rows * n];
        let work = Work {
            bytes: size,
            macs: rows * cols * n,
        };
        report(&format!("matmul_f32_bf16 {rows}x{cols}"), n, work, |i| {
            matmul_f32_bf16(isa, matrix(i, rows, cols), 0..rows, &x, &mut out);
        });
        report(
            &format!("matmul_f32_bf16_transposed {rows}x{cols}"),
            n,
            work,
            |i| {
                matmul_f32_bf16_transposed(isa, matrix(i, cols, rows), 0..rows, &x, &mut out);
            },
        );
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

/// Calls `run(i)` for a while and prints the best time of a call.
fn report(name: &str, n: usize, work: Work, mut run: impl FnMut(usize)) {
    let started = Instant::now();
    let mut best = f64::INFINITY;
    let mut calls = 0;
    while calls < 3 || started.elapsed().as_secs_f64() < 0.4 {
        let call = Instant::now();
        run(black_box(calls));
        best = best.min(call.elapsed().as_secs_f64());
        calls += 1;
    }
    println!(
        "{name:<34} {n:>4} {:>10.1} {:>8.2} {:>8.2}",
        best * 1e6,
        work.bytes as f64 / best * 1e-9,
        work.macs as f64 / best * 1e-9
    );
}

/// GB/s of a sum over a large buffer, best of eight.
fn read_bandwidth(bytes: &[u8]) -> f64 {
    let best = (0..8)
        .map(|_| {
            let started = Instant::now();
            let sum = bytes.as_chunks::<8>().0.iter().fold(0, |sum, word| {
                u64::wrapping_add(sum, u64::from_ne_bytes(*word))
            });
            black_box(sum);
            started.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    bytes.len() as f64 / best * 1e-9
}

fn random_bytes(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let words = (0..len / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Small exponents, so that as bf16 none is infinite or NaN.
        (state & 0xbfff_bfff_bfff_bfff).to_le_bytes()
    });
    words.collect()
}

fn activations(len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0)
        .collect()
}
