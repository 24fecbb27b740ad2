//! A batch that cannot be run is a typed error, and leaves everything as it was.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/tiny.rs"]
mod tiny;

use engine::{
    Batch, Chunk, EngineError, KvCache, KvCacheOptions, LogitRows, Mode, Model, PAGE_TOKENS,
    RunState, SequenceSlot, TokenId,
};
use serde_json::json;
use tiny::{Tiny, load};

fn model(mode: Mode) -> Model {
    let tiny = Tiny::new();
    load(tiny.config.to_string().as_bytes(), tiny.file(), mode).unwrap()
}

fn cache(model: &Model, budget_bytes: u64) -> KvCache {
    let options = KvCacheOptions {
        budget_bytes,
        max_chunk: 4,
    };
    KvCache::new(model.config(), model.mode(), options).unwrap()
}

fn chunk(sequence: SequenceSlot, position: usize, tokens: &[TokenId]) -> Chunk {
    Chunk {
        sequence,
        position,
        tokens: tokens.to_vec(),
        logits: LogitRows::Last,
    }
}

fn batch(chunks: &[Chunk]) -> Batch {
    Batch {
        chunks: chunks.to_vec(),
    }
}

#[test]
fn a_batch_that_does_not_fit_is_refused_with_the_reason() {
    let model = model(Mode::Default);
    let mut cache = cache(&model, 1 << 24);
    let mut state = RunState::new(&model, 6, 2).unwrap();
    let a = cache.add_sequence().unwrap();
    let b = cache.add_sequence().unwrap();
    let c = cache.add_sequence().unwrap();
    let freed = cache.add_sequence().unwrap();
    cache.free(freed);
    model
        .forward(&batch(&[chunk(a, 0, &[1, 2])]), &mut cache, &mut state)
        .unwrap();

    let all = |sequence| Chunk {
        logits: LogitRows::All,
        ..chunk(sequence, 0, &[1, 2, 3])
    };
    let cases = [
        (batch(&[chunk(a, 0, &[3])]), "holds 2 tokens"),
        (batch(&[chunk(a, 3, &[3])]), "holds 2 tokens"),
        (batch(&[chunk(b, usize::MAX, &[3])]), "holds 0 tokens"),
        (
            batch(&[chunk(b, 0, &[5])]),
            "token 5 is outside the vocabulary of 5",
        ),
        (batch(&[chunk(b, 0, &[1; 5])]), "at most 4"),
        (batch(&[chunk(b, 0, &[1]), chunk(b, 0, &[1])]), "twice"),
        (
            batch(&[chunk(freed, 0, &[1])]),
            "no sequence of this KV cache",
        ),
        (
            batch(&[chunk(b, 0, &[1; 4]), chunk(c, 0, &[1; 3])]),
            "7 tokens",
        ),
        (batch(&[all(b)]), "3 rows of logits"),
    ];
    for (batch, reason) in cases {
        let error = model.forward(&batch, &mut cache, &mut state).unwrap_err();
        assert!(matches!(error, EngineError::InvalidArgument(_)), "{error}");
        assert!(error.to_string().contains(reason), "{error} / {reason}");
        let lengths = [a, b, c].map(|slot| cache.num_tokens(slot).unwrap());
        assert_eq!((lengths, state.num_logit_rows()), ([2, 0, 0], 0));
    }
    // An empty batch and an empty chunk are harmless.
    model
        .forward(&Batch::default(), &mut cache, &mut state)
        .unwrap();
    model
        .forward(&batch(&[chunk(b, 0, &[])]), &mut cache, &mut state)
        .unwrap();
    assert_eq!(state.num_logit_rows(), 0);
}

