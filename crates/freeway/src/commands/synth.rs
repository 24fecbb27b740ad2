//! `freeway synth`: writes a random checkpoint.

use std::io::{self, Write};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::{Context, anyhow};
use engine::EngineError;
use engine::synth::{self, SynthProgress, SynthSpec};

use crate::args::{Preset, SynthArgs};
use crate::terminal::StatusLine;
use crate::{UsageError, interrupt};

pub(crate) fn run(args: SynthArgs) -> anyhow::Result<ExitCode> {
    let spec = spec(&args);
    interrupt::install()?;
    let mut status = StatusLine::new();
    let mut report = |progress: SynthProgress| {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        let (written, total) = (progress.written_bytes, progress.total_bytes);
        status.show(format_args!(
            "{:.2} of {:.2} GB",
            gigabytes(written),
            gigabytes(total)
        ));
        match interrupt::is_set() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let num_threads = available_parallelism().map_or(1, NonZero::get);
    match synth::write(&spec, args.seed, &args.out, num_threads, &mut report) {
        Ok(()) => {}
        Err(EngineError::Cancelled) => return Ok(ExitCode::from(interrupt::EXIT_CODE)),
        Err(EngineError::InvalidArgument(reason)) => return Err(UsageError(reason).into()),
        Err(error) => {
            return Err(anyhow!(error))
                .with_context(|| format!("cannot write a checkpoint to {}", args.out.display()));
        }
    }
    status.clear();
    writeln!(
        io::stdout(),
        "{}: {} layers, {} experts, {} bytes of tensors",
        args.out.display(),
        spec.num_hidden_layers,
        spec.num_local_experts,
        spec.num_tensor_bytes()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The preset with the dimensions that were given in its place.
fn spec(args: &SynthArgs) -> SynthSpec {
    let preset = match args.preset {
        Preset::Tiny => SynthSpec::tiny(),
        Preset::Gpt20b => SynthSpec::gpt_oss_20b(),
        Preset::Gpt120b => SynthSpec::gpt_oss_120b(),
    };
    SynthSpec {
        num_hidden_layers: args.layers.unwrap_or(preset.num_hidden_layers),
        hidden_size: args.hidden.unwrap_or(preset.hidden_size),
        intermediate_size: args.intermediate.unwrap_or(preset.intermediate_size),
        num_local_experts: args.experts.unwrap_or(preset.num_local_experts),
        num_experts_per_tok: args.experts_per_token.unwrap_or(preset.num_experts_per_tok),
        num_attention_heads: args.heads.unwrap_or(preset.num_attention_heads),
        num_key_value_heads: args.kv_heads.unwrap_or(preset.num_key_value_heads),
        head_dim: args.head_dim.unwrap_or(preset.head_dim),
        vocab_size: args.vocab.unwrap_or(preset.vocab_size),
        ..preset
    }
}
