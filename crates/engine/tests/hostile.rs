//! Checkpoints spoilt at random: loading gives a model or an error, and a model that was loaded
//! runs or gives an error. Nothing panics, hangs or takes more memory than [`MAX_BYTES`], which a
//! counting allocator watches. `fuzz/fuzz_targets/checkpoint.rs` does the same for longer.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

#[path = "support/tiny.rs"]
mod tiny;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use engine::Mode;
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};
use serde_json::{Value, json};
use tiny::{Tiny, load, run};

/// Most bytes that loading and running one of these checkpoints, of 70 kB, may take at any time,
/// the file itself not counted: a few times what the valid one takes.
const MAX_BYTES: isize = 1 << 18;

struct Counting;

thread_local! {
    /// Bytes that this thread has allocated and not freed, and the most they ever were. Models of
    /// one thread do all their work on the caller's.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    BYTES.set(BYTES.get() + bytes);
    PEAK_BYTES.set(PEAK_BYTES.get().max(BYTES.get()));
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the promises of the trait, which are those of the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Loads and, if that works, runs; panics are what the tests look for. Returns the most bytes that
/// were allocated meanwhile, and whether the model ran.
fn try_out(config: &[u8], file: Vec<u8>, mode: Mode) -> (isize, bool) {
    let before = BYTES.get();
    PEAK_BYTES.set(before);
    let ran = load(config, file, mode).is_ok_and(|model| run(&model).is_ok());
    (PEAK_BYTES.get() - before, ran)
}

#[test]
fn the_allocator_counts() {
    let before = BYTES.get();
    PEAK_BYTES.set(before);
    drop(std::hint::black_box(vec![1u8; 12_345]));
    assert_eq!((BYTES.get(), PEAK_BYTES.get()), (before, before + 12_345));
}

/// What only the configuration states and no tensor confirms must not decide what is allocated.
#[test]
fn a_window_and_a_context_of_millions_cost_nothing_before_they_are_filled() {
    for mode in [Mode::Exact, Mode::Default] {
        let mut tiny = Tiny::new();
        for key in ["sliding_window", "max_position_embeddings"] {
            tiny.config[key] = json!(1 << 24);
        }
        let (bytes, ran) = try_out(tiny.config.to_string().as_bytes(), tiny.file(), mode);
        assert!(ran);
        assert!(bytes <= MAX_BYTES, "{bytes} bytes");
    }
}

/// Values that no key is meant to have.
fn senseless() -> impl Strategy<Value = Value> {
    let numbers = [
        json!(0),
        json!(1),
        json!(2),
        json!(3),
        json!(31),
        json!(64),
        json!(-1),
        json!(1.5),
        json!(4096),
        json!(1 << 24),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e308),
        json!(1e-308),
    ];
    let others = [
        json!(null),
        json!(true),
        json!(""),
        json!("F32"),
        json!("U8"),
        json!("yarn"),
        json!("default"),
        json!([]),
        json!([0]),
        json!([0, 0]),
        json!([1, u64::MAX]),
        json!({}),
        json!(["full_attention", "full_attention"]),
        json!([[[[]]]]),
    ];
    select([&numbers[..], &others[..]].concat())
}

/// Every place in a JSON value: objects' and arrays' elements, at any depth.
fn places(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            let path = format!("{path}/{key}");
            places(inner, &path, out);
            out.push(path);
        }),
        Value::Array(values) => values.iter().enumerate().for_each(|(i, inner)| {
            let path = format!("{path}/{i}");
            places(inner, &path, out);
            out.push(path);
        }),
        _ => {}
    }
}

fn spoil(value: &mut Value, edits: &[(Index, Value)]) {
    for (place, replacement) in edits {
        let mut all = Vec::new();
        places(value, "", &mut all);
        if !all.is_empty() {
            *value.pointer_mut(&all[place.index(all.len())]).unwrap() = replacement.clone();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn spoilt_configurations_do_no_harm(
        edits in vec((any::<Index>(), senseless()), 1..3),
        exact in any::<bool>(),
    ) {
        let mut tiny = Tiny::new();
        spoil(&mut tiny.config, &edits);
        let mode = if exact { Mode::Exact } else { Mode::Default };
        let (bytes, _) = try_out(tiny.config.to_string().as_bytes(), tiny.file(), mode);
        prop_assert!(bytes <= MAX_BYTES, "{bytes} bytes");
    }

    #[test]
    fn spoilt_headers_do_no_harm(edits in vec((any::<Index>(), senseless()), 1..4)) {
        let tiny = Tiny::new();
        let mut header = tiny.header();
        spoil(&mut header, &edits);
        let config = tiny.config.to_string();
        let (bytes, _) = try_out(config.as_bytes(), tiny.file_with(&header), Mode::Default);
        prop_assert!(bytes <= MAX_BYTES, "{bytes} bytes");
    }

    /// Flipped bytes anywhere, half of them in the header, and a cut end.
    #[test]
    fn spoilt_bytes_do_no_harm(
        flips in vec((any::<bool>(), any::<Index>(), any::<u8>()), 0..20),
        cut in proptest::option::weighted(0.1, any::<Index>()),
    ) {
        let tiny = Tiny::new();
        let mut file = tiny.file();
        let header_end = 8 + tiny.header().to_string().len();
        for (in_header, place, value) in flips {
            let end = if in_header { header_end } else { file.len() };
            file[place.index(end)] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let (bytes, _) = try_out(tiny.config.to_string().as_bytes(), file, Mode::Exact);
        prop_assert!(bytes <= MAX_BYTES, "{bytes} bytes");
    }
}
