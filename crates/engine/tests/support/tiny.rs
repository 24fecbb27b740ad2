//! A checkpoint of a few kilobytes in memory, to be spoilt in every way.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;

use engine::{
    Batch, Chunk, EngineError, KvCache, KvCacheOptions, LoadOptions, LogitRows, Mode, Model,
    RunState,
};
use kernels::Isa;
use serde_json::{Value, json};

/// A tensor as it will be written.
#[derive(Debug, Clone)]
pub(crate) struct TinyTensor {
    pub(crate) dtype: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// A valid checkpoint, until a test changes it.
#[derive(Debug, Clone)]
pub(crate) struct Tiny {
    pub(crate) config: Value,
    pub(crate) tensors: BTreeMap<String, TinyTensor>,
}

const VOCAB: usize = 5;
const HIDDEN: usize = 32;
const EXPERTS: usize = 3;

impl Tiny {
    pub(crate) fn new() -> Tiny {
        let config = json!({
            "model_type": "gpt_oss", "num_hidden_layers": 2, "hidden_size": HIDDEN,
            "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
            "head_dim": 4, "num_local_experts": EXPERTS, "num_experts_per_tok": 2,
            "vocab_size": VOCAB, "sliding_window": 3, "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-5, "swiglu_limit": 7.0, "rope_theta": 150_000,
            "layer_types": ["sliding_attention", "full_attention"], "eos_token_id": [1, 2],
            "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0,
                "original_max_position_embeddings": 128, "rope_type": "yarn", "truncate": false},
            "quantization_config": {"quant_method": "mxfp4"}, "tie_word_embeddings": false
        });
        let mut tiny = Tiny {
            config,
            tensors: BTreeMap::new(),
        };
        tiny.bf16("model.embed_tokens.weight", &[VOCAB, HIDDEN]);
        tiny.bf16("lm_head.weight", &[VOCAB, HIDDEN]);
        tiny.bf16("model.norm.weight", &[HIDDEN]);
        for n in 0..2 {
            let layer = format!("model.layers.{n}");
            tiny.bf16(&format!("{layer}.input_layernorm.weight"), &[HIDDEN]);
            tiny.bf16(
                &format!("{layer}.post_attention_layernorm.weight"),
                &[HIDDEN],
            );
            for (name, rows, cols) in [
                ("q", 16, HIDDEN),
                ("k", 8, HIDDEN),
                ("v", 8, HIDDEN),
                ("o", HIDDEN, 16),
            ] {
                tiny.bf16(
                    &format!("{layer}.self_attn.{name}_proj.weight"),
                    &[rows, cols],
                );
                tiny.bf16(&format!("{layer}.self_attn.{name}_proj.bias"), &[rows]);
            }
            tiny.bf16(&format!("{layer}.self_attn.sinks"), &[4]);
            tiny.bf16(&format!("{layer}.mlp.router.weight"), &[EXPERTS, HIDDEN]);
            tiny.bf16(&format!("{layer}.mlp.router.bias"), &[EXPERTS]);
            for (name, rows, blocks) in [("gate_up", 128, 1), ("down", HIDDEN, 2)] {
                let name = format!("{layer}.mlp.experts.{name}_proj");
                tiny.bytes(
                    &format!("{name}_blocks"),
                    &[EXPERTS, rows, blocks, 16],
                    |i| (i * 37 % 251) as u8,
                );
                tiny.bytes(&format!("{name}_scales"), &[EXPERTS, rows, blocks], |i| {
                    120 + (i % 4) as u8
                });
                tiny.bf16(&format!("{name}_bias"), &[EXPERTS, rows]);
            }
        }
        tiny
    }

    /// Adds a bf16 tensor with values between -1 and 1.
    fn bf16(&mut self, name: &str, shape: &[usize]) {
        let seed = self.tensors.len();
        let count = shape.iter().product::<usize>();
        let value = |i: usize| ((i + 3) * (seed + 7) * 7919 % 2001) as f32 / 1000.0 - 1.0;
        let bytes = (0..count)
            .flat_map(|i| value(i).to_le_bytes()[2..].to_vec())
            .collect();
        self.tensors.insert(
            name.into(),
            TinyTensor {
                dtype: "BF16",
                shape: shape.to_vec(),
                bytes,
            },
        );
    }

    fn bytes(&mut self, name: &str, shape: &[usize], value: impl Fn(usize) -> u8) {
        let bytes = (0..shape.iter().product()).map(value).collect();
        self.tensors.insert(
            name.into(),
            TinyTensor {
                dtype: "U8",
                shape: shape.to_vec(),
                bytes,
            },
        );
    }

    /// The header of the safetensors file.
    pub(crate) fn header(&self) -> Value {
        let mut header = json!({"__metadata__": {"format": "pt"}});
        let mut offset = 0;
        for (name, tensor) in &self.tensors {
            let end = offset + tensor.bytes.len();
            header[name] = json!({"dtype": tensor.dtype, "shape": tensor.shape,
                "data_offsets": [offset, end]});
            offset = end;
        }
        header
    }

    /// The safetensors file, with this header.
    pub(crate) fn file_with(&self, header: &Value) -> Vec<u8> {
        let header = header.to_string();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        self.tensors
            .values()
            .for_each(|tensor| file.extend(&tensor.bytes));
        file
    }

    /// The safetensors file.
    pub(crate) fn file(&self) -> Vec<u8> {
        self.file_with(&self.header())
    }

    pub(crate) fn load(&self) -> Result<Model, EngineError> {
        load(
            self.config.to_string().as_bytes(),
            self.file(),
            Mode::Default,
        )
    }
}

pub(crate) fn load(config: &[u8], file: Vec<u8>, mode: Mode) -> Result<Model, EngineError> {
    Model::from_bytes(
        config,
        file,
        &LoadOptions {
            mode,
            num_threads: 1,
            isa: Isa::detect(),
        },
    )
}

/// Runs a prompt of two chunks through a model; whatever its weights say, nothing may panic.
pub(crate) fn run(model: &Model) -> Result<Vec<f32>, EngineError> {
    let options = KvCacheOptions {
        budget_bytes: 1 << 24,
        max_chunk: 4,
    };
    let mut cache = KvCache::new(model.config(), model.mode(), options)?;
    let mut state = RunState::new(model, 4, 4)?;
    let sequence = cache.add_sequence()?;
    let vocab = model.config().vocab_size as u32;
    let mut logits = Vec::new();
    for (position, tokens) in [(0, vec![0, 1 % vocab, vocab - 1, 0]), (4, vec![2 % vocab])] {
        let chunk = Chunk {
            sequence,
            position,
            tokens,
            logits: LogitRows::All,
        };
        model.forward(&Batch::from(chunk), &mut cache, &mut state)?;
        (0..state.num_logit_rows()).for_each(|i| logits.extend(state.logits(i)));
    }
    Ok(logits)
}
