//! The weights of a model: every tensor by name, checked against the configuration.
//!
//! MXFP4 experts are packed for the kernels, and so are the dense layers in [`Mode::Default`], which
//! rounds them to 8 bits; what was copied from the file is given back page by page. The other
//! matrices stay where the file is mapped. Vectors (norms, biases, sinks) are widened to `f32` on
//! the heap. Shapes in the comments: H hidden, V vocabulary, E experts, I expert width,
//! Q query width, K key/value width.

mod experts;

use kernels::{FloatType, Isa, floats_to_f32};

pub(crate) use experts::{ExpertMatrix, ExpertProjection};

use crate::{
    Config, EngineError, Mode,
    checkpoint::{Checkpoint, Dtype, Tensor},
    linear::{FloatWeights, Linear},
    pool::Pool,
};

/// All weights; immutable after loading.
#[derive(Debug)]
pub(crate) struct Weights {
    /// `[V, H]`
    pub(crate) embedding: FloatWeights,
    /// One for each layer, first to last.
    pub(crate) layers: Vec<LayerWeights>,
    /// `[H]`
    pub(crate) final_norm: Vec<f32>,
    /// `[V, H]`, no bias
    pub(crate) unembedding: Linear,
    /// Bytes of all tensors that are in use.
    pub(crate) num_bytes: u64,
}

/// The weights of one layer.
#[derive(Debug)]
pub(crate) struct LayerWeights {
    /// `[H]`
    pub(crate) attention_norm: Vec<f32>,
    /// `[Q, H]`
    pub(crate) query: Linear,
    /// `[K, H]`
    pub(crate) key: Linear,
    /// `[K, H]`
    pub(crate) value: Linear,
    /// `[H, Q]`
    pub(crate) output: Linear,
    /// One logit for each query head
    pub(crate) sinks: Vec<f32>,
    /// `[H]`
    pub(crate) mlp_norm: Vec<f32>,
    /// `[E, H]`
    pub(crate) router: Linear,
    /// `[E, 2I, H]`, gate and up rows interleaved
    pub(crate) gate_up: ExpertProjection,
    /// `[E, H, I]`
    pub(crate) down: ExpertProjection,
}

impl Weights {
    /// Takes the tensors that `config` asks for; other tensors of the checkpoint are ignored.
    ///
    /// Every scale of the MXFP4 experts is looked at once, on all threads: 1/17 of their bytes,
    /// 0.6 GB of gpt-oss-20b. A NaN scale is a damaged file, which is better said now than by an
    /// answer of nonsense later.
    pub(crate) fn load(
        config: &Config,
        checkpoint: &Checkpoint,
        mode: Mode,
        isa: Isa,
        pool: &Pool,
    ) -> Result<Weights, EngineError> {
        let loader = Loader {
            checkpoint,
            mode,
            isa,
            pool,
        };
        loader.refuse_other_layouts()?;
        let (hidden, vocab) = (config.hidden_size, config.vocab_size);
        let embedding = loader.matrix("model.embed_tokens.weight", vocab, hidden)?;
        let unembedding = if config.tie_word_embeddings {
            embedding.clone()
        } else {
            loader.matrix("lm_head.weight", vocab, hidden)?
        };
        let final_norm = loader.vector("model.norm.weight", hidden)?;
        // Grows with the layers that are really there, not with what the configuration claims.
        let mut layers = Vec::new();
        for index in 0..config.num_hidden_layers {
            layers.push(loader.layer(config, index)?);
        }
        let unembedding_bytes = if config.tie_word_embeddings {
            0
        } else {
            unembedding.num_bytes()
        };
        let num_bytes = embedding.num_bytes()
            + unembedding_bytes
            + 2 * final_norm.len() as u64
            + layers.iter().map(LayerWeights::num_bytes).sum::<u64>();
        let unembedding = loader.dense(unembedding, Vec::new())?;
        Ok(Weights {
            embedding,
            layers,
            final_norm,
            unembedding,
            num_bytes,
        })
    }
}

impl LayerWeights {
    fn num_bytes(&self) -> u64 {
        let linears = [
            &self.query,
            &self.key,
            &self.value,
            &self.output,
            &self.router,
        ];
        let vectors = [&self.attention_norm, &self.sinks, &self.mlp_norm];
        linears.iter().map(|linear| linear.num_bytes()).sum::<u64>()
            + vectors
                .iter()
                .map(|vector| 2 * vector.len() as u64)
                .sum::<u64>()
            + self.gate_up.num_bytes()
            + self.down.num_bytes()
    }
}

