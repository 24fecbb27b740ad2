//! Shows an answer of whoever gives it: relayed or of this machine, as text or as one JSON object.

use std::io::{self, Write};

use router::openai::{ChatCompletion, RelayedReader};
use router::provider::{AnswerEvent, Delta};
use router::{AttemptSummary, FailureKind};
use serde_json::{Value, json};

use crate::commands::chat::printer::{Printer, Style};

/// Prints an answer as it comes, and folds it for those who want it whole.
pub(super) struct Shower<W: Write> {
    /// `None` where nothing is printed until it is over.
    printer: Option<Printer<W>>,
    reader: RelayedReader,
    completion: ChatCompletion,
    fault: Option<FailureKind>,
}

impl<W: Write> Shower<W> {
    pub(super) fn new(out: W, style: Option<Style>) -> Self {
        Self {
            printer: style.map(|style| Printer::new(out, style)),
            reader: RelayedReader::default(),
            completion: ChatCompletion::default(),
            fault: None,
        }
    }

    pub(super) fn show(&mut self, event: AnswerEvent) -> io::Result<()> {
        match event {
            AnswerEvent::Relayed(events) => {
                for event in self.reader.read(&events) {
                    self.show_own(event)?;
                }
                Ok(())
            }
            AnswerEvent::Ended { usage, fault } => {
                self.fault = fault;
                // A relayed event has told it, if it is not told here.
                let usage = usage.or(self.reader.usage());
                self.show_own(AnswerEvent::Ended { usage, fault })
            }
            event => self.show_own(event),
        }
    }

    fn show_own(&mut self, event: AnswerEvent) -> io::Result<()> {
        if let AnswerEvent::Delta {
            choice: 0, delta, ..
        } = &event
            && let Some(printer) = &mut self.printer
        {
            match delta {
                Delta::Reasoning(text) => printer.reasoning(text)?,
                Delta::Content(text) => printer.content(text)?,
                // They are printed at the end.
                Delta::CallStarted { .. } | Delta::CallArguments { .. } => {}
            }
        }
        self.completion.add(event);
        Ok(())
    }

    /// Ends what is printed: the calls come last, since they come in pieces.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some(printer) = &mut self.printer else {
            return Ok(());
        };
        for (name, arguments) in self.completion.calls() {
            printer.tool_call(name, arguments)?;
        }
        printer.finish()
    }

    /// What is wrong with the answer, if that was seen at its end.
    pub(super) fn fault(&self) -> Option<&'static str> {
        self.fault.map(FailureKind::as_str)
    }

    /// The answer in the API's form, with who gave it and who was asked.
    pub(super) fn into_json(
        self,
        id: &str,
        created: i64,
        model: &str,
        deployment: &str,
        trail: &[AttemptSummary],
    ) -> Value {
        let mut json = self.completion.into_json(id, created, model, false);
        let attempts = trail.iter().map(|one| {
            json!({
                "deployment": one.deployment,
                "outcome": one.failure.map_or("ok", FailureKind::as_str),
            })
        });
        json["deployment"] = deployment.into();
        json["attempts"] = attempts.collect();
        json["fault"] = self.fault.map(FailureKind::as_str).into();
        json
    }
}
