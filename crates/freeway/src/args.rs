//! What can be typed: the command line, as clap reads it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

mod routed;

pub(crate) use routed::{FreeArgs, ModelsArgs, ModelsCommand, RouteArgs, SyncArgs};

/// Run gpt-oss on your own machine, from one binary.
#[derive(Debug, Parser)]
#[command(
    name = "freeway",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "\
Examples:
  freeway chat \"What is 27 + 58?\"             ask the model on this machine
  freeway sync && freeway models --free       which models others give for nothing?
  freeway route \"What is 27 + 58?\"            ask whoever is likeliest to answer
  freeway serve                               all of that as the OpenAI API"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Chat(ChatArgs),
    Serve(ServeArgs),
    Pull(PullArgs),
    Models(ModelsArgs),
    Sync(SyncArgs),
    Route(RouteArgs),
    Doctor(DoctorArgs),
    Score(ScoreArgs),
    Synth(SynthArgs),
    Harmony(HarmonyArgs),
    Keys(KeysArgs),
}

/// Where the model comes from and how it is run.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// `demo`, a checkpoint directory, or a hub id such as openai/gpt-oss-20b that is in the local
    /// Hugging Face cache [default: openai/gpt-oss-20b if it is there, else demo]
    #[arg(long, short, env = "FREEWAY_MODEL", value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Compute threads [default: one per core]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,

    /// Compute in 32-bit floats with the weights as stored: slower, the reference for the default
    #[arg(long)]
    pub(crate) exact: bool,
}

impl ModelArgs {
    /// The model that was named. An empty variable is one that is not set.
    pub(crate) fn name(&self) -> Option<&str> {
        self.model.as_deref().filter(|name| !name.is_empty())
    }
}

/// Ask the model something, once or in a conversation
///
/// With a PROMPT it answers once. Without one it opens a conversation in a terminal, or reads the
/// prompt from standard input in a pipe.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  freeway chat \"What is 27 + 58?\"
  freeway chat --effort high --seed 7 \"Is 391 prime?\"
  freeway chat --tools weather.json --json \"Is it raining in Oslo?\"
  git diff | freeway chat --model ~/models/gpt-oss-20b --system \"Review this change.\"

A tools file is a JSON array of functions, each {\"name\", \"description\", \"parameters\"}, or of
{\"type\": \"function\", \"function\": {…}} as in the OpenAI API.

To run gpt-oss-20b, fetch it once (13.8 GB):
  freeway pull openai/gpt-oss-20b

Exit codes: 0 answered, 1 failed, 2 wrong command line, 130 interrupted.")]
pub(crate) struct ChatArgs {
    /// The question; `-` reads it from standard input
    pub(crate) prompt: Option<String>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// How long the model may think before it answers
    #[arg(long, short, value_enum, default_value_t = Effort::Medium)]
    pub(crate) effort: Effort,

    /// Instructions that stand above the conversation
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) system: Option<String>,

    /// Functions the model may call, from a JSON file
    #[arg(long, value_name = "FILE.json")]
    pub(crate) tools: Option<PathBuf>,

    /// Ask for an answer in JSON of this schema; the model is told so, its output is not forced
    #[arg(long, value_name = "FILE.json")]
    pub(crate) schema: Option<PathBuf>,

    /// Answer Harmony conversations from a file of JSON lines, one answer for each line
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["prompt", "system", "tools", "schema", "effort", "date"])]
    pub(crate) conversation: Option<PathBuf>,

    /// Randomness: 0 always takes the likeliest token [default: as the model's files say, else 1]
    #[arg(long, short, value_name = "T", allow_negative_numbers = true)]
    pub(crate) temperature: Option<f32>,

    /// Sample only from the likeliest tokens that together have this probability [default: as the
    /// model's files say, else 1]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub(crate) top_p: Option<f32>,

    /// The same seed and prompt give the same answer, byte for byte [default: a new one each time]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Stop after this many tokens, reasoning included [default: what the context holds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,

    /// The date that the model is told [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) date: Option<String>,

    /// Do not print the reasoning
    #[arg(long)]
    pub(crate) hide_reasoning: bool,

    /// Print one JSON object: reasoning, content, tool_calls, usage, timings
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Effort {
    Low,
    Medium,
    High,
}

