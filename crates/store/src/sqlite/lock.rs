//! Locks by name. Of a file: a lock that the operating system keeps on an empty file beside it, and
//! takes away when the process that holds it ends, however it ends. The empty file stays. In memory
//! nobody else is there: a list of names.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::BoxError;
use crate::{StoreError, StoreLock};

/// Where the locks of a store are.
#[derive(Clone)]
pub(super) enum Locks {
    Memory(Arc<Mutex<HashSet<String>>>),
    BesideFile(PathBuf),
}

impl Locks {
    pub(super) fn of_memory() -> Self {
        Self::Memory(Arc::default())
    }

    pub(super) fn try_take(&self, name: &str) -> Result<Option<StoreLock>, StoreError> {
        match self {
            Self::Memory(names) => {
                let is_free = locked(names).insert(name.to_owned());
                Ok(is_free.then(|| {
                    StoreLock::new(MemoryLock {
                        names: Arc::clone(names),
                        name: name.to_owned(),
                    })
                }))
            }
            Self::BesideFile(database) => try_take_file(&lock_path(database, name)),
        }
    }
}

fn try_take_file(path: &Path) -> Result<Option<StoreLock>, StoreError> {
    let cannot_open = |source: BoxError| StoreError::CannotOpen {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file: File = options
        .open(path)
        .map_err(|error| cannot_open(error.into()))?;
    match file.try_lock() {
        // Closing the file gives the lock back.
        Ok(()) => Ok(Some(StoreLock::new(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(cannot_open(error.into())),
    }
}

/// The name of the database, the name of the lock, `.lock`. What might not do in a file's name is
/// written as its bytes.
fn lock_path(database: &Path, name: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".");
    for byte in name.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' {
            path.push(char::from(byte).to_string());
        } else {
            path.push(format!("_{byte:02x}"));
        }
    }
    path.push(".lock");
    path.into()
}

struct MemoryLock {
    names: Arc<Mutex<HashSet<String>>>,
    name: String,
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        locked(&self.names).remove(&self.name);
    }
}

/// A set of names is whole whatever happened to those who held it.
fn locked(names: &Mutex<HashSet<String>>) -> MutexGuard<'_, HashSet<String>> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}
