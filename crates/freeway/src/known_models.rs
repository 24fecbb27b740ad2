//! The published models that this engine is made for.

use engine::{Config, LayerType, RopeParameters, RopeScaling};

use crate::footprint::{ExpertForm, Footprint};

/// A published model.
pub(crate) struct KnownModel {
    pub(crate) id: &'static str,
    num_layers: usize,
    num_experts: usize,
}

/// Smallest first.
pub(crate) static KNOWN_MODELS: [KnownModel; 2] = [
    KnownModel {
        id: "openai/gpt-oss-20b",
        num_layers: 24,
        num_experts: 32,
    },
    KnownModel {
        id: "openai/gpt-oss-120b",
        num_layers: 36,
        num_experts: 128,
    },
];

/// What a download has beside the tensors, nearly all of it `tokenizer.json`.
const OTHER_DOWNLOAD_BYTES: u64 = 28_000_000;

impl KnownModel {
    pub(crate) fn footprint(&self) -> Footprint {
        Footprint::new(self.config(), ExpertForm::Mxfp4)
    }

    /// Bytes of a download, to three digits.
    pub(crate) fn download_bytes(&self) -> u64 {
        self.footprint().weight_bytes + OTHER_DOWNLOAD_BYTES
    }

    /// Its `config.json`: the two differ in layers and experts only.
    fn config(&self) -> Config {
        Config {
            num_hidden_layers: self.num_layers,
            hidden_size: 2880,
            intermediate_size: 2880,
            num_attention_heads: 64,
            num_key_value_heads: 8,
            head_dim: 64,
            num_local_experts: self.num_experts,
            num_experts_per_tok: 4,
            vocab_size: 201_088,
            sliding_window: 128,
            max_position_embeddings: 131_072,
            rms_norm_eps: 1e-5,
            swiglu_alpha: 1.702,
            swiglu_limit: 7.0,
            layer_types: (0..self.num_layers)
                .map(|layer| match layer % 2 {
                    0 => LayerType::SlidingAttention,
                    _ => LayerType::FullAttention,
                })
                .collect(),
            rope: RopeParameters {
                theta: 150_000.0,
                scaling: RopeScaling::Yarn {
                    factor: 32.0,
                    original_max_position_embeddings: 4096,
                    beta_fast: 32.0,
                    beta_slow: 1.0,
                    truncate: false,
                    attention_factor: None,
                },
            },
            tie_word_embeddings: false,
        }
    }
}

/// How alike two names must be for one to be a misspelling of the other; 1 is the same.
const MIN_SIMILARITY: f64 = 0.7;

/// The model of this id.
pub(crate) fn find(id: &str) -> Option<&'static KnownModel> {
    KNOWN_MODELS.iter().find(|model| model.id == id)
}

/// The known model whose id `name` may be a misspelling of, or a part.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let ids = || KNOWN_MODELS.iter().map(|model| model.id);
    if ids().any(|id| id == name) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    // `20b` and `gpt-oss-20b` are ends of an id, and much shorter.
    let end = name.rsplit('/').next().filter(|end| !end.is_empty());
    let similarity = |id: &&str| strsim::normalized_damerau_levenshtein(id, &name);
    end.and_then(|end| ids().find(|id| id.ends_with(end)))
        .or_else(|| {
            ids()
                .filter(|id| similarity(id) >= MIN_SIMILARITY)
                .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_and_parts_lead_to_the_model() {
        for (name, id) in [
            ("gpt-oss-20b", Some("openai/gpt-oss-20b")),
            ("20b", Some("openai/gpt-oss-20b")),
            ("120b", Some("openai/gpt-oss-120b")),
            ("openai/gpt-oss-120B", Some("openai/gpt-oss-120b")),
            ("openai/gpt-oss20b", Some("openai/gpt-oss-20b")),
            ("opneai/gpt-oss-20b", Some("openai/gpt-oss-20b")),
            ("unsloth/gpt-oss-20b", Some("openai/gpt-oss-20b")),
            ("meta-llama/Llama-3.1-8B", None),
            ("openai/gpt-oss-20b", None),
            ("openai/gpt-oss-120b", None),
            ("", None),
        ] {
            assert_eq!(nearest(name), id, "{name}");
        }
    }
}
