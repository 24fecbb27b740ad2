//! Checkpoints that load, have the sizes they should, and keep their numbers in hand.

use super::*;
use crate::{Batch, Chunk, KvCache, KvCacheOptions, LoadOptions, LogitRows, Model, RunState};

/// A model of this shape, without files.
pub(crate) fn model(spec: &SynthSpec, seed: u64, options: &LoadOptions) -> Model {
    spec.check().unwrap();
    let mut safetensors = Vec::new();
    let pool = Pool::new(1).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    let result = write_shard(&tensors::all(spec), seed, &pool, &mut safetensors, go_on);
    assert!(result.unwrap().is_continue());
    Model::from_bytes(json::config(spec).as_bytes(), safetensors, options).unwrap()
}

fn ignore(_: SynthProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn the_presets_have_the_sizes_of_the_published_checkpoints() {
    for (spec, num_bytes, num_tensors) in [
        (SynthSpec::gpt_oss_20b(), 13_761_264_768, 459),
        (SynthSpec::gpt_oss_120b(), 65_248_815_744, 687),
    ] {
        assert_eq!(spec.num_tensor_bytes(), num_bytes);
        assert_eq!(tensors::all(&spec).len(), num_tensors);
        spec.check().unwrap();
    }
}

#[test]
fn the_20b_json_files_are_the_published_ones() {
    let spec = SynthSpec::gpt_oss_20b();
    let config = include_str!("../../tests/fixtures/gpt-oss-20b/config.json");
    assert_eq!(json::config(&spec), config);
    let config = include_str!("../../tests/fixtures/gpt-oss-20b/generation_config.json");
    assert_eq!(json::generation_config(&spec), config);
}

#[test]
fn the_20b_tensors_fill_three_shards_of_similar_size() {
    let spec = SynthSpec::gpt_oss_20b();
    let tensors = tensors::all(&spec);
    let shards = shards(&tensors, spec.num_shards, spec.num_tensor_bytes());
    let sizes: Vec<u64> = shards
        .iter()
        .map(|shard| shard.iter().map(TensorSpec::num_bytes).sum())
        .collect();
    assert_eq!(sizes.len(), 3);
    assert!(
        sizes
            .iter()
            .all(|size| (4_000_000_000..5_000_000_000).contains(size)),
        "{sizes:?}"
    );
    assert_eq!(shards.concat(), tensors);
}

#[test]
fn a_tiny_checkpoint_loads_and_has_exactly_its_bytes() {
    for (num_shards, names) in [
        (1, vec!["model.safetensors"]),
        (
            2,
            vec![
                "model-00000-of-00001.safetensors",
                "model-00001-of-00001.safetensors",
            ],
        ),
    ] {
        let spec = SynthSpec {
            num_shards,
            ..SynthSpec::tiny()
        };
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        let mut last = None;
        let mut report = |progress| {
            last = Some(progress);
            ControlFlow::Continue(())
        };
        write(&spec, 1, &dir, 2, &mut report).unwrap();

        let total_bytes = spec.num_tensor_bytes();
        assert_eq!(
            last,
            Some(SynthProgress {
                written_bytes: total_bytes,
                total_bytes
            })
        );
        let mut tensor_bytes = 0;
        for name in names {
            let file = fs::read(dir.join(name)).unwrap();
            let header_bytes = u64::from_le_bytes(file[..8].try_into().unwrap());
            assert_eq!(header_bytes % 8, 0);
            tensor_bytes += file.len() as u64 - 8 - header_bytes;
        }
        assert_eq!(tensor_bytes, total_bytes);
        assert_eq!(
            dir.join("model.safetensors.index.json").exists(),
            num_shards > 1
        );

        let model = Model::load(&dir, &LoadOptions::default()).unwrap();
        assert_eq!(model.num_weight_bytes(), total_bytes);
    }
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let spec = SynthSpec {
        vocab_size: 256,
        num_hidden_layers: 1,
        ..SynthSpec::tiny()
    };
    let bytes = |seed, num_threads| {
        let dir = tempfile::tempdir().unwrap();
        write(&spec, seed, dir.path(), num_threads, &mut ignore).unwrap();
        fs::read(dir.path().join("model-00001-of-00001.safetensors")).unwrap()
    };
    assert_eq!(bytes(1, 1), bytes(1, 3));
    assert_ne!(bytes(1, 1), bytes(2, 1));
}

#[test]
fn activations_and_logits_keep_their_size_through_many_layers() {
    for num_hidden_layers in [1, 8, 36] {
        let spec = SynthSpec {
            num_hidden_layers,
            ..SynthSpec::tiny()
        };
        let model = model(&spec, 3, &LoadOptions::default());
        let options = KvCacheOptions {
            budget_bytes: 1 << 30,
            max_chunk: 64,
        };
        let mut cache = KvCache::new(model.config(), model.mode(), options).unwrap();
        let mut state = RunState::new(&model, 64, 64).unwrap();
        let sequence = cache.add_sequence().unwrap();
        let tokens = (0..64).map(|i| i * 13).collect();
        let chunk = Chunk {
            sequence,
            position: 0,
            tokens,
            logits: LogitRows::All,
        };
        model
            .forward(&Batch::from(chunk), &mut cache, &mut state)
            .unwrap();
        for row in 0..64 {
            let logits = state.logits(row);
            assert!(logits.iter().all(|logit| logit.is_finite()));
            let mean_square = logits.iter().map(|logit| logit * logit).sum::<f32>() / 1024.0;
            let spread = mean_square.sqrt();
            assert!(
                (1.5..6.0).contains(&spread),
                "{num_hidden_layers} layers: {spread}"
            );
        }
    }
}

#[test]
fn a_directory_with_something_in_it_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let error = write(&SynthSpec::tiny(), 0, dir.path(), 1, &mut ignore).unwrap_err();
    assert!(error.to_string().contains("is not empty"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new");
    // Something else takes the name of the last file while the tensors are written.
    let intruder = dir.join("config.json");
    let result = write(&SynthSpec::tiny(), 0, &dir, 1, &mut |_| {
        fs::write(&intruder, "not ours").unwrap();
        ControlFlow::Continue(())
    });
    let error = result.unwrap_err();
    let expected = format!("cannot create {}", intruder.display());
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).is_some());
    let left: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left, [intruder]);
}

