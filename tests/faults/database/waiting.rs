//! While the program waits for the database: it does nothing, and ends when it is told to.

use std::{
    io::{BufRead, BufReader},
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{give, waits_for_a_lock, write};
use crate::support::{
    neon::{Neon, Stage as At, Then},
    postgres::shared,
    program::Home,
    pty::{Key, Pty},
    stage::{Stage, ends, is_clean},
    wait_until,
};

/// Longer than any of these tests.
const FOR_EVER: Duration = Duration::from_mins(10);
/// What the program promises: whatever hangs.
const SECOND: Duration = Duration::from_secs(1);

/// The states in which the program may wait for the database: what is on the way there, and what the screen says.
struct Waits {
    stage: Stage,
    /// A host that takes TCP connections and says nothing, and one whose compute does not come up.
    silent: Neon,
    asleep: Neon,
}

const STATES: [&str; 4] = ["silent", "asleep", "retrying", "blocked"];

impl Waits {
    async fn new() -> Self {
        let stage = Stage::signed_in().await;
        give(&stage, "One");
        let silent = Neon::before(shared());
        silent.always(Some((At::Dialled, Then::Silence)));
        let asleep = Neon::before(shared());
        asleep.always(Some((At::Authenticated, Then::ColdStart(FOR_EVER))));
        Self {
            stage,
            silent,
            asleep,
        }
    }

    fn command(&self, state: &str, arguments: &[&str]) -> Command {
        let port = match state {
            "silent" => self.silent.port(),
            "asleep" => self.asleep.port(),
            "retrying" => 1,
            _ => shared().port(),
        };
        let mut command = self.stage.home.command(arguments);
        let url = self.stage.database.user().port(port);
        command.env("DATABASE_URL", url.to_string());
        command
    }

    /// Opens the screens and brings them into a state.
    fn screen(&self, state: &str) -> Pty {
        let mut screen = Pty::spawn(&self.command(state, &[]), 80, 24);
        match state {
            "silent" | "asleep" => screen.sees("Waking the database…"),
            "retrying" => screen.sees("The database does not answer; trying again…"),
            _ => {
                // The draft may be another window's.
                screen.sees_that("is ready", |screen| {
                    let shown = screen.contents();
                    shown.contains("Enter Save Quote") || shown.contains("e edit")
                });
                if !screen.screen().contains("Enter Save Quote") {
                    write(&mut screen, ", two");
                }
                screen.key(Key::Enter);
                screen.sees("Saving…");
                wait_until("the save waits", || {
                    waits_for_a_lock(&self.stage).then_some(())
                });
            }
        }
        screen
    }
}

/// Leaves a draft behind, and holds the row that it is to go into.
async fn with_a_draft_before_a_held_row(waits: &Waits) -> tokio_postgres::Client {
    let mut screen = Pty::spawn(&waits.command("", &[]), 80, 24);
    screen.reads("One");
    write(&mut screen, ", two");
    screen.key(Key::Ctrl('c'));
    screen.exit_status();
    let owner = waits.stage.database.owner_session().await;
    owner
        .batch_execute("begin; update public.user_messages set message = message")
        .await
        .expect("the owner may");
    owner
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_is_done_while_the_database_is_waited_for() {
    use crate::support::process::ticks;

    const LONG: Duration = Duration::from_secs(3);
    let waits = Waits::new().await;
    let _owner = with_a_draft_before_a_held_row(&waits).await;
    // What came before may still settle; what goes on for ever shows again.
    let mut busy = Vec::new();
    for _ in 0..3 {
        let mut screens = STATES.map(|state| waits.screen(state));
        let before = screens.each_ref().map(|screen| ticks(screen.id()));
        std::thread::sleep(LONG);
        let after = screens.each_ref().map(|screen| ticks(screen.id()));
        busy = STATES
            .iter()
            .zip(before.iter().zip(after))
            .filter(|(_, (before, after))| after - **before > 3)
            .map(|(state, (before, after))| format!("{state}: {} ticks", after - before))
            .collect();
        for screen in &mut screens {
            assert!(!screen.has_ended());
        }
        if busy.is_empty() {
            return;
        }
    }
    panic!("more than a hundredth of {LONG:?}: {busy:?}");
}

#[tokio::test]
async fn q_and_ctrl_c_end_the_wait_within_a_second_and_keep_the_draft() {
    let waits = Waits::new().await;
    let _owner = with_a_draft_before_a_held_row(&waits).await;
    let draft = waits.stage.draft();
    assert!(
        draft
            .as_ref()
            .is_some_and(|draft| draft.contains("One, two"))
    );
    for state in STATES {
        for key in [Key::Char('q'), Key::Ctrl('c')] {
            ends_within_a_second(&format!("{key:?} while {state}"), || {
                let mut screen = waits.screen(state);
                let begun = Instant::now();
                screen.key(key);
                let status = screen.exit_status();
                let took = begun.elapsed();
                assert!(status.success());
                is_clean(&screen);
                assert_eq!(waits.stage.draft(), draft, "{state}");
                took
            });
        }
    }
}

#[tokio::test]
async fn an_interrupt_ends_a_command_that_waits_within_a_second() {
    let waits = Waits::new().await;
    let owner = with_a_draft_before_a_held_row(&waits).await;
    for state in STATES {
        let arguments: &[&str] = if state == "blocked" {
            &["set", "Three"]
        } else {
            &["show"]
        };
        ends_within_a_second(&format!("SIGINT while {state}"), || {
            let (silent, asleep) = (waits.silent.connections(), waits.asleep.connections());
            assert_eq!((silent, asleep), (0, 0), "none is left");
            let mut child = Home::start(&mut waits.command(state, arguments));
            if state == "retrying" {
                let mut line = String::new();
                let talk = child.stderr.as_mut().expect("piped");
                BufReader::new(talk).read_line(&mut line).expect("UTF-8");
                assert!(line.contains("trying again"), "{line:?}");
            }
            wait_until("it waits", || {
                match state {
                    "silent" => waits.silent.connections() > 0,
                    "asleep" => waits.asleep.connections() > 0,
                    "blocked" => waits_for_a_lock(&waits.stage),
                    _ => true,
                }
                .then_some(())
            });
            let begun = Instant::now();
            let id = Pid::from_raw(child.id().cast_signed()).expect("a process");
            kill_process(id, Signal::INT).expect("it runs");
            let ran =
                crate::support::program::Ran::from(child.wait_with_output().expect("it ends"));
            let took = begun.elapsed();
            assert_eq!(
                (ran.code, ran.stdout.as_str()),
                (Some(130), ""),
                "{state}: {ran:?}"
            );
            assert!(!ran.stderr.contains("error"), "{state}: {ran:?}");
            assert_eq!(
                ran.stderr.contains("unknown whether the quote was saved"),
                state == "blocked",
                "{state}: {ran:?}"
            );
            took
        });
    }
    owner.batch_execute("rollback").await.expect("it is open");
    // What was on its way to the held row may have been done or not, and nothing else.
    assert!(["One", "Three"].contains(&waits.stage.quote().as_str()));
}

#[tokio::test]
async fn a_delete_that_is_left_behind_is_told() {
    let stage = Stage::signed_in().await;
    give(&stage, "One");
    let mut screen = stage.open();
    screen.reads("One");
    screen.key(Key::Char('d'));
    screen.sees("Delete your quote?");
    stage.database_network.hold_requests(true);
    screen.decides('y');
    screen.sees("Deleting…");
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
    assert!(
        screen.screen().contains("the delete was not confirmed"),
        "{}",
        screen.screen()
    );
}

/// On a machine with other things to do, the best of a few tries counts.
#[track_caller]
fn ends_within_a_second(what: &str, mut end: impl FnMut() -> Duration) {
    let mut tries = Vec::new();
    while tries.len() < 5 {
        let took = end();
        if took < SECOND {
            return;
        }
        tries.push(took);
    }
    panic!("{what}: {tries:?}");
}
