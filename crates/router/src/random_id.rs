//! Names for requests, answers and calls.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// In the order of their bytes, so that numbers written with them sort as the numbers do.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 24;
/// Letters and digits of the time in the name of a request. 62^9 microseconds last until 2398.
const TIME_LENGTH: usize = 9;
const POOL_BYTES: usize = 1024;

/// `prefix` and 24 random letters and digits (142 bits): nobody guesses another's.
pub fn random_id(prefix: &str) -> String {
    let mut id = String::with_capacity(prefix.len() + LENGTH);
    id.push_str(prefix);
    push_random(&mut id, LENGTH);
    id
}

/// The name of a new request: `req_`, when it was made and 15 random letters and digits (89 bits).
///
/// Those of one process sort in the order in which they were made, so that a history does as well,
/// and are written next to each other: a store's indexes of random ones would have another page
/// written for each.
pub fn request_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = u64::try_from(since_epoch.unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
    request_id_of(next_after(&LAST, now))
}

/// `now`, or what comes after `last` if that is later.
fn next_after(last: &AtomicU64, now: u64) -> u64 {
    let later = |last: u64| now.max(last.wrapping_add(1));
    let last = last.update(Ordering::Relaxed, Ordering::Relaxed, later);
    later(last)
}

fn request_id_of(microseconds: u64) -> String {
    const PREFIX: &str = "req_";
    let mut id = String::with_capacity(PREFIX.len() + LENGTH);
    id.push_str(PREFIX);
    let mut rest = microseconds;
    let mut digits = [0u8; TIME_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    id.extend(digits.map(char::from));
    push_random(&mut id, LENGTH - TIME_LENGTH);
    id
}

/// Adds so many random letters and digits.
fn push_random(id: &mut String, length: usize) {
    let end = id.len() + length;
    while id.len() < end {
        let bytes: [u8; LENGTH] = random_bytes();
        let missing = end - id.len();
        // Bytes from 248 on would make the first letters likelier.
        let letters = bytes.iter().filter(|&&byte| byte < 248).take(missing);
        id.extend(letters.map(|&byte| char::from(ALPHABET[usize::from(byte) % 62])));
    }
}

/// A random number from 0 to below 1.
pub fn random_unit() -> f64 {
    (u64::from_le_bytes(random_bytes()) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Random bytes of the operating system, fetched for several at a time: a system call for each
/// would cost more than all else here.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= POOL_BYTES) };
    thread_local! {
        static POOL: RefCell<([u8; POOL_BYTES], usize)> =
            const { RefCell::new(([0; POOL_BYTES], POOL_BYTES)) };
    }
    POOL.with_borrow_mut(|(pool, used)| {
        if *used + N > POOL_BYTES {
            // Without the operating system's random numbers there is no telling requests apart, and
            // the standard library's own hash maps do not work either.
            if getrandom::fill(pool).is_err() {
                std::process::abort();
            }
            *used = 0;
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&pool[*used..*used + N]);
        *used += N;
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_fixed_form_and_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| random_id("x_")).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 26
            && id.starts_with("x_")
            && id[2..].bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }

    #[test]
    fn names_of_requests_sort_by_time_and_have_a_fixed_form() {
        let times = [0, 61, 62, 1_764_000_000_000_000, 1_764_000_000_000_001];
        let ids = times.map(request_id_of);
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids[0].starts_with("req_000000000"), "{}", ids[0]);
        let ids: Vec<String> = (0..10_000).map(|_| request_id()).collect();
        assert!(ids.is_sorted_by(|one, next| one[..13] < next[..13]));
        assert!(
            ids.iter().all(
                |id| id.len() == 28 && id[4..].bytes().all(|byte| byte.is_ascii_alphanumeric())
            )
        );
        // Others make names at the same moment.
        let many: std::collections::HashSet<String> = (0..1000).map(|_| request_id_of(1)).collect();
        assert_eq!(many.len(), 1000);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_repeat_a_time() {
        let last = AtomicU64::new(0);
        let times = [5, 5, 3, 7, 7, 9].map(|now| next_after(&last, now));
        assert_eq!(times, [5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn threads_do_not_share_what_is_random() {
        let draw = || (0..100).map(|_| random_id("")).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let mut ids: Vec<String> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 400);
        let mean = (0..10_000).map(|_| random_unit()).sum::<f64>() / 10_000.0;
        assert!((0.47..0.53).contains(&mean), "{mean}");
    }
}
