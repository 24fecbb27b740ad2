//! A cache to pull into, the hubs to pull from, and what must be true afterwards.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::fake_hub::{COMMIT, FakeHub, Repository, Request, SHARD, checksum, respond};

pub(crate) use crate::output::{assert_success, stderr, stdout};

pub(crate) const ID: &str = "openai/gpt-oss-20b";

/// What the engine reads of the model that the fake hubs have.
pub(crate) const NEEDED: [&str; 5] = [
    "config.json",
    "generation_config.json",
    SHARD,
    "model-00001-of-00001.safetensors",
    "model.safetensors.index.json",
];

/// A home for the cache.
pub(crate) struct Home(pub(crate) TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.0.path().join("hub/models--openai--gpt-oss-20b")
    }

    pub(crate) fn blob(&self, checksum: &str) -> PathBuf {
        self.repository().join("blobs").join(checksum)
    }

    pub(crate) fn partial(&self, checksum: &str) -> PathBuf {
        self.blob(&format!("{checksum}.incomplete"))
    }

    pub(crate) fn snapshot(&self) -> PathBuf {
        self.repository().join("snapshots").join(COMMIT)
    }

    /// Writes what an earlier run may have left.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// `freeway` with this cache and quick retries.
    pub(crate) fn freeway(&self, endpoint: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freeway"));
        for name in [
            "HF_TOKEN",
            "HF_TOKEN_PATH",
            "HF_HUB_CACHE",
            "HF_HUB_OFFLINE",
            "FREEWAY_MODEL",
            "ALL_PROXY",
            "all_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
        ] {
            command.env_remove(name);
        }
        command
            .args(args)
            .env("HF_HOME", self.0.path())
            .env("HF_ENDPOINT", endpoint)
            .env("FREEWAY_PULL_RETRIES", "3")
            .env("FREEWAY_PULL_BACKOFF_MS", "1")
            .env("FREEWAY_PULL_STALL_MS", "20000")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn pull_from(&self, endpoint: &str) -> Output {
        self.freeway(endpoint, &["pull", ID]).output().unwrap()
    }

    pub(crate) fn pull(&self, hub: &FakeHub) -> Output {
        self.pull_from(&hub.url())
    }

    /// A pull from a hub that is about to keep the client waiting.
    pub(crate) fn pull_impatiently(&self, hub: &FakeHub) -> Output {
        self.freeway(&hub.url(), &["pull", ID])
            .env("FREEWAY_PULL_STALL_MS", "200")
            .env("FREEWAY_PULL_RETRIES", "1")
            .output()
            .unwrap()
    }

    /// Asserts that exactly the needed files are there, byte for byte, and nothing is left over.
    #[track_caller]
    pub(crate) fn assert_complete(&self, repository: &Repository) {
        assert_eq!(names_in(&self.snapshot()), NEEDED);
        for name in NEEDED {
            let bytes = fs::read(self.snapshot().join(name)).unwrap();
            assert!(
                bytes == repository.file(name),
                "{name} is not the file of the hub"
            );
        }
        let mut blobs: Vec<_> = NEEDED
            .iter()
            .map(|name| checksum(name, repository.file(name)))
            .collect();
        blobs.sort();
        assert_eq!(names_in(&self.repository().join("blobs")), blobs);
        let main = fs::read_to_string(self.repository().join("refs/main")).unwrap();
        assert_eq!(main, COMMIT);
        assert_eq!(names_in(&self.repository().join("refs")), ["main"]);
    }
}

pub(crate) fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Asserts that the last line on standard error has these words.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    crate::output::assert_fails(output, code, words);
    let text = stderr(output);
    let error = text.lines().last().unwrap_or_default();
    assert!(error.starts_with("error: "), "{text}");
    for word in words {
        assert!(error.contains(word), "{word:?} is missing in: {error}");
    }
}

/// A hub that behaves, but for what `behaviour` takes upon itself.
pub(crate) fn hub_but(
    repository: &Repository,
    behaviour: impl Fn(&Request, &mut TcpStream) -> Option<io::Result<()>> + Send + Sync + 'static,
) -> FakeHub {
    let repository = repository.clone();
    FakeHub::start(move |request, stream| {
        behaviour(request, stream).unwrap_or_else(|| repository.serve(request, stream))
    })
}

/// A hub that answers every request for the first shard in this way.
pub(crate) fn hub_with_shard(
    repository: &Repository,
    behaviour: impl Fn(&Request, &mut TcpStream, &[u8]) -> io::Result<()> + Send + Sync + 'static,
) -> FakeHub {
    let bytes = repository.file(SHARD).to_vec();
    hub_but(repository, move |request, stream| {
        request
            .is_for(SHARD)
            .then(|| behaviour(request, stream, &bytes))
    })
}

/// A hub whose list of files is this.
pub(crate) fn hub_listing(listing: Value) -> FakeHub {
    FakeHub::start(move |_, stream| respond(stream, 200, &[], listing.to_string().as_bytes()))
}

pub(crate) fn damaged(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}
