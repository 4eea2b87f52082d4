//! The screens, whole: the real binary in a pseudo-terminal, between a stand-in for Okta and a real PostgreSQL.

use std::{process::Command, thread, time::Duration};

use epigraph::{
    app::{About, Effect, Msg},
    runtime::{self, Error, Services},
    session::Progress,
    terminal::{self, Terminal},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    okta::Person,
    pty::{Key, Pty},
    stage::{INVITATION, Stage, WONDERFUL, ends, is_clean},
    wait_until,
};

/// Presses the key that ends the program.
#[track_caller]
pub(crate) fn quits(screen: &mut Pty) {
    screen.key(Key::Char('q'));
    ends(screen, 0);
}

/// Someone who has signed in and writes their first quote.
fn in_the_editor(stage: &Stage) -> Pty {
    let mut screen = stage.open_signed_in();
    screen.key(Key::Char('e'));
    screen.sees("Enter Save Quote");
    screen
}

#[tokio::test]
async fn a_person_signs_in_and_keeps_a_quote() {
    let stage = Stage::new().await;
    let mut screen = stage.open_signed_in();

    screen.key(Key::Enter);
    screen.sees("Mistakes are the portals of discovery - James Joyce");
    screen.type_("Yes I said");
    screen.key(Key::AltEnter);
    screen.type_("yes 日本 👨‍👩‍👧");
    screen.key(Key::Enter);
    screen.sees(WONDERFUL);
    screen.sees("Yes I said");
    assert_eq!(stage.quote().trim_end(), "Yes I said\nyes 日本 👨‍👩‍👧");

    screen.key(Key::Char('e'));
    screen.sees("Edit your quote");
    screen.key(Key::Backspace);
    screen.type_("!");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote().trim_end(), "Yes I said\nyes 日本 !");

    screen.key(Key::Char('d'));
    screen.sees("Delete your quote?");
    screen.decides('y');
    screen.sees(INVITATION);
    assert_eq!(stage.quote().trim_end(), "");
    screen.key(Key::Char('u'));
    screen.sees("Your quote is back.");
    assert_eq!(stage.quote().trim_end(), "Yes I said\nyes 日本 !");

    screen.key(Key::Char('s'));
    screen.sees("Sign out, here and at Okta?");
    screen.decides('y');
    screen.sees("You are signed out.");
    quits(&mut screen);
}

#[tokio::test]
async fn a_code_can_be_copied_renewed_and_cancelled() {
    let stage = Stage::new().await;
    let mut screen = stage.open();
    screen.sees("Enter Log in");
    screen.key(Key::Enter);
    let first = stage.okta.next_code();
    screen.sees(&first);
    screen.sees("The code works until ");
    screen.key(Key::Char('c'));
    screen.sees("Sent the code to your terminal's clipboard.");
    wait_until("it is copied", || {
        (screen.copied().len() == 1).then_some(())
    });

    screen.key(Key::Char('n'));
    let second = stage.okta.next_code();
    screen.sees(&second);
    screen.key(Key::Esc);
    screen.sees("Enter Log in");
    quits(&mut screen);
}

#[tokio::test]
async fn a_key_and_a_new_size_that_come_together_both_count() {
    let stage = Stage::new().await;
    let mut screen = stage.open_signed_in();
    for round in 0..20 {
        let (key, hint, rows) = match round % 2 {
            0 => (Key::Char('e'), "Enter Save Quote", 20),
            _ => (Key::Esc, "q quit", 24),
        };
        // While it draws everything anew, both come in.
        screen.key(Key::Ctrl('l'));
        thread::sleep(Duration::from_micros(200 * round));
        screen.resize(80, rows);
        screen.key(key);
        screen.sees_that(hint, |screen| {
            let last = screen.rows(0, 80).nth(usize::from(rows) - 1);
            last.is_some_and(|row| row.contains(hint))
        });
    }
}

