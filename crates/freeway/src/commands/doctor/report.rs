//! The findings as text and as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::bandwidth::Bandwidth;
use super::environment::Environment;
use super::{Expectation, Problem};
use crate::footprint::Fit;
use crate::machine::{Memory, Processor};
use crate::table;
use crate::terminal::bytes_text;

/// All that was found.
pub(super) struct Report {
    pub(super) processor: Processor,
    pub(super) memory: Option<Memory>,
    pub(super) bandwidth: Option<Bandwidth>,
    pub(super) environment: Environment,
    pub(super) expectations: Vec<Expectation>,
    pub(super) default_model: Option<String>,
    pub(super) problems: Vec<Problem>,
}

impl Report {
    pub(super) fn to_json(&self) -> Value {
        let environment = &self.environment;
        let models: Vec<_> = self
            .expectations
            .iter()
            .map(|model| {
                json!({
                    "name": model.name,
                    "here": model.is_here,
                    "default": self.default_model.as_ref() == Some(&model.name),
                    "fits": model.fit.map(Fit::name),
                    "decode_bytes_per_token": model.footprint.decode_bytes,
                    "max_decode_tokens_per_second": model.max_tokens_per_second,
                })
            })
            .collect();
        let variables: serde_json::Map<String, Value> = environment
            .variables
            .iter()
            .map(|(name, value)| (name.clone(), json!(value.as_deref().unwrap_or("(set)"))))
            .collect();
        let problems: Vec<_> = self
            .problems
            .iter()
            .map(|problem| {
                json!({
                    "severity": severity(problem),
                    "what": problem.what,
                    "next_step": problem.next_step,
                })
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "processor": {
                "name": self.processor.name,
                "cores": self.processor.num_cores,
                "threads": self.processor.num_threads,
                "instruction_set": self.processor.isa,
                "features": self.processor.features,
            },
            "memory": self.memory.map(|memory| json!({
                "total_bytes": memory.total_bytes,
                "available_bytes": memory.available_bytes,
            })),
            "read_bandwidth": self.bandwidth.map(|bandwidth| json!({
                "bytes_per_second": bandwidth.bytes_per_second.round(),
                "threads": bandwidth.num_threads,
                "buffer_bytes": bandwidth.buffer_bytes,
            })),
            "cache": environment.cache.as_ref().map(|place| json!({
                "path": place.path,
                "exists": place.exists,
                "free_bytes": place.free_bytes,
            })),
            "store": environment.store.as_ref().map(|url| json!({
                "url": url,
                "exists": environment.store_exists,
            })),
            "variables": variables,
            "models": models,
            "problems": problems,
        })
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let Processor {
            name,
            num_cores,
            num_threads,
            isa,
            features,
        } = &self.processor;
        let mut processor = name
            .as_deref()
            .map_or_else(|| "unknown".to_owned(), table::printable);
        if let Some(num_cores) = num_cores {
            processor.push_str(&format!(", {}", counted(*num_cores, "core")));
        }
        let here = match features.as_slice() {
            [] => String::new(),
            features => format!("; the processor has {}", features.join(" ")),
        };
        let mut lines = vec![
            ("processor", processor),
            (
                "computing",
                format!("with {} of {isa}{here}", counted(*num_threads, "thread")),
            ),
        ];
        if let Some(memory) = self.memory {
            let total = bytes_text(memory.total_bytes);
            let available = bytes_text(memory.available_bytes);
            lines.push(("memory", format!("{total}, {available} available")));
        }
        if let Some(bandwidth) = self.bandwidth {
            lines.push((
                "reading",
                format!(
                    "{}/s from memory, measured with {}",
                    bytes_text(bandwidth.bytes_per_second as u64),
                    counted(bandwidth.num_threads, "thread")
                ),
            ));
        }
        let environment = &self.environment;
        let absent = |exists: bool| if exists { "" } else { " (not there yet)" };
        if let Some(place) = &environment.cache {
            let free = place
                .free_bytes
                .map_or_else(String::new, |free| format!(", {} free", bytes_text(free)));
            lines.push((
                "models",
                format!("{}{}{free}", place.path.display(), absent(place.exists)),
            ));
        }
        if let Some(store) = &environment.store {
            lines.push((
                "store",
                format!("{store}{}", absent(environment.store_exists)),
            ));
        }
        for (index, (name, value)) in environment.variables.iter().enumerate() {
            let label = if index == 0 { "variables" } else { "" };
            let text = match value {
                Some(value) => format!("{name}={value}"),
                None => format!("{name} (set)"),
            };
            lines.push((label, text));
        }
        lines
    }

    fn rows(&self) -> impl Iterator<Item = [String; 5]> {
        self.expectations.iter().map(|model| {
            let is_default = self.default_model.as_ref() == Some(&model.name);
            [
                format!("{}{}", model.name, if is_default { " *" } else { "" }),
                if model.is_here { "yes" } else { "no" }.to_owned(),
                model
                    .fit
                    .map_or_else(|| "?".to_owned(), |fit| fit.to_string()),
                bytes_text(model.footprint.decode_bytes),
                model
                    .max_tokens_per_second
                    .map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}")),
            ]
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, text) in self.lines() {
            writeln!(f, "{label:<11}{text}")?;
        }
        let header = ["MODEL", "HERE", "FITS", "READS A TOKEN", "TOKENS/S AT MOST"];
        write!(f, "\n{}", table::render(header, self.rows()))?;
        writeln!(
            f,
            "\nAt most: reading memory divided by what a token reads, at the beginning of a \
             conversation.\n* answers when no model is named\n"
        )?;
        if self.problems.is_empty() {
            return writeln!(f, "Nothing is wrong.");
        }
        for problem in &self.problems {
            writeln!(f, "{}: {}", severity(problem), problem.what)?;
            writeln!(f, "  next: {}", problem.next_step)?;
        }
        Ok(())
    }
}

fn severity(problem: &Problem) -> &'static str {
    if problem.is_broken {
        "broken"
    } else {
        "warning"
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}
