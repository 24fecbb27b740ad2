//! Which model `--model` names, and loading it together with its encoding and sampling defaults.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use engine::{Config, LoadOptions, Mode, Model, SamplingParams};
use harmony::{Encoding, Tokenizer};
use router::provider::local::SamplingDefaults;

use crate::args::ModelArgs;
use crate::input::read_if_present;
use crate::{UsageError, hub_cache, terminal};

/// The demo model's files, part of the binary.
pub(crate) mod demo {
    pub(crate) const CONFIG: &[u8] = include_bytes!("../../../demo/weights/config.json");
    pub(crate) const GENERATION_CONFIG: &[u8] =
        include_bytes!("../../../demo/weights/generation_config.json");
    pub(crate) const TOKENIZER: &[u8] = include_bytes!("../../../demo/weights/tokenizer.json");
    pub(crate) const WEIGHTS: &[u8] = include_bytes!("../../../demo/weights/model.safetensors");
}

/// Rows of the published vocabulary: a checkpoint with this many needs no tokenizer file.
const GPT_OSS_VOCABULARY_ROWS: usize = 201_088;

/// A place to load a model from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelSource {
    /// The model inside the binary.
    Demo,
    /// A checkpoint directory, with the name to show for it.
    Directory { name: String, path: PathBuf },
}

impl ModelSource {
    /// What `--model` means; without it the preferred model if the cache has it, else the demo.
    pub(crate) fn resolve(model: Option<&str>, cache: Option<&Path>) -> anyhow::Result<Self> {
        let in_cache = |id: &str| {
            let path = hub_cache::find(cache?, id)?;
            Some(ModelSource::Directory {
                name: id.to_owned(),
                path,
            })
        };
        let Some(name) = model else {
            let preferred = in_cache(hub_cache::PREFERRED_MODEL).filter(ModelSource::is_complete);
            return Ok(preferred.unwrap_or(ModelSource::Demo));
        };
        if name == "demo" {
            return Ok(ModelSource::Demo);
        }
        let path = PathBuf::from(name);
        if path.is_dir() {
            return Ok(ModelSource::Directory {
                name: name.to_owned(),
                path,
            });
        }
        if path.is_file() {
            bail!(UsageError(format!(
                "--model {name} is a file; give the directory that holds config.json and the \
                 *.safetensors files"
            )));
        }
        if let Some(source) = in_cache(name) {
            return Ok(source);
        }
        if hub_cache::is_hub_id(name) {
            bail!(UsageError(format!(
                "{name} is neither a directory nor in the Hugging Face cache{}; get it with \
                 `freeway pull {name}`, or give a checkpoint directory or `demo`",
                cache
                    .map(|path| format!(" ({})", path.display()))
                    .unwrap_or_default()
            )));
        }
        bail!(UsageError(format!(
            "there is no directory {name}; give a checkpoint directory, a hub id, or `demo`"
        )))
    }

    fn is_complete(&self) -> bool {
        match self {
            ModelSource::Demo => true,
            ModelSource::Directory { path, .. } => hub_cache::is_complete(path),
        }
    }

    /// Says on standard error which model answers, for when the user named none.
    pub(crate) fn announce(&self) {
        match self {
            ModelSource::Demo => terminal::note(format_args!(
                "(the built-in demo model answers; `freeway pull {}` gets the real one)",
                hub_cache::PREFERRED_MODEL
            )),
            ModelSource::Directory { name, .. } => {
                terminal::note(format_args!("({name} answers)"));
            }
        }
    }

    /// The name to show.
    pub(crate) fn name(&self) -> &str {
        match self {
            ModelSource::Demo => "demo",
            ModelSource::Directory { name, .. } => name,
        }
    }

    /// Loads the weights, with the threads and the mode of `args`.
    pub(crate) fn load_model(&self, args: &ModelArgs) -> anyhow::Result<Model> {
        let mut options = LoadOptions::default();
        if let Some(threads) = args.threads {
            options.num_threads = threads.into();
        }
        if args.exact {
            options.mode = Mode::Exact;
        }
        match self {
            ModelSource::Demo => Model::from_bytes(demo::CONFIG, demo::WEIGHTS, &options),
            ModelSource::Directory { path, .. } => Model::load(path, &options),
        }
        .with_context(|| format!("cannot load the model {}", self.name()))
    }

