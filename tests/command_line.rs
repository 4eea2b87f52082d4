//! The command line without anything behind it: what goes where, how it ends, and what bad input gets.

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{
    program::{Home, Ran},
    wait_until,
};

#[test]
fn without_a_terminal_the_screens_name_the_commands() {
    let home = Home::new();
    let says = [
        "error: the full screen needs a terminal\n",
        "hint: use a command instead: `epigraph login`, `show`, `set`, `delete`",
    ];
    home.run::<&str>(&[]).fails(2, &says);
}

#[test]
fn wrong_command_lines_end_with_2() {
    let home = Home::new();
    for arguments in [
        &["sohw"][..],
        &["show", "--jsno"],
        &["set", "a", "b"],
        &["set", "--edit", "text"],
        &["login", "--store", "disk"],
        &["completions", "basic"],
        &["admin"],
    ] {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    }
}

#[test]
fn help_version_manual_and_completions_are_data() {
    let home = Home::new();
    assert_eq!(
        home.run(&["--version"]).data(),
        format!("epigraph {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert!(home.run(&["--help"]).data().contains("Exit codes:"));
    assert!(home.run(&["man"]).data().starts_with(".ie"));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(home.run(&["completions", shell]).data().contains("whoami"));
    }
}

#[test]
fn a_text_that_cannot_be_a_quote_is_refused_first() {
    let home = Home::new();
    let too_long = "x".repeat(64 * 1024 + 1);
    let far_too_long = "x".repeat(1024 * 1024);
    home.run(&["set"])
        .fails(2, &["there is no text to save", "epigraph set -"]);
    home.run(&["set", ""])
        .fails(2, &["the quote is empty", "epigraph delete"]);
    for (text, says) in [
        (" \n", "the quote is empty"),
        (
            &too_long,
            "the quote is 65,537 bytes long; the limit is 65,536 bytes",
        ),
        ("a\n\x1b[31mb", "control character U+001B in line 2"),
    ] {
        home.run(&["set", text]).fails(2, &[says]);
        home.run_with(&["set", "-"], text.as_bytes())
            .fails(2, &[says]);
    }
    // What no argument can be.
    for (input, says) in [
        (&b"a\0b"[..], "control character U+0000 in line 1"),
        (b"caf\xe9", "not valid UTF-8 at byte 3"),
        (
            far_too_long.as_bytes(),
            "far longer than a quote may be, which is 65,536 bytes",
        ),
    ] {
        home.run_with(&["set", "-"], input).fails(2, &[says]);
    }
}

#[test]
fn delete_does_not_ask_without_a_terminal() {
    let says = [
        "there is no terminal on which to ask",
        "epigraph delete --yes",
    ];
    Home::new().run(&["delete"]).fails(2, &says);
}

#[test]
fn failures_are_json_too_where_json_is_asked_for() {
    let home = Home::new();
    for (arguments, event) in [
        (&["show", "--json"][..], None),
        (&["whoami", "--json"], None),
        (&["login", "--json"], Some("failed")),
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(8));
        let told: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
        assert_eq!(told["exit_code"], 8);
        assert_eq!(told.get("event").and_then(Value::as_str), event);
        let says = |member: &str, words| told[member].as_str().is_some_and(|it| it.contains(words));
        assert!(says("error", "is not set up"), "{told}");
        assert!(says("hint", "AUTH_OKTA_ISSUER"), "{told}");
        let error = "error: epigraph is not set up";
        assert!(ran.stderr.starts_with(error), "{ran:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error_to_talk_about() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = Home::start(home.command(&["completions", "bash"]).stdout(writer));
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(141), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    use std::fs::OpenOptions;

    let home = Home::new();
    let full = OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let child = Home::start(home.command(&["man"]).stdout(full));
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let error = "error: the output cannot be written";
    assert!(ran.stderr.starts_with(error), "{ran:?}");
}

#[test]
fn signals_end_a_command_with_the_codes_that_shells_expect() {
    for (number, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let home = Home::new();
        let log = home.path().join("log");
        let mut command = home.command(&["--log", "log", "set", "-"]);
        let mut child = Home::start(command.stdin(Stdio::piped()));
        let input = child.stdin.take();
        // Its input stays open, so it waits. The handlers are there once it is about to read.
        wait_until("it waits for its input", || {
            let log = fs::read_to_string(&log).ok()?;
            log.contains("reading standard input").then_some(())
        });
        let id = Pid::from_raw(child.id().cast_signed()).expect("a process id");
        kill_process(id, number).expect("the process is there");
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        drop(input);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""));
    }
}

#[test]
fn the_log_is_the_owners_alone_and_its_level_is_checked() {
    let mut home = Home::new();
    let show = ["--log", "log", "show"];
    home.run(&show).fails(8, &[]);
    let log = home.path().join("log");
    let mode = fs::metadata(&log).map(|found| found.permissions().mode() & 0o777);
    assert_eq!(mode.ok(), Some(0o600));
    let text = fs::read_to_string(&log).expect("a log");
    for words in ["started", "is not set up"] {
        assert!(text.contains(words), "{text}");
    }

    home.set("EPIGRAPH_LOG", "loud");
    home.run(&show)
        .fails(8, &["EPIGRAPH_LOG is not a log level", "debug and trace"]);
    home.set("EPIGRAPH_LOG", "ERROR");
    fs::remove_file(&log).expect("removed");
    home.run(&show).fails(8, &[]);
    assert!(!fs::read_to_string(&log).expect("a log").contains("started"));
    home.run(&["--log", "no/where", "show"])
        .fails(8, &["the log no/where cannot be written"]);
}
