//! Clocks that are wrong, at Okta's end or here, and machines that sleep. The clock of a process of ours is set by libfaketime.

use std::{fs, path::Path};

use rustix::process::Signal;

use super::{super::terminal::send, an_hour_passes};
use crate::support::{
    okta::{Endpoint, Person},
    program::Home,
    stage::{INVITATION, Stage, quits},
    wait_for,
};

/// Where Debian and Fedora have it.
fn library() -> String {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [&multiarch, "/usr/lib64", "/usr/lib"]
        .map(|directory| format!("{directory}/faketime/libfaketime.so.1"))
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("libfaketime is there once `scripts/setup test` has run")
}

/// Gives what this home's owner runs from now on a clock that is this many seconds fast, and that [`set_clock`] sets.
pub(in crate::faults) fn with_clock(home: &mut Home, ahead: i64) {
    set_clock(home, ahead);
    home.set("LD_PRELOAD", library());
    let clock = home.path().join("clock").display().to_string();
    home.set("FAKETIME_TIMESTAMP_FILE", clock);
    home.set("FAKETIME_NO_CACHE", "1");
    // The clock that only goes on is left alone.
    home.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}

pub(in crate::faults) fn set_clock(home: &Home, ahead: i64) {
    let next = home.write("next", format!("{ahead:+}").as_bytes());
    fs::rename(next, home.path().join("clock")).expect("the clock is set");
}

#[tokio::test]
async fn the_clock_that_is_hours_off_is_named() {
    let mut stage = Stage::with_quote("Mistakes").await;
    let login = |stage: &Stage, fails: &str| {
        let login = stage.login(&["login"]);
        let _ = stage.okta.approve(&stage.okta.next_code(), Person::James);
        let unchecked = "so Okta's tokens cannot be checked";
        let says = [fails, unchecked, "hint: set the date and time right"];
        login.end().fails(10, &says);
    };
    stage.okta.refresh_tokens_work_once();
    // Okta's. To a program, that looks the same as its own.
    for (offset, says) in [(3600, "60 minutes slow"), (-7500, "2 hours fast")] {
        let okta = &stage.okta;
        okta.configure(|settings| settings.clock_offset = offset);
        if offset > 0 {
            login(&stage, says);
        }
        an_hour_passes(&stage.home);
        let show = stage.run(&["show"]);
        show.fails(10, &[says, "hint: set the date"]);
    }
    stage.okta.configure(|settings| settings.clock_offset = 0);
    assert_eq!(stage.run(&["show"]).data(), "Mistakes");

    // This machine's. An hour too late is no obstacle: what Okta has just signed is not asked for its age.
    with_clock(&mut stage.home, 3600);
    for _ in 0..2 {
        assert_eq!(stage.run(&["show"]).data(), "Mistakes");
    }
    set_clock(&stage.home, -3600);
    // What is kept seems to be good for longer than it is.
    assert_eq!(stage.run(&["show"]).data(), "Mistakes");
    an_hour_passes(&stage.home);
    stage.run(&["show"]).fails(10, &["60 minutes slow"]);
    set_clock(&stage.home, 7500);
    login(&stage, "2 hours fast");
    stage.run(&["show"]).fails(10, &["2 hours fast"]);
    set_clock(&stage.home, 0);
    assert_eq!(stage.run(&["show"]).data(), "Mistakes");
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
}

#[tokio::test]
async fn a_sleeping_machine_notices_the_approval_when_it_wakes() {
    let mut stage = Stage::new().await;
    with_clock(&mut stage.home, 0);
    let polls = |number| {
        wait_for("it polls", || stage.okta.count(Endpoint::Token) >= number);
    };
    let mut screen = stage.open();
    let code = stage.ask_for_code(&mut screen);
    polls(1);

    // It sleeps for less than the code works. Its own clock stands still meanwhile; the time of day does not.
    send(screen.id(), Signal::STOP);
    stage.okta.let_in(&code);
    set_clock(&stage.home, 120);
    send(screen.id(), Signal::CONT);
    screen.sees("Welcome, James Joyce!");
    screen.sees(INVITATION);
    screen.signs_out();

    // It sleeps for longer, and wakes where there is no network: that the code has ended is known all the same.
    stage.ask_for_code(&mut screen);
    let before = stage.okta.count(Endpoint::Token);
    polls(before + 1);
    send(screen.id(), Signal::STOP);
    stage.okta.expire_codes();
    stage.okta_network.lose();
    set_clock(&stage.home, 1200);
    send(screen.id(), Signal::CONT);
    screen.sees("The code expired before it was approved. Sign in again with a new code.");
    stage.okta_network.refuse(false);

    // The clock is only set, by an hour: the code works as long as Okta says.
    let code = stage.ask_for_code(&mut screen);
    set_clock(&stage.home, 6000);
    let before = stage.okta.count(Endpoint::Token);
    polls(before + 2);
    stage.okta.let_in(&code);
    screen.sees("The clock of this machine is 2 hours fast");
    set_clock(&stage.home, 0);
    stage.sign_in(&mut screen);
    quits(&mut screen);
}
