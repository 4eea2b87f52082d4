//! Every state in which the screens wait for someone, with no one there.

use std::{fs, os::unix::fs::PermissionsExt, thread, time::Duration};

use super::{ends_within_a_second, in_session, kept_text};
use crate::support::{
    process::{Stat, ticks},
    pty::{Key, Pty},
    secret_service::{Health, SecretService},
    stage::{INVITATION, Stage, WONDERFUL, ends},
    wait_until,
};

/// Two programs that wait for the same: one for each way out.
struct Waiting {
    what: &'static str,
    stage: Stage,
    screens: [Pty; 2],
    draft: Option<&'static str>,
}

const DRAFT: &str = "Yes. I will";

/// Opens two programs that show the quote, with a draft beside it.
async fn with_a_draft() -> (Stage, [Pty; 2]) {
    let stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", "Yes."]).code, Some(0));
    let mut screens = [stage.open(), stage.open()];
    for screen in &mut screens {
        screen.reads("Yes.");
    }
    for screen in &mut screens {
        screen.writes(" I will");
        screen.sees(DRAFT);
    }
    (stage, screens)
}

/// Presses keys one after the other; an answer when the question is there.
fn press(screen: &mut Pty, keys: &str) {
    for key in keys.chars() {
        if key == 'y' {
            screen.sees("n no");
        }
        screen.key(Key::Char(key));
    }
}

async fn states() -> Vec<Waiting> {
    let mut states = Vec::new();
    let mut add = |what, stage, screens, draft| {
        states.push(Waiting {
            what,
            stage,
            screens,
            draft,
        });
    };

    let stage = Stage::new().await;
    let mut screens = [stage.open(), stage.open()];
    stage.okta_network.hold_answers(true);
    for screen in &mut screens {
        screen.sees("Enter Log in");
        screen.key(Key::Enter);
        screen.sees("Asking Okta");
    }
    add("a code is asked for", stage, screens, None);

    let stage = Stage::new().await;
    stage.okta.configure(|settings| settings.interval = Some(5));
    let mut screens = [stage.open(), stage.open()];
    for screen in &mut screens {
        screen.sees("Enter Log in");
        screen.key(Key::Enter);
        screen.sees("Waiting for your approval");
    }
    stage.okta_network.hold_answers(true);
    add("an approval is waited for", stage, screens, None);

    let stage = Stage::signed_in().await;
    stage.database_network.hold_answers(true);
    let mut screens = [stage.open(), stage.open()];
    for screen in &mut screens {
        screen.sees("Welcome, James Joyce!");
        screen.sees("database…");
    }
    add("the quote is read", stage, screens, None);

    let stage = Stage::new().await;
    stage
        .okta
        .configure(|settings| settings.token_lifetime = 30);
    stage.log_in();
    stage.okta_network.hold_answers(true);
    let mut screens = [stage.open(), stage.open()];
    for screen in &mut screens {
        screen.sees("Welcome, James Joyce!");
        screen.sees("…");
    }
    add("the session is renewed", stage, screens, None);

    let (stage, mut screens) = with_a_draft().await;
    stage.database_network.hold_answers(true);
    for screen in &mut screens {
        screen.key(Key::Enter);
        screen.sees("Saving…");
    }
    add("the quote is saved", stage, screens, Some(DRAFT));

    for (what, keys, shown) in [
        ("the quote is read again", "r", "Reading your quote…"),
        ("the quote is deleted", "dy", "Deleting…"),
    ] {
        let (stage, mut screens) = with_a_draft().await;
        stage.database_network.hold_answers(true);
        for screen in &mut screens {
            screen.key(Key::Esc);
            screen.sees(WONDERFUL);
            press(screen, keys);
            screen.sees(shown);
        }
        add(what, stage, screens, Some(DRAFT));
    }

    let stage = Stage::signed_in().await;
    let screens = [0, 1].map(|_| {
        assert_eq!(stage.run(&["set", "Yes."]).code, Some(0));
        let mut screen = stage.open();
        screen.reads("Yes.");
        press(&mut screen, "dy");
        screen.sees(INVITATION);
        screen
    });
    stage.database_network.hold_answers(true);
    let mut screens = screens;
    for screen in &mut screens {
        screen.key(Key::Char('u'));
        screen.sees("Bringing your quote back…");
    }
    add("the quote is brought back", stage, screens, Some("Yes."));

    let stage = Stage::signed_in().await;
    let mut screens = [stage.open(), stage.open()];
    for screen in &mut screens {
        screen.sees(INVITATION);
    }
    stage.okta_network.hold_answers(true);
    for screen in &mut screens {
        press(screen, "sy");
        screen.sees("Signing out…");
    }
    add("the session is ended", stage, screens, None);
    states
}

#[tokio::test]
async fn quitting_any_wait_takes_a_second_and_waiting_costs_no_cpu() {
    const WATCHED: Duration = Duration::from_secs(3);

    let mut states = states().await;
    let id = |waiting: &Waiting, way: usize| waiting.screens[way].id();
    let before: Vec<_> = states.iter().map(|waiting| ticks(id(waiting, 0))).collect();
    thread::sleep(WATCHED);
    for (waiting, before) in states.iter().zip(before) {
        let used = ticks(id(waiting, 0)) - before;
        assert!(used <= 3, "{}: {used} ticks in {WATCHED:?}", waiting.what);
        assert_eq!(in_session(id(waiting, 0)).len(), 1, "{}", waiting.what);
    }
    // The end of a session, which came last, is waited for for ten seconds only.
    states.rotate_right(1);
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
        let told = match (*what, draft) {
            ("the session is ended", _) => "the sign-out was not confirmed",
            (_, Some(_)) => "your unsaved text",
            (_, None) => continue,
        };
        assert!(
            second.screen().contains(told),
            "{what}: {}",
            second.screen()
        );
    }
}

#[tokio::test]
async fn a_keyring_that_hangs_holds_up_neither_way_out() {
    let mut stage = Stage::new().await;
    let keyring = SecretService::start(Health::Hung);
    stage
        .home
        .set("DBUS_SESSION_BUS_ADDRESS", keyring.address());
    stage.configure("store = \"keyring\"");
    for key in [Key::Char('q'), Key::Ctrl('c')] {
        let mut screen = stage.open();
        screen.sees("Looking for your session…");
        let before = ticks(screen.id());
        thread::sleep(Duration::from_secs(1));
        let used = ticks(screen.id()) - before;
        // The first tenth of a second is still the start.
        assert!(used <= 10, "{used} ticks");
        screen.key(key);
        ends_within_a_second("a hung keyring", &mut screen, 0);
    }
}

#[tokio::test]
async fn a_browser_that_was_opened_leaves_no_zombie() {
    let mut stage = Stage::new().await;
    // One that hands the address on and ends, and one that stays open for longer than it is waited for.
    let script = b"#!/bin/sh\necho \"$1\" >>opened\n[ -e later ] || exit 0\nexec sleep 1.5\n";
    let launcher = stage.home.write("xdg-open", script);
    fs::set_permissions(launcher, fs::Permissions::from_mode(0o700)).expect("a mode");
    let path = format!(
        "{}:{}",
        stage.home.path().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    stage.home.set("PATH", path);
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
        wait_until("every launcher is gone, and taken note of", || {
            let left = Stat::all().iter().any(|stat| stat.parent() == screen.id());
            (!left).then_some(())
        });
        stage.home.write("later", b"");
        screen.key(Key::Char('n'));
    }
    screen.key(Key::Ctrl('c'));
    ends(&mut screen, 0);
}
