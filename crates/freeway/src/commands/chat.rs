//! `freeway chat`: asks the model once, in a conversation, or for each line of a file.

mod answer;
pub(crate) mod files;
mod printer;
mod repl;
mod session;

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use engine::{EngineConfig, EngineHandle, KvCache, Model, SamplingParams};
use harmony::{Conversation, DeveloperContent, Encoding, Message, ReasoningEffort, SystemContent};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::args::{ChatArgs, Effort};
use crate::local_model::{ModelSource, SamplingDefaults};
use crate::{UsageError, hub_cache, interrupt};
use answer::Part;
use printer::{Printer, Style};
use session::{Answer, FinishReason, Generation, Progress, Session};

/// A longer prompt cannot fit any context of today's models.
const MAX_STDIN_BYTES: u64 = 64 << 20;

/// Tokens of a prompt that are read in one pass: enough that each expert's weights serve several.
const PREFILL_CHUNK_TOKENS: usize = 256;

/// A prompt that takes longer than this to read gets a progress line.
const PROGRESS_AFTER: Duration = Duration::from_secs(1);

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
    let source = ModelSource::resolve(args.model.model.as_deref(), cache.as_deref())?;
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
    if !args.json && args.model.model.is_none() {
        announce(&source);
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
        (None, None) => repl::run(session, &output),
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
        num_sampled_tokens: encoding.tokenizer().num_tokens(),
    })
}

/// How answers are shown.
pub(crate) struct Output {
    model: String,
    json: bool,
    style: Style,
}

impl Output {
    /// Gets the next answer of `session` and prints it as it comes.
    fn print_answer(&self, session: &mut Session, id: Option<&Value>) -> anyhow::Result<Answer> {
        let stdout = io::stdout().lock();
        if self.json {
            let answer = session.answer(&mut |_| Ok(()))?;
            let mut stdout = stdout;
            writeln!(stdout, "{}", self.json(&answer, id))?;
            return Ok(answer);
        }
        let mut printer = Printer::new(stdout, self.style);
        let mut progress = PromptProgress::new();
        let result = session.answer(&mut |step| {
            match step {
                Progress::Prompt { done, total } => progress.show(done, total),
                Progress::Part(part) => {
                    progress.clear();
                    match part {
                        Part::Reasoning(text) => printer.reasoning(&text)?,
                        Part::Content(text) => printer.content(&text)?,
                        Part::ToolCall(call) => printer.tool_call(&call.name, &call.arguments)?,
                    }
                }
            }
            Ok(())
        });
        progress.clear();
        printer.finish()?;
        let answer = result?;
        if let Some(note) = note(&answer) {
            eprintln!("({note})");
        }
        Ok(answer)
    }

    fn json(&self, answer: &Answer, id: Option<&Value>) -> Value {
        let mut object = json!({
            "model": self.model,
            "reasoning": answer.text.reasoning,
            "content": answer.text.content,
            "tool_calls": answer.text.tool_calls,
            "finish_reason": answer.finish_reason,
            "usage": answer.usage,
            "timings": answer.timings,
        });
        if let Some(id) = id {
            object["id"] = id.clone();
        }
        object
    }
}

/// What the user should know about how the answer ended.
fn note(answer: &Answer) -> Option<&'static str> {
    let only_reasoned = answer.text.content.is_empty() && answer.text.tool_calls.is_empty();
    match answer.finish_reason {
        FinishReason::Length if only_reasoned => Some(
            "the limit on tokens was reached while the model was reasoning: raise --max-tokens \
                  or lower --effort",
        ),
        FinishReason::Length => Some("the limit on tokens was reached: see --max-tokens"),
        FinishReason::Interrupted => Some("stopped"),
        FinishReason::Stop if only_reasoned => Some("the model ended its turn without an answer"),
        FinishReason::Stop | FinishReason::ToolCalls => None,
    }
}

fn answer_once(mut session: Session, output: &Output, prompt: String) -> anyhow::Result<ExitCode> {
    session.push(Message::user(prompt));
    let answer = output.print_answer(&mut session, None)?;
    Ok(exit_code(&answer))
}

fn answer_cases(
    mut session: Session,
    output: &Output,
    cases: Vec<files::Case>,
) -> anyhow::Result<ExitCode> {
    for case in cases {
        session.restart(case.conversation);
        let answer = output.print_answer(&mut session, case.id.as_ref())?;
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

/// Says which model answers when the user named none.
fn announce(source: &ModelSource) {
    match source {
        ModelSource::Demo => eprintln!(
            "(the built-in demo model answers; {} is not on this machine)",
            hub_cache::PREFERRED_MODEL
        ),
        ModelSource::Directory { name, .. } => eprintln!("({name} answers)"),
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
    let mut text = String::new();
    io::stdin()
        .take(MAX_STDIN_BYTES + 1)
        .read_to_string(&mut text)
        .context("cannot read the prompt from standard input as UTF-8 text")?;
    if text.len() as u64 > MAX_STDIN_BYTES {
        bail!("the prompt on standard input is larger than 64 MiB");
    }
    Ok(text)
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

/// A line on standard error while a long prompt is being read; silent outside of terminals.
struct PromptProgress {
    started: Instant,
    is_shown: bool,
    enabled: bool,
}

impl PromptProgress {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            is_shown: false,
            enabled: io::stderr().is_terminal(),
        }
    }

    fn show(&mut self, done: usize, total: usize) {
        if self.enabled && done < total && self.started.elapsed() > PROGRESS_AFTER {
            self.is_shown = true;
            eprint!("\r(reading the prompt: {done} of {total} tokens)");
        }
    }

    fn clear(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            eprint!("\r\x1b[K");
        }
    }
}
