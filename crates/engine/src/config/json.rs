//! From the text of `config.json` to a checked [`Config`].

use serde::Deserialize;

use super::{Config, LayerType, RopeParameters, RopeScaling};

/// Keys as they stand in the file. All others are ignored: configurations carry many that say
/// nothing about the forward pass, the ids of special tokens among them.
#[derive(Deserialize)]
struct ConfigJson {
    model_type: Option<String>,
    num_hidden_layers: Option<u64>,
    hidden_size: Option<u64>,
    intermediate_size: Option<u64>,
    num_attention_heads: Option<u64>,
    num_key_value_heads: Option<u64>,
    head_dim: Option<u64>,
    num_local_experts: Option<u64>,
    num_experts: Option<u64>,
    num_experts_per_tok: Option<u64>,
    experts_per_token: Option<u64>,
    vocab_size: Option<u64>,
    sliding_window: Option<u64>,
    max_position_embeddings: Option<u64>,
    initial_context_length: Option<u64>,
    rms_norm_eps: Option<f64>,
    swiglu_alpha: Option<f64>,
    swiglu_limit: Option<f64>,
    layer_types: Option<Vec<String>>,
    rope_scaling: Option<RopeJson>,
    rope_parameters: Option<RopeJson>,
    rope_theta: Option<f64>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    hidden_act: Option<String>,
    quantization_config: Option<QuantizationJson>,
}

#[derive(Deserialize)]
struct RopeJson {
    rope_type: Option<String>,
    #[serde(rename = "type")]
    legacy_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    original_max_position_embeddings: Option<u64>,
    beta_fast: Option<f64>,
    beta_slow: Option<f64>,
    truncate: Option<bool>,
    attention_factor: Option<f64>,
    mscale: Option<f64>,
    mscale_all_dim: Option<f64>,
    partial_rotary_factor: Option<f64>,
}

#[derive(Deserialize)]
struct QuantizationJson {
    quant_method: Option<String>,
}

/// Parses and checks; the error says which key is wrong.
pub(super) fn parse(json: &[u8]) -> Result<Config, String> {
    if json.len() > Config::MAX_JSON_BYTES {
        return Err(format!(
            "longer than {} bytes, so it is no model configuration",
            Config::MAX_JSON_BYTES
        ));
    }
    let raw: ConfigJson =
        serde_json::from_slice(json).map_err(|e| format!("not a model configuration: {e}"))?;
    refuse_other_architectures(&raw)?;

    let num_hidden_layers = size("num_hidden_layers", raw.num_hidden_layers, 1024)?;
    let num_attention_heads = size("num_attention_heads", raw.num_attention_heads, 4096)?;
    let num_key_value_heads = size("num_key_value_heads", raw.num_key_value_heads, 4096)?;
    if !num_attention_heads.is_multiple_of(num_key_value_heads) {
        return Err(format!(
            "num_attention_heads ({num_attention_heads}) must be a multiple of \
             num_key_value_heads ({num_key_value_heads})"
        ));
    }
    let hidden_size = size("hidden_size", raw.hidden_size, 1 << 20)?;
    let default_head_dim = (hidden_size / num_attention_heads) as u64;
    let head_dim = size("head_dim", raw.head_dim.or(Some(default_head_dim)), 4096)?;
    if !head_dim.is_multiple_of(2) {
        return Err(format!(
            "head_dim ({head_dim}) must be even: positions rotate pairs"
        ));
    }
    let num_local_experts = size(
        "num_local_experts",
        raw.num_local_experts.or(raw.num_experts),
        4096,
    )?;
    let num_experts_per_tok = size(
        "num_experts_per_tok",
        raw.num_experts_per_tok.or(raw.experts_per_token),
        4096,
    )?;
    if num_experts_per_tok > num_local_experts {
        return Err(format!(
            "num_experts_per_tok ({num_experts_per_tok}) exceeds num_local_experts \
             ({num_local_experts})"
        ));
    }
    let max_position_embeddings = size(
        "max_position_embeddings",
        raw.max_position_embeddings,
        1 << 24,
    )?;
    Ok(Config {
        num_hidden_layers,
        hidden_size,
        intermediate_size: size("intermediate_size", raw.intermediate_size, 1 << 20)?,
        num_attention_heads,
        num_key_value_heads,
        head_dim,
        num_local_experts,
        num_experts_per_tok,
        vocab_size: size("vocab_size", raw.vocab_size, 1 << 24)?,
        sliding_window: size("sliding_window", raw.sliding_window.or(Some(128)), 1 << 24)?,
        max_position_embeddings,
        rms_norm_eps: number("rms_norm_eps", raw.rms_norm_eps.unwrap_or(1e-5), 0.0, 1.0)? as f32,
        swiglu_alpha: number("swiglu_alpha", raw.swiglu_alpha.unwrap_or(1.702), 0.0, 1e3)? as f32,
        swiglu_limit: number("swiglu_limit", raw.swiglu_limit.unwrap_or(7.0), 0.0, 1e6)? as f32,
        layer_types: layer_types(raw.layer_types.as_deref(), num_hidden_layers)?,
        rope: rope(&raw)?,
        tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(false),
    })
}

