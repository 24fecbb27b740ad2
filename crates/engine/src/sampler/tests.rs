//! The sampler against a plain one that sorts everything and computes in f64.

use proptest::prelude::*;

use super::*;
use crate::constraint::TokenSet;

/// What happened to a sequence so far.
struct History<'a> {
    prompt: &'a [TokenId],
    generated: &'a [TokenId],
}

/// Ranking, cuts and draw by full sort and the standard library's exponential, straight from the
/// module's head comment. `random` is from [0, 1).
fn oracle(
    params: &SamplingParams,
    history: &History<'_>,
    logits: &[f32],
    num_sampled_tokens: usize,
    mask: &TokenMask,
    random: f64,
) -> Option<TokenId> {
    let candidates: Vec<TokenId> = (0..logits.len().min(num_sampled_tokens) as TokenId)
        .filter(|&id| mask.allows(id))
        .collect();
    let mut ranked: Vec<(TokenId, f64)> = candidates
        .iter()
        .map(|&id| (id, penalized(params, history, id, logits[id as usize])))
        .filter(|&(_, logit)| logit > f32::NEG_INFINITY)
        .map(|(id, logit)| (id, f64::from(logit)))
        .collect();
    if ranked.is_empty() {
        return if let [sole] = candidates[..] {
            Some(sole)
        } else {
            None
        };
    }
    ranked.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
    let max = ranked[0].1;
    if params.temperature == 0.0 {
        return ranked
            .iter()
            .filter(|(_, logit)| *logit == max)
            .map(|&(id, _)| id)
            .min();
    }
    let temperature = f64::from(params.temperature);
    let mut kept: Vec<(TokenId, f64)> = ranked
        .iter()
        .map(|&(id, logit)| (id, ((logit - max) / temperature).exp()))
        .collect();
    kept.retain(|&(_, weight)| weight >= f64::from(params.min_p));
    if params.top_k != 0 {
        kept.truncate(params.top_k);
    }
    if params.top_p < 1.0 {
        let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let mut len = 0;
        while len == 0 || sum < f64::from(params.top_p) * total {
            sum += kept[len].1;
            len += 1;
        }
        kept.truncate(len);
    }
    kept.sort_by_key(|&(id, _)| id);
    let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0.0;
    kept.iter()
        .find(|(_, weight)| {
            sum += weight;
            sum > random * total
        })
        .map(|&(id, _)| id)
}

fn penalized(params: &SamplingParams, history: &History<'_>, id: TokenId, logit: f32) -> f32 {
    let mut logit = if logit.is_nan() {
        f32::NEG_INFINITY
    } else {
        logit.min(f32::MAX)
    };
    logit += params
        .logit_bias
        .iter()
        .filter(|(other, _)| *other == id)
        .map(|(_, b)| b)
        .sum::<f32>();
    let count = history
        .generated
        .iter()
        .filter(|&&other| other == id)
        .count();
    if count > 0 || history.prompt.contains(&id) {
        let factor = params.repetition_penalty;
        logit = if logit > 0.0 {
            logit / factor
        } else {
            logit * factor
        };
        logit = logit.min(f32::MAX);
    }
    if count > 0 {
        logit -= params.frequency_penalty * count as f32 + params.presence_penalty;
    }
    logit
}

/// Fresh random logits of `len` tokens: a bell curve of width `spread`, or coarse steps full of
/// ties.
fn random_logits(seed: u64, len: usize, spread: f64, ties: bool) -> Vec<f32> {
    let rng = CounterRng::new(seed);
    (0..len as u64)
        .map(|index| {
            let bell: f64 = (0..12).map(|k| rng.uniform(index * 12 + k)).sum::<f64>() - 6.0;
            let logit = bell * spread;
            (if ties { logit.round() } else { logit }) as f32
        })
        .collect()
}

fn any_params() -> impl Strategy<Value = SamplingParams> {
    let off_or = |off: f32, range: std::ops::Range<f32>| prop_oneof![Just(off), range];
    (
        prop_oneof![Just(0.0f32), Just(1.0f32), 0.01f32..2.0],
        off_or(1.0, 0.0..1.0),
        prop_oneof![Just(0usize), 1usize..12, 12usize..400],
        off_or(0.0, 0.0..1.0),
        off_or(0.0, -2.0..2.0),
        off_or(0.0, -2.0..2.0),
        off_or(1.0, 0.5..2.0),
        prop::collection::btree_map(0u32..300, -100.0f32..100.0, 0..4),
        any::<u64>(),
        prop::option::of(0u8..=20),
    )
        .prop_map(
            |(
                temperature,
                top_p,
                top_k,
                min_p,
                frequency_penalty,
                presence_penalty,
                repetition_penalty,
                logit_bias,
                seed,
                top_logprobs,
            )| SamplingParams {
                temperature,
                top_p,
                top_k,
                min_p,
                frequency_penalty,
                presence_penalty,
                repetition_penalty,
                logit_bias: logit_bias.into_iter().collect(),
                seed: Some(seed),
                top_logprobs,
            },
        )
}

