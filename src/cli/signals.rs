//! Ctrl-C and its kin end a headless command at once, with the exit code that shells expect.

use std::{
    future::Future,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use super::output::{Outcome, Stop};
use crate::runtime;

/// Whether Ctrl-C is someone else's.
static HELD: AtomicBool = AtomicBool::new(false);

/// As long as it lives, Ctrl-C belongs to a program that was started on the same terminal.
pub(super) struct HoldInterrupts(());

impl HoldInterrupts {
    pub(super) fn new() -> Self {
        HELD.store(true, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for HoldInterrupts {
    fn drop(&mut self) {
        HELD.store(false, Ordering::Relaxed);
    }
}

/// Runs a command until it ends or a signal asks it to stop.
pub(super) async fn unless_stopped(command: impl Future<Output = Outcome>) -> Outcome {
    let stopped = stopped().map_err(|error| super::cannot_start(&error))?;
    tokio::select! {
        // The signal first: one that belonged to an editor must be seen before the command goes on without it.
        biased;
        number = stopped => Err(Stop::Signal(number)),
        outcome = command => outcome,
    }
}

/// Gives what must not stop half way (writing down a renewed session) a moment to end.
pub(super) async fn let_tasks_finish() {
    let _ = tokio::time::timeout(runtime::FINISH, crate::session::finish_background_work()).await;
}

#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = u8>> {
    use tokio::signal::unix::{SignalKind, signal};

    let ignored = crate::runtime::ignored_signals();
    let listen = |kind| (!ignored(kind)).then(|| signal(kind)).transpose();
    let mut hangup = listen(SignalKind::hangup())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        loop {
            tokio::select! {
                () = next(&mut hangup) => return 1,
                () = next(&mut interrupt) => if !HELD.load(Ordering::Relaxed) { return 2 },
                () = next(&mut terminate) => return 15,
            }
        }
    })
}

/// Waits for a signal; for ever, where it is one that the program was told to ignore.
#[cfg(unix)]
async fn next(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
fn stopped() -> io::Result<impl Future<Output = u8>> {
    Ok(async {
        loop {
            match tokio::signal::ctrl_c().await {
                Ok(()) if HELD.load(Ordering::Relaxed) => {}
                Ok(()) => return 2,
                Err(_) => return std::future::pending().await,
            }
        }
    })
}
