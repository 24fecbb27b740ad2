//! The choice of experts: the `k` largest router logits and the softmax over those alone.

/// Chooses `k = ids.len()` of `logits`, largest first, and writes their softmax.
///
/// Equal logits go to the lower index, so the choice is a function of the logits only. NaN counts
/// as smaller than every number: it is chosen only when fewer than `k` numbers exist, and makes the
/// weights NaN. One implementation for every instruction set: there are at most a few hundred
/// experts.
///
/// # Panics
/// If `weights` and `ids` differ in length, or are longer than `logits`.
pub fn topk_softmax(logits: &[f32], weights: &mut [f32], ids: &mut [u32]) {
    let k = ids.len();
    assert_eq!(weights.len(), k, "topk_softmax: weights against ids");
    assert!(
        k <= logits.len(),
        "topk_softmax: {k} of {} logits",
        logits.len()
    );

    // Insertion into a short sorted list; `weights` holds the chosen logits meanwhile.
    let mut num_chosen = 0;
    for (id, &logit) in (0u32..).zip(logits) {
        let position = weights[..num_chosen].partition_point(|&chosen| !is_larger(logit, chosen));
        if position < k {
            num_chosen = (num_chosen + 1).min(k);
            weights[position..num_chosen].rotate_right(1);
            ids[position..num_chosen].rotate_right(1);
            weights[position] = logit;
            ids[position] = id;
        }
    }

    let Some(&max) = weights.first() else { return };
    let mut sum = 0.0;
    for weight in &mut *weights {
        *weight = (*weight - max).exp();
        sum += *weight;
    }
    for weight in weights {
        *weight /= sum;
    }
}

/// Strictly larger, with NaN below every number and equal to itself.
fn is_larger(a: f32, b: f32) -> bool {
    a > b || (b.is_nan() && !a.is_nan())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choose(logits: &[f32], k: usize) -> (Vec<u32>, Vec<f32>) {
        let (mut weights, mut ids) = (vec![9.0; k], vec![9; k]);
        topk_softmax(logits, &mut weights, &mut ids);
        (ids, weights)
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        let (ids, weights) = choose(&[1.0, 3.0, 3.0, 1.0, 3.0, 1.0], 4);
        assert_eq!(ids, [1, 2, 4, 0]);
        assert_eq!(weights[0], weights[2]);
        // Zeros of both signs are equal.
        assert_eq!(choose(&[-0.0, 0.0, -0.0], 2).0, [0, 1]);
    }

    #[test]
    fn nan_is_chosen_last() {
        let nan = f32::NAN;
        let (ids, weights) = choose(&[nan, f32::NEG_INFINITY, 2.0, nan, 1.0], 3);
        assert_eq!(ids, [2, 4, 1]);
        assert!(weights.iter().all(|weight| weight.is_finite()));
        let (ids, weights) = choose(&[nan, 1.0, nan], 2);
        assert_eq!(ids, [1, 0]);
        assert!(weights.iter().all(|weight| weight.is_nan()));
    }

    #[test]
    fn the_ends_of_k_work() {
        assert_eq!(choose(&[5.0, 6.0], 0), (vec![], vec![]));
        assert_eq!(choose(&[5.0, 6.0], 1), (vec![1], vec![1.0]));
        assert_eq!(choose(&[5.0, 6.0, 4.0], 3).0, [1, 0, 2]);
    }

    #[test]
    #[should_panic(expected = "topk_softmax: 3 of 2 logits")]
    fn more_than_there_are_panics() {
        choose(&[1.0, 2.0], 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 10 } else { 500 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn it_is_a_stable_sort_and_a_softmax(
            // Few values, so that ties are common.
            logits in prop::collection::vec(
                prop_oneof![-4f32..4.0, (-3i8..3).prop_map(f32::from), Just(f32::NAN)],
                1..130,
            ),
            k in 0usize..10,
        ) {
            let k = k.min(logits.len());
            let mut order: Vec<u32> = (0u32..).take(logits.len()).collect();
            let key = |id: &u32| {
                let logit = logits[*id as usize];
                if logit.is_nan() { f32::NEG_INFINITY } else { logit }
            };
            order.sort_by(|a, b| key(b).total_cmp(&key(a)));
            order.truncate(k);

            let (ids, weights) = choose(&logits, k);
            prop_assert_eq!(&ids, &order);
            let exps = ids.iter().map(|id| f64::from(logits[*id as usize]).exp());
            let total: f64 = exps.clone().sum();
            for (weight, exp) in weights.iter().zip(exps) {
                let expected = exp / total;
                prop_assert!(
                    expected.is_nan() && weight.is_nan()
                        || (f64::from(*weight) - expected).abs() < 1e-6,
                    "{} instead of {}", weight, expected
                );
            }
        }
    }
}
