//! The logits of a position are the same bits however they came about: token by token, as a whole,
//! in chunks of any lengths, beside other sequences, on any number of threads; in both modes, on
//! every instruction set.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/fixture.rs"]
mod fixture;

use engine::{Batch, Chunk, LogitRows, Mode, Model, SequenceSlot, TokenId};
use fixture::{NAMES, expected, load, logits_in_chunks, scratch};
use kernels::Isa;
use proptest::{collection::vec, prelude::*, sample::select};

const MODES: [Mode; 2] = [Mode::Exact, Mode::Default];

/// As bits, so that signed zeros and NaN count too.
fn bits(logits: &[Vec<f32>]) -> Vec<Vec<u32>> {
    logits
        .iter()
        .map(|row| row.iter().map(|value| value.to_bits()).collect())
        .collect()
}

#[test]
fn every_chunking_gives_the_same_bits() {
    // Whole pages and windows, one less and one more; token by token; a ring that wraps often.
    let chunkings: [&[usize]; 7] = [
        &[300],
        &[1],
        &[127, 1, 1],
        &[128, 2],
        &[129],
        &[64, 63, 65],
        &[5, 1, 90, 33],
    ];
    for isa in Isa::available() {
        for mode in MODES {
            for name in NAMES {
                let tokens = &expected(name, 600).tokens[..300];
                let model = load(name, mode, 2, isa);
                let whole = bits(&logits_in_chunks(&model, tokens, chunkings[0]));
                for chunks in &chunkings[1..] {
                    let chunked = bits(&logits_in_chunks(&model, tokens, chunks));
                    assert!(
                        whole == chunked,
                        "{name}, {mode:?}, {}, {chunks:?}",
                        isa.name()
                    );
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for isa in Isa::available() {
        for mode in MODES {
            for name in NAMES {
                let tokens = &expected(name, 600).tokens[..300];
                let run = |num_threads| {
                    let model = load(name, mode, num_threads, isa);
                    bits(&logits_in_chunks(&model, tokens, &[200, 1]))
                };
                let one = run(1);
                for num_threads in [2, 5] {
                    assert!(
                        one == run(num_threads),
                        "{name}, {mode:?}, {num_threads} threads"
                    );
                }
            }
        }
    }
}

/// One sequence of a random schedule.
#[derive(Debug, Clone)]
struct Plan {
    tokens: Vec<TokenId>,
    /// Lengths of its chunks, over and over; 0 sits a batch out.
    chunks: Vec<usize>,
}

fn plan() -> impl Strategy<Value = Plan> {
    // Every vocabulary of the fixtures has these tokens. The last chunk length keeps plans moving.
    let chunks = (
        vec(select(vec![0, 1, 1, 1, 2, 17, 64, 127, 128, 129]), 0..6),
        1usize..150,
    );
    (vec(0u32..97, 1..400), chunks).prop_map(|(tokens, (mut chunks, last))| {
        chunks.push(last);
        Plan { tokens, chunks }
    })
}

/// Logits of every position of every plan, all of them run side by side.
fn run_together(model: &Model, plans: &[Plan]) -> Vec<Vec<Vec<f32>>> {
    let (mut cache, mut state) = scratch(model, 150 * plans.len());
    let mut logits = vec![Vec::new(); plans.len()];
    let mut slots: Vec<Option<SequenceSlot>> = vec![None; plans.len()];
    for round in 0.. {
        let mut batch = Batch::default();
        let mut members = Vec::new();
        for (i, plan) in plans.iter().enumerate() {
            let position = logits[i].len();
            let length = plan.chunks[round % plan.chunks.len()].min(plan.tokens.len() - position);
            if position == plan.tokens.len() {
                // Done: its memory goes back while the others are still running.
                slots[i]
                    .take()
                    .into_iter()
                    .for_each(|slot| cache.free(slot));
            } else if length > 0 {
                let sequence = *slots[i].get_or_insert_with(|| cache.add_sequence().unwrap());
                let tokens = plan.tokens[position..position + length].to_vec();
                batch.chunks.push(Chunk {
                    sequence,
                    position,
                    tokens,
                    logits: LogitRows::All,
                });
                members.push((i, length));
            }
        }
        // Not "nobody has a slot": at first all of them may sit out at once.
        let done = |(plan, logits): (&Plan, &Vec<_>)| logits.len() == plan.tokens.len();
        if members.is_empty() && plans.iter().zip(&logits).all(done) {
            break;
        }
        model.forward(&batch, &mut cache, &mut state).unwrap();
        let mut row = 0;
        for (i, length) in members {
            logits[i].extend((row..row + length).map(|row| state.logits(row).to_vec()));
            row += length;
        }
    }
    assert_eq!(cache.used_bytes(), 0);
    logits
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn batch_mates_do_not_change_a_bit(
        name in select(NAMES.to_vec()),
        mode in select(MODES.to_vec()),
        isa in select(Isa::available().collect::<Vec<_>>()),
        num_threads in 1usize..4,
        plans in vec(plan(), 1..5),
    ) {
        let model = load(name, mode, num_threads, isa);
        let together = run_together(&model, &plans);
        for (plan, together) in plans.iter().zip(together) {
            let alone = logits_in_chunks(&model, &plan.tokens, &[plan.tokens.len()]);
            prop_assert!(bits(&alone) == bits(&together));
        }
    }
}

#[test]
fn last_and_no_logits_are_rows_of_all_logits() {
    let model = load("gqa4", Mode::Default, 2, Isa::detect());
    let (mut cache, mut state) = scratch(&model, 30);
    let prompts: [&[TokenId]; 3] = [&[1, 2, 3, 4], &[5, 6], &[7, 8, 9]];
    let wanted = [LogitRows::Last, LogitRows::None, LogitRows::All];
    let chunks = prompts.iter().zip(wanted).map(|(tokens, logits)| {
        let sequence = cache.add_sequence().unwrap();
        Chunk {
            sequence,
            position: 0,
            tokens: tokens.to_vec(),
            logits,
        }
    });
    let batch = Batch {
        chunks: chunks.collect(),
    };
    model.forward(&batch, &mut cache, &mut state).unwrap();
    let [first, _, third] = prompts.map(|tokens| logits_in_chunks(&model, tokens, &[30]));
    assert_eq!(state.num_logit_rows(), 4);
    assert_eq!(state.logits(0), first[3]);
    for (i, row) in third.iter().enumerate() {
        assert_eq!(state.logits(1 + i), row);
    }
}
