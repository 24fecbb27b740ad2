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

/// A number of bytes in decimal units, as disks and downloads are sold: `13.8 GB`.
pub(crate) fn bytes_text(num_bytes: u64) -> String {
    let mut size = num_bytes as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        // What would be printed as 1000 belongs to the next unit.
        if size < 999.5 {
            return match unit {
                "bytes" => format!("{num_bytes} bytes"),
                unit if size < 9.995 => format!("{size:.2} {unit}"),
                unit if size < 99.95 => format!("{size:.1} {unit}"),
                unit => format!("{size:.0} {unit}"),
            };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
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

#[cfg(test)]
mod tests {
    use super::bytes_text;

    #[test]
    fn bytes_have_three_digits() {
        for (num_bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_806, "1.81 kB"),
            (999_500, "1.00 MB"),
            (27_868_174, "27.9 MB"),
            (13_789_185_078, "13.8 GB"),
            (412_000_000_000, "412 GB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(bytes_text(num_bytes), text);
        }
    }
}
