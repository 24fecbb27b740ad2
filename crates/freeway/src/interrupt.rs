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

/// Completes at the first Ctrl-C or SIGTERM. The second one ends the program.
pub(crate) fn signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    // With its feature `termination` the crate hears SIGTERM and SIGHUP as well.
    ctrlc::set_handler(move || match sender.take() {
        Some(sender) => drop(sender.send(())),
        None => std::process::exit(EXIT_CODE.into()),
    })
    .context("cannot watch for signals")?;
    Ok(async move {
        // The handler lives as long as the program.
        let _ = receiver.await;
    })
}
