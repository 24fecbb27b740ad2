use std::path::Path;

use serde_json::{Value, json};

use super::*;

fn gpt_oss_20b() -> Value {
    json!({
        "model_type": "gpt_oss", "num_hidden_layers": 24, "hidden_size": 2880,
        "intermediate_size": 2880, "num_attention_heads": 64, "num_key_value_heads": 8,
        "head_dim": 64, "num_local_experts": 32, "num_experts_per_tok": 4,
        "experts_per_token": 4, "vocab_size": 201_088, "sliding_window": 128,
        "max_position_embeddings": 131_072, "rms_norm_eps": 1e-5, "swiglu_limit": 7.0,
        "rope_theta": 150_000, "eos_token_id": 200_002, "pad_token_id": 199_999,
        "attention_bias": true, "hidden_act": "silu", "initial_context_length": 4096,
        "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0,
            "original_max_position_embeddings": 4096, "rope_type": "yarn", "truncate": false},
        "quantization_config": {"quant_method": "mxfp4"}, "tie_word_embeddings": false
    })
}

fn parse(value: &Value) -> Result<Config, EngineError> {
    Config::from_json(value.to_string().as_bytes(), Path::new("config.json"))
}

/// The 20b configuration with one key set (or removed, when null).
fn with(key: &str, value: Value) -> Result<Config, EngineError> {
    let mut config = gpt_oss_20b();
    match value {
        Value::Null => drop(config.as_object_mut().unwrap().remove(key)),
        value => config[key] = value,
    }
    parse(&config)
}

#[test]
fn the_published_20b_configuration_is_read_whole() {
    let config = parse(&gpt_oss_20b()).unwrap();
    assert_eq!(config.num_hidden_layers, 24);
    assert_eq!(
        (config.query_width(), config.kv_width(), config.group_size()),
        (4096, 512, 8)
    );
    assert_eq!(config.num_layers_of(LayerType::SlidingAttention), 12);
    assert_eq!(config.layer_types[0], LayerType::SlidingAttention);
    assert_eq!(config.layer_types[23], LayerType::FullAttention);
    assert_eq!(config.swiglu_alpha, 1.702);
    assert_eq!(config.rope.theta, 150_000.0);
    assert!(matches!(
        config.rope.scaling,
        RopeScaling::Yarn {
            factor: 32.0,
            truncate: false,
            ..
        }
    ));
}

#[test]
fn rope_parameters_of_newer_transformers_mean_the_same() {
    let mut new = gpt_oss_20b();
    let keys = new.as_object_mut().unwrap();
    let mut rope = keys.remove("rope_scaling").unwrap();
    rope["rope_theta"] = keys.remove("rope_theta").unwrap();
    keys.insert("rope_parameters".into(), rope);
    assert_eq!(parse(&new).unwrap(), parse(&gpt_oss_20b()).unwrap());
}

#[test]
fn missing_yarn_is_an_error_unless_stated() {
    let error = with("rope_scaling", Value::Null).unwrap_err().to_string();
    assert!(error.contains("rope_parameters"), "{error}");
    let stated = with("rope_scaling", json!({"rope_type": "default"})).unwrap();
    assert_eq!(stated.rope.scaling, RopeScaling::None);
}

#[test]
fn special_token_ids_are_ignored_whatever_they_are() {
    let plain = parse(&gpt_oss_20b()).unwrap();
    for key in ["eos_token_id", "pad_token_id", "bos_token_id"] {
        for value in [
            json!(null),
            json!(-1),
            json!([1, u64::MAX]),
            json!("200002"),
        ] {
            assert_eq!(with(key, value).unwrap(), plain);
        }
    }
}

#[test]
fn every_wrong_value_is_an_error_that_names_its_key() {
    let cases = [
        ("model_type", json!("llama")),
        ("model_type", Value::Null),
        ("num_hidden_layers", Value::Null),
        ("num_hidden_layers", json!(0)),
        ("num_hidden_layers", json!(1_000_000_000_000_u64)),
        ("num_hidden_layers", json!(-1)),
        ("hidden_size", json!(u64::MAX)),
        ("head_dim", json!(63)),
        ("num_attention_heads", json!(65)),
        ("num_experts_per_tok", json!(33)),
        ("sliding_window", json!(0)),
        ("layer_types", json!(["full_attention"])),
        ("layer_types", json!(vec!["chunked_attention"; 24])),
        ("rms_norm_eps", json!(-1.0)),
        ("swiglu_limit", json!(-7.0)),
        ("attention_bias", json!(false)),
        ("hidden_act", json!("gelu")),
        (
            "quantization_config",
            json!({"quant_method": "bitsandbytes"}),
        ),
        ("rope_theta", json!(0.5)),
        ("rope_theta", Value::Null),
        (
            "rope_scaling",
            json!({"rope_type": "linear", "factor": 2.0}),
        ),
        ("rope_scaling", json!({"factor": 32.0})),
        ("rope_scaling", json!({"rope_type": "yarn"})),
    ];
    for (key, value) in cases {
        let shown = value.to_string();
        let error = with(key, value)
            .expect_err(&format!("{key} = {shown}"))
            .to_string();
        let named = match key {
            "quantization_config" => "quant_method",
            key => key,
        };
        // serde reports a wrongly typed value by its text and position, not by its key.
        assert!(
            error.contains(named) || error.contains("line 1"),
            "{key} = {shown}: {error}"
        );
        assert!(error.starts_with("config.json: "), "{error}");
    }
}

#[test]
fn text_that_is_no_configuration_is_an_error() {
    for text in ["", "{", "[]", "null", "\u{0}", &"[".repeat(100_000)] {
        assert!(
            Config::from_json(text.as_bytes(), Path::new("config.json")).is_err(),
            "{text:.9}"
        );
    }
    let long = vec![b' '; Config::MAX_JSON_BYTES + 1];
    assert!(Config::from_json(&long, Path::new("config.json")).is_err());
}
