//! Columns that line up in a terminal, whatever script the text is in.

use unicode_width::UnicodeWidthStr;

/// One line for the header and one for each row, the columns two spaces apart.
pub(crate) fn render<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let lines: Vec<[String; N]> = std::iter::once(header.map(str::to_owned))
        .chain(rows)
        .map(|row| row.map(|cell| printable(&cell)))
        .collect();
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.width().max(*width);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let mut padding = 0;
        for (width, cell) in widths.iter().zip(line) {
            text.extend(std::iter::repeat_n(' ', padding));
            text.push_str(cell);
            padding = width - cell.width() + 2;
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

/// The text without what moves the cursor or reverses the writing.
pub(crate) fn printable(text: &str) -> String {
    let clean = |c| if moves(c) { '\u{fffd}' } else { c };
    text.chars().map(clean).collect()
}

/// The same of a text that may have several lines.
pub(crate) fn printable_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(printable).collect();
    lines.join("\n")
}

/// JSON on one line in which what moves the cursor is written as its number: the same to whoever
/// reads JSON, and nothing to a terminal.
pub(crate) fn json_line(value: &serde_json::Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        match moves(c) {
            // In JSON on one line they stand within texts only, and all have four digits.
            true => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => line.push(c),
        }
    }
    line
}

/// Whether it moves the cursor or reverses the writing.
fn moves(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 3]) -> [String; 3] {
        cells.map(str::to_owned)
    }

    #[test]
    fn columns_line_up_and_lines_end_without_spaces() {
        let text = render(
            ["ID", "NAME", "STATE"],
            [
                row(["key_1", "", "active"]),
                row(["key_22", "Ada's", ""]),
                row(["k", "北京", "expired"]),
            ],
        );
        let expected = "\
ID      NAME   STATE
key_1          active
key_22  Ada's
k       北京   expired
";
        assert_eq!(text, expected);
    }

    #[test]
    fn json_says_the_same_and_moves_nothing() {
        let value = serde_json::json!({"a\u{7f}": "\u{9b}2J\n\x1b\u{202e}é\\u0041\""});
        let line = json_line(&value);
        assert!(!line.contains(moves), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(
            printable_lines("a\x1b\r\nb\u{202e}"),
            "a\u{fffd}\nb\u{fffd}"
        );
    }

    #[test]
    fn what_a_name_contains_cannot_reach_the_terminal() {
        let text = render(["A", "B", "C"], [row(["\x1b[2J", "a\nb", "\u{202e}c\r"])]);
        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(!text.contains(['\x1b', '\r', '\u{202e}']), "{text:?}");
    }
}
