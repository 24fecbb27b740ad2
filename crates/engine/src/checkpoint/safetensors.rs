//! The safetensors file format, read strictly.
//!
//! ```text
//! u64 little-endian: length of the header
//! header: JSON object  name → {"dtype", "shape", "data_offsets": [begin, end]}  (+ "__metadata__")
//! data: the tensors, without gaps or overlaps, offsets counted from its first byte
//! ```
//! A header is believed only if every tensor lies within the file, is exactly as long as its dtype
//! and shape say, and all of them together cover the data once.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt::{self, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{
    Deserialize,
    de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor},
};

use super::{Tensor, file_bytes::FileBytes};
use crate::EngineError;

/// Longest header that is parsed. That of gpt-oss-120b takes about 100 kB.
const MAX_HEADER_BYTES: u64 = 32 << 20;

/// Most characters of an unknown type's name that are shown.
const MAX_SHOWN_CHARS: usize = 32;

/// Most dimensions of a tensor.
const MAX_RANK: usize = 8;

/// Type of a tensor's elements.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dtype {
    /// 32-bit float.
    F32,
    /// 16-bit IEEE float.
    F16,
    /// Upper half of a 32-bit float.
    Bf16,
    /// Byte.
    U8,
    /// 32-bit signed integer.
    I32,
    /// A type that no gpt-oss checkpoint needs, by its name.
    Other(Box<str>),
}

impl Dtype {
    fn from_name(name: &str) -> Dtype {
        match name {
            "F32" => Dtype::F32,
            "F16" => Dtype::F16,
            "BF16" => Dtype::Bf16,
            "U8" => Dtype::U8,
            "I32" => Dtype::I32,
            other => Dtype::Other(other.into()),
        }
    }

    /// Bytes of one element, where that is known.
    fn size(&self) -> Option<usize> {
        match self {
            Dtype::F32 | Dtype::I32 => Some(4),
            Dtype::F16 | Dtype::Bf16 => Some(2),
            Dtype::U8 => Some(1),
            Dtype::Other(_) => None,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dtype::F32 => f.write_str("F32"),
            Dtype::F16 => f.write_str("F16"),
            Dtype::Bf16 => f.write_str("BF16"),
            Dtype::U8 => f.write_str("U8"),
            Dtype::I32 => f.write_str("I32"),
            // The file's own word: shown without control characters, and not at any length.
            Dtype::Other(name) => {
                let mut shown = name.escape_debug().take(MAX_SHOWN_CHARS);
                shown.try_for_each(|c| f.write_char(c))
            }
        }
    }
}

/// Where and what a tensor is.
#[derive(Debug)]
struct TensorInfo {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Within the bytes of the file.
    range: Range<usize>,
}

/// A safetensors file whose header has been checked against its contents.
#[derive(Debug)]
pub struct SafetensorsFile {
    path: PathBuf,
    bytes: FileBytes,
    tensors: HashMap<String, TensorInfo>,
}

impl SafetensorsFile {
    /// Maps a file and checks its header.
    ///
    /// # Errors
    /// [`EngineError::Io`] if it cannot be read, [`EngineError::CorruptFile`] or
    /// [`EngineError::Tensor`] if it is not a whole, consistent safetensors file.
    pub fn open(path: &Path) -> Result<SafetensorsFile, EngineError> {
        SafetensorsFile::new(FileBytes::map(path)?, path)
    }

    /// Checks the header of a file that is in memory; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`SafetensorsFile::open`].
    pub fn from_bytes(
        bytes: Cow<'static, [u8]>,
        path: &Path,
    ) -> Result<SafetensorsFile, EngineError> {
        SafetensorsFile::new(FileBytes::InMemory(bytes), path)
    }

