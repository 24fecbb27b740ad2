//! `freeway chat`: asks the model once, in a conversation, or for each line of a file.

mod files;
mod output;
pub(crate) mod printer;
mod repl;
mod session;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use engine::{EngineConfig, EngineHandle, KvCache, Model, SamplingParams};
use harmony::{Conversation, DeveloperContent, Encoding, Message, ReasoningEffort, SystemContent};
use router::provider::local::SamplingDefaults;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::args::{ChatArgs, Effort};
use crate::local_model::ModelSource;
use crate::{UsageError, hub_cache, input, interrupt};
use output::Output;
use printer::Style;
use session::{Answer, FinishReason, Generation, Session};

/// Tokens of a prompt that are read in one pass: enough that each expert's weights serve several,
/// few enough that Ctrl-C, which waits for the pass, is soon heard.
const PREFILL_CHUNK_TOKENS: usize = 128;

impl From<Effort> for ReasoningEffort {
    fn from(effort: Effort) -> Self {
        match effort {
            Effort::Low => Self::Low,
            Effort::Medium => Self::Medium,
            Effort::High => Self::High,
        }
    }
}

pub(crate) fn run(args: ChatArgs) -> anyhow::Result<ExitCode> {
    // Everything that can be wrong with the command line is looked at before the model is loaded.
    let cache = hub_cache::directory();
    let source = ModelSource::resolve(args.model.name(), cache.as_deref())?;
    let generation = Generation {
        sampling: sampling(&args, source.load_sampling_defaults()?)?,
        max_tokens: args.max_tokens.map(|n| n as usize),
    };
    let cases = args
        .conversation
        .as_deref()
        .map(files::read_cases)
        .transpose()?;
    let opening = opening(&args)?;
    let prompt = match &cases {
        Some(_) => None,
        None => read_prompt(args.prompt.as_deref())?,
    };
    if !args.json && args.model.name().is_none() {
        source.announce();
    }

    let model = source.load_model(&args.model)?;
    let encoding = source.load_encoding(model.config())?;
    let config = engine_config(&model, &encoding)?;
    let engine = EngineHandle::spawn(model, config)?;
    interrupt::install()?;
    let session = Session::new(engine, encoding, generation, opening);

    let output = Output {
        model: source.name().to_owned(),
        json: args.json,
        style: Style::for_stdout(!args.hide_reasoning),
    };
    match (cases, prompt) {
        (Some(cases), _) => answer_cases(session, &output, cases),
        (None, Some(prompt)) => answer_once(session, &output, prompt),
        (None, None) => {
            let mut lines = repl::Terminal::new()?;
            repl::run(session, &output, &mut lines, &mut io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// One sequence at a time, which may use the whole context. The cache grows as it does.
fn engine_config(model: &Model, encoding: &Encoding) -> anyhow::Result<EngineConfig> {
    let config = model.config();
    let mode = model.mode();
    let length = config.max_position_embeddings;
    let kv_cache_bytes = KvCache::sequence_bytes(config, mode, PREFILL_CHUNK_TOKENS, length)
        .context("the context of this model is larger than memory can be")?;
    Ok(EngineConfig {
        max_sequences: 1,
        max_queued: 1,
        max_batch_tokens: PREFILL_CHUNK_TOKENS,
        kv_cache_bytes,
        num_sampled_tokens: encoding.num_sampled_tokens(),
    })
}

fn answer_once(mut session: Session, output: &Output, prompt: String) -> anyhow::Result<ExitCode> {
    session.push(Message::user(prompt));
    let answer = output.print_answer(&mut session, &mut io::stdout().lock(), None)?;
    Ok(exit_code(&answer))
}

fn answer_cases(
    mut session: Session,
    output: &Output,
    cases: Vec<files::Case>,
) -> anyhow::Result<ExitCode> {
    for case in cases {
        session.restart(case.conversation);
        let mut stdout = io::stdout().lock();
        let answer = output.print_answer(&mut session, &mut stdout, case.id.as_ref())?;
        if answer.finish_reason == FinishReason::Interrupted {
            return Ok(exit_code(&answer));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn exit_code(answer: &Answer) -> ExitCode {
    match answer.finish_reason {
        FinishReason::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Length => ExitCode::SUCCESS,
    }
}

/// The prompt of the command line or of standard input; `None` opens a conversation.
fn read_prompt(argument: Option<&str>) -> anyhow::Result<Option<String>> {
    let prompt = match argument {
        Some("-") => read_stdin()?,
        Some(prompt) => prompt.to_owned(),
        None if io::stdin().is_terminal() => return Ok(None),
        None => read_stdin()?,
    };
    if prompt.trim().is_empty() {
        bail!(UsageError(
            "the prompt is empty; give it as an argument or on standard input".into()
        ));
    }
    Ok(Some(prompt))
}

fn read_stdin() -> anyhow::Result<String> {
    String::from_utf8(input::read_stdin()?)
        .context("the prompt on standard input is not UTF-8 text")
}

/// The messages before the first question.
fn opening(args: &ChatArgs) -> anyhow::Result<Conversation> {
    let date = match &args.date {
        Some(date) => check_date(date)?,
        None => today()?,
    };
    let system = SystemContent {
        reasoning_effort: Some(args.effort.into()),
        conversation_start_date: Some(date),
        ..SystemContent::default()
    };
    let mut developer = DeveloperContent::default();
    if let Some(text) = &args.system {
        developer = developer.with_instructions(text.as_str());
    }
    if let Some(path) = &args.tools {
        developer = developer.with_function_tools(files::read_tools(path)?);
    }
    if let Some(path) = &args.schema {
        developer = developer.with_response_format(files::read_response_format(path)?);
    }
    let mut messages = vec![Message::system(system)];
    if developer != DeveloperContent::default() {
        messages.push(Message::developer(developer));
    }
    let conversation = Conversation::new(messages);
    conversation.validate()?;
    Ok(conversation)
}

/// Today as `YYYY-MM-DD`, in UTC: a prompt does not depend on where the machine stands.
fn today() -> anyhow::Result<String> {
    OffsetDateTime::now_utc()
        .format(format_description!("[year]-[month]-[day]"))
        .map_err(|error| anyhow!("cannot write today's date: {error}; give --date YYYY-MM-DD"))
}

fn check_date(date: &str) -> anyhow::Result<String> {
    time::Date::parse(date, format_description!("[year]-[month]-[day]"))
        .map_err(|_| UsageError(format!("--date {date}: give a date as YYYY-MM-DD")))?;
    Ok(date.to_owned())
}

fn sampling(args: &ChatArgs, defaults: SamplingDefaults) -> anyhow::Result<SamplingParams> {
    let sampling = SamplingParams {
        temperature: args.temperature.unwrap_or(defaults.temperature),
        top_p: args.top_p.unwrap_or(defaults.top_p),
        seed: args.seed,
        ..SamplingParams::default()
    };
    sampling
        .validate()
        .map_err(|error| UsageError(error.to_string()))?;
    Ok(sampling)
}
