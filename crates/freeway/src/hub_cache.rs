//! Finds checkpoints in the local Hugging Face cache.
//!
//! The cache holds `models--ORG--NAME/refs/main`, a file with a revision, beside
//! `models--ORG--NAME/snapshots/REVISION/`, the files of that revision: links into
//! `models--ORG--NAME/blobs/`, where each file lies under its checksum. It is shared with every
//! other program that uses the hub, so whatever they fetched is found here. Nothing in this file
//! writes; [`repository`] does.

pub(crate) mod repository;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

use crate::input::read_if_present;

/// The model that is used when none is named and it is present.
pub(crate) const PREFERRED_MODEL: &str = "openai/gpt-oss-20b";

/// The directory of the cache: `HF_HUB_CACHE`, else `hub` in [`home`].
pub(crate) fn directory() -> Option<PathBuf> {
    path_variable("HF_HUB_CACHE").or_else(|| home().map(|home| home.join("hub")))
}

/// Where programs that use the hub keep their files: `HF_HOME`, else the hub's default place.
pub(crate) fn home() -> Option<PathBuf> {
    path_variable("HF_HOME")
        .or_else(|| path_variable("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
        .or_else(|| env::home_dir().map(|home| home.join(".cache/huggingface")))
}

/// A path from the environment. An empty variable is one that is not set.
pub(crate) fn path_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Whether `name` has the form of a hub id, `organisation/name`.
pub(crate) fn is_hub_id(name: &str) -> bool {
    let part = |s: &str| {
        !s.is_empty()
            && !s.starts_with('.')
            && s.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.split_once('/')
        .is_some_and(|(org, model)| part(org) && part(model))
}

/// The snapshot of `id` in `cache`, if there is one.
pub(crate) fn find(cache: &Path, id: &str) -> Option<PathBuf> {
    let repository = repository_directory(cache, id)?;
    let revision = fs::read_to_string(repository.join("refs/main")).ok()?;
    let revision = revision.trim();
    if revision.is_empty() || !revision.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let snapshot = repository.join("snapshots").join(revision);
    snapshot.is_dir().then_some(snapshot)
}

/// Where the files of `id` are in `cache`, or would be; `None` if `id` is no hub id.
pub(crate) fn repository_directory(cache: &Path, id: &str) -> Option<PathBuf> {
    is_hub_id(id).then(|| cache.join(format!("models--{}", id.replace('/', "--"))))
}

/// Whether all weights of a snapshot are there. A download that was cut off, or a program that only
/// wanted the tokenizer, leaves a snapshot without them.
pub(crate) fn is_complete(snapshot: &Path) -> bool {
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let is_there = |name: &str| snapshot.join(name).is_file();
    let shards_are_there = || {
        let json = read_if_present(&snapshot.join("model.safetensors.index.json")).ok()??;
        let index: Index = serde_json::from_slice(&json).ok()?;
        let mut shards = index.weight_map.values();
        (shards.len() > 0 && shards.all(|shard| is_there(shard))).then_some(())
    };
    is_there("config.json") && (is_there("model.safetensors") || shards_are_there().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_snapshot_that_main_points_to() {
        let cache = tempfile::tempdir().unwrap();
        let repository = cache.path().join("models--openai--gpt-oss-20b");
        let snapshot = repository.join("snapshots/6cee5e81");
        fs::create_dir_all(&snapshot).unwrap();
        fs::create_dir_all(repository.join("refs")).unwrap();
        assert_eq!(find(cache.path(), PREFERRED_MODEL), None, "no ref yet");
        fs::write(repository.join("refs/main"), "6cee5e81\n").unwrap();
        assert_eq!(find(cache.path(), PREFERRED_MODEL), Some(snapshot));
    }

    #[test]
    fn a_snapshot_is_complete_when_every_file_of_the_index_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let snapshot = directory.path();
        let put = |name: &str, text: &str| fs::write(snapshot.join(name), text).unwrap();
        assert!(!is_complete(snapshot), "empty");
        put("config.json", "{}");
        put("tokenizer.json", "{}");
        assert!(!is_complete(snapshot), "no weights");
        put(
            "model.safetensors.index.json",
            r#"{"weight_map": {"a": "1.st", "b": "2.st"}}"#,
        );
        put("1.st", "");
        assert!(!is_complete(snapshot), "half the weights");
        put("2.st", "");
        assert!(is_complete(snapshot));
    }

    #[test]
    fn an_id_or_a_ref_cannot_leave_the_cache() {
        for id in ["../x", "a/..", "a/b/c", "/etc", "a//b", "openai", ""] {
            assert!(!is_hub_id(id), "{id:?}");
        }
        let cache = tempfile::tempdir().unwrap();
        let repository = cache.path().join("models--a--b");
        fs::create_dir_all(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), "../../..").unwrap();
        fs::write(cache.path().join("config.json"), "{}").unwrap();
        assert_eq!(find(cache.path(), "a/b"), None);
    }
}
