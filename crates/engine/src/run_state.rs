//! The scratch memory of a forward pass, allocated once for the largest batch.

use std::fmt;

use kernels::{Isa, Q8Rows, Q8RowsMut, Q16Rows, quantize_q16};

use crate::{
    Config, EngineError, Mode, Model,
    attention::RowPosition,
    memory,
    moe::{Routing, Scratch},
    pool::{PerWorker, Pool},
};

/// All intermediate values of one forward pass, and the logits it leaves behind.
///
/// `n` is the number of rows of the batch, at most `max_rows`.
pub struct RunState {
    /// The shape it was made for.
    config: Config,
    mode: Mode,
    num_threads: usize,
    max_rows: usize,
    max_logit_rows: usize,
    /// Residual stream, `[n, hidden]`.
    pub(crate) residual: Vec<f32>,
    /// Normalised residual stream; later the rows whose logits are wanted, `[n, hidden]`.
    pub(crate) normed: Vec<f32>,
    /// What a sub-layer adds to the residual stream, `[n, hidden]`.
    pub(crate) delta: Vec<f32>,
    pub(crate) attention: AttentionState,
    pub(crate) moe: MoeState,
    /// Input of a dense layer in 16 bits.
    pub(crate) q16: Q16Buffer,
    pub(crate) logits: Logits,
}

/// Scratch of the attention.
#[derive(Debug)]
pub(crate) struct AttentionState {
    /// Where each row stands, `[n]`.
    pub(crate) rows: Vec<RowPosition>,
    /// `[n, query width]`
    pub(crate) query: Vec<f32>,
    /// `[n, key width]`
    pub(crate) key: Vec<f32>,
    /// `[n, key width]`
    pub(crate) value: Vec<f32>,
    /// `[n, query width]`
    pub(crate) out: Vec<f32>,
    /// `[n, head_dim / 2]`
    pub(crate) cos: Vec<f32>,
    /// `[n, head_dim / 2]`
    pub(crate) sin: Vec<f32>,
    /// Scores of one group of heads; grows with the longest sequence.
    pub(crate) scores: PerWorker<Vec<f32>>,
}

/// Scratch of the experts. A *copy* is one token at one of its experts;
/// `c = n · experts per token`.
#[derive(Debug)]
pub(crate) struct MoeState {
    /// `[n, experts]`
    pub(crate) router_logits: Vec<f32>,
    pub(crate) routing: Routing,
    /// The copies' inputs, sorted by expert, `[c, hidden]`; later their outputs.
    pub(crate) rows: Vec<f32>,
    /// After the activation, `[c, intermediate]`.
    pub(crate) hidden: Vec<f32>,
    /// The tokens' inputs in 8 bits, `[n, hidden]`.
    pub(crate) token_q8: Q8Buffer,
    /// The copies' inputs in 8 bits, `[c, hidden]`.
    pub(crate) copy_q8: Q8Buffer,
    /// As `hidden`, in 8 bits.
    pub(crate) hidden_q8: Q8Buffer,
    pub(crate) scratch: PerWorker<Scratch>,
}

/// Logits of the rows that asked for them.
#[derive(Debug)]
pub(crate) struct Logits {
    /// `[rows, vocab]`
    pub(crate) values: Vec<f32>,
    /// Rows of the last forward pass.
    pub(crate) num_rows: usize,
    pub(crate) vocab_size: usize,
}

