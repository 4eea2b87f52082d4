//! What fails at the terminal.

mod drafts;
mod sequences;
mod signals;
mod strangers;
#[cfg(target_os = "linux")]
mod streams;
mod typing;
#[cfg(target_os = "linux")]
mod waiting;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{
    PATIENCE,
    process::Stat,
    pty::Pty,
    stage::{Stage, ends},
    wait_until,
};

/// What the screens say where a text is being written.
const WRITING: &str = "Enter Save Quote";
/// What they say when they bring back what was not saved.
const BACK: &str = "Here is your unsaved text.";

fn send(screen: &Pty, signal: Signal) {
    let process = Pid::from_raw(screen.id().cast_signed()).expect("a process");
    kill_process(process, signal).expect("it is there");
}

/// The text in the draft file.
fn kept_text(stage: &Stage) -> Option<String> {
    let file: Value = serde_json::from_str(&stage.draft()?).expect("a draft file is JSON");
    Some(file["text"].as_str().expect("with a text").to_owned())
}

/// Measures a wait, without what a busy machine added to it: as much as our own short sleeps came late.
struct Wait {
    since: Instant,
    late: Duration,
}

impl Wait {
    fn begin() -> Self {
        Self {
            since: Instant::now(),
            late: Duration::ZERO,
        }
    }

    fn a_little(&mut self) {
        const LITTLE: Duration = Duration::from_millis(5);
        let before = Instant::now();
        thread::sleep(LITTLE);
        self.late += before.elapsed().saturating_sub(LITTLE);
    }

    fn elapsed(&self) -> Duration {
        self.since.elapsed().saturating_sub(self.late)
    }
}

/// Expects that what was just done ends the program within a second, as it should, with nothing left behind.
#[track_caller]
fn ends_within_a_second(what: &str, screen: &mut Pty, code: u32) {
    let id = screen.id();
    let mut wait = Wait::begin();
    while !screen.has_ended() {
        assert!(wait.since.elapsed() < PATIENCE, "{what} never ends");
        wait.a_little();
    }
    let took = wait.elapsed();
    ends(screen, code);
    assert!(took < Duration::from_secs(1), "{what} takes {took:?}");
    assert_eq!(in_session(id), Vec::<String>::new(), "{what}");
}

/// The processes of a terminal session, zombies included.
fn in_session(session: u32) -> Vec<String> {
    Stat::all()
        .into_iter()
        .filter(|stat| stat.session() == session)
        .map(|stat| stat.name)
        .collect()
}

/// The process that a process has started.
fn child_of(parent: u32) -> u32 {
    let path = format!("/proc/{parent}/task/{parent}/children");
    wait_until("it has a child", || {
        let children = fs::read_to_string(&path).ok()?;
        children.split_whitespace().next()?.parse().ok()
    })
}
