//! Text ⇄ token ids: byte-level BPE, exactly as tiktoken and Hugging Face do it, in O(n log n) for
//! any input.
//!
//! Encoding cuts the text into pieces (`o200k_split` for gpt-oss, `regex_split` for other models),
//! then merges the bytes of each piece (`bpe`). What text *says* never matters: `<|start|>` typed
//! by a user becomes the tokens of nine ordinary characters. The special tokens are reached by
//! [`Tokenizer::special_id`] only.

mod added_tokens;
mod bpe;
mod byte_level;
mod error;
mod json;
mod normalizer;
mod o200k_split;
mod regex_split;
#[cfg(test)]
mod tests;
mod unicode;

use std::fmt;
use std::sync::{Arc, OnceLock};

use self::added_tokens::{AddedTokens, Run};
use self::bpe::{Bpe, Merges, Scratch};
pub use self::error::TokenizerError;
use self::normalizer::Normalizer;
use self::regex_split::RegexSplit;
use crate::TokenId;
use crate::vocab::Vocab;

/// A byte-level BPE tokenizer. Immutable, and shared between threads as an [`Arc`].
pub struct Tokenizer {
    vocab: Vocab,
    bpe: Bpe,
    /// Applied one after the other: each cuts the pieces of the one before.
    splits: Vec<Split>,
    added: AddedTokens,
    normalizer: Normalizer,
}

enum Split {
    O200k,
    Regex(RegexSplit),
}

impl Tokenizer {
    /// The tokenizer of gpt-oss. The vocabulary is inside the crate; it is unpacked on the first
    /// call, and later calls share it.
    ///
    /// Its special tokens are the 1,090 ids 199998..201088, so every row of the model's embedding
    /// has a meaning. Those without a name of their own are called `<|reserved_ID|>`; 200018 is
    /// `<|endofprompt|>`, as in the model's `tokenizer.json`.
    pub fn o200k_harmony() -> Arc<Self> {
        static SHARED: OnceLock<Arc<Tokenizer>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            let vocab = Vocab::o200k_harmony();
            let byte_ids = std::array::from_fn(|byte| {
                vocab
                    .find(&[byte as u8])
                    .expect("the ranks begin with the 256 bytes")
            });
            let bpe = Bpe {
                merges: Merges::ByRank,
                whole_piece_first: true,
                byte_ids,
            };
            Arc::new(Self {
                vocab,
                bpe,
                splits: vec![Split::O200k],
                added: AddedTokens::default(),
                normalizer: Normalizer::None,
            })
        });
        Arc::clone(shared)
    }

    /// Reads a Hugging Face `tokenizer.json` that holds a byte-level BPE.
    ///
    /// What is read: models of type `BPE` with all 256 bytes in the vocabulary; normalizer none or
    /// `NFC`; pre-tokenizers `Split` with behaviour `Isolated`, and `Digits`, before the `ByteLevel`
    /// that has to end them (so gpt-oss, GPT-2, GPT-NeoX, Llama 3, Qwen and StarCoder have it).
    ///
    /// Encoding then equals that of the `tokenizers` library with `add_special_tokens = false`,
    /// save that text never yields a special token (an `added_tokens` entry with `special: true`);
    /// added tokens that are not special are found in text, as there. Of the post-processor,
    /// truncation and padding, which concern whole prompts, nothing is kept. `NFC` is that of
    /// today's Unicode; `tokenizers` 0.23 has tables of Unicode 9 and leaves marks that are younger
    /// where they stand.
    ///
    /// # Errors
    /// Whatever in the file would change the tokens and is not implemented is refused; so are
    /// vocabularies that cannot encode every byte. See [`TokenizerError`].
    pub fn from_tokenizer_json(json: &[u8]) -> Result<Self, TokenizerError> {
        json::read(json)
    }

    /// The tokens of ordinary text. Never a special one, whatever the text says.
    pub fn encode(&self, text: &str) -> Vec<TokenId> {
        let mut out = Vec::with_capacity(text.len() / 3 + 1);
        self.encode_into(text, &mut out);
        out
    }

    /// As [`encode`](Self::encode), appending to `out`.
    pub fn encode_into(&self, text: &str, out: &mut Vec<TokenId>) {
        self.encode_text(text, &mut Scratch::default(), out);
    }

    /// The tokens of arbitrary bytes; where they are UTF-8, those of the text. Bytes that are not
    /// become pieces of their own: the stretches between are encoded as if each were a text, and
    /// decoding gives the same bytes back (the normalized ones, where the tokenizer normalizes).
    pub fn encode_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        let mut out = Vec::with_capacity(bytes.len() / 3 + 1);
        let mut scratch = Scratch::default();
        for chunk in bytes.utf8_chunks() {
            self.encode_text(chunk.valid(), &mut scratch, &mut out);
            if !chunk.invalid().is_empty() {
                self.bpe
                    .encode(&self.vocab, chunk.invalid(), &mut scratch, &mut out);
            }
        }
        out
    }

    fn encode_text(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<TokenId>) {
        let normalizer = self.normalizer;
        self.added.split(text, normalizer, &mut |run| match run {
            Run::Token(id) => out.push(id),
            Run::Text(text) => split(&self.splits, text, &mut |piece| {
                self.bpe.encode(&self.vocab, piece.as_bytes(), scratch, out);
            }),
        });
    }

    /// The bytes of the tokens, one after the other; special tokens as the text of their names. Ids
    /// without a meaning are skipped: there is nothing to show for them, and the caller that minds
    /// can ask [`token_bytes`](Self::token_bytes).
    ///
    /// The bytes need not be UTF-8: a token may end, or start, within a character.
    pub fn decode(&self, ids: &[TokenId]) -> Vec<u8> {
        ids.iter()
            .filter_map(|&id| self.token_bytes(id))
            .flatten()
            .copied()
            .collect()
    }

    /// The bytes of one token, those of its name if it is special; `None` if the id has no meaning.
    pub fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        self.vocab.bytes(id)
    }

    /// The id of the special token with this name, such as `<|start|>`.
    pub fn special_id(&self, text: &str) -> Option<TokenId> {
        self.vocab.special_id(text)
    }

    /// Whether the id is a special token.
    pub fn is_special(&self, id: TokenId) -> bool {
        self.vocab.specials().contains_key(&id)
    }

    /// The special tokens' names and ids, in the order of the ids.
    pub fn special_tokens(&self) -> impl Iterator<Item = (&str, TokenId)> {
        self.vocab
            .specials()
            .iter()
            .map(|(&id, text)| (text.as_str(), id))
    }

    /// One past the highest id that has a meaning: 201,088 for gpt-oss. Below it there may be gaps
    /// in other vocabularies.
    pub fn num_tokens(&self) -> usize {
        self.vocab.num_tokens()
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("num_tokens", &self.num_tokens())
            .finish_non_exhaustive()
    }
}

/// Calls `piece` with the pieces into which the splits cut the text, in order.
fn split<'t>(splits: &[Split], text: &'t str, piece: &mut dyn FnMut(&'t str)) {
    match splits {
        [] => piece(text),
        [Split::O200k] => o200k_split::split(text, &mut |part| piece(part)),
        [Split::O200k, later @ ..] => {
            o200k_split::split(text, &mut |part| split(later, part, piece));
        }
        [Split::Regex(regex), later @ ..] => {
            regex.split(text, &mut |part| split(later, part, piece));
        }
    }
}
