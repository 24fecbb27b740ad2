//! The fields of a `tokenizer.json`.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

/// The parts of the file that have a bearing on ordinary text. `post_processor`, `truncation` and
/// `padding` concern whole prompts, which the caller composes.
#[derive(Deserialize)]
pub(super) struct File {
    #[serde(default)]
    pub(super) added_tokens: Vec<AddedTokenEntry>,
    #[serde(default)]
    pub(super) normalizer: Value,
    #[serde(default)]
    pub(super) pre_tokenizer: Value,
    #[serde(default)]
    pub(super) decoder: Value,
    pub(super) model: Model,
}

#[derive(Deserialize)]
pub(super) struct AddedTokenEntry {
    pub(super) id: u64,
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default)]
    pub(super) normalized: bool,
    #[serde(default)]
    pub(super) special: bool,
}

#[derive(Deserialize)]
pub(super) struct Model {
    /// Older files leave it out.
    pub(super) r#type: Option<String>,
    pub(super) dropout: Option<f64>,
    pub(super) continuing_subword_prefix: Option<String>,
    pub(super) end_of_word_suffix: Option<String>,
    #[serde(default)]
    pub(super) byte_fallback: bool,
    #[serde(default)]
    pub(super) ignore_merges: bool,
    pub(super) vocab: HashMap<String, u64>,
    pub(super) merges: Vec<MergePair>,
}

/// A pair, or a string with a space in the middle.
pub(super) enum MergePair {
    Pair(String, String),
    Joined(String),
}

impl MergePair {
    pub(super) fn parts(&self) -> Option<(&str, &str)> {
        match self {
            Self::Pair(left, right) => Some((left, right)),
            Self::Joined(text) => text
                .split_once(' ')
                .filter(|(_, right)| !right.contains(' ')),
        }
    }

    /// A comment line of a `merges.txt`, which old converters copied.
    pub(super) fn is_comment(&self) -> bool {
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
pub(super) struct Kind {
    pub(super) model: KindOfModel,
}

#[derive(Deserialize)]
pub(super) struct KindOfModel {
    pub(super) r#type: String,
}
