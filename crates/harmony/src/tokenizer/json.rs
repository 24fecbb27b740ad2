//! Reads Hugging Face's `tokenizer.json`.

mod schema;
mod token_table;

use serde_json::Value;

use self::schema::{File, Kind, Model};
use self::token_table::TokenTable;
use super::added_tokens::{AddedToken, AddedTokens};
use super::bpe::{Bpe, Merge, Merges};
use super::error::{TokenizerError, shorten};
use super::normalizer::Normalizer;
use super::o200k_split::O200K_PATTERN;
use super::regex_split::RegexSplit;
use super::{Split, Tokenizer};
use crate::TokenId;
use crate::vocab::Vocab;

/// Steps of one pre-tokenizer.
const MAX_SPLITS: usize = 16;

/// What GPT-2's pre-tokenizer splits with: `ByteLevel` with `use_regex`.
const GPT2_PATTERN: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

pub(super) fn read(json: &[u8]) -> Result<Tokenizer, TokenizerError> {
    let file: File =
        serde_json::from_slice(json).map_err(|error| {
            match serde_json::from_slice::<Kind>(json) {
                Ok(kind) if kind.model.r#type != "BPE" => {
                    unsupported("model.type", &kind.model.r#type)
                }
                _ => TokenizerError::Json(error),
            }
        })?;
    check_model(&file.model)?;
    let normalizer = normalizer(&file.normalizer)?;
    if file.decoder["type"] != "ByteLevel" {
        return Err(unsupported_value("decoder", &file.decoder));
    }
    let mut tokens = TokenTable::default();
    for (text, &id) in &file.model.vocab {
        tokens.add_from_vocab(text, id)?;
    }
    let mut specials = Vec::new();
    let mut added = Vec::new();
    for token in file
        .added_tokens
        .iter()
        .filter(|token| !token.content.is_empty())
    {
        let text = token.content.as_str();
        if file.model.vocab.get(text).is_some_and(|&id| id != token.id) {
            return Err(unsupported(
                "added_tokens[] with another id than in model.vocab",
                text,
            ));
        }
        let id = tokens.add_added(text, token.id, token.special)?;
        if token.special {
            specials.push((id, text.to_owned()));
        } else if token.single_word || token.lstrip || token.rstrip {
            return Err(unsupported(
                "added_tokens[] with single_word, lstrip or rstrip",
                text,
            ));
        } else {
            let text = if token.normalized {
                normalizer.apply(text)
            } else {
                text.into()
            };
            added.push(AddedToken {
                normalized: token.normalized,
                id,
                text,
            });
        }
    }
    let vocab = tokens.into_vocab(specials);
    let bpe = Bpe {
        byte_ids: byte_ids(&vocab)?,
        merges: Merges::Listed(merges(&file.model, &vocab)?),
        whole_piece_first: file.model.ignore_merges,
    };
    added.retain(|token| !vocab.specials().contains_key(&token.id));
    Ok(Tokenizer {
        // Last, being the slowest to find fault.
        splits: splits(&file.pre_tokenizer)?,
        added: AddedTokens::new(&added)?,
        normalizer,
        vocab,
        bpe,
    })
}

fn unsupported(field: &'static str, value: &str) -> TokenizerError {
    TokenizerError::Unsupported {
        field,
        value: shorten(value),
    }
}

fn unsupported_value(field: &'static str, value: &Value) -> TokenizerError {
    unsupported(field, &value.to_string())
}

/// None, `NFC`, or a list of these: what is composed stays so.
fn normalizer(value: &Value) -> Result<Normalizer, TokenizerError> {
    let one = [value.clone()];
    let steps = match value["normalizers"].as_array() {
        Some(steps) if value["type"] == "Sequence" => steps.as_slice(),
        _ if value.is_null() => &[],
        _ => one.as_slice(),
    };
    match steps.iter().find(|step| step["type"] != "NFC") {
        Some(other) => Err(unsupported_value("normalizer", other)),
        None if steps.is_empty() => Ok(Normalizer::None),
        None => Ok(Normalizer::Nfc),
    }
}

fn check_model(model: &Model) -> Result<(), TokenizerError> {
    if let Some(kind) = model.r#type.as_deref().filter(|kind| *kind != "BPE") {
        return Err(unsupported("model.type", kind));
    }
    if let Some(dropout) = model.dropout.filter(|dropout| *dropout != 0.0) {
        return Err(unsupported("model.dropout", &dropout.to_string()));
    }
    if model.byte_fallback {
        return Err(unsupported("model.byte_fallback", "true"));
    }
    for (field, value) in [
        (
            "model.continuing_subword_prefix",
            &model.continuing_subword_prefix,
        ),
        ("model.end_of_word_suffix", &model.end_of_word_suffix),
    ] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            return Err(unsupported(field, value));
        }
    }
    Ok(())
}

