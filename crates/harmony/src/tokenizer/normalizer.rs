//! What a tokenizer makes of text before it is cut into pieces.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// What a tokenizer makes of text before it is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Normalizer {
    /// Text stays as it is.
    None,
    /// Unicode's canonical composition: `e` with a combining acute becomes `é`.
    Nfc,
}

impl Normalizer {
    pub(crate) fn apply(self, text: &str) -> Cow<'_, str> {
        // Sure of most text at a glance: only what may have to change is copied.
        let is_unchanged = self == Self::None || is_nfc_quick(text.chars()) == IsNormalized::Yes;
        if is_unchanged {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(text.nfc().collect())
        }
    }
}
