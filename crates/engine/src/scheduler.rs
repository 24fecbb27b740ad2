//! Which tokens go into the next forward pass. Continuous batching without tensors, clock or I/O:
//! [`Scheduler::schedule`] plans a step, the caller runs it, [`Scheduler::commit`] takes the
//! result.
//!
//! The rules:
//! * **Admission** is first come, first served. A sequence is admitted when a place is free and the
//!   KV cache has room for all its tokens and one page more.
//! * **A step** first takes one token of every sequence that decodes, the oldest first. Prefill
//!   chunks share what is left of `max_batch_tokens` equally (who needs less leaves the rest to the
//!   others), so a short prompt never waits for a long one to finish.
//! * **Preemption.** Memory is taken as a sequence grows. When there is none left, the youngest
//!   running sequence gives up all of its own and goes back to the head of the queue, to be
//!   computed again later. The oldest is never preempted for another and can always grow to its
//!   greatest length, so every step brings at least one sequence closer to its end.
//!
//! Invariant: every running sequence is older than every waiting one, and both lists are sorted by
//! age. Limits: `max_sequences` run, `max_sequences + max_queued` are in flight.

use std::collections::VecDeque;
use std::ops::Range;

use crate::TokenId;
use crate::sequence::{FinishReason, Sequence, SequenceId};

/// The limits a [`Scheduler`] keeps.
#[derive(Clone, Debug)]
pub(crate) struct SchedulerLimits {
    /// Most sequences that run at once.
    pub(crate) max_sequences: usize,
    /// Most sequences that wait when `max_sequences` run.
    pub(crate) max_queued: usize,
    /// Most tokens of a step; at least `max_sequences`, so that every running sequence can advance.
    pub(crate) max_batch_tokens: usize,
    pub(crate) memory: MemoryLimits,
}

/// What sequences cost and may cost together. Bytes, but any unit would do.
#[derive(Clone, Debug)]
pub(crate) struct MemoryLimits {
    /// All sequences together.
    pub(crate) budget_bytes: u64,
    /// A sequence costs this for every page of tokens, ...
    pub(crate) page_bytes: u64,
    /// ... and this for each of the first `max_ring_pages` besides, for sliding layers.
    pub(crate) ring_page_bytes: u64,
    pub(crate) max_ring_pages: usize,
    /// Tokens of a page.
    pub(crate) page_tokens: usize,
}

impl MemoryLimits {
    /// What a sequence of `num_tokens`, at least 1, takes.
    pub(crate) fn cost(&self, num_tokens: usize) -> u64 {
        let num_pages = num_tokens.div_ceil(self.page_tokens);
        let num_ring_pages = num_pages.min(self.max_ring_pages);
        let pages = self.page_bytes.saturating_mul(num_pages as u64);
        pages.saturating_add(self.ring_page_bytes.saturating_mul(num_ring_pages as u64))
    }

    /// The tokens of the longest sequence that fits, alone.
    pub(crate) fn max_len(&self) -> usize {
        let max_ring_pages = self.max_ring_pages as u64;
        let both = self.page_bytes.saturating_add(self.ring_page_bytes);
        let num_pages = match self.budget_bytes.checked_div(both) {
            Some(num_pages) if num_pages < max_ring_pages => Some(num_pages),
            // The ring is complete; what is left is for pages of the other kind.
            _ => (self.budget_bytes - self.ring_page_bytes * max_ring_pages)
                .checked_div(self.page_bytes),
        };
        let num_pages = num_pages.and_then(|num_pages| usize::try_from(num_pages).ok());
        num_pages
            .unwrap_or(usize::MAX)
            .saturating_mul(self.page_tokens)
    }
}

/// The plan of one step. The caller carries it out in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Give up the KV cache of these.
    pub(crate) preempted: Vec<SequenceId>,
    /// Give these an empty place in the KV cache.
    pub(crate) admitted: Vec<SequenceId>,
    /// Run these in one forward pass. Not empty.
    pub(crate) chunks: Vec<ScheduledChunk>,
}

/// Part of a step: consecutive tokens of one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScheduledChunk {
    pub(crate) id: SequenceId,
    /// Positions of its tokens. Everything before them is in the KV cache.
    pub(crate) positions: Range<usize>,
    /// Whether they end with the sequence's last token, whose logits give the next one.
    pub(crate) samples: bool,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Scheduler {
    limits: SchedulerLimits,
    /// Oldest first.
    running: Vec<Sequence>,
    /// Oldest first; none of them computed.
    waiting: VecDeque<Sequence>,
    next_id: u64,
}

impl Scheduler {
    pub(crate) fn new(limits: SchedulerLimits) -> Self {
        Scheduler {
            limits,
            running: Vec::new(),
            waiting: VecDeque::new(),
            next_id: 0,
        }
    }

    /// The most sequences that can be in flight.
    pub(crate) fn capacity(&self) -> usize {
        self.limits
            .max_sequences
            .saturating_add(self.limits.max_queued)
    }

    /// Sequences that run or wait.
    pub(crate) fn num_in_flight(&self) -> usize {
        self.running.len() + self.waiting.len()
    }

    /// Queues a sequence. `prompt` is not empty, `max_len` is greater than its length and at most
    /// [`MemoryLimits::max_len`]. `None` if [`Scheduler::capacity`] are in flight.
    pub(crate) fn add(
        &mut self,
        prompt: Vec<TokenId>,
        max_len: usize,
        stop_tokens: Vec<TokenId>,
    ) -> Option<SequenceId> {
        debug_assert!(!prompt.is_empty() && prompt.len() < max_len);
        debug_assert!(max_len <= self.limits.memory.max_len());
        if self.num_in_flight() >= self.capacity() {
            return None;
        }
        let id = SequenceId(self.next_id);
        self.next_id += 1;
        self.waiting.push_back(Sequence {
            id,
            prompt_len: prompt.len(),
            tokens: prompt,
            num_computed: 0,
            max_len,
            stop_tokens,
        });
        Some(id)
    }

