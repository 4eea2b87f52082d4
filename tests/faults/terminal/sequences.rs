//! What terminals send beside text: keys in pieces, answers to questions that others asked, beginnings without an end.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{WRITING, kept_text, remove_draft};
use crate::{
    faults::{ends_at_once, ends_within_a_second},
    support::{
        pty::{Key, Pty},
        stage::{INVITATION, Stage, ends},
        wait_for,
    },
};

/// Sends pieces as a slow line does.
fn send_slowly(screen: &mut Pty, pieces: &[&str]) {
    for piece in pieces {
        screen.send(piece.as_bytes());
        // The pause is what is tried: what comes of it is waited for.
        thread::sleep(Duration::from_millis(10));
    }
}

/// Presses a key, and again where it took the program too long to be ready for it: on a busy machine only.
fn is_heard(screen: &mut Pty, key: &[u8], came: impl Fn(&mut Pty) -> bool) {
    for _ in 0..5 {
        screen.send(key);
        let patience = Instant::now() + Duration::from_secs(5);
        while Instant::now() < patience {
            if came(screen) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    panic!("deaf to {key:?}:\n{}", screen.screen());
}

#[tokio::test]
async fn a_key_that_a_slow_line_cuts_is_still_that_key() {
    let stage = Stage::with_quote("Yes").await;
    let mut screen = stage.open_reading("Yes");
    screen.key(Key::Char('e'));
    screen.sees(WRITING);
    send_slowly(&mut screen, &["\x1b", "[D", "\x1b[", "D", "\x1bO", "D"]);
    screen.type_("dy");
    screen.sees("dyYes");
    send_slowly(&mut screen, &["\x1b", "[200~ sunny", " day\x1b", "[201~"]);
    screen.sees("dy sunny dayYes");
    wait_for("it is in the draft", || {
        kept_text(&stage).as_deref() == Some("dy sunny dayYes")
    });
    assert_eq!(stage.quote(), "Yes");
    ends_at_once(screen, Key::Ctrl('c'));
}

#[tokio::test]
async fn nothing_that_a_terminal_sends_makes_the_screens_deaf() {
    let stage = Stage::signed_in().await;
    for bytes in [
        "\x1b[?997;1n",
        "\x1b[?2026;2$y",
        "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
        "\x1b[>41;380;0c",
        "\x1b]11;rgb:1e1e",
        "\x1bP1$r",
        "\x1b_Gi=31",
        "\x1b[200~",
        "\x1b[1;",
        "\x1b[M",
        "\x1b[<0;12",
    ] {
        let mut reads = stage.open();
        let mut writes = stage.open();
        reads.sees(INVITATION);
        writes.sees(INVITATION);
        writes.writes("one");
        writes.sees("one");
        writes.send(b"\x1b[D");
        for screen in [&mut reads, &mut writes] {
            screen.send(bytes.as_bytes());
        }
        thread::sleep(Duration::from_millis(600));
        is_heard(&mut reads, b"q", Pty::has_ended);
        ends(&mut reads, 0);
        is_heard(&mut writes, b"t", |screen| screen.screen().contains("onte"));
        writes.type_("wo");
        writes.sees("ontwoe");
        writes.send(bytes.as_bytes());
        thread::sleep(Duration::from_millis(10));
        is_heard(&mut writes, b"\x03", Pty::has_ended);
        ends(&mut writes, 0);
        assert_eq!(kept_text(&stage).as_deref(), Some("ontwoe"), "{bytes:?}");
        remove_draft(&stage);
    }
}

#[tokio::test]
async fn a_paste_without_brackets_is_no_command() {
    let stage = Stage::with_quote("Yes.").await;
    let mut screen = stage.open_reading("Yes.");
    screen.type_("sunny day\rdelete, quit: dy\r");
    screen.sees("To paste, press e first.");
    // The answer comes before the question can be seen.
    screen.send(b"d\x1b[By");
    screen.sees("Delete your quote?");
    screen.key(Key::Char('n'));
    screen.sees_no_more("Delete your quote?");
    assert_eq!(stage.quote(), "Yes.");
    screen.sees("Welcome, James Joyce!");
    ends_at_once(screen, Key::Char('q'));
}

#[tokio::test]
async fn modes_that_were_left_on_are_off_and_ours_are_gone() {
    let stage = Stage::signed_in().await;
    let mut screen = stage.open_without_quote();
    let shown = String::from_utf8(screen.raw()).expect("UTF-8");
    let (before, _) = shown.split_once("\x1b[2J").expect("the screen is cleared");
    for off in ["1000", "1003", "1004", "1006", "2031", "2048"] {
        assert!(before.contains(&format!(";{off}")), "{off}: {before:?}");
    }
    for off in ["\x1b[>4m", "\x1b[4l", "\x1b>", "\x1b[r"] {
        assert!(before.contains(off), "{off:?}: {before:?}");
    }
    // A terminal that has kitty's protocol says so, and is told when it is over.
    screen.send(b"\x1b[?0u");
    wait_for("the protocol is asked for", || {
        screen.raw().windows(5).any(|it| it == b"\x1b[>5u")
    });
    screen.send(b"\x1b[101u");
    screen.sees(WRITING);
    screen.send(b"one\x1b[13;2utwo\x1b[57441u\x1b[27u");
    screen.sees("Your unsaved text is kept.");
    screen.send(b"\x1b[99;5u");
    ends_within_a_second("Ctrl-C", &mut screen, 0);
    assert_eq!(kept_text(&stage).as_deref(), Some("one\ntwo"));
    let given_back = String::from_utf8(screen.raw()).expect("UTF-8");
    let (_, end) = given_back.rsplit_once("\x1b[<u").expect("it is over");
    // Where there is no other screen, the shell goes on in the last row, which is empty.
    assert!(end.contains("\x1b[24;1H\x1b[K\x1b[?1049l"), "{end:?}");
}
