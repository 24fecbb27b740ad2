//! Prints an answer as it arrives: reasoning dimmed in a terminal, plain text elsewhere.

use std::io::{self, IsTerminal, Write};

/// What an answer is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Reasoning,
    Content,
    ToolCall,
}

/// Where the text goes and how it is dressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Keep control characters of the model from the terminal.
    pub(crate) terminal: bool,
    /// Dim the reasoning.
    pub(crate) dims: bool,
    /// Print the reasoning at all.
    pub(crate) reasoning: bool,
}

impl Style {
    /// Dressed if standard output is a terminal; without escape codes where `NO_COLOR` is set.
    pub(crate) fn for_stdout(reasoning: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            terminal: io::stdout().is_terminal(),
            dims: io::stdout().is_terminal() && !plain,
            reasoning,
        }
    }
}

const DIM: &str = "\x1b[2m";
const NORMAL: &str = "\x1b[22m";

/// Writes the parts of one answer, with a blank line between sections.
pub(crate) struct Printer<W: Write> {
    out: W,
    style: Style,
    section: Option<Section>,
    at_line_start: bool,
}

impl<W: Write> Printer<W> {
    pub(crate) fn new(out: W, style: Style) -> Self {
        Self {
            out,
            style,
            section: None,
            at_line_start: true,
        }
    }

    pub(crate) fn reasoning(&mut self, text: &str) -> io::Result<()> {
        if !self.style.reasoning {
            return Ok(());
        }
        self.enter(Section::Reasoning)?;
        self.write(text)
    }

    pub(crate) fn content(&mut self, text: &str) -> io::Result<()> {
        self.enter(Section::Content)?;
        self.write(text)
    }

    pub(crate) fn tool_call(&mut self, name: &str, arguments: &str) -> io::Result<()> {
        self.enter(Section::ToolCall)?;
        if !self.at_line_start {
            self.write("\n")?;
        }
        self.write(&format!("{name}({arguments})\n"))
    }

    /// Ends the answer: the dress is taken off and the last line is ended.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.undress()?;
        if !self.at_line_start {
            self.out.write_all(b"\n")?;
        }
        self.section = None;
        self.at_line_start = true;
        self.out.flush()
    }

    fn enter(&mut self, section: Section) -> io::Result<()> {
        if self.section == Some(section) {
            return Ok(());
        }
        if self.section.is_some() {
            self.undress()?;
            self.out
                .write_all(if self.at_line_start { b"\n" } else { b"\n\n" })?;
            self.at_line_start = true;
        }
        if section == Section::Reasoning && self.style.dims {
            self.out.write_all(DIM.as_bytes())?;
        }
        self.section = Some(section);
        Ok(())
    }

    fn undress(&mut self) -> io::Result<()> {
        if self.section == Some(Section::Reasoning) && self.style.dims {
            self.out.write_all(NORMAL.as_bytes())?;
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if self.style.terminal {
            // A model must not be able to move the cursor or retitle the window.
            let shown = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
            let clean: String = text
                .chars()
                .map(|c| if shown(c) { c } else { '\u{fffd}' })
                .collect();
            self.out.write_all(clean.as_bytes())?;
        } else {
            self.out.write_all(text.as_bytes())?;
        }
        self.at_line_start = text.ends_with('\n');
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(style: Style, parts: impl Fn(&mut Printer<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, style);
        parts(&mut printer);
        printer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    const PIPE: Style = Style {
        terminal: false,
        dims: false,
        reasoning: true,
    };
    const TERMINAL: Style = Style {
        terminal: true,
        dims: true,
        reasoning: true,
    };

    #[test]
    fn a_pipe_gets_plain_text_with_a_blank_line_between_the_sections() {
        let text = print(PIPE, |printer| {
            printer.reasoning("think").unwrap();
            printer.reasoning("ing").unwrap();
            printer.content("done").unwrap();
            printer.tool_call("f", "{}").unwrap();
        });
        assert_eq!(text, "thinking\n\ndone\n\nf({})\n");
    }

    #[test]
    fn a_terminal_gets_dimmed_reasoning_and_no_control_characters_of_the_model() {
        let text = print(TERMINAL, |printer| {
            printer.reasoning("think").unwrap();
            printer.content("a\x1b]0;evil\x07b\u{9b}c\n").unwrap();
        });
        assert_eq!(
            text,
            "\x1b[2mthink\x1b[22m\n\na\u{fffd}]0;evil\u{fffd}b\u{fffd}c\n"
        );
    }

    #[test]
    fn without_colours_a_terminal_is_still_kept_from_the_model() {
        let style = Style {
            dims: false,
            ..TERMINAL
        };
        let text = print(style, |printer| {
            printer.reasoning("think").unwrap();
            printer.content("a\x1b[2J").unwrap();
        });
        assert_eq!(text, "think\n\na\u{fffd}[2J\n");
    }

    #[test]
    fn an_answer_cut_in_the_reasoning_leaves_the_terminal_as_it_was() {
        let text = print(TERMINAL, |printer| printer.reasoning("thi").unwrap());
        assert_eq!(text, "\x1b[2mthi\x1b[22m\n");
    }

    #[test]
    fn hidden_reasoning_leaves_no_trace() {
        let style = Style {
            terminal: true,
            dims: true,
            reasoning: false,
        };
        let text = print(style, |printer| {
            printer.reasoning("think").unwrap();
            printer.content("done").unwrap();
        });
        assert_eq!(text, "done\n");
    }
}
