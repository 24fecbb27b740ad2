//! Numbers that look like chance and are the same on every machine.

/// SplitMix64: small, and good enough for what only has to look natural.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something happens that happens with this probability.
    pub(super) fn is(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From `low` to below `high`, any as likely as any other.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// Around `median`, now and then several times as much, as waiting times are.
    pub(super) fn around(&mut self, median: f64) -> f64 {
        // Three of them together come near enough to a bell.
        let bell = self.unit() + self.unit() + self.unit() - 1.5;
        // `exp` differs in its last bits from system to system; this is near enough to it.
        let root = 1.0 + bell * 1.1 / 8.0;
        let (square, fourth) = (root * root, root * root * root * root);
        median * square * square * fourth
    }

    /// A place in a list, each as likely as its weight says; 0 if there are none.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.unit() * weights.clone().sum::<f64>();
        for (place, weight) in weights.enumerate() {
            left -= weight;
            if left < 0.0 {
                return place;
            }
        }
        0
    }

    /// Letters and digits.
    pub(super) fn word(&mut self, len: usize) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut digit = || char::from(DIGITS[(self.next() % 62) as usize]);
        (0..len).map(|_| digit()).collect()
    }
}
