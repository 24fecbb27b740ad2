//! One file: from the hub into its blob, whatever happens on the way.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::Uri;

use super::checksum::{Checksum, Hasher};
use super::error::Remedy;
use super::request::{Head, Response, pause};
use super::{Attempts, Hub, HubError, Progress, RemoteFile, Watch};
use crate::hub_cache::repository::{BlobLock, Repository};
use crate::interrupt;

/// Bytes beyond what was ever here that make up for all failures so far. A server that drops each
/// connection is put up with as long as it brings the file forward at this rate.
const PROGRESS_BYTES: u64 = 8 << 20;

/// How often a lock that another program holds is tried.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// Bytes that are read at once for a checksum.
const BUFFER_BYTES: usize = 1 << 20;

pub(super) struct Download<'a> {
    pub(super) hub: &'a Hub,
    pub(super) repository: &'a Repository,
    pub(super) id: &'a str,
    pub(super) commit: &'a str,
    pub(super) file: &'a RemoteFile,
    pub(super) url: Uri,
}

impl Download<'_> {
    /// Gets the file under its name in the snapshot.
    pub(super) fn run(&self, verify: bool, watch: Watch<'_>) -> Result<(), HubError> {
        let name = self.file.checksum.to_string();
        let _lock = self.lock(&name, watch)?;
        let blob = self.repository.blob(&name);
        let link = self.repository.snapshot(self.commit).join(&self.file.name);
        if self.is_present(&link, verify, watch)? {
            watch(Progress::Finished);
            return Ok(());
        }
        if !self.is_present(&blob, verify, watch)? {
            self.fetch(&name, &blob, watch)?;
        }
        self.repository
            .link(self.commit, &self.file.name, &name)
            .map_err(io_error("link", &link))?;
        watch(Progress::Finished);
        Ok(())
    }

    /// The lock of the blob, as soon as no other program has it.
    fn lock(&self, name: &str, watch: Watch<'_>) -> Result<BlobLock, HubError> {
        let mut is_told = false;
        loop {
            let lock = self.repository.try_lock(name);
            match lock.map_err(io_error("lock", &self.repository.blob(name)))? {
                Some(lock) => return Ok(lock),
                None if is_told => {}
                None => {
                    watch(Progress::Waiting(self.file));
                    is_told = true;
                }
            }
            pause(LOCK_POLL)?;
        }
    }

    /// Whether the whole file is at `path`. What cannot be the file is removed.
    fn is_present(&self, path: &Path, verify: bool, watch: Watch<'_>) -> Result<bool, HubError> {
        let num_bytes = match fs::metadata(path) {
            Ok(metadata) => metadata.is_file().then_some(metadata.len()),
            Err(_) => return Ok(false),
        };
        let mut is_right = num_bytes == Some(self.file.num_bytes);
        if is_right && verify {
            watch(Progress::Checking(self.file));
            let mut file = File::open(path).map_err(io_error("read", path))?;
            let mut hasher = self.file.checksum.hasher(self.file.num_bytes);
            hash(&mut file, &mut hasher).map_err(|error| error.at(path))?;
            is_right = hasher.finish() == self.file.checksum;
        }
        if !is_right {
            fs::remove_file(path).map_err(io_error("remove the damaged", path))?;
        }
        Ok(is_right)
    }

    /// Downloads until the blob is whole and right.
    fn fetch(&self, name: &str, blob: &Path, watch: Watch<'_>) -> Result<(), HubError> {
        let mut partial = Partial::open(self.repository.partial(name), self.file, watch)?;
        let mut attempts = Attempts::new(self.hub.limits);
        let mut started_over = false;
        let mut most_bytes = partial.num_bytes;
        loop {
            watch(Progress::Present(self.file, partial.num_bytes));
            let error = match self.attempt(&mut partial, watch) {
                Ok(()) => break,
                Err(error) => error,
            };
            if partial.num_bytes >= most_bytes + PROGRESS_BYTES {
                attempts = Attempts::new(self.hub.limits);
            }
            most_bytes = most_bytes.max(partial.num_bytes);
            match error.remedy() {
                Remedy::Resume => attempts.failed(error, &self.file.name, watch)?,
                Remedy::StartOver => {
                    partial.discard()?;
                    if started_over {
                        // Nothing of it is to be trusted: the next run begins anew as well.
                        let _ = fs::remove_file(&partial.path);
                        return Err(error);
                    }
                    started_over = true;
                    attempts.failed(error, &self.file.name, watch)?;
                }
                Remedy::None => return Err(error),
            }
        }
        partial.finish(blob)
    }

    /// One request for what is missing, and a look at the whole.
    fn attempt(&self, partial: &mut Partial, watch: Watch<'_>) -> Result<(), HubError> {
        if partial.num_bytes < self.file.num_bytes {
            self.transfer(partial, watch)?;
        }
        let found = partial.checksum();
        if found == self.file.checksum {
            return Ok(());
        }
        Err(HubError::WrongBytes {
            file: self.file.name.clone(),
            found: found.to_string(),
            expected: self.file.checksum.to_string(),
        })
    }

    fn transfer(&self, partial: &mut Partial, watch: Watch<'_>) -> Result<(), HubError> {
        let Response { head, mut body } = self.hub.request(self.url.clone(), partial.num_bytes)?;
        self.check_head(&head, partial)?;
        watch(Progress::Present(self.file, partial.num_bytes));
        while let Some(piece) = body.next()? {
            if piece.len() as u64 > self.file.num_bytes - partial.num_bytes {
                return Err(HubError::TooLong {
                    host: head.host,
                    file: self.file.name.clone(),
                    expected: self.file.num_bytes,
                });
            }
            partial.push(&piece)?;
            watch(Progress::Present(self.file, partial.num_bytes));
        }
        match self.file.num_bytes - partial.num_bytes {
            0 => Ok(()),
            missing => Err(HubError::Lost {
                host: head.host,
                reason: format!("{missing} bytes are missing"),
            }),
        }
    }

    /// Whether what follows are the bytes asked for; `partial` is emptied if they are the whole file.
    fn check_head(&self, head: &Head, partial: &mut Partial) -> Result<(), HubError> {
        let (host, file) = (head.host.clone(), self.file.name.clone());
        let offset = partial.num_bytes;
        let expected = match head.status {
            200 => self.file.num_bytes,
            206 => self.file.num_bytes - offset,
            404 if head.is_asked_host => return Err(HubError::NoSuchFile { host, file }),
            416 => return Err(HubError::RangeRefused { host, file, offset }),
            _ => return Err(self.hub.refused(self.id, &self.url, head)),
        };
        if head.is_html {
            return Err(HubError::WebPage {
                host,
                expected: file,
            });
        }
        if head.status == 206 {
            let answer = head.content_range.as_deref().unwrap_or("no range");
            if parse_content_range(answer) != Some((offset, self.file.num_bytes)) {
                let answer = answer.to_owned();
                return Err(HubError::WrongRange {
                    host,
                    file,
                    offset,
                    answer,
                });
            }
        }
        if let Some(announced) = head.content_length.filter(|&length| length != expected) {
            return Err(HubError::WrongLength {
                host,
                file,
                announced,
                expected,
            });
        }
        if head.status == 200 && offset > 0 {
            // The server knows no ranges.
            partial.discard()?;
        }
        Ok(())
    }
}

