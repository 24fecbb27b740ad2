//! Texts inside XML.

use std::borrow::Cow;

/// A text as content or as the value of an attribute. Characters that XML has no place for are left
/// out.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let is_special =
        |letter: char| matches!(letter, '&' | '<' | '>' | '"' | '\'') || !is_allowed(letter);
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars().filter(|&letter| is_allowed(letter)) {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    Cow::Owned(safe)
}

/// Whether XML 1.0 may have the character at all.
fn is_allowed(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        || letter >= '\u{10000}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_inert_and_what_xml_cannot_have_is_left_out() {
        assert_eq!(escaped("a → b"), "a → b");
        assert_eq!(
            escaped("<a href=\"x\" b='&'>\u{0}\u{b}\u{ffff}😀"),
            "&lt;a href=&quot;x&quot; b=&#39;&amp;&#39;&gt;😀"
        );
    }
}
