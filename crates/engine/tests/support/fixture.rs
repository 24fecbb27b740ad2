//! The checkpoints under `tests/fixtures`, and what transformers answers to their prompts.
//! `reference/make_parity.py` makes both.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::PathBuf, sync::Arc};

use engine::{
    Batch, Chunk, KvCache, KvCacheOptions, LoadOptions, LogitRows, Mode, Model, RunState, TokenId,
    checkpoint::{Dtype, SafetensorsFile},
};
use kernels::Isa;

pub(crate) const NAMES: [&str; 4] = ["gqa4", "bf16_experts", "rope_parameters", "sharded"];
pub(crate) const PROMPT_LENGTHS: [usize; 6] = [1, 127, 128, 129, 600, 5000];

pub(crate) fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name]
        .iter()
        .collect()
}

pub(crate) fn load(name: &str, mode: Mode, num_threads: usize, isa: Isa) -> Model {
    Model::load(
        &path(name),
        &LoadOptions {
            mode,
            num_threads,
            isa,
        },
    )
    .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What transformers answers to one prompt.
pub(crate) struct Expected {
    pub(crate) tokens: Vec<TokenId>,
    /// The likeliest token after each position.
    pub(crate) top1: Vec<TokenId>,
    /// Some positions and their logits.
    pub(crate) rows: Vec<(usize, Vec<f32>)>,
}

pub(crate) fn expected(name: &str, length: usize) -> Expected {
    let file = Arc::new(SafetensorsFile::open(&path(name).join("expected.safetensors")).unwrap());
    let tensor = |kind: &str| SafetensorsFile::tensor(&file, &format!("{kind}.{length}")).unwrap();
    let ids = |kind: &str| -> Vec<TokenId> {
        let tensor = tensor(kind);
        assert_eq!(*tensor.dtype(), Dtype::I32);
        let (words, _) = tensor.bytes().as_chunks::<4>();
        words
            .iter()
            .map(|&word| i32::from_le_bytes(word).try_into().unwrap())
            .collect()
    };
    let logits = tensor("logits");
    assert_eq!(*logits.dtype(), Dtype::F32);
    let (words, _) = logits.bytes().as_chunks::<4>();
    let logits: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
    let positions = ids("rows");
    let vocab = logits.len() / positions.len();
    let rows = positions
        .into_iter()
        .map(|p| p as usize)
        .zip(logits.chunks(vocab).map(Vec::from));
    Expected {
        tokens: ids("tokens"),
        top1: ids("top1"),
        rows: rows.collect(),
    }
}

/// Room for `max_rows` rows at a time, and for any number of sequences.
pub(crate) fn scratch(model: &Model, max_rows: usize) -> (KvCache, RunState) {
    let options = KvCacheOptions {
        budget_bytes: 1 << 30,
        max_chunk: max_rows,
    };
    let cache = KvCache::new(model.config(), model.mode(), options).unwrap();
    (cache, RunState::new(model, max_rows, max_rows).unwrap())
}

/// Logits of every position of one sequence, computed in chunks of the given lengths, over and
/// over.
pub(crate) fn logits_in_chunks(
    model: &Model,
    tokens: &[TokenId],
    chunks: &[usize],
) -> Vec<Vec<f32>> {
    let (mut cache, mut state) = scratch(model, *chunks.iter().max().unwrap());
    let sequence = cache.add_sequence().unwrap();
    let mut logits = Vec::new();
    let mut lengths = chunks.iter().cycle();
    while logits.len() < tokens.len() {
        let position = logits.len();
        let length = lengths
            .next()
            .unwrap()
            .min(&(tokens.len() - position))
            .to_owned();
        let tokens = tokens[position..position + length].to_vec();
        let chunk = Chunk {
            sequence,
            position,
            tokens,
            logits: LogitRows::All,
        };
        model
            .forward(&Batch::from(chunk), &mut cache, &mut state)
            .unwrap();
        logits.extend((0..length).map(|i| state.logits(i).to_vec()));
    }
    logits
}

/// The index of the largest value.
pub(crate) fn argmax(values: &[f32]) -> usize {
    (0..values.len())
        .max_by(|&a, &b| values[a].total_cmp(&values[b]))
        .unwrap()
}

pub(crate) fn max_abs(values: impl IntoIterator<Item = f32>) -> f32 {
    values
        .into_iter()
        .fold(0.0, |max, value| max.max(value.abs()))
}
