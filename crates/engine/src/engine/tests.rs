//! The engine with a small random model, against a loop that runs one request and knows neither
//! scheduler nor chunks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::constraint::TokenSet;
use crate::sampler::{GeneratedToken, SamplingParams};
use crate::synth::{SynthSpec, tests::model as random_model};
use crate::{LoadOptions, SamplingError};

const VOCAB_SIZE: usize = 160;
const MAX_LEN: usize = 256;

/// A model with a window of 16 tokens and a context of 256.
pub(crate) fn model(num_threads: usize) -> Model {
    let spec = SynthSpec {
        num_hidden_layers: 2,
        hidden_size: 32,
        intermediate_size: 32,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 8,
        num_local_experts: 4,
        num_experts_per_tok: 2,
        vocab_size: VOCAB_SIZE,
        sliding_window: 16,
        initial_context_length: 64,
        max_position_embeddings: MAX_LEN,
        num_shards: 1,
    };
    random_model(
        &spec,
        11,
        &LoadOptions {
            num_threads,
            ..LoadOptions::default()
        },
    )
}

pub(crate) fn request(prompt_len: usize, max_tokens: usize) -> GenerateRequest {
    GenerateRequest {
        prompt: (0..prompt_len)
            .map(|i| ((i * i + 7 * prompt_len) % VOCAB_SIZE) as TokenId)
            .collect(),
        max_tokens,
        stop_tokens: Vec::new(),
        sampling: SamplingParams {
            seed: Some(prompt_len as u64),
            ..SamplingParams::default()
        },
        constraint: None,
    }
}

/// What the request gives by itself: the prompt in one piece, then token by token.
pub(crate) fn generate_alone(model: &Model, request: &GenerateRequest) -> Vec<GeneratedToken> {
    let options = KvCacheOptions {
        budget_bytes: u64::MAX,
        max_chunk: MAX_LEN,
    };
    let mut cache = KvCache::new(model.config(), model.mode(), options).unwrap();
    let mut state = RunState::new(model, MAX_LEN, 1).unwrap();
    let mut scratch = SamplerScratch::default();
    let mut sampler = Sampler::new(request.sampling.clone(), &request.prompt, 0).unwrap();
    let sequence = cache.add_sequence().unwrap();
    let max_tokens = request.max_tokens.min(MAX_LEN - request.prompt.len());
    let mut generated: Vec<GeneratedToken> = Vec::new();
    let mut tokens = request.prompt.clone();
    let mut position = 0;
    loop {
        let len = tokens.len();
        let chunk = Chunk {
            sequence,
            position,
            tokens,
            logits: LogitRows::Last,
        };
        model
            .forward(&Batch::from(chunk), &mut cache, &mut state)
            .unwrap();
        position += len;
        let token = sampler
            .sample(state.logits(0), usize::MAX, &TokenMask::All, &mut scratch)
            .unwrap();
        tokens = vec![token.id];
        let stop = request.stop_tokens.contains(&token.id);
        generated.push(token);
        if stop || generated.len() == max_tokens {
            return generated;
        }
    }
}

/// Everything a sequence said.
#[derive(Debug, Default)]
struct Transcript {
    prefill: Vec<(usize, usize)>,
    tokens: Vec<GeneratedToken>,
    end: Option<GenerationEvent>,
}

fn run_to_the_end(engine: &mut Engine) -> BTreeMap<SequenceId, Transcript> {
    let mut transcripts: BTreeMap<SequenceId, Transcript> = BTreeMap::new();
    while !engine.is_idle() {
        record(engine.step().unwrap(), &mut transcripts);
    }
    transcripts
}

fn record(outputs: Vec<StepOutput>, transcripts: &mut BTreeMap<SequenceId, Transcript>) {
    for StepOutput { id, event } in outputs {
        let transcript = transcripts.entry(id).or_default();
        assert!(transcript.end.is_none(), "{event:?} after the end");
        match event {
            GenerationEvent::Prefill { done, total } => {
                assert!(transcript.tokens.is_empty());
                transcript.prefill.push((done, total));
            }
            GenerationEvent::Token(token) => transcript.tokens.push(token),
            end => transcript.end = Some(end),
        }
    }
}

