//! A program in a terminal, and when each of its bytes arrived.

use std::{
    io::{Read, Write},
    process::Command,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, MasterPty, native_pty_system};

use crate::support::pty::{builder, size};

/// How long a program may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// A program that has written nothing for so long has nothing more to say.
const REST: Duration = Duration::from_millis(3);

/// A program in a terminal of 80 columns and 24 rows; it is killed at drop.
pub(crate) struct Timed {
    begun: Instant,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<(Instant, Vec<u8>)>,
    seen: Vec<u8>,
    _master: Box<dyn MasterPty + Send>,
}

impl Timed {
    /// Starts a command with no more of an environment than it sets itself, `PATH`, `TERM` and a UTF-8 locale.
    pub(crate) fn start(command: &Command) -> Self {
        let pair = native_pty_system()
            .openpty(size(80, 24))
            .expect("a terminal");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let arrived = (Instant::now(), buffer[..count].to_vec());
                if sender.send(arrived).is_err() {
                    break;
                }
            }
        });
        let command = builder(command);
        let begun = Instant::now();
        let child = pair.slave.spawn_command(command).expect("it starts");
        Self {
            begun,
            keys: pair.master.take_writer().expect("a writer"),
            child,
            output,
            seen: Vec::new(),
            _master: pair.master,
        }
    }

    /// How long after the start the first byte came.
    pub(crate) fn first_byte(&mut self) -> Duration {
        self.next() - self.begun
    }

    /// How long after the start a text was there.
    pub(crate) fn shows(&mut self, text: &str) -> Duration {
        self.until(text) - self.begun
    }

    /// How long after a key what it brings is there.
    pub(crate) fn answers(&mut self, key: &str, with: &str) -> Duration {
        self.seen.clear();
        let pressed = Instant::now();
        self.keys.write_all(key.as_bytes()).expect("it takes keys");
        self.keys.flush().expect("it takes keys");
        self.until(with) - pressed
    }

    /// Presses keys, and waits until the program has said all that it has to say.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it takes keys");
        self.keys.flush().expect("it takes keys");
        self.next();
        self.settle();
    }

    /// Waits until nothing more comes.
    pub(crate) fn settle(&mut self) {
        while let Ok((_, bytes)) = self.output.recv_timeout(REST) {
            self.seen.extend(bytes);
        }
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    fn until(&mut self, text: &str) -> Instant {
        let mut at = self.begun;
        while !contains(&self.seen, text.as_bytes()) {
            at = self.next();
        }
        at
    }

    fn next(&mut self) -> Instant {
        let Ok((at, bytes)) = self.output.recv_timeout(PATIENCE) else {
            panic!(
                "waited in vain; seen: {}",
                String::from_utf8_lossy(&self.seen)
            );
        };
        self.seen.extend(bytes);
        at
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
