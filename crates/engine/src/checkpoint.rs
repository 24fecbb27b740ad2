//! A checkpoint in Hugging Face layout: `model.safetensors`, or shards with an index beside them.
//!
//! Files are memory-mapped and never copied. Everything a file claims is checked before it is
//! believed: `safetensors.rs` is the file format, `directory.rs` says which files belong to a
//! checkpoint. What the tensors mean is not known here; that is `weights.rs`.

mod directory;
mod file_bytes;
mod safetensors;

use std::{
    borrow::Cow,
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) use directory::read_limited;
pub use safetensors::{Dtype, SafetensorsFile};

use crate::EngineError;

/// A tensor of a checkpoint: a cheap handle that keeps its file open.
#[derive(Debug, Clone)]
pub struct Tensor {
    file: Arc<SafetensorsFile>,
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Within the bytes of the file; in bounds and of the length that dtype and shape ask for.
    range: Range<usize>,
}

impl Tensor {
    /// The tensor's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Type of the elements.
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Dimensions, the slowest first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, little-endian, row-major, at no particular alignment.
    pub fn bytes(&self) -> &[u8] {
        &self.file.bytes()[self.range.clone()]
    }

    /// Says that the elements of `part` of `whole` equal parts have been copied and will not be read
    /// again soon.
    pub(crate) fn release(&self, part: Range<usize>, whole: usize) {
        let len = self.range.len() / whole.max(1);
        let (start, end) = (part.start * len, part.end * len);
        self.file
            .release(self.range.start + start..self.range.start + end);
    }

    /// An error about this tensor.
    pub(crate) fn error(&self, reason: String) -> EngineError {
        EngineError::Tensor {
            path: self.file.path().to_path_buf(),
            tensor: self.name.clone(),
            reason,
        }
    }

    /// Checks type and shape.
    pub(crate) fn expect(self, dtypes: &[Dtype], shape: &[usize]) -> Result<Tensor, EngineError> {
        if !dtypes.contains(&self.dtype) {
            let wanted: Vec<_> = dtypes.iter().map(Dtype::to_string).collect();
            return Err(self.error(format!(
                "has type {}, must be {}; convert the checkpoint",
                self.dtype,
                wanted.join(" or ")
            )));
        }
        if self.shape != shape {
            return Err(self.error(format!(
                "has shape {:?}, but config.json asks for {shape:?}; \
                 config and weights are not of the same model",
                self.shape
            )));
        }
        Ok(self)
    }
}

/// The files of one checkpoint and where each tensor is.
#[derive(Debug)]
pub struct Checkpoint {
    files: Vec<Arc<SafetensorsFile>>,
    /// Tensor name → index into `files`.
    locations: HashMap<String, usize>,
    /// Named in errors about tensors that are nowhere.
    path: PathBuf,
}

impl Checkpoint {
    /// Opens the checkpoint in a directory and maps its files into memory.
    ///
    /// # Errors
    /// A directory that holds no checkpoint, or one of a layout that is not read (GGUF, OpenAI's
    /// `original/`), a shard that is missing, or a file whose header does not fit its contents.
    pub fn open(dir: &Path) -> Result<Checkpoint, EngineError> {
        match directory::find(dir)? {
            directory::Layout::Single(path) => Checkpoint::single(SafetensorsFile::open(&path)?),
            directory::Layout::Sharded {
                index,
                shards,
                locations,
            } => {
                let files = shards
                    .iter()
                    .map(|shard| SafetensorsFile::open(shard).map(Arc::new))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Checkpoint {
                    files,
                    locations,
                    path: index,
                })
            }
        }
    }

    /// Reads a checkpoint from the bytes of one safetensors file; `name` stands for the path in
    /// errors.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn from_bytes(bytes: Cow<'static, [u8]>, name: &str) -> Result<Checkpoint, EngineError> {
        Checkpoint::single(SafetensorsFile::from_bytes(bytes, Path::new(name))?)
    }

    fn single(file: SafetensorsFile) -> Result<Checkpoint, EngineError> {
        let locations = file.names().map(|name| (name.to_string(), 0)).collect();
        Ok(Checkpoint {
            path: file.path().to_path_buf(),
            files: vec![Arc::new(file)],
            locations,
        })
    }

    /// Whether the checkpoint lists a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.locations.contains_key(name)
    }

    /// Names of all tensors, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.locations.keys().map(String::as_str)
    }

    /// The file or index that lists the tensors, to be named in errors.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A tensor by its name.
    ///
    /// # Errors
    /// [`EngineError::Tensor`] if no file has it.
    pub fn tensor(&self, name: &str) -> Result<Tensor, EngineError> {
        let missing = |path: &Path, reason: &str| EngineError::Tensor {
            path: path.to_path_buf(),
            tensor: name.to_string(),
            reason: reason.to_string(),
        };
        let &index = self.locations.get(name).ok_or_else(|| {
            missing(
                &self.path,
                "is missing; the checkpoint is incomplete or of another model",
            )
        })?;
        let file = &self.files[index];
        SafetensorsFile::tensor(file, name).ok_or_else(|| {
            missing(
                file.path(),
                "is missing, though the index says it is here; \
                 download the shard and model.safetensors.index.json again",
            )
        })
    }
}
