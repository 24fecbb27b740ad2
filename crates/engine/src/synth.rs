//! Random checkpoints of any gpt-oss shape, to measure and test with: they load and run like the
//! real ones and say nothing sensible.
//!
//! A checkpoint is a function of its [`SynthSpec`] and seed, on every platform. Every number is
//! drawn by its place in its tensor, so the threads that fill a tensor need not agree on anything
//! and memory stays at one buffer, whatever the size. The weights are scaled so that activations
//! keep their size through any number of layers and the logits spread by about 3.

mod json;
mod tensors;

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::pool::Pool;
use crate::rng::CounterRng;
use crate::{Config, EngineError};
use tensors::TensorSpec;

/// Bytes that are made before they are written.
const BUFFER_BYTES: usize = 32 << 20;

/// Bytes that one thread makes at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Most layers of a checkpoint.
const MAX_LAYERS: usize = 1024;

/// The shape of a checkpoint, in the words of `config.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthSpec {
    /// Decoder layers; even ones (from 0 on) slide.
    pub num_hidden_layers: usize,
    /// Width of the residual stream, a multiple of 32.
    pub hidden_size: usize,
    /// Inner width of an expert, a multiple of 32.
    pub intermediate_size: usize,
    /// Query heads, a multiple of `num_key_value_heads`.
    pub num_attention_heads: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
    /// Width of a head, even.
    pub head_dim: usize,
    /// Experts of a layer.
    pub num_local_experts: usize,
    /// Experts that a token uses.
    pub num_experts_per_tok: usize,
    /// Rows of the embedding and of the unembedding.
    pub vocab_size: usize,
    /// Tokens that a sliding layer sees.
    pub sliding_window: usize,
    /// Context before the YaRN stretch.
    pub initial_context_length: usize,
    /// Context after it, at least as long.
    pub max_position_embeddings: usize,
    /// Files the tensors are spread over (fewer if there are not enough tensors).
    pub num_shards: usize,
}

/// How far [`write()`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynthProgress {
    /// Bytes of tensors written.
    pub written_bytes: u64,
    /// Bytes of all tensors.
    pub total_bytes: u64,
}

impl SynthSpec {
    /// A few hundred kilobytes that run in no time.
    pub fn tiny() -> Self {
        SynthSpec {
            num_hidden_layers: 4,
            hidden_size: 64,
            intermediate_size: 64,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 32,
            num_local_experts: 8,
            num_experts_per_tok: 4,
            vocab_size: 1024,
            sliding_window: 128,
            initial_context_length: 4096,
            max_position_embeddings: 131_072,
            num_shards: 2,
        }
    }

    /// gpt-oss-20b.
    pub fn gpt_oss_20b() -> Self {
        SynthSpec {
            num_hidden_layers: 24,
            hidden_size: 2880,
            intermediate_size: 2880,
            num_attention_heads: 64,
            num_key_value_heads: 8,
            head_dim: 64,
            num_local_experts: 32,
            num_experts_per_tok: 4,
            vocab_size: 201_088,
            sliding_window: 128,
            initial_context_length: 4096,
            max_position_embeddings: 131_072,
            num_shards: 3,
        }
    }

    /// gpt-oss-120b.
    pub fn gpt_oss_120b() -> Self {
        SynthSpec {
            num_hidden_layers: 36,
            num_local_experts: 128,
            num_shards: 15,
            ..SynthSpec::gpt_oss_20b()
        }
    }

    /// Bytes of all tensors.
    pub fn num_tensor_bytes(&self) -> u64 {
        tensors::all(self).iter().map(TensorSpec::num_bytes).sum()
    }

    /// Whether the engine could load it.
    fn check(&self) -> Result<(), EngineError> {
        let invalid = |reason: String| Err(EngineError::InvalidArgument(reason));
        // First what the text of the configuration grows with.
        if !(1..=MAX_LAYERS).contains(&self.num_hidden_layers) {
            return invalid(format!(
                "num_hidden_layers is {}; it must be between 1 and {MAX_LAYERS}",
                self.num_hidden_layers
            ));
        }
        if self.num_shards == 0 {
            return invalid("num_shards must be at least 1".into());
        }
        // MXFP4 blocks; the rest is what any configuration must fulfil.
        for (name, size) in [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
        ] {
            if !size.is_multiple_of(32) {
                return invalid(format!("{name} is {size}; it must be a multiple of 32"));
            }
        }
        if self.initial_context_length == 0
            || self.max_position_embeddings < self.initial_context_length
        {
            return invalid(format!(
                "max_position_embeddings is {}; it must be at least initial_context_length, {}, \
                 which must be at least 1",
                self.max_position_embeddings, self.initial_context_length
            ));
        }
        let path = Path::new("config.json");
        match Config::from_json(json::config(self).as_bytes(), path) {
            Ok(_) => Ok(()),
            Err(EngineError::Config { reason, .. }) => invalid(reason),
            Err(error) => Err(error),
        }
    }
}

