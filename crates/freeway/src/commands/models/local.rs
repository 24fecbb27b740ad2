//! What is on this machine, what could be, and whether it fits into memory.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::footprint::{Fit, Footprint};
use crate::inventory::{self, InstalledModel, State};
use crate::known_models::{KNOWN_MODELS, KnownModel};
use crate::local_model::ModelSource;
use crate::machine::Memory;
use crate::terminal::bytes_text;
use crate::{hub_cache, table, terminal};

pub(super) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let cache = hub_cache::directory();
    let name = env::var("FREEWAY_MODEL")
        .ok()
        .filter(|name| !name.is_empty());
    let default = ModelSource::resolve(name.as_deref(), cache.as_deref());
    let installed = inventory::list(cache.as_deref(), default.as_ref().ok());
    let overview = Overview {
        cache: cache.as_deref(),
        memory: Memory::now(),
        pullable: KNOWN_MODELS
            .iter()
            .filter(|known| !installed.iter().any(|model| model.name == known.id))
            .collect(),
        default: default.as_ref().ok().map(ModelSource::name),
        installed,
    };
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", overview.to_json())?;
    } else {
        write!(out, "{overview}")?;
    }
    out.flush()?;
    if let Err(error) = default {
        terminal::note(format_args!("FREEWAY_MODEL: {error:#}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// All that is said.
struct Overview<'a> {
    cache: Option<&'a Path>,
    memory: Option<Memory>,
    installed: Vec<InstalledModel>,
    pullable: Vec<&'a KnownModel>,
    /// The name of the model that answers when none is named.
    default: Option<&'a str>,
}

impl Overview<'_> {
    fn is_default(&self, model: &InstalledModel) -> bool {
        Some(model.name.as_str()) == self.default
    }

    fn fit(&self, footprint: &Footprint) -> Option<Fit> {
        self.memory.map(|memory| footprint.fit(memory))
    }

    fn rows(&self) -> Vec<[String; 8]> {
        let installed = self.installed.iter().map(|model| {
            let mark = if self.is_default(model) { " *" } else { "" };
            let state = match &model.state {
                State::Ready if model.path.is_none() => "in the binary".to_owned(),
                State::Ready => "ready".to_owned(),
                State::Partial { total_bytes } => match total_bytes {
                    Some(total) => format!("partial, of {}", bytes_text(*total)),
                    None => "partial".to_owned(),
                },
                State::Damaged { .. } => "damaged".to_owned(),
            };
            let size = bytes_text(model.disk_bytes);
            let name = format!("{}{mark}", model.name);
            self.row(name, state, size, model.footprint.as_ref())
        });
        let pullable = self.pullable.iter().map(|model| {
            let state = format!("to pull: {}", bytes_text(model.download_bytes()));
            let footprint = model.footprint();
            self.row(model.id.to_owned(), state, "-".to_owned(), Some(&footprint))
        });
        installed.chain(pullable).collect()
    }

    fn row(
        &self,
        name: String,
        state: String,
        size: String,
        footprint: Option<&Footprint>,
    ) -> [String; 8] {
        let unknown = || "?".to_owned();
        let Some(model) = footprint else {
            return [
                name,
                state,
                size,
                unknown(),
                unknown(),
                unknown(),
                unknown(),
                unknown(),
            ];
        };
        let config = &model.config;
        [
            name,
            state,
            size,
            count_text(model.num_parameters),
            config.num_hidden_layers.to_string(),
            format!(
                "{} of {}",
                config.num_experts_per_tok, config.num_local_experts
            ),
            format!(
                "{} / {}",
                bytes_text(model.memory_bytes(model.short_context())),
                bytes_text(model.memory_bytes(model.full_context()))
            ),
            self.fit(model).map_or_else(unknown, |fit| fit.to_string()),
        ]
    }

    fn to_json(&self) -> Value {
        let installed: Vec<_> = self
            .installed
            .iter()
            .map(|model| {
                let (state, reason) = match &model.state {
                    State::Ready => ("ready", None),
                    State::Partial { .. } => ("partial", None),
                    State::Damaged { reason } => ("damaged", Some(reason)),
                };
                json!({
                    "name": model.name,
                    "default": self.is_default(model),
                    "state": state,
                    "reason": reason,
                    "next_step": model.next_step(),
                    "path": model.path,
                    "disk_bytes": model.disk_bytes,
                    "shape": model.footprint.as_ref().map(|footprint| self.shape(footprint)),
                })
            })
            .collect();
        let pullable: Vec<_> = self
            .pullable
            .iter()
            .map(|model| {
                json!({
                    "name": model.id,
                    "download_bytes": model.download_bytes(),
                    "shape": self.shape(&model.footprint()),
                })
            })
            .collect();
        json!({
            "cache": self.cache,
            "memory": self.memory.map(|memory| json!({
                "total_bytes": memory.total_bytes,
                "available_bytes": memory.available_bytes,
            })),
            "models": installed,
            "pullable": pullable,
        })
    }

    fn shape(&self, model: &Footprint) -> Value {
        let config = &model.config;
        let fit = self.fit(model);
        let fitting_tokens = fit.map(|fit| match fit {
            Fit::Whole => model.full_context(),
            Fit::UpTo(num_tokens) => num_tokens,
            Fit::NotNow | Fit::Never => 0,
        });
        json!({
            "parameters": model.num_parameters,
            "active_parameters": model.num_active_parameters,
            "layers": config.num_hidden_layers,
            "experts": config.num_local_experts,
            "experts_per_token": config.num_experts_per_tok,
            "context_tokens": config.max_position_embeddings,
            "weight_bytes": model.weight_bytes,
            "memory_bytes_8k": model.memory_bytes(model.short_context()),
            "memory_bytes_full": model.memory_bytes(model.full_context()),
            "fits": fit.map(Fit::name),
            "fitting_tokens": fitting_tokens,
        })
    }
}

impl std::fmt::Display for Overview<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let header = [
            "MODEL",
            "STATE",
            "ON DISK",
            "PARAMETERS",
            "LAYERS",
            "EXPERTS",
            "MEMORY 8K / FULL",
            "FITS",
        ];
        f.write_str(&table::render(header, self.rows()))?;
        writeln!(f)?;
        if self.default.is_some() {
            writeln!(f, "* answers when no model is named")?;
        }
        if let Some(memory) = self.memory {
            writeln!(
                f,
                "memory: {} of {} available; the cache: {}",
                bytes_text(memory.available_bytes),
                bytes_text(memory.total_bytes),
                self.cache
                    .map_or_else(|| "none".to_owned(), |path| path.display().to_string())
            )?;
        }
        for model in &self.installed {
            if let State::Damaged { reason } = &model.state {
                writeln!(f, "{}: {}", model.name, table::printable(reason))?;
            }
            if let Some(step) = model.next_step() {
                writeln!(f, "{}: {step}", model.name)?;
            }
        }
        Ok(())
    }
}

/// A count with three digits: `20.9 B`.
fn count_text(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.0} k", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", count as f64 / 1e6),
        _ => format!("{:.1} B", count as f64 / 1e9),
    }
}
