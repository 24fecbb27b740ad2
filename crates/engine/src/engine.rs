//! The engine: requests in, one forward pass per [`Engine::step`], events out. It ties the model,
//! the scheduler and the samplers together and holds no thread;
//! [`EngineHandle`](crate::EngineHandle) runs one.

mod config;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Instant;

use crate::constraint::{LogitConstraint, TokenMask};
use crate::event::{Finish, GenerationEvent, Timings, Usage};
use crate::request::{GenerateRequest, RequestLimits, SubmitError};
use crate::sampler::{Sampler, SamplerScratch};
use crate::scheduler::{MemoryLimits, Schedule, Scheduler, SchedulerLimits};
use crate::sequence::{FinishReason, Sequence, SequenceId};
use crate::{
    Batch, Chunk, Config, EngineError, KvCache, KvCacheOptions, LogitRows, Model, PAGE_TOKENS,
    RunState, SequenceSlot, TokenId,
};

pub use config::EngineConfig;

/// An event of one sequence.
#[derive(Debug)]
pub struct StepOutput {
    /// The sequence.
    pub id: SequenceId,
    /// What happened to it.
    pub event: GenerationEvent,
}

/// A model with everything it takes to serve requests, several at once.
///
/// The tokens of a request depend on the request alone (its seed included): not on what else runs,
/// on the chunk size or the number of threads, or on whether it was preempted.
pub struct Engine {
    model: Model,
    cache: KvCache,
    state: RunState,
    scratch: SamplerScratch,
    scheduler: Scheduler,
    limits: RequestLimits,
    /// Ids from here on are never sampled.
    num_sampled_tokens: usize,
    /// What the scheduler does not know of the sequences it holds.
    active: HashMap<SequenceId, Active>,
}

/// The part of a running or waiting request that scheduling does not depend on.
struct Active {
    /// Its place in the KV cache while it runs.
    slot: Option<SequenceSlot>,
    sampler: Sampler,
    constraint: Option<Box<dyn LogitConstraint>>,
    /// Tokens of the prompt whose reading was reported.
    prefill_reported: usize,
    clock: Clock,
}

/// When a request reached its phases.
#[derive(Clone, Copy, Debug)]
struct Clock {
    submitted: Instant,
    admitted: Option<Instant>,
    first_token: Option<Instant>,
}

impl Engine {
    /// An engine around `model`. Allocates the scratch memory of a forward pass; the KV cache takes
    /// memory as sequences grow.
    ///
    /// # Errors
    /// [`EngineError::InvalidArgument`] if a limit is zero or too small for the others,
    /// [`EngineError::OutOfMemory`].
    pub fn new(model: Model, config: EngineConfig) -> Result<Self, EngineError> {
        let cache = kv_cache(&model, &config)?;
        let memory = memory_limits(&cache);
        let limits = RequestLimits {
            vocab_size: model.config().vocab_size,
            max_len: model.config().max_position_embeddings.min(memory.max_len()),
        };
        config.check(&limits)?;
        Ok(Engine {
            cache,
            state: RunState::new(&model, config.max_batch_tokens, config.max_sequences)?,
            scratch: SamplerScratch::default(),
            scheduler: Scheduler::new(SchedulerLimits {
                max_sequences: config.max_sequences,
                max_queued: config.max_queued,
                max_batch_tokens: config.max_batch_tokens,
                memory,
            }),
            limits,
            num_sampled_tokens: config.num_sampled_tokens,
            active: HashMap::new(),
            model,
        })
    }

    /// The model's hyper-parameters.
    pub fn model_config(&self) -> &Config {
        self.model.config()
    }

    /// The most tokens of a sequence, prompt and output: what the model was made for, or what the
    /// KV cache holds if that is less.
    pub fn max_sequence_len(&self) -> usize {
        self.limits.max_len
    }

    /// The most requests that can be in flight: running and queued.
    pub fn capacity(&self) -> usize {
        self.scheduler.capacity()
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.scheduler.num_in_flight() == 0
    }

    pub(crate) fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    /// Queues a request.
    ///
    /// # Errors
    /// See [`SubmitError`]; the request is dropped.
    pub fn add_request(&mut self, request: GenerateRequest) -> Result<SequenceId, SubmitError> {
        self.add_request_at(request, Instant::now())
    }

