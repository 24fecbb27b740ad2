//! Which characters may stand in a field of a message header.
//!
//! A header is split at white space and special tokens, so a name that contains white space or
//! looks like a special token would change the meaning of the header it stands in. Names come from
//! clients and, in replayed history, from the model itself, which now and then leaks header text
//! into a tool's name. The renderer cleans names with [`sanitize`]; the parser ends a name where
//! [`name_end`] says. The first word of a header says who speaks, and both sides must agree which
//! words those are: [`is_tool_name`].

use crate::message::Role;

/// The channels of gpt-oss.
pub(crate) const CHANNELS: [&str; 3] = ["analysis", "commentary", "final"];

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

/// What `word` says if it opens a message of the assistant: `None` for any other word, and for
/// `assistant` no channel, for a channel that channel, for `assistantfinal` the glued one.
pub(crate) fn opens_as_assistant(word: &str) -> Option<Option<&str>> {
    let tail = word.strip_prefix(Role::Assistant.as_str()).unwrap_or(word);
    let channel = CHANNELS.contains(&tail).then_some(tail);
    let is_role = tail.is_empty() && !word.is_empty();
    (is_role || channel.is_some()).then_some(channel)
}

/// The role that opens a header as `word` or `word:name`. A tool opens its header with its own name.
pub(crate) fn spelt_role(word: &str) -> Option<Role> {
    let role = word.split_once(':').map_or(word, |(role, _)| role);
    Role::from_word(role).filter(|role| *role != Role::Tool)
}

/// Whether a message to `recipient` is for no tool.
pub(crate) fn is_role_or_all(recipient: &str) -> bool {
    recipient == "all" || Role::from_word(recipient).is_some()
}

/// Whether a header that begins with the word `name` is that of the tool called so, and not one of
/// a role or of the assistant.
pub(crate) fn is_tool_name(name: &str) -> bool {
    let is_other =
        name.starts_with("to=") || opens_as_assistant(name).is_some() || spelt_role(name).is_some();
    !name.is_empty() && !is_other
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
    fn words_that_open_the_header_of_another_are_no_names_of_tools() {
        for name in [
            "",
            "to=x",
            "system",
            "user",
            "assistant",
            "developer:x",
            "final",
            "assistantanalysis",
            "assistant:x",
        ] {
            assert!(!is_tool_name(name), "{name}");
        }
        for name in [
            "functions.system",
            "python",
            "systems",
            "finally",
            "tool",
            "final:x",
        ] {
            assert!(is_tool_name(name), "{name}");
        }
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