#[test]
fn a_sequence_never_outgrows_the_longest_the_model_knows() {
    let mut tiny = Tiny::new();
    tiny.config["max_position_embeddings"] = json!(5);
    let model = tiny.load().unwrap();
    let mut cache = cache(&model, 1 << 24);
    let mut state = RunState::new(&model, 4, 1).unwrap();
    let slot = cache.add_sequence().unwrap();
    model
        .forward(&batch(&[chunk(slot, 0, &[1; 4])]), &mut cache, &mut state)
        .unwrap();
    let error = model.forward(&batch(&[chunk(slot, 4, &[1; 2])]), &mut cache, &mut state);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("longest sequence is 5")
    );
    model
        .forward(&batch(&[chunk(slot, 4, &[1])]), &mut cache, &mut state)
        .unwrap();
}

#[test]
fn a_full_cache_lets_the_same_batch_run_later() {
    let model = model(Mode::Default);
    let bytes =
        |num_tokens| KvCache::sequence_bytes(model.config(), Mode::Default, 4, num_tokens).unwrap();
    // Either sequence may outgrow its first page, not both.
    let mut cache = cache(&model, bytes(PAGE_TOKENS) + bytes(PAGE_TOKENS + 1));
    let mut state = RunState::new(&model, 8, 2).unwrap();
    let (a, b) = (cache.add_sequence().unwrap(), cache.add_sequence().unwrap());
    let both = |position, tokens: &[TokenId]| {
        batch(&[chunk(a, position, tokens), chunk(b, position, tokens)])
    };
    for position in (0..PAGE_TOKENS).step_by(4) {
        let batch = both(position, &[0, 1, 2, 3]);
        model.forward(&batch, &mut cache, &mut state).unwrap();
    }
    let batch_of_both = both(PAGE_TOKENS, &[1, 2, 3]);
    let error = model
        .forward(&batch_of_both, &mut cache, &mut state)
        .unwrap_err();
    assert!(
        matches!(error, EngineError::CacheFull { free_bytes: 0, .. }),
        "{error}"
    );
    let lengths = [a, b].map(|slot| cache.num_tokens(slot));
    assert_eq!(lengths, [Some(PAGE_TOKENS); 2]);
    let only_b = batch(&[chunk(b, PAGE_TOKENS, &[1, 2, 3])]);
    cache.free(a);
    model.forward(&only_b, &mut cache, &mut state).unwrap();
    assert_eq!(cache.num_tokens(b), Some(PAGE_TOKENS + 3));
}

#[test]
fn a_cache_or_state_of_another_model_or_mode_is_refused() {
    let (exact, default) = (model(Mode::Exact), model(Mode::Default));
    let mut wider = Tiny::new();
    // Its ring has a page more.
    wider.config["sliding_window"] = json!(99);
    let wider = wider.load().unwrap();
    for other in [&exact, &wider] {
        let (mut own_cache, mut other_cache) = (cache(&default, 1 << 24), cache(other, 1 << 24));
        let mut own_state = RunState::new(&default, 4, 1).unwrap();
        let mut other_state = RunState::new(other, 4, 1).unwrap();
        let slot = own_cache.add_sequence().unwrap();
        assert_eq!(slot, other_cache.add_sequence().unwrap());
        let batch = batch(&[chunk(slot, 0, &[1])]);
        assert!(
            default
                .forward(&batch, &mut other_cache, &mut own_state)
                .is_err()
        );
        assert!(
            default
                .forward(&batch, &mut own_cache, &mut other_state)
                .is_err()
        );
        default
            .forward(&batch, &mut own_cache, &mut own_state)
            .unwrap();
    }
}

#[test]
fn senseless_limits_of_a_run_state_are_errors() {
    let model = model(Mode::Default);
    for (max_rows, max_logit_rows) in [(0, 0), (0, 1), (4, 0), (4, 5)] {
        let error = RunState::new(&model, max_rows, max_logit_rows).unwrap_err();
        assert!(matches!(error, EngineError::InvalidArgument(_)), "{error}");
    }
    let error = RunState::new(&model, usize::MAX, 1).unwrap_err();
    assert!(matches!(error, EngineError::OutOfMemory { .. }), "{error}");
}
