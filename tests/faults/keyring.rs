//! What fails at the keyring.

use std::{thread, time::Duration};

use super::{ends_at_once, is_idle};
use crate::support::{
    okta::{Answer, Endpoint, Person, Server},
    process::ticks,
    program::Home,
    pty::{Key, Pty},
    secret_service::{Health, SecretService},
    stage::{INVITATION, Stage, quits},
    wait_for, wait_until,
};

/// James Joyce's home with a desktop's keyring, before he signs in.
async fn set_up(health: Health) -> (Stage, SecretService) {
    let mut stage = Stage::new().await;
    let keyring = SecretService::start(health);
    let bus = keyring.address();
    stage.home.set("DBUS_SESSION_BUS_ADDRESS", bus);
    stage.configure("");
    (stage, keyring)
}

/// The same with an open keyring, which every operation has to read and to write, because each of them has to renew.
async fn renewing() -> (Stage, SecretService) {
    let (stage, keyring) = set_up(Health::Unlocked).await;
    stage.okta.tokens_end_at_once();
    stage.okta.refresh_tokens_work_once();
    (stage, keyring)
}

/// Reads the quote again, which works.
#[track_caller]
fn reloads(screen: &mut Pty) {
    screen.key(Key::Char('r'));
    screen.sees("Up to date.");
}

/// The one secret that the keyring holds for the program.
fn kept(keyring: &SecretService) -> String {
    let mut kept = keyring.secrets("service", "epigraph");
    assert_eq!(kept.len(), 1, "one entry");
    kept.remove(0)
}

#[tokio::test]
async fn a_keyring_that_starts_later_is_found_by_the_running_program() {
    let (stage, mut keyring) = set_up(Health::Absent).await;
    let mut screen = stage.open();
    screen.sees(
        "There is no keyring here. Press f to keep your session in a file that only you can read",
    );
    keyring.start_again();
    stage.sign_in(&mut screen);
    screen.sees(INVITATION);
    assert!(kept(&keyring).contains(Person::James.id()));
}

