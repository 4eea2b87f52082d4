//! Signals, at the wrong moment.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::{WRITING, child_of, ends_within_a_second, kept_text, send};
use crate::{
    screens::is_at_a_prompt,
    support::{
        program::Home,
        pty::Key,
        stage::{INVITATION, Stage, WONDERFUL, ends},
        wait_until,
    },
};

fn stop(process: u32) {
    let id = rustix::process::Pid::from_raw(process.cast_signed()).expect("a process");
    rustix::process::kill_process(id, Signal::TSTP).expect("it runs");
}

#[tokio::test]
async fn a_stop_from_outside_gives_the_terminal_back_first() {
    let stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", "Yes."]).code, Some(0));
    let mut screen = stage.open_in_a_shell();
    screen.reads("Yes.");
    let program = child_of(screen.id());
    screen.writes(" I will");
    screen.sees("Yes. I will");
    for _ in 0..2 {
        stop(program);
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
    screen.sees_that("is back in the shell", is_at_a_prompt);
    screen.type_("exit\r");
    screen.exit_status();
}

#[tokio::test]
async fn a_stop_that_no_shell_would_end_is_none() {
    let stage = Stage::signed_in().await;
    let mut screen = stage.open();
    screen.sees("Welcome, James Joyce!");
    send(&screen, Signal::TSTP);
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
    wait_until("the draft is gone", || {
        stage.draft().is_none().then_some(())
    });
    screen.key(Key::Char('q'));
    screen.sees_that("is back in the shell", is_at_a_prompt);
    screen.type_("exit\r");
    screen.exit_status();
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
        wait_until("the row is written", || {
            (stage.quote() == text).then_some(())
        });
        send(&screen, signal);
        stage.database_network.hold_answers(false);
        ends_within_a_second("a save that can finish", &mut screen, code);
        assert!(
            screen.screen().contains("your text is saved"),
            "{}",
            screen.screen()
        );
        assert_eq!(stage.draft(), None);
    }

    let mut screen = stage.open();
    screen.reads("Two.");
    screen.writes(" And three.");
    screen.sees("Two. And three.");
    stage.database_network.hold_requests(true);
    screen.key(Key::Enter);
    screen.sees("Saving…");
    send(&screen, Signal::TERM);
    ends_within_a_second("a save that cannot finish", &mut screen, 128 + 15);
    assert!(
        screen
            .screen()
            .contains("the save was not confirmed; your unsaved text is kept"),
        "{}",
        screen.screen()
    );
    stage.database_network.cut();
    stage.database_network.hold_requests(false);
    assert_eq!(stage.quote(), "Two.");
    let mut screen = stage.open();
    screen.sees(super::BACK);
    screen.sees("Two. And three.");
}

#[test]
fn a_hang_up_that_nohup_hides_ends_nothing() {
    use std::io::{BufRead, BufReader};

    let home = Home::new();
    let program = home.command(&["--log", "log", "set", "-"]);
    for (wrapper, dies) in [(&["nohup"][..], false), (&["env"], true)] {
        let log = home.path().join("log");
        let _ = std::fs::remove_file(&log);
        let mut command = Command::new(wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.env_clear();
        for (name, value) in program.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let mut child = Home::start(&mut command);
        let input = child.stdin.take();
        wait_until("it waits for its input", || {
            std::fs::read_to_string(&log)
                .ok()
                .filter(|log| log.contains("reading standard input"))
        });
        let id = rustix::process::Pid::from_raw(child.id().cast_signed()).expect("a process");
        rustix::process::kill_process(id, Signal::HUP).expect("it runs");
        if !dies {
            // The next signal comes behind the first one.
            rustix::process::kill_process(id, Signal::TERM).expect("it runs");
        }
        let code = child.wait().expect("it ends").code();
        drop(input);
        assert_eq!(code, Some(if dies { 128 + 1 } else { 128 + 15 }));
        let mut talk = String::new();
        BufReader::new(child.stderr.take().expect("piped"))
            .read_line(&mut talk)
            .expect("UTF-8");
        assert!(!talk.contains("error"), "{talk}");
    }
}
