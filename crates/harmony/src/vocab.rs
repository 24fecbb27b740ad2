//! The vocabulary: token ids ⇄ bytes, and the special tokens, which have an id but are never looked
//! up by text.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::TokenId;

/// `o200k_base`, packed: see `data/README.md`.
static O200K_BASE: &[u8] = include_bytes!("../data/o200k_base.bpe");
const O200K_NUM_RANKS: usize = 199_998;
const O200K_NUM_BYTES: usize = 1_397_670;
/// Rows of gpt-oss's embedding; every id from the last rank up to here is a special token.
const O200K_NUM_ROWS: TokenId = 201_088;
/// The special tokens that have a name; the others are `<|reserved_ID|>`.
const O200K_SPECIALS: [(TokenId, &str); 10] = [
    (199_998, "<|startoftext|>"),
    (199_999, "<|endoftext|>"),
    (200_002, "<|return|>"),
    (200_003, "<|constrain|>"),
    (200_005, "<|channel|>"),
    (200_006, "<|start|>"),
    (200_007, "<|end|>"),
    (200_008, "<|message|>"),
    (200_012, "<|call|>"),
    (200_018, "<|endofprompt|>"),
];

/// Token ids ⇄ bytes. Ids may have gaps; a gap has no bytes.
pub(crate) struct Vocab {
    /// The bytes of all tokens, in the order of their ids.
    bytes: Vec<u8>,
    /// Token `id` is `bytes[offsets[id]..offsets[id + 1]]`; empty where the id means nothing.
    offsets: Vec<u32>,
    /// Finds ordinary tokens by their bytes.
    ids: HashTable<TokenId>,
    hasher: DefaultHashBuilder,
    longest: usize,
    specials: BTreeMap<TokenId, String>,
    special_ids: HashMap<String, TokenId>,
}

impl Vocab {
    /// The vocabulary of gpt-oss.
    pub(crate) fn o200k_harmony() -> Self {
        let mut vocab = Self::with_capacity(O200K_NUM_ROWS as usize, O200K_NUM_BYTES + (32 << 10));
        let (single, pairs) = O200K_BASE.split_at(256);
        for byte in single.chunks_exact(1) {
            vocab.push(byte);
        }
        for pair in pairs.as_chunks::<5>().0 {
            let [a, b, c, d, e] = *pair;
            let pair = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
            vocab.push_joined((pair & 0x3_ffff) as usize, (pair >> 18) as usize);
        }
        debug_assert_eq!(vocab.num_tokens(), O200K_NUM_RANKS);
        vocab.index(|_| true);
        let mut named = O200K_SPECIALS.iter().peekable();
        for id in O200K_NUM_RANKS as TokenId..O200K_NUM_ROWS {
            let text = match named.next_if(|(named_id, _)| *named_id == id) {
                Some((_, name)) => (*name).to_owned(),
                None => format!("<|reserved_{id}|>"),
            };
            vocab.push(text.as_bytes());
            vocab.add_special(id, text);
        }
        vocab
    }

    /// A vocabulary of the given tokens: `tokens[id]` are the bytes of `id`, empty where `id` means
    /// nothing. `specials` and those with `findable(id) == false` can be decoded but not found by
    /// their bytes. Where two ids have the same bytes the lower one is found.
    pub(crate) fn new(
        tokens: &[Vec<u8>],
        specials: Vec<(TokenId, String)>,
        findable: impl Fn(TokenId) -> bool,
    ) -> Self {
        let mut vocab = Self::with_capacity(tokens.len(), tokens.iter().map(Vec::len).sum());
        for token in tokens {
            vocab.push(token);
        }
        for (id, text) in specials {
            vocab.add_special(id, text);
        }
        vocab.index(findable);
        vocab
    }

    fn with_capacity(num_tokens: usize, num_bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(num_tokens + 1);
        offsets.push(0);
        Self {
            bytes: Vec::with_capacity(num_bytes),
            offsets,
            ids: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            longest: 0,
            specials: BTreeMap::new(),
            special_ids: HashMap::new(),
        }
    }

    fn push(&mut self, token: &[u8]) {
        self.bytes.extend_from_slice(token);
        self.offsets.push(self.bytes.len() as u32);
    }

    fn push_joined(&mut self, left: usize, right: usize) {
        for part in [left, right] {
            let span = self.offsets[part] as usize..self.offsets[part + 1] as usize;
            self.bytes.extend_from_within(span);
        }
        self.offsets.push(self.bytes.len() as u32);
    }

    fn add_special(&mut self, id: TokenId, text: String) {
        self.special_ids.insert(text.clone(), id);
        self.specials.insert(id, text);
    }

    /// Makes the ordinary tokens findable.
    fn index(&mut self, findable: impl Fn(TokenId) -> bool) {
        let num_tokens = self.num_tokens();
        let token = |id: TokenId| {
            let id = id as usize;
            &self.bytes[self.offsets[id] as usize..self.offsets[id + 1] as usize]
        };
        let hash = |id: &TokenId| self.hasher.hash_one(token(*id));
        let mut ids: HashTable<TokenId> = HashTable::with_capacity(num_tokens);
        let mut longest = 0;
        for id in 0..num_tokens as TokenId {
            let bytes = token(id);
            if bytes.is_empty() || self.specials.contains_key(&id) || !findable(id) {
                continue;
            }
            longest = longest.max(bytes.len());
            ids.entry(hash(&id), |other| token(*other) == bytes, hash)
                .or_insert(id);
        }
        self.ids = ids;
        self.longest = longest;
    }

    /// The ordinary token with exactly these bytes.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<TokenId> {
        if bytes.len() > self.longest {
            return None;
        }
        self.ids
            .find(self.hasher.hash_one(bytes), |id| {
                self.slice(*id as usize) == bytes
            })
            .copied()
    }

    /// The bytes of a token, specials included.
    pub(crate) fn bytes(&self, id: TokenId) -> Option<&[u8]> {
        let id = id as usize;
        if id >= self.num_tokens() {
            return None;
        }
        Some(self.slice(id)).filter(|bytes| !bytes.is_empty())
    }

    fn slice(&self, id: usize) -> &[u8] {
        &self.bytes[self.offsets[id] as usize..self.offsets[id + 1] as usize]
    }

    /// One past the highest id.
    pub(crate) fn num_tokens(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(crate) fn specials(&self) -> &BTreeMap<TokenId, String> {
        &self.specials
    }

    pub(crate) fn special_id(&self, text: &str) -> Option<TokenId> {
        self.special_ids.get(text).copied()
    }
}
