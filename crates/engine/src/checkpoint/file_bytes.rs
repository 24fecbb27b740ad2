//! The bytes of a file: mapped into memory, or already there.

use std::{
    borrow::Cow,
    fmt,
    fs::{self, File},
    io,
    ops::{Deref, Range},
    path::Path,
};

use memmap2::Mmap;

use crate::EngineError;

/// Bytes that outlive every tensor made from them.
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
        let file = open(path)?;
        // SAFETY: the map is private to this process and read-only. What Rust cannot know is that
        // nobody else shortens or rewrites the file while it is mapped: a model file that is being
        // served must not be edited in place (downloads are renamed into place, which leaves the
        // mapped file as it was). Its contents are only ever read as plain bytes, of which every
        // value is valid.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| read_error(path, e))?;
        Ok(FileBytes::Mapped(map))
    }

    /// Tells the system that a range will not be read soon, so that what was copied from it does
    /// not count as memory in use twice. Reading it again reads the file again.
    #[expect(unsafe_code, reason = "memmap2 has no safe way to say so")]
    pub(super) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let FileBytes::Mapped(map) = self {
            // SAFETY: the map is private, read-only and of a file, and nothing was ever written to
            // its pages: what is read there afterwards is the file again, the same bytes.
            let _ = unsafe {
                map.unchecked_advise_range(
                    memmap2::UncheckedAdvice::DontNeed,
                    range.start,
                    range.len(),
                )
            };
        }
        #[cfg(not(unix))]
        let _ = range;
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

impl fmt::Debug for FileBytes {
    /// Not the bytes: nobody wants to see gigabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            FileBytes::Mapped(_) => "Mapped",
            FileBytes::InMemory(_) => "InMemory",
        };
        write!(f, "{kind}({} bytes)", self.len())
    }
}

/// Opens a regular file to read it. Anything else is refused before it is opened: opening a named
/// pipe waits for whoever writes to it, and mapping a directory or a device says little about what
/// went wrong.
pub(super) fn open(path: &Path) -> Result<File, EngineError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(_) if path.is_symlink() => return Err(broken_link(path)),
        Err(error) => return Err(read_error(path, error)),
    };
    if !metadata.is_file() {
        return Err(read_error(path, io::Error::other("not a regular file")));
    }
    File::open(path).map_err(|error| read_error(path, error))
}

/// A cache of Hugging Face downloads is made of links to files that were loaded, or pruned, one by
/// one.
fn broken_link(path: &Path) -> EngineError {
    let target = match fs::read_link(path) {
        Ok(target) => format!("a link to {}", target.display()),
        Err(_) => "a link".into(),
    };
    EngineError::CorruptFile {
        path: path.to_path_buf(),
        reason: format!(
            "is {target}, which leads to no file; the download is incomplete or was pruned, \
             download it again"
        ),
    }
}

/// That a file or directory cannot be read.
pub(super) fn read_error(path: &Path, source: io::Error) -> EngineError {
    EngineError::Io {
        action: "read",
        path: path.to_path_buf(),
        source,
    }
}
