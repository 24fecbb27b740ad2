//! One model's part of the cache, to write to.
//!
//! A file is written beside its blob under the name `CHECKSUM.incomplete`, renamed when it is
//! complete and right, and linked into the snapshot. So a blob is always whole, and what a download
//! left behind is where the next one looks for it. The lock of a blob is the file that Hugging
//! Face's own programs lock, in the same way.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::repository_directory;

/// The folder of one model.
pub(crate) struct Repository {
    directory: PathBuf,
    locks: PathBuf,
}

/// Held while a blob is being written. The file stays: another program may be waiting for it.
pub(crate) struct BlobLock {
    _file: File,
}

impl Repository {
    /// The folder of `id` in `cache`; `None` if `id` is no hub id.
    pub(crate) fn new(cache: &Path, id: &str) -> Option<Self> {
        let directory = repository_directory(cache, id)?;
        let locks = cache.join(".locks").join(directory.file_name()?);
        Some(Self { directory, locks })
    }

    /// Creates the folders that files are written to.
    pub(crate) fn create(&self) -> io::Result<()> {
        fs::create_dir_all(self.blobs())?;
        fs::create_dir_all(&self.locks)
    }

    /// The folder of the files under their checksums.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.directory.join("blobs")
    }

    /// The file with this checksum.
    pub(crate) fn blob(&self, checksum: &str) -> PathBuf {
        self.blobs().join(checksum)
    }

    /// What there is of the file with this checksum while it is not whole.
    pub(crate) fn partial(&self, checksum: &str) -> PathBuf {
        self.blobs().join(format!("{checksum}.incomplete"))
    }

    /// The folder of a commit's files under their names.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.directory.join("snapshots").join(commit)
    }

    /// Locks a blob; `None` if another program has it.
    pub(crate) fn try_lock(&self, checksum: &str) -> io::Result<Option<BlobLock>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.locks.join(format!("{checksum}.lock")))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(BlobLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Some network file systems have no locks. The checksum still tells when two programs
            // wrote to the same file.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Some(BlobLock { _file: file }))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Gives a blob its name in a snapshot. `name` may have directories; it has been checked.
    pub(crate) fn link(&self, commit: &str, name: &str, checksum: &str) -> io::Result<()> {
        let link = self.snapshot(commit).join(name);
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        // Relative, so that the cache can be moved; one step up for each part of the path.
        let mut target = PathBuf::from("../..");
        target.extend(name.split('/').skip(1).map(|_| ".."));
        let target = target.join("blobs").join(checksum);
        match fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(&target, &self.blob(checksum), &link)
    }

    /// Notes which commit a branch or tag stands for.
    pub(crate) fn write_ref(&self, revision: &str, commit: &str) -> io::Result<()> {
        let path = self.directory.join("refs").join(revision);
        let parent = path.parent().unwrap_or(&self.directory);
        fs::create_dir_all(parent)?;
        // Renamed into place, so that no reader meets half a commit.
        let new = parent.join(format!(".{}.tmp", std::process::id()));
        fs::write(&new, commit)?;
        fs::rename(&new, &path)
    }
}

#[cfg(unix)]
fn symlink(target: &Path, _blob: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Where links are not allowed the file itself takes the place of the link, as Hugging Face's own
/// programs do it.
#[cfg(windows)]
fn symlink(target: &Path, blob: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link).or_else(|_| fs::rename(blob, link))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(cache: &Path) -> Repository {
        let repository = Repository::new(cache, "openai/gpt-oss-20b").unwrap();
        repository.create().unwrap();
        repository
    }

    #[test]
    fn a_linked_blob_is_found_under_its_name_even_after_the_cache_has_moved() {
        let parent = tempfile::tempdir().unwrap();
        let (before, after) = (parent.path().join("a"), parent.path().join("b"));
        let cache = repository(&before);
        fs::write(cache.blob("ab12"), "{}").unwrap();
        cache.link("c0ffee", "config.json", "ab12").unwrap();
        cache
            .link("c0ffee", "original/deep/x.json", "ab12")
            .unwrap();
        cache.link("c0ffee", "config.json", "ab12").unwrap();
        cache.write_ref("main", "c0ffee").unwrap();
        cache.write_ref("refs/pr/1", "c0ffee").unwrap();
        fs::rename(&before, &after).unwrap();

        let snapshot = super::super::find(&after, "openai/gpt-oss-20b").unwrap();
        for name in ["config.json", "original/deep/x.json"] {
            assert_eq!(fs::read_to_string(snapshot.join(name)).unwrap(), "{}");
        }
    }

    #[test]
    fn a_blob_has_one_lock() {
        let cache = tempfile::tempdir().unwrap();
        let repository = repository(cache.path());
        let lock = repository.try_lock("ab").unwrap();
        assert!(lock.is_some());
        assert!(repository.try_lock("ab").unwrap().is_none());
        assert!(repository.try_lock("cd").unwrap().is_some(), "another blob");
        drop(lock);
        assert!(repository.try_lock("ab").unwrap().is_some());
    }

    #[test]
    fn no_folder_lies_outside_the_cache() {
        let cache = Path::new("/cache");
        for id in ["../x", "a/..", "/etc/passwd", "a"] {
            assert!(Repository::new(cache, id).is_none(), "{id}");
        }
    }
}
