//! Ctrl-C: the first stops the answer, a second before the program reacted ends it.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code for an interrupted run, 128 + SIGINT.
pub(crate) const EXIT_CODE: u8 = 130;

/// Installs the handler; call once.
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(EXIT_CODE.into());
        }
    })
    .context("cannot watch for Ctrl-C")
}

/// Whether Ctrl-C was pressed since the last [`clear`].
pub(crate) fn is_set() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Forgets an earlier Ctrl-C: a conversation goes on after one.
pub(crate) fn clear() {
    INTERRUPTED.store(false, Ordering::SeqCst);
}
