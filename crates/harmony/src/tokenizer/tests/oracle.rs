//! Byte-level BPE read off a `tokenizer.json` the plain way: backtracking regexes, byte strings,
//! every pair looked at again after every merge. Quadratic, and understands just what the fixtures
//! contain.

use std::collections::HashMap;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::TokenId;

pub(super) struct Oracle {
    /// Not `normalized`, then `normalized`.
    added: [Vec<(String, TokenId)>; 2],
    is_nfc: bool,
    splits: Vec<fancy_regex::Regex>,
    ids: HashMap<Vec<u8>, TokenId>,
    merges: HashMap<(Vec<u8>, Vec<u8>), usize>,
    ignore_merges: bool,
}

/// GPT-2's own regex, which `ByteLevel` uses.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

impl Oracle {
    pub(super) fn new(file: &Value) -> Self {
        let spelt = spelling();
        let bytes = |text: &str| -> Vec<u8> { text.chars().map(|c| spelt[&c]).collect() };
        let is_nfc = file["normalizer"]["type"] == "NFC";
        let mut added = [vec![], vec![]];
        let mut special_names = vec![];
        for token in file["added_tokens"].as_array().unwrap() {
            let text = token["content"].as_str().unwrap().to_owned();
            if token["special"] == true {
                special_names.push(text);
            } else {
                let stage = usize::from(token["normalized"] == true);
                let text = if stage == 1 && is_nfc {
                    text.nfc().collect()
                } else {
                    text
                };
                added[stage].push((text, token["id"].as_u64().unwrap() as TokenId));
            }
        }
        let pre_tokenizer = &file["pre_tokenizer"];
        let steps = match pre_tokenizer["pretokenizers"].as_array() {
            Some(steps) => steps.clone(),
            None => vec![pre_tokenizer.clone()],
        };
        let mut splits = vec![];
        for step in steps {
            let pattern = match (step["type"].as_str().unwrap(), &step["pattern"]) {
                ("ByteLevel", _) if step["use_regex"] == false => continue,
                ("ByteLevel", _) => GPT2.to_owned(),
                ("Digits", _) if step["individual_digits"] == true => r"\p{N}".to_owned(),
                ("Digits", _) => r"\p{N}+".to_owned(),
                (_, pattern) => match pattern["Regex"].as_str() {
                    Some(regex) => regex.to_owned(),
                    None => fancy_regex::escape(pattern["String"].as_str().unwrap()).into_owned(),
                },
            };
            splits.push(fancy_regex::Regex::new(&pattern).unwrap());
        }
        let model = &file["model"];
        let ids = model["vocab"].as_object().unwrap().iter();
        let merges = model["merges"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .filter_map(|(rank, m)| {
                let (left, right) = match m.as_str() {
                    Some(text) if text.starts_with("#version") => return None,
                    Some(text) => text.split_once(' ').unwrap(),
                    None => (m[0].as_str().unwrap(), m[1].as_str().unwrap()),
                };
                Some(((bytes(left), bytes(right)), rank))
            });
        Self {
            added,
            is_nfc,
            splits,
            ids: ids
                .filter(|(text, _)| !special_names.contains(text))
                .map(|(text, id)| (bytes(text), id.as_u64().unwrap() as TokenId))
                .collect(),
            merges: merges.collect(),
            ignore_merges: model["ignore_merges"] == true,
        }
    }

    pub(super) fn encode(&self, text: &str) -> Vec<TokenId> {
        let mut out = vec![];
        self.cut_added(0, text, &mut out);
        out
    }

    /// The text as the normalizer makes it.
    pub(super) fn normalized(&self, text: &str) -> String {
        if self.is_nfc {
            text.nfc().collect()
        } else {
            text.to_owned()
        }
    }

    fn cut_added(&self, stage: usize, text: &str, out: &mut Vec<TokenId>) {
        let Some(tokens) = self.added.get(stage) else {
            return self.cut(&self.splits, text, out);
        };
        let text = match stage {
            1 => &self.normalized(text),
            _ => text,
        };
        for (at, _) in text.char_indices() {
            let here = tokens
                .iter()
                .filter(|(token, _)| text[at..].starts_with(token.as_str()));
            if let Some((token, id)) = here.max_by_key(|(token, _)| token.len()) {
                self.cut_added(stage + 1, &text[..at], out);
                out.push(*id);
                return self.cut_added(stage, &text[at + token.len()..], out);
            }
        }
        self.cut_added(stage + 1, text, out);
    }

    fn cut(&self, splits: &[fancy_regex::Regex], text: &str, out: &mut Vec<TokenId>) {
        match splits {
            [] => self.merge(text.as_bytes(), out),
            [regex, later @ ..] => {
                for piece in pieces(regex, text) {
                    self.cut(later, piece, out);
                }
            }
        }
    }

    fn merge(&self, piece: &[u8], out: &mut Vec<TokenId>) {
        if self.ignore_merges
            && let Some(id) = self.ids.get(piece)
        {
            return out.push(*id);
        }
        let mut parts: Vec<Vec<u8>> = piece.iter().map(|&byte| vec![byte]).collect();
        while let Some((_, at)) = (1..parts.len())
            .filter_map(|i| {
                let pair = (parts[i - 1].clone(), parts[i].clone());
                self.merges.get(&pair).map(|&rank| (rank, i - 1))
            })
            .min()
        {
            let right = parts.remove(at + 1);
            parts[at].extend(right);
        }
        out.extend(parts.iter().map(|part| self.ids[part]));
    }
}

/// The matches and what lies between them.
pub(super) fn pieces<'t>(regex: &fancy_regex::Regex, text: &'t str) -> Vec<&'t str> {
    let (mut pieces, mut done) = (vec![], 0);
    for found in regex.find_iter(text).map(Result::unwrap) {
        pieces.extend([&text[done..found.start()], found.as_str()]);
        done = found.end();
    }
    pieces.push(&text[done..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// GPT-2's `bytes_to_unicode`, the other way round.
fn spelling() -> HashMap<char, u8> {
    let printable = |b: u8| (33..=126).contains(&b) || (161..=172).contains(&b) || b >= 174;
    let plain = (0..=255)
        .filter(|&b| printable(b))
        .map(|b| (char::from(b), b));
    let moved = (0..=255).filter(|&b| !printable(b)).zip(256..);
    plain
        .chain(moved.map(|(b, c)| (char::from_u32(c).unwrap(), b)))
        .collect()
}
