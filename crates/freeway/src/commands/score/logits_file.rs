//! Writes logits row by row as a safetensors file, whose size is known before the first row.

use std::io::{BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde_json::json;
use tempfile::NamedTempFile;

/// A file that is being written, under another name until it is complete. Dropped before
/// [`LogitsFile::finish`], it leaves nothing behind and what was at `path` as it was.
pub(crate) struct LogitsFile {
    path: PathBuf,
    writer: BufWriter<NamedTempFile>,
    rows_left: usize,
    vocab_size: usize,
}

impl LogitsFile {
    /// A file for one tensor `logits`, f32, `[num_tokens, vocab_size]`.
    pub(crate) fn create(
        path: &Path,
        num_tokens: usize,
        vocab_size: usize,
    ) -> anyhow::Result<Self> {
        // A device or a pipe could not be renamed over; a directory has no place for the rows.
        if path.exists() && !path.is_file() {
            bail!("{} is there and is not a file", path.display());
        }
        let num_bytes = num_tokens * vocab_size * size_of::<f32>();
        let mut header = json!({"logits": {
            "dtype": "F32", "shape": [num_tokens, vocab_size], "data_offsets": [0, num_bytes],
        }})
        .to_string();
        // The format wants the data to begin at a multiple of eight bytes.
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file = NamedTempFile::new_in(folder)
            .with_context(|| format!("cannot create a file in {}", folder.display()))?;
        let mut this = Self {
            path: path.to_owned(),
            writer: BufWriter::with_capacity(1 << 20, file),
            rows_left: num_tokens,
            vocab_size,
        };
        this.write(&(header.len() as u64).to_le_bytes())?;
        this.write(header.as_bytes())?;
        Ok(this)
    }

    /// Appends the logits of the next token, `[vocab_size]`.
    pub(crate) fn push(&mut self, logits: &[f32]) -> anyhow::Result<()> {
        ensure!(
            self.rows_left > 0 && logits.len() == self.vocab_size,
            "a row too many, or too long"
        );
        self.rows_left -= 1;
        let bytes: Vec<u8> = logits
            .iter()
            .flat_map(|logit| logit.to_le_bytes())
            .collect();
        self.write(&bytes)
    }

    /// Ends the file and gives it its name.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        ensure!(
            self.rows_left == 0,
            "{} rows of logits are missing",
            self.rows_left
        );
        let cannot_write = || format!("cannot write {}", self.path.display());
        let file = self
            .writer
            .into_inner()
            .map_err(IntoInnerError::into_error)
            .with_context(cannot_write)?;
        file.persist(&self.path)
            .map_err(|error| error.error)
            .with_context(cannot_write)?;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.writer
            .write_all(bytes)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_library_reads_back_what_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("l.safetensors");
        let mut file = LogitsFile::create(&path, 2, 3).unwrap();
        file.push(&[1.0, 2.0, 3.0]).unwrap();
        file.push(&[4.0, f32::NEG_INFINITY, -0.0]).unwrap();
        file.finish().unwrap();
        let bytes = fs::read(&path).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensor = tensors.tensor("logits").unwrap();
        assert_eq!(tensor.shape(), [2, 3]);
        let expected: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0, f32::NEG_INFINITY, -0.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert_eq!(tensor.data(), expected);
    }

    #[test]
    fn an_unfinished_file_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("l.safetensors");
        fs::write(&path, "before").unwrap();
        drop(LogitsFile::create(&path, 2, 3).unwrap());
        assert!(LogitsFile::create(&path, 2, 3).unwrap().finish().is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_a_file_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        assert!(LogitsFile::create(directory.path(), 2, 3).is_err());
        #[cfg(unix)]
        assert!(LogitsFile::create(Path::new("/dev/null"), 2, 3).is_err());
    }
}
