//! A sign-in with the real binary, `epigraph login --json`: its events as they come.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout},
};

use serde_json::Value;

use super::program::{Home, Ran};

/// A sign-in under way.
pub(crate) struct SignIn {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl SignIn {
    /// Starts it, and reads the event that brings the code.
    #[track_caller]
    pub(crate) fn start(home: &Home) -> (Self, Value) {
        let mut child = Home::start(&mut home.command(&["login", "--json"]));
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line in UTF-8");
        let sign_in = Self { child, lines };
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        assert_eq!(event["event"], "code", "{line}{:?}", sign_in.end());
        (sign_in, event)
    }

    /// Waits for its end. What it printed is without the first event.
    pub(crate) fn end(mut self) -> Ran {
        let mut stdout = String::new();
        let mut stderr = String::new();
        let talk = self.child.stderr.take();
        self.lines.read_to_string(&mut stdout).expect("UTF-8");
        talk.expect("a pipe")
            .read_to_string(&mut stderr)
            .expect("UTF-8");
        let code = self.child.wait().expect("it is our child").code();
        Ran {
            code,
            stdout,
            stderr,
        }
    }
}