impl RunState {
    /// Scratch for batches of up to `max_rows` tokens, up to `max_logit_rows` of which ask for
    /// logits.
    ///
    /// # Errors
    /// [`EngineError::InvalidArgument`] if a limit is 0 or `max_logit_rows > max_rows`,
    /// [`EngineError::OutOfMemory`] if the memory cannot be had.
    pub fn new(
        model: &Model,
        max_rows: usize,
        max_logit_rows: usize,
    ) -> Result<RunState, EngineError> {
        if max_rows == 0 || !(1..=max_rows).contains(&max_logit_rows) {
            return Err(EngineError::InvalidArgument(format!(
                "max_rows is {max_rows} and max_logit_rows {max_logit_rows}; \
                 1 <= max_logit_rows <= max_rows is needed"
            )));
        }
        let config = model.config();
        let n = max_rows;
        let hidden = config.hidden_size;
        Ok(RunState {
            config: config.clone(),
            mode: model.mode(),
            num_threads: model.pool().num_threads(),
            max_rows,
            max_logit_rows,
            residual: allocate(n, hidden)?,
            normed: allocate(n, hidden)?,
            delta: allocate(n, hidden)?,
            attention: AttentionState::new(config, model.pool(), n)?,
            moe: MoeState::new(model, n)?,
            q16: match model.mode() {
                Mode::Exact => Q16Buffer::default(),
                Mode::Default => Q16Buffer::new(n, hidden.max(config.query_width()))?,
            },
            logits: Logits {
                values: allocate(max_logit_rows, config.vocab_size)?,
                num_rows: 0,
                vocab_size: config.vocab_size,
            },
        })
    }

    /// Most tokens of a batch.
    pub fn max_rows(&self) -> usize {
        self.max_rows
    }

    /// Most rows of logits of a batch.
    pub fn max_logit_rows(&self) -> usize {
        self.max_logit_rows
    }

    /// Whether it was made for a model of this shape.
    pub(crate) fn fits(&self, model: &Model) -> bool {
        self.num_threads == model.pool().num_threads()
            && self.mode == model.mode()
            && self.config == *model.config()
    }

    /// Number of rows of logits that the last forward pass left.
    pub fn num_logit_rows(&self) -> usize {
        self.logits.num_rows
    }

    /// Logits `[vocab]` of the `i`-th row that asked for them, in the order of the batch.
    ///
    /// # Panics
    /// If the last forward pass left no such row.
    pub fn logits(&self, i: usize) -> &[f32] {
        let Logits {
            values,
            num_rows,
            vocab_size,
        } = &self.logits;
        assert!(i < *num_rows, "row {i} of {num_rows} rows of logits");
        &values[i * vocab_size..][..*vocab_size]
    }
}

impl fmt::Debug for RunState {
    /// Not the numbers: nobody wants to see megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunState")
            .field("mode", &self.mode)
            .field("max_rows", &self.max_rows)
            .field("max_logit_rows", &self.max_logit_rows)
            .finish_non_exhaustive()
    }
}

impl AttentionState {
    fn new(config: &Config, pool: &Pool, n: usize) -> Result<AttentionState, EngineError> {
        Ok(AttentionState {
            rows: allocate(n, 1)?,
            query: allocate(n, config.query_width())?,
            key: allocate(n, config.kv_width())?,
            value: allocate(n, config.kv_width())?,
            out: allocate(n, config.query_width())?,
            cos: allocate(n, config.head_dim / 2)?,
            sin: allocate(n, config.head_dim / 2)?,
            scores: PerWorker::new(pool),
        })
    }
}

impl MoeState {
    fn new(model: &Model, n: usize) -> Result<MoeState, EngineError> {
        let config = model.config();
        let copies = n.saturating_mul(config.num_experts_per_tok);
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let q8 = |rows, cols| match model.mode() {
            Mode::Exact => Ok(Q8Buffer::default()),
            Mode::Default => Q8Buffer::new(rows, cols),
        };
        Ok(MoeState {
            router_logits: allocate(n, config.num_local_experts)?,
            routing: Routing::new(config, n)?,
            rows: allocate(copies, hidden)?,
            hidden: allocate(copies, inner)?,
            token_q8: q8(n, hidden)?,
            copy_q8: q8(copies, hidden)?,
            hidden_q8: q8(copies, inner)?,
            scratch: PerWorker::new(model.pool()),
        })
    }
}

/// Values that share a scale.
const BLOCK: usize = 32;

const CHECKED: &str = "projections of quantised inputs have a multiple of 32, checked when loading";

/// Room for activations in 16 bits; see [`kernels::quantize_q16`].
#[derive(Debug, Default)]
pub(crate) struct Q16Buffer {
    values: Vec<i16>,
    scales: Vec<f32>,
}

