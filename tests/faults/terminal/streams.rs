//! Standard streams that are closed, full, or gone.

use std::process::Command;

use rustix::process::Signal;

use super::{BACK, child_of, ends_within_a_second, kept_text, remove_draft, send};
use crate::{
    faults::{Wait, ends_at_once, machine::in_a_shell},
    support::{
        process::Stat,
        pty::{Key, Pty},
        stage::{INVITATION, Stage},
    },
};

/// Every command that ends by itself, and what it does when no one hears it.
const COMMANDS: [&[&str]; 12] = [
    &[],
    &["set", "Yes."],
    &["whoami"],
    &["show"],
    &["show", "--json"],
    &["set", "-"],
    &["delete", "--yes"],
    &["doctor"],
    &["man"],
    &["completions", "bash"],
    &["--help"],
    &["admin", "status"],
];

/// The program, run by a shell that has done something to its streams.
fn with_streams(stage: &Stage, arguments: &[&str], redirection: &str) -> Command {
    let run = format!("exec \"$0\" \"$@\" {redirection}");
    in_a_shell(&run, &stage.home.command(arguments))
}

#[tokio::test]
async fn a_closed_or_full_stream_makes_no_command_hang_or_panic() {
    let stage = Stage::signed_in().await;
    for arguments in COMMANDS {
        for redirection in [
            "<&-",
            ">&-",
            "2>&-",
            "<&- >&- 2>&-",
            ">/dev/full",
            "2>/dev/full",
            ">/dev/full 2>&1",
        ] {
            if arguments == ["delete", "--yes"] {
                assert_eq!(stage.run(&["set", "To go."]).code, Some(0));
            }
            let mut shell = with_streams(&stage, arguments, redirection);
            let output = shell.output().expect("it ends");
            let talk = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            assert!(
                code.is_some_and(|code| code < 12) && !talk.contains("panicked"),
                "{arguments:?} {redirection}: {:?} {talk}",
                output.status
            );
            // Data that no one got is a failure; talk that no one heard is none.
            let data = matches!(
                arguments[..],
                ["whoami" | "show" | "man" | "completions" | "--help", ..]
            );
            if data && redirection.starts_with(">/dev/full") {
                assert_eq!(code, Some(1), "{arguments:?} {redirection}: {talk}");
            }
            if matches!(arguments[..], ["set", "Yes."]) {
                assert_eq!(code, Some(0), "{arguments:?} {redirection}: {talk}");
                assert_eq!(stage.quote(), "Yes.");
            }
        }
    }
}

#[tokio::test]
async fn the_screens_do_without_what_is_written_beside_them() {
    let stage = Stage::signed_in().await;
    for redirection in ["2>&-", "2>/dev/full"] {
        let mut screen = Pty::spawn(&with_streams(&stage, &[], redirection), 80, 24);
        screen.sees(INVITATION);
        screen.writes("Yes.");
        screen.sees("Yes.");
        ends_at_once(screen, Key::Ctrl('c'));
        assert_eq!(kept_text(&stage).as_deref(), Some("Yes."));
        remove_draft(&stage);
    }
    for redirection in ["<&-", ">&-", "</dev/null", ">/dev/full"] {
        let mut screen = Pty::spawn(&with_streams(&stage, &[], redirection), 80, 24);
        ends_within_a_second(redirection, &mut screen, 2);
        screen.sees("the full screen needs a terminal");
    }
}

#[tokio::test]
async fn a_hang_up_ends_the_program_and_keeps_the_draft() {
    let stage = Stage::signed_in().await;
    let program = stage.home.command::<&str>(&[]);
    // Whoever ignores the signal, as a program does under `nohup`, hears of it from the terminal alone.
    for ignores in ["", "trap '' HUP; "] {
        // Someone between us and the program holds its terminal, and can be taken away.
        let mut holder = Command::new("script");
        holder
            .args(["--quiet", "--command"])
            .arg(format!("{ignores}exec {}", program.get_program().display()))
            .arg("/dev/null");
        holder.envs(stage.home.variables());
        let mut screen = Pty::spawn(&holder, 80, 24);
        screen.sees(INVITATION);
        screen.writes("Yes.");
        screen.sees("Yes.");
        let id = child_of(screen.id());
        send(screen.id(), Signal::KILL);
        Wait::begin().passes_soon(ignores, || Stat::of(id).is_none_or(|stat| stat.is_zombie()));
        screen.exit_status();
        assert_eq!(kept_text(&stage).as_deref(), Some("Yes."), "{ignores:?}");
        let mut screen = stage.open();
        screen.sees(BACK);
        remove_draft(&stage);
    }
}
