//! Against transformers' `GptOssForCausalLM` in float32 on four random models that differ in
//! layers, experts, heads, groups, windows and file layout: `cargo test -p engine --test parity --
//! --nocapture` prints the table.

#[path = "support/fixture.rs"]
mod fixture;

use engine::Mode;
use fixture::{NAMES, PROMPT_LENGTHS, argmax, expected, load, logits_in_chunks, max_abs};
use kernels::Isa;

/// Largest difference of two logits, as a part of the prompt's largest logit.
const TOLERANCE: f32 = 2e-4;

#[test]
fn exact_mode_agrees_with_transformers_everywhere() {
    println!(
        "{:8} {:16} {:>6} {:>12} {:>14}",
        "isa", "model", "prompt", "max error", "same top-1"
    );
    let mut failures = Vec::new();
    for isa in Isa::available() {
        for name in NAMES {
            let model = load(name, Mode::Exact, 2, isa);
            for length in PROMPT_LENGTHS {
                // The slower instruction sets take half a minute for all four: one will do.
                if length == 5000 && isa != Isa::detect() && name != "gqa4" {
                    continue;
                }
                let expected = expected(name, length);
                assert_eq!(expected.tokens.len(), length);
                let logits = logits_in_chunks(&model, &expected.tokens, &[512]);
                let pairs = logits.iter().zip(&expected.top1);
                let num_same = pairs
                    .filter(|(row, id)| argmax(row) == **id as usize)
                    .count();
                let largest = max_abs(
                    expected
                        .rows
                        .iter()
                        .flat_map(|(_, row)| row.iter().copied()),
                );
                let error = max_abs(expected.rows.iter().flat_map(|(position, row)| {
                    assert_eq!(logits[*position].len(), row.len());
                    logits[*position].iter().zip(row).map(|(a, b)| a - b)
                })) / largest;
                let isa = isa.name();
                println!("{isa:8} {name:16} {length:6} {error:12.1e} {num_same:7} / {length}");
                // Written so that NaN fails.
                if !(error <= TOLERANCE && num_same == length) {
                    failures.push((isa, name, length));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
