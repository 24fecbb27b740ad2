//! Which files of a directory are the checkpoint, and what to say when none is.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use super::file_bytes::{open, read_error};
use crate::EngineError;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Longest index that is read; that of gpt-oss-120b takes about 55 kB.
const MAX_INDEX_BYTES: u64 = 32 << 20;

/// Most shards of a checkpoint.
const MAX_SHARDS: usize = 1024;

/// The files of a checkpoint.
#[derive(Debug)]
pub(super) enum Layout {
    /// Everything in one file.
    Single(PathBuf),
    /// Several files, listed by an index.
    Sharded {
        /// The index itself.
        index: PathBuf,
        /// The files, each once.
        shards: Vec<PathBuf>,
        /// Tensor name → position in `shards`.
        locations: HashMap<String, usize>,
    },
}

/// Finds the checkpoint in a directory. Shard names come from the index, never from counting:
/// gpt-oss-20b has three shards that call themselves "of 2".
pub(super) fn find(dir: &Path) -> Result<Layout, EngineError> {
    let metadata = fs::metadata(dir).map_err(|error| read_error(dir, error))?;
    if !metadata.is_dir() {
        return Err(EngineError::UnsupportedCheckpoint {
            path: dir.to_path_buf(),
            reason: "is a file; name the directory that holds config.json and \
                     model.safetensors (or model.safetensors.index.json)"
                .into(),
        });
    }
    let single = dir.join(SINGLE);
    if is_listed(&single)? {
        return Ok(Layout::Single(single));
    }
    let index = dir.join(INDEX);
    if is_listed(&index)? {
        return read_index(dir, index);
    }
    Err(EngineError::UnsupportedCheckpoint {
        path: dir.to_path_buf(),
        reason: describe_contents(dir),
    })
}

/// Whether a directory has an entry of this name, be it a link that leads nowhere: opening that will
/// say so.
fn is_listed(path: &Path) -> Result<bool, EngineError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(read_error(path, error)),
    }
}

/// Reads a regular file of at most `limit` bytes.
pub(crate) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    open(path)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| read_error(path, error))?;
    if bytes.len() as u64 > limit {
        return Err(EngineError::CorruptFile {
            path: path.to_path_buf(),
            reason: format!("is longer than {limit} bytes, so it is not what its name says"),
        });
    }
    Ok(bytes)
}

#[derive(Deserialize)]
struct IndexJson {
    weight_map: HashMap<String, String>,
}

fn read_index(dir: &Path, path: PathBuf) -> Result<Layout, EngineError> {
    let bytes = read_limited(&path, MAX_INDEX_BYTES)?;
    let corrupt = |reason| EngineError::CorruptFile {
        path: path.clone(),
        reason,
    };
    let index: IndexJson = serde_json::from_slice(&bytes)
        .map_err(|e| corrupt(format!("is no index of tensors: {e}; download it again")))?;

    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut shards = Vec::new();
    let mut locations = HashMap::with_capacity(index.weight_map.len());
    for (tensor, file) in index.weight_map {
        let position = match positions.get(&file) {
            Some(&position) => position,
            None => {
                if !is_plain_file_name(&file) {
                    return Err(corrupt(format!(
                        "places {tensor} in {file:?}, which is not the plain name of a file"
                    )));
                }
                if shards.len() == MAX_SHARDS {
                    return Err(corrupt(format!("names more than {MAX_SHARDS} files")));
                }
                shards.push(dir.join(&file));
                positions.insert(file, shards.len() - 1);
                shards.len() - 1
            }
        };
        locations.insert(tensor, position);
    }
    // One missing shard is the usual way an interrupted download looks: say which.
    let mut sorted: Vec<_> = shards.iter().collect();
    sorted.sort_unstable();
    for shard in sorted {
        if !is_listed(shard)? {
            return Err(EngineError::CorruptFile {
                path: shard.clone(),
                reason: format!("is missing, though {INDEX} names it; download it"),
            });
        }
    }
    Ok(Layout::Sharded {
        index: path,
        shards,
        locations,
    })
}

/// A name without any directory part, so that an index cannot point outside its own directory.
fn is_plain_file_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(Component::Normal(part)) if part == name)
        && components.next().is_none()
        && !name.contains(['\\', '\0'])
}

/// Tells what the directory holds instead of a checkpoint.
fn describe_contents(dir: &Path) -> String {
    let mut has_gguf = false;
    let mut has_shards = false;
    for entry in fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .take(10_000)
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        has_gguf |= name.ends_with(".gguf");
        has_shards |= name.ends_with(".safetensors");
    }
    let original = dir.join("original").is_dir() || dir.join("dtypes.json").exists();
    if original && !has_gguf {
        return format!(
            "holds OpenAI's original layout only; download the repository's root files instead: \
             config.json, {INDEX} and model-*.safetensors"
        );
    }
    if has_gguf {
        return format!(
            "holds a GGUF file only; this engine reads Hugging Face checkpoints: \
             config.json with {SINGLE} or {INDEX}"
        );
    }
    if has_shards {
        return format!("has *.safetensors files but neither {SINGLE} nor {INDEX}; download those");
    }
    format!("holds no checkpoint: neither {SINGLE} nor {INDEX} is there")
}