#[tokio::test]
async fn a_session_that_okta_ends_costs_no_text() {
    let stage = Stage::new().await;
    // A token that is as good as expired is renewed before every use.
    stage.okta.configure(|it| it.token_lifetime = 30);
    let mut screen = stage.open_with_quote("Mistakes");
    screen.writes(" are the portals");
    screen.sees("Mistakes are the portals");
    stage.okta.revoke_all(Person::James);
    screen.key(Key::Enter);
    screen.sees("is kept for your next sign-in.");
    assert_eq!(stage.quote().trim_end(), "Mistakes");

    stage.sign_in(&mut screen);
    screen.sees("Edit your quote");
    screen.sees("Mistakes are the portals");
    screen.type_(" of discovery");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "Mistakes are the portals of discovery");
    quits(&mut screen);

    // Nor does it when the program ends before the next sign-in.
    let mut screen = stage.open();
    screen.reads("Mistakes are the portals of discovery");
    screen.writes("!");
    screen.sees("of discovery!");
    stage.okta.revoke_all(Person::James);
    screen.key(Key::Enter);
    screen.sees("is kept for your next sign-in.");
    quits(&mut screen);
    let mut screen = stage.open();
    stage.sign_in(&mut screen);
    screen.sees("of discovery!");
    screen.sees("Here is your unsaved text.");
}

#[tokio::test]
async fn every_way_to_end_restores_the_terminal_and_the_draft() {
    let stage = Stage::new().await;
    let mut screen = in_the_editor(&stage);
    let mut draft = String::new();
    for (signal, code) in [
        (Signal::TERM, 128 + 15),
        (Signal::HUP, 128 + 1),
        (Signal::INT, 128 + 2),
        (Signal::QUIT, 128 + 3),
    ] {
        screen.sees("Enter Save Quote");
        screen.type_("word ");
        draft.push_str("word ");
        screen.sees(draft.trim_end());
        screen.signal(signal);
        ends(&mut screen, code);
        screen = stage.open();
        screen.sees(draft.trim_end());
    }
    screen.key(Key::Ctrl('c'));
    ends(&mut screen, 0);
    assert!(screen.screen().contains("is kept"), "{}", screen.screen());
}

#[tokio::test]
async fn a_sign_out_asks_before_it_removes_another_windows_text() {
    let stage = Stage::signed_in().await;
    let mut windows = ["Mistakes are", "the portals"].map(|text| {
        let mut screen = stage.open();
        screen.sees(INVITATION);
        screen.writes(text);
        screen.sees(text);
        screen
    });
    for screen in &mut windows {
        screen.key(Key::Ctrl('c'));
        ends(screen, 0);
    }
    let mut screen = stage.open();
    screen.sees("Mistakes are");
    screen.sees("You have another unsaved text.");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    screen.key(Key::Char('s'));
    screen.sees("Sign out, and lose the unsaved text of another window?");
    assert!(!stage.drafts().is_empty());
    screen.decides('y');
    screen.sees("You are signed out.");
    assert!(stage.drafts().is_empty());
}

#[tokio::test]
async fn ctrl_z_leads_to_the_shell_and_fg_back() {
    let stage = Stage::new().await;
    quits(&mut stage.open_with_quote("Still here."));

    let mut screen = stage.open_in_a_shell();
    screen.reads("Still here.");
    for _ in 0..2 {
        screen.key(Key::Ctrl('z'));
        screen.sees_that("is back in the shell", is_at_a_prompt);
        screen.sees("Stopped");
        // A shell sets modes of its own while it reads a line: brackets around pastes, and no echo by the terminal.
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        screen.type_("echo in the $((40 + 2))nd shell\r");
        screen.sees("in the 42nd shell");
        screen.type_("fg\r");
        screen.reads("Still here.");
        assert!(screen.alternate_screen() && screen.bracketed_paste());
    }
    screen.key(Key::Char('q'));
    screen.sees_that("is back in the shell", is_at_a_prompt);
    screen.type_("exit 7\r");
    assert_eq!(screen.exit_status().exit_code(), 7);
}

/// Whether the shell has the terminal again: what is typed before is not for it.
pub(crate) fn is_at_a_prompt(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen() && screen.contents().trim_end().ends_with("shell>")
}