    /// As [`Engine::add_request`], for a request that was submitted a while ago.
    pub(crate) fn add_request_at(
        &mut self,
        request: GenerateRequest,
        submitted: Instant,
    ) -> Result<SequenceId, SubmitError> {
        let max_len = self.limits.check(&request)?;
        let GenerateRequest {
            prompt,
            stop_tokens,
            sampling,
            constraint,
            ..
        } = request;
        let sampler = Sampler::new(sampling, &prompt, entropy())?;
        let id = self
            .scheduler
            .add(prompt, max_len, stop_tokens)
            .ok_or_else(|| SubmitError::QueueFull {
                limit: self.capacity(),
            })?;
        let clock = Clock {
            submitted,
            admitted: None,
            first_token: None,
        };
        let active = Active {
            slot: None,
            sampler,
            constraint,
            prefill_reported: 0,
            clock,
        };
        self.active.insert(id, active);
        Ok(id)
    }

    /// Ends a request now and frees what it held. `None` if it has ended before.
    pub fn abort(&mut self, id: SequenceId) -> Option<Finish> {
        let sequence = self.scheduler.remove(id)?;
        self.finish(&sequence, FinishReason::Aborted)
    }

    /// Runs one forward pass over the next tokens of the running sequences and samples. Returns
    /// what happened, in order for each sequence; nothing if the engine is idle.
    ///
    /// # Errors
    /// The forward pass failed. Every sequence in flight has ended; the engine can be used on.
    pub fn step(&mut self) -> Result<Vec<StepOutput>, EngineError> {
        let Some(schedule) = self.scheduler.schedule() else {
            return Ok(Vec::new());
        };
        if let Err(error) = self.forward(&schedule) {
            self.end_all();
            return Err(error);
        }
        let mut outputs = self.report_prefill(&schedule);
        let sampled = self.sample(&schedule, &mut outputs);
        for (sequence, reason) in self.scheduler.commit(&schedule, &sampled) {
            if let Some(finish) = self.finish(&sequence, reason) {
                let event = GenerationEvent::Finished(finish);
                outputs.push(StepOutput {
                    id: sequence.id,
                    event,
                });
            }
        }
        Ok(outputs)
    }

    /// Carries out the plan up to the logits.
    fn forward(&mut self, schedule: &Schedule) -> Result<(), EngineError> {
        for id in &schedule.preempted {
            if let Some(slot) = self
                .active
                .get_mut(id)
                .and_then(|active| active.slot.take())
            {
                self.cache.free(slot);
            }
        }
        for id in &schedule.admitted {
            let slot = self.cache.add_sequence()?;
            if let Some(active) = self.active.get_mut(id) {
                active.slot = Some(slot);
                active.clock.admitted.get_or_insert_with(Instant::now);
            }
        }
        let chunks = schedule.chunks.iter().filter_map(|chunk| {
            Some(Chunk {
                sequence: self.active.get(&chunk.id)?.slot?,
                position: chunk.positions.start,
                tokens: self.scheduler.running(chunk.id)?.tokens[chunk.positions.clone()].to_vec(),
                logits: if chunk.samples {
                    LogitRows::Last
                } else {
                    LogitRows::None
                },
            })
        });
        let batch = Batch {
            chunks: chunks.collect(),
        };
        self.model.forward(&batch, &mut self.cache, &mut self.state)
    }

    /// Tells how far the prompts were read, each token once: what a preempted sequence reads again
    /// is not reported.
    fn report_prefill(&mut self, schedule: &Schedule) -> Vec<StepOutput> {
        let mut outputs = Vec::new();
        for chunk in &schedule.chunks {
            let Some(sequence) = self.scheduler.running(chunk.id) else {
                continue;
            };
            let Some(active) = self.active.get_mut(&chunk.id) else {
                continue;
            };
            let total = sequence.prompt_len;
            let done = chunk.positions.end.min(total);
            if done > active.prefill_reported {
                active.prefill_reported = done;
                let event = GenerationEvent::Prefill { done, total };
                outputs.push(StepOutput {
                    id: chunk.id,
                    event,
                });
            }
        }
        outputs
    }

