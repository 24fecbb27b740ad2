//! Checkpoints spoilt at random: loading gives a model or an error, and a model that was loaded
//! runs or gives an error. Nothing panics, hangs or asks for much memory.
//! `fuzz/fuzz_targets/checkpoint.rs` does the same for longer.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/tiny.rs"]
mod tiny;

use engine::Mode;
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};
use serde_json::{Value, json};
use tiny::{Tiny, load, run};

/// Loads and, if that works, runs; panics are what the tests look for.
fn try_out(config: &[u8], file: Vec<u8>, mode: Mode) {
    if let Ok(model) = load(config, file, mode) {
        let _ = run(&model);
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
        try_out(tiny.config.to_string().as_bytes(), tiny.file(), mode);
    }

    #[test]
    fn spoilt_headers_do_no_harm(edits in vec((any::<Index>(), senseless()), 1..4)) {
        let tiny = Tiny::new();
        let mut header = tiny.header();
        spoil(&mut header, &edits);
        try_out(tiny.config.to_string().as_bytes(), tiny.file_with(&header), Mode::Default);
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
        try_out(tiny.config.to_string().as_bytes(), file, Mode::Exact);
    }
}
