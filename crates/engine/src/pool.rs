//! The threads of a model, and how work is handed to them.
//!
//! Work is always a set of pieces that write to disjoint parts of a buffer, so which thread takes
//! which piece cannot show in the result. Work that is over sooner than a thread wakes up is done
//! by the caller; with one thread, everything is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::EngineError;

/// Multiply-adds below which waking another thread costs more than it saves: some 10 µs of work.
pub(crate) const MIN_PARALLEL_MACS: usize = 1 << 18;

/// Multiply-adds of one piece of parallel work: small enough to balance, large enough that handing
/// it out does not show.
const MACS_PER_PIECE: usize = 1 << 17;

/// Bytes that one piece of a search looks at.
const SCAN_BYTES: usize = 1 << 20;

/// Most threads a model uses.
const MAX_THREADS: usize = 1024;

/// A fixed number of threads.
#[derive(Debug)]
pub(crate) struct Pool {
    /// `None` for one thread: the caller's own.
    threads: Option<rayon::ThreadPool>,
    num_threads: usize,
}

impl Pool {
    /// Starts the threads.
    pub(crate) fn new(num_threads: usize) -> Result<Pool, EngineError> {
        if !(1..=MAX_THREADS).contains(&num_threads) {
            return Err(EngineError::InvalidArgument(format!(
                "num_threads is {num_threads}; it must be between 1 and {MAX_THREADS}"
            )));
        }
        let threads = match num_threads {
            1 => None,
            _ => Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(num_threads)
                    .thread_name(|i| format!("engine-{i}"))
                    .build()
                    .map_err(|e| {
                        EngineError::InvalidArgument(format!(
                            "{num_threads} threads could not be started: {e}"
                        ))
                    })?,
            ),
        };
        Ok(Pool {
            threads,
            num_threads,
        })
    }

    /// Number of threads, the same as the number of workers that pieces can be handed to.
    pub(crate) fn num_threads(&self) -> usize {
        self.num_threads
    }

    /// Runs a whole computation on one of the threads, so that the pieces it hands out start
    /// without crossing from a foreign thread each time. A computation of little work, whose
    /// pieces are mostly done by the caller anyway, stays with the caller.
    pub(crate) fn run<R: Send>(&self, macs: usize, work: impl FnOnce() -> R + Send) -> R {
        match &self.threads {
            Some(threads) if macs >= 64 * MIN_PARALLEL_MACS => threads.install(work),
            _ => work(),
        }
    }

    /// Calls `work(worker, index, chunk)` for each chunk of `chunk_len` elements of `data` (the
    /// last may be shorter). `macs` estimates the work of all together.
    pub(crate) fn for_each_chunk<T: Send>(
        &self,
        data: &mut [T],
        chunk_len: usize,
        macs: usize,
        work: impl Fn(usize, usize, &mut [T]) + Sync,
    ) {
        match &self.threads {
            Some(threads) if macs >= MIN_PARALLEL_MACS && data.len() > chunk_len => {
                threads.install(|| {
                    data.par_chunks_mut(chunk_len)
                        .enumerate()
                        .for_each(|(index, chunk)| work(current_worker(), index, chunk));
                });
            }
            _ => {
                for (index, chunk) in data.chunks_mut(chunk_len).enumerate() {
                    work(0, index, chunk);
                }
            }
        }
    }

    /// Calls `work(worker, item)` for each item. `macs` estimates the work of all together.
    pub(crate) fn for_each<T: Send>(
        &self,
        items: Vec<T>,
        macs: usize,
        work: impl Fn(usize, T) + Sync,
    ) {
        match &self.threads {
            Some(threads) if macs >= MIN_PARALLEL_MACS && items.len() > 1 => {
                threads.install(|| {
                    items
                        .into_par_iter()
                        .for_each(|item| work(current_worker(), item));
                });
            }
            _ => items.into_iter().for_each(|item| work(0, item)),
        }
    }

    /// The position of the first byte that equals `needle`, looking on all threads.
    pub(crate) fn find_byte(&self, bytes: &[u8], needle: u8) -> Option<usize> {
        let find = |(index, chunk): (usize, &[u8])| {
            // `contains` is vectorised, `position` is not.
            let found = chunk
                .contains(&needle)
                .then(|| chunk.iter().position(|&b| b == needle));
            found
                .flatten()
                .map(|position| index * SCAN_BYTES + position)
        };
        match &self.threads {
            Some(threads) if bytes.len() > SCAN_BYTES => threads.install(|| {
                bytes
                    .par_chunks(SCAN_BYTES)
                    .enumerate()
                    .find_map_first(find)
            }),
            _ => bytes.chunks(SCAN_BYTES).enumerate().find_map(find),
        }
    }
}

