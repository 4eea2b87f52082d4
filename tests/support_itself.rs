//! What the parts promise to the tests that stand on them.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, test_kill_process};

use crate::support::{
    guardian::Scratch,
    process::Stat,
    proxy::Proxy,
    pty::{Key, Pty},
    served::listen,
    wait_for,
};

fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("1000");
    command
}

/// Where no one reaps orphans (process 1 of a container may not), a killed one stays as a zombie.
fn is_there(process: u32) -> bool {
    let id = Pid::from_raw(process.cast_signed()).expect("a process id");
    let is_zombie = Stat::of(process).is_some_and(|stat| stat.is_zombie());
    test_kill_process(id).is_ok() && !is_zombie
}

#[test]
fn a_dropped_scratch_directory_takes_its_processes_along() {
    let scratch = Scratch::new("drop");
    let path = scratch.path().to_owned();
    let started = scratch.spawn(sleeper());
    let process = started.id();
    fs::write(path.join("file"), "").expect("the directory is writable");
    assert!(is_there(process));
    drop(scratch);
    assert!(path.is_dir(), "its process still needs it");
    drop(started);
    assert!(!is_there(process));
    assert!(!path.exists());
}

#[test]
fn they_go_when_our_process_is_killed() {
    // The test binary itself, in the role below, is the process that dies.
    let mut victim = Command::new(std::env::current_exe().expect("our own path"))
        .args(["--exact", "support_itself::victim"])
        .args(["--ignored", "--nocapture"])
        .env("EPIGRAPH_TEST_VICTIM", "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary starts");
    let output = BufReader::new(victim.stdout.take().expect("it is piped"));
    let (path, process) = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (path, process) = line.split_once("victim: ")?.1.split_once(' ')?;
            Some((PathBuf::from(path), process.parse::<u32>().ok()?))
        })
        .expect("the victim says what it made");
    assert!(path.is_dir());
    assert!(is_there(process));
    victim.kill().expect("it is our child");
    victim.wait().expect("it is our child");
    wait_for("the victim's process and directory go", || {
        !is_there(process) && !path.exists()
    });
}

/// Not a test of its own: the process that `they_go_when_our_process_is_killed` kills.
#[test]
#[ignore = "a role in another test"]
#[expect(clippy::print_stdout, reason = "it speaks to the process that runs it")]
fn victim() {
    if std::env::var_os("EPIGRAPH_TEST_VICTIM").is_some() {
        let scratch = Scratch::new("victim");
        let mut started = scratch.spawn(sleeper());
        println!("victim: {} {}", scratch.path().display(), started.id());
        started.wait_for_end();
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_terminal_shows_types_pastes_and_resizes() {
    let mut pty = Pty::spawn(
        &shell(
            r"printf '\033[?1049h\033[?2004h\033[?25l\033[3;5Hready '
              read -r typed; printf 'typed:%s ' $typed
              read -r pasted; printf 'pasted:%s ' $pasted | cat -v
              trap 'stty size' WINCH; printf 'waiting '
              while :; do sleep 0.01; done",
        ),
        60,
        10,
    );
    pty.sees("ready");
    assert!(pty.alternate_screen() && pty.bracketed_paste() && pty.hide_cursor());
    assert_eq!(pty.cursor(), (10, 2));
    assert!(pty.line_mode());
    pty.type_("abc");
    pty.key(Key::Enter);
    pty.sees("typed:abc");
    pty.paste("d\ne");
    pty.key(Key::Enter);
    pty.sees("pasted:^[[200~d");
    pty.key(Key::Enter);
    pty.sees("waiting");
    pty.resize(50, 12);
    pty.sees("12 50");
    assert!(!pty.has_ended());
    pty.signal(Signal::TERM);
    assert_eq!(pty.exit_status().signal(), Some("Terminated"));
}

#[test]
#[should_panic(expected = "|only this")]
fn a_terminal_prints_its_screen_when_a_text_never_comes() {
    Pty::spawn(&shell("echo only this"), 20, 5).sees("that");
}

#[test]
fn a_program_in_a_terminal_goes_when_it_is_dropped() {
    let mut pty = Pty::spawn(&shell("trap '' HUP; echo up; sleep 1000; echo down"), 20, 5);
    pty.sees("up");
    let process = pty.id();
    drop(pty);
    assert!(!is_there(process));
}

#[test]
fn a_proxy_keeps_no_file_of_a_connection_that_is_over() {
    let (echo, port) = listen();
    let proxy = Proxy::to(port);
    for _ in 0..3 {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect("it listens");
        let (server, _) = echo.accept().expect("it comes through");
        wait_for("it is open", || proxy.open() == 1);
        drop((client, server));
        wait_for("it is over", || proxy.open() == 0);
    }
}
