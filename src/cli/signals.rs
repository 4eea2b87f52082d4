//! Ctrl-C and its kin end a headless command at once, with the exit code that shells expect.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::output::{Outcome, Stop};
use crate::{
    background,
    runtime::{self, Ends},
};

/// How long after its end a Ctrl-C may have been another program's: on a busy machine that one has the signal first, and may have
/// ended before this one hears of it.
const ECHO: Duration = Duration::from_millis(200);

/// The signals that keys send to every program on the terminal: Ctrl-C, Ctrl-\\, Ctrl-Break.
const KEYS: [u8; 3] = [2, 3, 21];

/// Whose Ctrl-C is.
static OWNER: Mutex<Owner> = Mutex::new(Owner::Us);

#[derive(Clone, Copy)]
enum Owner {
    Us,
    Another,
    UsFrom(Instant),
}

/// As long as it lives, Ctrl-C belongs to a program that was started on the same terminal.
pub(super) struct HoldInterrupts(());

impl HoldInterrupts {
    pub(super) fn new() -> Self {
        set_owner(Owner::Another);
        Self(())
    }
}

impl Drop for HoldInterrupts {
    fn drop(&mut self) {
        set_owner(Owner::UsFrom(Instant::now() + ECHO));
    }
}

fn set_owner(owner: Owner) {
    *OWNER.lock() = owner;
}

impl Owner {
    fn is_us(self, now: Instant) -> bool {
        match self {
            Self::Us => true,
            Self::Another => false,
            Self::UsFrom(then) => now >= then,
        }
    }
}

fn is_ours() -> bool {
    let owner = *OWNER.lock();
    owner.is_us(Instant::now())
}

/// Runs a command until it ends or a signal asks it to stop.
pub(super) async fn unless_stopped(command: impl Future<Output = Outcome>) -> Outcome {
    let mut ends = Ends::listen().map_err(|error| super::cannot_start(&error))?;
    let stopped = async {
        loop {
            let number = ends.next().await;
            if is_ours() || !KEYS.contains(&number) {
                return number;
            }
        }
    };
    tokio::select! {
        // The signal first: one that belonged to an editor must be seen before the command goes on without it.
        biased;
        number = stopped => Err(Stop::Signal(number)),
        outcome = command => outcome,
    }
}

/// Gives what must not stop half way (writing down a renewed session) a moment to end.
pub(super) async fn let_tasks_finish() {
    let _ = tokio::time::timeout(runtime::FINISH, background::finish_background_work()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ctrl_c_belongs_to_the_other_program_a_little_longer() {
        let now = Instant::now();
        assert!(Owner::Us.is_us(now) && !Owner::Another.is_us(now));
        let ended = Owner::UsFrom(now + ECHO);
        assert!(!ended.is_us(now) && ended.is_us(now + ECHO));
    }
}
