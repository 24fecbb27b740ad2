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
