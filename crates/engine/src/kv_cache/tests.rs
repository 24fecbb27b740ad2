use std::path::Path;

use kernels::Isa;

use super::*;
use crate::LayerType;

/// Two layers, sliding then full, one head of two dimensions, window 3.
fn tiny() -> Config {
    config(2, 1, 2, 3)
}

fn config(layers: usize, kv_heads: usize, head_dim: usize, window: usize) -> Config {
    let json = format!(
        r#"{{"model_type": "gpt_oss", "num_hidden_layers": {layers}, "hidden_size": 64,
            "intermediate_size": 64, "num_attention_heads": 64, "num_key_value_heads": {kv_heads},
            "head_dim": {head_dim}, "num_local_experts": 4, "num_experts_per_tok": 2,
            "vocab_size": 8, "sliding_window": {window}, "max_position_embeddings": 131072,
            "rope_theta": 150000, "rope_scaling": {{"rope_type": "default"}}}}"#
    );
    Config::from_json(json.as_bytes(), Path::new("config.json")).unwrap()
}

fn cache(budget_bytes: u64, max_chunk: usize) -> KvCache {
    KvCache::new(
        &tiny(),
        Mode::Exact,
        KvCacheOptions {
            budget_bytes,
            max_chunk,
        },
    )
    .unwrap()
}

/// A page of either table: 64 tokens x 2 dimensions x (key, value) x 4 bytes, one layer.
const PAGE_BYTES: u64 = 1024;
/// Most pages of a ring for chunks of 2: its 4 tokens may lie on both sides of a page's end.
const RING_PAGES: u64 = 2;

#[test]
fn a_20b_shaped_sequence_of_the_full_context_takes_at_most_3_1_gib() {
    let config = config(24, 8, 64, 128);
    let bytes = KvCache::sequence_bytes(&config, Mode::Default, 2048, 131_072).unwrap();
    println!(
        "131,072 tokens of gpt-oss-20b: {bytes} bytes, {:.3} GiB",
        bytes as f64 / 2f64.powi(30)
    );
    // 24 KiB for each token of the 12 full layers, 24 KiB for each position of the rings: 127 + 2048
    // of them can touch 35 pages.
    assert_eq!(bytes, 24 * 1024 * (131_072 + 35 * 64));
    assert!((bytes as f64) <= 3.1 * 2f64.powi(30));
}

#[test]
fn a_long_window_costs_what_the_sequence_needs_of_it() {
    let mut config = config(2, 1, 2, 1 << 24);
    config.max_position_embeddings = 1 << 24;
    let bytes = |num_tokens| KvCache::sequence_bytes(&config, Mode::Exact, 2048, num_tokens);
    for (num_tokens, num_pages) in [(0, 1), (1, 1), (64, 1), (65, 2), (1 << 24, 1 << 18)] {
        assert_eq!(bytes(num_tokens), Some(2 * num_pages * PAGE_BYTES));
    }
}

#[test]
fn memory_is_taken_as_a_sequence_grows_and_given_back_with_it() {
    let mut cache = cache(20_000, 2);
    assert_eq!(cache.used_bytes(), 0);
    let slot = cache.add_sequence().unwrap();
    // The first page of either table.
    assert_eq!(cache.used_bytes(), 2 * PAGE_BYTES);
    assert_eq!(cache.missing_bytes(slot, 64).unwrap(), 0);
    assert_eq!(cache.missing_bytes(slot, 65).unwrap(), 2 * PAGE_BYTES);
    for (num_tokens, num_pages) in [(1, 1), (65, 2), (129, 3), (500, 8)] {
        cache.reserve(slot, num_tokens).unwrap();
        let expected = PAGE_BYTES * (num_pages + num_pages.min(RING_PAGES));
        assert_eq!(cache.used_bytes(), expected);
        assert_eq!(cache.free_bytes(), 20_000 - expected);
        let sequence_bytes = KvCache::sequence_bytes(&tiny(), Mode::Exact, 2, num_tokens);
        assert_eq!(sequence_bytes, Some(expected));
    }
    // What is there is not given back before the end.
    cache.reserve(slot, 1).unwrap();
    assert_eq!(cache.used_bytes(), PAGE_BYTES * (8 + RING_PAGES));
    cache.free(slot);
    cache.free(slot);
    assert_eq!((cache.used_bytes(), cache.num_tokens(slot)), (0, None));
}