impl Transcript {
    fn finish(&self) -> &Finish {
        match &self.end {
            Some(GenerationEvent::Finished(finish)) => finish,
            other => panic!("not finished: {other:?}"),
        }
    }

    fn ids(&self) -> Vec<TokenId> {
        self.tokens.iter().map(|token| token.id).collect()
    }
}

impl Engine {
    /// Makes the next step fail, and all after it until [`Engine::mend`].
    pub(crate) fn break_down(&mut self) {
        let options = KvCacheOptions {
            budget_bytes: 0,
            max_chunk: 1,
        };
        self.cache = KvCache::new(self.model.config(), self.model.mode(), options).unwrap();
    }

    fn mend(&mut self, options: KvCacheOptions) {
        self.cache = KvCache::new(self.model.config(), self.model.mode(), options).unwrap();
    }
}

fn engine(config: EngineConfig) -> Engine {
    Engine::new(model(1), config).unwrap()
}

/// A budget for sequences of these lengths side by side.
fn budget(model: &Model, max_chunk: usize, lengths: &[usize]) -> u64 {
    let bytes =
        |&len| KvCache::sequence_bytes(model.config(), model.mode(), max_chunk, len).unwrap();
    lengths.iter().map(bytes).sum()
}

#[test]
fn the_scheduler_counts_what_the_cache_takes() {
    for max_batch_tokens in [16, 50, 200] {
        let config = EngineConfig {
            max_batch_tokens,
            ..EngineConfig::default()
        };
        let engine = engine(config.clone());
        let limits = memory_limits(&engine.cache);
        for num_tokens in 1..=MAX_LEN {
            let expected = budget(&engine.model, max_batch_tokens, &[num_tokens]);
            assert_eq!(limits.cost(num_tokens), expected);
        }
    }
}

#[test]
fn a_request_is_read_written_and_accounted_for() {
    let config = EngineConfig {
        max_batch_tokens: 32,
        ..EngineConfig::default()
    };
    let mut engine = engine(config);
    let alone = generate_alone(&model(1), &request(70, 9));
    let id = engine.add_request(request(70, 9)).unwrap();
    let transcripts = run_to_the_end(&mut engine);
    let transcript = &transcripts[&id];
    assert_eq!(transcript.prefill, [(32, 70), (64, 70), (70, 70)]);
    assert_eq!(transcript.tokens, alone);
    let Finish {
        reason,
        usage,
        timings,
    } = transcript.finish();
    assert_eq!(*reason, FinishReason::Length);
    assert_eq!(
        *usage,
        Usage {
            prompt_tokens: 70,
            cached_tokens: 0,
            completion_tokens: 9
        }
    );
    assert!(timings.queue_ms >= 0.0 && timings.prefill_ms > 0.0 && timings.decode_ms > 0.0);
    assert_eq!(engine.cache.used_bytes(), 0);
}

#[test]
fn a_stop_token_is_delivered_and_ends_the_output() {
    let mut engine = engine(EngineConfig::default());
    let alone = generate_alone(&model(1), &request(5, 20));
    let stop = alone[7].id;
    let first = alone.iter().position(|token| token.id == stop).unwrap();
    let stop_tokens = vec![TokenId::MAX, stop];
    let id = engine
        .add_request(GenerateRequest {
            stop_tokens,
            ..request(5, 20)
        })
        .unwrap();
    let transcripts = run_to_the_end(&mut engine);
    assert_eq!(transcripts[&id].tokens, alone[..=first]);
    assert_eq!(transcripts[&id].finish().reason, FinishReason::Stop(stop));
    assert_eq!(transcripts[&id].finish().usage.completion_tokens, first + 1);
}

