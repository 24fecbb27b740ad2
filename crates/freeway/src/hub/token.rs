//! The user's token for a hub: where it is found, and that it is one.

use std::env;

use super::{HubError, read_small};
use crate::hub_cache;

/// Longest token.
const MAX_TOKEN_BYTES: usize = 4096;

/// A secret that is shown to the hub alone.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// `HF_TOKEN`, else the file in which `hf auth login` leaves one.
    pub(super) fn from_env() -> Result<Option<Self>, HubError> {
        let wrong = |name| HubError::Setting {
            name,
            reason: "this is no token; a token is one word of ASCII characters".to_owned(),
        };
        if let Some(token) = env::var_os("HF_TOKEN") {
            let token = token.to_str().ok_or_else(|| wrong("HF_TOKEN"))?.trim();
            if !token.is_empty() {
                return Self::new(token).ok_or_else(|| wrong("HF_TOKEN")).map(Some);
            }
        }
        let path = hub_cache::path_variable("HF_TOKEN_PATH")
            .or_else(|| hub_cache::home().map(|home| home.join("token")));
        // Who cannot read the file has no token; most models need none.
        let Some(text) = path.and_then(|path| read_small(&path, MAX_TOKEN_BYTES as u64)) else {
            return Ok(None);
        };
        match text.trim_ascii() {
            [] => Ok(None),
            token => std::str::from_utf8(token)
                .ok()
                .and_then(Self::new)
                .ok_or_else(|| wrong("the token file"))
                .map(Some),
        }
    }

    fn new(token: &str) -> Option<Self> {
        let is_word = token.len() <= MAX_TOKEN_BYTES && token.bytes().all(|b| b.is_ascii_graphic());
        is_word.then(|| Self(token.to_owned()))
    }

    /// For the header `Authorization`.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word() {
        assert!(Token::new("hf_abc").is_some());
        for text in ["two words", "line\nbreak", "ünïcode", &"x".repeat(5000)] {
            assert!(Token::new(text).is_none(), "{text}");
        }
    }
}