/// Writes a random checkpoint in Hugging Face layout to `dir`, which is created or empty:
/// `config.json`, `generation_config.json`, the shards and their index. The numbers are drawn on
/// `num_threads` threads, which does not show in them. `progress` is called after every few dozen
/// megabytes and may put an end to it.
///
/// # Errors
/// [`EngineError::InvalidArgument`] for a shape that the engine cannot run, no threads, a directory
/// with something in it, or too little space on the disk; [`EngineError::Io`];
/// [`EngineError::Cancelled`] if `progress` breaks off. What was written by then is removed.
pub fn write(
    spec: &SynthSpec,
    seed: u64,
    dir: &Path,
    num_threads: usize,
    progress: &mut dyn FnMut(SynthProgress) -> ControlFlow<()>,
) -> Result<(), EngineError> {
    spec.check()?;
    let pool = Pool::new(num_threads)?;
    let mut output = Output::create(dir)?;
    let total_bytes = spec.num_tensor_bytes();
    check_space(dir, total_bytes)?;

    let tensors = tensors::all(spec);
    let shards = shards(&tensors, spec.num_shards, total_bytes);
    let file_name = |index: usize| match shards.len() {
        1 => "model.safetensors".to_owned(),
        // Counted from zero up to the number in the name, like the official files.
        count => format!("model-{index:05}-of-{:05}.safetensors", count - 1),
    };
    let mut written_bytes = 0;
    for (index, shard) in shards.iter().enumerate() {
        output.write_file(&file_name(index), |file| {
            write_shard(shard, seed, &pool, file, &mut |bytes| {
                written_bytes += bytes;
                progress(SynthProgress {
                    written_bytes,
                    total_bytes,
                })
            })
        })?;
    }
    if shards.len() > 1 {
        let files = shards.iter().enumerate().flat_map(|(index, shard)| {
            shard
                .iter()
                .map(move |tensor| (tensor.name.as_str(), file_name(index)))
        });
        let index = json::index(files.collect(), total_bytes);
        output.write_text("model.safetensors.index.json", &index)?;
    }
    output.write_text("generation_config.json", &json::generation_config(spec))?;
    // Last: a directory without it is no checkpoint.
    output.write_text("config.json", &json::config(spec))?;
    output.complete = true;
    Ok(())
}

/// Cuts the tensors into up to `num_shards` runs of about the same number of bytes.
fn shards(tensors: &[TensorSpec], num_shards: usize, total_bytes: u64) -> Vec<&[TensorSpec]> {
    let mut start = 0;
    let shard_of = |tensor: &TensorSpec| {
        let shard = u128::from(start) * num_shards as u128 / u128::from(total_bytes.max(1));
        start += tensor.num_bytes();
        shard
    };
    let numbers: Vec<u128> = tensors.iter().map(shard_of).collect();
    let mut rest = tensors;
    numbers
        .chunk_by(|a, b| a == b)
        .map(|run| {
            let (shard, others) = rest.split_at(run.len());
            rest = others;
            shard
        })
        .collect()
}

/// Writes one safetensors file: the length of the header, the header, the tensors. `written` is
/// told the bytes of each piece and may put an end to it.
fn write_shard(
    tensors: &[TensorSpec],
    seed: u64,
    pool: &Pool,
    file: &mut dyn Write,
    written: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let header = json::safetensors_header(tensors);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let mut buffer = vec![0; BUFFER_BYTES];
    for tensor in tensors {
        let rng = CounterRng::new(seed).fork(&tensor.name);
        let mut start = 0;
        while start < tensor.num_bytes() {
            let len = (tensor.num_bytes() - start).min(BUFFER_BYTES as u64);
            let buffer = &mut buffer[..len as usize];
            // A random byte costs more than a multiply-add.
            let work = buffer.len();
            pool.for_each_chunk(buffer, PIECE_BYTES, work, |_, index, piece| {
                let first = start + (index * PIECE_BYTES) as u64;
                tensor.fill.bytes(rng, first, piece);
            });
            file.write_all(buffer)?;
            start += len;
            if written(len).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn check_space(dir: &Path, needed: u64) -> Result<(), EngineError> {
    match fs4::available_space(dir) {
        Ok(available) if available < needed => Err(EngineError::InvalidArgument(format!(
            "the checkpoint takes {needed} bytes; {} has {available} left",
            dir.display()
        ))),
        // Where it cannot be told, writing will find out.
        _ => Ok(()),
    }
}

/// A directory under construction, emptied again unless it becomes complete.
struct Output {
    dir: PathBuf,
    /// Whether the directory was made for this.
    is_new: bool,
    files: Vec<PathBuf>,
    complete: bool,
}

impl Output {
    fn create(dir: &Path) -> Result<Self, EngineError> {
        let is_new = !dir.exists();
        fs::create_dir_all(dir).map_err(|e| io_error("create", dir, e))?;
        let mut entries = fs::read_dir(dir).map_err(|e| io_error("read", dir, e))?;
        if entries.next().is_some() {
            return Err(EngineError::InvalidArgument(format!(
                "{} is not empty; choose a new or empty directory",
                dir.display()
            )));
        }
        Ok(Output {
            dir: dir.to_path_buf(),
            is_new,
            files: Vec::new(),
            complete: false,
        })
    }

    /// Makes a file that was not there.
    fn write_file(
        &mut self,
        name: &str,
        contents: impl FnOnce(&mut dyn Write) -> io::Result<ControlFlow<()>>,
    ) -> Result<(), EngineError> {
        let path = self.dir.join(name);
        let mut file = File::create_new(&path).map_err(|e| io_error("create", &path, e))?;
        self.files.push(path.clone());
        match contents(&mut file) {
            Ok(ControlFlow::Continue(())) => Ok(()),
            Ok(ControlFlow::Break(())) => Err(EngineError::Cancelled),
            Err(error) => Err(io_error("write", &path, error)),
        }
    }

    fn write_text(&mut self, name: &str, text: &str) -> Result<(), EngineError> {
        self.write_file(name, |file| {
            file.write_all(text.as_bytes())?;
            Ok(ControlFlow::Continue(()))
        })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        // Best effort: the error that brought us here is the one to report.
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        if self.is_new {
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> EngineError {
    EngineError::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
pub(crate) mod tests;