#[test]
fn the_output_ends_with_the_context_and_a_prompt_that_fills_it_is_refused() {
    let mut engine = engine(EngineConfig::default());
    assert_eq!(engine.max_sequence_len(), MAX_LEN);
    let id = engine
        .add_request(request(MAX_LEN - 3, usize::MAX))
        .unwrap();
    let last = engine.add_request(request(MAX_LEN - 1, 50)).unwrap();
    let refused = engine.add_request(request(MAX_LEN, 1)).unwrap_err();
    assert_eq!(
        refused,
        SubmitError::PromptTooLong {
            limit: MAX_LEN - 1,
            got: MAX_LEN
        }
    );
    let transcripts = run_to_the_end(&mut engine);
    assert_eq!(transcripts[&id].tokens.len(), 3);
    assert_eq!(transcripts[&last].tokens.len(), 1);
    assert_eq!(transcripts[&id].finish().reason, FinishReason::Length);
}

#[test]
fn a_small_cache_shortens_the_context() {
    let model = model(1);
    let kv_cache_bytes = budget(&model, 128, &[130]) - 1;
    let config = EngineConfig {
        kv_cache_bytes,
        ..EngineConfig::default()
    };
    let mut engine = Engine::new(model, config).unwrap();
    assert_eq!(engine.max_sequence_len(), 128);
    let refused = engine.add_request(request(128, 1)).unwrap_err();
    assert_eq!(
        refused,
        SubmitError::PromptTooLong {
            limit: 127,
            got: 128
        }
    );
    engine.add_request(request(100, 1000)).unwrap();
    let transcripts = run_to_the_end(&mut engine);
    assert_eq!(transcripts[&SequenceId(0)].tokens.len(), 28);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn tokens_depend_on_nothing_but_the_request(
        requests in prop::collection::vec(
            (1usize..200, 1usize..90, 0.0f32..1.5, any::<u64>(), 0usize..4), 1..7,
        ),
        max_sequences in 1usize..6,
        spare_batch_tokens in 0usize..120,
        num_threads in 1usize..3,
        spare_bytes in 0u64..4,
    ) {
        let model = model(num_threads);
        let max_batch_tokens = max_sequences + spare_batch_tokens;
        // Room for the longest sequence, and for a little more: sequences are preempted.
        let longest = budget(&model, max_batch_tokens, &[MAX_LEN]);
        let kv_cache_bytes = longest + spare_bytes * budget(&model, max_batch_tokens, &[64]);
        let requests: Vec<(GenerateRequest, usize)> = requests
            .into_iter()
            .map(|(prompt_len, max_tokens, temperature, seed, steps_before)| {
                let mut request = request(prompt_len, max_tokens);
                request.sampling = SamplingParams {
                    temperature,
                    top_p: 0.9,
                    frequency_penalty: 0.3,
                    repetition_penalty: 1.1,
                    seed: Some(seed),
                    top_logprobs: Some(2),
                    ..SamplingParams::default()
                };
                request.stop_tokens = vec![1, 2];
                (request, steps_before)
            })
            .collect();
        let alone: Vec<_> =
            requests.iter().map(|(request, _)| generate_alone(&model, request)).collect();

        let config = EngineConfig {
            max_sequences,
            max_batch_tokens,
            kv_cache_bytes,
            ..EngineConfig::default()
        };
        let mut engine = Engine::new(model, config).unwrap();
        let mut transcripts = BTreeMap::new();
        for (request, steps_before) in requests {
            for _ in 0..steps_before {
                record(engine.step().unwrap(), &mut transcripts);
            }
            engine.add_request(request).unwrap();
        }
        while !engine.is_idle() {
            record(engine.step().unwrap(), &mut transcripts);
            prop_assert!(engine.cache.used_bytes() <= kv_cache_bytes);
        }
        prop_assert_eq!(engine.cache.used_bytes(), 0);
        prop_assert!(engine.active.is_empty());
        let tokens: Vec<_> = transcripts.into_values().map(|transcript| transcript.tokens).collect();
        prop_assert_eq!(tokens, alone);
    }
}

