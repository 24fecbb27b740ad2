//! `freeway doctor`: what this machine has, how fast it can be, and what stands in the way.

mod bandwidth;
mod environment;
mod report;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::args::DoctorArgs;
use crate::footprint::{Fit, Footprint};
use crate::inventory::{self, InstalledModel, State};
use crate::known_models::KNOWN_MODELS;
use crate::local_model::ModelSource;
use crate::machine::{self, Memory, Processor};
use crate::terminal::bytes_text;
use crate::{hub_cache, known_models, table};
use bandwidth::Bandwidth;
use environment::Environment;
use report::Report;

/// Memory that the measurement may count on where the system does not tell.
const ASSUMED_BYTES: u64 = 2 << 30;

/// Weights of fewer bytes are read from caches, whose speed is not measured.
const CACHED_BYTES: u64 = 256 << 20;

/// Load of each thread from which on a measurement says little.
const MAX_LOAD: f64 = 0.5;

/// Something that keeps `freeway` from working, or from working well.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    is_broken: bool,
    what: String,
    next_step: String,
}

impl Problem {
    /// Some command cannot work.
    fn broken(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            is_broken: true,
            what: what.into(),
            next_step: next_step.into(),
        }
    }

    /// Everything works, but not as well as it could.
    fn warning(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            is_broken: false,
            ..Self::broken(what, next_step)
        }
    }
}

/// A model and what to expect of it.
struct Expectation {
    name: String,
    is_here: bool,
    footprint: Footprint,
    fit: Option<Fit>,
    /// No more than this, where reading memory is what limits it.
    max_tokens_per_second: Option<f64>,
}

pub(crate) fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let mut problems = Vec::new();
    let processor = Processor::here();
    let memory = Memory::now();
    let available_bytes = memory.map_or(ASSUMED_BYTES, |memory| memory.available_bytes);
    let bandwidth = bandwidth::measure(processor.num_threads, available_bytes);
    let environment = Environment::look(&mut problems);
    check_machine(&processor, bandwidth, &mut problems);

    let cache = hub_cache::directory();
    let named = env::var("FREEWAY_MODEL")
        .ok()
        .filter(|name| !name.is_empty());
    let default = match ModelSource::resolve(named.as_deref(), cache.as_deref()) {
        Ok(source) => Some(source),
        Err(error) => {
            problems.push(Problem::broken(
                format!("FREEWAY_MODEL: {error:#}"),
                "set it to a model of `freeway models`, or unset it",
            ));
            None
        }
    };
    let installed = inventory::list(cache.as_deref(), default.as_ref());
    check_models(&installed, default.as_ref(), memory, &mut problems);
    check_disk(&installed, &environment, &mut problems);
    problems.sort_by_key(|problem| !problem.is_broken);

    let is_broken = problems.iter().any(|problem| problem.is_broken);
    let report = Report {
        processor,
        memory,
        bandwidth,
        environment,
        expectations: expectations(&installed, memory, bandwidth),
        default_model: default.as_ref().map(|source| source.name().to_owned()),
        problems,
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report.to_json())?;
    } else {
        write!(out, "{report}")?;
    }
    out.flush()?;
    Ok(ExitCode::from(u8::from(is_broken)))
}

fn check_machine(processor: &Processor, bandwidth: Option<Bandwidth>, problems: &mut Vec<Problem>) {
    if processor.is_scalar() {
        problems.push(Problem::warning(
            "this processor has no vector instructions that the engine uses",
            "use one with AVX2 (x86-64 since 2013): everything is many times slower without",
        ));
    }
    if cfg!(debug_assertions) {
        problems.push(Problem::warning(
            "this program was built for debugging and is slow; so is the measured read speed",
            "build it with `cargo build --release`",
        ));
    }
    if let Some(load) =
        machine::load().filter(|&load| load > MAX_LOAD * processor.num_threads as f64)
    {
        problems.push(Problem::warning(
            format!("other programs compute (a load of {load:.1}), so memory was read too slowly"),
            "run this again when they are done: the tokens/s shown are too low",
        ));
    }
    if bandwidth.is_none() {
        problems.push(Problem::warning(
            "too little memory is available to measure how fast it is read",
            "end other programs and run this again",
        ));
    }
}

