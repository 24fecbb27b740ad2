//! The files of a model, as the hub lists them. Nothing in the list is believed before it is
//! checked: names become paths, checksums become file names, sizes become promises of disk space.

use std::collections::HashSet;

use serde::Deserialize;

use super::checksum::Checksum;

/// Longest list that is read, in bytes. That of gpt-oss-20b has about 30 kB.
pub(super) const MAX_LISTING_BYTES: usize = 8 << 20;

/// Most files of a model.
const MAX_FILES: usize = 10_000;

/// Largest file that is believed: 16 TB.
const MAX_FILE_BYTES: u64 = 16_000_000_000_000;

/// Longest name of a file, in bytes.
const MAX_NAME_BYTES: usize = 500;

/// Files that are needed beside the weights.
const SMALL_FILES: [&str; 4] = [
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "tokenizer.json",
];

/// The files of a model at one commit.
#[derive(Debug)]
pub(crate) struct Listing {
    /// 40 hexadecimal digits.
    pub(crate) commit: String,
    pub(crate) files: Vec<RemoteFile>,
}

/// A file on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteFile {
    /// A relative path without `.` and `..`, its parts separated by `/`.
    pub(crate) name: String,
    pub(crate) num_bytes: u64,
    pub(crate) checksum: Checksum,
}

#[derive(Deserialize)]
struct ModelJson {
    sha: String,
    siblings: Vec<FileJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileJson {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<LfsJson>,
}

#[derive(Deserialize)]
struct LfsJson {
    sha256: String,
    size: u64,
}

impl Listing {
    /// Reads the answer to `/api/models/ID/revision/R?blobs=true`; the error says what is wrong.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, String> {
        let model: ModelJson =
            serde_json::from_slice(json).map_err(|error| format!("no list of files: {error}"))?;
        if !is_commit(&model.sha) {
            return Err(format!("{:?} is no commit", shorten(&model.sha)));
        }
        if model.siblings.len() > MAX_FILES {
            return Err(format!(
                "the model has {} files, more than {MAX_FILES}",
                model.siblings.len()
            ));
        }
        let mut names = HashSet::new();
        let mut files = Vec::with_capacity(model.siblings.len());
        for file in model.siblings {
            let file = RemoteFile::new(file)?;
            // Compared as a file system that ignores case would.
            if !names.insert(file.name.to_lowercase()) {
                return Err(format!("the file {:?} is listed twice", file.name));
            }
            files.push(file);
        }
        // Smallest first of what matters: a wrong model is noticed before its weights are there.
        files.sort_by_key(|file| (file.is_weights(), file.name.clone()));
        Ok(Self {
            commit: model.sha,
            files,
        })
    }

    /// Leaves only what this engine reads, and says so if that is nothing.
    pub(super) fn retain_needed(&mut self) -> Result<(), String> {
        let lists_gguf = self.files.iter().any(|file| file.name.ends_with(".gguf"));
        self.files.retain(RemoteFile::is_needed);
        let has = |name: &str| self.files.iter().any(|file| file.name == name);
        if !has("config.json") || !self.files.iter().any(RemoteFile::is_weights) {
            return Err(if lists_gguf {
                "it has GGUF files; the engine reads config.json with *.safetensors".to_owned()
            } else {
                "it lacks config.json or *.safetensors files beside it".to_owned()
            });
        }
        Ok(())
    }
}

impl RemoteFile {
    fn new(file: FileJson) -> Result<Self, String> {
        let name = file.rfilename;
        if !is_safe_name(&name) {
            return Err(format!(
                "{:?} is no name of a file inside a directory",
                shorten(&name)
            ));
        }
        let (num_bytes, checksum) = match file.lfs {
            Some(lfs) => (Some(lfs.size), Checksum::sha256(&lfs.sha256)),
            None => (
                file.size,
                file.blob_id.as_deref().and_then(Checksum::git_blob),
            ),
        };
        match (num_bytes, checksum) {
            (Some(num_bytes), Some(checksum)) if num_bytes <= MAX_FILE_BYTES => Ok(Self {
                name,
                num_bytes,
                checksum,
            }),
            (Some(num_bytes), Some(_)) => Err(format!("{name} is said to have {num_bytes} bytes")),
            _ => Err(format!("the size or the checksum of {name} is missing")),
        }
    }

    /// Whether the engine reads it: in the model's own directory, not in `original/` or `metal/`.
    fn is_needed(&self) -> bool {
        SMALL_FILES.contains(&self.name.as_str()) || self.is_weights()
    }

