//! GPT-2's spelling of bytes as printable characters, in which `tokenizer.json` writes its tokens.
//!
//! Printable Latin-1 bytes stand for themselves; the other 68, in order, are U+0100, U+0101 and so
//! on: a space is `Ġ`.

/// Whether the byte is spelt as the character of the same number.
fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

/// The bytes that a token's text spells; `None` when a character of it spells none.
pub(super) fn bytes_of(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

fn byte_of(c: char) -> Option<u8> {
    match u8::try_from(c) {
        Ok(byte) => is_printable(byte).then_some(byte),
        Err(_) => match c as u32 - 0x100 {
            n @ 0..=32 => Some(n as u8),
            n @ 33..=66 => Some((n - 33 + 127) as u8),
            67 => Some(0xad),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The character that spells a byte, as GPT-2's code computes it.
    fn char_of(byte: u8) -> char {
        if is_printable(byte) {
            return char::from(byte);
        }
        let nth = (0..byte).filter(|&b| !is_printable(b)).count();
        char::from_u32(0x100 + nth as u32).unwrap()
    }

    #[test]
    fn every_byte_has_its_own_character() {
        for byte in 0..=255 {
            assert_eq!(bytes_of(&char_of(byte).to_string()), Some(vec![byte]));
        }
        assert_eq!(
            (char_of(b' '), char_of(b'\n'), char_of(0x7f)),
            ('Ġ', 'Ċ', 'ġ')
        );
        assert_eq!((char_of(0xa0), char_of(0xad)), ('ł', 'Ń'));
    }

    #[test]
    fn other_characters_spell_nothing() {
        for c in [" ", "\n", "\u{a0}", "\u{144}", "世", "\u{10ffff}"] {
            assert_eq!(bytes_of(c), None, "{c:?}");
        }
    }
}