    /// The tokenizer of the checkpoint and its Harmony tokens.
    pub(crate) fn load_encoding(&self, config: &Config) -> anyhow::Result<Encoding> {
        let json = match self {
            ModelSource::Demo => Some(demo::TOKENIZER.to_vec()),
            ModelSource::Directory { path, .. } => read_if_present(&path.join("tokenizer.json"))?,
        };
        match json {
            Some(json) => {
                let tokenizer = Tokenizer::from_tokenizer_json(&json)
                    .with_context(|| format!("cannot use tokenizer.json of {}", self.name()))?;
                ensure!(
                    tokenizer.num_tokens() <= config.vocab_size,
                    "tokenizer.json of {} has {} tokens, the model's vocabulary {}: it belongs to \
                     another model",
                    self.name(),
                    tokenizer.num_tokens(),
                    config.vocab_size
                );
                Encoding::new(Arc::new(tokenizer))
                    .with_context(|| format!("cannot chat with {}", self.name()))
            }
            None if config.vocab_size == GPT_OSS_VOCABULARY_ROWS => Ok(Encoding::gpt_oss()),
            None => bail!(
                "{} has no tokenizer.json and its vocabulary of {} is not that of gpt-oss \
                 ({GPT_OSS_VOCABULARY_ROWS}); put the model's tokenizer.json beside config.json",
                self.name(),
                config.vocab_size
            ),
        }
    }

    /// The sampling that the checkpoint's `generation_config.json` recommends.
    pub(crate) fn load_sampling_defaults(&self) -> anyhow::Result<SamplingDefaults> {
        let json = match self {
            ModelSource::Demo => Some(demo::GENERATION_CONFIG.to_vec()),
            ModelSource::Directory { path, .. } => {
                read_if_present(&path.join("generation_config.json"))?
            }
        };
        let Some(json) = json else {
            return Ok(SamplingDefaults::default());
        };
        let file: GenerationConfig = serde_json::from_slice(&json)
            .with_context(|| format!("cannot read generation_config.json of {}", self.name()))?;
        let defaults = SamplingDefaults::from(file);
        // Checked here, so that the error names the file and not the command line.
        SamplingParams {
            temperature: defaults.temperature,
            top_p: defaults.top_p,
            ..SamplingParams::default()
        }
        .validate()
        .with_context(|| format!("generation_config.json of {}", self.name()))?;
        Ok(defaults)
    }
}

/// The keys of `generation_config.json` that matter here. Its stop tokens are not read: published
/// copies of that file lack `<|call|>`, so the encoding's own are used.
#[derive(serde::Deserialize)]
struct GenerationConfig {
    do_sample: Option<bool>,
    temperature: Option<f32>,
    top_p: Option<f32>,
}

impl From<GenerationConfig> for SamplingDefaults {
    fn from(file: GenerationConfig) -> Self {
        let default = Self::default();
        Self {
            temperature: match file.do_sample {
                Some(false) => 0.0,
                _ => file.temperature.unwrap_or(default.temperature),
            },
            top_p: file.top_p.unwrap_or(default.top_p),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn without_a_name_the_demo_answers_until_the_preferred_model_is_in_the_cache() {
        let cache = tempfile::tempdir().unwrap();
        let resolve = || ModelSource::resolve(None, Some(cache.path())).unwrap();
        assert_eq!(resolve(), ModelSource::Demo);

        let repository = cache.path().join("models--openai--gpt-oss-20b");
        fs::create_dir_all(repository.join("snapshots/abc")).unwrap();
        fs::create_dir_all(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), "abc").unwrap();
        fs::write(repository.join("snapshots/abc/config.json"), "{}").unwrap();
        assert_eq!(resolve(), ModelSource::Demo, "the weights are missing");
        fs::write(repository.join("snapshots/abc/model.safetensors"), "").unwrap();
        assert_eq!(resolve().name(), "openai/gpt-oss-20b");
        let demo = ModelSource::resolve(Some("demo"), Some(cache.path())).unwrap();
        assert_eq!(demo, ModelSource::Demo);
    }

    #[test]
    fn a_name_that_means_nothing_is_a_usage_error_that_says_what_to_give() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for name in [
            "openai/gpt-oss-9b",
            "no-such-dir",
            file.path().to_str().unwrap(),
        ] {
            let error = ModelSource::resolve(Some(name), None).unwrap_err();
            assert!(error.is::<UsageError>(), "{name}");
            assert!(error.to_string().contains("directory"), "{name}: {error}");
        }
    }

    #[test]
    fn generation_config_sets_the_sampling_but_never_the_stops() {
        let parse =
            |json| SamplingDefaults::from(serde_json::from_str::<GenerationConfig>(json).unwrap());
        assert_eq!(
            parse(r#"{"do_sample":true,"eos_token_id":[1]}"#),
            SamplingDefaults::default()
        );
        assert_eq!(
            parse(r#"{"do_sample":false,"temperature":0.7}"#).temperature,
            0.0
        );
        assert_eq!(
            parse(r#"{"temperature":0.7,"top_p":0.9}"#),
            SamplingDefaults {
                temperature: 0.7,
                top_p: 0.9
            }
        );
    }
}