/// What is here of a file that is not whole.
struct Partial {
    path: PathBuf,
    file: File,
    num_bytes: u64,
    /// Of these bytes.
    hasher: Hasher,
    wanted: Checksum,
    wanted_bytes: u64,
}

impl Partial {
    /// Opens what an earlier run left behind, or an empty file.
    fn open(path: PathBuf, file: &RemoteFile, watch: Watch<'_>) -> Result<Self, HubError> {
        let handle = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(io_error("create", &path))?;
        let mut partial = Self {
            file: handle,
            num_bytes: 0,
            hasher: file.checksum.hasher(file.num_bytes),
            wanted: file.checksum,
            wanted_bytes: file.num_bytes,
            path,
        };
        let metadata = partial.file.metadata();
        let num_bytes = metadata.map_err(io_error("read", &partial.path))?.len();
        if num_bytes > file.num_bytes {
            partial.discard()?;
        } else if num_bytes > 0 {
            watch(Progress::Checking(file));
            partial.num_bytes = hash(&mut partial.file, &mut partial.hasher)
                .map_err(|error| error.at(&partial.path))?;
        }
        Ok(partial)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file
            .write_all(bytes)
            .map_err(io_error("write", &self.path))?;
        self.hasher.update(bytes);
        self.num_bytes += bytes.len() as u64;
        Ok(())
    }

    /// The checksum of the bytes; the file is whole, or is thrown away next.
    fn checksum(&mut self) -> Checksum {
        let next = self.wanted.hasher(self.wanted_bytes);
        std::mem::replace(&mut self.hasher, next).finish()
    }

    fn discard(&mut self) -> Result<(), HubError> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(io_error("empty", &self.path))?;
        self.num_bytes = 0;
        self.hasher = self.wanted.hasher(self.wanted_bytes);
        Ok(())
    }

    /// Makes the file the blob. It is on the disk before it has the name that says it is whole.
    fn finish(self, blob: &Path) -> Result<(), HubError> {
        self.file
            .sync_data()
            .and_then(|()| fs::rename(&self.path, blob))
            .map_err(io_error("write", blob))
    }
}

/// Why a file could not be hashed.
enum HashError {
    Interrupted,
    Io(io::Error),
}

impl HashError {
    fn at(self, path: &Path) -> HubError {
        match self {
            Self::Interrupted => HubError::Interrupted,
            Self::Io(error) => io_error("read", path)(error),
        }
    }
}

/// Hashes a file to its end; returns the number of bytes.
fn hash(file: &mut File, hasher: &mut Hasher) -> Result<u64, HashError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut num_bytes = 0;
    loop {
        if interrupt::is_set() {
            return Err(HashError::Interrupted);
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(num_bytes),
            Ok(len) => {
                hasher.update(&buffer[..len]);
                num_bytes += len as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(HashError::Io(error)),
        }
    }
}

pub(super) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> HubError + use<> {
    let path = path.to_owned();
    move |source| HubError::Io {
        action,
        path,
        source,
    }
}

/// First byte and total of `bytes FIRST-LAST/TOTAL`, if the range reaches to the end.
fn parse_content_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (
        first.trim().parse().ok()?,
        last.trim().parse::<u64>().ok()?,
        total.trim().parse().ok()?,
    );
    (last.checked_add(1) == Some(total)).then_some((first, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_must_reach_to_the_end() {
        assert_eq!(parse_content_range("bytes 5-9/10"), Some((5, 10)));
        for text in [
            "bytes 5-8/10",
            "bytes 5-9/*",
            "bytes */10",
            "5-9/10",
            "bytes 5-18446744073709551615/10",
            "bytes -5-9/10",
            "",
        ] {
            assert_eq!(parse_content_range(text), None, "{text}");
        }
    }
}
