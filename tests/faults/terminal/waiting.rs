//! Every state in which the screens wait for the database, with no one there; and what a browser leaves behind.

use std::{fs, os::unix::fs::PermissionsExt};

use super::{ends_within_a_second, kept_text};
use crate::{
    faults::{are_idle, in_session},
    support::{
        process::Stat,
        pty::{Key, Pty},
        stage::{INVITATION, Stage, WONDERFUL, ends},
        wait_for,
    },
};

/// Two programs that wait for the same: one for each way out.
struct Waiting {
    what: &'static str,
    stage: Stage,
    screens: [Pty; 2],
    draft: Option<&'static str>,
}

/// Opens two programs over a quote, and leads them to where no answer comes to the last that they ask.
async fn waiting(
    what: &'static str,
    leads: impl Fn(&mut Pty),
    asks: &str,
    shown: &str,
    draft: Option<&'static str>,
) -> Waiting {
    let stage = Stage::signed_in().await;
    let mut screens = [0, 1].map(|_| {
        assert_eq!(stage.run(&["set", "Yes."]).code, Some(0));
        let mut screen = stage.open_reading("Yes.");
        leads(&mut screen);
        screen
    });
    stage.database_network.hold_answers(true);
    for screen in &mut screens {
        match asks {
            "d" => screen.deletes(),
            keys => screen.type_(keys),
        }
        screen.sees(shown);
    }
    Waiting {
        what,
        stage,
        screens,
        draft,
    }
}

async fn states() -> [Waiting; 5] {
    const DRAFT: &str = "Yes. I will";
    let writes = |screen: &mut Pty| {
        screen.writes(" I will");
        screen.sees(DRAFT);
    };
    let leaves_a_draft = |screen: &mut Pty| {
        writes(screen);
        screen.key(Key::Esc);
        screen.sees(WONDERFUL);
    };
    let deletes = |screen: &mut Pty| {
        screen.deletes();
        screen.sees(INVITATION);
    };
    let stage = Stage::signed_in().await;
    stage.database_network.hold_answers(true);
    let mut screens = [stage.open(), stage.open()];
    for screen in &mut screens {
        screen.sees("Welcome, James Joyce!");
        screen.sees("database…");
    }
    let read = Waiting {
        what: "the quote is read",
        stage,
        screens,
        draft: None,
    };
    [
        read,
        waiting("the quote is saved", writes, "\r", "Saving…", Some(DRAFT)).await,
        waiting(
            "the quote is read again",
            leaves_a_draft,
            "r",
            "Reading your quote…",
            Some(DRAFT),
        )
        .await,
        waiting(
            "the quote is deleted",
            leaves_a_draft,
            "d",
            "Deleting…",
            Some(DRAFT),
        )
        .await,
        waiting(
            "the quote is brought back",
            deletes,
            "u",
            "Bringing your quote back…",
            Some("Yes."),
        )
        .await,
    ]
}

/// Who waits for Okta: `faults::okta::waiting`.
#[tokio::test]
async fn quitting_any_wait_takes_a_second_and_waiting_costs_no_cpu() {
    let mut states = states().await;
    let watched = states.each_ref().map(|it| (it.what, it.screens[0].id()));
    are_idle(&watched);
    for (what, id) in watched {
        assert_eq!(in_session(id).len(), 1, "{what}");
    }
    for Waiting {
        what,
        stage,
        screens: [first, second],
        draft,
    } in &mut states
    {
        first.key(Key::Char('q'));
        ends_within_a_second(&format!("q while {what}"), first, 0);
        second.key(Key::Ctrl('c'));
        ends_within_a_second(&format!("Ctrl-C while {what}"), second, 0);
        assert_eq!(kept_text(stage).as_deref(), *draft, "{what}");
        if draft.is_some() {
            second.sees("your unsaved text");
        }
    }
}

#[tokio::test]
async fn a_browser_that_was_opened_leaves_no_zombie() {
    let mut stage = Stage::new().await;
    // One that hands the address on and ends, and one that stays open for longer than it is waited for.
    let script = b"#!/bin/sh\necho \"$1\" >>opened\n[ -e later ] || exit 0\nexec sleep 1.5\n";
    let launcher = stage.home.write("xdg-open", script);
    fs::set_permissions(launcher, fs::Permissions::from_mode(0o700)).expect("a mode");
    stage.home.search_here_first();
    stage.home.set("DISPLAY", ":0");
    let mut screen = stage.open();
    screen.sees("Enter Log in");
    screen.key(Key::Enter);
    for opened in 1..=2 {
        screen.sees(&stage.okta.next_code());
        screen.sees("o open");
        screen.key(Key::Char('o'));
        screen.sees("Opened in your browser.");
        let addresses = fs::read_to_string(stage.home.path().join("opened")).expect("opened");
        assert_eq!(addresses.matches("https://").count(), opened);
        wait_for("every launcher is gone, and taken note of", || {
            Stat::all().iter().all(|stat| stat.parent() != screen.id())
        });
        stage.home.write("later", b"");
        screen.key(Key::Char('n'));
    }
    screen.key(Key::Ctrl('c'));
    ends(&mut screen, 0);
}