/// Takes tensors out of a checkpoint.
pub(crate) struct Loader<'a> {
    checkpoint: &'a Checkpoint,
    mode: Mode,
    isa: Isa,
    pool: &'a Pool,
}

impl Loader<'_> {
    fn layer(&self, config: &Config, index: usize) -> Result<LayerWeights, EngineError> {
        let name = |rest: &str| format!("model.layers.{index}.{rest}");
        let hidden = config.hidden_size;
        let (query, kv) = (config.query_width(), config.kv_width());
        let experts = config.num_local_experts;
        let inner = config.intermediate_size;
        Ok(LayerWeights {
            attention_norm: self.vector(&name("input_layernorm.weight"), hidden)?,
            query: self.linear(&name("self_attn.q_proj"), query, hidden)?,
            key: self.linear(&name("self_attn.k_proj"), kv, hidden)?,
            value: self.linear(&name("self_attn.v_proj"), kv, hidden)?,
            output: self.linear(&name("self_attn.o_proj"), hidden, query)?,
            sinks: self.vector(&name("self_attn.sinks"), config.num_attention_heads)?,
            mlp_norm: self.vector(&name("post_attention_layernorm.weight"), hidden)?,
            router: self.router(&name("mlp.router"), experts, hidden)?,
            gate_up: self.experts(
                &name("mlp.experts.gate_up_proj"),
                experts,
                2 * inner,
                hidden,
            )?,
            down: self.experts(&name("mlp.experts.down_proj"), experts, hidden, inner)?,
        })
    }

    /// Recognises layouts of the same model that have other tensor names.
    fn refuse_other_layouts(&self) -> Result<(), EngineError> {
        let reason = if self.checkpoint.contains("embedding.weight")
            || self.checkpoint.contains("block.0.attn.qkv.weight")
        {
            "has the tensors of OpenAI's original/ layout; use the repository's root files \
             (config.json and model*.safetensors) instead"
        } else if self.checkpoint.names().any(|name| {
            name.contains(".mlp.experts.gate_up_projs.")
                || name.contains(".quant_state.bitsandbytes")
        }) {
            "is quantised with bitsandbytes (a separate gate_up_projs.N for each expert); use the \
             MXFP4 checkpoint (such as openai/gpt-oss-20b) or a dequantised bf16 one"
        } else {
            return Ok(());
        };
        Err(EngineError::UnsupportedCheckpoint {
            path: self.checkpoint.path().to_path_buf(),
            reason: reason.into(),
        })
    }

    fn tensor(&self, name: &str, dtypes: &[Dtype], shape: &[usize]) -> Result<Tensor, EngineError> {
        self.checkpoint.tensor(name)?.expect(dtypes, shape)
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<FloatWeights, EngineError> {
        FloatWeights::new(self.tensor(name, &[Dtype::Bf16], &[rows, cols])?)
    }

    fn linear(&self, name: &str, rows: usize, cols: usize) -> Result<Linear, EngineError> {
        let weights = self.matrix(&format!("{name}.weight"), rows, cols)?;
        self.dense(weights, self.vector(&format!("{name}.bias"), rows)?)
    }

    /// The router is never rounded: it is small, and a rounding error that swaps two experts costs
    /// more than all others.
    fn router(&self, name: &str, rows: usize, cols: usize) -> Result<Linear, EngineError> {
        let weights = self.matrix(&format!("{name}.weight"), rows, cols)?;
        Ok(Linear::new(
            weights,
            self.vector(&format!("{name}.bias"), rows)?,
        ))
    }

    /// A layer in the form that the mode asks for.
    fn dense(&self, weights: FloatWeights, bias: Vec<f32>) -> Result<Linear, EngineError> {
        match self.mode {
            Mode::Default if weights.view().cols().is_multiple_of(32) => {
                Linear::quantized(weights, bias, self.pool)
            }
            _ => Ok(Linear::new(weights, bias)),
        }
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, EngineError> {
        self.vectors(name, &[len])
    }

    /// A small tensor, widened. transformers saves norms as F32, everything else as BF16.
    fn vectors(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        let tensor = self.tensor(name, &[Dtype::Bf16, Dtype::F32], shape)?;
        let bytes = tensor.bytes();
        if *tensor.dtype() == Dtype::F32 {
            let (words, _) = bytes.as_chunks::<4>();
            return Ok(words.iter().map(|&word| f32::from_le_bytes(word)).collect());
        }
        let mut values = vec![0.0; bytes.len() / 2];
        floats_to_f32(self.isa, FloatType::Bf16, bytes, &mut values);
        Ok(values)
    }
}
