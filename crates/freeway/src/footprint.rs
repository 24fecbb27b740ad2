//! What a model takes of a machine: memory, and reads from memory for each token.
//!
//! A checkpoint stores dense layers in bf16 and experts in MXFP4 or bf16. In memory the dense layers
//! are rounded to 8 bits, but for the router and the embedding, and the others are as in the file.
//! While a token is generated every dense
//! weight is read once and of the experts those that the token visits. Generating is bound by these
//! reads: no more tokens per second than the memory delivers them.

use std::fmt;

use engine::{Config, KvCache, Mode};

use crate::machine::Memory;

/// Tokens of a prompt that are read at once; `freeway chat` and `freeway serve` do the same.
const CHUNK_TOKENS: usize = 128;

/// Memory beside weights, keys and values: activations, tokenizer, the program itself.
const SPARE_BYTES: u64 = 512 << 20;

/// Fewest tokens of a conversation that is one.
const MIN_TOKENS: usize = 2048;

/// A conversation of ordinary length.
const SHORT_TOKENS: usize = 8192;

/// How a checkpoint stores its experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpertForm {
    /// 4.25 bits a weight.
    Mxfp4,
    /// As the dense layers.
    Bf16,
}

/// The sizes that matter, of one model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Footprint {
    pub(crate) config: Config,
    /// All weights, biases and norms counted one by one.
    pub(crate) num_parameters: u64,
    /// Those that take part in one token; of the embedding that is one row.
    pub(crate) num_active_parameters: u64,
    /// Bytes of all tensors of the checkpoint.
    pub(crate) weight_bytes: u64,
    /// Bytes of all weights in memory.
    pub(crate) resident_bytes: u64,
    /// Bytes that generating a token reads, at the beginning of a conversation.
    pub(crate) decode_bytes: u64,
}

/// Whether a model fits into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// With its longest context.
    Whole,
    /// With a context of so many tokens.
    UpTo(usize),
    /// If other programs gave back their memory.
    NotNow,
    /// Not on this machine: it would be read from the disk again for every token.
    Never,
}

impl Fit {
    /// For programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Whole => "yes",
            Self::UpTo(_) => "shorter",
            Self::NotNow => "not_now",
            Self::Never => "no",
        }
    }
}

/// For people.
impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("yes"),
            Self::UpTo(num_tokens) => write!(f, "up to {num_tokens} tokens"),
            Self::NotNow => f.write_str("not now"),
            Self::Never => f.write_str("no"),
        }
    }
}

/// Numbers and bytes, added up together.
#[derive(Clone, Copy, Default)]
struct Tally {
    num_parameters: u64,
    /// In the checkpoint.
    num_bytes: u64,
    /// In memory.
    resident_bytes: u64,
}

impl Tally {
    fn bf16(num_parameters: usize) -> Self {
        Self {
            num_parameters: num_parameters as u64,
            num_bytes: 2 * num_parameters as u64,
            resident_bytes: 2 * num_parameters as u64,
        }
    }

    /// `rows * cols` weights that are rounded to 8 bits where rows are made of whole blocks: 32
    /// values of a byte and a scale of two.
    fn rounded(rows: usize, cols: usize) -> Self {
        let weights = Self::bf16(rows * cols);
        match cols % 32 {
            0 => Self {
                resident_bytes: 34 * (rows * cols / 32) as u64,
                ..weights
            },
            _ => weights,
        }
    }

    /// `rows * cols` weights and a bias for each row.
    fn linear(rows: usize, cols: usize) -> Self {
        Self::rounded(rows, cols).plus(Self::bf16(rows))
    }

