//! What is written to the terminal. One that stands still, because no one reads it, must hold up neither the draft, nor a signal,
//! nor the end: what it does not take at once is written by a thread of its own.

use std::{
    fs::File,
    io::{self, Write},
    mem,
    sync::OnceLock,
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use super::at_once;

/// How long a terminal may take for what is under way. What it has not read by then is thrown away.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_millis(400);

/// More than this much unread, and the next frame waits: it would be old when it is seen.
const BACKLOG: usize = 512;

/// The way to the terminal. There is one for the process, as there is one terminal.
pub(super) struct Output {
    /// The terminal opened once more, so that writing to it never waits; a shell has the other one too. Where the system has
    /// no such way, all is written by the thread, which costs a key as much time as drawing it.
    at_once: Option<File>,
    queue: Mutex<Queue>,
    changed: Condvar,
    caught_up: Notify,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Whether there is a thread that writes. It is begun when it has something to do, and sleeps when it has not.
    has_writer: bool,
    writing: bool,
    failed: Option<io::Error>,
}

impl Queue {
    fn is_busy(&self) -> bool {
        self.writing || !self.bytes.is_empty()
    }
}

/// Returns the way to the terminal.
pub(super) fn output() -> &'static Output {
    static OUTPUT: OnceLock<Output> = OnceLock::new();

    OUTPUT.get_or_init(|| Output {
        at_once: at_once::open(),
        queue: Mutex::default(),
        changed: Condvar::new(),
        caught_up: Notify::new(),
    })
}

impl Output {
    /// Writes bytes behind those that are under way.
    ///
    /// # Errors
    /// When something before them could not be written, or there can be no thread.
    pub(super) fn send(&'static self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut queue = self.queue.lock();
        if let Some(error) = queue.failed.take() {
            return Err(error);
        }
        let mut bytes = bytes;
        if let Some(mut terminal) = self.at_once.as_ref().filter(|_| !queue.is_busy()) {
            while !bytes.is_empty()
                && let Ok(count @ 1..) = terminal.write(bytes)
            {
                bytes = &bytes[count..];
            }
        }
        if bytes.is_empty() {
            return Ok(());
        }
        queue.bytes.extend_from_slice(bytes);
        self.changed.notify_all();
        if !queue.has_writer {
            thread::Builder::new()
                .name("terminal".into())
                .spawn(|| self.write())?;
            queue.has_writer = true;
        }
        Ok(())
    }

    /// Says whether the terminal is too slow for another frame.
    pub(super) fn is_behind(&self) -> bool {
        self.queue.lock().bytes.len() > BACKLOG
    }

    /// Says whether something is still to be taken by the terminal.
    pub(super) fn is_busy(&self) -> bool {
        self.queue.lock().is_busy()
    }

    /// Waits until something that was under way has been written.
    pub(super) async fn caught_up(&self) {
        self.caught_up.notified().await;
    }

    /// Writes the last words, and waits until the terminal has them. One that stands still loses what it has not read.
    pub(super) fn end(&'static self, bytes: &[u8]) {
        let stands_still = !self.wait(PATIENCE);
        let _ = self.send(bytes);
        if stands_still {
            throw_away_unread();
        }
        self.wait(LAST_WORDS);
    }

    /// Waits until everything has been written, but not for long. Says whether it has.
    fn wait(&self, limit: Duration) -> bool {
        let mut queue = self.queue.lock();
        self.changed
            .wait_while_for(&mut queue, |queue| queue.is_busy(), limit);
        !queue.is_busy()
    }

    fn write(&self) {
        let mut queue = self.queue.lock();
        loop {
            self.changed
                .wait_while(&mut queue, |queue| queue.bytes.is_empty());
            let bytes = mem::take(&mut queue.bytes);
            queue.writing = true;
            let written = MutexGuard::unlocked(&mut queue, || {
                let mut stdout = io::stdout();
                stdout.write_all(&bytes).and_then(|()| stdout.flush())
            });
            queue.writing = false;
            if let Err(error) = written {
                queue.failed = Some(error);
            }
            self.changed.notify_all();
            self.caught_up.notify_one();
        }
    }
}

#[cfg(unix)]
fn throw_away_unread() {
    use rustix::termios::{Action, QueueSelector, tcflow, tcflush};

    let _ = tcflush(io::stdout(), QueueSelector::OFlush);
    // What waits for room hears of it only when the output is held and let go.
    let _ = tcflow(io::stdout(), Action::OOff);
    let _ = tcflow(io::stdout(), Action::OOn);
}

#[cfg(not(unix))]
fn throw_away_unread() {}