    /// Samples a token for each chunk that ends its sequence, from the logits that `forward` left.
    fn sample(
        &mut self,
        schedule: &Schedule,
        outputs: &mut Vec<StepOutput>,
    ) -> Vec<(SequenceId, TokenId)> {
        let mut sampled = Vec::new();
        let sampling = schedule.chunks.iter().filter(|chunk| chunk.samples);
        for (row, id) in sampling.map(|chunk| chunk.id).enumerate() {
            let Some(active) = self.active.get_mut(&id) else {
                continue;
            };
            let mask = active
                .constraint
                .as_mut()
                .map_or(TokenMask::All, |it| it.allowed());
            let logits = self.state.logits(row);
            let token =
                active
                    .sampler
                    .sample(logits, self.num_sampled_tokens, &mask, &mut self.scratch);
            match token {
                Ok(token) => {
                    if let Some(constraint) = &mut active.constraint {
                        constraint.accept(token.id);
                    }
                    active.clock.first_token.get_or_insert_with(Instant::now);
                    sampled.push((id, token.id));
                    outputs.push(StepOutput {
                        id,
                        event: GenerationEvent::Token(token),
                    });
                }
                Err(error) => {
                    self.scheduler.remove(id);
                    self.release(id);
                    let event = GenerationEvent::Failed(EngineError::Sampling(error));
                    outputs.push(StepOutput { id, event });
                }
            }
        }
        sampled
    }

    /// Frees what a sequence held that the scheduler no longer knows.
    fn release(&mut self, id: SequenceId) -> Option<Active> {
        let active = self.active.remove(&id)?;
        if let Some(slot) = active.slot {
            self.cache.free(slot);
        }
        Some(active)
    }

    fn finish(&mut self, sequence: &Sequence, reason: FinishReason) -> Option<Finish> {
        let active = self.release(sequence.id)?;
        let usage = Usage {
            prompt_tokens: sequence.prompt_len,
            cached_tokens: 0,
            completion_tokens: sequence.num_generated(),
        };
        Some(Finish {
            reason,
            usage,
            timings: active.clock.timings(Instant::now()),
        })
    }

    fn end_all(&mut self) {
        let ids: Vec<SequenceId> = self.active.keys().copied().collect();
        for id in ids {
            self.scheduler.remove(id);
            self.release(id);
        }
    }
}

impl Clock {
    fn timings(&self, end: Instant) -> Timings {
        let ms = |from: Instant, to: Instant| 1000.0 * to.duration_since(from).as_secs_f64();
        let admitted = self.admitted.unwrap_or(end);
        let first_token = self.first_token.unwrap_or(end);
        Timings {
            queue_ms: ms(self.submitted, admitted),
            prefill_ms: ms(admitted, first_token),
            decode_ms: ms(first_token, end),
        }
    }
}

impl std::fmt::Debug for Engine {
    /// Not the weights, not the cache: nobody wants to see gigabytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("model_config", self.model.config())
            .field("limits", &self.limits)
            .field("scheduler", &self.scheduler)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Active {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Active")
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

/// The KV cache of an engine; the errors name what a caller can change.
fn kv_cache(model: &Model, config: &EngineConfig) -> Result<KvCache, EngineError> {
    let options = KvCacheOptions {
        budget_bytes: config.kv_cache_bytes,
        max_chunk: config.max_batch_tokens,
    };
    KvCache::new(model.config(), model.mode(), options).map_err(|_| {
        EngineError::InvalidArgument(format!(
            "max_batch_tokens is {}; it must be at least 1 and leave the sizes of the KV cache \
             countable",
            config.max_batch_tokens
        ))
    })
}

/// What sequences cost in `cache`.
fn memory_limits(cache: &KvCache) -> MemoryLimits {
    let (full, ring) = (cache.geometry().full(), cache.geometry().ring());
    MemoryLimits {
        budget_bytes: cache.options().budget_bytes,
        page_bytes: full.page_bytes,
        ring_page_bytes: ring.page_bytes,
        max_ring_pages: ring.max_pages,
        page_tokens: PAGE_TOKENS,
    }
}

/// A seed for a request that brings none, from the operating system's randomness (by way of the
/// standard library, which keys its hash maps with it).
fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
pub(crate) mod tests;
