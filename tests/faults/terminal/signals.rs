//! Signals, at the wrong moment.

use std::{fs, process::Stdio};

use rustix::process::Signal;

use super::{WRITING, child_of, ends_within_a_second, kept_text, send};
use crate::{
    faults::machine::in_a_shell,
    screens::is_at_a_prompt,
    support::{
        program::Home,
        pty::{Key, Pty},
        stage::{INVITATION, Stage, WONDERFUL, ends},
        wait_for,
    },
};

/// Leaves a shell that has its prompt again.
fn exit(mut shell: Pty) {
    shell.sees_that("is back in the shell", is_at_a_prompt);
    shell.type_("exit\r");
    shell.exit_status();
}

#[tokio::test]
async fn a_stop_from_outside_gives_the_terminal_back_first() {
    let stage = Stage::with_quote("Yes.").await;
    let mut screen = stage.open_in_a_shell();
    screen.reads("Yes.");
    let program = child_of(screen.id());
    screen.writes(" I will");
    screen.sees("Yes. I will");
    for _ in 0..2 {
        send(program, Signal::TSTP);
        screen.sees_that("is back in the shell", is_at_a_prompt);
        screen.sees("Stopped");
        assert!(!screen.alternate_screen() && !screen.hide_cursor());
        // What was typed last does not wait for a shell that may never go on with it.
        assert_eq!(kept_text(&stage).as_deref(), Some("Yes. I will"));
        screen.type_("fg\r");
        screen.sees("Yes. I will");
        screen.sees_that("has the terminal again", |screen| {
            screen.alternate_screen() && screen.bracketed_paste()
        });
    }
    screen.key(Key::Ctrl('c'));
    exit(screen);
}

#[tokio::test]
async fn a_stop_that_no_shell_would_end_is_none() {
    let stage = Stage::signed_in().await;
    let mut screen = stage.open();
    screen.sees("Welcome, James Joyce!");
    send(screen.id(), Signal::TSTP);
    screen.writes("Yes.");
    screen.sees("Yes.");
    assert!(screen.alternate_screen());
    screen.key(Key::Ctrl('c'));
    ends(&mut screen, 0);
}

#[tokio::test]
async fn a_save_goes_on_while_the_program_is_stopped() {
    let stage = Stage::signed_in().await;
    let mut screen = stage.open_in_a_shell();
    screen.sees(INVITATION);
    screen.writes("Yes.");
    screen.sees("Yes.");
    stage.database_network.hold_answers(true);
    screen.key(Key::Enter);
    screen.sees("Saving…");
    screen.key(Key::Ctrl('z'));
    screen.sees_that("is back in the shell", is_at_a_prompt);
    screen.sees("Stopped");
    assert_eq!(kept_text(&stage).as_deref(), Some("Yes."));
    stage.database_network.hold_answers(false);
    screen.type_("fg\r");
    screen.sees(WONDERFUL);
    screen.reads("Yes.");
    assert_eq!(stage.quote(), "Yes.");
    stage.keeps_no_draft();
    screen.key(Key::Char('q'));
    exit(screen);
}

#[tokio::test]
async fn a_signal_during_a_save_loses_no_text_and_says_what_happened() {
    let stage = Stage::signed_in().await;
    for (before, text, signal, code) in [
        (INVITATION, "One.", Signal::TERM, 128 + 15),
        ("One.", "Two.", Signal::HUP, 128 + 1),
    ] {
        let mut screen = stage.open();
        screen.sees(before);
        screen.sees_no_more("Reading your quote…");
        screen.key(Key::Char('e'));
        screen.sees(WRITING);
        screen.key(Key::Ctrl('u'));
        screen.type_(text);
        screen.sees(text);
        stage.database_network.hold_answers(true);
        screen.key(Key::Enter);
        screen.sees("Saving…");
        wait_for("the row is written", || stage.quote() == text);
        send(screen.id(), signal);
        stage.database_network.hold_answers(false);
        ends_within_a_second("a save that can finish", &mut screen, code);
        screen.sees("your text is saved");
        assert_eq!(stage.draft(), None);
    }

    let mut screen = stage.open_reading("Two.");
    screen.writes(" And three.");
    screen.sees("Two. And three.");
    stage.database_network.hold_requests(true);
    screen.key(Key::Enter);
    screen.sees("Saving…");
    send(screen.id(), Signal::TERM);
    ends_within_a_second("a save that cannot finish", &mut screen, 128 + 15);
    screen.sees("the save was not confirmed; your unsaved text is kept");
    stage.database_network.cut();
    stage.database_network.hold_requests(false);
    assert_eq!(stage.quote(), "Two.");
    let mut screen = stage.open();
    screen.sees(super::BACK);
    screen.sees("Two. And three.");
}

#[test]
fn a_hang_up_that_nohup_hides_ends_nothing() {
    let home = Home::new();
    let program = home.command(&["--log", "log", "set", "-"]);
    for (wrapper, dies) in [("nohup", false), ("", true)] {
        let log = home.path().join("log");
        let _ = fs::remove_file(&log);
        let mut command = in_a_shell(&format!("exec {wrapper} \"$0\" \"$@\""), &program);
        command.stdin(Stdio::piped());
        let mut child = Home::start(&mut command);
        // Held, so that there is no end of it.
        let _input = child.stdin.take();
        wait_for("it waits for its input", || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains("reading standard input"))
        });
        send(child.id(), Signal::HUP);
        if !dies {
            // The next signal comes behind the first one.
            send(child.id(), Signal::TERM);
        }
        let ran = Home::end_of(child);
        assert_eq!(ran.code, Some(if dies { 128 + 1 } else { 128 + 15 }));
        assert!(!ran.stderr.contains("error"), "{ran:?}");
    }
}
