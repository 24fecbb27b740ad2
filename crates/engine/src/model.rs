//! A loaded model and its forward pass, to be read from top to bottom.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    num::NonZero,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use kernels::{Isa, floats_to_f32, rmsnorm, rope};

use crate::{
    Batch, Config, EngineError, KvCache, LogitRows, RunState,
    attention::{Attention, RowPosition},
    checkpoint::{Checkpoint, read_limited},
    kv_cache::SequenceData,
    linear::DenseInput,
    moe::Moe,
    pool::Pool,
    rope::Rope,
    run_state::AttentionState,
    weights::{LayerWeights, Weights},
};

/// How precise weights, activations and cache are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The weights as stored, `f32` activations and cache: the oracle.
    Exact,
    /// Dense weights in 8 bits with activations in 16, activations in 8 bits before MXFP4 experts,
    /// keys and values in half precision, `f32` elsewhere.
    Default,
}

/// How to load and run a model.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Precision of activations and cache.
    pub mode: Mode,
    /// Threads of a forward pass, at least 1.
    pub num_threads: usize,
    /// Instruction set of the kernels.
    pub isa: Isa,
}

impl Default for LoadOptions {
    /// [`Mode::Default`], all processors, the best instruction set.
    fn default() -> LoadOptions {
        LoadOptions {
            mode: Mode::Default,
            num_threads: available_parallelism().map_or(1, NonZero::get),
            isa: Isa::detect(),
        }
    }
}

/// A model, immutable once loaded.
pub struct Model {
    config: Config,
    weights: Weights,
    rope: Rope,
    mode: Mode,
    isa: Isa,
    pool: Pool,
}

impl Model {
    /// Loads a checkpoint directory in Hugging Face layout: `config.json` with
    /// `model.safetensors`, or with `model.safetensors.index.json` and its shards.
    ///
    /// The weights are read once and packed for the kernels.
    ///
    /// # Errors
    /// Every way in which the directory is not a complete, consistent gpt-oss checkpoint; see
    /// [`EngineError`].
    pub fn load(dir: &Path, options: &LoadOptions) -> Result<Model, EngineError> {
        // First the checkpoint: its error is the one that tells other layouts apart.
        let checkpoint = Checkpoint::open(dir)?;
        let path = dir.join("config.json");
        let json = read_limited(&path, Config::MAX_JSON_BYTES as u64)?;
        Model::new(Config::from_json(&json, &path)?, &checkpoint, options)
    }

