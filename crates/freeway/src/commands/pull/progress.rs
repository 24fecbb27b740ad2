//! What is shown while files arrive: a bar in a terminal, else a line for every tenth of a file.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::hub::{Listing, Progress, RemoteFile};
use crate::terminal::{self, bytes_text};

/// Smaller files get no bar and no line of their own progress.
const QUIET_BYTES: u64 = 1 << 20;

/// Keeps the last file's state and prints what changes.
pub(super) struct ProgressPrinter {
    is_terminal: bool,
    file: Option<FileProgress>,
}

/// The file that is arriving.
struct FileProgress {
    name: String,
    bar: Option<ProgressBar>,
    /// When it began to arrive, and how much of it was here then.
    started: Instant,
    first_bytes: u64,
    /// Bytes that are here.
    num_bytes: u64,
    /// Tenths that were printed.
    num_tenths: u64,
}

impl ProgressPrinter {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            file: None,
        }
    }

    /// Says how much there is to do.
    pub(super) fn begin(&self, listing: &Listing, missing_bytes: u64) {
        if missing_bytes > 0 {
            terminal::note(format_args!(
                "{} files, {} to download",
                listing.files.len(),
                bytes_text(missing_bytes)
            ));
        }
    }

    pub(super) fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Waiting(file) => {
                self.note(&format!(
                    "{}: another download has it, waiting for that",
                    file.name
                ));
            }
            Progress::Checking(file) => {
                if file.num_bytes > QUIET_BYTES {
                    self.note(&format!("{}: checking what is here of it", file.name));
                }
            }
            Progress::Present(file, num_bytes) => self.present(file, num_bytes),
            Progress::Finished => self.finish(),
            Progress::Retrying { error, pause } => {
                let when = match pause {
                    Duration::ZERO => "now".to_owned(),
                    pause => format!("in {:.0} s", pause.as_secs_f64().ceil()),
                };
                self.note(&format!("{error}; trying again {when}"));
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.file.take().and_then(|file| file.bar) {
            bar.finish_and_clear();
        }
    }

    fn present(&mut self, file: &RemoteFile, num_bytes: u64) {
        if self
            .file
            .as_ref()
            .is_none_or(|shown| shown.name != file.name)
        {
            self.clear();
            self.file = Some(self.start(file, num_bytes));
        }
        let Some(shown) = &mut self.file else {
            return;
        };
        if num_bytes < shown.num_bytes {
            // It starts over: a rate that counts from before would be negative.
            (shown.started, shown.first_bytes) = (Instant::now(), num_bytes);
            shown.num_tenths = tenths(num_bytes, file.num_bytes);
            if let Some(bar) = &shown.bar {
                bar.reset_eta();
            }
        }
        shown.num_bytes = num_bytes;
        if let Some(bar) = &shown.bar {
            bar.set_position(num_bytes);
        } else if file.num_bytes > QUIET_BYTES {
            let num_tenths = tenths(num_bytes, file.num_bytes);
            if num_tenths > shown.num_tenths {
                shown.num_tenths = num_tenths;
                terminal::note(shown.line(file));
            }
        }
    }

    fn start(&self, file: &RemoteFile, num_bytes: u64) -> FileProgress {
        let bar = (self.is_terminal && file.num_bytes > QUIET_BYTES).then(|| {
            let bar = ProgressBar::new(file.num_bytes)
                .with_style(style())
                .with_message(file.name.clone())
                .with_position(num_bytes);
            bar.reset_eta();
            bar
        });
        if !self.is_terminal && file.num_bytes > QUIET_BYTES && num_bytes > 0 {
            terminal::note(format_args!(
                "{}: {} of {} are here",
                file.name,
                bytes_text(num_bytes),
                bytes_text(file.num_bytes)
            ));
        }
        FileProgress {
            name: file.name.clone(),
            bar,
            started: Instant::now(),
            first_bytes: num_bytes,
            num_bytes,
            num_tenths: tenths(num_bytes, file.num_bytes),
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.file.take().and_then(|file| file.bar) {
            bar.finish();
        }
    }

    /// A line above the bar.
    fn note(&self, text: &str) {
        match self.file.as_ref().and_then(|file| file.bar.as_ref()) {
            Some(bar) => bar.println(text),
            None => terminal::note(text),
        }
    }
}

impl FileProgress {
    fn line(&self, file: &RemoteFile) -> String {
        let percent = 10 * self.num_tenths;
        let total = bytes_text(file.num_bytes);
        let mut line = format!("{}: {percent} % of {total}", self.name);
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = (self.num_bytes - self.first_bytes) as f64 / seconds.max(1e-3);
        if rate >= 1.0 {
            let left = (file.num_bytes - self.num_bytes) as f64 / rate;
            line.push_str(&format!(", {}/s", bytes_text(rate as u64)));
            if left >= 1.0 {
                line.push_str(&format!(", {left:.0} s left"));
            }
        }
        line
    }
}

fn tenths(num_bytes: u64, total: u64) -> u64 {
    (num_bytes as f64 / total.max(1) as f64 * 10.0) as u64
}

fn style() -> ProgressStyle {
    const TEMPLATE: &str = "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} \
                            {decimal_bytes_per_sec} {eta}";
    ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar())
}