#[tokio::test]
async fn a_program_that_was_stopped_from_outside_sets_its_modes_again() {
    let stage = Stage::new().await;
    let mut screen = stage.open_with_quote("Still here.");
    let process = Pid::from_raw(screen.id().cast_signed()).expect("a process");
    let before = screen.bytes_written();
    kill_process(process, Signal::STOP).expect("it is there");
    kill_process(process, Signal::CONT).expect("it is there");
    wait_until("it draws every cell anew", || {
        let new = screen.raw().split_off(before);
        String::from_utf8_lossy(&new)
            .contains("wonderful")
            .then_some(())
    });
    screen.reads("Still here.");
    assert!(screen.alternate_screen() && screen.bracketed_paste() && !screen.line_mode());
}

#[tokio::test]
async fn no_color_means_no_colour() {
    let mut stage = Stage::new().await;
    quits(&mut stage.open_with_quote("Plain."));

    stage.home.set("NO_COLOR", "1");
    stage
        .database
        .query("alter table public.user_messages rename to elsewhere");
    let mut screen = stage.open();
    screen.sees("could not be read");
    quits(&mut screen);
    let raw = screen.raw();
    let sequences = String::from_utf8_lossy(&raw);
    let coloured = sequences
        .split("\x1b[")
        .skip(1)
        .filter_map(|sequence| Some(sequence.split_once('m')?.0))
        .filter(|numbers| !numbers.contains(|c: char| !c.is_ascii_digit() && c != ';'))
        .flat_map(|numbers| numbers.split(';'))
        .find(|number| matches!(number.parse(), Ok(30..=38 | 40..=48 | 90..=107)));
    assert_eq!(coloured, None, "{sequences:?}");
}