#[tokio::test]
async fn a_file_is_chosen_with_a_key_and_used_from_then_on() {
    let (stage, _bus) = set_up(Health::Absent).await;
    let mut screen = stage.open();
    screen.sees("There is no keyring here");
    screen.sees("f to keep your session in a file that only you can read");
    screen.key(Key::Char('f'));
    screen.sees("Your session will be kept in a file on this computer.");
    stage.sign_in(&mut screen);
    screen.sees(INVITATION);
    ends_at_once(screen, Key::Char('q'));
    // The next run, and the commands, know it.
    let screen = stage.open_without_quote();
    ends_at_once(screen, Key::Char('q'));
    let ran = stage.run(&["whoami"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("session-"), "{ran:?}");
    // A setting wins.
    let ran = stage.run(&["--store", "keyring", "whoami"]);
    assert_eq!(ran.code, Some(9), "{ran:?}");
}

#[tokio::test]
async fn a_restarted_keyring_or_bus_is_used_again() {
    let (stage, mut keyring) = renewing().await;
    let mut screen = stage.open_with_quote("Mistakes.");
    keyring.start_again();
    let before = kept(&keyring);
    reloads(&mut screen);
    assert_ne!(kept(&keyring), before);

    keyring.end_bus();
    screen.key(Key::Char('r'));
    screen.sees("no message bus answers at DBUS_SESSION_BUS_ADDRESS");
    screen.reads("Mistakes.");
    keyring.start_bus_again();
    keyring.start_again();
    let before = kept(&keyring);
    reloads(&mut screen);
    assert_ne!(kept(&keyring), before);
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    ends_at_once(screen, Key::Char('q'));
}

#[tokio::test]
async fn a_hung_or_locked_keyring_blocks_neither_screen_nor_quit() {
    let (stage, mut keyring) = set_up(Health::WaitingForPassword).await;
    keyring.start_again();
    stage.log_in();
    for locked in [true, false] {
        if locked {
            keyring.lock();
        } else {
            keyring.hang(true);
        }
        for key in [Key::Char('q'), Key::Ctrl('c')] {
            let mut screen = stage.open();
            screen.sees("Looking for your session…");
            let before = ticks(screen.id());
            thread::sleep(Duration::from_secs(1));
            // The first tenth of a second is still the start.
            assert!(ticks(screen.id()) - before <= 10);
            ends_at_once(screen, key);
        }
        let mut screen = stage.open();
        screen.sees("waiting to be unlocked, or does not answer");
        screen.sees("f to keep your session in a file");
        is_idle(&screen);
        // No one is sent to the browser for a session that cannot be kept.
        screen.key(Key::Enter);
        screen.sees_no_more("Asking the keyring…");
        ends_at_once(screen, Key::Ctrl('c'));
        let mut screen = stage.open();
        screen.sees("waiting to be unlocked, or does not answer");
        if locked {
            keyring.start_again();
        } else {
            keyring.hang(false);
        }
        wait_for("trying again leads in", || {
            screen.key(Key::Char('r'));
            thread::sleep(Duration::from_millis(300));
            screen.screen().contains("Welcome, James Joyce!")
        });
        screen.sees_no_more("Reading your quote…");
        ends_at_once(screen, Key::Char('q'));
    }
    assert_eq!(stage.okta.count(Endpoint::DeviceAuthorize), 1);
}

/// The draft goes with the session, but a session that stays takes nothing along.
#[tokio::test]
async fn a_sign_out_that_the_keyring_blocks_keeps_the_draft() {
    let (stage, keyring) = set_up(Health::Unlocked).await;
    let mut screen = stage.open_signed_in();
    screen.writes("Riverrun");
    screen.key(Key::Esc);
    screen.sees("Press e to go on with it.");
    keyring.hang(true);
    screen.key(Key::Char('s'));
    screen.sees("Sign out, and lose your unsaved text?");
    screen.decides('y');
    screen.sees("waiting to be unlocked, or does not answer");
    screen.sees("A draft is waiting.");
    stage.keeps("Riverrun");
    quits(&mut screen);
    screen.sees("your unsaved text is kept");
    stage.keeps("Riverrun");
}

/// Renews the session, and has the keyring fail between the request to Okta and its answer.
fn renew_while(stage: &Stage, screen: &mut Pty, fail: impl FnOnce()) {
    let asked = stage.okta.count(Endpoint::Token);
    stage.okta_network.hold_answers(true);
    screen.key(Key::Char('r'));
    wait_for("Okta is asked for the renewal", || {
        stage.okta.count(Endpoint::Token) > asked
    });
    fail();
    stage.okta_network.hold_answers(false);
    screen.sees("Your session was renewed, but lasts only");
    screen.sees("r reload");
    screen.reads("Mistakes.");
}

#[tokio::test]
async fn a_rotated_token_is_kept_as_soon_as_the_keyring_takes_it() {
    let (stage, mut keyring) = renewing().await;
    let mut screen = stage.open_with_quote("Mistakes.");
    stage.okta.tokens_last(3600);
    let before = kept(&keyring);
    renew_while(&stage, &mut screen, || keyring.end());
    // The token in memory goes on working, without the keyring.
    reloads(&mut screen);
    keyring.start_again();
    assert_eq!(kept(&keyring), before, "it has never been there");
    screen.key(Key::Char('r'));
    wait_for("the renewed session is kept", || kept(&keyring) != before);
    ends_at_once(screen, Key::Char('q'));
    // A next start has the one token that Okta takes.
    stage.run(&["show"]).data();
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
}

#[tokio::test]
async fn a_rotated_token_that_is_written_late_is_the_one_kept() {
    let (stage, keyring) = renewing().await;
    let mut screen = stage.open_with_quote("Mistakes.");
    let before = kept(&keyring);
    renew_while(&stage, &mut screen, || keyring.hang(true));
    keyring.hang(false);
    wait_for("the write lands", || kept(&keyring) != before);
    // It has run out again: this renews with the token that landed late.
    reloads(&mut screen);
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    ends_at_once(screen, Key::Char('q'));
}

#[tokio::test]
async fn a_sign_in_that_is_written_too_late_is_undone() {
    let (stage, keyring) = set_up(Health::Unlocked).await;
    let mut screen = stage.open();
    let code = stage.ask_for_code(&mut screen);
    keyring.hang(true);
    stage.okta.let_in(&code);
    screen.sees("waiting to be unlocked, or does not answer");
    wait_for("the tokens are revoked", || {
        stage.okta.live_refresh_tokens(Person::James) == 0
    });
    keyring.hang(false);
    // This asks the keyring after everything that waited for it.
    let code = wait_until("the keyring answers again", || {
        screen.key(Key::Enter);
        stage.okta.next_code_within(Duration::from_secs(2))
    });
    screen.sees(&code);
    assert_eq!(keyring.secrets("service", "epigraph"), [""; 0]);
    ends_at_once(screen, Key::Char('q'));
}

#[tokio::test]
async fn an_unreadable_entry_stays_until_the_next_sign_in() {
    let (stage, keyring) = set_up(Health::Unlocked).await;
    let issuer = stage.okta.issuer(Server::Default);
    let user = format!("{issuer} {}", stage.okta.client_id());
    let own = ["service", "epigraph", "username", &user];
    for (entry, says) in [
        ("Mistakes are the portals", "cannot be read"),
        ("{\"version\":1,\"sub\":\"00u\"}", "cannot be read"),
        ("{\"version\":2}", "newer version"),
    ] {
        assert!(keyring.stores(entry, &own));
        for command in [&["whoami"][..], &["show"], &["set", "text"]] {
            stage.run(command).fails(9, &[says, "sign in again"]);
        }
        assert_eq!(kept(&keyring), entry);
        let mut screen = stage.open();
        screen.sees(says);
        stage.sign_in(&mut screen);
        assert!(kept(&keyring).contains(Person::James.id()));
        ends_at_once(screen, Key::Char('q'));
    }
    let second = [&own[..], &["more", "than one"]].concat();
    assert!(keyring.stores("second", &second));
    stage
        .run(&["whoami"])
        .fails(9, &["more than one session", "remove the entries"]);
}

#[tokio::test]
async fn processes_at_once_over_one_keyring_renew_once() {
    let (stage, keyring) = renewing().await;
    stage.log_in();
    stage.okta.tokens_last(3600);
    let polls = stage.okta.count(Endpoint::Token);
    // The others have the time to do the same, if nothing held them.
    let slow = Answer::handle().after(Duration::from_secs(1));
    stage.okta.script(Endpoint::Token, slow);
    let command = || stage.home.command(&["show"]);
    for ran in Home::side_by_side([command(), command(), command(), command()]) {
        ran.fails(5, &["there is no quote"]);
    }
    assert_eq!(stage.okta.count(Endpoint::Token), polls + 1);
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    assert!(kept(&keyring).contains(Person::James.id()));
}
