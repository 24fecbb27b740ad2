//! The secret that opens the door, and the hash by which it is known.
//!
//! A key is `fw_` and 43 letters or digits: 256 random bits in base 62, which a double click
//! selects whole. Because all of it is random, a plain SHA-256 is as hard to turn back as any slow
//! password hash, and a look-up by hash reveals nothing through its timing.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::StoreError;

const SCHEME: &str = "fw_";

/// 62^43 is just above 2^256.
const NUM_DIGITS: usize = 43;

/// What of a key may be shown: 30 of the 256 bits.
const PREFIX_LEN: usize = 8;

/// The secret a caller presents. It is shown once, when it is made, and kept nowhere.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key of 256 bits from the operating system.
    ///
    /// # Errors
    /// [`StoreError::NoRandomness`].
    pub fn generate() -> Result<Self, StoreError> {
        Ok(Self(format!("{SCHEME}{}", random_base62::<NUM_DIGITS>()?)))
    }

    /// Reads a key that was presented; `None` if it cannot be one. Longer text is refused before
    /// anything is copied.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(SCHEME)?;
        let is_key =
            digits.len() == NUM_DIGITS && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_key.then(|| Self(text.to_owned()))
    }

    /// What the store knows the key by: SHA-256 of the whole text.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(&self.0).into())
    }

    /// The first eight characters, by which its owner recognises it.
    pub fn prefix(&self) -> &str {
        // All characters are ASCII and there are always enough of them.
        &self.0[..PREFIX_LEN]
    }

    /// The secret itself, to hand to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}…)", self.prefix())
    }
}

/// SHA-256 of an [`ApiKey`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "KeyHash({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

/// The last `N` base-62 digits of a random number of 256 bits.
///
/// # Errors
/// [`StoreError::NoRandomness`].
pub(crate) fn random_base62<const N: usize>() -> Result<String, StoreError> {
    let mut number = [0; 32];
    getrandom::fill(&mut number).map_err(StoreError::NoRandomness)?;
    Ok(base62::<N>(number))
}

/// The last `N` base-62 digits of a big-endian number, the most significant first.
fn base62<const N: usize>(mut number: [u8; 32]) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [0; N];
    for digit in text.iter_mut().rev() {
        // Long division by 62, byte by byte. The remainder is below 62, so all fits in 16 bits.
        let mut remainder = 0_u16;
        for byte in &mut number {
            let dividend = remainder << 8 | u16::from(*byte);
            *byte = (dividend / 62) as u8;
            remainder = dividend % 62;
        }
        *digit = DIGITS[usize::from(remainder)];
    }
    text.iter().map(|&digit| char::from(digit)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_has_its_form_and_no_two_are_alike() {
        let keys: Vec<_> = (0..100).map(|_| ApiKey::generate().unwrap()).collect();
        let mut hashes = std::collections::HashSet::new();
        for key in &keys {
            let text = key.expose();
            assert_eq!(text.len(), 46, "{text}");
            assert_eq!(key.prefix(), &text[..8]);
            assert_eq!(ApiKey::parse(text).unwrap().expose(), text);
            assert!(hashes.insert(key.hash()), "{text} came twice");
        }
    }

    #[test]
    fn every_digit_occurs_at_every_place() {
        // Of 3,000 keys each place misses a given digit with probability (61/62)^3000 < 1e-21. The
        // first digit is skewed because 62^43 is not a power of two.
        let mut seen = vec![std::collections::HashSet::new(); NUM_DIGITS];
        for _ in 0..3_000 {
            let key = ApiKey::generate().unwrap();
            for (place, digit) in key.expose()[SCHEME.len()..].bytes().enumerate() {
                seen[place].insert(digit);
            }
        }
        for (place, digits) in seen.iter().enumerate().skip(1) {
            assert_eq!(digits.len(), 62, "place {place}");
        }
        assert!(seen[0].len() > 50, "{:?}", seen[0].len());
    }

    #[test]
    fn the_hash_is_sha256_of_the_whole_text() {
        // From `printf fw_0000000000000000000000000000000000000000000 | sha256sum`.
        let key = ApiKey::parse(&format!("fw_{}", "0".repeat(43))).unwrap();
        let hex: String = key
            .hash()
            .0
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "511c473a2ccdfdb9f9de935d938da6867874fdc54ad0c3002d2fb14b16ba274f"
        );
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        let good = format!("fw_{}", "a".repeat(43));
        assert!(ApiKey::parse(&good).is_some());
        let refused = [
            String::new(),
            "fw_".to_owned(),
            "sk-1234".to_owned(),
            good.to_uppercase(),
            good[1..].to_owned(),
            good[..good.len() - 1].to_owned(),
            format!("{good}a"),
            format!("{good} "),
            format!(" {good}"),
            format!("fw_{}", "-".repeat(43)),
            format!("fw_{}é", "a".repeat(41)),
            format!("fw_{}", "a".repeat(1 << 20)),
        ];
        for text in refused {
            assert!(ApiKey::parse(&text).is_none(), "{text:.60}");
        }
    }

    #[test]
    fn debug_output_gives_nothing_away() {
        let key = ApiKey::generate().unwrap();
        let shown = format!("{key:?} {:?}", key.hash());
        assert!(!shown.contains(&key.expose()[PREFIX_LEN..]), "{shown}");
        assert!(shown.len() < 50, "{shown}");
    }

    proptest! {
        /// The digits, read back by plain multiplication, are the number again.
        #[test]
        fn base62_keeps_all_256_bits(number: [u8; 32]) {
            let mut read_back = [0_u8; 32];
            for digit in base62::<NUM_DIGITS>(number).bytes() {
                let mut carry = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'A'..=b'Z' => digit - b'A' + 10,
                    _ => digit - b'a' + 36,
                } as u32;
                for byte in read_back.iter_mut().rev() {
                    carry += u32::from(*byte) * 62;
                    *byte = carry as u8;
                    carry >>= 8;
                }
                prop_assert_eq!(carry, 0);
            }
            prop_assert_eq!(read_back, number);
        }

        #[test]
        fn no_text_makes_parse_panic(text in ".{0,60}") {
            if let Some(key) = ApiKey::parse(&text) {
                prop_assert_eq!(key.expose(), text);
            }
        }
    }
}
