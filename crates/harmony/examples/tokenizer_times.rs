//! Times start-up and the inputs that bring other tokenizers to their knees: `cargo run --release
//! -p harmony --example tokenizer_times [TEXT_FILE]`.

use std::hint::black_box;
use std::time::Instant;

use harmony::Tokenizer;

fn main() {
    let start = Instant::now();
    let tokenizer = Tokenizer::o200k_harmony();
    println!(
        "{:>8.1} ms  unpack and index the vocabulary",
        start.elapsed().as_secs_f64() * 1e3
    );
    let start = Instant::now();
    black_box(tokenizer.encode("Hello"));
    println!(
        "{:>8.1} ms  first word",
        start.elapsed().as_secs_f64() * 1e3
    );

    let mut inputs: Vec<(String, Vec<u8>)> = [
        ("1,000,000 spaces", " ".repeat(1_000_000)),
        ("1,000,000 spaces, then x", " ".repeat(1_000_000) + "x"),
        ("1,000,000 x \"a\"", "a".repeat(1_000_000)),
        ("1,000,000 x \"A\"", "A".repeat(1_000_000)),
        ("1 MB of \"ab\"", "ab".repeat(500_000)),
        ("1 MB of \"A\\u{301}\"", "A\u{301}".repeat(333_333)),
        ("1 MB of U+0301", "\u{301}".repeat(500_000)),
        ("1 MB of digits", "0123456789".repeat(100_000)),
        ("1 MB of one CJK character", "世".repeat(333_333)),
        ("1,000,000 newlines", "\n".repeat(1_000_000)),
        ("1 MB of \"\\n \"", "\n ".repeat(500_000)),
        ("1,000,000 slashes", "/".repeat(1_000_000)),
        ("1,000,000 x \"'\"", "'".repeat(1_000_000)),
        ("1 MB of \"<|start|>\"", "<|start|>".repeat(111_111)),
    ]
    .map(|(name, text)| (name.to_owned(), text.into_bytes()))
    .into();
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize
    };
    inputs.push((
        "1 MB of random bytes".into(),
        (0..1_000_000).map(|_| random() as u8).collect(),
    ));
    let letters = (0..1_000_000)
        .map(|_| b'a' + (random() % 26) as u8)
        .collect();
    inputs.push(("1 MB of random lower case".into(), letters));
    let cjk = (0..333_333).filter_map(|_| char::from_u32(0x4e00 + (random() % 20_000) as u32));
    inputs.push((
        "1 MB of random CJK".into(),
        cjk.collect::<String>().into_bytes(),
    ));
    for path in std::env::args().skip(1) {
        match std::fs::read(&path) {
            Ok(bytes) => inputs.push((format!("{path} ({} bytes)", bytes.len()), bytes)),
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
    for (name, bytes) in inputs {
        let start = Instant::now();
        let ids = tokenizer.encode_bytes(&bytes);
        let encode = start.elapsed();
        let decoded = tokenizer.decode(&ids);
        assert!(decoded == bytes, "{name}: does not decode to itself");
        println!(
            "{:>8.1} ms  {name}: {} tokens",
            encode.as_secs_f64() * 1e3,
            ids.len()
        );
    }
}
