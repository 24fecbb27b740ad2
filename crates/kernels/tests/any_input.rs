//! The vector operations on inputs that nobody chose: every instruction set agrees with the scalar
//! oracle on ordinary numbers, and no bits at all make any of them panic.

use kernels::*;
use proptest::prelude::*;

fn ordinary(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-20f32..20.0, len)
}

fn any_bits(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f32>> {
    let special = prop::sample::select(vec![
        0.0,
        -0.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN_POSITIVE,
        1e-45,
    ]);
    let float = prop_oneof![special, any::<u32>().prop_map(f32::from_bits)];
    prop::collection::vec(float, len)
}

/// The results of every operation on one input, each under its name.
fn run_all(isa: Isa, x: &[f32], scalar: f32) -> Vec<(&'static str, Vec<f32>)> {
    let len = x.len();
    let reversed: Vec<f32> = x.iter().rev().copied().collect();
    let mut half = vec![0; len];
    // The same halves for all: rounding is compared elsewhere.
    f32_to_f16(Isa::Scalar, &reversed, &mut half);

    let mut results = vec![
        ("dot_f32", vec![dot_f32(isa, x, &reversed)]),
        ("dot_f32_f16", vec![dot_f32_f16(isa, x, &half)]),
    ];
    let mut y = reversed.clone();
    axpy_f32(isa, scalar, x, &mut y);
    results.push(("axpy_f32", y));
    let mut y = x.to_vec();
    axpy_f32_f16(isa, scalar, &half, &mut y);
    results.push(("axpy_f32_f16", y));
    let mut y = vec![0.0; len];
    if len > 0 {
        rmsnorm(isa, x, &reversed, 1e-5, &mut y);
    }
    results.push(("rmsnorm", y));
    let mut y = x.to_vec();
    softmax_with_sink(isa, &mut y, scalar);
    results.push(("softmax_with_sink", y));
    let even = len / 2 * 2;
    let mut y = x[..even].to_vec();
    rope(
        isa,
        &mut y,
        &reversed[..even / 2],
        &reversed[even / 2..even],
    );
    results.push(("rope", y));
    let mut y = vec![0.0; even / 2];
    swiglu(isa, &x[..even], 1.702, 7.0, &mut y);
    results.push(("swiglu", y));
    results
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 5 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_instruction_set_agrees_with_the_scalar_oracle(
        x in ordinary(0..200),
        scalar in -20f32..20.0,
    ) {
        let expected = run_all(Isa::Scalar, &x, scalar);
        for isa in Isa::available() {
            for ((name, actual), (_, expected)) in run_all(isa, &x, scalar).iter().zip(&expected) {
                // Sums of up to 200 products of up to 400; everything else is smaller.
                let sizes = actual.iter().chain(expected).map(|y| y.abs());
                let size = sizes.fold(1.0, f32::max);
                let size = if name.starts_with("dot") { 80_000.0 } else { size.max(800.0) };
                let tolerance = if *name == "softmax_with_sink" { 1e-5 } else { 1e-6 * size };
                for (a, e) in actual.iter().zip(expected) {
                    prop_assert!(
                        (a - e).abs() <= tolerance,
                        "{name} on {}: {a} instead of {e}", isa.name()
                    );
                }
            }
        }
    }

    #[test]
    fn no_bits_panic_and_every_run_gives_the_same(
        x in any_bits(0..100),
        scalar in any::<u32>().prop_map(f32::from_bits),
    ) {
        for isa in Isa::available() {
            let bits = |results: Vec<(_, Vec<f32>)>| -> Vec<u32> {
                results.into_iter().flat_map(|(_, y)| y).map(f32::to_bits).collect()
            };
            let first = bits(run_all(isa, &x, scalar));
            prop_assert_eq!(first, bits(run_all(isa, &x, scalar)));
        }
    }
}
