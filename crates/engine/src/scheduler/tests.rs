//! The scheduler with a fake model whose next token is a hash of all tokens in the sequence's
//! cache: a token that is skipped, doubled, lost or mixed up with another sequence's changes the
//! output.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;

/// The stop token of the sequences that have one.
const STOP: TokenId = 0;

fn next_token(cached: &[TokenId]) -> TokenId {
    let hash = cached.iter().fold(0x9e37u32, |hash, &token| {
        (hash ^ token).wrapping_mul(0x0100_0193).rotate_left(5)
    });
    // One token in twelve stops.
    (hash >> 8) % 12
}

fn generate_alone(
    prompt: &[TokenId],
    max_len: usize,
    stop_tokens: &[TokenId],
) -> (Vec<TokenId>, FinishReason) {
    let mut tokens = prompt.to_vec();
    loop {
        let token = next_token(&tokens);
        tokens.push(token);
        if stop_tokens.contains(&token) {
            return (tokens, FinishReason::Stop(token));
        }
        if tokens.len() == max_len {
            return (tokens, FinishReason::Length);
        }
    }
}

/// Runs a scheduler as the engine does, checking its promises at every step.
struct Harness {
    scheduler: Scheduler,
    limits: SchedulerLimits,
    stop_tokens: Vec<TokenId>,
    /// The KV cache: what is computed of the sequences that have a place in it.
    cache: HashMap<SequenceId, Vec<TokenId>>,
    finished: BTreeMap<SequenceId, (Vec<TokenId>, FinishReason)>,
    num_preempted: usize,
}

impl Harness {
    fn new(limits: SchedulerLimits, stop_tokens: Vec<TokenId>) -> Self {
        Harness {
            scheduler: Scheduler::new(limits.clone()),
            limits,
            stop_tokens,
            cache: HashMap::new(),
            finished: BTreeMap::new(),
            num_preempted: 0,
        }
    }

    fn add(&mut self, prompt_len: usize, max_len: usize) -> Option<SequenceId> {
        let salt = self.scheduler.next_id as TokenId;
        let prompt = (0..prompt_len as TokenId)
            .map(|i| i.wrapping_mul(salt + 7) + salt)
            .collect();
        self.scheduler
            .add(prompt, max_len, self.stop_tokens.clone())
    }

    fn abort(&mut self, id: SequenceId) -> bool {
        self.cache.remove(&id);
        self.scheduler.remove(id).is_some()
    }

    /// Runs one step; `None` when there was nothing to do.
    fn step(&mut self) -> Option<Schedule> {
        let schedule = self.scheduler.schedule()?;
        self.num_preempted += schedule.preempted.len();
        for id in &schedule.preempted {
            assert!(self.cache.remove(id).is_some());
        }
        for &id in &schedule.admitted {
            assert!(self.cache.insert(id, Vec::new()).is_none());
        }
        let mut num_tokens = 0;
        let mut sampled = Vec::new();
        for chunk in &schedule.chunks {
            let cached = self.cache.get_mut(&chunk.id).unwrap();
            assert_eq!(cached.len(), chunk.positions.start);
            assert!(!chunk.positions.is_empty());
            num_tokens += chunk.positions.len();
            let tokens = &self.scheduler.running(chunk.id).unwrap().tokens;
            cached.extend_from_slice(&tokens[chunk.positions.clone()]);
            assert_eq!(chunk.samples, cached.len() == tokens.len());
            if chunk.samples {
                sampled.push((chunk.id, next_token(cached)));
            }
        }
        assert!(num_tokens <= self.limits.max_batch_tokens);
        // Every running sequence advances in every step.
        assert_eq!(schedule.chunks.len(), self.scheduler.running.len());
        assert_eq!(self.cache.len(), self.scheduler.running.len());
        let memory = &self.limits.memory;
        let used: u64 = self
            .cache
            .values()
            .map(|cached| memory.cost(cached.len()))
            .sum();
        assert!(used <= memory.budget_bytes);

        for (sequence, reason) in self.scheduler.commit(&schedule, &sampled) {
            assert!(self.cache.remove(&sequence.id).is_some());
            self.finished.insert(sequence.id, (sequence.tokens, reason));
        }
        let ids = self.scheduler.running.iter().chain(&self.scheduler.waiting);
        assert!(ids.map(|sequence| sequence.id).is_sorted());
        assert!(self.scheduler.running.len() <= self.limits.max_sequences);
        assert!(self.scheduler.num_in_flight() <= self.scheduler.capacity());
        assert!(
            self.scheduler
                .waiting
                .iter()
                .all(|sequence| sequence.num_computed == 0)
        );
        Some(schedule)
    }
}