#[test]
fn without_a_seed_requests_differ() {
    let mut engine = engine(EngineConfig::default());
    let unseeded = || {
        let sampling = SamplingParams {
            seed: None,
            ..SamplingParams::default()
        };
        GenerateRequest {
            sampling,
            ..request(3, 60)
        }
    };
    engine.add_request(unseeded()).unwrap();
    engine.add_request(unseeded()).unwrap();
    let transcripts = run_to_the_end(&mut engine);
    assert_ne!(
        transcripts[&SequenceId(0)].ids(),
        transcripts[&SequenceId(1)].ids()
    );
}

/// Allows `token + 1` after `token`, and writes down what it is told.
struct Counting {
    next: TokenId,
    /// Allows nothing from here on.
    end: TokenId,
    accepted: Arc<Mutex<Vec<TokenId>>>,
}

impl LogitConstraint for Counting {
    fn allowed(&mut self) -> TokenMask {
        let ids = (self.next < self.end).then_some(self.next);
        TokenSet::from_ids(VOCAB_SIZE, ids).into()
    }

    fn accept(&mut self, token: TokenId) {
        self.next = token + 1;
        self.accepted.lock().unwrap().push(token);
    }
}

#[test]
fn a_constraint_is_obeyed_and_told_of_each_token_once() {
    let model = model(1);
    // Two sequences that outgrow the cache together: the second is preempted.
    let kv_cache_bytes = budget(&model, 128, &[192, 100]);
    let config = EngineConfig {
        kv_cache_bytes,
        ..EngineConfig::default()
    };
    let mut engine = Engine::new(model, config).unwrap();
    let accepted = Arc::new(Mutex::new(Vec::new()));
    engine.add_request(request(60, 120)).unwrap();
    let counting = Counting {
        next: 10,
        end: 200,
        accepted: Arc::clone(&accepted),
    };
    let constraint: Option<Box<dyn LogitConstraint>> = Some(Box::new(counting));
    let id = engine
        .add_request(GenerateRequest {
            constraint,
            ..request(50, 100)
        })
        .unwrap();
    let mut transcripts = BTreeMap::new();
    let mut was_preempted = false;
    while !engine.is_idle() {
        record(engine.step().unwrap(), &mut transcripts);
        let waits = engine
            .active
            .get(&id)
            .is_some_and(|active| active.slot.is_none());
        was_preempted |= waits && !transcripts[&id].tokens.is_empty();
    }
    assert!(was_preempted);
    let expected: Vec<TokenId> = (10..110).collect();
    assert_eq!(transcripts[&id].ids(), expected);
    assert_eq!(*accepted.lock().unwrap(), expected);
    assert_eq!(
        transcripts[&id].prefill.len(),
        1,
        "what is read again is not reported"
    );
}

#[test]
fn a_constraint_that_allows_nothing_ends_its_own_sequence_only() {
    let mut engine = engine(EngineConfig::default());
    let counting = Counting {
        next: 0,
        end: 3,
        accepted: Arc::default(),
    };
    let constraint: Option<Box<dyn LogitConstraint>> = Some(Box::new(counting));
    let id = engine
        .add_request(GenerateRequest {
            constraint,
            ..request(4, 10)
        })
        .unwrap();
    let other = engine.add_request(request(4, 10)).unwrap();
    let transcripts = run_to_the_end(&mut engine);
    assert_eq!(transcripts[&id].ids(), [0, 1, 2]);
    assert!(matches!(
        transcripts[&id].end,
        Some(GenerationEvent::Failed(EngineError::Sampling(
            SamplingError::NothingToSample
        )))
    ));
    assert_eq!(
        transcripts[&other].tokens,
        generate_alone(&model(1), &request(4, 10))
    );
    assert_eq!(engine.cache.used_bytes(), 0);
}

