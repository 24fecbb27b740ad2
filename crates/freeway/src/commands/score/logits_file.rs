//! Writes logits row by row as a safetensors file, whose size is known before the first row.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::json;

/// A file that is being written. Dropped before [`LogitsFile::finish`], it is removed.
pub(crate) struct LogitsFile {
    path: PathBuf,
    writer: BufWriter<File>,
    rows_left: usize,
    vocab_size: usize,
    is_complete: bool,
}

impl LogitsFile {
    /// Creates `path` for one tensor `logits`, f32, `[num_tokens, vocab_size]`.
    pub(crate) fn create(
        path: &Path,
        num_tokens: usize,
        vocab_size: usize,
    ) -> anyhow::Result<Self> {
        let num_bytes = num_tokens * vocab_size * size_of::<f32>();
        let mut header = json!({"logits": {
            "dtype": "F32", "shape": [num_tokens, vocab_size], "data_offsets": [0, num_bytes],
        }})
        .to_string();
        // The format wants the data to begin at a multiple of eight bytes.
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut this = Self {
            path: path.to_owned(),
            writer: BufWriter::with_capacity(1 << 20, file),
            rows_left: num_tokens,
            vocab_size,
            is_complete: false,
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

    /// Ends the file.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        ensure!(
            self.rows_left == 0,
            "{} rows of logits are missing",
            self.rows_left
        );
        self.writer
            .flush()
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        self.is_complete = true;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.writer
            .write_all(bytes)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Drop for LogitsFile {
    fn drop(&mut self) {
        if !self.is_complete {
            // Half a file would be taken for a whole one. If it cannot be removed, the error that
            // led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn an_unfinished_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("l.safetensors");
        drop(LogitsFile::create(&path, 2, 3).unwrap());
        assert!(!path.exists());
        let file = LogitsFile::create(&path, 2, 3).unwrap();
        assert!(file.finish().is_err() && !path.exists());
    }
}