/// The splits that `pre_tokenizer` makes one after the other: any number of `Split` and `Digits`,
/// then `ByteLevel`.
fn splits(pre_tokenizer: &Value) -> Result<Vec<Split>, TokenizerError> {
    let one = [pre_tokenizer.clone()];
    let steps = match pre_tokenizer["pretokenizers"].as_array() {
        Some(steps) if pre_tokenizer["type"] == "Sequence" => steps.as_slice(),
        _ => one.as_slice(),
    };
    let Some((byte_level, before)) = steps.split_last() else {
        return Err(unsupported_value("pre_tokenizer", pre_tokenizer));
    };
    if byte_level["type"] != "ByteLevel" {
        return Err(unsupported_value(
            "pre_tokenizer (which has to end in ByteLevel)",
            byte_level,
        ));
    }
    if byte_level["add_prefix_space"] != false {
        return Err(unsupported_value(
            "pre_tokenizer.add_prefix_space",
            byte_level,
        ));
    }
    if before.len() > MAX_SPLITS {
        return Err(unsupported(
            "pre_tokenizer.pretokenizers.length",
            &before.len().to_string(),
        ));
    }
    let mut splits = before.iter().map(split).collect::<Result<Vec<_>, _>>()?;
    if byte_level["use_regex"] != false {
        splits.push(Split::Regex(RegexSplit::new(GPT2_PATTERN)?));
    }
    Ok(splits)
}

fn split(step: &Value) -> Result<Split, TokenizerError> {
    if step["type"] == "Digits" {
        return match step["individual_digits"] {
            Value::Bool(true) => Ok(Split::Regex(RegexSplit::new(r"\p{N}")?)),
            Value::Bool(false) => Ok(Split::Regex(RegexSplit::new(r"\p{N}+")?)),
            _ => Err(unsupported_value("pre_tokenizer.individual_digits", step)),
        };
    }
    if step["type"] != "Split" {
        return Err(unsupported_value("pre_tokenizer", step));
    }
    if step["behavior"] != "Isolated" || step["invert"] == true {
        return Err(unsupported_value(
            "pre_tokenizer (other than Isolated)",
            step,
        ));
    }
    let regex = match (
        step["pattern"]["Regex"].as_str(),
        step["pattern"]["String"].as_str(),
    ) {
        (Some(O200K_PATTERN), _) => return Ok(Split::O200k),
        (Some(regex), _) => RegexSplit::new(regex)?,
        (None, Some(literal)) => RegexSplit::new(&regex_syntax::escape(literal))?,
        (None, None) => return Err(unsupported_value("pre_tokenizer.pattern", step)),
    };
    Ok(Split::Regex(regex))
}

/// The token of each byte.
fn byte_ids(vocab: &Vocab) -> Result<[TokenId; 256], TokenizerError> {
    let mut ids = [0; 256];
    for (byte, id) in (0..=255).zip(&mut ids) {
        *id = vocab
            .find(&[byte])
            .ok_or(TokenizerError::MissingByte(byte))?;
    }
    Ok(ids)
}

/// The merges of the file by pair. Merges from or into special tokens are left out: text must not
/// become one.
fn merges(
    model: &Model,
    vocab: &Vocab,
) -> Result<hashbrown::HashMap<(TokenId, TokenId), Merge>, TokenizerError> {
    let mut merges = hashbrown::HashMap::with_capacity(model.merges.len());
    let mut joined = String::new();
    for (index, merge) in model.merges.iter().enumerate() {
        if merge.is_comment() {
            continue;
        }
        let fail = |reason| TokenizerError::Merge {
            index,
            merge: shorten(&merge.to_string()),
            reason,
        };
        let (left, right) = merge
            .parts()
            .ok_or_else(|| fail("not two tokens with one space"))?;
        joined.clear();
        joined.extend([left, right]);
        let id_of = |text: &str| model.vocab.get(text).map(|&id| id as TokenId);
        let pair = (
            id_of(left).ok_or_else(|| fail("the left one is not in model.vocab"))?,
            id_of(right).ok_or_else(|| fail("the right one is not in model.vocab"))?,
        );
        let id = id_of(&joined).ok_or_else(|| fail("joined they are not in model.vocab"))?;
        let specials = vocab.specials();
        if [pair.0, pair.1, id]
            .iter()
            .all(|id| !specials.contains_key(id))
        {
            merges.insert(
                pair,
                Merge {
                    rank: index as u32,
                    id,
                },
            );
        }
    }
    Ok(merges)
}
