//! Which file a path leads to.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// A file that is in use, and what told it from all others when it was opened.
#[derive(Clone)]
pub(super) struct OpenedFile {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode; where there are none, nothing.
type Identity = Option<(u64, u64)>;

impl OpenedFile {
    /// The file that was just opened by this path.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        // The working directory may change.
        let path = std::path::absolute(path)?;
        let identity = identity(&path.metadata()?);
        Ok(Self { path, identity })
    }

    /// Whether its path still leads to it.
    ///
    /// # Errors
    /// [`StoreError::FileGone`] if not.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let is_same = match self.path.metadata() {
            Ok(metadata) => identity(&metadata) == self.identity,
            // What cannot be seen need not be gone.
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        match is_same {
            true => Ok(()),
            false => Err(StoreError::FileGone {
                path: self.path.clone(),
            }),
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_deleted_or_replaced_is_gone_and_one_that_is_written_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        std::fs::write(&path, "one").unwrap();
        let opened = OpenedFile::of(&path).unwrap();
        opened.check().unwrap();
        std::fs::write(&path, "more").unwrap();
        opened.check().unwrap();
        let other = directory.path().join("b.db");
        std::fs::rename(&path, &other).unwrap();
        let error = opened.check().unwrap_err();
        assert!(error.to_string().contains("restart Freeway"), "{error}");
        std::fs::write(&path, "another").unwrap();
        assert!(matches!(
            opened.check(),
            Err(StoreError::FileGone { path: told }) if told == path
        ));
        std::fs::rename(&other, &path).unwrap();
        opened.check().unwrap();
    }
}
