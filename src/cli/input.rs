//! Standard input and other bytes from outside, as text: bounded, and valid UTF-8.

use std::{
    io::{self, IsTerminal, Read as _},
    thread,
};

use super::output;
use crate::{
    failure::{Failure, Kind},
    platform::Platform,
    quote::MAX_BYTES,
    text,
};

/// More than the longest quote can take with two-byte line ends.
const MAX_INPUT: u64 = 2 * MAX_BYTES as u64 + 2;

/// Reads standard input: bounded, UTF-8, without the one line break at its end.
pub(super) async fn standard_input() -> Result<String, Failure> {
    tracing::info!("reading standard input");
    let bytes = on_a_thread_left_behind(|| {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(MAX_INPUT + 1)
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    })
    .await
    .map_err(|error| unreadable(&error))?;
    of_input(&bytes)
}

/// Makes the bytes of standard input a text.
pub(super) fn of_input(bytes: &[u8]) -> Result<String, Failure> {
    if bytes.len() as u64 > MAX_INPUT {
        return Err(far_too_long());
    }
    text_of(bytes, "standard input")
}

pub(super) fn unreadable(error: &io::Error) -> Failure {
    let what = format!("Standard input cannot be read: {error}.");
    Failure::new(Kind::Failed, what)
        .cure("Give the text after the command instead: `epigraph set \"…\"`.")
}

pub(super) fn far_too_long() -> Failure {
    let limit = text::bytes(MAX_BYTES);
    let what = format!("The text is far longer than a quote may be, which is {limit}.");
    Failure::new(Kind::Usage, what).cure("Shorten it; it was not saved.")
}

/// Makes bytes a text, or says where they stop being one. No part of it are a byte order mark, and one line break at the end: programs
/// and editors put one there that no one typed.
pub(super) fn text_of(bytes: &[u8], whence: &str) -> Result<String, Failure> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let what = format!("What came from {whence} is not valid UTF-8 at byte {at}.");
        Failure::new(Kind::Usage, what).cure(Platform::HERE.convert())
    })?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// Says whether there is someone to ask.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks until there is a yes or a no; `None` is Enter alone. The end of the input is a no.
pub(super) async fn answer(question: &str) -> Option<bool> {
    output::ask(question);
    loop {
        let line = on_a_thread_left_behind(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_| line)
        })
        .await
        .unwrap_or_default();
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => return Some(true),
            "n" | "no" => return Some(false),
            "" => return line.is_empty().then_some(false),
            _ => output::ask(&format!("Answer y or n. {question}")),
        }
    }
}

/// Waits for something that blocks, on a thread that may be left behind when a signal ends the program.
pub(super) async fn on_a_thread_left_behind<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (send, receive) = tokio::sync::oneshot::channel();
    thread::Builder::new().spawn(move || drop(send.send(work())))?;
    receive.await.map_err(io::Error::other)?
}