fn any_logits() -> impl Strategy<Value = Vec<f32>> {
    let odd = prop_oneof![
        Just(f32::NAN),
        Just(f32::INFINITY),
        Just(f32::NEG_INFINITY),
        Just(-0.0f32),
        Just(f32::MAX),
        Just(f32::MIN),
    ];
    (
        any::<u64>(),
        1usize..300,
        prop_oneof![Just(0.0), 0.5..8.0],
        any::<bool>(),
        prop_oneof![
            3 => Just(Vec::new()).boxed(),
            1 => prop::collection::vec((any::<prop::sample::Index>(), odd), 1..40).boxed(),
        ],
    )
        .prop_map(|(seed, len, spread, ties, odd)| {
            let mut logits = random_logits(seed, len, spread, ties);
            for (index, value) in odd {
                let index = index.index(len);
                logits[index] = value;
            }
            logits
        })
}

fn any_mask() -> impl Strategy<Value = TokenMask> {
    prop_oneof![
        2 => Just(TokenMask::All).boxed(),
        1 => prop::collection::vec(0u32..300, 0..100)
            .prop_map(|ids| TokenSet::from_ids(300, ids).into())
            .boxed(),
        1 => (0u32..300).prop_map(|id| TokenSet::from_ids(300, [id]).into()).boxed(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_sequence_of_tokens_is_the_oracles(
        params in any_params(),
        prompt in prop::collection::vec(0u32..310, 0..30),
        steps in prop::collection::vec((any_logits(), any_mask(), 0usize..320), 1..6),
    ) {
        let seed = params.seed.unwrap();
        let mut sampler = Sampler::new(params.clone(), &prompt, 0).unwrap();
        let mut scratch = SamplerScratch::default();
        let mut generated = Vec::new();
        for (logits, mask, num_sampled_tokens) in steps {
            let random = CounterRng::new(seed).uniform(generated.len() as u64);
            let history = History { prompt: &prompt, generated: &generated };
            let expected = oracle(&params, &history, &logits, num_sampled_tokens, &mask, random);
            let token = sampler.sample(&logits, num_sampled_tokens, &mask, &mut scratch);
            match token {
                Ok(token) => {
                    prop_assert_eq!(Some(token.id), expected);
                    generated.push(token.id);
                }
                Err(error) => {
                    prop_assert_eq!(error, SamplingError::NothingToSample);
                    prop_assert_eq!(expected, None);
                }
            }
        }
    }

    #[test]
    fn logprobs_are_the_log_softmax_of_the_raw_row(
        params in any_params(),
        logits in any_logits(),
        num_sampled_tokens in 1usize..320,
    ) {
        let mut sampler = Sampler::new(params.clone(), &[], 0).unwrap();
        let Ok(token) = sampler.sample(
            &logits, num_sampled_tokens, &TokenMask::All, &mut SamplerScratch::default(),
        ) else {
            return Ok(());
        };
        let Some(num_top) = params.top_logprobs else {
            prop_assert_eq!((token.logprob, token.top_logprobs), (None, Vec::new()));
            return Ok(());
        };
        let raw: Vec<f64> = logits
            .iter()
            .map(|&logit| if logit.is_nan() { f64::NEG_INFINITY } else { logit.min(f32::MAX).into() })
            .collect();
        let max = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let normalizer = max + raw.iter().map(|logit| (logit - max).exp()).sum::<f64>().ln();
        let close = |logprob: f32, id: TokenId| {
            let expected = match (raw[id as usize] - normalizer) as f32 {
                // No logit is finite.
                difference if difference.is_nan() => f32::NEG_INFINITY,
                difference => difference,
            };
            logprob == expected || (logprob - expected).abs() <= 1e-6 * expected.abs().max(1.0)
        };
        prop_assert!(close(token.logprob.unwrap(), token.id));

        let mut ranked: Vec<TokenId> = (0..logits.len().min(num_sampled_tokens) as TokenId).collect();
        ranked.sort_by(|&a, &b| raw[b as usize].partial_cmp(&raw[a as usize]).unwrap());
        ranked.truncate(num_top.into());
        let top_ids: Vec<TokenId> = token.top_logprobs.iter().map(|&(id, _)| id).collect();
        prop_assert_eq!(top_ids, ranked);
        prop_assert!(token.top_logprobs.iter().all(|&(id, logprob)| close(logprob, id)));
    }
}

#[test]
fn the_oracle_agrees_over_the_vocabulary_of_gpt_oss() {
    let params = |top_p, top_k, min_p| SamplingParams {
        top_p,
        top_k,
        min_p,
        seed: Some(3),
        top_logprobs: Some(20),
        ..SamplingParams::default()
    };
    let variants = [
        params(1.0, 0, 0.0),
        params(0.95, 0, 0.0),
        params(0.999, 0, 0.0),
        params(1.0, 40, 0.0),
        params(0.9, 100_000, 0.0),
        params(0.8, 5000, 0.01),
        SamplingParams::greedy(),
    ];
    let mut scratch = SamplerScratch::default();
    for (seed, spread, ties) in [
        (1, 0.1, false),
        (2, 2.0, false),
        (3, 2.0, true),
        (4, 0.0, false),
    ] {
        let logits = random_logits(seed, 201_088, spread, ties);
        for params in &variants {
            let mut sampler = Sampler::new(params.clone(), &[], 0).unwrap();
            for index in 0..4 {
                let random = CounterRng::new(params.seed.unwrap_or(0)).uniform(index);
                let history = History {
                    prompt: &[],
                    generated: &[],
                };
                let mask = TokenMask::All;
                let expected = oracle(params, &history, &logits, 200_019, &mask, random);
                let token = sampler
                    .sample(&logits, 200_019, &mask, &mut scratch)
                    .unwrap();
                assert_eq!(Some(token.id), expected, "spread {spread}, {params:?}");
            }
        }
    }
}

/// Pearson's statistic of `counts` against `probabilities` over `num_draws` draws.
fn chi_square(counts: &[u32], probabilities: &[f64], num_draws: u32) -> f64 {
    counts
        .iter()
        .zip(probabilities)
        .map(|(&count, probability)| {
            let expected = probability * f64::from(num_draws);
            (f64::from(count) - expected).powi(2) / expected
        })
        .sum()
}

#[test]
fn tokens_come_as_often_as_they_are_probable() {
    const NUM_DRAWS: u32 = 20_000;
    let logits = [0.3f32, -1.0, 2.0, 1.1, 0.0, -0.4, 0.9, 1.5];
    let params = SamplingParams {
        temperature: 0.7,
        ..SamplingParams::default()
    };
    let weights = logits.map(|logit| (f64::from(logit) / f64::from(params.temperature)).exp());
    let total: f64 = weights.iter().sum();
    let probabilities = weights.map(|weight| weight / total);
    let mut scratch = SamplerScratch::default();
    let mut draw = |sampler: &mut Sampler| {
        sampler
            .sample(&logits, 8, &TokenMask::All, &mut scratch)
            .unwrap()
            .id as usize
    };

    // Along one sequence, and over the first tokens of many with neighbouring seeds.
    let mut along = [0; 8];
    let mut sampler = Sampler::new(params.clone(), &[], 17).unwrap();
    let mut across = [0; 8];
    for seed in 0..NUM_DRAWS {
        along[draw(&mut sampler)] += 1;
        across[draw(&mut Sampler::new(params.clone(), &[], seed.into()).unwrap())] += 1;
    }
    for counts in [along, across] {
        let statistic = chi_square(&counts, &probabilities, NUM_DRAWS);
        // 7 degrees of freedom: 24.3 is passed once in a thousand; below 0.6 is as rare.
        assert!((0.6..24.3).contains(&statistic), "{counts:?}: {statistic}");
    }
}

#[test]
fn the_same_seed_gives_the_same_tokens_on_every_platform() {
    let logits = random_logits(5, 1000, 1.0, false);
    let generate = |seed| {
        let params = SamplingParams {
            seed: Some(seed),
            ..SamplingParams::default()
        };
        let mut sampler = Sampler::new(params, &[], 99).unwrap();
        let mut scratch = SamplerScratch::default();
        (0..8)
            .map(|_| {
                sampler
                    .sample(&logits, 1000, &TokenMask::All, &mut scratch)
                    .unwrap()
                    .id
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(generate(42), [532, 920, 925, 978, 306, 898, 271, 184]);
    assert_ne!(generate(42), generate(43));
}

#[test]
fn a_seed_in_the_request_wins_over_the_fallback() {
    let logits = random_logits(6, 100, 1.0, false);
    let tokens = |seed, fallback| {
        let params = SamplingParams {
            seed,
            ..SamplingParams::default()
        };
        let mut sampler = Sampler::new(params, &[], fallback).unwrap();
        let mut scratch = SamplerScratch::default();
        [(); 20].map(|()| {
            sampler
                .sample(&logits, 100, &TokenMask::All, &mut scratch)
                .unwrap()
                .id
        })
    };
    assert_eq!(tokens(Some(1), 2), tokens(Some(1), 3));
    assert_eq!(tokens(None, 1), tokens(Some(1), 2));
    assert_ne!(tokens(None, 2), tokens(None, 3));
}

#[test]
fn ids_without_a_meaning_are_never_sampled() {
    let logits = [0.0, 1.0, 50.0, 60.0];
    for params in [SamplingParams::default(), SamplingParams::greedy()] {
        let params = SamplingParams {
            top_logprobs: Some(4),
            ..params
        };
        let mut sampler = Sampler::new(params, &[], 1).unwrap();
        let token = sampler
            .sample(&logits, 2, &TokenMask::All, &mut SamplerScratch::default())
            .unwrap();
        assert!(token.id < 2);
        assert_eq!(
            token
                .top_logprobs
                .iter()
                .map(|&(id, _)| id)
                .collect::<Vec<_>>(),
            [1, 0]
        );
    }
}

#[test]
fn a_constraint_that_leaves_one_token_is_obeyed_even_if_the_model_rules_it_out() {
    for logits in [[0.0, f32::NEG_INFINITY, 1.0], [f32::NAN; 3]] {
        let params = SamplingParams {
            top_logprobs: Some(0),
            ..SamplingParams::default()
        };
        let mut sampler = Sampler::new(params, &[], 1).unwrap();
        let mask = TokenSet::from_ids(3, [1]).into();
        let token = sampler
            .sample(&logits, 3, &mask, &mut SamplerScratch::default())
            .unwrap();
        assert_eq!((token.id, token.logprob), (1, Some(f32::NEG_INFINITY)));
    }
}

#[test]
fn nothing_to_choose_from_is_an_error_that_changes_nothing() {
    let params = SamplingParams {
        seed: Some(8),
        ..SamplingParams::default()
    };
    let logits = random_logits(7, 50, 1.0, false);
    let mut scratch = SamplerScratch::default();
    let mut sampler = Sampler::new(params.clone(), &[], 0).unwrap();
    let mut undisturbed = Sampler::new(params, &[], 0).unwrap();
    for (logits, limit, mask) in [
        (vec![f32::NEG_INFINITY; 50], 50, TokenMask::All),
        (vec![f32::NAN; 50], 50, TokenMask::All),
        (logits.clone(), 50, TokenSet::new(50).into()),
        (logits.clone(), 0, TokenMask::All),
        (Vec::new(), 50, TokenMask::All),
        (
            vec![f32::NAN; 50],
            50,
            TokenSet::from_ids(50, [3, 4]).into(),
        ),
    ] {
        let result = sampler.sample(&logits, limit, &mask, &mut scratch);
        assert_eq!(result, Err(SamplingError::NothingToSample));
    }
    for _ in 0..5 {
        assert_eq!(
            sampler.sample(&logits, 50, &TokenMask::All, &mut scratch),
            undisturbed.sample(&logits, 50, &TokenMask::All, &mut scratch),
        );
    }
}

#[test]
fn penalties_count_generated_tokens_and_repetition_the_prompt_too() {
    let greedy = |params: SamplingParams, prompt: &[TokenId], steps: usize| {
        let mut sampler = Sampler::new(
            SamplingParams {
                temperature: 0.0,
                ..params
            },
            prompt,
            0,
        )
        .unwrap();
        let mut scratch = SamplerScratch::default();
        (0..steps)
            .map(|_| {
                sampler
                    .sample(&[3.0, 2.5, -1.0], 3, &TokenMask::All, &mut scratch)
                    .unwrap()
                    .id
            })
            .collect::<Vec<_>>()
    };
    let off = SamplingParams::default;
    // 0 falls by 0.4 each time: 3.0, 2.6, then 2.2 < 2.5; then 1 falls to 2.1 < 2.2.
    let frequency = SamplingParams {
        frequency_penalty: 0.4,
        ..off()
    };
    assert_eq!(greedy(frequency.clone(), &[], 4), [0, 0, 1, 0]);
    assert_eq!(greedy(frequency, &[0, 0, 0, 0], 4), [0, 0, 1, 0]);
    // Presence counts once: 0 falls to 2.4 < 2.5, then 1 falls to 1.9 for good.
    let presence = SamplingParams {
        presence_penalty: 0.6,
        ..off()
    };
    assert_eq!(greedy(presence, &[1], 4), [0, 1, 0, 0]);
    // Repetition: 3.0 / 1.5 = 2.0 < 2.5, then 2.5 / 1.5 < 2.0.
    let repetition = SamplingParams {
        repetition_penalty: 1.5,
        ..off()
    };
    assert_eq!(greedy(repetition.clone(), &[], 4), [0, 1, 0, 0]);
    assert_eq!(greedy(repetition, &[0], 3), [1, 0, 0]);
    // Negative penalties reward.
    let reward = SamplingParams {
        presence_penalty: -2.0,
        ..off()
    };
    assert_eq!(greedy(reward, &[], 3), [0, 0, 0]);
}
