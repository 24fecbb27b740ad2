//! A checkpoint of any bytes loads, or is an error; one that loads runs, or is an error.
//!
//! The input is a list of edits to a valid small checkpoint: from random bytes alone no fuzzer
//! gets past the header. An input that starts with [`RAW`] is the safetensors file itself.
//!
//! What the small checkpoint may cost is for the fuzzer to watch:
//! `cargo +nightly fuzz run checkpoint -- -malloc_limit_mb=16 -rss_limit_mb=1024 -timeout=10`.
#![no_main]

#[path = "../../crates/engine/tests/support/tiny.rs"]
mod tiny;

use std::sync::LazyLock;

use engine::Mode;
use libfuzzer_sys::fuzz_target;
use tiny::{Tiny, load, run};

/// First byte of an input that is a whole file.
const RAW: u8 = 255;

/// The texts and bytes of the valid checkpoint.
#[derive(Clone)]
struct Parts {
    config: Vec<u8>,
    header: Vec<u8>,
    data: Vec<u8>,
}

static VALID: LazyLock<Parts> = LazyLock::new(|| {
    let tiny = Tiny::new();
    let header = tiny.header().to_string().into_bytes();
    let data = tiny.file()[8 + header.len()..].to_vec();
    Parts {
        config: tiny.config.to_string().into_bytes(),
        header,
        data,
    }
});

/// Overwrites, inserts or removes one byte, or cuts the end off.
fn edit(bytes: &mut Vec<u8>, kind: u8, place: usize, value: u8) {
    if bytes.is_empty() {
        return;
    }
    let place = place % bytes.len();
    match kind % 8 {
        0 => bytes.insert(place, value),
        1 => drop(bytes.remove(place)),
        2 if value == 0 => bytes.truncate(place),
        _ => bytes[place] = value,
    }
}

fuzz_target!(|input: &[u8]| {
    let mut parts = VALID.clone();
    let mode = if input.len() % 2 == 0 {
        Mode::Exact
    } else {
        Mode::Default
    };
    let file = if let [RAW, file @ ..] = input {
        file.to_vec()
    } else {
        for &[target, low, high, value] in input.as_chunks::<4>().0 {
            let place = usize::from(u16::from_le_bytes([low, high]));
            let part = match target % 4 {
                0 => &mut parts.config,
                1 | 2 => &mut parts.header,
                _ => &mut parts.data,
            };
            edit(part, target / 4, place, value);
        }
        let length = (parts.header.len() as u64).to_le_bytes();
        [&length[..], &parts.header, &parts.data].concat()
    };
    if let Ok(model) = load(&parts.config, file, mode) {
        let _ = run(&model);
    }
});
