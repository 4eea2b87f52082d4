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
    /// What the screens say.
    shown: &'static str,
    stage: Stage,
    screens: [Pty; 2],
    draft: Option<&'static str>,
}

async fn states() -> Vec<Waiting> {
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
    let mut states = vec![Waiting {
        screens: [stage.open(), stage.open()],
        stage,
        shown: "database…",
        draft: None,
    }];
    // What is done before the answers stop, and what is asked for then.
    for (leads, asks, shown, draft) in [
        (&writes as &dyn Fn(&mut Pty), "\r", "Saving…", DRAFT),
        (&leaves_a_draft, "r", "Reading your quote…", DRAFT),
        (&leaves_a_draft, "d", "Deleting…", DRAFT),
        (&deletes, "u", "Bringing your quote back…", "Yes."),
    ] {
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
                key => screen.type_(key),
            }
        }
        states.push(Waiting {
            shown,
            stage,
            screens,
            draft: Some(draft),
        });
    }
    for waiting in &mut states {
        for screen in &mut waiting.screens {
            screen.sees(waiting.shown);
        }
    }
    states
}

/// Who waits for Okta: `faults::okta::waiting`.
#[tokio::test]
async fn quitting_any_wait_takes_a_second_and_waiting_costs_no_cpu() {
    let mut states = states().await;
    let watched = states.iter().map(|it| (it.shown, it.screens[0].id()));
    let watched: Vec<_> = watched.collect();
    are_idle(&watched);
    for (shown, id) in watched {
        assert_eq!(in_session(id).len(), 1, "{shown}");
    }
    for waiting in &mut states {
        let (shown, [first, second]) = (waiting.shown, &mut waiting.screens);
        first.key(Key::Char('q'));
        ends_within_a_second(&format!("q at {shown:?}"), first, 0);
        second.key(Key::Ctrl('c'));
        ends_within_a_second(&format!("Ctrl-C at {shown:?}"), second, 0);
        let kept = kept_text(&waiting.stage);
        assert_eq!(kept.as_deref(), waiting.draft, "{shown}");
        if waiting.draft.is_some() {
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
