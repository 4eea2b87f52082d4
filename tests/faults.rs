//! The table of faults in docs/faults.md, line by line: the real program, and what fails around it.

use std::{
    process::Child,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    PATIENCE,
    process::Stat,
    program::{Home, Ran},
    pty::{Key, Pty},
    stage::ends,
};

mod database;
#[cfg(target_os = "linux")]
mod keyring;
mod machine;
pub(crate) mod okta;
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

/// Random numbers that come again (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Expects each of these processes to use no more than a hundredth of a core, and to wait on. What came before may still settle;
/// what goes on for ever shows again.
#[cfg(target_os = "linux")]
#[track_caller]
fn are_idle(waiting: &[(&str, u32)]) {
    const WATCHED: Duration = Duration::from_secs(3);
    let spent = || {
        waiting
            .iter()
            .map(|(_, id)| crate::support::process::ticks(*id))
    };
    let mut busy = Vec::new();
    for _ in 0..4 {
        let before: Vec<_> = spent().collect();
        thread::sleep(WATCHED);
        let used = spent().zip(before).map(|(now, before)| now - before);
        busy = waiting
            .iter()
            .zip(used)
            .filter(|(_, used)| *used > 3)
            .collect();
        if busy.is_empty() {
            return;
        }
    }
    panic!("ticks of 10 ms in {WATCHED:?}: {busy:?}");
}

#[cfg(target_os = "linux")]
#[track_caller]
fn is_idle(screen: &Pty) {
    are_idle(&[("the program", screen.id())]);
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

    /// Expects that this happens within a second, as it should.
    #[track_caller]
    fn passes_soon(mut self, what: &str, mut over: impl FnMut() -> bool) {
        while !over() {
            assert!(self.since.elapsed() < PATIENCE, "{what} never ends");
            self.a_little();
        }
        let took = self.since.elapsed().saturating_sub(self.late);
        assert!(took < Duration::from_secs(1), "{what} takes {took:?}");
    }
}

/// Expects that what was just done ends the program within a second, as it should, with nothing left behind.
#[track_caller]
fn ends_within_a_second(what: &str, screen: &mut Pty, code: u32) {
    let id = screen.id();
    Wait::begin().passes_soon(what, || screen.has_ended());
    ends(screen, code);
    assert_eq!(in_session(id), [""; 0], "{what}");
}

/// The processes of a terminal session, zombies included.
fn in_session(session: u32) -> Vec<String> {
    let all = Stat::all().into_iter();
    let here = all.filter(|stat| stat.session() == session);
    here.map(|stat| stat.name).collect()
}

/// Presses a key that ends the program, whatever hangs.
#[track_caller]
fn ends_at_once(mut screen: Pty, key: Key) {
    screen.key(key);
    ends_within_a_second(&format!("{key:?}"), &mut screen, 0);
}

/// Interrupts a command, which ends it within a second.
#[track_caller]
fn interrupted(what: &str, mut command: Child) -> Ran {
    let wait = Wait::begin();
    kill_process(Pid::from_child(&command), Signal::INT).expect("it runs");
    wait.passes_soon(what, || command.try_wait().expect("ours").is_some());
    let ran = Home::end_of(command);
    assert_eq!(ran.code, Some(130), "{what}: {ran:?}");
    ran
}