/// Download a gpt-oss checkpoint from the Hugging Face hub
///
/// The files go into the Hugging Face cache, where other programs find them too. What is there is
/// not downloaded again; a download that was cut off goes on where it stopped. Every file is held
/// against the hub's checksum.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  freeway pull openai/gpt-oss-20b      13.8 GB, for 16 GB of memory or more
  freeway pull openai/gpt-oss-120b     65.3 GB, for 80 GB of memory or more

Environment:
  HF_HOME, HF_HUB_CACHE   where the files go [default: ~/.cache/huggingface/hub]
  HF_TOKEN                for private and gated models
  HF_ENDPOINT             a mirror of the hub
  HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE

Exit codes: 0 everything is here, 1 failed, 2 wrong command line, 130 interrupted.")]
pub(crate) struct PullArgs {
    /// The id of the model, such as openai/gpt-oss-20b
    pub(crate) model: String,

    /// A branch, a tag or a commit [default: main]
    #[arg(long, value_name = "REVISION")]
    pub(crate) revision: Option<String>,

    /// Every file of the repository, also those that this engine does not read
    #[arg(long)]
    pub(crate) all: bool,

    /// Read again what is already here, and replace what is damaged
    #[arg(long)]
    pub(crate) verify: bool,

    /// Failures in a row after which to give up
    #[arg(long, hide = true, env = "FREEWAY_PULL_RETRIES", default_value_t = 8,
          value_parser = clap::value_parser!(u32).range(..=1000))]
    pub(crate) retries: u32,

    /// Milliseconds before the first new attempt; doubles with each further one
    #[arg(
        long,
        hide = true,
        env = "FREEWAY_PULL_BACKOFF_MS",
        default_value_t = 500
    )]
    pub(crate) backoff_ms: u64,

    /// Milliseconds that a server may say nothing
    #[arg(long, hide = true, env = "FREEWAY_PULL_STALL_MS", default_value_t = 30_000,
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(crate) stall_ms: u64,
}

/// Look at this machine: what it has, how fast it can be, and what stands in the way
///
/// Measures how fast memory is read, which takes two seconds and a little memory. Nothing is changed
/// and nothing is sent anywhere.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 everything works, 1 something is broken.")]
pub(crate) struct DoctorArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Serve the model over HTTP, as the OpenAI API
///
/// Any OpenAI client works with the base URL http://127.0.0.1:8080/v1. On this machine no key is
/// needed; for other machines make one with `freeway keys create`. Traces go to the OpenTelemetry
/// collector that OTEL_EXPORTER_OTLP_ENDPOINT names, if it is set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  freeway serve
  freeway serve --model openai/gpt-oss-20b --listen 127.0.0.1:9000
  freeway serve --listen 0.0.0.0:8080        # after: freeway keys create
  freeway serve --sample-data                # see the pages full before anybody was asked

Ask it:
  curl http://127.0.0.1:8080/v1/chat/completions \\
    -d '{\"model\": \"auto\", \"messages\": [{\"role\": \"user\", \"content\": \"What is 27 + 58?\"}]}'

freeway.example.toml shows every setting. Exit codes: 0 ended as asked, 1 failed, 2 wrong settings.")]
pub(crate) struct ServeArgs {
    /// Settings in TOML; flags and variables win over it
    #[arg(long, env = "FREEWAY_CONFIG", value_name = "FILE")]
    config: Option<OsString>,

    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, short, env = "FREEWAY_LISTEN", value_name = "ADDR:PORT")]
    listen: Option<String>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// The name by which clients ask for the model [default: its hub id or directory name]
    #[arg(long, value_name = "NAME")]
    pub(crate) served_name: Option<String>,

    /// Ask for a key on this machine, too
    #[arg(long)]
    pub(crate) require_key: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Show a made-up history of about fifty models instead of a real one, up to noon of 2026-03-19
    ///
    /// It lies in memory and is gone with the server: no database is opened, no host is asked, and
    /// every page says that it is sample data. The model of this machine answers as usual. Where keys
    /// are asked for, one that works for this run is printed.
    #[arg(long)]
    pub(crate) sample_data: bool,

    /// What to log: error, warn, info, debug or trace [default: info]
    #[arg(long, env = "FREEWAY_LOG", value_name = "LEVEL")]
    log: Option<String>,
}

