//! Every way a checkpoint can be wrong is a typed error that names the file and the tensor.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/tiny.rs"]
mod tiny;

#[cfg(unix)]
use std::os::unix::fs::symlink;
use std::{fs, path::Path};

use engine::{EngineError, LoadOptions, Mode, Model};
use serde_json::{Value, json};
use tempfile::TempDir;
use tiny::{Tiny, load, run};

/// The name and the text of the tensor error that loading must give.
fn tensor_error(result: Result<Model, EngineError>) -> (String, String) {
    match result {
        Err(EngineError::Tensor { tensor, reason, .. }) => (tensor, reason),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("no error"),
    }
}

fn corrupt(result: Result<Model, EngineError>) -> String {
    match result {
        Err(EngineError::CorruptFile { reason, .. }) => reason,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("no error"),
    }
}

fn unsupported(result: Result<Model, EngineError>) -> String {
    match result {
        Err(EngineError::UnsupportedCheckpoint { reason, .. }) => reason,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("no error"),
    }
}

fn load_tiny_with(header: &Value) -> Result<Model, EngineError> {
    let tiny = Tiny::new();
    load(
        tiny.config.to_string().as_bytes(),
        tiny.file_with(header),
        Mode::Exact,
    )
}

#[test]
fn the_tiny_checkpoint_is_valid() {
    let model = Tiny::new().load().unwrap();
    let logits = run(&model).unwrap();
    assert!(logits.iter().all(|logit| logit.is_finite()));
    let bytes: usize = Tiny::new()
        .tensors
        .values()
        .map(|tensor| tensor.bytes.len())
        .sum();
    assert_eq!(model.num_weight_bytes(), bytes as u64);
}

#[test]
fn a_missing_tensor_is_named() {
    for name in Tiny::new().tensors.keys() {
        let mut tiny = Tiny::new();
        tiny.tensors.remove(name);
        let (tensor, reason) = tensor_error(tiny.load());
        assert_eq!(&tensor, name);
        assert!(reason.contains("missing"), "{reason}");
    }
}

#[test]
fn a_tensor_of_another_shape_is_named_with_both_shapes() {
    for name in Tiny::new().tensors.keys() {
        let mut tiny = Tiny::new();
        // The same number of elements, so that only the shape is wrong.
        let tensor = tiny.tensors.get_mut(name).unwrap();
        tensor.shape.push(1);
        let shape = format!("{:?}", tensor.shape);
        let (tensor, reason) = tensor_error(tiny.load());
        assert_eq!(&tensor, name);
        assert!(reason.contains(&shape), "{reason}");
    }
}

#[test]
fn a_tensor_of_another_type_is_named_with_both_types() {
    for name in Tiny::new().tensors.keys() {
        let mut tiny = Tiny::new();
        let tensor = tiny.tensors.get_mut(name).unwrap();
        let dtype = if tensor.dtype == "U8" { "I8" } else { "F16" };
        tensor.dtype = dtype;
        let (tensor, reason) = tensor_error(tiny.load());
        assert_eq!(&tensor, name);
        assert!(
            reason.contains(dtype) || reason.contains("another kind"),
            "{reason}"
        );
        assert!(reason.contains("must be"), "{reason}");
    }
}

#[test]
fn a_nan_scale_is_named_with_its_place() {
    for name in ["gate_up_proj_scales", "down_proj_scales"]
        .map(|n| format!("model.layers.1.mlp.experts.{n}"))
    {
        let mut tiny = Tiny::new();
        let scales = &mut tiny.tensors.get_mut(&name).unwrap().bytes;
        let per_expert = scales.len() / 3;
        scales[2 * per_expert + 5] = 255;
        let (tensor, reason) = tensor_error(tiny.load());
        assert_eq!(tensor, name);
        assert!(reason.contains("expert 2 at offset 5 is NaN"), "{reason}");
    }
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    let tiny = Tiny::new();
    let config = tiny.config.to_string();
    let file = tiny.file();
    for len in (0..file.len()).step_by(61).chain([7, 8, 9, file.len() - 1]) {
        let error = load(config.as_bytes(), file[..len].to_vec(), Mode::Exact).unwrap_err();
        assert!(
            matches!(
                error,
                EngineError::CorruptFile { .. } | EngineError::Tensor { .. }
            ),
            "{len}: {error}"
        );
        assert!(error.to_string().contains("download"), "{len}: {error}");
    }
    let mut longer = file;
    longer.push(0);
    assert!(corrupt(load(config.as_bytes(), longer, Mode::Exact)).contains("end at"));
}