    /// Loads a model from the bytes of `config.json` and of a single safetensors file, which may
    /// be inside the program.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(
        config_json: &[u8],
        safetensors: impl Into<Cow<'static, [u8]>>,
        options: &LoadOptions,
    ) -> Result<Model, EngineError> {
        let checkpoint =
            Checkpoint::from_bytes(safetensors.into(), "model.safetensors (in memory)")?;
        let config = Config::from_json(config_json, &PathBuf::from("config.json (in memory)"))?;
        Model::new(config, &checkpoint, options)
    }

    fn new(
        config: Config,
        checkpoint: &Checkpoint,
        options: &LoadOptions,
    ) -> Result<Model, EngineError> {
        let pool = Pool::new(options.num_threads)?;
        let weights = Weights::load(&config, checkpoint, options.mode, options.isa, &pool)?;
        let rope = Rope::new(&config.rope, config.head_dim);
        Ok(Model {
            config,
            weights,
            rope,
            mode: options.mode,
            isa: options.isa,
            pool,
        })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The precision it was loaded with.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Bytes of all weights in the checkpoint.
    pub fn num_weight_bytes(&self) -> u64 {
        self.weights.num_bytes
    }

    /// The threads.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Runs a batch: adds its tokens to the cache and leaves the logits that it asks for in
    /// `state` (see [`RunState::logits`]).
    ///
    /// # Errors
    /// [`EngineError::InvalidArgument`] for a batch that does not fit the model, the cache or the
    /// state, [`EngineError::CacheFull`] and [`EngineError::OutOfMemory`]. No sequence has grown
    /// then: the same batch may be run again.
    pub fn forward(
        &self,
        batch: &Batch,
        cache: &mut KvCache,
        state: &mut RunState,
    ) -> Result<(), EngineError> {
        state.logits.num_rows = 0;
        self.check(batch, cache, state)?;
        for chunk in &batch.chunks {
            cache.reserve(chunk.sequence, chunk.tokens.len())?;
        }
        let n = batch.num_tokens();
        let macs = (self.weights.num_bytes as usize).saturating_mul(n);
        self.pool.run(macs, || {
            self.embed(batch, state);
            for (index, layer) in self.weights.layers.iter().enumerate() {
                self.attention(index, layer, n, batch, cache, state);
                self.experts(layer, n, state);
            }
            self.unembed(batch, state);
        });
        for chunk in &batch.chunks {
            cache.advance(chunk.sequence, chunk.tokens.len());
        }
        Ok(())
    }

    /// Everything that could go wrong later.
    fn check(&self, batch: &Batch, cache: &KvCache, state: &RunState) -> Result<(), EngineError> {
        let invalid = |reason: String| Err(EngineError::InvalidArgument(reason));
        if !cache.fits(&self.config, self.mode) {
            return invalid("the KV cache was made for another model or mode".into());
        }
        if !state.fits(self) {
            return invalid("the run state was made for another model".into());
        }
        let (rows, logit_rows) = (batch.num_tokens(), batch.num_logit_rows());
        if rows > state.max_rows() || logit_rows > state.max_logit_rows() {
            return invalid(format!(
                "the batch has {rows} tokens and {logit_rows} rows of logits, the run state has \
                 room for {} and {}",
                state.max_rows(),
                state.max_logit_rows()
            ));
        }
        let mut seen = HashSet::new();
        for chunk in &batch.chunks {
            let slot = chunk.sequence;
            if !seen.insert(slot) {
                return invalid(format!("{slot:?} occurs twice in the batch"));
            }
            let Some(cached) = cache.num_tokens(slot) else {
                return invalid(format!("{slot:?} is no sequence of this KV cache"));
            };
            if chunk.position != cached {
                return invalid(format!(
                    "{slot:?} holds {cached} tokens, so its next chunk starts there and not at \
                     position {}",
                    chunk.position
                ));
            }
            let len = chunk.tokens.len();
            if len > cache.options().max_chunk {
                return invalid(format!(
                    "a chunk of {len} tokens; the KV cache was made for at most {}",
                    cache.options().max_chunk
                ));
            }
            if cached.saturating_add(len) > self.config.max_position_embeddings {
                return invalid(format!(
                    "{slot:?} would grow to {} tokens; the model's longest sequence is {}",
                    cached.saturating_add(len),
                    self.config.max_position_embeddings
                ));
            }
            let vocab_size = self.config.vocab_size;
            if let Some(token) = chunk
                .tokens
                .iter()
                .find(|&&token| token as usize >= vocab_size)
            {
                return invalid(format!(
                    "token {token} is outside the vocabulary of {vocab_size}"
                ));
            }
        }
        Ok(())
    }

    /// The residual stream starts as the tokens' embeddings; and what depends only on positions.
    fn embed(&self, batch: &Batch, state: &mut RunState) {
        let embedding = self.weights.embedding.view();
        let hidden = self.config.hidden_size;
        let half = self.config.head_dim / 2;
        let AttentionState { rows, cos, sin, .. } = &mut state.attention;
        let mut row = 0;
        for (index, chunk) in batch.chunks.iter().enumerate() {
            for (offset, &token) in chunk.tokens.iter().enumerate() {
                let x = &mut state.residual[row * hidden..][..hidden];
                let bytes = embedding.row(token as usize);
                floats_to_f32(self.isa, embedding.float_type(), bytes, x);
                let position = chunk.position + offset;
                rows[row] = RowPosition {
                    chunk: index,
                    position,
                };
                let range = row * half..(row + 1) * half;
                self.rope
                    .cos_sin(position, &mut cos[range.clone()], &mut sin[range]);
                row += 1;
            }
        }
    }

    /// `x += W_o · attend(rope(W_q · norm(x)), cache) + b_o`, the cache extended by this batch.
    fn attention(
        &self,
        index: usize,
        layer: &LayerWeights,
        n: usize,
        batch: &Batch,
        cache: &mut KvCache,
        state: &mut RunState,
    ) {
        let (isa, pool, config) = (self.isa, &self.pool, &self.config);
        let hidden = config.hidden_size;
        let (query_width, kv_width) = (config.query_width(), config.kv_width());
        let RunState {
            residual,
            normed,
            delta,
            attention,
            q16,
            ..
        } = state;
        let AttentionState {
            rows,
            query,
            key,
            value,
            out,
            cos,
            sin,
            scores,
        } = attention;
        let rows = &rows[..n];
        let residual = &mut residual[..n * hidden];
        let normed = &mut normed[..n * hidden];
        let query = &mut query[..n * query_width];
        let key = &mut key[..n * kv_width];
        let value = &mut value[..n * kv_width];

        self.norm(residual, &layer.attention_norm, normed);
        let input = DenseInput {
            x: normed,
            q16: q16.quantize(isa, pool, normed, hidden),
        };
        layer.query.forward(isa, pool, input, query);
        layer.key.forward(isa, pool, input, key);
        layer.value.forward(isa, pool, input, value);

        self.rotate(query, query_width, cos, sin);
        self.rotate(key, kv_width, cos, sin);
        self.extend_cache(index, batch, rows, key, value, cache);

        let out = &mut out[..n * query_width];
        let sequences: Vec<&SequenceData> = batch
            .chunks
            .iter()
            .filter_map(|chunk| cache.data(chunk.sequence))
            .collect();
        let attention = Attention {
            config,
            layer: index,
            sinks: &layer.sinks,
            geometry: cache.geometry(),
            sequences: &sequences,
            rows,
        };
        attention.forward(isa, pool, query, out, scores);
        let delta = &mut delta[..n * hidden];
        let input = DenseInput {
            x: out,
            q16: q16.quantize(isa, pool, out, query_width),
        };
        layer.output.forward(isa, pool, input, delta);
        for (x, d) in residual.iter_mut().zip(delta) {
            *x += *d;
        }
    }

    /// `x += Σ w_e · expert_e(norm(x))`
    fn experts(&self, layer: &LayerWeights, n: usize, state: &mut RunState) {
        let width = n * self.config.hidden_size;
        let RunState {
            residual,
            normed,
            moe,
            ..
        } = state;
        let (residual, normed) = (&mut residual[..width], &mut normed[..width]);
        self.norm(residual, &layer.mlp_norm, normed);
        let experts = Moe {
            config: &self.config,
            weights: layer,
            mode: self.mode,
            isa: self.isa,
            pool: &self.pool,
        };
        experts.forward(normed, residual, moe);
    }

    /// Logits of the rows that asked for them.
    fn unembed(&self, batch: &Batch, state: &mut RunState) {
        let hidden = self.config.hidden_size;
        let RunState {
            residual,
            normed,
            delta,
            q16,
            logits,
            ..
        } = state;
        // Collects the wanted rows, contiguous, before they are normalised.
        let mut wanted = 0;
        let mut first = 0;
        for chunk in &batch.chunks {
            let end = first + chunk.tokens.len();
            let rows = match chunk.logits {
                LogitRows::None => end..end,
                LogitRows::Last => end.saturating_sub(1).max(first)..end,
                LogitRows::All => first..end,
            };
            for row in rows {
                let x = &residual[row * hidden..][..hidden];
                delta[wanted * hidden..][..hidden].copy_from_slice(x);
                wanted += 1;
            }
            first = end;
        }
        let (x, normed) = (&delta[..wanted * hidden], &mut normed[..wanted * hidden]);
        self.norm(x, &self.weights.final_norm, normed);
        let out = &mut logits.values[..wanted * logits.vocab_size];
        let input = DenseInput {
            x: normed,
            q16: q16.quantize(self.isa, &self.pool, normed, hidden),
        };
        self.weights
            .unembedding
            .forward(self.isa, &self.pool, input, out);
        logits.num_rows = wanted;
    }

    /// RMSNorm of each row of `x` `[n, hidden]`.
    fn norm(&self, x: &[f32], gain: &[f32], out: &mut [f32]) {
        let hidden = gain.len();
        let eps = self.config.rms_norm_eps;
        let macs = 2 * x.len();
        self.pool.for_each_chunk(out, hidden, macs, |_, row, out| {
            rmsnorm(self.isa, &x[row * hidden..][..hidden], gain, eps, out);
        });
    }

    /// Rotates every head of every row of `x` `[n, width]` by its position.
    fn rotate(&self, x: &mut [f32], width: usize, cos: &[f32], sin: &[f32]) {
        let head_dim = self.config.head_dim;
        let half = head_dim / 2;
        let macs = 4 * x.len();
        self.pool.for_each_chunk(x, width, macs, |_, row, x| {
            let (cos, sin) = (&cos[row * half..][..half], &sin[row * half..][..half]);
            for head in x.chunks_exact_mut(head_dim) {
                rope(self.isa, head, cos, sin);
            }
        });
    }

    /// Writes the batch's keys and values `[n, kv width]` of one layer.
    fn extend_cache(
        &self,
        layer: usize,
        batch: &Batch,
        rows: &[RowPosition],
        key: &[f32],
        value: &[f32],
        cache: &mut KvCache,
    ) {
        let head_dim = self.config.head_dim;
        let kv_width = self.config.kv_width();
        let vectors = key.chunks_exact(kv_width).zip(value.chunks_exact(kv_width));
        for (row, (key, value)) in rows.iter().zip(vectors) {
            let slot = batch.chunks[row.chunk].sequence;
            let Some((geometry, data)) = cache.data_mut(slot) else {
                continue;
            };
            let heads = key.chunks_exact(head_dim).zip(value.chunks_exact(head_dim));
            for (head, (key, value)) in heads.enumerate() {
                let place = (layer, head, row.position);
                match data {
                    SequenceData::F32(s) => s.write(self.isa, geometry, place, key, value),
                    SequenceData::F16(s) => s.write(self.isa, geometry, place, key, value),
                }
            }
        }
    }
}

impl fmt::Debug for Model {
    /// Not the weights: nobody wants to see gigabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("config", &self.config)
            .field("mode", &self.mode)
            .field("isa", &self.isa)
            .field("num_threads", &self.pool.num_threads())
            .field("num_weight_bytes", &self.weights.num_bytes)
            .finish_non_exhaustive()
    }
}
