//! Sizes, pastes and bytes: what a terminal sends.

use super::{WRITING, kept_text, open_writing, remove_draft};
use crate::faults::Random;
use crate::support::{
    pty::{Key, Pty},
    stage::{Stage, ends, quits},
    wait_until,
};

#[tokio::test]
async fn a_storm_of_sizes_while_typing_loses_nothing() {
    let stage = Stage::signed_in().await;
    let mut screen = open_writing(&stage);
    let mut dice = Random(0x5eed);
    let mut typed = String::new();
    for number in 0..300 {
        let mut up_to = |most| u16::try_from(1 + dice.below(most)).expect("it is small");
        screen.resize(up_to(300), up_to(100));
        let word = format!("{number} ");
        screen.type_(&word);
        typed.push_str(&word);
    }
    screen.resize(80, 24);
    wait_until("all that was typed is in the draft file", || {
        (kept_text(&stage)? == typed).then_some(())
    });
    screen.sees("299");
    screen.sees_that("has the hints in the last row", |screen| {
        let last = screen.rows(0, 80).nth(23);
        last.is_some_and(|row| row.contains(WRITING))
    });
    let rows = |screen: &Pty| -> Vec<String> {
        let shown = screen.screen();
        shown.lines().map(|row| row.trim_end().to_owned()).collect()
    };
    let before = rows(&screen);
    screen.key(Key::Ctrl('l'));
    screen.type_("x");
    screen.sees("299 x");
    screen.key(Key::Backspace);
    screen.sees_no_more("299 x");
    assert_eq!(rows(&screen), before, "the last frame was right");
    screen.key(Key::Ctrl('c'));
    ends(&mut screen, 0);
}

/// About a million bytes, in lines, with letters that do something where nothing is being written.
fn a_million_bytes() -> String {
    let line = "quit, delete, yes: déjà vu of 日本 and more words to fill the line\n";
    let mut text = line.repeat(1_000_000 / line.len());
    text.pop();
    text
}

#[tokio::test]
async fn a_paste_of_a_million_bytes_is_kept_whole() {
    let stage = Stage::signed_in().await;
    let text = a_million_bytes();
    for brackets in [true, false] {
        let mut screen = open_writing(&stage);
        if brackets {
            screen.paste(&text);
        } else {
            screen.send(text.replace('\n', "\r").as_bytes());
        }
        screen.sees("Too long to save. It is all here");
        wait_until("all of it is in the draft file", || {
            (kept_text(&stage)? == text).then_some(())
        });
        screen.key(Key::Enter);
        screen.sees("Not saved. It is all still here");
        assert_eq!(stage.rows(), "");
        // What was too much goes as it came.
        screen.key(Key::Ctrl('c'));
        ends(&mut screen, 0);
        remove_draft(&stage);
    }

    let mut screen = stage.open_without_quote();
    screen.writes("Mine.");
    screen.sees("Mine.");
    screen.paste(&text.repeat(2));
    screen.sees("Not pasted. It is ");
    wait_until("the text is what it was", || {
        (kept_text(&stage)? == "Mine.").then_some(())
    });
}

#[tokio::test]
async fn bytes_that_are_no_text_break_nothing_and_are_not_kept() {
    let stage = Stage::signed_in().await;
    let mut screen = open_writing(&stage);
    for bytes in [
        &b"a"[..],
        b"\xff\xfe",
        b"b",
        b"\0\0",
        b"c",
        b"\xed\xa0\x80",
        "\u{9b}\u{85}".as_bytes(),
        "é".as_bytes(),
        b"\x1b[200~x\xff\0\x1b[31m\x07\xc2\x9by\r\nz\x1b[201~",
        b"d",
    ] {
        screen.send(bytes);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    screen.sees("zd");
    screen.saves();
    let saved = stage.quote();
    assert!(
        !saved.contains(|c: char| c.is_control() && c != '\n'),
        "{saved:?}"
    );
    let text: String = saved.chars().filter(|c| *c != '\u{fffd}').collect();
    assert_eq!(text, "abcéx[31my\nzd");
}

#[tokio::test]
async fn an_unknown_terminal_gets_the_screens_a_dumb_one_a_hint() {
    let mut stage = Stage::signed_in().await;
    for term in ["", "unknown-to-everybody", "linux"] {
        stage.home.set("TERM", term);
        let mut screen = stage.open_without_quote();
        quits(&mut screen);
    }
    stage.home.set("TERM", "dumb");
    let mut screen = stage.open();
    ends(&mut screen, 2);
    screen.sees("use a command instead");
    assert!(!screen.raw().contains(&b'\x1b'));
    // The commands do the same work there.
    assert_eq!(stage.run(&["set", "Yes."]).code, Some(0));
}
