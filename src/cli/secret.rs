//! A secret from standard input: from a pipe, or typed and pasted at a terminal without being shown.

use std::io::{self, IsTerminal};

use crossterm::{
    event::{Event, KeyCode},
    terminal::{disable_raw_mode, enable_raw_mode},
};
use secrecy::{SecretString, zeroize::Zeroizing};

use super::{
    input,
    output::{self, Stop},
};
use crate::{
    failure::{Failure, Kind},
    keymap::Chord,
    terminal::Keys,
};

/// Reads a secret.
pub(super) async fn read(prompt: &str) -> Result<SecretString, Stop> {
    if !io::stdin().is_terminal() {
        return Ok(SecretString::from(input::standard_input().await?));
    }
    // Dropped with this future, so that a signal leaves the terminal as it was.
    let hidden = Hidden::new().map_err(|error| unreadable(&error))?;
    output::ask(prompt);
    let typed = input::on_a_thread_left_behind(typed)
        .await
        .map_err(|error| unreadable(&error))?;
    drop(hidden);
    output::say("");
    typed.ok_or(Stop::Signal(2))
}

pub(super) fn unreadable(error: &io::Error) -> Failure {
    let what = format!("The terminal cannot be read: {error}.");
    Failure::new(Kind::Failed, what).cure("Pipe the text in instead.")
}

/// The terminal shows nothing of what is typed for as long as this lives.
struct Hidden;

impl Hidden {
    fn new() -> io::Result<Self> {
        enable_raw_mode().map(|()| Self)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}

/// Reads a line as keys; `None` where it was broken off.
fn typed() -> io::Result<Option<SecretString>> {
    // Room enough from the start: a text that grows leaves copies behind that no one wipes.
    let mut line = Zeroizing::new(String::with_capacity(4096));
    let mut keys = Keys::default();
    loop {
        let key = match keys.read()? {
            Event::Paste(pasted) => {
                line.push_str(Zeroizing::new(pasted).trim());
                continue;
            }
            Event::Key(key) => key,
            _ => continue,
        };
        let Some(chord) = Chord::of(key) else {
            continue;
        };
        match chord.control() {
            Some('c') => return Ok(None),
            Some('d' | 'j') => return Ok(Some(line.as_str().into())),
            Some('u') => line.clear(),
            _ => match key.code {
                KeyCode::Enter => return Ok(Some(line.as_str().into())),
                KeyCode::Backspace => drop(line.pop()),
                _ => line.extend(chord.typed()),
            },
        }
    }
}