#[test]
fn a_caller_that_breaks_off_finds_nothing_left_behind() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new");
    // Within the first shard, within the second, after the last tensor.
    let mut num_calls = 0;
    write(&SynthSpec::tiny(), 0, &dir, 1, &mut |_| {
        num_calls += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    fs::remove_dir_all(&dir).unwrap();
    for last_call in [1, num_calls / 2, num_calls] {
        let mut calls = 0;
        let result = write(&SynthSpec::tiny(), 0, &dir, 1, &mut |_| {
            calls += 1;
            assert!(dir.join("model-00000-of-00001.safetensors").exists());
            match calls < last_call {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        assert!(matches!(result, Err(EngineError::Cancelled)));
        assert_eq!(calls, last_call);
        assert!(!dir.exists());
    }
}

#[test]
fn a_shape_that_cannot_run_is_refused_before_anything_is_written() {
    let tiny = SynthSpec::tiny;
    let cases = [
        (
            SynthSpec {
                hidden_size: 65,
                ..tiny()
            },
            "hidden_size",
        ),
        (
            SynthSpec {
                intermediate_size: 16,
                ..tiny()
            },
            "intermediate_size",
        ),
        (
            SynthSpec {
                num_hidden_layers: 0,
                ..tiny()
            },
            "num_hidden_layers",
        ),
        (
            SynthSpec {
                num_hidden_layers: usize::MAX,
                ..tiny()
            },
            "num_hidden_layers",
        ),
        (
            SynthSpec {
                num_key_value_heads: 3,
                ..tiny()
            },
            "num_key_value_heads",
        ),
        (
            SynthSpec {
                head_dim: 7,
                ..tiny()
            },
            "head_dim",
        ),
        (
            SynthSpec {
                num_experts_per_tok: 9,
                ..tiny()
            },
            "num_experts_per_tok",
        ),
        (
            SynthSpec {
                vocab_size: 0,
                ..tiny()
            },
            "vocab_size",
        ),
        (
            SynthSpec {
                vocab_size: usize::MAX,
                ..tiny()
            },
            "vocab_size",
        ),
        (
            SynthSpec {
                max_position_embeddings: 4095,
                ..tiny()
            },
            "max_position_embeddings",
        ),
        (
            SynthSpec {
                initial_context_length: 0,
                ..tiny()
            },
            "initial_context_length",
        ),
        (
            SynthSpec {
                num_shards: 0,
                ..tiny()
            },
            "num_shards",
        ),
    ];
    for (spec, field) in cases {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("new");
        let error = write(&spec, 0, &dir, 1, &mut ignore).unwrap_err();
        assert!(matches!(error, EngineError::InvalidArgument(_)));
        assert!(error.to_string().contains(field), "{error}");
        assert!(!dir.exists());
    }
}

#[test]
fn more_shards_than_tensors_make_as_many_files_as_are_of_use() {
    let spec = SynthSpec {
        num_shards: 1000,
        num_hidden_layers: 1,
        ..SynthSpec::tiny()
    };
    let dir = tempfile::tempdir().unwrap();
    write(&spec, 0, dir.path(), 1, &mut ignore).unwrap();
    Model::load(dir.path(), &LoadOptions::default()).unwrap();
    let num_files = fs::read_dir(dir.path()).unwrap().count();
    assert!(num_files <= tensors::all(&spec).len() + 3, "{num_files}");
}