impl Q16Buffer {
    fn new(rows: usize, cols: usize) -> Result<Q16Buffer, EngineError> {
        Ok(Q16Buffer {
            values: allocate(rows, cols)?,
            scales: allocate(rows, cols / BLOCK)?,
        })
    }

    /// Rounds `x` `[n, cols]`; `None` where the buffer has no room because the mode does not want
    /// it, or where `cols` is not made of whole blocks.
    pub(crate) fn quantize(
        &mut self,
        isa: Isa,
        pool: &Pool,
        x: &[f32],
        cols: usize,
    ) -> Option<Q16Rows<'_>> {
        let values = self.values.get_mut(..x.len())?;
        if !cols.is_multiple_of(BLOCK) {
            return None;
        }
        let scales = &mut self.scales[..x.len() / BLOCK];
        let rows = values
            .chunks_exact_mut(cols)
            .zip(scales.chunks_exact_mut(cols / BLOCK));
        let items: Vec<_> = x.chunks_exact(cols).zip(rows).collect();
        pool.for_each(items, x.len(), |_, (x, (values, scales))| {
            quantize_q16(isa, x, cols, values, scales);
        });
        Some(Q16Rows::new(values, scales, cols).expect(CHECKED))
    }
}

/// Room for activations in 8 bits; see [`kernels::quantize_q8`].
#[derive(Debug, Default)]
pub(crate) struct Q8Buffer {
    values: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<i32>,
}

/// What is left of a [`Q8Buffer`] that is being handed out by rows.
pub(crate) struct Q8Slices<'a> {
    values: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [i32],
    cols: usize,
}

impl<'a> Q8Slices<'a> {
    /// The next `count` rows, to be written.
    pub(crate) fn take(&mut self, count: usize) -> Q8RowsMut<'a> {
        let blocks = count * (self.cols / BLOCK);
        let parts = (
            self.values.split_off_mut(..count * self.cols),
            self.scales.split_off_mut(..blocks),
            self.sums.split_off_mut(..blocks),
        );
        let (Some(values), Some(scales), Some(sums)) = parts else {
            panic!("a buffer in 8 bits has no room for {count} rows more");
        };
        Q8RowsMut::new(values, scales, sums, self.cols).expect(CHECKED)
    }
}

impl Q8Buffer {
    fn new(rows: usize, cols: usize) -> Result<Q8Buffer, EngineError> {
        let blocks = cols / BLOCK;
        Ok(Q8Buffer {
            values: allocate(rows, cols)?,
            scales: allocate(rows, blocks)?,
            sums: allocate(rows, blocks)?,
        })
    }

    /// `count` rows of `cols` values from row `first` on.
    pub(crate) fn rows(&self, first: usize, count: usize, cols: usize) -> Q8Rows<'_> {
        let blocks = cols / BLOCK;
        Q8Rows::new(
            &self.values[first * cols..][..count * cols],
            &self.scales[first * blocks..][..count * blocks],
            &self.sums[first * blocks..][..count * blocks],
            cols,
        )
        .expect(CHECKED)
    }

    /// All rows, of `cols` values, to be written.
    pub(crate) fn slices(&mut self, cols: usize) -> Q8Slices<'_> {
        Q8Slices {
            values: &mut self.values,
            scales: &mut self.scales,
            sums: &mut self.sums,
            cols,
        }
    }

    /// Copies row `from` of `source` to row `to`, both of `cols` values.
    pub(crate) fn copy_row(&mut self, to: usize, source: &Q8Buffer, from: usize, cols: usize) {
        let blocks = cols / BLOCK;
        self.values[to * cols..][..cols].copy_from_slice(&source.values[from * cols..][..cols]);
        let (to, from) = (to * blocks, from * blocks);
        self.scales[to..][..blocks].copy_from_slice(&source.scales[from..][..blocks]);
        self.sums[to..][..blocks].copy_from_slice(&source.sums[from..][..blocks]);
    }
}

/// `rows · cols` zeros, or an error instead of an abort.
pub(crate) fn allocate<T: Copy + Default>(rows: usize, cols: usize) -> Result<Vec<T>, EngineError> {
    // More than can be counted is more than can be had.
    memory::allocate(rows.saturating_mul(cols), "the values of a forward pass")
}