    fn expert_matrix(rows: usize, cols: usize, form: ExpertForm) -> Self {
        match form {
            ExpertForm::Bf16 => Self::bf16(rows * cols + rows),
            ExpertForm::Mxfp4 => {
                let blocks = (rows * cols.div_ceil(32)) as u64;
                // 32 codes of half a byte and a scale
                let num_bytes = 17 * blocks;
                let weights = Self {
                    num_parameters: (rows * cols) as u64,
                    num_bytes,
                    resident_bytes: num_bytes,
                };
                weights.plus(Self::bf16(rows))
            }
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            num_parameters: self.num_parameters + other.num_parameters,
            num_bytes: self.num_bytes + other.num_bytes,
            resident_bytes: self.resident_bytes + other.resident_bytes,
        }
    }

    fn times(self, count: usize) -> Self {
        Self {
            num_parameters: self.num_parameters * count as u64,
            num_bytes: self.num_bytes * count as u64,
            resident_bytes: self.resident_bytes * count as u64,
        }
    }
}

impl Footprint {
    pub(crate) fn new(config: Config, form: ExpertForm) -> Self {
        let c = &config;
        let (hidden, query, kv) = (c.hidden_size, c.query_width(), c.kv_width());
        let inner = c.intermediate_size;
        let dense_of_layer = Tally::linear(query, hidden)
            .plus(Tally::linear(kv, hidden).times(2))
            .plus(Tally::linear(hidden, query))
            .plus(Tally::bf16(c.num_attention_heads + 2 * hidden))
            .plus(Tally::bf16(
                c.num_local_experts * hidden + c.num_local_experts,
            ));
        let expert = Tally::expert_matrix(2 * inner, hidden, form)
            .plus(Tally::expert_matrix(hidden, inner, form));
        let layers_with = |num_experts| {
            dense_of_layer
                .plus(expert.times(num_experts))
                .times(c.num_hidden_layers)
        };
        let embedding = Tally::bf16(c.vocab_size * hidden);
        let final_norm = Tally::bf16(hidden);
        let unembedding = Tally::rounded(c.vocab_size, hidden);
        // A matrix that is both is stored once, and has two forms in memory.
        let unembedding_of_file = match c.tie_word_embeddings {
            true => Tally {
                resident_bytes: unembedding.resident_bytes,
                ..Tally::default()
            },
            false => unembedding,
        };
        let all = layers_with(c.num_local_experts)
            .plus(embedding)
            .plus(unembedding_of_file)
            .plus(final_norm);
        // Of the embedding one row, of the unembedding everything.
        let active = layers_with(c.num_experts_per_tok)
            .plus(unembedding)
            .plus(Tally::bf16(hidden))
            .plus(final_norm);
        Self {
            num_parameters: all.num_parameters,
            num_active_parameters: active.num_parameters,
            weight_bytes: all.num_bytes,
            resident_bytes: all.resident_bytes,
            decode_bytes: active.resident_bytes,
            config,
        }
    }

    /// A context of ordinary length, if the model has one that long.
    pub(crate) fn short_context(&self) -> usize {
        SHORT_TOKENS.min(self.config.max_position_embeddings)
    }

    /// The longest context.
    pub(crate) fn full_context(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// Bytes of the weights and of one conversation of so many tokens.
    pub(crate) fn memory_bytes(&self, num_tokens: usize) -> u64 {
        KvCache::sequence_bytes(&self.config, Mode::Default, CHUNK_TOKENS, num_tokens)
            .and_then(|kv| kv.checked_add(self.resident_bytes))
            .unwrap_or(u64::MAX)
    }

    pub(crate) fn fit(&self, memory: Memory) -> Fit {
        let fits = |num_tokens: usize, bytes: u64| {
            self.memory_bytes(num_tokens).saturating_add(SPARE_BYTES) <= bytes
        };
        let full = self.full_context();
        let least = MIN_TOKENS.min(full);
        if fits(full, memory.available_bytes) {
            return Fit::Whole;
        }
        if !fits(least, memory.available_bytes) {
            return if fits(least, memory.total_bytes) {
                Fit::NotNow
            } else {
                Fit::Never
            };
        }
        // `least` fits and `full` does not; the bytes grow with the tokens.
        let (mut fitting, mut too_many) = (least, full);
        while too_many - fitting > 1 {
            let middle = fitting.midpoint(too_many);
            if fits(middle, memory.available_bytes) {
                fitting = middle;
            } else {
                too_many = middle;
            }
        }
        Fit::UpTo(fitting)
    }
}

#[cfg(test)]
mod tests {
    use engine::synth::SynthSpec;

