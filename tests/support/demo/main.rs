//! The demo: epigraph, as it is, against a throw-away PostgreSQL and the stand-in for Okta. Nothing is left of it afterwards.
#![expect(clippy::print_stderr, reason = "it talks to a person")]

/// As the standard one, except that whoever stops reading (`| head`, a full disk) ends neither the story nor the cleaning up.
macro_rules! print {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($words)*);
    }};
}
/// See `print`.
macro_rules! println {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

mod program;
mod screens;
mod stage;
mod story;
#[path = "../mod.rs"]
mod support;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use tokio::signal::unix::{SignalKind, signal};

use self::stage::{Parts, Stage};

const USAGE: &str = "\
usage: scripts/demo [--script] [--approve]

Opens epigraph in this terminal against a PostgreSQL and a stand-in for Okta that are
started for it and gone afterwards. Nothing leaves this machine and nothing stays on it.

  --script   plays the whole story with the headless commands and approves by itself;
             so it does without a terminal, too
  --approve  approves every sign-in by itself after three seconds, as James Joyce
";

/// What is said when the story ends early.
pub(crate) type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let mut script = !(io::stdin().is_terminal() && io::stdout().is_terminal());
    let mut approve = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--script" => script = true,
            "--approve" => approve = true,
            "-h" | "--help" => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => {
                eprint!("error: the demo knows no {argument:?}\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let runtime = support::served::runtime();
    // Until here a signal ends the demo at once, and the guardians of the parts do the rest.
    let parts = Parts::start();
    let code = runtime.block_on(async {
        // Later it drops the story, and with it the epigraph that runs; only then do the parts go.
        tokio::select! {
            biased;
            number = any_signal() => ExitCode::from(128 + number),
            outcome = play(&parts, script, approve) => match outcome {
                Ok(()) => ExitCode::SUCCESS,
                Err(what) => {
                    eprintln!("error: {what}");
                    ExitCode::FAILURE
                }
            },
        }
    });
    drop(parts);
    // A closed terminal takes no words, and that is no reason to fail.
    let words = "\nPostgreSQL, the stand-in for Okta and every file of the demo are gone.";
    writeln!(io::stdout(), "{words}").ok();
    code
}

async fn play(parts: &Parts, script: bool, approve: bool) -> Outcome {
    let stage = Stage::on(parts)?;
    if script {
        story::play(&stage).await
    } else {
        screens::play(&stage, approve).await
    }
}

/// Waits for a signal that asks programs to end, and gives its number.
async fn any_signal() -> u8 {
    let [mut hangup, mut interrupt, mut terminate] = [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::terminate(),
    ]
    .map(|kind| signal(kind).expect("a program may wait for signals"));
    tokio::select! {
        _ = hangup.recv() => 1,
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
    }
}