#[test]
fn an_aborted_request_leaves_nothing_behind() {
    let mut engine = engine(EngineConfig {
        max_sequences: 1,
        ..EngineConfig::default()
    });
    let running = engine.add_request(request(8, 100)).unwrap();
    let waiting = engine.add_request(request(9, 100)).unwrap();
    for _ in 0..3 {
        engine.step().unwrap();
    }
    let finish = engine.abort(running).unwrap();
    assert_eq!(finish.reason, FinishReason::Aborted);
    assert_eq!(finish.usage.completion_tokens, 3);
    assert_eq!(engine.cache.used_bytes(), 0);
    let finish = engine.abort(waiting).unwrap();
    assert_eq!(finish.usage.completion_tokens, 0);
    assert_eq!(
        (finish.timings.prefill_ms, finish.timings.decode_ms),
        (0.0, 0.0)
    );
    assert_eq!(engine.abort(running), None);
    assert!(engine.is_idle());
    assert!(engine.step().unwrap().is_empty());
}

#[test]
fn ids_from_num_sampled_tokens_on_do_not_occur() {
    let mut engine = engine(EngineConfig {
        num_sampled_tokens: 5,
        ..EngineConfig::default()
    });
    let id = engine.add_request(request(6, 100)).unwrap();
    assert!(
        run_to_the_end(&mut engine)[&id]
            .ids()
            .iter()
            .all(|&id| id < 5)
    );
}

#[test]
fn one_request_too_many_is_refused() {
    let mut engine = engine(EngineConfig {
        max_sequences: 2,
        max_queued: 1,
        ..EngineConfig::default()
    });
    for _ in 0..3 {
        engine.add_request(request(2, 2)).unwrap();
    }
    let refused = engine.add_request(request(2, 2)).unwrap_err();
    assert_eq!(refused, SubmitError::QueueFull { limit: 3 });
    run_to_the_end(&mut engine);
    engine.add_request(request(2, 2)).unwrap();
}

#[test]
fn after_a_failed_step_the_engine_is_empty_and_can_be_used_on() {
    let config = EngineConfig::default();
    let mut engine = engine(config.clone());
    engine.add_request(request(5, 50)).unwrap();
    engine.step().unwrap();
    engine.add_request(request(6, 50)).unwrap();
    engine.break_down();
    assert!(engine.step().is_err());
    assert!(engine.is_idle() && engine.active.is_empty());
    engine.mend(KvCacheOptions {
        budget_bytes: config.kv_cache_bytes,
        max_chunk: 128,
    });
    let id = engine.add_request(request(7, 5)).unwrap();
    let alone = generate_alone(&model(1), &request(7, 5));
    assert_eq!(run_to_the_end(&mut engine)[&id].tokens, alone);
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let default = EngineConfig::default;
    for (config, words) in [
        (
            EngineConfig {
                max_sequences: 0,
                ..default()
            },
            "max_sequences",
        ),
        (
            EngineConfig {
                max_batch_tokens: 0,
                ..default()
            },
            "max_batch_tokens",
        ),
        (
            EngineConfig {
                max_batch_tokens: 15,
                ..default()
            },
            "max_batch_tokens",
        ),
        (
            EngineConfig {
                max_batch_tokens: usize::MAX,
                ..default()
            },
            "max_batch_tokens",
        ),
        (
            EngineConfig {
                num_sampled_tokens: 0,
                ..default()
            },
            "num_sampled_tokens",
        ),
        (
            EngineConfig {
                kv_cache_bytes: 0,
                ..default()
            },
            "kv_cache_bytes",
        ),
        (
            EngineConfig {
                // Almost the first page of the full layer and that of the sliding one.
                kv_cache_bytes: 2 * 4096 - 1,
                ..default()
            },
            "kv_cache_bytes",
        ),
    ] {
        let error = Engine::new(model(1), config.clone()).unwrap_err();
        assert!(
            matches!(error, EngineError::InvalidArgument(_)),
            "{config:?}: {error}"
        );
        assert!(error.to_string().contains(words), "{config:?}: {error}");
    }
}
