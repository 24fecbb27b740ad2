//! Which models are on this machine, and in what state.
//!
//! Other programs write to the cache too, and downloads are cut off: whatever is found there is
//! described, never trusted and never an error.

use std::fs;
use std::path::{Path, PathBuf};

use engine::checkpoint::Checkpoint;
use engine::{Config, EngineError};
use serde::Deserialize;

use crate::footprint::{ExpertForm, Footprint};
use crate::hub_cache;
use crate::input::read_if_present;
use crate::known_models;
use crate::local_model::{ModelSource, demo};

/// Most entries of a directory that are looked at.
const MAX_ENTRIES: usize = 100_000;

const INDEX: &str = "model.safetensors.index.json";

/// A model that is here, or was meant to be.
#[derive(Debug)]
pub(crate) struct InstalledModel {
    /// What `--model` takes.
    pub(crate) name: String,
    /// The directory of the checkpoint, if there is one.
    pub(crate) path: Option<PathBuf>,
    /// Bytes on the disk.
    pub(crate) disk_bytes: u64,
    pub(crate) state: State,
    /// Known as soon as `config.json` is here.
    pub(crate) footprint: Option<Footprint>,
}

/// Whether a model can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It can.
    Ready,
    /// Files are missing.
    Partial {
        /// Bytes that there are going to be, if that is known.
        total_bytes: Option<u64>,
    },
    /// Files are here that the engine cannot use.
    Damaged { reason: String },
}

impl InstalledModel {
    fn partial(name: String, path: Option<PathBuf>, total_bytes: Option<u64>) -> Self {
        Self {
            disk_bytes: path.as_deref().map_or(0, bytes_in),
            name,
            path,
            state: State::Partial { total_bytes },
            footprint: None,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// What to do about a model that is not ready.
    pub(crate) fn next_step(&self) -> Option<String> {
        let is_id = hub_cache::is_hub_id(&self.name);
        match &self.state {
            State::Ready => None,
            State::Partial { .. } if is_id => {
                Some(format!("`freeway pull {}` gets the rest", self.name))
            }
            State::Damaged { .. } if is_id => Some(format!(
                "`freeway pull {} --verify` replaces what is damaged",
                self.name
            )),
            State::Partial { .. } | State::Damaged { .. } => {
                Some("copy the missing or damaged files again".to_owned())
            }
        }
    }
}

/// The demo, the model that `source` names if it is a directory, and every gpt-oss model in `cache`.
pub(crate) fn list(cache: Option<&Path>, source: Option<&ModelSource>) -> Vec<InstalledModel> {
    let mut models = vec![demo_model()];
    models.extend(cache.map(list_cache).unwrap_or_default());
    if let Some(ModelSource::Directory { name, path }) = source
        && !models.iter().any(|model| model.name == *name)
        && let Some(model) = inspect(name, path.clone(), true)
    {
        models.push(model);
    }
    models
}

fn demo_model() -> InstalledModel {
    let disk_bytes = [demo::CONFIG, demo::TOKENIZER, demo::WEIGHTS]
        .iter()
        .map(|file| file.len() as u64)
        .sum();
    let checkpoint = Checkpoint::from_bytes(demo::WEIGHTS.into(), "demo");
    let footprint = checkpoint.and_then(|checkpoint| {
        let config = Config::from_json(demo::CONFIG, Path::new("demo"))?;
        Ok(Footprint::new(config, expert_form(&checkpoint)))
    });
    let (state, footprint) = match footprint {
        Ok(footprint) => (State::Ready, Some(footprint)),
        Err(error) => (damaged(&error), None),
    };
    InstalledModel {
        name: "demo".to_owned(),
        path: None,
        disk_bytes,
        state,
        footprint,
    }
}

fn list_cache(cache: &Path) -> Vec<InstalledModel> {
    let mut ids: Vec<String> = entries(cache)
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_prefix("models--")?;
            let id = name.replacen("--", "/", 1);
            hub_cache::is_hub_id(&id).then_some(id)
        })
        .collect();
    ids.sort();
    ids.iter()
        .filter_map(|id| inspect_cached(cache, id))
        .collect()
}