    fn new(bytes: FileBytes, path: &Path) -> Result<SafetensorsFile, EngineError> {
        let (header, data_start) =
            split_header(&bytes).map_err(|reason| EngineError::CorruptFile {
                path: path.to_path_buf(),
                reason,
            })?;
        let header: Header =
            serde_json::from_slice(header).map_err(|e| EngineError::CorruptFile {
                path: path.to_path_buf(),
                reason: format!("the header is not valid: {e}; download the file again"),
            })?;
        let mut tensors = HashMap::with_capacity(header.0.len());
        for (name, json) in header.0 {
            match json.check(data_start, bytes.len()) {
                Ok(info) => tensors.insert(name, info),
                Err(reason) => {
                    let path = path.to_path_buf();
                    return Err(EngineError::Tensor {
                        path,
                        tensor: name,
                        reason,
                    });
                }
            };
        }
        check_coverage(&tensors, data_start, bytes.len(), path)?;
        Ok(SafetensorsFile {
            path: path.to_path_buf(),
            bytes,
            tensors,
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the tensors, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor by its name.
    pub fn tensor(file: &Arc<SafetensorsFile>, name: &str) -> Option<Tensor> {
        let info = file.tensors.get(name)?;
        Some(Tensor {
            file: Arc::clone(file),
            name: name.to_string(),
            dtype: info.dtype.clone(),
            shape: info.shape.clone(),
            range: info.range.clone(),
        })
    }

    /// All bytes of the file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// See [`FileBytes::release`].
    pub(super) fn release(&self, range: Range<usize>) {
        self.bytes.release(range);
    }
}

/// The JSON text, and where the data starts.
fn split_header(bytes: &[u8]) -> Result<(&[u8], usize), String> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(format!(
            "has {} bytes and is no safetensors file; download it again",
            bytes.len()
        ));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(format!(
            "claims a header of {length} bytes (at most {MAX_HEADER_BYTES} are read), \
             so it is no safetensors file; download it again"
        ));
    }
    // Fits: at most MAX_HEADER_BYTES.
    let length = length as usize;
    let header = rest.get(..length).ok_or_else(|| {
        format!(
            "is truncated: the header takes {length} bytes, the file has {}; download it again",
            bytes.len()
        )
    })?;
    Ok((header, 8 + length))
}

/// One entry of the header as it is written.
#[derive(Deserialize)]
struct TensorJson {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl TensorJson {
    /// Compares the claims with each other and with the file's length.
    fn check(self, data_start: usize, file_len: usize) -> Result<TensorInfo, String> {
        let (begin, end) = self.data_offsets;
        if begin > end {
            return Err(format!("data_offsets [{begin}, {end}] run backwards"));
        }
        let data_len = file_len - data_start;
        let (begin, end) = match (usize::try_from(begin), usize::try_from(end)) {
            (Ok(begin), Ok(end)) if end <= data_len => (begin, end),
            _ => {
                return Err(format!(
                    "ends at byte {end} of the data, of which the file has {data_len}; \
                     the file is truncated, download it again"
                ));
            }
        };
        if self.shape.len() > MAX_RANK {
            return Err(format!(
                "has {} dimensions; at most {MAX_RANK} are read",
                self.shape.len()
            ));
        }
        let shape = self
            .shape
            .iter()
            .map(|&dim| usize::try_from(dim))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| format!("shape {:?} is too large", self.shape))?;
        let dtype = Dtype::from_name(&self.dtype);
        if let Some(size) = dtype.size() {
            let needed = shape
                .iter()
                .try_fold(size, |product, &dim| product.checked_mul(dim));
            if needed != Some(end - begin) {
                return Err(format!(
                    "{dtype} {shape:?} does not take the {} bytes it has; \
                     the header is wrong, download the file again",
                    end - begin
                ));
            }
        }
        Ok(TensorInfo {
            dtype,
            shape,
            range: data_start + begin..data_start + end,
        })
    }
}

/// Every byte of the data belongs to exactly one tensor.
fn check_coverage(
    tensors: &HashMap<String, TensorInfo>,
    data_start: usize,
    file_len: usize,
    path: &Path,
) -> Result<(), EngineError> {
    let mut sorted: Vec<_> = tensors
        .iter()
        .map(|(name, info)| (&info.range, name))
        .collect();
    sorted.sort_unstable_by_key(|(range, name)| (range.start, range.end, *name));
    let mut covered = data_start;
    for (range, name) in sorted {
        if range.start != covered {
            let what = if range.start < covered {
                "overlaps"
            } else {
                "leaves a gap after"
            };
            return Err(EngineError::Tensor {
                path: path.to_path_buf(),
                tensor: name.clone(),
                reason: format!(
                    "{what} the tensor before it; the header is wrong, download the file again"
                ),
            });
        }
        covered = range.end;
    }
    if covered != file_len {
        return Err(EngineError::CorruptFile {
            path: path.to_path_buf(),
            reason: format!(
                "the tensors end at byte {covered}, the file at {file_len}; download it again"
            ),
        });
    }
    Ok(())
}

/// The header: like a map of [`TensorJson`], but a name that occurs twice is an error.
struct Header(HashMap<String, TensorJson>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Header, D::Error> {
        struct HeaderVisitor;

        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut tensors = HashMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let tensor = map.next_value()?;
                    match tensors.entry(name) {
                        Entry::Vacant(entry) => entry.insert(tensor),
                        Entry::Occupied(entry) => {
                            let name = entry.key();
                            return Err(A::Error::custom(format!("tensor {name} occurs twice")));
                        }
                    };
                }
                Ok(Header(tensors))
            }
        }

        deserializer.deserialize_map(HeaderVisitor)
    }
}
