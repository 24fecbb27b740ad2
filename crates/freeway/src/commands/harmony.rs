//! `freeway harmony`: conversations to tokens and back, on standard input and output.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use harmony::{Conversation, Encoding, ParserOptions, ParserStart, TokenId, Tokenizer};

use crate::args::{HarmonyArgs, HarmonyCommand};
use crate::input;

pub(crate) fn run(args: HarmonyArgs) -> anyhow::Result<ExitCode> {
    let input = input::read_stdin()?;
    let mut out = BufWriter::new(io::stdout().lock());
    match args.command {
        HarmonyCommand::Render { training } => {
            let encoding = encoding(args.tokenizer.as_deref())?;
            let conversation = Conversation::from_json(utf8(&input)?)?;
            let tokens = if training {
                encoding.render_for_training(&conversation)
            } else {
                encoding.render_for_completion(&conversation)
            };
            serde_json::to_writer(&mut out, &tokens)?;
            writeln!(out)?;
        }
        HarmonyCommand::Parse => {
            let encoding = encoding(args.tokenizer.as_deref())?;
            let tokens = token_ids(&input)?;
            // Rendered conversations begin with a role; completions continue `<|start|>assistant`.
            let start = match tokens.first() {
                Some(&token) if token == encoding.special_tokens().start => ParserStart::Message,
                _ => ParserStart::AfterAssistant,
            };
            let options = ParserOptions {
                start,
                ..ParserOptions::default()
            };
            let conversation = Conversation::new(encoding.parse(&tokens, options));
            serde_json::to_writer(&mut out, &conversation)?;
            writeln!(out)?;
        }
        HarmonyCommand::Tokenize { decode: true } => {
            let tokenizer = tokenizer(args.tokenizer.as_deref())?;
            let tokens = token_ids(&input)?;
            let mut ids = tokens.iter().enumerate();
            if let Some((index, id)) = ids.find(|&(_, &id)| tokenizer.token_bytes(id).is_none()) {
                bail!(
                    "id {id} at index {index} is no token of this tokenizer, whose ids end at {}: \
                     name the tokenizer that the ids are of with --tokenizer FILE",
                    tokenizer.num_tokens().saturating_sub(1)
                );
            }
            out.write_all(&tokenizer.decode(&tokens))?;
        }
        HarmonyCommand::Tokenize { decode: false } => {
            let tokenizer = tokenizer(args.tokenizer.as_deref())?;
            serde_json::to_writer(&mut out, &tokenizer.encode_bytes(&input))?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn utf8(input: &[u8]) -> anyhow::Result<&str> {
    std::str::from_utf8(input).context("the input is not UTF-8 text, which JSON has to be")
}

fn token_ids(input: &[u8]) -> anyhow::Result<Vec<TokenId>> {
    serde_json::from_slice(input).context(
        "the input is not a JSON array of token ids such as [200006, 1428], which `freeway harmony \
         render` prints",
    )
}

fn tokenizer(path: Option<&Path>) -> anyhow::Result<Arc<Tokenizer>> {
    let Some(path) = path else {
        return Ok(Tokenizer::o200k_harmony());
    };
    let json = input::read(path)?;
    let tokenizer = Tokenizer::from_tokenizer_json(&json)
        .with_context(|| format!("cannot use {}", path.display()))?;
    Ok(Arc::new(tokenizer))
}

fn encoding(path: Option<&Path>) -> anyhow::Result<Encoding> {
    Ok(match path {
        None => Encoding::gpt_oss(),
        Some(_) => Encoding::new(tokenizer(path)?)?,
    })
}