fn check_models(
    installed: &[InstalledModel],
    default: Option<&ModelSource>,
    memory: Option<Memory>,
    problems: &mut Vec<Problem>,
) {
    for model in installed {
        let name = table::printable(&model.name);
        let next_step = model.next_step().unwrap_or_default();
        let is_default = default.is_some_and(|source| source.name() == model.name);
        match &model.state {
            State::Ready => {}
            State::Partial { .. } if is_default => problems.push(Problem::broken(
                format!("{name}, which is to answer, is not all here"),
                next_step,
            )),
            State::Partial { .. } => {
                problems.push(Problem::warning(
                    format!("{name} is not all here"),
                    next_step,
                ));
            }
            State::Damaged { reason } => problems.push(Problem::broken(
                format!("{name} cannot be used: {}", table::printable(reason)),
                next_step,
            )),
        }
        let Some((memory, footprint)) = memory.zip(model.footprint.as_ref()) else {
            continue;
        };
        let needed = bytes_text(footprint.memory_bytes(footprint.short_context()));
        match footprint.fit(memory) {
            Fit::NotNow if is_default => problems.push(Problem::warning(
                format!("{name} needs {needed}, and other programs hold too much of the memory"),
                "end some of them: weights would be read from the disk for every token",
            )),
            Fit::Never if is_default => problems.push(Problem::warning(
                format!("{name} needs {needed}, more than this machine has"),
                "use a smaller model: weights are read from the disk for every token",
            )),
            _ => {}
        }
    }
}

/// Whether the disk has room for the model that most want.
fn check_disk(
    installed: &[InstalledModel],
    environment: &Environment,
    problems: &mut Vec<Problem>,
) {
    let preferred = known_models::find(hub_cache::PREFERRED_MODEL);
    let place = environment.cache.as_ref();
    let (Some(preferred), Some(place)) = (preferred, place) else {
        return;
    };
    let present = installed.iter().find(|model| model.name == preferred.id);
    let present_bytes = present.map_or(0, |model| model.disk_bytes);
    let missing_bytes = match present {
        Some(model) if model.is_ready() => 0,
        _ => preferred.download_bytes().saturating_sub(present_bytes),
    };
    if let Some(free) = place.free_bytes.filter(|&free| free < missing_bytes) {
        problems.push(Problem::warning(
            format!(
                "{} does not fit on the disk of {}: {} to download, {} free",
                preferred.id,
                place.path.display(),
                bytes_text(missing_bytes),
                bytes_text(free)
            ),
            "make room, or set HF_HOME to a directory on another disk",
        ));
    }
}

/// What to expect of the models that are here and of those that could be.
fn expectations(
    installed: &[InstalledModel],
    memory: Option<Memory>,
    bandwidth: Option<Bandwidth>,
) -> Vec<Expectation> {
    let here = installed
        .iter()
        .filter(|model| model.is_ready())
        .filter_map(|model| Some((model.name.clone(), true, model.footprint.clone()?)));
    let pullable = KNOWN_MODELS
        .iter()
        .filter(|known| {
            !installed
                .iter()
                .any(|model| model.is_ready() && model.name == known.id)
        })
        .map(|known| (known.id.to_owned(), false, known.footprint()));
    here.chain(pullable)
        .map(|(name, is_here, footprint)| {
            let fit = memory.map(|memory| footprint.fit(memory));
            let is_bound_by_memory =
                fit != Some(Fit::Never) && footprint.decode_bytes >= CACHED_BYTES;
            Expectation {
                name,
                is_here,
                fit,
                max_tokens_per_second: bandwidth
                    .filter(|_| is_bound_by_memory)
                    .map(|bandwidth| bandwidth.bytes_per_second / footprint.decode_bytes as f64),
                footprint,
            }
        })
        .collect()
}