/// Limits of `num_pages` pages of 4 tokens for each of which a sequence pays 10, besides 3 for each
/// of its first two.
fn limits(max_sequences: usize, max_batch_tokens: usize, num_pages: u64) -> SchedulerLimits {
    SchedulerLimits {
        max_sequences,
        max_queued: 100,
        max_batch_tokens,
        memory: MemoryLimits {
            budget_bytes: 10 * num_pages + 2 * 3 * max_sequences as u64,
            page_bytes: 10,
            ring_page_bytes: 3,
            max_ring_pages: 2,
            page_tokens: 4,
        },
    }
}

fn positions(schedule: &Schedule) -> Vec<(u64, Range<usize>)> {
    schedule
        .chunks
        .iter()
        .map(|chunk| (chunk.id.0, chunk.positions.clone()))
        .collect()
}

#[test]
fn a_prompt_is_read_in_chunks_and_then_decoded() {
    let mut harness = Harness::new(limits(2, 4, 10), Vec::new());
    harness.add(9, 14).unwrap();
    let chunks: Vec<_> = std::iter::from_fn(|| harness.step())
        .map(|step| positions(&step))
        .collect();
    let (tokens, reason) = &harness.finished[&SequenceId(0)];
    assert!(
        tokens.len() > 10,
        "the fake model stopped at once: choose another prompt"
    );
    assert_eq!(
        chunks[..4],
        [
            vec![(0, 0..4)],
            vec![(0, 4..8)],
            vec![(0, 8..9)],
            vec![(0, 9..10)]
        ]
    );
    assert_eq!(chunks.len(), 3 + 14 - 10);
    assert_eq!(
        (tokens.clone(), *reason),
        generate_alone(&tokens[..9], 14, &[])
    );
}

#[test]
fn decoding_comes_first_and_prompts_share_the_rest() {
    let mut harness = Harness::new(limits(4, 16, 1000), Vec::new());
    harness.add(2, 1000).unwrap();
    harness.step().unwrap();
    assert!(
        harness.finished.is_empty(),
        "the fake model stopped at once: choose another prompt"
    );
    for prompt_len in [100, 3, 50] {
        harness.add(prompt_len, 1000).unwrap();
    }
    // 15 tokens are left beside the decoding one: 3 is all that the shortest needs, 6 for each
    // other.
    let schedule = harness.step().unwrap();
    assert_eq!(
        positions(&schedule),
        [(0, 2..3), (2, 0..3), (3, 0..6), (1, 0..6)]
    );
}

#[test]
fn the_youngest_is_preempted_and_comes_back_before_the_others_that_wait() {
    // Room for 6 pages: two prompts of 2 pages and a growth page each.
    let mut harness = Harness::new(limits(3, 100, 6), Vec::new());
    for _ in 0..3 {
        harness.add(8, 24).unwrap();
    }
    let mut events = Vec::new();
    while let Some(schedule) = harness.step() {
        events.extend(schedule.preempted.iter().map(|id| ("preempted", id.0)));
        events.extend(schedule.admitted.iter().map(|id| ("admitted", id.0)));
    }
    let expected = [("admitted", 0), ("admitted", 1)];
    assert_eq!(events[..2], expected);
    assert!(events.contains(&("preempted", 1)), "{events:?}");
    assert!(!events.contains(&("preempted", 0)), "{events:?}");
    let back = events
        .iter()
        .rposition(|event| *event == ("admitted", 1))
        .unwrap();
    let third = events
        .iter()
        .position(|event| *event == ("admitted", 2))
        .unwrap();
    assert!(back < third, "{events:?}");
    for (tokens, reason) in harness.finished.values() {
        assert_eq!(
            (tokens.clone(), *reason),
            generate_alone(&tokens[..8], 24, &[])
        );
    }
}

#[test]
fn a_sequence_as_long_as_the_whole_cache_can_be_generated() {
    let limits = SchedulerLimits {
        max_sequences: 1,
        ..limits(1, 7, 5)
    };
    assert_eq!(limits.memory.max_len(), 20);
    for prompt_len in 1..20 {
        let mut harness = Harness::new(limits.clone(), Vec::new());
        harness.add(prompt_len, 20).unwrap();
        while harness.step().is_some() {}
        assert_eq!(harness.finished.len(), 1);
    }
}

#[test]
fn the_queue_is_bounded() {
    let mut harness = Harness::new(
        SchedulerLimits {
            max_queued: 2,
            ..limits(3, 8, 100)
        },
        Vec::new(),
    );
    for _ in 0..5 {
        assert!(harness.add(4, 8).is_some());
    }
    assert_eq!(harness.add(4, 8), None);
    assert!(harness.abort(SequenceId(2)));
    assert!(!harness.abort(SequenceId(2)));
    assert!(harness.add(4, 8).is_some());
    assert_eq!(harness.add(4, 8), None);
}