#[test]
fn headers_that_lie_are_errors() {
    let header = Tiny::new().header();
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut header = header.clone();
        edit(&mut header["model.norm.weight"]);
        load_tiny_with(&header)
    };
    let offsets = header["model.norm.weight"]["data_offsets"].clone();
    let (begin, end) = (offsets[0].as_u64().unwrap(), offsets[1].as_u64().unwrap());

    let (tensor, reason) = tensor_error(edited(&|t| {
        t["data_offsets"] = json!([begin - 64, end - 64])
    }));
    assert!(
        reason.contains("overlaps") || reason.contains("gap"),
        "{tensor}: {reason}"
    );
    let (_, reason) = tensor_error(edited(&|t| t["data_offsets"] = json!([end, begin])));
    assert!(reason.contains("backwards"), "{reason}");
    let (_, reason) = tensor_error(edited(&|t| t["data_offsets"] = json!([begin, u64::MAX])));
    assert!(reason.contains("truncated"), "{reason}");
    let (_, reason) = tensor_error(edited(&|t| t["shape"] = json!([u64::MAX, u64::MAX])));
    assert!(reason.contains("does not take"), "{reason}");
    let (_, reason) = tensor_error(edited(&|t| t["shape"] = json!(vec![1; 100])));
    assert!(reason.contains("dimensions"), "{reason}");
    assert!(corrupt(edited(&|t| t["shape"] = json!([-1]))).contains("header"));
    assert!(corrupt(edited(&|t| *t = json!(null))).contains("header"));
}

#[test]
fn a_header_that_is_no_header_is_an_error_without_a_large_allocation() {
    let config = Tiny::new().config.to_string();
    let load = |bytes: Vec<u8>| corrupt(load(config.as_bytes(), bytes, Mode::Exact));
    assert!(load(u64::MAX.to_le_bytes().to_vec()).contains("no safetensors file"));
    assert!(load((1u64 << 24).to_le_bytes().to_vec()).contains("truncated"));
    let with_length =
        |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{\"a\": 1}",
        &"[".repeat(100_000),
        &"{\"a\":".repeat(500),
    ] {
        assert!(load(with_length(text)).contains("header"), "{text:.9}");
    }
    let tensor = r#"{"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}"#;
    let twice = format!(r#"{{"a": {tensor}, "a": {tensor}}}"#);
    assert!(load(with_length(&twice)).contains("twice"));
}

#[test]
fn tied_embeddings_are_used_for_both() {
    let mut untied = Tiny::new();
    let embedding = untied.tensors["model.embed_tokens.weight"].clone();
    untied.tensors.insert("lm_head.weight".into(), embedding);
    let mut tied = untied.clone();
    tied.tensors.remove("lm_head.weight");
    tied.config["tie_word_embeddings"] = json!(true);
    assert_eq!(
        run(&untied.load().unwrap()).unwrap(),
        run(&tied.load().unwrap()).unwrap()
    );
}

#[test]
fn norms_may_be_stored_in_single_precision() {
    let expected = run(&Tiny::new().load().unwrap()).unwrap();
    let mut tiny = Tiny::new();
    for (name, tensor) in &mut tiny.tensors {
        if name.ends_with("norm.weight") {
            tensor.dtype = "F32";
            tensor.bytes = tensor
                .bytes
                .chunks(2)
                .flat_map(|b| [0, 0, b[0], b[1]])
                .collect();
        }
    }
    assert_eq!(run(&tiny.load().unwrap()).unwrap(), expected);
}

#[test]
fn mxfp4_needs_rows_of_whole_blocks() {
    let mut tiny = Tiny::new();
    tiny.config["intermediate_size"] = json!(63);
    for layer in 0..2 {
        let name = |rest: &str| format!("model.layers.{layer}.mlp.experts.gate_up_proj_{rest}");
        for rest in ["blocks", "scales", "bias"] {
            let tensor = tiny.tensors.get_mut(&name(rest)).unwrap();
            tensor.bytes.truncate(tensor.bytes.len() / 128 * 126);
            tensor.shape[1] = 126;
        }
    }
    let (tensor, reason) = tensor_error(tiny.load());
    assert_eq!(tensor, "model.layers.0.mlp.experts.down_proj_blocks");
    assert!(reason.contains("multiple of 32"), "{reason}");
}

#[test]
fn other_layouts_of_the_same_model_are_recognised() {
    let renamed = |from: &str, to: &str| {
        let mut tiny = Tiny::new();
        let tensor = tiny.tensors.remove(from).unwrap();
        tiny.tensors.insert(to.into(), tensor);
        unsupported(tiny.load())
    };
    let bnb = "model.layers.0.mlp.experts.gate_up_projs.0.weight";
    assert!(
        renamed("model.layers.0.mlp.experts.gate_up_proj_blocks", bnb).contains("bitsandbytes")
    );
    assert!(renamed("model.embed_tokens.weight", "embedding.weight").contains("original/"));
}

/// Names and contents.
type Files<'a> = &'a [(&'a str, &'a [u8])];

fn directory(files: Files<'_>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        fs::write(dir.path().join(name), contents).unwrap();
    }
    dir
}