/// A model of the cache; `None` if it is none of ours.
fn inspect_cached(cache: &Path, id: &str) -> Option<InstalledModel> {
    let repository = hub_cache::repository_directory(cache, id)?;
    let disk_bytes = bytes_in(&repository.join("blobs")) + bytes_of_copies(&repository);
    let (name, path) = match hub_cache::find(cache, id) {
        Some(path) => (id.to_owned(), Some(path)),
        None => match newest_snapshot(&repository) {
            // No branch leads there: a whole one runs, but by its path alone.
            Some(path) if hub_cache::is_complete(&path) => (path.display().to_string(), Some(path)),
            path => (id.to_owned(), path),
        },
    };
    let is_ours = id.contains("gpt-oss");
    let mut model = match path {
        Some(path) => inspect(&name, path, is_ours)?,
        // Not a file has its name yet: only the id tells what it is going to be.
        None if is_ours => InstalledModel::partial(name, None, None),
        None => return None,
    };
    // What is still arriving has no name in the snapshot.
    model.disk_bytes = disk_bytes;
    if let State::Partial { total_bytes } = &mut model.state
        && total_bytes.is_none()
        && let Some(known) = known_models::find(id)
    {
        *total_bytes = Some(known.download_bytes());
    }
    Some(model)
}

/// The checkpoint in a directory; `None` if it is none of gpt-oss, unless it `is_ours` anyway.
fn inspect(name: &str, path: PathBuf, is_ours: bool) -> Option<InstalledModel> {
    #[derive(Deserialize)]
    struct Architecture {
        model_type: Option<String>,
    }
    let config_path = path.join("config.json");
    let json = read_if_present(&config_path);
    let architecture = match &json {
        Ok(Some(json)) => serde_json::from_slice::<Architecture>(json).ok(),
        Ok(None) | Err(_) => None,
    };
    let model_type = architecture.and_then(|architecture| architecture.model_type);
    if !is_ours && model_type.as_deref() != Some("gpt_oss") {
        return None;
    }
    let total_bytes = total_bytes_of_index(&path);
    let mut model = InstalledModel::partial(name.to_owned(), Some(path.clone()), total_bytes);
    let config = match json {
        Ok(Some(json)) => Config::from_json(&json, &config_path),
        Ok(None) => return Some(model),
        Err(error) => {
            let reason = format!("{error:#}");
            model.state = State::Damaged { reason };
            return Some(model);
        }
    };
    let checkpoint = match config {
        Ok(config) if hub_cache::is_complete(&path) => {
            Checkpoint::open(&path).map(|checkpoint| (config, expert_form(&checkpoint)))
        }
        Ok(config) => {
            model.footprint = Some(Footprint::new(config, ExpertForm::Mxfp4));
            return Some(model);
        }
        Err(error) => Err(error),
    };
    match checkpoint {
        Ok((config, form)) => {
            model.state = State::Ready;
            model.footprint = Some(Footprint::new(config, form));
        }
        Err(error) => model.state = damaged(&error),
    }
    Some(model)
}

fn damaged(error: &EngineError) -> State {
    State::Damaged {
        reason: error.to_string(),
    }
}

fn expert_form(checkpoint: &Checkpoint) -> ExpertForm {
    match checkpoint.names().any(|name| name.ends_with("_blocks")) {
        true => ExpertForm::Mxfp4,
        false => ExpertForm::Bf16,
    }
}

/// Bytes of all weights, as the index of a checkpoint says.
fn total_bytes_of_index(path: &Path) -> Option<u64> {
    #[derive(Deserialize)]
    struct Index {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        total_size: u64,
    }
    let json = read_if_present(&path.join(INDEX)).ok()??;
    let index: Index = serde_json::from_slice(&json).ok()?;
    Some(index.metadata.total_size)
}

/// The snapshot that was written to last.
fn newest_snapshot(repository: &Path) -> Option<PathBuf> {
    entries(&repository.join("snapshots"))
        .filter(|path| path.is_dir())
        .max_by_key(|path| {
            fs::metadata(path)
                .and_then(|metadata| metadata.modified())
                .ok()
        })
}

/// Entries of a directory, none if it cannot be read.
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .take(MAX_ENTRIES)
}

/// Bytes of a file, through links; 0 if there is none.
fn file_bytes(path: &Path) -> u64 {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    }
}

/// Bytes of the files in a directory.
fn bytes_in(directory: &Path) -> u64 {
    entries(directory).map(|path| file_bytes(&path)).sum()
}

