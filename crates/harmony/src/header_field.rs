//! Which characters may stand in a field of a message header.
//!
//! A header is split at white space and special tokens, so a name that contains white space or
//! looks like a special token would change the meaning of the header it stands in. Names come from
//! clients and, in replayed history, from the model itself, which now and then leaks header text
//! into a tool's name. The renderer cleans names with [`sanitize`]; the parser ends a name where
//! [`name_end`] says.

/// Whether `c` may be part of a name, a recipient, a channel or a content type.
fn is_name_char(c: char) -> bool {
    let breaks = c.is_whitespace() || c.is_control();
    !breaks
        && !matches!(
            c,
            '<' | '>' | '{' | '}' | '[' | ']' | '(' | ')' | '"' | '?' | '\u{FFFD}'
        )
}

/// Length in bytes of the name at the start of `text`.
pub(crate) fn name_end(text: &str) -> usize {
    text.find(|c| !is_name_char(c)).unwrap_or(text.len())
}

/// `field` up to the first thing that looks like a special token (`<|`), without white space
/// around, and with every other character that a header cannot hold written as `_`. `None` when
/// nothing is left.
pub(crate) fn sanitize(field: &str) -> Option<String> {
    let before_special = field
        .split_once("<|")
        .map_or(field, |(before, _)| before)
        .trim();
    (!before_special.is_empty()).then(|| {
        before_special
            .chars()
            .map(|c| if is_name_char(c) { c } else { '_' })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaked_header_text_is_cut_off() {
        let clean = |field| sanitize(field);
        assert_eq!(
            clean("functions.f<|channel|>commentary").as_deref(),
            Some("functions.f")
        );
        assert_eq!(
            clean("assistant<|channel|>analysis").as_deref(),
            Some("assistant")
        );
        assert_eq!(clean("<|constrain|>json"), None);
        assert_eq!(clean("  "), None);
    }

    #[test]
    fn white_space_cannot_smuggle_in_another_field() {
        assert_eq!(
            sanitize("x to=functions.f").as_deref(),
            Some("x_to=functions.f")
        );
        assert_eq!(sanitize("a\nb").as_deref(), Some("a_b"));
        assert_eq!(sanitize(" Zoë-1.2:/@ ").as_deref(), Some("Zoë-1.2:/@"));
    }

    #[test]
    fn what_sanitize_returns_is_one_whole_name() {
        for field in ["a b<|x", "\u{FFFD}?{}", "ünï", "a<b>c"] {
            let name = sanitize(field).expect("something is left");
            assert_eq!(name_end(&name), name.len());
            assert_eq!(sanitize(&name), Some(name));
        }
    }
}
