//! The command line without anything behind it: what goes where, how it ends, and what bad input gets.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{program::Home, wait_until};

#[test]
fn without_a_terminal_the_screens_name_the_commands() {
    let home = Home::new();
    let none: [&str; 0] = [];
    home.run(&none).fails(
        2,
        &[
            "error: the full screen needs a terminal\n",
            "hint: use a command instead: `epigraph login`, `show`, `set`, `delete`",
        ],
    );
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
    home.run(&["set", " \n"]).fails(2, &["the quote is empty"]);
    home.run(&["set", &too_long]).fails(
        2,
        &["the quote is 65,537 bytes long; the limit is 65,536 bytes"],
    );
    home.run(&["set", "a\n\x1b[31mb"])
        .fails(2, &["control character U+001B in line 2"]);
    home.run(&["set", "a\u{9b}"])
        .fails(2, &["control character U+009B in line 1"]);
    for (input, says) in [
        (&b""[..], "the quote is empty"),
        (b"\n", "the quote is empty"),
        (b"a\0b", "control character U+0000 in line 1"),
        (b"caf\xe9", "not valid UTF-8 at byte 3"),
        (too_long.as_bytes(), "the quote is 65,537 bytes long"),
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
    Home::new().run(&["delete"]).fails(
        2,
        &[
            "there is no terminal on which to ask",
            "epigraph delete --yes",
        ],
    );
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
        assert!(
            told["error"]
                .as_str()
                .is_some_and(|text| text.contains("is not set up"))
        );
        assert!(
            told["hint"]
                .as_str()
                .is_some_and(|text| text.contains("AUTH_OKTA_ISSUER"))
        );
        assert!(
            ran.stderr.starts_with("error: epigraph is not set up"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error_to_talk_about() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = Home::start(home.command(&["completions", "bash"]).stdout(writer));
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    use std::{fs::OpenOptions, io::Read};

    let home = Home::new();
    let full = OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut child = Home::start(home.command(&["man"]).stdout(full));
    let mut talk = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut talk)
        .expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(
        talk.starts_with("error: the output cannot be written"),
        "{talk}"
    );
}

fn signal(child: &Child, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("a process id");
    kill_process(id, signal).expect("the process is there");
}

#[test]
fn signals_end_a_command_with_the_codes_that_shells_expect() {
    for (number, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let home = Home::new();
        let log = home.path().join("log");
        let mut child = Home::start(
            home.command(&["--log", "log", "set", "-"])
                .stdin(Stdio::piped()),
        );
        let input = child.stdin.take();
        // Its input stays open, so it waits. The handlers are there once it is about to read.
        wait_until("it waits for its input", || {
            fs::read_to_string(&log)
                .ok()
                .filter(|log| log.contains("reading standard input"))
        });
        signal(&child, number);
        assert_eq!(child.wait().expect("it ends").code(), Some(code));
        drop(input);
        let mut talk = String::new();
        BufReader::new(child.stderr.take().expect("piped"))
            .read_line(&mut talk)
            .expect("UTF-8");
        assert_eq!(talk, "");
    }
}

#[test]
fn the_log_is_the_owners_alone_and_its_level_is_checked() {
    let mut home = Home::new();
    home.run(&["--log", "log", "show"]).fails(8, &[]);
    let log = home.path().join("log");
    assert_eq!(
        fs::metadata(&log).expect("a log").permissions().mode() & 0o777,
        0o600
    );
    let text = fs::read_to_string(&log).expect("a log");
    assert!(
        text.contains("started") && text.contains("is not set up"),
        "{text}"
    );

    home.set("EPIGRAPH_LOG", "loud");
    home.run(&["--log", "log", "show"])
        .fails(8, &["EPIGRAPH_LOG is not a log level", "debug and trace"]);
    home.set("EPIGRAPH_LOG", "ERROR");
    fs::remove_file(&log).expect("removed");
    home.run(&["--log", "log", "show"]).fails(8, &[]);
    assert!(!fs::read_to_string(&log).expect("a log").contains("started"));
    home.run(&["--log", "no/where", "show"])
        .fails(8, &["the log no/where cannot be written"]);
}
