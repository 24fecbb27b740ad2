//! A conversation in the terminal.

use std::io::{self, Write};

use harmony::{Message, ReasoningEffort};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::output::Output;
use super::session::{FinishReason, Session};
use crate::interrupt;
use crate::terminal::note;

/// What a function answers whose result the user did not give.
const CANCELLED: &str = r#"{"error":"cancelled by the user"}"#;

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

/// Where lines come from.
pub(super) trait LineReader {
    /// The next line, asked for with `prompt`.
    fn read_line(&mut self, prompt: &str) -> Result<String, ReadlineError>;
}

/// The terminal, with line editing and a history.
pub(super) struct Terminal(DefaultEditor);

impl Terminal {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self(DefaultEditor::new()?))
    }
}

impl LineReader for Terminal {
    /// Joins a line that ends in a backslash with the next.
    fn read_line(&mut self, prompt: &str) -> Result<String, ReadlineError> {
        let mut text = self.0.readline(prompt)?;
        while text.ends_with('\\') {
            text.pop();
            text.push('\n');
            text.push_str(&self.0.readline(". ")?);
        }
        if !text.trim().is_empty() {
            self.0.add_history_entry(text.as_str())?;
        }
        Ok(text)
    }
}

/// Converses until the lines end.
pub(super) fn run(
    mut session: Session,
    output: &Output,
    lines: &mut dyn LineReader,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    note("/help lists the commands, Ctrl-D leaves.");
    loop {
        let line = match lines.read_line("> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        match parse(&line) {
            Input::Nothing => {}
            Input::Say(text) => say(&mut session, output, lines, out, text)?,
            Input::Effort(effort) => {
                session.set_effort(effort);
                note(format_args!("(reasoning effort: {})", effort.as_str()));
            }
            Input::System(text) => {
                session.set_instructions(text.map(str::to_owned));
                let state = if text.is_some() { "set" } else { "removed" };
                note(format_args!("(instructions {state})"));
            }
            Input::New => {
                session.forget();
                note("(a new conversation)");
            }
            Input::Help => note(HELP),
            Input::Exit => return Ok(()),
            Input::Unknown(command) => {
                note(format_args!(
                    "There is no {command}; /help lists the commands."
                ));
            }
        }
    }
}