#[tokio::test]
async fn the_terminal_is_asked_twice_and_no_one_waits() {
    let stage = Stage::new().await;
    let mut screen = stage.open_with_quote("Quiet.");
    screen.key(Key::Ctrl('l'));
    screen.resize(60, 20);
    screen.sees(WONDERFUL);
    quits(&mut screen);
    let raw = screen.raw();
    let sequences = String::from_utf8_lossy(&raw);
    // Which keys it knows, and how wide it draws a mark; not what it is, nor which colours it has. This one never answers.
    for (query, times) in [
        ("\x1b[?u", 1),
        ("\x1b[6n", 1),
        ("\x1b[c", 0),
        ("\x1b[>c", 0),
        ("\x1b]10;?", 0),
        ("\x1b]11;?", 0),
    ] {
        assert_eq!(sequences.matches(query).count(), times, "{query:?}");
    }
    // Mouse, focus, window title.
    for mode in ["[?1000h", "[?1002h", "[?1003h", "[?1004h", "]0;", "]2;"] {
        assert!(!sequences.contains(&format!("\x1b{mode}")), "{mode:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_wakes_up_while_idle() {
    let stage = Stage::new().await;
    quits(&mut stage.open_with_quote("Quiet."));
    let mut screen = stage.open();
    screen.reads("Quiet.");
    let switches = || -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", screen.id())).expect("its threads");
        let status =
            |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status")).ok();
        let all: String = tasks.flatten().filter_map(status).collect();
        let counts = all.lines().filter(|line| line.contains("ctxt_switches"));
        counts
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .sum()
    };
    // What came with the start may still settle.
    let quiet = wait_until("two seconds without a wake-up", || {
        let before = switches();
        thread::sleep(Duration::from_secs(2));
        (switches() == before).then_some(before)
    });
    assert!(quiet > 0);
}

#[tokio::test]
async fn a_terminal_that_is_not_read_blocks_neither_draft_nor_quit() {
    let stage = Stage::new().await;
    let mut screen = in_the_editor(&stage);
    for (signal, code, letters) in [(Signal::TERM, 128 + 15, 100), (Signal::HUP, 128 + 1, 200)] {
        screen.sees("Enter Save Quote");
        screen.freeze(true);
        // Every Ctrl-L sends a whole screen: far more than a terminal keeps unread.
        for _ in 0..100 {
            screen.type_("x");
            screen.key(Key::Ctrl('l'));
        }
        let typed = "x".repeat(letters);
        wait_until("all that was typed is in the draft file", || {
            stage.draft()?.contains(&typed).then_some(())
        });
        screen.signal(signal);
        wait_until("the program ends", || screen.has_ended().then_some(()));
        screen.freeze(false);
        ends(&mut screen, code);
        screen = stage.open();
    }
    screen.sees("Here is your unsaved text.");
}

#[tokio::test]
async fn nothing_is_left_of_characters_of_disputed_width() {
    let stage = Stage::new().await;
    let mut screen = in_the_editor(&stage);
    // To this terminal, and many others, a family is as wide as all its members.
    screen.paste(&format!(
        "{} end\n{}\n🇩🇪 ｶﾞ क्षि 👍🏽",
        "👨‍👩‍👧".repeat(30),
        "👨‍👩‍👧".repeat(36)
    ));
    screen.sees("end");
    let text = |contents: String| -> Vec<String> {
        let rows = contents.lines();
        rows.map(|row| row.trim_end().to_owned()).collect()
    };
    let same_when_drawn_anew = |screen: &mut Pty| {
        let written = wait_until("the frame is there to its end", || {
            let written = screen.bytes_written();
            thread::sleep(Duration::from_millis(100));
            (screen.bytes_written() == written).then_some(written)
        });
        let before = text(screen.screen());
        screen.key(Key::Ctrl('l'));
        wait_until("it is drawn anew", || {
            let new = screen.raw().split_off(written);
            String::from_utf8_lossy(&new)
                .contains("\x1b[?2026l")
                .then_some(())
        });
        screen.sees_that(&format!("shows {before:#?} again"), |screen| {
            text(screen.contents()) == before
        });
    };
    same_when_drawn_anew(&mut screen);
    for key in [Key::Up, Key::Up, Key::Char('a'), Key::Home, Key::Char('b')] {
        screen.key(key);
    }
    screen.sees("b👨");
    same_when_drawn_anew(&mut screen);
    screen.key(Key::Enter);
    screen.sees(WONDERFUL);
    screen.key(Key::Up);
    screen.sees_no_more("Saved.");
    same_when_drawn_anew(&mut screen);
    screen.key(Key::Char('?'));
    screen.sees("Scrolling");
    same_when_drawn_anew(&mut screen);
    screen.key(Key::Esc);
    screen.sees(WONDERFUL);
    same_when_drawn_anew(&mut screen);
}

#[tokio::test]
async fn a_terminal_without_a_size_is_taken_for_the_usual_one() {
    let stage = Stage::new().await;
    let mut screen = Pty::spawn(&stage.home.command::<&str>(&[]), 0, 0);
    screen.sees("Enter Log in");
    screen.resize(60, 20);
    screen.sees_that("uses the last row", |screen| {
        let last = screen.rows(0, 60).nth(19);
        last.is_some_and(|row| row.contains("Enter Log in"))
    });
    quits(&mut screen);
}

#[test]
fn a_bug_gives_the_terminal_back_and_is_told() {
    for place in ["task", "task that nobody waits for", "thread"] {
        let mut role = Command::new(std::env::current_exe().expect("our own path"));
        role.args(["--exact", "screens::buggy", "--ignored", "--nocapture"])
            .env("EPIGRAPH_TEST_BUGGY", place)
            .env("RUST_BACKTRACE", "0");
        let mut screen = Pty::spawn(&role, 80, 24);
        assert_ne!(screen.exit_status().exit_code(), 0);
        let raw = String::from_utf8_lossy(&screen.raw()).into_owned();
        let (before, after) = raw
            .split_once("\x1b[?1049l")
            .expect("the alternate screen is left");
        assert!(before.contains("Looking"), "{before:?}");
        assert!(after.contains("a bug in a task"), "{after:?}");
        assert!(!after.contains("\x1b[?1049"), "it is left once: {after:?}");
        is_clean(&screen);
    }
}

/// Not a test of its own: the process that `a_bug_gives_the_terminal_back_and_is_told` starts.
#[test]
#[ignore = "a role in another test"]
fn buggy() {
    /// Where the bug is.
    struct Buggy(String);

    impl Services for Buggy {
        async fn perform(&self, _: Effect, _: Progress) -> Option<Msg> {
            let Self(place) = self;
            match place.as_str() {
                "task" => panic!("a bug in a task"),
                "thread" => {
                    let thread = tokio::task::spawn_blocking(|| panic!("a bug in a task"));
                    let error = thread.await.expect_err("it panics");
                    std::panic::resume_unwind(error.into_panic())
                }
                _ => {
                    tokio::spawn(async { panic!("a bug in a task") });
                    std::future::pending().await
                }
            }
        }
    }

    if let Ok(place) = std::env::var("EPIGRAPH_TEST_BUGGY")
        && let Err(Error::Bug { panic, .. }) =
            runtime::run(About::default(), Buggy(place), Terminal::take)
    {
        if let Some(message) = terminal::untold_panic() {
            panic!("{message}");
        }
        std::panic::resume_unwind(panic);
    }
}

#[tokio::test]
async fn a_letter_costs_no_more_than_it_does_in_an_editor() {
    let stage = Stage::new().await;
    let mut screen = in_the_editor(&stage);
    // The first one changes what the frame says.
    for (letter, typed) in [("a", "  a"), ("b", "  ab")] {
        screen.type_(letter);
        screen.sees(typed);
        screen.sees("not saved yet");
    }
    let before = screen.bytes_written();
    for (typed, letter) in [("  abc", "c"), ("  abcd", "d"), ("  abcde", "e")] {
        screen.type_(letter);
        screen.sees(typed);
    }
    let written = screen.raw().split_off(before);
    assert_eq!(String::from_utf8_lossy(&written), "cde");
}

/// What a line that is slow must carry, at 80 columns and 24 rows.
#[tokio::test]
async fn frames_cost_few_bytes() {
    const WARM_START: usize = 2_600;
    const OPEN_EDITOR: usize = 1_400;
    let stage = Stage::new().await;
    quits(&mut stage.open_with_quote("Mistakes are the portals of discovery - James Joyce"));
    // A terminal that says how wide it draws what is ambiguous, and one that says nothing.
    for answer in ["\x1b[1;2R", ""] {
        let mut screen = stage.open();
        screen.sees_that("is taken over", vt100::Screen::alternate_screen);
        screen.send(answer.as_bytes());
        screen.reads("Mistakes are the portals of discovery");
        screen.sees("q quit");
        let start = screen.bytes_written();
        assert!(start < WARM_START, "a warm start: {start} bytes");
        screen.key(Key::Char('e'));
        screen.sees("Ctrl-C quit");
        let editor = screen.bytes_written() - start;
        assert!(editor < OPEN_EDITOR, "opening the editor: {editor} bytes");
    }
}

#[tokio::test]
async fn what_was_seen_last_is_there_before_the_database_answers() {
    let stage = Stage::signed_in().await;
    stage.run(&["set", "Yes I said - Molly Bloom"]).data();
    stage.database_network.hold_answers(true);
    let mut screen = stage.open();
    screen.sees("Yes I said");
    screen.sees("— Molly Bloom");
    screen.sees("last seen");
    // What was saved elsewhere meanwhile takes its place, and no draft is lost by it.
    stage
        .database
        .query("update public.user_messages set message = 'No, she said'");
    stage.database_network.hold_answers(false);
    screen.reads("No, she said");
    screen.sees_no_more("last seen");
    quits(&mut screen);

    stage.database_network.hold_answers(true);
    let mut screen = stage.open();
    screen.sees("last seen");
    screen.writes(", and wept");
    screen.sees("No, she said, and wept");
    stage
        .database
        .query("update public.user_messages set message = 'Perhaps'");
    stage.database_network.hold_answers(false);
    screen.sees("There is already another text.");
    screen.key(Key::Enter);
    screen.sees("Your quote was changed elsewhere.");
    screen.decides('k');
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "No, she said, and wept");
}
