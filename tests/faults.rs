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
pub(crate) fn rounds(every_day: u32, all: u32) -> u32 {
    match std::env::var("EPIGRAPH_TEST_ROUNDS").as_deref() {
        Ok("all") => all,
        _ => every_day,
    }
}

/// The same of what depends on the version of PostgreSQL, and is tried in full on a version that was asked for.
pub(crate) fn rounds_on_a_version(every_day: u32, all: u32) -> u32 {
    match std::env::var_os("EPIGRAPH_TEST_POSTGRES_BIN") {
        Some(_) => all,
        None => rounds(every_day, all),
    }
}

/// Expects a waiting program to use less than a hundredth of a core, once what has just happened is over.
#[cfg(target_os = "linux")]
#[track_caller]
fn is_idle(screen: &Pty) {
    use crate::support::process::ticks;

    crate::support::wait_until("two seconds in which it rests", || {
        let before = ticks(screen.id());
        std::thread::sleep(Duration::from_secs(2));
        (ticks(screen.id()) <= before + 1).then_some(())
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
