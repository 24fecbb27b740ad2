//! People who are logged in: the secret in their browser, and what is kept of it.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::api_key::random_base62;
use crate::{KeyId, StoreError, Timestamp};

/// 62^43 is just above 2^256.
const NUM_DIGITS: usize = 43;

/// The secret of a session: 256 random bits, kept nowhere but in the browser.
#[derive(Clone)]
pub struct SessionToken(String);

impl SessionToken {
    /// A new one, from the operating system.
    ///
    /// # Errors
    /// [`StoreError::NoRandomness`].
    pub fn generate() -> Result<Self, StoreError> {
        Ok(Self(random_base62::<NUM_DIGITS>()?))
    }

    /// Reads one that a browser presents; `None` if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = text.len() == NUM_DIGITS && text.bytes().all(|b| b.is_ascii_alphanumeric());
        is_token.then(|| Self(text.to_owned()))
    }

    /// What the store knows it by: SHA-256 of the text.
    pub fn hash(&self) -> SessionHash {
        SessionHash(Sha256::digest(&self.0).into())
    }

    /// What is derived from it for one purpose. From that nobody learns the secret, nor what is
    /// derived for another.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        // Of the same length each time, so that no purpose runs over into the secret.
        hasher.update(Sha256::digest(purpose));
        hasher.update(&self.0);
        hasher.finalize().into()
    }

    /// The secret itself, for the cookie.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// SHA-256 of a [`SessionToken`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHash(pub [u8; 32]);

impl fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "SessionHash({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// By which the presented secret is recognised.
    pub hash: SessionHash,
    /// The key that it was begun with.
    pub key_id: KeyId,
    /// When it began.
    pub created_at: Timestamp,
    /// From when on it is over.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is_one() {
        let token = SessionToken::generate().unwrap();
        let same = SessionToken::parse(token.expose()).unwrap();
        assert_eq!(same.hash(), token.hash());
        assert_ne!(SessionToken::generate().unwrap().hash(), token.hash());
        let long = format!("{}a", token.expose());
        let odd = format!("{}é", &token.expose()[..41]);
        for wrong in ["", "abc", long.as_str(), &odd, &"a".repeat(1 << 20)] {
            assert!(SessionToken::parse(wrong).is_none(), "{wrong:.50}");
        }
    }

    #[test]
    fn what_is_derived_differs_by_purpose_and_by_secret_and_is_not_the_hash() {
        let (a, b) = (
            SessionToken::generate().unwrap(),
            SessionToken::generate().unwrap(),
        );
        assert_eq!(a.derived("form"), a.derived("form"));
        assert_ne!(a.derived("form"), a.derived("other"));
        assert_ne!(a.derived("form"), b.derived("form"));
        assert_ne!(a.derived(""), a.hash().0);
        assert!(!format!("{a:?} {:?}", a.hash()).contains(a.expose()));
    }
}