/// An empty variable is one that is not set.
impl ServeArgs {
    pub(crate) fn config(&self) -> Option<&Path> {
        let path = self.config.as_deref();
        path.filter(|path| !path.is_empty()).map(Path::new)
    }

    pub(crate) fn listen(&self) -> Option<&str> {
        self.listen.as_deref().filter(|text| !text.is_empty())
    }

    pub(crate) fn log(&self) -> Option<&str> {
        self.log.as_deref().filter(|text| !text.is_empty())
    }
}

/// Print how likely the model finds each token of a text
///
/// Prints the natural-log probability of each token given those before it, and the perplexity of
/// the whole. With --tokens no tokenizer file is needed.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("input").required(true).args(["file", "tokens"]))]
pub(crate) struct ScoreArgs {
    /// A text file; `-` reads standard input
    pub(crate) file: Option<PathBuf>,

    /// Token ids instead of a text: separated by commas, or @FILE for a file of them (`@-` is
    /// standard input)
    #[arg(long, value_name = "IDS")]
    pub(crate) tokens: Option<String>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Also write the raw logits, 32-bit floats [tokens, vocabulary], as tensor `logits`
    #[arg(long, value_name = "F.safetensors")]
    pub(crate) logits_out: Option<PathBuf>,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write a random checkpoint of an exact gpt-oss shape, for tests and benchmarks
///
/// The files have the names, shapes and types of the published checkpoints; the weights are noise
/// from the seed, so the same command writes the same bytes.
#[derive(Debug, Args)]
pub(crate) struct SynthArgs {
    /// The shape to start from; the flags below change single dimensions
    #[arg(long, value_enum, default_value_t = Preset::Tiny)]
    pub(crate) preset: Preset,

    /// A new or empty directory
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Seed of the weights
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// Transformer layers
    #[arg(long, value_name = "N")]
    pub(crate) layers: Option<usize>,
    /// Width of the residual stream, a multiple of 32
    #[arg(long, value_name = "N")]
    pub(crate) hidden: Option<usize>,
    /// Width inside an expert, a multiple of 32
    #[arg(long, value_name = "N")]
    pub(crate) intermediate: Option<usize>,
    /// Experts in each layer
    #[arg(long, value_name = "N")]
    pub(crate) experts: Option<usize>,
    /// Experts that each token uses
    #[arg(long, value_name = "N")]
    pub(crate) experts_per_token: Option<usize>,
    /// Query heads
    #[arg(long, value_name = "N")]
    pub(crate) heads: Option<usize>,
    /// Key and value heads; divides the query heads
    #[arg(long, value_name = "N")]
    pub(crate) kv_heads: Option<usize>,
    /// Width of a head, even
    #[arg(long, value_name = "N")]
    pub(crate) head_dim: Option<usize>,
    /// Vocabulary rows
    #[arg(long, value_name = "N")]
    pub(crate) vocab: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// A few hundred kilobytes
    Tiny,
    /// gpt-oss-20b: 13.8 GB
    #[value(name = "20b")]
    Gpt20b,
    /// gpt-oss-120b: 65.2 GB
    #[value(name = "120b")]
    Gpt120b,
}

/// Turn conversations into Harmony tokens and back
#[derive(Debug, Args)]
pub(crate) struct HarmonyArgs {
    #[command(subcommand)]
    pub(crate) command: HarmonyCommand,

