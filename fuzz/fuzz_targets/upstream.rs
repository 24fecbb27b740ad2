//! Whatever a host sends is an answer or a failure, and the same one however its bytes are cut; what
//! goes on of it is well formed, and costs no more memory than is allowed.
//!
//! The host is a server on loopback. Of the input the first four bytes say what is asked, the status,
//! the type of the body and where it is cut; the rest is the body and a header, in which control
//! characters stand for what hosts say.
#![no_main]

#[path = "../../crates/router/tests/cuts/host.rs"]
mod host;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use host::{Ask, AskKind, Cut, Host, Sent, WORDS};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

/// Bytes that are taken of an answer.
const MAX_BYTES: usize = 128 << 10;
/// Bytes of a body: somewhat more than is taken.
const MAX_BODY_BYTES: usize = MAX_BYTES + 4096;
/// Memory that an answer may cost, the host's own included.
const MAX_COST_BYTES: usize = 16 << 20;

const TYPES: [&str; 5] = [
    "text/event-stream",
    "text/event-stream; charset=utf-8",
    "application/json",
    "",
    "text/html",
];
const STATUSES: [u16; 16] = [
    200, 200, 200, 200, 201, 302, 400, 401, 402, 403, 404, 408, 413, 429, 500, 503,
];
const HEADERS: [&str; 6] = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset",
    "content-encoding",
];

/// Counts the bytes that are in use, and the most that were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is the system's, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
});
static HOST: LazyLock<Host> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let host = Host::start(MAX_BYTES).await;
        // The tokenizer is built by the first answer that has to be mended.
        let ask = Ask { is_stream: true, kind: AskKind::Words, leaks_harmony: true };
        let body = WORDS[7].as_bytes().to_vec();
        host.outcome(ask, &Sent { status: 200, headers: Vec::new(), body }, &[]).await;
        host
    })
});

/// The body, with words for control characters; DEL doubles what stands before it.
fn body_of(bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for &byte in bytes {
        match byte {
            b'\n' | b'\r' => body.push(byte),
            0..32 => body.extend_from_slice(WORDS[usize::from(byte) % WORDS.len()].as_bytes()),
            127 => body.extend_from_within(..),
            _ => body.push(byte),
        }
        if body.len() > MAX_BODY_BYTES {
            body.truncate(MAX_BODY_BYTES);
            break;
        }
    }
    body
}

/// Cuts whose sizes depend on `seed`.
fn cuts(seed: u8, body: &[u8], pauses: bool) -> Vec<Cut> {
    let mut state = u32::from(seed) | 1;
    let mut cuts = Vec::new();
    let (mut place, mut num_pauses) = (0, 0);
    let largest = (body.len() / 64).max(1).ilog2();
    while place < body.len() {
        state = state.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
        let size = 1 + (state >> 8) as usize % (1 << ((state >> 29) + largest));
        let pauses = pauses && num_pauses < 16;
        num_pauses += usize::from(pauses);
        cuts.push((size, pauses));
        place += size;
    }
    cuts
}

fuzz_target!(|bytes: &[u8]| {
    let [asked, status, kind, seed, bytes @ ..] = bytes else {
        return;
    };
    let ask = Ask {
        is_stream: asked & 1 == 0,
        leaks_harmony: asked & 2 != 0,
        kind: AskKind::ALL[usize::from(asked >> 2) % AskKind::ALL.len()],
    };
    let content_type = TYPES[usize::from(kind & 15) % TYPES.len()];
    let mut headers = vec![("content-type", content_type.as_bytes().to_vec())];
    if status & 128 != 0 {
        let name = HEADERS[usize::from(kind >> 4) % HEADERS.len()];
        headers.push((name, bytes[..bytes.len().min(30)].to_vec()));
    }
    let status = STATUSES[usize::from(status & 127) % STATUSES.len()];
    let body = body_of(bytes);
    let sent = Sent { status, headers, body };
    let host = &*HOST;
    RUNTIME.block_on(async {
        let before = IN_USE.load(Relaxed);
        MOST.store(before, Relaxed);
        let whole = host.outcome(ask, &sent, &[]).await;
        for pauses in [false, true] {
            let cuts = cuts(*seed, &sent.body, pauses);
            host.outcome(ask, &sent, &cuts).await.check(&whole);
        }
        let cost = MOST.load(Relaxed) - before;
        assert!(cost <= MAX_COST_BYTES, "{cost} bytes of memory");
    });
});
