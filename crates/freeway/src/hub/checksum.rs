//! The two checksums that the hub has of its files.

use std::fmt;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What the bytes of a file must add up to. Displayed, it is the name of the file's blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// Of files in large file storage.
    Sha256([u8; 32]),
    /// Of all others: git's, the SHA-1 of `"blob LENGTH\0"` and the bytes.
    GitBlob([u8; 20]),
}

/// Adds bytes up to a checksum.
pub(super) enum Hasher {
    Sha256(Sha256),
    GitBlob(Sha1),
}

impl Checksum {
    /// Of 64 hexadecimal digits.
    pub(super) fn sha256(hex: &str) -> Option<Self> {
        parse_hex(hex).map(Self::Sha256)
    }

    /// Of 40 hexadecimal digits.
    pub(super) fn git_blob(hex: &str) -> Option<Self> {
        parse_hex(hex).map(Self::GitBlob)
    }

    /// A hasher of the same kind, for a file of `num_bytes`.
    pub(super) fn hasher(&self, num_bytes: u64) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(Sha256::new()),
            Self::GitBlob(_) => {
                Hasher::GitBlob(Sha1::new_with_prefix(format!("blob {num_bytes}\0")))
            }
        }
    }
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::GitBlob(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Checksum {
        match self {
            Self::Sha256(hasher) => Checksum::Sha256(hasher.finalize().into()),
            Self::GitBlob(hasher) => Checksum::GitBlob(hasher.finalize().into()),
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match self {
            Self::Sha256(bytes) => &bytes[..],
            Self::GitBlob(bytes) => &bytes[..],
        };
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Exactly `2 N` lower-case hexadecimal digits, as the names of blobs have them.
fn parse_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_sha256sum_and_git_hash_object() {
        let sha256 = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
        let git = "95d09f2b10159347eece71399a7e2e907ea3df4f";
        for expected in [
            Checksum::sha256(sha256).unwrap(),
            Checksum::git_blob(git).unwrap(),
        ] {
            let mut hasher = expected.hasher(11);
            hasher.update(b"hello ");
            hasher.update(b"world");
            assert_eq!(hasher.finish(), expected);
        }
        assert_eq!(Checksum::sha256(sha256).unwrap().to_string(), sha256);
        assert_eq!(Checksum::git_blob(git).unwrap().to_string(), git);
    }

    #[test]
    fn only_the_right_number_of_digits_is_a_checksum() {
        for hex in [
            "",
            "ab",
            &"g".repeat(64),
            &"A".repeat(64),
            &"a".repeat(63),
            &"ä".repeat(32),
        ] {
            assert_eq!(Checksum::sha256(hex), None, "{hex}");
        }
        assert_eq!(Checksum::git_blob(&"a".repeat(64)), None);
    }
}
