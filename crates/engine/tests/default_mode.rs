//! What the default mode (8-bit dense weights and activations, half-precision cache) costs in accuracy against the
//! exact one: `cargo test -p engine --test default_mode -- --nocapture` prints the table.
//!
//! Random weights choose their experts by a hair far more often than trained ones, and where a
//! rounding error lets another expert in, the logits jump. So each model also runs with *all* its
//! experts active, where nothing can jump: those bounds are tight, the others loose.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/fixture.rs"]
mod fixture;

use std::fs;

use engine::{LoadOptions, Mode, Model};
use fixture::{argmax, expected, logits_in_chunks, path};
use kernels::Isa;

/// `ln softmax`, in `f64`.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
    let sum: f64 = logits.iter().map(|&x| (f64::from(x) - max).exp()).sum();
    logits
        .iter()
        .map(|&x| f64::from(x) - max - sum.ln())
        .collect()
}

/// A fixture, with another number of active experts if one is given.
fn load(name: &str, mode: Mode, isa: Isa, active: Option<u64>) -> Model {
    let mut config: serde_json::Value =
        serde_json::from_slice(&fs::read(path(name).join("config.json")).unwrap()).unwrap();
    if let Some(active) = active {
        config["num_experts_per_tok"] = active.into();
    }
    let weights = fs::read(path(name).join("model.safetensors")).unwrap();
    let options = LoadOptions {
        mode,
        num_threads: 2,
        isa,
    };
    Model::from_bytes(config.to_string().as_bytes(), weights, &options).unwrap()
}

/// Median and mean Kullback-Leibler divergence of the default mode from the exact one over the 600
/// positions of a prompt, and how often both have the same best token.
fn compare(name: &str, isa: Isa, active: Option<u64>) -> (f64, f64, f64) {
    let tokens = expected(name, 600).tokens;
    let run = |mode| logits_in_chunks(&load(name, mode, isa, active), &tokens, &[600]);
    let (exact, default) = (run(Mode::Exact), run(Mode::Default));
    assert!(exact != default, "{name}: the modes are the same");
    let divergence = |p: &[f32], q: &[f32]| -> f64 {
        let (p, q) = (log_softmax(p), log_softmax(q));
        p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum()
    };
    let pairs = || exact.iter().zip(&default);
    let mut divergences: Vec<f64> = pairs().map(|(p, q)| divergence(p, q)).collect();
    divergences.sort_by(f64::total_cmp);
    let mean = divergences.iter().sum::<f64>() / 600.0;
    let same = pairs().filter(|(p, q)| argmax(p) == argmax(q)).count() as f64 / 600.0;
    let isa = isa.name();
    println!(
        "{isa:8} {name:16} {active:?}\t{:.1e}  {mean:.1e}  {same:.3}",
        divergences[300]
    );
    (divergences[300], mean, same)
}

#[test]
fn default_mode_stays_close_to_exact() {
    println!("isa      model            active\tmedian   mean KL  same top-1");
    // Experts of each; bf16 experts take f32 activations, so there only the dense weights and the
    // cache are rounded.
    let models = [
        ("bf16_experts", 4, 0.002),
        ("gqa4", 8, 0.005),
        ("rope_parameters", 16, 0.005),
    ];
    for isa in Isa::available() {
        for (name, num_experts, bound) in models {
            let (median, mean, same) = compare(name, isa, Some(num_experts));
            assert!(
                median <= bound && mean <= 2.0 * bound && same >= 0.93,
                "{name}, all experts"
            );
            let (median, mean, same) = compare(name, isa, None);
            assert!(median <= 0.02 && mean <= 0.2 && same >= 0.8, "{name}");
        }
    }
}
