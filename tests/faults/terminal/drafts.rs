//! The draft file, when the program has no time to end.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{BACK, WRITING, kept_text, open_writing, send};
use crate::{
    faults::{Random, Wait, rounds},
    support::{
        pty::Key,
        stage::{Stage, WONDERFUL},
        wait_until,
    },
};

/// How many write at the same time.
const WRITERS: u32 = 2;

#[tokio::test]
async fn a_kill_at_any_moment_loses_no_more_than_the_last_second() {
    let mut stages = Vec::new();
    for seed in 1..=WRITERS {
        stages.push((seed, Stage::signed_in().await));
    }
    thread::scope(|scope| {
        for (seed, stage) in stages {
            let mut dice = Random(seed.into());
            scope.spawn(move || {
                let mut kept = String::new();
                for round in 0..rounds(10, 200).div_ceil(WRITERS) {
                    kept = killed(&stage, &mut dice, &kept, round);
                }
            });
        }
    });
}

/// Goes on with what is kept, is killed while it types, and returns what is kept then.
fn killed(stage: &Stage, dice: &mut Random, kept: &str, round: u32) -> String {
    let mut screen = if kept.is_empty() {
        open_writing(stage)
    } else {
        let mut screen = stage.open();
        screen.sees(BACK);
        let last = kept.split_whitespace().next_back().expect("a word");
        screen.sees(last);
        screen.sees(WRITING);
        screen
    };
    let mut typed = kept.to_owned();
    // The words that were seen on the screen, with the moment and how much had been typed by then.
    let mut shown: Vec<(Instant, usize)> = Vec::new();
    let mut next: Option<(String, usize)> = None;
    let end = Instant::now() + Duration::from_millis(dice.below(2501));
    let mut wait = Wait::begin();
    let mut word = 0;
    while Instant::now() < end {
        match &next {
            Some((text, length)) if screen.screen().contains(text) => {
                shown.push((Instant::now(), *length));
                next = None;
            }
            Some(_) => {}
            None => {
                word += 1;
                let text = format!("{round}-{word} ");
                screen.type_(&text);
                typed.push_str(&text);
                next = Some((text.trim_end().to_owned(), typed.len()));
            }
        }
        // A pause between two words: none, one, or so long that the program rests.
        let pause = match dice.below(10) {
            9 => dice.below(81),
            short => short,
        };
        for _ in 0..pause {
            if Instant::now() < end {
                wait.a_little();
            }
        }
    }
    send(screen.id(), Signal::KILL);
    let late = wait.late;
    let kill = Instant::now();
    screen.exit_status();

    let now = kept_text(stage).unwrap_or_default();
    assert!(typed.starts_with(&now), "{now:?} is no start of {typed:?}");
    let must = shown
        .iter()
        .rev()
        .find(|(at, _)| kill.duration_since(*at) > Duration::from_secs(1) + late)
        .map_or(kept.len(), |(_, length)| *length);
    assert!(
        now.len() >= must.min(typed.len()),
        "only {now:?} is left of {typed:?}, of which {must} bytes were seen a second before"
    );
    for path in stage.kept() {
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    now
}

#[tokio::test]
async fn a_kill_around_a_save_loses_nothing_and_asks_nothing() {
    let stage = Stage::signed_in().await;
    let mut dice = Random(0x5a7e);
    let mut screen = open_writing(&stage);
    let mut before = String::new();
    for round in 0..rounds(6, 60) {
        screen.sees(WRITING);
        let text = format!("{before}{round} ");
        screen.type_(&format!("{round} "));
        screen.sees(text.trim_end());
        wait_until("the draft is in its file", || {
            (kept_text(&stage)? == text).then_some(())
        });
        screen.key(Key::Enter);
        // From before the first byte is sent to after the draft is gone.
        thread::sleep(Duration::from_millis(dice.below(61)));
        send(screen.id(), Signal::KILL);
        screen.exit_status();
        stage.wait_for_the_end_of_sessions();
        let row = stage.quote();
        assert!(
            row == text || row == before && kept_text(&stage).as_deref() == Some(&text),
            "{row:?} is saved, and {:?} kept, of {text:?}",
            kept_text(&stage)
        );
        screen = stage.open();
        screen.sees(text.trim_end());
        screen.sees_that("asks nothing", |screen| {
            let shown = screen.contents();
            shown.contains(WONDERFUL) || shown.contains(WRITING)
        });
        assert_eq!(screen.screen().contains(WRITING), row != text);
        if row != text {
            screen.saves();
        }
        stage.keeps_no_draft();
        before = text;
        screen.key(Key::Char('e'));
    }
}
