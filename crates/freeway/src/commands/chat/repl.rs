//! A conversation in the terminal.

use std::process::ExitCode;

use harmony::{Message, ReasoningEffort};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::Output;
use super::session::{FinishReason, Session};

const HELP: &str = "\
/effort low|medium|high   how long the model may think
/system TEXT              instructions from here on; without TEXT, none
/new                      forget the conversation
/help                     this list
/exit                     leave; so does Ctrl-D
Ctrl-C stops an answer. A line that ends in \\ goes on in the next.";

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Input<'a> {
    Nothing,
    Say(&'a str),
    Effort(ReasoningEffort),
    System(Option<&'a str>),
    New,
    Help,
    Exit,
    Unknown(&'a str),
}

pub(super) fn run(mut session: Session, output: &Output) -> anyhow::Result<ExitCode> {
    let mut editor = DefaultEditor::new()?;
    eprintln!("/help lists the commands, Ctrl-D leaves.");
    loop {
        let line = match read_line(&mut editor, "> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
            Err(error) => return Err(error.into()),
        };
        match parse(&line) {
            Input::Nothing => {}
            Input::Say(text) => say(&mut session, output, &mut editor, text)?,
            Input::Effort(effort) => {
                session.set_effort(effort);
                eprintln!("(reasoning effort: {})", effort.as_str());
            }
            Input::System(text) => {
                session.set_instructions(text.map(str::to_owned));
                eprintln!(
                    "(instructions {})",
                    if text.is_some() { "set" } else { "removed" }
                );
            }
            Input::New => {
                session.forget();
                eprintln!("(a new conversation)");
            }
            Input::Help => eprintln!("{HELP}"),
            Input::Exit => return Ok(ExitCode::SUCCESS),
            Input::Unknown(command) => {
                eprintln!("There is no {command}; /help lists the commands.")
            }
        }
    }
}

/// Asks, prints the answer, and lets the user play the functions that the model calls.
fn say(
    session: &mut Session,
    output: &Output,
    editor: &mut DefaultEditor,
    text: &str,
) -> anyhow::Result<()> {
    session.push(Message::user(text));
    loop {
        let answer = match output.print_answer(session, None) {
            Ok(answer) => answer,
            Err(error) => {
                // The conversation stays usable, without the question that failed.
                session.pop();
                eprintln!("error: {error:#}");
                return Ok(());
            }
        };
        if answer.finish_reason != FinishReason::ToolCalls {
            return Ok(());
        }
        for call in &answer.text.tool_calls {
            match read_line(editor, &format!("result of {}: ", call.name)) {
                Ok(result) => session.push(Message::function_result(&call.name, result)),
                Err(ReadlineError::Interrupted | ReadlineError::Eof) => {
                    let cancelled = "{\"error\":\"cancelled by the user\"}";
                    session.push(Message::function_result(&call.name, cancelled));
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Reads a line, and those after it as long as each ends in a backslash.
fn read_line(editor: &mut DefaultEditor, prompt: &str) -> rustyline::Result<String> {
    let mut text = editor.readline(prompt)?;
    while text.ends_with('\\') {
        text.pop();
        text.push('\n');
        text.push_str(&editor.readline(". ")?);
    }
    if !text.trim().is_empty() {
        editor.add_history_entry(text.as_str())?;
    }
    Ok(text)
}

fn parse(line: &str) -> Input<'_> {
    let line = line.trim();
    if line.is_empty() {
        return Input::Nothing;
    }
    // A path or a regex may begin with a slash; a command is a slash and a word of letters.
    let is_command = line.strip_prefix('/').is_some_and(|rest| {
        let word = rest.split(char::is_whitespace).next().unwrap_or("");
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())
    });
    if !is_command {
        return Input::Say(line);
    }
    let (command, argument) = match line.split_once(char::is_whitespace) {
        Some((command, argument)) => (command, argument.trim()),
        None => (line, ""),
    };
    match (command, argument) {
        ("/effort", "low") => Input::Effort(ReasoningEffort::Low),
        ("/effort", "medium") => Input::Effort(ReasoningEffort::Medium),
        ("/effort", "high") => Input::Effort(ReasoningEffort::High),
        ("/effort", _) | ("/help", _) => Input::Help,
        ("/system", "") => Input::System(None),
        ("/system", text) => Input::System(Some(text)),
        ("/new", _) => Input::New,
        ("/exit" | "/quit", _) => Input::Exit,
        (command, _) => Input::Unknown(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_only_if_it_looks_like_one() {
        assert_eq!(parse("  "), Input::Nothing);
        assert_eq!(parse(" hello "), Input::Say("hello"));
        assert_eq!(
            parse("/etc/passwd is what?"),
            Input::Say("/etc/passwd is what?")
        );
        assert_eq!(parse("/ or"), Input::Say("/ or"));
        assert_eq!(parse("/effort high"), Input::Effort(ReasoningEffort::High));
        assert_eq!(parse("/effort"), Input::Help);
        assert_eq!(
            parse("/system Be brief. "),
            Input::System(Some("Be brief."))
        );
        assert_eq!(parse("/system"), Input::System(None));
        assert_eq!(parse("/quit"), Input::Exit);
        assert_eq!(parse("/nonsense x"), Input::Unknown("/nonsense"));
    }
}
