//! Which patterns mean the same to Oniguruma and to the `regex` family.

use regex_syntax::ast::{self, Ast, ClassSet, ClassSetItem, ClassUnicodeKind, RepetitionKind};
use regex_syntax::hir::translate::Translator;

/// Deepest nesting of groups and classes.
const MAX_NEST: u32 = 64;

/// Scripts that may be named. (Of other long names some mean different sets: `\p{Punct}`.)
const SCRIPTS: [&str; 10] = [
    "Arabic",
    "Cyrillic",
    "Devanagari",
    "Greek",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Katakana",
    "Latin",
];

/// What two letters in a row fold to in one character, which Oniguruma then takes for them under
/// `(?i:`.
const LIGATURES: [&str; 5] = ["ff", "fi", "fl", "ss", "st"];

/// Refuses what `regex-automata` cannot match, what means something else to Oniguruma, and what
/// matches the empty string.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    let ast = ast::parse::ParserBuilder::new()
        .nest_limit(MAX_NEST)
        .build()
        .parse(pattern)
        .map_err(|e| match e.kind() {
            ast::ErrorKind::UnsupportedLookAround => {
                r"look-around other than the alternative \s+(?!\S) is not supported".to_owned()
            }
            kind => kind.to_string(),
        })?;
    ast::visit(&ast, Differences)?;
    let hir = Translator::new()
        .translate(pattern, &ast)
        .map_err(|e| e.kind().to_string())?;
    if hir.properties().minimum_len() == Some(0) {
        return Err("it matches the empty string".to_owned());
    }
    Ok(())
}

/// Stops at the first construct that the two read differently.
struct Differences;

impl ast::Visitor for Differences {
    type Output = ();
    type Err = String;

    fn finish(self) -> Result<(), String> {
        Ok(())
    }

    fn visit_pre(&mut self, node: &Ast) -> Result<(), String> {
        let problem = match node {
            Ast::Assertion(_) => r"assertions (^, $, \b and the like) are not supported",
            Ast::Flags(_) => "flags outside of a group are not supported",
            Ast::Group(group) => match group.flags() {
                Some(flags) if !flags.items.is_empty() && !is_ignore_case(flags) => {
                    "of the flags only i is supported"
                }
                Some(flags) if is_ignore_case(flags) && !folds_alike(&group.ast) => {
                    "within (?i:...) only ASCII characters and their classes are supported, \
                     without ff, fi, fl, ss and st"
                }
                _ => return Ok(()),
            },
            Ast::Repetition(outer) => match (&*outer.ast, &outer.op.kind) {
                (Ast::Repetition(_), _) => "possessive quantifiers are not supported",
                (_, RepetitionKind::Range(_)) if !outer.greedy => {
                    "a question mark after a counted repetition is not supported"
                }
                _ => return Ok(()),
            },
            Ast::ClassPerl(class) => return perl(class),
            Ast::ClassUnicode(class) => return property(class),
            _ => return Ok(()),
        };
        Err(problem.to_owned())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), String> {
        match item {
            ClassSetItem::Ascii(_) => Err("POSIX classes ([:alpha:]) are not supported".to_owned()),
            ClassSetItem::Perl(class) => perl(class),
            ClassSetItem::Unicode(class) => property(class),
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, op: &ast::ClassSetBinaryOp) -> Result<(), String> {
        match op.kind {
            ast::ClassSetBinaryOpKind::Intersection => Ok(()),
            _ => Err("\"--\" and \"~~\" in a class are not supported".to_owned()),
        }
    }
}

fn perl(class: &ast::ClassPerl) -> Result<(), String> {
    match class.kind {
        ast::ClassPerlKind::Word => Err(r"\w is not supported".to_owned()),
        ast::ClassPerlKind::Digit | ast::ClassPerlKind::Space => Ok(()),
    }
}

/// General categories by their short names, and some scripts.
fn property(class: &ast::ClassUnicode) -> Result<(), String> {
    match &class.kind {
        ClassUnicodeKind::OneLetter(_) => Ok(()),
        ClassUnicodeKind::Named(name) if name.len() <= 2 => Ok(()),
        ClassUnicodeKind::Named(name) if SCRIPTS.contains(&name.as_str()) => Ok(()),
        _ => Err(
            r"\p{...} is supported for general categories (\p{Lu}) and some scripts only"
                .to_owned(),
        ),
    }
}

fn is_ignore_case(flags: &ast::Flags) -> bool {
    let is_i = |item: &ast::FlagsItem| {
        matches!(
            item.kind,
            ast::FlagsItemKind::Flag(ast::Flag::CaseInsensitive)
        )
    };
    !flags.items.is_empty() && flags.items.iter().all(is_i)
}

/// Whether ignoring case has the same effect in both: it has for single ASCII characters.
fn folds_alike(node: &Ast) -> bool {
    match node {
        Ast::Empty(_) => true,
        Ast::Literal(literal) => literal.c.is_ascii(),
        Ast::ClassBracketed(class) => match &class.kind {
            ClassSet::Item(item) => !class.negated && is_ascii(item),
            ClassSet::BinaryOp(_) => false,
        },
        Ast::Group(group) => folds_alike(&group.ast),
        Ast::Repetition(repetition) => folds_alike(&repetition.ast),
        Ast::Alternation(alternation) => alternation.asts.iter().all(folds_alike),
        Ast::Concat(concat) => {
            concat.asts.iter().all(folds_alike)
                && !concat
                    .asts
                    .windows(2)
                    .any(|pair| is_ligature(&pair[0], &pair[1]))
        }
        _ => false,
    }
}

fn is_ascii(item: &ClassSetItem) -> bool {
    match item {
        ClassSetItem::Empty(_) => true,
        ClassSetItem::Literal(literal) => literal.c.is_ascii(),
        ClassSetItem::Range(range) => range.end.c.is_ascii(),
        ClassSetItem::Union(union) => union.items.iter().all(is_ascii),
        _ => false,
    }
}

fn is_ligature(first: &Ast, second: &Ast) -> bool {
    let (Ast::Literal(first), Ast::Literal(second)) = (first, second) else {
        return false;
    };
    let pair: String = [first.c, second.c]
        .iter()
        .map(char::to_ascii_lowercase)
        .collect();
    LIGATURES.contains(&pair.as_str())
}
