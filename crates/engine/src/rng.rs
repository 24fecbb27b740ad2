//! Random bits as a pure function of (seed, index): SplitMix64 (Steele, Lea and Flood, "Fast
//! splittable pseudorandom number generators", 2014), whose n-th output depends on the seed and n
//! alone. Any index can be drawn in any order on any platform, so a sequence that is computed again
//! draws the same numbers and a tensor can be filled by several threads.

/// 2^64 / golden ratio, odd: the step between consecutive states.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random 64-bit words that are addressed by index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CounterRng {
    state: u64,
}

impl CounterRng {
    /// The stream of `seed`. Seeds are scrambled first: neighbouring seeds give unrelated streams,
    /// not shifted ones.
    pub(crate) fn new(seed: u64) -> Self {
        CounterRng {
            state: mix(seed ^ 0x6a09_e667_f3bc_c909),
        }
    }

    /// The stream for `name` under this one, for example a tensor's own stream under a checkpoint's
    /// seed (FNV-1a hash).
    pub(crate) fn fork(self, name: &str) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        CounterRng::new(self.state ^ mix(hash))
    }

    /// Word number `index`.
    pub(crate) fn bits(self, index: u64) -> u64 {
        mix(self
            .state
            .wrapping_add(GAMMA.wrapping_mul(index.wrapping_add(1))))
    }

    /// Number `index`, uniform in [0, 1) with 53 random bits.
    pub(crate) fn uniform(self, index: u64) -> f64 {
        (self.bits(index) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

/// The output function of SplitMix64: a bijection whose output bits each depend on every input bit.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_splitmix64() {
        // First outputs of the public-domain reference implementation for the state 1234567.
        let rng = CounterRng { state: 1_234_567 };
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!([0, 1, 2, 3, 4].map(|index| rng.bits(index)), expected);
    }

    #[test]
    fn uniform_numbers_fill_the_unit_interval_evenly() {
        const NUM_BINS: usize = 64;
        for seed in 0..8 {
            let rng = CounterRng::new(seed);
            let mut counts = [0u32; NUM_BINS];
            for index in 0..64_000 {
                let u = rng.uniform(index);
                assert!((0.0..1.0).contains(&u));
                counts[(u * NUM_BINS as f64) as usize] += 1;
            }
            let chi_square: f64 = counts
                .iter()
                .map(|&count| (f64::from(count) - 1000.0).powi(2) / 1000.0)
                .sum();
            // 63 degrees of freedom: mean 63, deviation 11.2; both tails at 5 deviations.
            assert!(
                (20.0..120.0).contains(&chi_square),
                "seed {seed}: {chi_square}"
            );
        }
    }

    #[test]
    fn neighbouring_seeds_and_names_give_unrelated_streams() {
        let streams = [
            CounterRng::new(0),
            CounterRng::new(1),
            CounterRng::new(u64::MAX),
            CounterRng::new(0).fork("a"),
            CounterRng::new(0).fork("b"),
            CounterRng::new(1).fork("a"),
        ];
        let mut words: Vec<u64> = streams
            .iter()
            .flat_map(|rng| (0..1000).map(|index| rng.bits(index)))
            .collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 6000);
    }
}
