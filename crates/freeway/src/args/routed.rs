//! The commands about models that others run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use router::Sort;
use router::reliability::Window;

use super::StoreArgs;

/// Where settings are read from: the same as `freeway serve` does.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Settings in TOML, as of `freeway serve`
    #[arg(
        long,
        env = "FREEWAY_CONFIG",
        value_name = "FILE",
        global = true,
        help_heading = "Settings"
    )]
    config: Option<OsString>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

impl ConfigArgs {
    /// The file that was named. An empty variable is one that is not set.
    pub(crate) fn file(&self) -> Option<&Path> {
        let path = self.config.as_deref();
        path.filter(|path| !path.is_empty()).map(Path::new)
    }
}

/// Show which models are here, or which ones others give for nothing
///
/// Without --free: what is on this machine, how large it is and whether it fits into memory. With it:
/// the catalogue of free models as the last look at the hosts left it, from the store and without a
/// network, with what was seen of each since.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  freeway models                                     # on this machine
  freeway models --free --tools --sort leastIssues   # at hosts: those that call functions
  freeway models --free --search \"gpt oss\" --json
  freeway models show openai/gpt-oss-20b             # everything known of one

`freeway sync` looks at the hosts now; `freeway serve` does so every hour. A rate of errors stands with
its 95 % interval and the number of cases; `no data` is no case, and not a rate of 0. A `~` is the
host's own word, where nothing was measured here.

Exit codes: 0 done, 1 failed, 2 wrong command line.")]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,

    /// The models that hosts give for nothing
    #[arg(long)]
    pub(crate) free: bool,

    #[command(flatten)]
    pub(crate) filters: FreeArgs,

    /// Print one JSON object instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) settings: ConfigArgs,
}

/// Which of the free models, and in which order.
#[derive(Debug, Args)]
pub(crate) struct FreeArgs {
    /// Only those that call functions
    #[arg(long, requires = "free")]
    pub(crate) tools: bool,

    /// Only those that see images
    #[arg(long, requires = "free")]
    pub(crate) vision: bool,

    /// Only those that think before they speak
    #[arg(long, requires = "free")]
    pub(crate) reasoning: bool,

    /// Only those whose answers can be made to follow a schema
    #[arg(long, requires = "free")]
    pub(crate) structured: bool,

    /// Only those that take 100,000 tokens or more
    #[arg(long, requires = "free")]
    pub(crate) long_context: bool,

    /// Only those with these words in their id, name or description
    #[arg(long, requires = "free", value_name = "TEXT")]
    pub(crate) search: Option<String>,

    /// Only those that fail in at most so many of a hundred cases
    #[arg(long, requires = "free", value_name = "PERCENT",
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) max_error_rate: Option<u8>,

    /// Which come first: contextLength, maxOutput, capable, leastIssues or newest [default:
    /// contextLength]
    #[arg(long, requires = "free", value_name = "KEY", value_parser = parse_sort)]
    pub(crate) sort: Option<Sort>,

    /// At most so many
    #[arg(long, requires = "free", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Over which time errors and times count: 15m, 30m, 1h, 6h, 24h, 7d, 30d or all [default: 7d]
    #[arg(long, requires = "free", value_name = "SPAN", value_parser = parse_window)]
    pub(crate) window: Option<Window>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Print everything that is known of a model
    ///
    /// Its specification and how that changed, who has it and within which limits, on which days it
    /// could be had, and how often it failed by whose fault.
    Show {
        /// Its id, with or without `:free`, or another name of it
        id: String,
    },
}

/// Look at what the hosts have, once and now
///
/// Asks every host of the settings for its list and writes what it has, what is new, gone and changed
/// into the store, as `freeway serve` does every hour. A server that runs beside it follows within a
/// minute. What a host that cannot be read has stays as it was.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  OPENROUTER_API_KEY=… freeway sync
  freeway sync --config freeway.toml --json

Exit codes: 0 a list was read, 1 none could be, 2 wrong settings.")]
pub(crate) struct SyncArgs {
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) settings: ConfigArgs,
}

/// Ask whoever is likeliest to answer, or say who that is and why
///
/// Sends the prompt as the server would, to one deployment after the other until one answers. The
/// answer goes to standard output, who was asked to standard error, and every attempt into the store.
/// With --explain nobody is asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  freeway route \"What is 27 + 58?\"
  freeway route --model openai/gpt-oss-20b,openai/gpt-oss-120b \"Is 391 prime?\"
  freeway route --tools weather.json --explain \"Is it raining in Oslo?\"
  git diff | freeway route --model groq/openai/gpt-oss-20b --json -

`freeway sync` tells it what hosts have. `--local-model none` leaves this machine out.

Exit codes: 0 answered or explained, 1 failed, 2 wrong command line, 130 interrupted.")]
pub(crate) struct RouteArgs {
    /// The question; `-` reads it from standard input
    pub(crate) prompt: String,

    /// The models that may answer, in this order: ids or other names, one host's deployment as
    /// HOST/NAME, or `auto` for any
    #[arg(
        long,
        short,
        value_name = "MODEL[,MODEL…]",
        value_delimiter = ',',
        default_value = "auto"
    )]
    pub(crate) model: Vec<String>,

    /// Functions the model may call, from a JSON file
    #[arg(long, value_name = "FILE.json")]
    pub(crate) tools: Option<PathBuf>,

    /// Print who would be asked in which order, who would not, and why
    #[arg(long)]
    pub(crate) explain: bool,

    /// Do not print the reasoning
    #[arg(long, conflicts_with = "explain")]
    pub(crate) hide_reasoning: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// The model of this machine that may answer too, or `none` [default: as `freeway serve`]
    #[arg(long, env = "FREEWAY_MODEL", value_name = "MODEL")]
    local_model: Option<String>,

    #[command(flatten)]
    pub(crate) settings: ConfigArgs,
}

impl RouteArgs {
    /// The model of this machine that was named. An empty variable is one that is not set.
    pub(crate) fn local_model(&self) -> Option<&str> {
        self.local_model.as_deref().filter(|name| !name.is_empty())
    }
}

fn parse_sort(text: &str) -> Result<Sort, String> {
    Sort::parse(text).ok_or_else(|| one_of(Sort::ALL.iter().map(|sort| sort.as_str())))
}

fn parse_window(text: &str) -> Result<Window, String> {
    Window::parse(text).ok_or_else(|| one_of(Window::ALL.into_iter().map(Window::as_str)))
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("give one of {}", words.collect::<Vec<_>>().join(", "))
}
