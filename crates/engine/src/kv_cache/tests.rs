use std::path::Path;

use kernels::Isa;

use super::*;

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

/// A page: 64 tokens x 2 dimensions x (key, value) x 4 bytes, one full layer.
const PAGE_BYTES: u64 = 1024;
/// A ring for chunks of 2: 4 tokens, one sliding layer.
const RING_BYTES: u64 = 64;

#[test]
fn a_20b_shaped_sequence_of_the_full_context_takes_at_most_3_1_gib() {
    let config = config(24, 8, 64, 128);
    let bytes = KvCache::sequence_bytes(&config, Mode::Default, 2048, 131_072).unwrap();
    println!(
        "131,072 tokens of gpt-oss-20b: {bytes} bytes, {:.3} GiB",
        bytes as f64 / 2f64.powi(30)
    );
    // 24 KiB for each token of the 12 full layers, 24 KiB for each position of the rings.
    assert_eq!(bytes, 24 * 1024 * (131_072 + 127 + 2048));
    assert!((bytes as f64) <= 3.1 * 2f64.powi(30));
}

#[test]
fn memory_is_taken_as_a_sequence_grows_and_given_back_with_it() {
    let mut cache = cache(10_000, 2);
    assert_eq!(cache.used_bytes(), 0);
    let slot = cache.add_sequence().unwrap();
    assert_eq!(cache.used_bytes(), RING_BYTES);
    cache.reserve(slot, 1).unwrap();
    assert_eq!(cache.used_bytes(), RING_BYTES + PAGE_BYTES);
    assert_eq!(cache.missing_bytes(slot, 64).unwrap(), 0);
    assert_eq!(cache.missing_bytes(slot, 65).unwrap(), PAGE_BYTES);
    cache.reserve(slot, 65).unwrap();
    let expected = KvCache::sequence_bytes(&tiny(), Mode::Exact, 2, 65).unwrap();
    assert_eq!(cache.used_bytes(), expected);
    cache.free(slot);
    cache.free(slot);
    assert_eq!((cache.used_bytes(), cache.num_tokens(slot)), (0, None));
}

#[test]
fn a_full_cache_is_a_typed_error_and_changes_nothing() {
    let mut cache = cache(RING_BYTES + 2 * PAGE_BYTES, 2);
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
    assert_eq!(error.to_string(), expected(RING_BYTES).to_string());
    assert!(matches!(
        cache.reserve(slot, usize::MAX),
        Err(EngineError::CacheFull { .. })
    ));
    assert_eq!(cache.used_bytes(), used);
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
    for max_chunk in [0, usize::MAX] {
        let options = KvCacheOptions {
            budget_bytes: 1,
            max_chunk,
        };
        let result = KvCache::new(&tiny(), Mode::Exact, options);
        // A ring is never longer than the longest sequence, so any chunk length is countable here.
        assert_eq!(
            result.is_err(),
            max_chunk == 0 || max_chunk == usize::MAX,
            "{max_chunk}"
        );
    }
}

#[test]
fn what_is_written_is_read_back_across_pages_and_around_the_ring() {
    let mut cache = cache(100_000, 2);
    let slot = cache.add_sequence().unwrap();
    cache.reserve(slot, 200).unwrap();
    let at = |layer: usize, position: usize| (layer * 1000 + position) as f32;
    for position in 0..200 {
        let Some((geometry, SequenceData::F32(storage))) = cache.data_mut(slot) else {
            panic!()
        };
        for layer in 0..2 {
            let key = [at(layer, position), 0.5];
            let value = [-at(layer, position), 0.25];
            storage.write(Isa::Scalar, geometry, (layer, 0, position), &key, &value);
        }
        for (layer, window) in [(0, 4), (1, usize::MAX)] {
            let Some(SequenceData::F32(storage)) = cache.data(slot) else {
                panic!()
            };
            let range = (position + 1).saturating_sub(window)..position + 1;
            let mut keys = Vec::new();
            let mut values = Vec::new();
            for (k, v) in storage.segments(cache.geometry(), layer, 0, range.clone()) {
                assert_eq!(k.len(), v.len());
                keys.extend(k.chunks(2).map(|key| (key[0], key[1])));
                values.extend(v.chunks(2).map(|value| (value[0], value[1])));
            }
            let expected: Vec<_> = range.clone().map(|p| (at(layer, p), 0.5)).collect();
            assert_eq!(keys, expected);
            let expected: Vec<_> = range.map(|p| (-at(layer, p), 0.25)).collect();
            assert_eq!(values, expected);
        }
    }
}