    use super::*;
    use crate::known_models::KNOWN_MODELS;

    fn footprint_of(index: usize) -> Footprint {
        KNOWN_MODELS[index].footprint()
    }

    #[test]
    fn the_bytes_are_those_of_the_published_checkpoints() {
        for (index, spec) in [SynthSpec::gpt_oss_20b(), SynthSpec::gpt_oss_120b()]
            .into_iter()
            .enumerate()
        {
            assert_eq!(footprint_of(index).weight_bytes, spec.num_tensor_bytes());
        }
    }

    #[test]
    fn parameters_are_those_of_the_model_card() {
        // 20.91 and 116.83 billion in all; 3.61 and 5.13 active, the embedding left out.
        let billions = |n: u64| (n as f64 / 1e7).round() / 100.0;
        let [small, large] = [footprint_of(0), footprint_of(1)];
        assert_eq!(billions(small.num_parameters), 20.91);
        assert_eq!(billions(large.num_parameters), 116.83);
        assert_eq!(billions(small.num_active_parameters), 3.61);
        assert_eq!(billions(large.num_active_parameters), 5.13);
    }

    #[test]
    fn a_token_of_20b_reads_1_27_gb_of_experts_and_1_30_gb_of_the_rest() {
        let model = footprint_of(0);
        let expert_bytes: u64 = 24 * 4 * (8_812_800 + 4_406_400 + 2 * (5760 + 2880));
        assert_eq!((model.decode_bytes - expert_bytes) / 10_000_000, 129);
        assert_eq!(model.decode_bytes / 10_000_000, 256);
    }

    #[test]
    fn dense_layers_take_half_the_memory_that_they_take_in_the_file() {
        let model = footprint_of(0);
        // Attention and unembedding, without the embedding and the router.
        let weights = 24 * 2880 * (2 * 4096 + 2 * 512) + 201_088 * 2880;
        let saved = 2 * weights - 34 * weights / 32;
        assert_eq!(model.weight_bytes - model.resident_bytes, saved);
    }

    #[test]
    fn dequantised_experts_take_two_bytes_a_weight() {
        let config = footprint_of(0).config;
        let bf16 = Footprint::new(config, ExpertForm::Bf16);
        assert_eq!(bf16.weight_bytes, 2 * bf16.num_parameters);
        assert_eq!(bf16.num_parameters, footprint_of(0).num_parameters);
    }

    #[test]
    fn memory_grows_by_keys_and_values() {
        let model = footprint_of(0);
        let growth = model.memory_bytes(131_072) - model.memory_bytes(8192);
        assert_eq!(growth, (131_072 - 8192) * 24_576);
    }

    #[test]
    fn the_context_that_fits_is_the_longest_one() {
        let model = footprint_of(0);
        let memory = |total_bytes, available_bytes| Memory {
            total_bytes,
            available_bytes,
        };
        let whole = model.memory_bytes(131_072) + SPARE_BYTES;
        assert_eq!(model.fit(memory(whole, whole)), Fit::Whole);
        let Fit::UpTo(num_tokens) = model.fit(memory(whole, whole - 1)) else {
            panic!("one byte less than all is not nothing");
        };
        assert_eq!(num_tokens, 131_072 - 64, "a page less");
        let least = model.memory_bytes(MIN_TOKENS) + SPARE_BYTES;
        assert_eq!(model.fit(memory(whole, least)), Fit::UpTo(MIN_TOKENS));
        assert_eq!(model.fit(memory(whole, least - 1)), Fit::NotNow);
        assert_eq!(model.fit(memory(least - 1, least - 1)), Fit::Never);
        assert_eq!(model.fit(memory(0, 0)), Fit::Never);
    }
}
