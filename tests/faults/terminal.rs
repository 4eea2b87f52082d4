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

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::ends_within_a_second;
use crate::support::{
    pty::{Key, Pty},
    stage::Stage,
    wait_until,
};

/// What the screens say where a text is being written.
const WRITING: &str = "Enter Save Quote";
/// What they say when they bring back what was not saved.
const BACK: &str = "Here is your unsaved text.";

/// Sends a signal to a process alone, not to all that has its terminal.
pub(in crate::faults) fn send(process: u32, signal: Signal) {
    let process = Pid::from_raw(process.cast_signed()).expect("a process");
    kill_process(process, signal).expect("it is there");
}

/// Opens the screens, and the editor in them.
fn open_writing(stage: &Stage) -> Pty {
    let mut screen = stage.open_without_quote();
    screen.key(Key::Char('e'));
    screen.sees(WRITING);
    screen
}

/// Removes the draft, which is kept beside nothing but the session.
fn remove_draft(stage: &Stage) {
    let draft = stage.home.file_of("draft-").expect("a draft");
    fs::remove_file(draft).expect("removed");
}

/// The text in the draft file.
fn kept_text(stage: &Stage) -> Option<String> {
    let file: Value = serde_json::from_str(&stage.draft()?).expect("a draft file is JSON");
    Some(file["text"].as_str().expect("with a text").to_owned())
}

/// The process that a process has started.
fn child_of(parent: u32) -> u32 {
    let path = format!("/proc/{parent}/task/{parent}/children");
    wait_until("it has a child", || {
        let children = fs::read_to_string(&path).ok()?;
        children.split_whitespace().next()?.parse().ok()
    })
}
