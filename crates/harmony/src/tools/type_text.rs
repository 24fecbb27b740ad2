//! The text of a type and how types combine.

use std::collections::HashSet;

/// The text of a type and what one has to know to combine it with others.
pub(super) struct Type {
    pub(super) text: String,
    /// Has ` | ` outside of any bracket.
    pub(super) is_union: bool,
    /// `null` is among its alternatives if it is to be.
    pub(super) has_null: bool,
}

impl Type {
    pub(super) fn atom(text: impl Into<String>) -> Self {
        let text = text.into();
        let has_null = text == "null";
        Self {
            text,
            is_union: false,
            has_null,
        }
    }

    /// `A | B`, each text once.
    pub(super) fn union(members: impl IntoIterator<Item = Self>) -> Self {
        let mut seen = HashSet::new();
        let mut texts: Vec<String> = Vec::new();
        let mut nested = false;
        let mut has_null = false;
        for member in members {
            nested |= member.is_union;
            has_null |= member.has_null;
            if seen.insert(member.text.clone()) {
                texts.push(member.text);
            }
        }
        Self {
            is_union: nested || texts.len() > 1,
            text: texts.join(" | "),
            has_null,
        }
    }

    pub(super) fn or_null(self) -> Self {
        if self.has_null {
            self
        } else {
            Self::union([self, Self::atom("null")])
        }
    }

    pub(super) fn array(self) -> Self {
        let text = if self.is_union {
            format!("({})[]", self.text)
        } else {
            self.text + "[]"
        };
        Self::atom(text)
    }
}
