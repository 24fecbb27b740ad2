//! The tokens of a `tokenizer.json` by id.

use super::super::byte_level;
use super::super::error::{TokenizerError, shorten};
use super::unsupported;
use crate::TokenId;
use crate::vocab::Vocab;

/// Far above any vocabulary; keeps a table indexed by id small.
const MAX_ID: TokenId = (1 << 20) - 1;

/// The tokens of the file by id.
#[derive(Default)]
pub(super) struct TokenTable<'f>(Vec<Option<TokenEntry<'f>>>);

struct TokenEntry<'f> {
    text: &'f str,
    bytes: Vec<u8>,
    /// Whether merging may come upon it: true of the tokens of `model.vocab` that are not special.
    findable: bool,
}

impl<'f> TokenTable<'f> {
    pub(super) fn add_from_vocab(&mut self, text: &'f str, id: u64) -> Result<(), TokenizerError> {
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
    pub(super) fn add_added(
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

    pub(super) fn into_vocab(self, specials: Vec<(TokenId, String)>) -> Vocab {
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
