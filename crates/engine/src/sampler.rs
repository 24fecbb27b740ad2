//! From a row of logits to a token, one [`Sampler`] per sequence.
//!
//! The order of operations is vLLM's. Candidates are the ids below the engine's
//! `num_sampled_tokens`.
//! 1. `logit_bias` is added; what the constraint forbids is taken out.
//! 2. `repetition_penalty`, then `frequency_penalty` and `presence_penalty`.
//! 3. `temperature` 0 takes the highest logit. Otherwise logits are divided by the temperature and
//! 4. `min_p`, then `top_k`, then `top_p` (over what the first two left) cut the tail off.
//! 5. One token is drawn from what is left, in proportion to the probabilities.
//!
//! Log-probabilities are of the raw distribution: the log-softmax of the whole row as the model
//! gave it, before step 1. That is what OpenAI and (by default) vLLM report.
//!
//! Every choice has one answer on every platform: equal logits rank by lower id, the exponential is
//! our own, and the random number of a token depends on the seed and the token's index alone. The
//! three cuts of step 4 each keep a prefix of the same ranking (higher logit, then lower id), so a
//! cut is one [`RankKey`], found by partial selection; the 201,088 logits are never sorted.

mod exp;
mod params;

use std::collections::{HashMap, HashSet};

use crate::TokenId;
use crate::constraint::TokenMask;
use crate::rng::CounterRng;

pub use exp::log_sum_exp;
pub use params::{
    MAX_LOGIT_BIAS, MAX_PENALTY, MAX_TEMPERATURE, MAX_TOP_LOGPROBS, SamplingError, SamplingParams,
};

/// One generated token.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedToken {
    /// Its id.
    pub id: TokenId,
    /// Its raw log-probability, if asked for. Negative infinity stands for a probability of zero
    /// (only a constraint or a logit bias can bring such a token about).
    pub logprob: Option<f32>,
    /// The most probable tokens and their raw log-probabilities, best first, as many as asked for.
    pub top_logprobs: Vec<(TokenId, f32)>,
}

/// The sampling state of one sequence: its parameters, its random stream, and the tokens it has
/// seen as far as the penalties need them.
#[derive(Clone, Debug)]
pub struct Sampler {
    params: SamplingParams,
    rng: CounterRng,
    /// How many tokens were sampled, which is also the index of the next random number.
    num_sampled: u64,
    /// How often each token was generated; kept only if a penalty is on.
    counts: HashMap<TokenId, u32>,
    /// The tokens of the prompt; kept only if the repetition penalty is on.
    prompt: HashSet<TokenId>,
}

/// Memory of one sampling step, reused between steps and shared by the samplers of an engine.
#[derive(Clone, Debug, Default)]
pub struct SamplerScratch {
    /// The logits after steps 1 and 2.
    logits: Vec<f32>,
    /// `exp((logit - max) / temperature)`: probabilities up to a common factor, 1 for the best.
    weights: Vec<f64>,
    /// The candidates while cuts are made, the kept ones first.
    keys: Vec<RankKey>,
}

impl Sampler {
    /// A sampler for a sequence that starts with `prompt`. `params.seed` wins over `fallback_seed`,
    /// which a caller takes from a source of entropy.
    ///
    /// # Errors
    /// A parameter is out of its range.
    pub fn new(
        params: SamplingParams,
        prompt: &[TokenId],
        fallback_seed: u64,
    ) -> Result<Self, SamplingError> {
        params.validate()?;
        let rng = CounterRng::new(params.seed.unwrap_or(fallback_seed));
        let prompt = match params.repetition_penalty {
            1.0 => HashSet::new(),
            _ => prompt.iter().copied().collect(),
        };
        Ok(Sampler {
            params,
            rng,
            num_sampled: 0,
            counts: HashMap::new(),
            prompt,
        })
    }

