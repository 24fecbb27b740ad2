//! Standard error: notes, the one line of progress, and whether anybody reads it.
//!
//! Nothing here fails. Where standard error is full or closed there is nobody left to tell.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// What is over sooner needs no progress line.
const QUIET_FOR: Duration = Duration::from_secs(1);

/// Prints a line to standard error.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A line on standard error that is overwritten as work goes on; silent outside of terminals.
pub(crate) struct StatusLine {
    started: Instant,
    is_terminal: bool,
    is_shown: bool,
}

impl StatusLine {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            is_terminal: io::stderr().is_terminal(),
            is_shown: false,
        }
    }

    /// Shows `text` in the place of what was shown.
    pub(crate) fn show(&mut self, text: impl Display) {
        if self.is_terminal && self.started.elapsed() > QUIET_FOR {
            self.is_shown = true;
            let _ = write!(io::stderr(), "\r\x1b[K({text})");
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.clear();
    }
}