    fn is_weights(&self) -> bool {
        !self.name.contains('/') && self.name.ends_with(".safetensors")
    }
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the name, appended to a directory, stays inside it on every system.
fn is_safe_name(name: &str) -> bool {
    let is_safe_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.ends_with(['.', ' '])
            && !part.contains(|c: char| c.is_control() || matches!(c, '\\' | ':'))
    };
    name.len() <= MAX_NAME_BYTES && name.split('/').all(is_safe_part)
}

/// The beginning of a text that may be megabytes.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const COMMIT: &str = "6cee5e81ee83917806bbde320786a8fb61efebee";

    fn small(name: &str) -> Value {
        json!({"rfilename": name, "size": 2, "blobId": "ab".repeat(20)})
    }

    fn large(name: &str) -> Value {
        let lfs = json!({"sha256": "cd".repeat(32), "size": 5_000_000_000_u64, "pointerSize": 135});
        json!({"rfilename": name, "size": 5_000_000_000_u64, "blobId": "ab".repeat(20), "lfs": lfs})
    }

    fn listing(files: &[Value]) -> Result<Listing, String> {
        let json = json!({"sha": COMMIT, "id": "a/b", "siblings": files});
        Listing::from_json(json.to_string().as_bytes())
    }

    #[test]
    fn of_the_official_repository_only_what_the_engine_reads_is_left() {
        let mut listing = listing(&[
            small(".gitattributes"),
            small("LICENSE"),
            small("chat_template.jinja"),
            small("config.json"),
            small("generation_config.json"),
            large("metal/model.bin"),
            large("model-00000-of-00002.safetensors"),
            large("model-00002-of-00002.safetensors"),
            small("model.safetensors.index.json"),
            large("original/model.safetensors"),
            small("original/config.json"),
            large("tokenizer.json"),
        ])
        .unwrap();
        listing.retain_needed().unwrap();
        let names: Vec<_> = listing.files.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "config.json",
                "generation_config.json",
                "model.safetensors.index.json",
                "tokenizer.json",
                "model-00000-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
            ]
        );
        assert_eq!(listing.commit, COMMIT);
        assert_eq!(listing.files[0].num_bytes, 2);
        assert_eq!(listing.files[4].num_bytes, 5_000_000_000);
        assert_eq!(listing.files[4].checksum.to_string(), "cd".repeat(32));
    }

    #[test]
    fn a_repository_without_a_checkpoint_says_what_is_missing() {
        let mut gguf = listing(&[small("config.json"), large("model-Q8_0.gguf")]).unwrap();
        assert!(gguf.retain_needed().unwrap_err().contains("GGUF"));
        let mut original = listing(&[large("original/model.safetensors")]).unwrap();
        assert!(
            original
                .retain_needed()
                .unwrap_err()
                .contains("config.json")
        );
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        let long = "x".repeat(501);
        for name in [
            "../config.json",
            "/etc/passwd",
            "a/../../b",
            "a//b",
            "",
            ".",
            "a/.",
            "a\\b",
            "c:evil",
            "a\0b",
            "a\nb",
            "dir/",
            "trailing.",
            &long,
        ] {
            let error = listing(&[small(name)]).unwrap_err();
            assert!(error.contains("no name"), "{name:?}: {error}");
            assert!(error.len() < 200, "{error}");
        }
        for name in [
            "a.json",
            "a/b/c.bin",
            ".gitattributes",
            "with space",
            "ünïcode",
        ] {
            assert!(listing(&[small(name)]).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn sizes_checksums_and_commits_are_checked() {
        let no_size = json!({"rfilename": "a", "blobId": "ab".repeat(20)});
        let no_checksum = json!({"rfilename": "a", "size": 1});
        let path = json!({"rfilename": "a", "size": 1, "blobId": "../../../../../../etc/passwd"});
        let mut huge = large("a");
        huge["lfs"]["size"] = json!(u64::MAX);
        let mut short = large("a");
        short["lfs"]["sha256"] = json!("cd");
        for (file, word) in [
            (no_size, "missing"),
            (no_checksum, "missing"),
            (path, "missing"),
            (huge, "18446744073709551615"),
            (short, "missing"),
        ] {
            let error = listing(&[file]).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        let twice = listing(&[small("A"), small("a")]).unwrap_err();
        assert!(twice.contains("twice"), "{twice}");
        let commit = json!({"sha": "../../x", "siblings": []}).to_string();
        assert!(
            Listing::from_json(commit.as_bytes())
                .unwrap_err()
                .contains("commit")
        );
        let negative = json!({"rfilename": "a", "size": -1, "blobId": "ab".repeat(20)});
        assert!(listing(&[negative]).is_err());
    }

    #[test]
    fn a_million_files_are_too_many() {
        let files: Vec<_> = (0..=MAX_FILES).map(|i| small(&i.to_string())).collect();
        assert!(listing(&files).unwrap_err().contains("10001 files"));
    }
}