fn load_dir(dir: &Path) -> Result<Model, EngineError> {
    Model::load(
        dir,
        &LoadOptions {
            num_threads: 1,
            ..LoadOptions::default()
        },
    )
}

#[test]
fn a_directory_without_a_checkpoint_says_what_it_holds() {
    let cases: [(Files<'_>, &str); 4] = [
        (&[], "holds no checkpoint"),
        (&[("gpt-oss-20b-mxfp4.gguf", b"GGUF")], "GGUF"),
        (
            &[("model-00000-of-00002.safetensors", b"")],
            "model.safetensors.index.json",
        ),
        (
            &[("dtypes.json", b"{}"), ("config.json", b"{}")],
            "original",
        ),
    ];
    for (files, text) in cases {
        let error = unsupported(load_dir(directory(files).path()));
        assert!(error.contains(text), "{error}");
    }
    let dir = directory(&[("model.safetensors", &Tiny::new().file())]);
    assert!(unsupported(load_dir(&dir.path().join("model.safetensors"))).contains("directory"));
    let empty = directory(&[("model.safetensors", b""), ("config.json", b"{}")]);
    assert!(corrupt(load_dir(empty.path())).contains("0 bytes"));
    let error = load_dir(dir.path()).unwrap_err();
    assert!(
        matches!(&error, EngineError::Io { path, .. } if path.ends_with("config.json")),
        "{error}"
    );
    assert!(matches!(
        load_dir(&dir.path().join("nowhere")),
        Err(EngineError::Io { .. })
    ));
}

#[test]
fn a_tensor_of_a_type_that_is_not_read_is_called_by_its_type() {
    let mut tiny = Tiny::new();
    tiny.tensors.get_mut("model.norm.weight").unwrap().dtype = "F8_E4M3";
    let (tensor, reason) = tensor_error(tiny.load());
    assert_eq!(tensor, "model.norm.weight");
    assert!(reason.contains("F8_E4M3"), "{reason}");
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_an_incomplete_download() {
    let tiny = Tiny::new();
    let config = tiny.config.to_string();
    let map: serde_json::Map<_, _> = tiny
        .tensors
        .keys()
        .map(|name| (name.clone(), json!("shard.safetensors")))
        .collect();
    let index = json!({"weight_map": map}).to_string();
    let files: Files<'_> = &[
        ("config.json", config.as_bytes()),
        ("model.safetensors", &tiny.file()),
        ("model.safetensors.index.json", index.as_bytes()),
        ("shard.safetensors", &tiny.file()),
    ];
    let cases = [
        ("config.json", vec!["model.safetensors"]),
        ("model.safetensors", vec!["config.json"]),
        (
            "model.safetensors.index.json",
            vec!["config.json", "shard.safetensors"],
        ),
        (
            "shard.safetensors",
            vec!["config.json", "model.safetensors.index.json"],
        ),
    ];
    for (link, present) in cases {
        let mut present_files = files.to_vec();
        present_files.retain(|(name, _)| present.contains(name));
        // One link leads to nothing, the other to itself.
        for target in ["../blobs/0123", link] {
            let dir = directory(&present_files);
            let path = dir.path().join(link);
            symlink(target, &path).unwrap();
            let error = load_dir(dir.path()).unwrap_err();
            assert!(
                matches!(&error, EngineError::CorruptFile { path: p, .. } if *p == path),
                "{error}"
            );
            let error = error.to_string();
            assert!(error.contains(target), "{error}");
            assert!(error.contains("download it again"), "{error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_not_opened() {
    let file = Tiny::new().file();
    for (special, files) in [
        ("config.json", vec![("model.safetensors", &file[..])]),
        ("model.safetensors", vec![]),
        ("model.safetensors.index.json", vec![]),
    ] {
        let dir = directory(&files);
        let path = dir.path().join(special);
        // To open the pipe would wait for a writer that never comes; the device has no end.
        let is_made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(is_made.unwrap().success());
        let pipe = load_dir(dir.path());
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        for result in [pipe, load_dir(dir.path())] {
            let error = result.unwrap_err();
            assert!(matches!(&error, EngineError::Io { path: p, .. } if *p == path));
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(source, "not a regular file");
            // The chain of causes says it once.
            assert!(!error.to_string().contains(&source), "{error}");
        }
    }
}

#[test]
fn an_index_is_checked_before_its_shards_are_opened() {
    let tiny = Tiny::new();
    let config = tiny.config.to_string();
    let file = tiny.file();
    let names: Vec<&String> = tiny.tensors.keys().collect();
    let index_to = |target: &str| {
        let map: serde_json::Map<_, _> = names
            .iter()
            .map(|name| (name.to_string(), json!(target)))
            .collect();
        json!({"metadata": {}, "weight_map": map})
    };
    let load_with = |index: &str| {
        let dir = directory(&[
            ("config.json", config.as_bytes()),
            ("shard.safetensors", &file),
            ("model.safetensors.index.json", index.as_bytes()),
        ]);
        load_dir(dir.path())
    };
    assert!(load_with(&index_to("shard.safetensors").to_string()).is_ok());

    let reason = corrupt(load_with(&index_to("absent.safetensors").to_string()));
    assert!(reason.contains("is missing"), "{reason}");
    for escape in [
        "../shard.safetensors",
        "/etc/passwd",
        "a/shard.safetensors",
        "..",
        ".",
        "",
        "a\\b",
        "shard.safetensors/",
        "./shard.safetensors",
    ] {
        let reason = corrupt(load_with(&index_to(escape).to_string()));
        assert!(reason.contains("plain name"), "{escape}: {reason}");
    }
    for text in [
        "",
        "{}",
        "[]",
        "{\"weight_map\": {\"a\": 1}}",
        &"[".repeat(10_000),
    ] {
        assert!(corrupt(load_with(text)).contains("no index"), "{text:.9}");
    }

    // The index promises a tensor that its shard does not have.
    let mut index = index_to("shard.safetensors");
    index["weight_map"]["model.norm.weight"] = json!("other.safetensors");
    let mut other = Tiny::new();
    other.tensors.remove("model.norm.weight");
    let dir = directory(&[
        ("config.json", config.as_bytes()),
        ("shard.safetensors", &file),
        ("other.safetensors", &other.file()),
        ("model.safetensors.index.json", index.to_string().as_bytes()),
    ]);
    let (tensor, reason) = tensor_error(load_dir(dir.path()));
    assert_eq!(tensor, "model.norm.weight");
    assert!(reason.contains("index"), "{reason}");
}

#[test]
fn a_model_is_shown_without_its_weights() {
    let model = Tiny::new().load().unwrap();
    let shown = format!("{model:?}");
    assert!(shown.contains("num_weight_bytes"), "{shown}");
    assert!(shown.len() < 2000, "{shown}");
}

#[test]
fn errors_name_the_file_they_are_about() {
    let mut tiny = Tiny::new();
    tiny.tensors.remove("model.layers.1.self_attn.sinks");
    let dir = directory(&[
        ("config.json", tiny.config.to_string().as_bytes()),
        ("model.safetensors", &tiny.file()),
    ]);
    let error = load_dir(dir.path()).unwrap_err().to_string();
    let path = dir.path().join("model.safetensors");
    assert!(error.starts_with(&path.display().to_string()), "{error}");
    assert!(error.contains("model.layers.1.self_attn.sinks"), "{error}");
}
