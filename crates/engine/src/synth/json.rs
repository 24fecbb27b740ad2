//! The JSON files of a checkpoint. `config.json` of gpt-oss-20b comes out byte for byte like the
//! published one, which is why it is written by hand: 1e-05 is Python's way to write it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::SynthSpec;
use super::tensors::TensorSpec;

/// Special tokens: those of gpt-oss if the vocabulary has them, else its last ids.
struct SpecialTokens {
    start_of_text: usize,
    end_of_text: usize,
    return_: usize,
    call: usize,
}

impl SpecialTokens {
    fn of(spec: &SynthSpec) -> Self {
        match spec.vocab_size {
            200_013.. => SpecialTokens {
                start_of_text: 199_998,
                end_of_text: 199_999,
                return_: 200_002,
                call: 200_012,
            },
            size => SpecialTokens {
                start_of_text: size.saturating_sub(4),
                end_of_text: size.saturating_sub(3),
                return_: size.saturating_sub(2),
                call: size.saturating_sub(1),
            },
        }
    }
}

/// `config.json`.
pub(super) fn config(spec: &SynthSpec) -> String {
    let layer_types: Vec<&str> = (0..spec.num_hidden_layers)
        .map(|layer| match layer % 2 {
            0 => "    \"sliding_attention\"",
            _ => "    \"full_attention\"",
        })
        .collect();
    let factor = spec.max_position_embeddings as f64 / spec.initial_context_length as f64;
    let SpecialTokens {
        end_of_text,
        return_,
        ..
    } = SpecialTokens::of(spec);
    format!(
        r#"{{
  "architectures": [
    "GptOssForCausalLM"
  ],
  "attention_bias": true,
  "attention_dropout": 0.0,
  "eos_token_id": {return_},
  "experts_per_token": {experts_per_token},
  "head_dim": {head_dim},
  "hidden_act": "silu",
  "hidden_size": {hidden_size},
  "initial_context_length": {initial_context_length},
  "initializer_range": 0.02,
  "intermediate_size": {intermediate_size},
  "layer_types": [
{layer_types}
  ],
  "max_position_embeddings": {max_position_embeddings},
  "model_type": "gpt_oss",
  "num_attention_heads": {num_attention_heads},
  "num_experts_per_tok": {experts_per_token},
  "num_hidden_layers": {num_hidden_layers},
  "num_key_value_heads": {num_key_value_heads},
  "num_local_experts": {num_local_experts},
  "output_router_logits": false,
  "pad_token_id": {end_of_text},
  "quantization_config": {{
    "modules_to_not_convert": [
      "model.layers.*.self_attn",
      "model.layers.*.mlp.router",
      "model.embed_tokens",
      "lm_head"
    ],
    "quant_method": "mxfp4"
  }},
  "rms_norm_eps": 1e-05,
  "rope_scaling": {{
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "factor": {factor:?},
    "original_max_position_embeddings": {initial_context_length},
    "rope_type": "yarn",
    "truncate": false
  }},
  "rope_theta": 150000,
  "router_aux_loss_coef": 0.9,
  "sliding_window": {sliding_window},
  "swiglu_limit": 7.0,
  "tie_word_embeddings": false,
  "transformers_version": "4.55.0.dev0",
  "use_cache": true,
  "vocab_size": {vocab_size}
}}
"#,
        experts_per_token = spec.num_experts_per_tok,
        head_dim = spec.head_dim,
        hidden_size = spec.hidden_size,
        initial_context_length = spec.initial_context_length,
        intermediate_size = spec.intermediate_size,
        layer_types = layer_types.join(",\n"),
        max_position_embeddings = spec.max_position_embeddings,
        num_attention_heads = spec.num_attention_heads,
        num_hidden_layers = spec.num_hidden_layers,
        num_key_value_heads = spec.num_key_value_heads,
        num_local_experts = spec.num_local_experts,
        sliding_window = spec.sliding_window,
        vocab_size = spec.vocab_size,
    )
}

/// `generation_config.json`.
pub(super) fn generation_config(spec: &SynthSpec) -> String {
    let SpecialTokens {
        start_of_text,
        end_of_text,
        return_,
        call,
    } = SpecialTokens::of(spec);
    format!(
        r#"{{
  "bos_token_id": {start_of_text},
  "do_sample": true,
  "eos_token_id": [
    {return_},
    {end_of_text},
    {call}
  ],
  "pad_token_id": {end_of_text},
  "transformers_version": "4.55.0.dev0"
}}
"#
    )
}

/// `model.safetensors.index.json`. No name needs escaping.
pub(super) fn index(files: BTreeMap<&str, String>, total_bytes: u64) -> String {
    let entries: Vec<String> = files
        .iter()
        .map(|(name, file)| format!("    \"{name}\": \"{file}\""))
        .collect();
    format!(
        "{{\n  \"metadata\": {{\n    \"total_size\": {total_bytes}\n  }},\n  \"weight_map\": \
         {{\n{}\n  }}\n}}\n",
        entries.join(",\n")
    )
}

/// The header of a safetensors file, padded so that the tensors start at a multiple of 8.
pub(super) fn safetensors_header(tensors: &[TensorSpec]) -> String {
    let mut header = String::from(r#"{"__metadata__":{"format":"pt"}"#);
    let mut start = 0;
    for tensor in tensors {
        let end = start + tensor.num_bytes();
        let TensorSpec { name, shape, .. } = tensor;
        let dtype = tensor.dtype();
        // Writing to a string cannot fail. `{shape:?}` is how JSON writes a list of numbers, too.
        let _ = write!(
            header,
            r#","{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
        );
        start = end;
    }
    header.push('}');
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    header
}
