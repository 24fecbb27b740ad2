//! `freeway score`: how likely the model finds each token of a text.

mod logits_file;

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use engine::{
    Batch, Chunk, KvCache, KvCacheOptions, LogitRows, Model, RunState, TokenId, log_sum_exp,
};
use harmony::Encoding;
use serde_json::json;

use crate::args::ScoreArgs;
use crate::input::read_text;
use crate::local_model::ModelSource;
use crate::terminal::StatusLine;
use crate::{UsageError, hub_cache, interrupt};
use logits_file::LogitsFile;

/// Tokens of one forward pass. All of them leave logits, 0.8 MB each for gpt-oss.
const CHUNK_TOKENS: usize = 64;

pub(crate) fn run(args: ScoreArgs) -> anyhow::Result<ExitCode> {
    let cache = hub_cache::directory();
    let source = ModelSource::resolve(args.model.name(), cache.as_deref())?;
    let text = args.file.as_deref().map(read_text).transpose()?;
    let ids = args.tokens.as_deref().map(read_ids).transpose()?;
    if args.model.name().is_none() {
        source.announce();
    }
    interrupt::install()?;
    let model = source.load_model(&args.model)?;
    // Ids need no tokenizer; with one, the table can show the text of each.
    let (tokens, encoding) = match (text, ids) {
        (Some(text), _) => {
            let encoding = source.load_encoding(model.config())?;
            (encoding.tokenizer().encode(&text), Some(encoding))
        }
        (None, tokens) => (
            tokens.unwrap_or_default(),
            source.load_encoding(model.config()).ok(),
        ),
    };
    check(&tokens, &model)?;

    let mut logits_file = args
        .logits_out
        .as_deref()
        .map(|path| LogitsFile::create(path, tokens.len(), model.config().vocab_size))
        .transpose()?;
    let Some(logprobs) = score(&model, &tokens, &mut logits_file)? else {
        return Ok(ExitCode::from(interrupt::EXIT_CODE));
    };
    if let Some(file) = logits_file {
        file.finish()?;
    }
    let score = Score {
        model: source.name(),
        tokens: &tokens,
        logprobs: &logprobs,
        encoding: encoding.as_ref(),
    };
    let stdout = BufWriter::new(io::stdout().lock());
    if args.json {
        score.print_json(stdout)?
    } else {
        score.print_table(stdout)?
    }
    Ok(ExitCode::SUCCESS)
}

/// Token ids: a list, or `@` and a file of one, separated by commas or white space. A JSON array is
/// such a list.
fn read_ids(argument: &str) -> anyhow::Result<Vec<TokenId>> {
    let text = match argument.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None => argument.to_owned(),
    };
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']'))
        .filter(|word| !word.is_empty())
        .map(|word| {
            word.parse()
                .map_err(|_| UsageError(format!("--tokens: {word:?} is no token id")).into())
        })
        .collect()
}

fn check(tokens: &[TokenId], model: &Model) -> anyhow::Result<()> {
    let config = model.config();
    ensure!(
        !tokens.is_empty(),
        "there is nothing to score: the input has no tokens"
    );
    ensure!(
        tokens.len() <= config.max_position_embeddings,
        "the input has {} tokens, the context of this model holds {}",
        tokens.len(),
        config.max_position_embeddings
    );
    if let Some(&id) = tokens.iter().find(|&&id| id as usize >= config.vocab_size) {
        bail!(
            "token {id} is outside the vocabulary, ids 0 to {}",
            config.vocab_size - 1
        );
    }
    Ok(())
}

/// The natural-log probability of each token given those before it; the first has none. `None` when
/// Ctrl-C was pressed.
fn score(
    model: &Model,
    tokens: &[TokenId],
    logits_file: &mut Option<LogitsFile>,
) -> anyhow::Result<Option<Vec<Option<f64>>>> {
    let budget_bytes =
        KvCache::sequence_bytes(model.config(), model.mode(), CHUNK_TOKENS, tokens.len())
            .context("the input is too long for this machine")?;
    let options = KvCacheOptions {
        budget_bytes,
        max_chunk: CHUNK_TOKENS,
    };
    let mut cache = KvCache::new(model.config(), model.mode(), options)?;
    let mut state = RunState::new(model, CHUNK_TOKENS, CHUNK_TOKENS)?;
    let sequence = cache.add_sequence()?;
    let mut status = StatusLine::new();
    let mut logprobs = vec![None];
    for (index, chunk) in tokens.chunks(CHUNK_TOKENS).enumerate() {
        let position = index * CHUNK_TOKENS;
        if interrupt::is_set() {
            return Ok(None);
        }
        status.show(format_args!("{position} of {} tokens", tokens.len()));
        let chunk = Chunk {
            sequence,
            position,
            tokens: chunk.to_vec(),
            logits: LogitRows::All,
        };
        let num_rows = chunk.tokens.len();
        model.forward(
            &Batch {
                chunks: vec![chunk],
            },
            &mut cache,
            &mut state,
        )?;
        for row in 0..num_rows {
            let logits = state.logits(row);
            if let Some(file) = logits_file {
                file.push(logits)?;
            }
            if let Some(&next) = tokens.get(position + row + 1) {
                let logit = f64::from(logits[next as usize]);
                let logprob = logit - log_sum_exp(logits);
                ensure!(
                    !logprob.is_nan(),
                    "the model's logits at position {} are not numbers: its weights are damaged",
                    position + row
                );
                logprobs.push(Some(logprob));
            }
        }
    }
    Ok(Some(logprobs))
}

struct Score<'a> {
    model: &'a str,
    tokens: &'a [TokenId],
    logprobs: &'a [Option<f64>],
    encoding: Option<&'a Encoding>,
}

impl Score<'_> {
    /// exp of the mean negative log-probability; `None` for a single token.
    fn perplexity(&self) -> Option<f64> {
        let scored: Vec<f64> = self.logprobs.iter().flatten().copied().collect();
        (!scored.is_empty()).then(|| (-scored.iter().sum::<f64>() / scored.len() as f64).exp())
    }

    fn text(&self, token: TokenId) -> Option<String> {
        let bytes = self.encoding?.tokenizer().token_bytes(token)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn rows(&self) -> impl Iterator<Item = (TokenId, Option<f64>)> {
        self.tokens
            .iter()
            .copied()
            .zip(self.logprobs.iter().copied())
    }

    fn print_json(&self, mut out: impl Write) -> anyhow::Result<()> {
        let tokens: Vec<_> = self
            .rows()
            .map(|(id, logprob)| json!({"id": id, "text": self.text(id), "logprob": logprob}))
            .collect();
        writeln!(
            out,
            "{}",
            json!({"model": self.model, "tokens": tokens, "perplexity": self.perplexity()})
        )?;
        Ok(out.flush()?)
    }

    fn print_table(&self, mut out: impl Write) -> anyhow::Result<()> {
        writeln!(
            out,
            "{:>8}  {:>7}  {:>10}  text",
            "position", "id", "logprob"
        )?;
        for (position, (id, logprob)) in self.rows().enumerate() {
            let logprob = logprob.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
            // Debug form: a token may be a line break or half a character.
            let text = self
                .text(id)
                .map(|text| format!("{text:?}"))
                .unwrap_or_default();
            writeln!(out, "{position:>8}  {id:>7}  {logprob:>10}  {text}")?;
        }
        match self.perplexity() {
            Some(perplexity) => writeln!(out, "\nperplexity {perplexity:.4}")?,
            None => writeln!(out, "\none token has no perplexity")?,
        }
        Ok(out.flush()?)
    }
}