    /// Samples the next token from `logits` (the model's row, `[vocab_size]`). Ids from
    /// `num_sampled_tokens` on and ids that `mask` forbids are never chosen. NaN counts as negative
    /// infinity, positive infinity as the largest number.
    ///
    /// If every candidate has a logit of negative infinity but there is only one candidate, then it
    /// is the token: a constraint that leaves no choice is obeyed whatever the model thinks.
    ///
    /// # Errors
    /// [`SamplingError::NothingToSample`] if no candidate has a probability above zero.
    pub fn sample(
        &mut self,
        logits: &[f32],
        num_sampled_tokens: usize,
        mask: &TokenMask,
        scratch: &mut SamplerScratch,
    ) -> Result<GeneratedToken, SamplingError> {
        let num_candidates = num_sampled_tokens.min(logits.len());
        scratch.logits.clear();
        scratch.logits.extend(
            logits[..num_candidates]
                .iter()
                .map(|&logit| sanitize(logit)),
        );
        self.add_bias(&mut scratch.logits);
        if let TokenMask::Only(_) = mask {
            for (id, logit) in scratch.logits.iter_mut().enumerate() {
                if !mask.allows(id as TokenId) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        self.penalize(&mut scratch.logits);

        let id = match best(&scratch.logits) {
            None => sole_candidate(mask, num_candidates).ok_or(SamplingError::NothingToSample)?,
            Some(best) if self.params.temperature == 0.0 => best,
            Some(best) => self.draw(best, scratch),
        };
        self.num_sampled += 1;
        if self.params.has_penalties() {
            *self.counts.entry(id).or_default() += 1;
        }
        Ok(self.describe(id, logits, num_candidates))
    }

    fn add_bias(&self, logits: &mut [f32]) {
        for &(id, bias) in &self.params.logit_bias {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit += bias;
            }
        }
    }

    fn penalize(&self, logits: &mut [f32]) {
        let SamplingParams {
            repetition_penalty,
            frequency_penalty,
            presence_penalty,
            ..
        } = self.params;
        if repetition_penalty != 1.0 {
            let generated = self.counts.keys().filter(|id| !self.prompt.contains(id));
            for &id in self.prompt.iter().chain(generated) {
                if let Some(logit) = logits.get_mut(id as usize) {
                    let penalized = match *logit > 0.0 {
                        true => *logit / repetition_penalty,
                        false => *logit * repetition_penalty,
                    };
                    *logit = sanitize(penalized);
                }
            }
        }
        for (&id, &count) in &self.counts {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit -= frequency_penalty * count as f32 + presence_penalty;
            }
        }
    }

    /// Draws a token at a temperature above zero. `best` has a finite logit.
    fn draw(&self, best: TokenId, scratch: &mut SamplerScratch) -> TokenId {
        let SamplerScratch {
            logits,
            weights,
            keys,
        } = scratch;
        exp::weights(
            logits,
            logits[best as usize],
            self.params.temperature,
            weights,
        );
        let random = self.rng.uniform(self.num_sampled);
        if !self.params.has_cuts() {
            return draw(weights, 0..logits.len() as TokenId, random).unwrap_or(best);
        }

        keys.clear();
        let min_weight = f64::from(self.params.min_p);
        keys.extend(
            (0..logits.len())
                .filter(|&id| weights[id] > 0.0 && weights[id] >= min_weight)
                .map(|id| RankKey::new(logits[id], id as TokenId)),
        );
        if self.params.top_k != 0 && self.params.top_k < keys.len() {
            keys.select_nth_unstable(self.params.top_k);
            keys.truncate(self.params.top_k);
        }
        if self.params.top_p < 1.0 {
            let len = nucleus_len(keys, weights, f64::from(self.params.top_p));
            keys.truncate(len);
        }
        // Back to the order of ids, the order in which an uncut distribution is walked.
        keys.sort_unstable_by_key(|key| key.id());
        draw(weights, keys.iter().map(|key| key.id()), random).unwrap_or(best)
    }

    fn describe(&self, id: TokenId, logits: &[f32], num_candidates: usize) -> GeneratedToken {
        let Some(num_top) = self.params.top_logprobs else {
            return GeneratedToken {
                id,
                logprob: None,
                top_logprobs: Vec::new(),
            };
        };
        let normalizer = log_sum_exp(logits);
        let logprob = |id: TokenId| {
            let logprob = (f64::from(sanitize(logits[id as usize])) - normalizer) as f32;
            // A row without any finite logit has no distribution: nothing in it is probable.
            if logprob.is_nan() {
                f32::NEG_INFINITY
            } else {
                logprob
            }
        };
        let top = top_keys(&logits[..num_candidates], usize::from(num_top));
        GeneratedToken {
            id,
            logprob: Some(logprob(id)),
            top_logprobs: top
                .iter()
                .map(|key| (key.id(), logprob(key.id())))
                .collect(),
        }
    }
}

