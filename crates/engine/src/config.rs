//! The model's hyper-parameters, read from `config.json` in Hugging Face form.
//!
//! Every field is checked once, here: the rest of the engine may divide by the head count or
//! multiply two sizes without a second look.

mod json;

use std::path::Path;

use crate::EngineError;

/// How a layer's queries look back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerType {
    /// Only at the last [`Config::sliding_window`] tokens, the query's own included.
    SlidingAttention,
    /// At every earlier token.
    FullAttention,
}

/// The rotary position embedding: base frequency and, usually, the YaRN stretch.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeParameters {
    /// Base θ of the frequencies θ^(-2i/head_dim).
    pub theta: f64,
    /// The stretch beyond the length the model was first trained on.
    pub scaling: RopeScaling,
}

/// How rotary frequencies are stretched.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Not at all (`"rope_type": "default"`, which a configuration must state itself: leaving
    /// the scaling out by accident would quietly spoil every long context).
    None,
    /// YaRN, "NTK by parts".
    Yarn {
        /// How many times longer the context became.
        factor: f64,
        /// Context length of the first training.
        original_max_position_embeddings: usize,
        /// Dimensions turning more often than this over the original context keep their frequency.
        beta_fast: f64,
        /// Dimensions turning less often than this are slowed down by `factor`.
        beta_slow: f64,
        /// Whether the ends of the ramp between the two are rounded outwards to whole dimensions.
        /// gpt-oss does not, so the default is `false`.
        truncate: bool,
        /// Factor on cos and sin; by default 0.1·ln(factor) + 1.
        attention_factor: Option<f64>,
    },
}

/// The hyper-parameters of a gpt-oss model, named as in `config.json`.
///
/// All sizes are at least 1 and small enough that products of any two fit a `usize`;
/// `num_attention_heads` is a multiple of `num_key_value_heads`, `head_dim` is even,
/// `num_experts_per_tok <= num_local_experts`, and `layer_types` has one entry for each layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Number of decoder layers.
    pub num_hidden_layers: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Inner width of one expert.
    pub intermediate_size: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key/value heads; each serves an equal group of query heads.
    pub num_key_value_heads: usize,
    /// Width of one head (not necessarily `hidden_size / num_attention_heads`).
    pub head_dim: usize,
    /// Number of experts in each layer.
    pub num_local_experts: usize,
    /// Number of experts that each token visits.
    pub num_experts_per_tok: usize,
    /// Rows of the embedding and of the unembedding.
    pub vocab_size: usize,
    /// Tokens that a sliding layer sees, the query's own included.
    pub sliding_window: usize,
    /// Longest sequence the model is meant for.
    pub max_position_embeddings: usize,
    /// Added to the mean square in every RMSNorm.
    pub rms_norm_eps: f32,
    /// α of the experts' `gate · sigmoid(α · gate)`.
    pub swiglu_alpha: f32,
    /// Clamp of gate (above) and up (both sides) in the experts.
    pub swiglu_limit: f32,
    /// Kind of each layer.
    pub layer_types: Vec<LayerType>,
    /// Rotary position embedding.
    pub rope: RopeParameters,
    /// Whether the unembedding is the embedding matrix.
    pub tie_word_embeddings: bool,
}

impl Config {
    /// Longest `config.json` that is read, in bytes.
    pub const MAX_JSON_BYTES: usize = 1 << 20;

    /// Reads a configuration from the text of `config.json`; `path` is only named in errors.
    ///
    /// # Errors
    /// [`EngineError::Config`] names the key that is missing, malformed or out of range, or the
    /// feature that no gpt-oss model has.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Config, EngineError> {
        json::parse(json).map_err(|reason| EngineError::Config {
            path: path.to_path_buf(),
            reason,
        })
    }

    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Width of all key heads together, which is also that of the values.
    pub fn kv_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Number of query heads that share one key/value head.
    pub fn group_size(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Number of layers of the given kind.
    pub fn num_layers_of(&self, kind: LayerType) -> usize {
        self.layer_types.iter().filter(|&&k| k == kind).count()
    }
}

#[cfg(test)]
mod tests;
