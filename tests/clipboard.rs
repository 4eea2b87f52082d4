//! The clipboard: that of the system where there is one, else the terminal's; and cutting and pasting in the editor.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    screens::quits,
    support::{
        pty::Key,
        stage::{Stage, WONDERFUL, ends},
        wait_until,
    },
};

/// Stands for `xclip`, and keeps the clipboard in a file. What it was started with lies beside it.
const XCLIP: &str = "#!/bin/sh\nenv > clipboard-env\ncase $* in *-in*) cat > clipboard ;; *) cat clipboard ;; esac\n";

fn with_xclip(stage: &mut Stage) {
    let path = stage.home.write("xclip", XCLIP.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("a mode");
    let path = std::env::var("PATH").unwrap_or_default();
    let home = stage.home.path().display().to_string();
    stage.home.set("PATH", format!("{home}:{path}"));
    stage.home.set("DISPLAY", ":4711");
}

#[tokio::test]
async fn what_is_copied_is_in_the_clipboard_that_is_told() {
    let mut stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", "Yes I said “yes”"]).code, Some(0));
    let mut screen = stage.open();
    screen.sees(WONDERFUL);
    screen.key(Key::Char('c'));
    screen.sees("Sent the quote to your terminal's clipboard.");
    wait_until("the terminal has it", || {
        (screen.copied().len() == 1).then_some(())
    });
    quits(&mut screen);

    with_xclip(&mut stage);
    let mut screen = stage.open();
    screen.sees(WONDERFUL);
    screen.key(Key::Char('c'));
    screen.sees("Copied the quote.");
    let clipboard = stage.home.path().join("clipboard");
    let read = || fs::read_to_string(&clipboard).expect("a text");
    assert_eq!(read(), "Yes I said “yes”");
    assert!(
        screen.copied().is_empty(),
        "the terminal is not told as well"
    );
    let environment = fs::read_to_string(stage.home.path().join("clipboard-env"));
    assert!(!environment.expect("a text").contains("DATABASE_URL"));

    // In the editor: select, cut, and paste what another program has copied since.
    screen.key(Key::Char('e'));
    screen.sees("Enter Save Quote");
    screen.send(b"\x1b[1;6D\x18");
    screen.sees("Copied what is selected.");
    assert_eq!(read(), "yes”");
    fs::write(&clipboard, "no").expect("written");
    screen.key(Key::Ctrl('v'));
    screen.sees("Yes I said “no");
    // What was cut here is still at hand.
    screen.key(Key::Ctrl('y'));
    screen.sees("Yes I said “noyes”");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "Yes I said “noyes”");
}

#[tokio::test]
async fn without_a_clipboard_the_editor_pastes_what_it_has_cut() {
    let stage = Stage::new().await;
    let mut screen = stage.open_with_quote("one two three");
    screen.key(Key::Char('e'));
    screen.sees("Enter Save Quote");
    screen.key(Key::Ctrl('v'));
    screen.sees("Nothing to paste.");
    // Two words, one text.
    screen.key(Key::Ctrl('w'));
    screen.key(Key::Ctrl('w'));
    screen.key(Key::Home);
    screen.key(Key::Ctrl('v'));
    screen.sees("two threeone ");
    screen.key(Key::Ctrl('c'));
    ends(&mut screen, 0);
}
