//! Character classes of the o200k split pattern, one byte per code point.

use std::sync::OnceLock;

use regex_syntax::hir::{Class as HirClass, HirKind};

/// Set of classes a character is in. Letters, marks, numbers and white space are disjoint Unicode
/// categories.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class(u8);

impl Class {
    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`: what a capitalised word may begin with.
    const HEAD: u8 = 1 << 0;
    /// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: what a word may end with.
    const TAIL: u8 = 1 << 1;
    const LETTER: u8 = 1 << 2;
    const NUMBER: u8 = 1 << 3;
    const SPACE: u8 = 1 << 4;
    const NEWLINE: u8 = 1 << 5;

    pub(crate) fn is_head(self) -> bool {
        self.0 & Self::HEAD != 0
    }

    pub(crate) fn is_tail(self) -> bool {
        self.0 & Self::TAIL != 0
    }

    /// `[^\r\n\p{L}\p{N}]`: what may stand once before a word.
    pub(crate) fn is_prefix(self) -> bool {
        self.0 & (Self::LETTER | Self::NUMBER | Self::NEWLINE) == 0
    }

    /// `\p{N}`.
    pub(crate) fn is_number(self) -> bool {
        self.0 & Self::NUMBER != 0
    }

    /// `\s`, which is Unicode's `White_Space`.
    pub(crate) fn is_space(self) -> bool {
        self.0 & Self::SPACE != 0
    }

    /// `[\r\n]`.
    pub(crate) fn is_newline(self) -> bool {
        self.0 & Self::NEWLINE != 0
    }

    /// `[^\s\p{L}\p{N}]`.
    pub(crate) fn is_punctuation(self) -> bool {
        self.0 & (Self::LETTER | Self::NUMBER | Self::SPACE) == 0
    }
}

/// The classes of all characters, built once from the tables of `regex-syntax`: the ones the
/// `regex` family matches with.
pub(crate) struct Classes(Vec<u8>);

impl Classes {
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Classes> = OnceLock::new();
        SHARED.get_or_init(Self::build)
    }

    fn build() -> Self {
        let mut table = vec![0; char::MAX as usize + 1];
        for (pattern, bits) in [
            (r"\p{Lu}", Class::LETTER | Class::HEAD),
            (r"\p{Lt}", Class::LETTER | Class::HEAD),
            (r"\p{Lm}", Class::LETTER | Class::HEAD | Class::TAIL),
            (r"\p{Lo}", Class::LETTER | Class::HEAD | Class::TAIL),
            (r"\p{Ll}", Class::LETTER | Class::TAIL),
            (r"\p{M}", Class::HEAD | Class::TAIL),
            (r"\p{N}", Class::NUMBER),
            (r"\s", Class::SPACE),
            (r"[\r\n]", Class::NEWLINE),
        ] {
            let hir = regex_syntax::parse(pattern).expect("a character class by its Unicode name");
            if let HirKind::Class(HirClass::Unicode(class)) = hir.kind() {
                for range in class.ranges() {
                    for entry in &mut table[range.start() as usize..=range.end() as usize] {
                        *entry |= bits;
                    }
                }
            }
        }
        Self(table)
    }

    #[inline]
    pub(crate) fn of(&self, c: char) -> Class {
        Class(self.0[c as usize])
    }
}
