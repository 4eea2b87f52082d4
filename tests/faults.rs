//! The table of faults in docs/faults.md, line by line: the real program, and what fails around it.

use std::time::{Duration, Instant};

use crate::support::{
    pty::{Key, Pty},
    stage::ends,
};

mod database;
#[cfg(target_os = "linux")]
mod keyring;
mod machine;
mod okta;
mod terminal;

/// How often something random is tried: some rounds every day, all of them where `EPIGRAPH_TEST_ROUNDS=all` says so, as the
/// whole of `scripts/test` does.
fn rounds(every_day: u32, all: u32) -> u32 {
    match std::env::var("EPIGRAPH_TEST_ROUNDS").as_deref() {
        Ok("all") => all,
        _ => every_day,
    }
}

/// The processor time that a program has used, in hundredths of a second.
#[cfg(target_os = "linux")]
fn ticks(screen: &Pty) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", screen.id())).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || -> u64 {
        let field = fields.next().and_then(|field| field.parse().ok());
        field.expect("a time")
    };
    next() + next()
}

/// Expects a waiting program to use less than a hundredth of a core, once what has just happened is over.
#[cfg(target_os = "linux")]
#[track_caller]
fn is_idle(screen: &Pty) {
    crate::support::wait_until("two seconds in which it rests", || {
        let before = ticks(screen);
        std::thread::sleep(Duration::from_secs(2));
        (ticks(screen) <= before + 1).then_some(())
    });
}

/// Presses a key that ends the program, whatever hangs. It takes a second at most, and more on a busy machine.
#[track_caller]
fn ends_at_once(mut screen: Pty, key: Key) {
    let start = Instant::now();
    screen.key(key);
    ends(&mut screen, 0);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(3), "it took {took:?}");
}