    /// Forgets a sequence, wherever it is. Its place in the KV cache is the caller's to free.
    pub(crate) fn remove(&mut self, id: SequenceId) -> Option<Sequence> {
        if let Ok(index) = self
            .running
            .binary_search_by_key(&id, |sequence| sequence.id)
        {
            return Some(self.running.remove(index));
        }
        let index = self
            .waiting
            .binary_search_by_key(&id, |sequence| sequence.id)
            .ok()?;
        self.waiting.remove(index)
    }

    /// A sequence that is running.
    pub(crate) fn running(&self, id: SequenceId) -> Option<&Sequence> {
        let index = self
            .running
            .binary_search_by_key(&id, |sequence| sequence.id)
            .ok()?;
        Some(&self.running[index])
    }

    /// Plans the next step; `None` if there is nothing to do.
    pub(crate) fn schedule(&mut self) -> Option<Schedule> {
        let preempted = self.preempt();
        // What was just preempted stands first in the queue and did not fit a moment ago.
        let admitted = if preempted.is_empty() {
            self.admit()
        } else {
            Vec::new()
        };
        let chunks = self.fill();
        (!chunks.is_empty()).then_some(Schedule {
            preempted,
            admitted,
            chunks,
        })
    }

    /// Takes the result of a step: its chunks are computed, and `sampled` holds a token for each
    /// sequence whose chunk samples. Returns the sequences that ended, no longer running.
    pub(crate) fn commit(
        &mut self,
        schedule: &Schedule,
        sampled: &[(SequenceId, TokenId)],
    ) -> Vec<(Sequence, FinishReason)> {
        for chunk in &schedule.chunks {
            if let Some(sequence) = self.running_mut(chunk.id) {
                sequence.num_computed = chunk.positions.end;
            }
        }
        let mut finished = Vec::new();
        for &(id, token) in sampled {
            let reason = self
                .running_mut(id)
                .and_then(|sequence| sequence.push(token));
            if let Some(reason) = reason
                && let Some(sequence) = self.remove(id)
            {
                finished.push((sequence, reason));
            }
        }
        finished
    }

    fn running_mut(&mut self, id: SequenceId) -> Option<&mut Sequence> {
        let index = self
            .running
            .binary_search_by_key(&id, |sequence| sequence.id)
            .ok()?;
        Some(&mut self.running[index])
    }

    /// What the running sequences take once all their tokens are computed.
    fn used_bytes(&self) -> u64 {
        let memory = &self.limits.memory;
        self.running
            .iter()
            .map(|sequence| memory.cost(sequence.tokens.len()))
            .sum()
    }

    /// Sends the youngest running sequences back to the queue until the others have room.
    fn preempt(&mut self) -> Vec<SequenceId> {
        let mut preempted = Vec::new();
        while self.used_bytes() > self.limits.memory.budget_bytes {
            let Some(mut youngest) = self.running.pop() else {
                break;
            };
            youngest.num_computed = 0;
            preempted.push(youngest.id);
            self.waiting.push_front(youngest);
        }
        preempted
    }

    /// Starts waiting sequences, the oldest first, until one does not fit.
    fn admit(&mut self) -> Vec<SequenceId> {
        let memory = &self.limits.memory;
        let mut used = self.used_bytes();
        let mut admitted = Vec::new();
        while self.running.len() < self.limits.max_sequences {
            let Some(oldest) = self.waiting.front() else {
                break;
            };
            // The page more saves it from being preempted at once by its neighbours' growth.
            let len = (oldest.tokens.len() + memory.page_tokens).min(oldest.max_len);
            if used.saturating_add(memory.cost(len)) > memory.budget_bytes {
                break;
            }
            used += memory.cost(oldest.tokens.len());
            admitted.push(oldest.id);
            self.running.extend(self.waiting.pop_front());
        }
        admitted
    }

    /// Shares the step's tokens out among the running sequences.
    fn fill(&self) -> Vec<ScheduledChunk> {
        let mut left = self.limits.max_batch_tokens;
        let (decoding, mut prefilling): (Vec<&Sequence>, Vec<&Sequence>) = self
            .running
            .iter()
            .partition(|sequence| sequence.num_pending() == 1);
        let mut chunks = Vec::with_capacity(self.running.len());
        for sequence in decoding.into_iter().take(left) {
            left -= 1;
            chunks.push(chunk(sequence, 1));
        }
        // Who needs least chooses first; an equal share of the rest then suits everyone after it.
        prefilling.sort_by_key(|sequence| (sequence.num_pending(), sequence.id));
        let mut num_sharing = prefilling.len();
        for sequence in prefilling {
            let share = left.div_ceil(num_sharing).min(sequence.num_pending());
            num_sharing -= 1;
            if share > 0 {
                left -= share;
                chunks.push(chunk(sequence, share));
            }
        }
        chunks
    }
}

fn chunk(sequence: &Sequence, len: usize) -> ScheduledChunk {
    let end = sequence.num_computed + len;
    let samples = end == sequence.tokens.len();
    ScheduledChunk {
        id: sequence.id,
        positions: sequence.num_computed..end,
        samples,
    }
}

#[cfg(test)]
mod tests;