/// Turns away what no gpt-oss model has, so that nothing is computed wrongly in silence.
fn refuse_other_architectures(raw: &ConfigJson) -> Result<(), String> {
    match raw.model_type.as_deref() {
        Some("gpt_oss") => {}
        Some(other) => {
            return Err(format!(
                "model_type is \"{other}\"; this engine runs \"gpt_oss\" models"
            ));
        }
        None if raw.num_experts.is_some() && raw.num_local_experts.is_none() => {
            return Err(
                "this is the configuration of OpenAI's original/ layout; use the \
                        repository's root files (config.json with model_type \"gpt_oss\" and \
                        model*.safetensors)"
                    .into(),
            );
        }
        None => return Err("model_type is missing; it must be \"gpt_oss\"".into()),
    }
    if raw.attention_bias == Some(false) {
        return Err("attention_bias is false; gpt-oss attention has biases".into());
    }
    if let Some(act) = raw.hidden_act.as_deref().filter(|&act| act != "silu") {
        return Err(format!(
            "hidden_act is \"{act}\"; gpt-oss experts use \"silu\""
        ));
    }
    match raw
        .quantization_config
        .as_ref()
        .and_then(|q| q.quant_method.as_deref())
    {
        None | Some("mxfp4") => Ok(()),
        Some(other) => Err(format!(
            "quant_method is \"{other}\"; this engine reads MXFP4 experts (as in \
             openai/gpt-oss-20b) or a dequantised bf16 checkpoint"
        )),
    }
}

/// A size between 1 and `max`.
fn size(key: &str, value: Option<u64>, max: u64) -> Result<usize, String> {
    match value {
        None => Err(format!("{key} is missing")),
        Some(v) if (1..=max).contains(&v) => Ok(v as usize),
        Some(v) => Err(format!("{key} is {v}; it must be between 1 and {max}")),
    }
}

/// A number between `min` and `max`.
fn number(key: &str, value: f64, min: f64, max: f64) -> Result<f64, String> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(format!(
            "{key} is {value}; it must be between {min} and {max}"
        ))
    }
}

fn layer_types(names: Option<&[String]>, num_layers: usize) -> Result<Vec<LayerType>, String> {
    let Some(names) = names else {
        // gpt-oss alternates, starting with a sliding layer.
        return Ok((0..num_layers)
            .map(|layer| match layer % 2 {
                0 => LayerType::SlidingAttention,
                _ => LayerType::FullAttention,
            })
            .collect());
    };
    if names.len() != num_layers {
        return Err(format!(
            "layer_types has {} entries for {num_layers} layers",
            names.len()
        ));
    }
    names
        .iter()
        .map(|name| match name.as_str() {
            "sliding_attention" => Ok(LayerType::SlidingAttention),
            "full_attention" => Ok(LayerType::FullAttention),
            other => Err(format!(
                "layer_types has \"{other}\"; known are \"sliding_attention\" and \
                 \"full_attention\""
            )),
        })
        .collect()
}

/// `rope_parameters` (transformers 5 and later) or `rope_scaling` with `rope_theta` beside it.
fn rope(raw: &ConfigJson) -> Result<RopeParameters, String> {
    let (key, rope) = match (&raw.rope_parameters, &raw.rope_scaling) {
        (Some(rope), _) => ("rope_parameters", rope),
        (None, Some(rope)) => ("rope_scaling", rope),
        (None, None) => {
            return Err(
                "neither rope_scaling nor rope_parameters is there, so the YaRN settings \
                        are unknown; copy them from the original model's config.json, or state \
                        \"rope_type\": \"default\" if the model really has none"
                    .into(),
            );
        }
    };
    let theta = rope
        .rope_theta
        .or(raw.rope_theta)
        .ok_or("rope_theta is missing")?;
    let theta = number("rope_theta", theta, 1.0 + f64::EPSILON, 1e12)?;
    if rope
        .partial_rotary_factor
        .is_some_and(|factor| factor != 1.0)
    {
        return Err(format!(
            "{key}.partial_rotary_factor must be 1: gpt-oss rotates whole heads"
        ));
    }
    let scaling = match rope.rope_type.as_deref().or(rope.legacy_type.as_deref()) {
        Some("default") => RopeScaling::None,
        Some("yarn") => yarn(key, rope, raw.initial_context_length)?,
        Some(other) => {
            return Err(format!(
                "{key}.rope_type is \"{other}\"; known are \"yarn\", \"default\""
            ));
        }
        None => {
            return Err(format!(
                "{key}.rope_type is missing; it is \"yarn\" for gpt-oss"
            ));
        }
    };
    Ok(RopeParameters { theta, scaling })
}

fn yarn(
    key: &str,
    rope: &RopeJson,
    initial_context_length: Option<u64>,
) -> Result<RopeScaling, String> {
    if rope.mscale.is_some() || rope.mscale_all_dim.is_some() {
        return Err(format!(
            "{key}.mscale and mscale_all_dim are not used by gpt-oss"
        ));
    }
    let factor = rope
        .factor
        .ok_or_else(|| format!("{key}.factor is missing"))?;
    let beta_fast = number("beta_fast", rope.beta_fast.unwrap_or(32.0), 1e-6, 1e6)?;
    let beta_slow = number("beta_slow", rope.beta_slow.unwrap_or(1.0), 1e-6, 1e6)?;
    if beta_slow > beta_fast {
        return Err(format!(
            "{key}.beta_slow ({beta_slow}) must not exceed beta_fast ({beta_fast})"
        ));
    }
    let original = rope
        .original_max_position_embeddings
        .or(initial_context_length);
    Ok(RopeScaling::Yarn {
        factor: number("factor", factor, 1.0, 1e6)?,
        original_max_position_embeddings: size(
            "original_max_position_embeddings",
            original,
            1 << 24,
        )?,
        beta_fast,
        beta_slow,
        truncate: rope.truncate.unwrap_or(false),
        attention_factor: match rope.attention_factor {
            Some(f) => Some(number("attention_factor", f, 1e-6, 1e6)?),
            None => None,
        },
    })
}
