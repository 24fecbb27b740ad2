//! Shows answers: as text while they arrive, or as JSON when they are complete.

use std::io::Write;

use harmony::TurnPart;
use serde_json::{Value, json};

use super::printer::{Printer, Style};
use super::session::{Answer, FinishReason, Progress, Session};
use crate::terminal::{self, StatusLine};

/// How answers are shown.
pub(crate) struct Output {
    /// The name of the model, for the JSON form.
    pub(crate) model: String,
    pub(crate) json: bool,
    pub(crate) style: Style,
}

impl Output {
    /// Gets the next answer of `session` and prints it to `out`. `id` is repeated in the JSON form.
    pub(crate) fn print_answer(
        &self,
        session: &mut Session,
        out: &mut dyn Write,
        id: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let mut status = StatusLine::new();
        if self.json {
            let answer = session.answer(&mut |step| {
                show_status(&mut status, &step);
                Ok(())
            })?;
            writeln!(out, "{}", self.to_json(&answer, id))?;
            return Ok(answer);
        }
        let mut printer = Printer::new(out, self.style);
        let result = session.answer(&mut |step| {
            show_status(&mut status, &step);
            match step {
                Progress::Part(TurnPart::Reasoning(text)) => printer.reasoning(&text)?,
                Progress::Part(TurnPart::Content(text)) => printer.content(&text)?,
                Progress::Part(TurnPart::CallFinished(call)) => {
                    printer.tool_call(&call.name, &call.arguments)?;
                }
                // Of a call that was cut off there is nothing to do.
                Progress::Part(
                    TurnPart::CallStarted { .. }
                    | TurnPart::CallArguments(_)
                    | TurnPart::CallTruncated,
                )
                | Progress::Prompt { .. }
                | Progress::Stopping => {}
            }
            Ok(())
        });
        status.clear();
        printer.finish()?;
        let answer = result?;
        for note in notes(&answer) {
            terminal::note(format_args!("({note})"));
        }
        Ok(answer)
    }

    fn to_json(&self, answer: &Answer, id: Option<&Value>) -> Value {
        let mut object = json!({
            "model": self.model,
            "reasoning": answer.text.reasoning,
            "content": answer.text.content,
            "tool_calls": answer.text.tool_calls,
            "finish_reason": answer.finish_reason,
            "usage": answer.usage,
            "timings": answer.timings,
            "warnings": answer.text.warnings,
        });
        if let Some(id) = id {
            object["id"] = id.clone();
        }
        object
    }
}

fn show_status(status: &mut StatusLine, step: &Progress) {
    match step {
        Progress::Prompt { done, total } if done < total => {
            status.show(format_args!("reading the prompt: {done} of {total} tokens"));
        }
        Progress::Stopping => status.show("stopping; Ctrl-C again ends the program"),
        Progress::Prompt { .. } | Progress::Part(_) => status.clear(),
    }
}

/// What the user should know about how the answer ended.
fn notes(answer: &Answer) -> Vec<String> {
    let only_reasoned = answer.text.content.is_empty() && answer.text.tool_calls.is_empty();
    let ending = match answer.finish_reason {
        FinishReason::Length if only_reasoned => Some(
            "the limit on tokens was reached while the model was reasoning: raise --max-tokens or \
             lower --effort",
        ),
        FinishReason::Length => Some("the limit on tokens was reached: see --max-tokens"),
        FinishReason::Interrupted => Some("stopped"),
        FinishReason::Stop if only_reasoned => Some("the model ended its turn without an answer"),
        FinishReason::Stop | FinishReason::ToolCalls => None,
    };
    let mut notes: Vec<String> = ending.map(str::to_owned).into_iter().collect();
    match answer.text.warnings.as_slice() {
        [] => {}
        [warning] => notes.push(warning.clone()),
        [first, rest @ ..] => {
            notes.push(format!("{first}; and {} more, see --json", rest.len()));
        }
    }
    notes
}
