//! The bytes of a file: mapped into memory, or already there.

use std::{borrow::Cow, fs::File, ops::Deref, path::Path};

use memmap2::Mmap;

use crate::EngineError;

/// Bytes that outlive every tensor made from them.
#[derive(Debug)]
pub(super) enum FileBytes {
    /// A file, read page by page as it is touched.
    Mapped(Mmap),
    /// Bytes inside the program, or on the heap.
    InMemory(Cow<'static, [u8]>),
}

impl FileBytes {
    /// Maps a file read-only.
    #[expect(
        unsafe_code,
        reason = "a memory map is the only way not to copy 13 GB of weights"
    )]
    pub(super) fn map(path: &Path) -> Result<FileBytes, EngineError> {
        let io = |source| EngineError::Io {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        // Mapping a directory or a device says little about what went wrong.
        if !file.metadata().map_err(io)?.is_file() {
            return Err(io(std::io::Error::other("not a regular file")));
        }
        // SAFETY: the map is private to this process and read-only. What Rust cannot know is that
        // nobody else shortens or rewrites the file while it is mapped: a model file that is being
        // served must not be edited in place (downloads are renamed into place, which leaves the
        // mapped file as it was). Its contents are only ever read as plain bytes, of which every
        // value is valid.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Ok(FileBytes::Mapped(map))
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            FileBytes::Mapped(map) => map,
            FileBytes::InMemory(bytes) => bytes,
        }
    }
}
