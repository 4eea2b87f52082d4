//! While the program waits for the database: it does nothing, and ends when it is told to.

use std::{
    io::{BufRead, BufReader},
    process::Command,
    time::Duration,
};

use super::{TOUCH, give, write};
use crate::{
    faults::{ends_at_once, interrupted},
    support::{
        neon::{Neon, Stage as At, Then},
        postgres::shared,
        program::Home,
        pty::{Key, Pty},
        stage::{Stage, ends},
        wait_for,
    },
};

/// Longer than any of these tests.
const FOR_EVER: Duration = Duration::from_mins(10);

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
        let url = self.stage.database.user().port(port);
        self.stage.home.command_at(&url, arguments)
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
                wait_for("the save waits", || self.stage.database.waits_for_a_lock());
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
    ends(&mut screen, 0);
    waits.stage.database.owner_begins(TOUCH).await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_is_done_while_the_database_is_waited_for() {
    let waits = Waits::new().await;
    let _owner = with_a_draft_before_a_held_row(&waits).await;
    let screens = STATES.map(|state| (state, waits.screen(state)));
    crate::faults::are_idle(&screens.each_ref().map(|(state, it)| (*state, it.id())));
}

#[tokio::test]
async fn q_and_ctrl_c_end_the_wait_within_a_second_and_keep_the_draft() {
    let waits = Waits::new().await;
    let _owner = with_a_draft_before_a_held_row(&waits).await;
    waits.stage.keeps("One, two");
    let draft = waits.stage.draft();
    for state in STATES {
        for key in [Key::Char('q'), Key::Ctrl('c')] {
            ends_at_once(waits.screen(state), key);
            assert_eq!(waits.stage.draft(), draft, "{state}");
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
        let mut child = Home::start(&mut waits.command(state, arguments));
        if state == "retrying" {
            let mut line = String::new();
            let talk = child.stderr.as_mut().expect("piped");
            BufReader::new(talk).read_line(&mut line).expect("UTF-8");
            assert!(line.contains("trying again"), "{line:?}");
        }
        wait_for("it waits", || match state {
            "silent" => waits.silent.connections() > 0,
            "asleep" => waits.asleep.connections() > 0,
            "blocked" => waits.stage.database.waits_for_a_lock(),
            _ => true,
        });
        let ran = interrupted(&format!("SIGINT while {state}"), child);
        assert_eq!(ran.stdout, "", "{state}");
        assert!(!ran.stderr.contains("error"), "{state}: {ran:?}");
        let in_question = ran.stderr.contains("unknown whether the quote was saved");
        assert_eq!(in_question, state == "blocked", "{state}: {ran:?}");
    }
    owner.batch_execute("rollback").await.expect("it is open");
    // What was on its way to the held row may have been done or not, and nothing else.
    assert!(["One", "Three"].contains(&waits.stage.quote().as_str()));
}
