//! Reads Hugging Face's `tokenizer.json`.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::added_tokens::{AddedToken, AddedTokens};
use super::bpe::{Bpe, Merge, Merges};
use super::error::{TokenizerError, shorten};
use super::o200k_split::O200K_PATTERN;
use super::regex_split::RegexSplit;
use super::{Split, Tokenizer, byte_level};
use crate::TokenId;
use crate::vocab::Vocab;

/// Far above any vocabulary; keeps a table indexed by id small.
const MAX_ID: TokenId = (1 << 20) - 1;
const MAX_SPLITS: usize = 16;

/// What GPT-2's pre-tokenizer splits with: `ByteLevel` with `use_regex`.
const GPT2_PATTERN: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// The parts of the file that have a bearing on ordinary text. `post_processor`, `truncation` and `padding` concern whole
/// prompts, which the caller composes.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedTokenEntry>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    decoder: Value,
    model: Model,
}

#[derive(Deserialize)]
struct AddedTokenEntry {
    id: u64,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
struct Model {
    /// Older files leave it out.
    r#type: Option<String>,
    dropout: Option<f64>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    vocab: HashMap<String, u64>,
    merges: Vec<MergePair>,
}

/// A pair, or a string with a space in the middle.
enum MergePair {
    Pair(String, String),
    Joined(String),
}

impl MergePair {
    fn parts(&self) -> Option<(&str, &str)> {
        match self {
            Self::Pair(left, right) => Some((left, right)),
            Self::Joined(text) => text
                .split_once(' ')
                .filter(|(_, right)| !right.contains(' ')),
        }
    }

    /// A comment line of a `merges.txt`, which old converters copied.
    fn is_comment(&self) -> bool {
        matches!(self, Self::Joined(text) if text.starts_with("#version"))
    }
}

impl fmt::Display for MergePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair(left, right) => write!(f, "{left} {right}"),
            Self::Joined(text) => f.write_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for MergePair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairVisitor;
        impl<'de> Visitor<'de> for PairVisitor {
            type Value = MergePair;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merge: [\"a\", \"b\"] or \"a b\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<MergePair, E> {
                Ok(MergePair::Joined(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<MergePair, A::Error> {
                match (
                    seq.next_element()?,
                    seq.next_element()?,
                    seq.next_element::<String>()?,
                ) {
                    (Some(left), Some(right), None) => Ok(MergePair::Pair(left, right)),
                    _ => Err(de::Error::custom("a merge joins exactly two tokens")),
                }
            }
        }
        deserializer.deserialize_any(PairVisitor)
    }
}

/// Just enough to say which model it is when it is not BPE.
#[derive(Deserialize)]
struct Kind {
    model: KindOfModel,
}

#[derive(Deserialize)]
struct KindOfModel {
    r#type: String,
}

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
    if !is_identity(&file.normalizer) {
        return Err(unsupported_value("normalizer", &file.normalizer));
    }
    if file.decoder["type"] != "ByteLevel" {
        return Err(unsupported_value("decoder", &file.decoder));
    }
    let mut tokens = Tokens::default();
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

/// No normalizer, or a list of none.
fn is_identity(normalizer: &Value) -> bool {
    normalizer.is_null()
        || normalizer["type"] == "Sequence"
            && normalizer["normalizers"]
                .as_array()
                .is_some_and(Vec::is_empty)
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

/// The splits that `pre_tokenizer` makes one after the other: any number of `Split`, then `ByteLevel`.
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

/// The tokens of the file by id.
#[derive(Default)]
struct Tokens<'f>(Vec<Option<TokenEntry<'f>>>);

struct TokenEntry<'f> {
    text: &'f str,
    bytes: Vec<u8>,
    /// Whether merging may come upon it: true of the tokens of `model.vocab` that are not special.
    findable: bool,
}

impl<'f> Tokens<'f> {
    fn add_from_vocab(&mut self, text: &'f str, id: u64) -> Result<(), TokenizerError> {
        let slot = self.slot(text, id)?;
        if let Some(other) = slot {
            return Err(duplicate(id as TokenId, other.text, text));
        }
        // Text outside the byte alphabet stands for itself, and no input can produce it.
        let bytes = byte_level::bytes_of(text);
        let findable = bytes.as_ref().is_some_and(|bytes| !bytes.is_empty());
        *slot = Some(TokenEntry {
            text,
            bytes: bytes.unwrap_or_else(|| text.into()),
            findable,
        });
        Ok(())
    }

    /// Added tokens may repeat a token of `model.vocab`.
    fn add_added(
        &mut self,
        text: &'f str,
        id: u64,
        special: bool,
    ) -> Result<TokenId, TokenizerError> {
        let slot = self.slot(text, id)?;
        let id = id as TokenId;
        match slot {
            Some(other) if other.text != text => return Err(duplicate(id, other.text, text)),
            Some(other) if !special && other.bytes != text.as_bytes() => {
                return Err(unsupported(
                    "added_tokens[] that means other bytes in model.vocab",
                    text,
                ));
            }
            Some(other) => other.findable &= !special,
            None => {
                *slot = Some(TokenEntry {
                    text,
                    bytes: text.into(),
                    findable: false,
                })
            }
        }
        Ok(id)
    }

    fn slot(&mut self, text: &str, id: u64) -> Result<&mut Option<TokenEntry<'f>>, TokenizerError> {
        if id > u64::from(MAX_ID) {
            return Err(TokenizerError::IdTooLarge {
                token: shorten(text),
                id,
                limit: MAX_ID,
            });
        }
        let at = id as usize;
        if self.0.len() <= at {
            self.0.resize_with(at + 1, || None);
        }
        Ok(&mut self.0[at])
    }

    fn into_vocab(self, specials: Vec<(TokenId, String)>) -> Vocab {
        let findable: Vec<bool> = self
            .0
            .iter()
            .map(|entry| entry.as_ref().is_some_and(|entry| entry.findable))
            .collect();
        let mut bytes: Vec<Vec<u8>> = self
            .0
            .into_iter()
            .map(|entry| entry.map_or(Vec::new(), |entry| entry.bytes))
            .collect();
        for (id, text) in &specials {
            bytes[*id as usize] = text.as_bytes().to_vec();
        }
        Vocab::new(&bytes, specials, |id| findable[id as usize])
    }
}

fn duplicate(id: TokenId, first: &str, second: &str) -> TokenizerError {
    TokenizerError::DuplicateId {
        id,
        first: shorten(first),
        second: shorten(second),
    }
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

/// The merges of the file by pair. Merges from or into special tokens are left out: text must not become one.
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