    /// A `tokenizer.json` [default: o200k_harmony, the one of gpt-oss]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) tokenizer: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HarmonyCommand {
    /// Read a conversation as JSON, print the token ids to complete as a JSON array
    Render {
        /// Render a training example: no opening of a next message, and an answer at the end keeps
        /// its `<|return|>`
        #[arg(long)]
        training: bool,
    },
    /// Read token ids as a JSON array, print the messages as JSON
    Parse,
    /// Read text, print its token ids; special tokens in the text stay text
    Tokenize {
        /// The other way: read ids, print the text
        #[arg(long)]
        decode: bool,
    },
}

/// Make, list, change and revoke the keys that callers of the server present
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  KEY=$(freeway keys create laptop --expires 90 --requests-per-day 200)
  freeway keys list
  freeway keys set key_9fT2LkQ7ZbXe --allow-model openai/gpt-oss-20b
  freeway keys revoke key_9fT2LkQ7ZbXe

Exit codes: 0 done, 1 failed, 2 wrong command line.")]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it, this once; what is kept is its hash
    Create {
        /// What the key is for, to recognise it by
        name: Option<String>,

        /// The same as NAME
        #[arg(
            long = "name",
            value_name = "NAME",
            conflicts_with = "name",
            hide = true
        )]
        name_flag: Option<String>,

        /// Refuse the key after so many days, or from the beginning of a date in UTC on [default:
        /// never]
        #[arg(long, value_name = "DAYS|YYYY-MM-DD", allow_hyphen_values = true)]
        expires: Option<String>,

        #[command(flatten)]
        settings: KeySettingsArgs,
    },
    /// Change what a key may do; what is not named stays
    ///
    /// A running server follows within ten seconds (`key_cache_s`).
    Set {
        /// The id of the key, as `freeway keys list` shows it
        id: String,

        #[command(flatten)]
        settings: KeySettingsArgs,
    },
    /// Print a key, its settings, and how far its quota is used up
    Show {
        /// The id of the key, as `freeway keys list` shows it
        id: String,

        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print all keys, the newest first
    List {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Refuse a key from now on
    Revoke {
        /// The id of the key, `key_` and 12 characters, as `freeway keys list` shows it
        id: String,
    },
}

/// What a key may do.
#[derive(Debug, Args)]
pub(crate) struct KeySettingsArgs {
    /// Let the key manage keys and see everybody's requests
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) admin: Option<bool>,

    /// Keep what its requests say, together with the log of requests
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub(crate) keep_content: Option<bool>,

    /// Requests within a minute of UTC; `none` lifts the limit
    #[arg(long, value_name = "N|none", value_parser = KeyLimit::parse)]
    pub(crate) requests_per_minute: Option<KeyLimit>,

    /// Requests within a day of UTC
    #[arg(long, value_name = "N|none", value_parser = KeyLimit::parse)]
    pub(crate) requests_per_day: Option<KeyLimit>,

    /// Tokens of prompts and answers within a minute of UTC
    #[arg(long, value_name = "N|none", value_parser = KeyLimit::parse)]
    pub(crate) tokens_per_minute: Option<KeyLimit>,

    /// Tokens of prompts and answers within a day of UTC
    #[arg(long, value_name = "N|none", value_parser = KeyLimit::parse)]
    pub(crate) tokens_per_day: Option<KeyLimit>,

    /// Let the key ask this model alone; give it several times for several [default: every model]
    #[arg(long, value_name = "MODEL", conflicts_with = "allow_any_model")]
    pub(crate) allow_model: Vec<String>,

    /// Let the key ask every model again
    #[arg(long)]
    pub(crate) allow_any_model: bool,

    /// How its requests are routed, a JSON object such as {"sort": "leastIssues"}; replaces what was
    /// there
    #[arg(long, value_name = "JSON")]
    pub(crate) preferences: Option<String>,
}

/// A limit to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyLimit(pub(crate) Option<u32>);

impl KeyLimit {
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(limit @ 1..) => Ok(Self(Some(limit))),
            _ if text == "none" => Ok(Self(None)),
            _ => Err(format!("give a number from 1 to {}, or none", u32::MAX)),
        }
    }
}

/// Where keys and the log of requests are kept.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The database, sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE [default:
    /// freeway/freeway.db in the user's data directory]
    #[arg(
        long,
        env = "FREEWAY_STORE",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    store: Option<String>,
}

impl StoreArgs {
    /// The store that was named. An empty variable is one that is not set.
    pub(crate) fn url(&self) -> Option<&str> {
        self.store.as_deref().filter(|url| !url.is_empty())
    }
}
