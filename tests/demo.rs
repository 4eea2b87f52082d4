//! The demo as people run it, and that nothing is left of it however it ends.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{guardian::Scratch, wait_until};

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// A directory in which a demo puts its own, so that what it leaves can be seen.
struct Place(Scratch);

impl Place {
    fn new() -> Self {
        Self(Scratch::new("demo-test"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The demo's program, without the script that builds it.
    fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env("TMPDIR", self.path());
        command
    }

    /// Waits until no file and no process of the demo is there.
    #[track_caller]
    fn is_clean(&self) {
        wait_until("the demo's files go", || {
            self.files().is_empty().then_some(())
        });
        wait_until("the demo's processes end", || {
            self.processes().is_empty().then_some(())
        });
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).expect("the directory is there");
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect()
    }

    /// What runs in the directory or names it: PostgreSQL, epigraph, the guardians.
    fn processes(&self) -> Vec<String> {
        let place = self.path().to_str().expect("a plain path");
        running()
            .into_iter()
            .filter(|process| process.contains(place))
            .collect()
    }
}

/// The command lines of all processes, with their directories where the system tells.
fn running() -> Vec<String> {
    if let Ok(processes) = fs::read_dir("/proc") {
        let described = processes.filter_map(Result::ok).filter_map(|entry| {
            let command = fs::read(entry.path().join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let directory = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            Some(format!("{command} in {}", directory.display()))
        });
        return described.collect();
    }
    let listed = Command::new("ps").args(["-A", "-o", "args="]).output();
    let listed = listed.expect("ps lists processes").stdout;
    String::from_utf8_lossy(&listed)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The demo of the same build as these tests; built here where `cargo test` was asked for this test binary alone.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = Path::new(env!("CARGO_BIN_EXE_epigraph"))
            .parent()
            .expect("a binary is in a directory");
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--locked",
                "--example",
                "demo",
                "--profile",
                profile,
            ])
            .current_dir(PROJECT)
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "the demo builds"
        );
        directory.join("examples/demo")
    })
}

#[test]
fn the_story_holds_and_leaves_nothing() {
    let place = Place::new();
    let output = Command::new(Path::new(PROJECT).join("scripts/demo"))
        .arg("--script")
        .env("TMPDIR", place.path())
        .stdin(Stdio::null())
        .output()
        .expect("the script starts");
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{stdout}{stderr}");
    for step in [
        "admin migrate",
        "login --json",
        "whoami",
        "show",
        "set",
        "delete --yes",
        "doctor",
        "logout",
    ] {
        assert!(
            stdout.contains(&format!("epigraph {step}")),
            "{step} in:\n{stdout}"
        );
    }
    assert!(
        stdout.contains("steps held.") && !stdout.contains("FAILED"),
        "{stdout}"
    );
    // At once, and not some time after its end.
    assert!(place.files().is_empty(), "left behind: {:?}", place.files());
    assert!(
        place.processes().is_empty(),
        "left behind: {:?}",
        place.processes()
    );
}

#[test]
fn without_a_terminal_it_plays_the_story() {
    let place = Place::new();
    let (mut demo, _) = until_first_step(place.demo(&[]));
    demo.kill().expect("the demo is still there");
    demo.wait().expect("the demo ends");
    place.is_clean();
}

#[test]
fn an_option_it_does_not_know_is_an_error() {
    let place = Place::new();
    let output = place
        .demo(&["--frobnicate"])
        .output()
        .expect("the demo starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: scripts/demo"));
}

#[test]
fn nothing_is_left_of_a_demo_that_is_killed() {
    for (signal, code) in [
        (Signal::KILL, None),
        (Signal::TERM, Some(143)),
        (Signal::HUP, Some(129)),
        (Signal::INT, Some(130)),
    ] {
        let place = Place::new();
        let (mut demo, rest) = until_first_step(place.demo(&["--script"]));
        assert!(!place.files().is_empty() && !place.processes().is_empty());
        let process = Pid::from_child(&demo);
        kill_process(process, signal).expect("the demo is still there");
        let status = demo.wait().expect("the demo ends");
        assert_eq!(status.code(), code, "{signal:?}: {status}");
        if code.is_none() {
            assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
        } else {
            // Whoever is told that it ends finds nothing afterwards; only after SIGKILL it takes a moment.
            assert!(place.files().is_empty(), "left behind: {:?}", place.files());
        }
        drop(rest);
        place.is_clean();
    }
}

/// Starts a demo, and waits until the parts run and the first step is done.
fn until_first_step(mut command: Command) -> (Child, impl Read) {
    let mut demo = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the demo starts");
    let mut output = BufReader::new(demo.stdout.take().expect("its output is piped"));
    let mut line = String::new();
    while !line.starts_with("  1  ok") {
        line.clear();
        let length = output.read_line(&mut line).expect("the demo prints");
        assert!(length > 0, "the demo ended before its first step was done");
    }
    (demo, output)
}
