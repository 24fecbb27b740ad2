//! What the tests share: random inputs from a seed, and comparisons that say what went wrong.

/// SplitMix64: every test names its seed, so a failure repeats.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between `low` and `high`.
    pub(crate) fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// Mostly small, now and then ten times larger, as activations are.
    pub(crate) fn activations(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| {
                let reach = if self.bits().is_multiple_of(16) {
                    10.0
                } else {
                    1.0
                };
                self.uniform(-reach, reach)
            })
            .collect()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.bits() as u8).collect()
    }

    /// Any 32 bits: zeros, subnormals, infinities and NaN among them.
    pub(crate) fn any_f32(&mut self) -> f32 {
        let bits = self.bits();
        let exponent = match bits >> 60 {
            0 => 0,
            1 => 0xff << 23,
            _ => (bits >> 9) as u32 & 0xff << 23,
        };
        f32::from_bits(bits as u32 & 0x807f_ffff | exponent)
    }
}

/// Fails unless the two agree to `tolerance`, or are the same infinity, or are both NaN.
#[track_caller]
pub(crate) fn assert_close(actual: f32, expected: f64, tolerance: f64, what: &str) {
    let actual = f64::from(actual);
    let agree = if expected.is_finite() {
        (actual - expected).abs() <= tolerance
    } else {
        actual.total_cmp(&expected).is_eq() || actual.is_nan() && expected.is_nan()
    };
    assert!(
        agree,
        "{what}: {actual:e} instead of {expected:e}, more than {tolerance:e} apart"
    );
}

/// Fails unless both are the same bits, or both NaN.
#[track_caller]
pub(crate) fn assert_same_bits(actual: &[f32], expected: &[f32], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        let same = a.to_bits() == e.to_bits() || a.is_nan() && e.is_nan();
        assert!(same, "{what}: element {i} is {a:e} instead of {e:e}");
    }
}
