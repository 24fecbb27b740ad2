//! How fast this machine reads memory: the limit of generating tokens.
//!
//! Every thread sums up a buffer of its own that no cache holds, all at once, as the threads of the
//! engine read weights. The best of a few rounds counts: what else runs on the machine only makes it
//! slower.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Rounds, and how long each takes.
const NUM_ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_millis(200);

/// Memory of one thread and of all. Caches share out at most a few dozen MiB to each thread.
const THREAD_BYTES: u64 = 192 << 20;
const MAX_BYTES: u64 = 4 << 30;

/// What is read between two looks at the clock.
const PIECE_WORDS: usize = 1 << 17;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bandwidth {
    pub(super) bytes_per_second: f64,
    pub(super) num_threads: usize,
    /// Of all buffers together.
    pub(super) buffer_bytes: u64,
}

/// Reads with so many threads, using at most a quarter of `available_bytes`. `None` if that is too
/// little to tell memory from caches, or there are no threads to be had.
pub(super) fn measure(num_threads: usize, available_bytes: u64) -> Option<Bandwidth> {
    let num_threads = num_threads.max(1);
    let wanted = THREAD_BYTES
        .saturating_mul(num_threads as u64)
        .min(MAX_BYTES);
    if wanted > available_bytes / 4 {
        return None;
    }
    let num_words = (wanted / 8) as usize / num_threads;
    let barrier = Barrier::new(num_threads);
    let read = || read_rounds(num_words, &barrier);
    // Bytes of each thread in each round, and the seconds it took.
    let rounds: Vec<[(f64, f64); NUM_ROUNDS]> = thread::scope(|scope| {
        let threads: Vec<_> = (1..num_threads).map(|_| scope.spawn(read)).collect();
        let mut rounds = vec![read()];
        rounds.extend(threads.into_iter().filter_map(|thread| thread.join().ok()));
        rounds
    });
    let rate = |round: usize| {
        let bytes: f64 = rounds.iter().map(|thread| thread[round].0).sum();
        let seconds = rounds.iter().map(|thread| thread[round].1);
        bytes / seconds.fold(f64::MIN_POSITIVE, f64::max)
    };
    let bytes_per_second = (0..NUM_ROUNDS).map(rate).fold(0.0, f64::max);
    (bytes_per_second > 0.0).then_some(Bandwidth {
        bytes_per_second,
        num_threads,
        buffer_bytes: 8 * (num_words * num_threads) as u64,
    })
}

/// One thread: for each round the bytes it read and the seconds it took.
fn read_rounds(num_words: usize, barrier: &Barrier) -> [(f64, f64); NUM_ROUNDS] {
    // Written once: pages that nobody wrote to are all the same one.
    let words: Vec<u64> = (0..num_words as u64).collect();
    let mut position = 0;
    let mut rounds = [(0.0, 0.0); NUM_ROUNDS];
    for round in &mut rounds {
        barrier.wait();
        let start = Instant::now();
        let mut num_bytes = 0;
        while start.elapsed() < ROUND {
            let piece = &words[position..(position + PIECE_WORDS).min(words.len())];
            black_box(sum(piece));
            num_bytes += 8 * piece.len();
            position += piece.len();
            if position == words.len() {
                position = 0;
            }
        }
        *round = (num_bytes as f64, start.elapsed().as_secs_f64());
    }
    rounds
}

/// The sum of all words. Four places are read in turn, which keeps more requests in flight than one
/// stream does.
fn sum(words: &[u64]) -> u64 {
    const LANES: usize = 8;
    let (chunks, rest) = words.as_chunks::<LANES>();
    let quarter = chunks.len() / 4;
    let (a, others) = chunks.split_at(quarter);
    let (b, others) = others.split_at(quarter);
    let (c, others) = others.split_at(quarter);
    let (d, left) = others.split_at(quarter);
    let mut sums = [0_u64; LANES];
    for ((a, b), (c, d)) in a.iter().zip(b).zip(c.iter().zip(d)) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            let pair = a[lane].wrapping_add(b[lane]);
            *sum = sum
                .wrapping_add(pair)
                .wrapping_add(c[lane].wrapping_add(d[lane]));
        }
    }
    let left = left.as_flattened().iter().chain(rest);
    sums.iter()
        .chain(left)
        .fold(0, |sum, &word| sum.wrapping_add(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read() {
        for len in [0_u64, 1, 7, 8, 31, 32, 33, 100, 1000, 4096 + 5] {
            let words: Vec<u64> = (0..len)
                .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .collect();
            let plain = words
                .iter()
                .fold(0, |sum: u64, &word| sum.wrapping_add(word));
            assert_eq!(sum(&words), plain, "{len} words");
        }
    }

    #[test]
    fn memory_is_read_at_some_speed_and_never_more_of_it_than_there_is() {
        let bandwidth = measure(2, 8 << 30).unwrap();
        assert!(bandwidth.bytes_per_second > 1e6, "{bandwidth:?}");
        assert_eq!(bandwidth.num_threads, 2);
        assert!(bandwidth.buffer_bytes <= 2 * THREAD_BYTES);
        assert!(measure(2, 64 << 20).is_none());
    }
}