/// Asks, prints the answer, and lets the user play the functions that the model calls.
fn say(
    session: &mut Session,
    output: &Output,
    lines: &mut dyn LineReader,
    out: &mut dyn Write,
    text: &str,
) -> anyhow::Result<()> {
    let num_messages = session.num_messages();
    session.push(Message::user(text));
    loop {
        // A Ctrl-C from before this answer does not stop it.
        interrupt::clear();
        let answer = match output.print_answer(session, out, None) {
            Ok(answer) => answer,
            Err(error) if error.is::<io::Error>() => return Err(error),
            Err(error) => {
                // The conversation stays usable, without the question that failed.
                session.truncate(num_messages);
                note(format_args!("error: {error:#}"));
                return Ok(());
            }
        };
        if answer.finish_reason != FinishReason::ToolCalls {
            return Ok(());
        }
        let mut is_cancelled = false;
        for call in &answer.text.tool_calls {
            let result = match is_cancelled {
                true => Err(ReadlineError::Interrupted),
                false => lines.read_line(&format!("result of {}: ", call.name)),
            };
            let result = match result {
                Ok(result) => result,
                Err(ReadlineError::Interrupted | ReadlineError::Eof) => {
                    is_cancelled = true;
                    CANCELLED.to_owned()
                }
                Err(error) => return Err(error.into()),
            };
            session.push(Message::function_result(&call.name, result));
        }
        if is_cancelled {
            return Ok(());
        }
    }
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
    use std::collections::VecDeque;

    use engine::{EngineHandle, SamplingParams};
    use harmony::{Conversation, DeveloperContent, SystemContent, ToolDescription};
    use serde_json::Value;

    use super::super::engine_config;
    use super::super::printer::Style;
    use super::super::session::Generation;
    use super::*;
    use crate::args::ModelArgs;
    use crate::local_model::ModelSource;

    /// Lines that were typed in advance; after them Ctrl-D.
    struct Typed(VecDeque<Result<&'static str, ReadlineError>>);

    impl LineReader for Typed {
        fn read_line(&mut self, _prompt: &str) -> Result<String, ReadlineError> {
            let line = self.0.pop_front().unwrap_or(Err(ReadlineError::Eof))?;
            Ok(line.to_owned())
        }
    }

    /// The answers of the demo model to what is typed, each as its JSON form.
    fn converse(
        lines: impl IntoIterator<Item = Result<&'static str, ReadlineError>>,
        developer: Option<DeveloperContent>,
    ) -> Vec<Value> {
        let args = ModelArgs {
            model: None,
            threads: Some(1),
            exact: false,
        };
        let model = ModelSource::Demo.load_model(&args).unwrap();
        let encoding = ModelSource::Demo.load_encoding(model.config()).unwrap();
        let config = engine_config(&model, &encoding).unwrap();
        let engine = EngineHandle::spawn(model, config).unwrap();
        let generation = Generation {
            sampling: SamplingParams::greedy(),
            max_tokens: Some(400),
        };
        let mut messages = vec![Message::system(SystemContent::default())];
        messages.extend(developer.map(Message::developer));
        let session = Session::new(engine, encoding, generation, Conversation::new(messages));
        let output = Output {
            model: "demo".to_owned(),
            json: true,
            style: Style {
                terminal: false,
                dims: false,
                reasoning: true,
            },
        };
        let mut out = Vec::new();
        let mut lines = Typed(lines.into_iter().collect());
        run(session, &output, &mut lines, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn prompt_tokens(answer: &Value) -> u64 {
        answer["usage"]["prompt_tokens"].as_u64().unwrap()
    }

    #[test]
    fn the_conversation_grows_until_it_is_forgotten() {
        let answers = converse(["Hello", "Hello", "/new", "Hello"].map(Ok), None);
        assert_eq!(answers.len(), 3);
        assert!(prompt_tokens(&answers[1]) > prompt_tokens(&answers[0]));
        assert_eq!(prompt_tokens(&answers[2]), prompt_tokens(&answers[0]));
        assert_eq!(answers[2]["content"], answers[0]["content"]);
    }

    #[test]
    fn effort_and_instructions_hold_from_the_next_answer_on() {
        let lines = [
            "Hello",
            "/new",
            "/effort low",
            "Hello",
            "/new",
            "/system Be brief.",
            "Hello",
            "/new",
            "/system",
            "Hello",
        ];
        let answers = converse(lines.map(Ok), None);
        assert_ne!(answers[0]["reasoning"], "");
        assert_eq!(answers[1]["reasoning"], "", "low effort answers at once");
        assert!(prompt_tokens(&answers[2]) > prompt_tokens(&answers[1]));
        assert_eq!(prompt_tokens(&answers[3]), prompt_tokens(&answers[1]));
    }

    #[test]
    fn ctrl_c_at_the_prompt_leaves_the_conversation_as_it_is() {
        let lines = [
            Err(ReadlineError::Interrupted),
            Ok("Hello"),
            Ok("/exit"),
            Ok("never asked"),
        ];
        assert_eq!(converse(lines, None).len(), 1);
    }

    #[test]
    fn the_user_plays_the_functions_and_may_decline() {
        let city = serde_json::json!({
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        });
        let tool = ToolDescription::new("get_weather", "Get the weather for a city", Some(city));
        let developer = DeveloperContent::default().with_function_tools(vec![tool]);
        let ask = Ok("What's the weather in Oslo?");
        let answers = converse([ask, Ok(r#"{"temperature":7}"#)], Some(developer.clone()));
        assert_eq!(answers[0]["finish_reason"], "tool_calls", "{answers:?}");
        assert_eq!(
            answers[1]["finish_reason"], "stop",
            "the result was answered"
        );

        let ask = Ok("What's the weather in Oslo?");
        let lines = [ask, Err(ReadlineError::Interrupted), Ok("Hello")];
        let answers = converse(lines, Some(developer));
        assert_eq!(
            answers.len(),
            2,
            "a declined call waits for the next question"
        );
        assert!(prompt_tokens(&answers[1]) > prompt_tokens(&answers[0]));
    }

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