/// A token's place in the ranking, packed so that comparing integers compares places: the smallest
/// key has the highest logit and, among equal logits, the lowest id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RankKey(u64);

impl RankKey {
    fn new(logit: f32, id: TokenId) -> Self {
        // Adding zero turns -0 into +0: they are equal logits.
        let bits = (logit + 0.0).to_bits();
        // The usual order-preserving map from floats to integers.
        let ascending = if bits >> 31 == 1 {
            !bits
        } else {
            bits | 1 << 31
        };
        RankKey(u64::from(!ascending) << 32 | u64::from(id))
    }

    fn id(self) -> TokenId {
        self.0 as TokenId
    }
}

/// A logit that arithmetic can rely on: never NaN, never positive infinity.
fn sanitize(logit: f32) -> f32 {
    if logit.is_nan() {
        f32::NEG_INFINITY
    } else {
        logit.min(f32::MAX)
    }
}

/// The lowest id with the highest logit; `None` if all are negative infinity.
fn best(logits: &[f32]) -> Option<TokenId> {
    let max = exp::max(logits);
    if max == f32::NEG_INFINITY {
        return None;
    }
    logits
        .iter()
        .position(|&logit| logit == max)
        .map(|id| id as TokenId)
}

/// The only id below `num_candidates` that `mask` allows, if there is exactly one.
fn sole_candidate(mask: &TokenMask, num_candidates: usize) -> Option<TokenId> {
    let mut candidates = (0..num_candidates as TokenId).filter(|&id| mask.allows(id));
    candidates.next().filter(|_| candidates.next().is_none())
}

/// Draws one of `ids` in proportion to its weight, given a `random` number from [0, 1).
fn draw(
    weights: &[f64],
    ids: impl Iterator<Item = TokenId> + Clone,
    random: f64,
) -> Option<TokenId> {
    let total: f64 = ids.clone().map(|id| weights[id as usize]).sum();
    let target = random * total;
    let mut sum = 0.0;
    let mut last = None;
    for id in ids {
        let weight = weights[id as usize];
        if weight > 0.0 {
            sum += weight;
            last = Some(id);
            if sum > target {
                break;
            }
        }
    }
    last
}

/// How many of the best `keys` make up at least the share `top_p` of the weight of all of them, at
/// least one. Puts those keys first. A quickselect by weight: expected linear time.
fn nucleus_len(keys: &mut [RankKey], weights: &[f64], top_p: f64) -> usize {
    let sum_of = |keys: &[RankKey]| {
        keys.iter()
            .map(|key| weights[key.id() as usize])
            .sum::<f64>()
    };
    let mut missing = top_p * sum_of(keys);
    // The answer lies in `low + 1..=high`; the first `low` keys are in and subtracted from
    // `missing`.
    let (mut low, mut high) = (0, keys.len());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        keys[low..high].select_nth_unstable(middle - low);
        let sum = sum_of(&keys[low..middle]);
        if sum >= missing {
            high = middle;
        } else {
            missing -= sum;
            low = middle;
        }
    }
    high
}

/// The keys of the `count` best logits, best first. `count` is small.
fn top_keys(logits: &[f32], count: usize) -> Vec<RankKey> {
    let mut top: Vec<RankKey> = Vec::with_capacity(count + 1);
    // What a key must beat. Nearly all fail this one comparison.
    let mut bar = if count == 0 {
        RankKey(0)
    } else {
        RankKey(u64::MAX)
    };
    for (id, &logit) in logits.iter().enumerate() {
        let key = RankKey::new(sanitize(logit), id as TokenId);
        if key < bar {
            top.insert(top.partition_point(|other| *other < key), key);
            top.truncate(count);
            if top.len() == count {
                bar = top[count - 1];
            }
        }
    }
    top
}

#[cfg(test)]
mod tests;