/// Which of the pool's threads this is. Only meaningful inside `install`.
fn current_worker() -> usize {
    rayon::current_thread_index().unwrap_or(0)
}

/// How many of `rows` rows of weights make one piece of work, where each row costs `macs_per_row`:
/// a multiple of 16, which suits the kernels.
pub(crate) fn rows_per_piece(rows: usize, macs_per_row: usize) -> usize {
    let wanted = MACS_PER_PIECE / macs_per_row.max(1);
    wanted
        .next_multiple_of(16)
        .clamp(16, rows.next_multiple_of(16))
}

/// Scratch memory for each worker. The lock is never contended: a worker only takes its own.
#[derive(Debug)]
pub(crate) struct PerWorker<T>(Vec<Mutex<T>>);

impl<T: Default> PerWorker<T> {
    /// One `T` for each worker of the pool.
    pub(crate) fn new(pool: &Pool) -> PerWorker<T> {
        PerWorker((0..pool.num_threads()).map(|_| Mutex::default()).collect())
    }

    /// The scratch of one worker.
    pub(crate) fn of(&self, worker: usize) -> MutexGuard<'_, T> {
        self.0[worker]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once_whoever_does_it() {
        for num_threads in [1, 2, 5] {
            let pool = Pool::new(num_threads).unwrap();
            for macs in [0, usize::MAX] {
                let mut data = vec![0usize; 1003];
                pool.for_each_chunk(&mut data, 10, macs, |worker, index, chunk| {
                    assert!(worker < num_threads);
                    assert_eq!(chunk.len(), if index == 100 { 3 } else { 10 });
                    chunk.iter_mut().for_each(|value| *value += index + 1);
                });
                assert!(
                    data.iter()
                        .enumerate()
                        .all(|(i, &value)| value == i / 10 + 1)
                );
                let items: Vec<_> = data.iter_mut().collect();
                pool.run(macs, || pool.for_each(items, macs, |_, value| *value = 7));
                assert!(data.iter().all(|&value| value == 7));
            }
        }
    }

    #[test]
    fn the_first_of_several_bytes_is_found() {
        let mut bytes = vec![0; 3 * SCAN_BYTES + 5];
        for num_threads in [1, 3] {
            let pool = Pool::new(num_threads).unwrap();
            assert_eq!(pool.find_byte(&bytes, 255), None);
            for position in [3 * SCAN_BYTES + 4, 2 * SCAN_BYTES, SCAN_BYTES + 1, 0] {
                bytes[position] = 255;
                assert_eq!(pool.find_byte(&bytes, 255), Some(position));
            }
            bytes.fill(0);
        }
    }

    #[test]
    fn a_senseless_number_of_threads_is_an_error() {
        assert!(Pool::new(0).is_err());
        assert!(Pool::new(MAX_THREADS + 1).is_err());
    }

    #[test]
    fn pieces_are_whole_tiles_of_sixteen_rows() {
        assert_eq!(rows_per_piece(5760, 2880), 48);
        assert_eq!(rows_per_piece(5760, usize::MAX), 16);
        assert_eq!(rows_per_piece(10, 1), 16);
        assert_eq!(rows_per_piece(100, 1), 112);
    }
}