#[test]
fn the_longest_sequence_is_counted_in_whole_pages() {
    let memory = |budget_bytes, page_bytes, ring_page_bytes| MemoryLimits {
        budget_bytes,
        page_bytes,
        ring_page_bytes,
        max_ring_pages: 2,
        page_tokens: 4,
    };
    for (page_bytes, ring_page_bytes) in [(10, 3), (10, 0), (1, 10)] {
        for budget_bytes in 0..100 {
            let memory = memory(budget_bytes, page_bytes, ring_page_bytes);
            let longest = (1..=400)
                .rev()
                .find(|&len| memory.cost(len) <= budget_bytes);
            let case = (budget_bytes, page_bytes, ring_page_bytes);
            assert_eq!(memory.max_len(), longest.unwrap_or(0), "{case:?}");
        }
    }
    // A model without full-attention layers: beyond the ring, length costs nothing.
    assert_eq!(memory(5, 0, 3).max_len(), 4);
    assert_eq!(memory(6, 0, 3).max_len(), usize::MAX);
    // No overflow.
    assert_eq!(memory(u64::MAX, u64::MAX, u64::MAX).max_len(), 4);
    assert_eq!(memory(u64::MAX, 1, 0).cost(usize::MAX), (u64::MAX >> 2) + 1);
    assert_eq!(memory(0, u64::MAX, 1).cost(usize::MAX), u64::MAX);
}

/// Something that happens between steps.
#[derive(Clone, Debug)]
enum Action {
    Add {
        prompt_len: usize,
        num_tokens: usize,
    },
    Abort(prop::sample::Index),
    Step,
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (1usize..40, 1usize..40)
            .prop_map(|(prompt_len, num_tokens)| Action::Add { prompt_len, num_tokens }),
        1 => any::<prop::sample::Index>().prop_map(Action::Abort),
        6 => Just(Action::Step),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_comes_every_sequence_ends_as_it_would_alone(
        actions in prop::collection::vec(any_action(), 1..120),
        max_sequences in 1usize..8,
        spare_batch_tokens in 0usize..30,
        num_pages in 1u64..40,
    ) {
        let limits = limits(max_sequences, max_sequences + spare_batch_tokens, num_pages);
        let longest = limits.memory.max_len();
        let mut harness = Harness::new(limits, vec![STOP]);
        let mut added = BTreeMap::new();
        for action in actions {
            match action {
                Action::Add { prompt_len, num_tokens } => {
                    let prompt_len = prompt_len.min(longest - 1);
                    let max_len = (prompt_len + num_tokens).min(longest);
                    if let Some(id) = harness.add(prompt_len, max_len) {
                        added.insert(id, (prompt_len, max_len));
                    }
                }
                Action::Abort(index) if !added.is_empty() => {
                    let id = *added.keys().nth(index.index(added.len())).unwrap();
                    let was_there = harness.abort(id);
                    prop_assert_eq!(was_there, !harness.finished.contains_key(&id));
                    if was_there {
                        added.remove(&id);
                    }
                }
                Action::Abort(_) => {}
                Action::Step => {
                    harness.step();
                }
            }
        }
        // Each step computes at least one token of the oldest sequence, which is never preempted.
        let max_steps: usize = added.values().map(|(_, max_len)| max_len).sum();
        let num_steps = std::iter::from_fn(|| harness.step()).take(max_steps + 1).count();
        prop_assert!(num_steps <= max_steps);

        prop_assert!(harness.cache.is_empty());
        prop_assert_eq!(harness.scheduler.num_in_flight(), 0);
        prop_assert_eq!(harness.scheduler.used_bytes(), 0);
        prop_assert_eq!(harness.finished.keys().collect::<Vec<_>>(), added.keys().collect::<Vec<_>>());
        for (id, (prompt_len, max_len)) in added {
            let (tokens, reason) = &harness.finished[&id];
            let alone = generate_alone(&tokens[..prompt_len], max_len, &[STOP]);
            prop_assert_eq!((tokens.clone(), *reason), alone);
        }
    }
}

#[test]
fn the_random_runs_do_preempt() {
    // Guards the test above against limits that never bind.
    let mut harness = Harness::new(limits(6, 16, 30), vec![STOP]);
    for index in 0..30 {
        harness.add(5 + index, 60 + index).unwrap();
    }
    while harness.step().is_some() {}
    assert!(harness.num_preempted > 0);
}
