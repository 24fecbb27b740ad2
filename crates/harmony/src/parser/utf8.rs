//! UTF-8 that arrives in pieces: a token may end within a character.

/// Decodes bytes as they come. All that it returns, put together, equals
/// [`String::from_utf8_lossy`] of all bytes put together.
#[derive(Clone, Debug, Default)]
pub struct Utf8Decoder {
    /// The first bytes of a character whose last are still to come: at most three.
    pending: Vec<u8>,
}

impl Utf8Decoder {
    /// Appends to `text` what is certain now.
    pub fn push(&mut self, bytes: &[u8], text: &mut String) {
        self.pending.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.pending);
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            let is_cut_off = chunks.peek().is_none()
                && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if is_cut_off {
                self.pending = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// Ends the text: a character of which bytes are missing becomes U+FFFD.
    pub fn flush(&mut self, text: &mut String) {
        if !std::mem::take(&mut self.pending).is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_decode_as_the_whole(
            pieces in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..6),
                    any::<String>().prop_map(String::into_bytes),
                    any::<char>().prop_map(|c| c.to_string().into_bytes()[..1].to_vec()),
                ],
                0..12,
            ),
        ) {
            let mut decoder = Utf8Decoder::default();
            let mut text = String::new();
            for piece in &pieces {
                decoder.push(piece, &mut text);
            }
            decoder.flush(&mut text);
            let whole = pieces.concat();
            prop_assert_eq!(text, String::from_utf8_lossy(&whole));
        }
    }

    #[test]
    fn a_character_is_held_back_until_it_is_whole() {
        let mut decoder = Utf8Decoder::default();
        let mut text = String::new();
        let heart = "💖".as_bytes();
        decoder.push(&heart[..3], &mut text);
        assert_eq!(text, "");
        decoder.push(&heart[3..], &mut text);
        assert_eq!(text, "💖");
    }
}
