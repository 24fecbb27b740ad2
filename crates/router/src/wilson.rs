//! How far a share that was counted can be from the true one.

/// The number of standard deviations that 95 % of a normal distribution lie within.
const Z: f64 = 1.959_963_984_540_054;

/// The Wilson score interval at 95 % for `successes` of `total` trials: the shares, 0 to 1, that
/// the count does not contradict. `None` if there were no trials. Counts may be fractions, as
/// decayed ones are.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal
/// of the American Statistical Association 22 (1927).
pub(crate) fn wilson_interval(successes: f64, total: f64) -> Option<(f64, f64)> {
    if total.is_nan() || total <= 0.0 {
        return None;
    }
    let share = (successes / total).clamp(0.0, 1.0);
    let z2 = Z * Z;
    let scale = 1.0 + z2 / total;
    let center = (share + z2 / (2.0 * total)) / scale;
    let spread = Z * (share * (1.0 - share) / total + z2 / (4.0 * total * total)).sqrt() / scale;
    Some(((center - spread).max(0.0), (center + spread).min(1.0)))
}