#[test]
fn a_full_cache_is_a_typed_error_and_changes_nothing() {
    let mut cache = cache((RING_PAGES + 2) * PAGE_BYTES, 2);
    let slot = cache.add_sequence().unwrap();
    cache.reserve(slot, 128).unwrap();
    let used = cache.used_bytes();
    let expected = |needed| EngineError::CacheFull {
        needed_bytes: needed,
        free_bytes: 0,
    };
    let error = cache.reserve(slot, 129).unwrap_err();
    assert_eq!(error.to_string(), expected(PAGE_BYTES).to_string());
    let error = cache.add_sequence().unwrap_err();
    assert_eq!(error.to_string(), expected(2 * PAGE_BYTES).to_string());
    assert!(matches!(
        cache.reserve(slot, usize::MAX),
        Err(EngineError::CacheFull { .. })
    ));
    assert_eq!(cache.used_bytes(), used);
}

#[test]
fn sliding_layers_alone_take_no_more_than_their_ring() {
    let mut config = tiny();
    config.layer_types = vec![LayerType::SlidingAttention; 2];
    let options = KvCacheOptions {
        budget_bytes: 2 * RING_PAGES * PAGE_BYTES,
        max_chunk: 2,
    };
    let mut cache = KvCache::new(&config, Mode::Exact, options).unwrap();
    let slot = cache.add_sequence().unwrap();
    cache.reserve(slot, usize::MAX).unwrap();
    assert_eq!(cache.free_bytes(), 0);
}

#[test]
fn unknown_sequences_and_senseless_sizes_are_errors() {
    let mut cache = cache(10_000, 2);
    let slot = cache.add_sequence().unwrap();
    cache.free(slot);
    let other = cache.add_sequence().unwrap();
    assert_ne!(slot, other);
    assert!(matches!(
        cache.reserve(slot, 1),
        Err(EngineError::InvalidArgument(_))
    ));
    assert!(matches!(
        cache.missing_bytes(slot, 1),
        Err(EngineError::InvalidArgument(_))
    ));
    // No chunk at all, and one whose ring cannot be counted.
    for max_chunk in [0, usize::MAX] {
        let options = KvCacheOptions {
            budget_bytes: 1,
            max_chunk,
        };
        let result = KvCache::new(&tiny(), Mode::Exact, options);
        assert!(
            matches!(result, Err(EngineError::InvalidArgument(_))),
            "{max_chunk}"
        );
    }
}

#[test]
fn what_is_written_is_read_back_across_pages_and_around_the_ring() {
    for (window, max_chunk) in [
        (3, 2),
        (1, 1),
        (64, 1),
        (65, 1),
        (2, 64),
        (66, 65),
        (128, 200),
    ] {
        check_that_reads_return_writes(window, max_chunk);
    }
}

/// Adds 400 tokens in chunks of up to `max_chunk`, growing with each; after each chunk everything
/// that its tokens may see must be there.
fn check_that_reads_return_writes(window: usize, max_chunk: usize) {
    let options = KvCacheOptions {
        budget_bytes: 100_000,
        max_chunk,
    };
    let mut cache = KvCache::new(&config(2, 1, 2, window), Mode::Exact, options).unwrap();
    let slot = cache.add_sequence().unwrap();
    let at = |layer: usize, position: usize| (layer * 1000 + position) as f32;
    let mut start = 0;
    while start < 400 {
        // Shorter ones too, so that chunks start anywhere in a page.
        let chunk = start..start + (1 + start % max_chunk).max(max_chunk / 2);
        cache.reserve(slot, chunk.len()).unwrap();
        let Some((geometry, SequenceData::F32(storage))) = cache.data_mut(slot) else {
            panic!()
        };
        for (layer, position) in (0..2).flat_map(|layer| chunk.clone().map(move |p| (layer, p))) {
            let key = [at(layer, position), 0.5];
            let value = [-at(layer, position), 0.25];
            storage.write(Isa::Scalar, geometry, (layer, 0, position), &key, &value);
        }
        let Some(SequenceData::F32(storage)) = cache.data(slot) else {
            panic!()
        };
        for (layer, window) in [(0, window), (1, usize::MAX)] {
            let range = (chunk.start + 1).saturating_sub(window)..chunk.end;
            let mut keys = Vec::new();
            let mut values = Vec::new();
            for (k, v) in storage.segments(cache.geometry(), layer, 0, range.clone()) {
                assert_eq!(k.len(), v.len());
                keys.extend(k.chunks(2).map(|key| (key[0], key[1])));
                values.extend(v.chunks(2).map(|value| (value[0], value[1])));
            }
            let expected: Vec<_> = range.clone().map(|p| (at(layer, p), 0.5)).collect();
            assert_eq!(keys, expected, "window {window}, chunks of {max_chunk}");
            let expected: Vec<_> = range.map(|p| (-at(layer, p), 0.25)).collect();
            assert_eq!(values, expected, "window {window}, chunks of {max_chunk}");
        }
        cache.advance(slot, chunk.len());
        start = chunk.end;
    }
}
