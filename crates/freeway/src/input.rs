//! Reads files and standard input, never more than a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, bail};

/// Bytes that a text, a conversation or a tokenizer may have: more than any context holds, and
/// several times the largest published tokenizer.
pub(crate) const MAX_BYTES: u64 = 256 << 20;

/// The bytes of a file, or of standard input where `path` is `-`.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        return read_stdin();
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    read_limited(file, &path.display().to_string(), MAX_BYTES)
}

/// The bytes of standard input.
pub(crate) fn read_stdin() -> anyhow::Result<Vec<u8>> {
    read_limited(io::stdin(), "standard input", MAX_BYTES)
}

/// The text of a file, or of standard input where `path` is `-`.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = read(path)?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", path.display()))
}

/// The bytes of a file of a checkpoint; `None` if there is none.
pub(crate) fn read_if_present(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match path.metadata() {
        // A pipe or a device would be waited for, or never end.
        Ok(metadata) if !metadata.is_file() => bail!("{} is not a file", path.display()),
        Ok(_) => read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn read_limited(source: impl Read, name: &str, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    if bytes.len() as u64 > max_bytes {
        bail!("{name} is larger than {} MiB", max_bytes >> 20);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_refused_at_the_limit() {
        let error = read_limited(io::repeat(b'x'), "endless", 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "endless is larger than 1 MiB");
    }

    #[test]
    fn a_missing_file_is_none_and_a_directory_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(
            read_if_present(&directory.path().join("none"))
                .unwrap()
                .is_none()
        );
        assert!(read_if_present(directory.path()).is_err());
    }
}