/// Bytes of the files that lie in snapshots themselves, as where links are not allowed.
fn bytes_of_copies(repository: &Path) -> u64 {
    entries(&repository.join("snapshots"))
        .flat_map(|snapshot| entries(&snapshot).collect::<Vec<_>>())
        .filter(|path| !path.is_symlink())
        .map(|path| file_bytes(&path))
        .sum()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use engine::synth::{self, SynthSpec};

    use super::*;

    /// A cache with a whole checkpoint of this id.
    fn cache_with(id: &str) -> (tempfile::TempDir, PathBuf) {
        let cache = tempfile::tempdir().unwrap();
        let repository = hub_cache::repository_directory(cache.path(), id).unwrap();
        let snapshot = repository.join("snapshots/abc");
        let go_on = &mut |_| ControlFlow::Continue(());
        synth::write(&SynthSpec::tiny(), 1, &snapshot, 1, go_on).unwrap();
        fs::create_dir_all(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), "abc").unwrap();
        (cache, snapshot)
    }

    fn only(cache: &Path) -> InstalledModel {
        let mut models = list(Some(cache), None);
        assert_eq!(models.len(), 2, "{models:?}");
        assert_eq!(models[0].name, "demo");
        models.remove(1)
    }

    #[test]
    fn the_demo_is_always_here() {
        let models = list(None, None);
        assert_eq!(models.len(), 1);
        assert!(models[0].state == State::Ready && models[0].footprint.is_some());
    }

    #[test]
    fn a_whole_checkpoint_is_ready_and_measured() {
        let (cache, snapshot) = cache_with("a/b");
        let model = only(cache.path());
        assert_eq!(
            (model.name.as_str(), model.path.as_ref()),
            ("a/b", Some(&snapshot))
        );
        assert_eq!(model.state, State::Ready);
        let footprint = model.footprint.unwrap();
        assert_eq!(footprint.weight_bytes, SynthSpec::tiny().num_tensor_bytes());
        assert!(
            model.disk_bytes > footprint.weight_bytes,
            "headers and JSON"
        );
    }

    #[test]
    fn without_a_branch_it_goes_by_its_path() {
        let (cache, snapshot) = cache_with("a/b");
        fs::remove_file(snapshot.join("../../refs/main")).unwrap();
        let model = only(cache.path());
        assert_eq!(Path::new(&model.name), snapshot);
        assert_eq!(model.state, State::Ready);
    }

    #[test]
    fn missing_files_make_it_partial() {
        let (cache, snapshot) = cache_with("a/b");
        fs::remove_file(snapshot.join("model-00001-of-00001.safetensors")).unwrap();
        let model = only(cache.path());
        let total_bytes = Some(SynthSpec::tiny().num_tensor_bytes());
        assert_eq!(model.state, State::Partial { total_bytes });
        assert!(model.footprint.is_some(), "config.json is here");
        assert!(model.next_step().unwrap().contains("`freeway pull a/b`"));
    }

    #[test]
    fn a_download_that_has_only_begun_is_partial() {
        let cache = tempfile::tempdir().unwrap();
        let id = "openai/gpt-oss-20b";
        let repository = hub_cache::repository_directory(cache.path(), id).unwrap();
        fs::create_dir_all(repository.join("blobs")).unwrap();
        fs::write(repository.join("blobs/ab.incomplete"), "1234").unwrap();
        let model = only(cache.path());
        assert_eq!((model.name.as_str(), model.disk_bytes), (id, 4));
        let State::Partial {
            total_bytes: Some(total),
        } = model.state
        else {
            panic!("{:?}", model.state);
        };
        assert_eq!(total / 100_000_000, 137, "13.79 GB");
    }

    #[test]
    fn what_cannot_be_used_is_damaged_and_says_why() {
        let shard = "model-00000-of-00001.safetensors";
        for (file, text, word) in [
            (
                "config.json",
                "{\"model_type\": \"gpt_oss\"}",
                "num_hidden_layers",
            ),
            (shard, "not a tensor in sight", shard),
        ] {
            let (cache, snapshot) = cache_with("a/b");
            fs::write(snapshot.join(file), text).unwrap();
            let model = only(cache.path());
            let State::Damaged { reason } = &model.state else {
                panic!("{file}: {:?}", model.state);
            };
            assert!(reason.contains(word), "{reason}");
            assert!(model.next_step().unwrap().contains("--verify"));
        }
    }

    #[test]
    fn models_of_others_are_none_of_ours() {
        let (cache, snapshot) = cache_with("a/b");
        for json in ["{\"model_type\": \"llama\"}", "{}", "{", ""] {
            fs::write(snapshot.join("config.json"), json).unwrap();
            assert_eq!(list(Some(cache.path()), None).len(), 1, "{json}");
        }
        fs::remove_file(snapshot.join("config.json")).unwrap();
        assert_eq!(list(Some(cache.path()), None).len(), 1);
    }

    #[test]
    fn nonsense_in_the_cache_does_no_harm() {
        let cache = tempfile::tempdir().unwrap();
        for name in [
            "models--",
            "models--a",
            "models--..--..",
            "datasets--a--b",
            "x",
        ] {
            fs::create_dir_all(cache.path().join(name).join("snapshots")).unwrap();
        }
        fs::write(cache.path().join("models--a--file"), "").unwrap();
        fs::write(cache.path().join("models--openai--gpt-oss-20b"), "").unwrap();
        let model = only(cache.path());
        assert_ne!(model.state, State::Ready);
        assert_eq!(list(Some(Path::new("/nonexistent")), None).len(), 1);
    }
}
