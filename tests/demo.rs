//! The demo as people run it, and that nothing is left of it however it ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    ca,
    guardian::Scratch,
    pty::{Key, Pty},
    served::runtime,
    wait_for,
};

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
        wait_for("the demo's files go", || self.files().is_empty());
        wait_for("the demo's processes end", || self.processes().is_empty());
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the directory is there");
        let paths = entries.flatten().map(|entry| entry.path());
        paths.map(|path| path.display().to_string()).collect()
    }

    /// What runs in the directory or names it: PostgreSQL, epigraph, the guardians.
    fn processes(&self) -> Vec<String> {
        let place = self.path().to_str().expect("a plain path");
        let mut processes = running();
        processes.retain(|process| process.contains(place));
        processes
    }
}

/// The command lines of all processes, with their directories where the system tells.
fn running() -> Vec<String> {
    if let Ok(processes) = fs::read_dir("/proc") {
        let described = processes.flatten().filter_map(|entry| {
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
            .args(["build", "--quiet", "--locked", "--example", "demo"])
            .args(["--profile", profile])
            .current_dir(PROJECT)
            .status();
        let built = built.is_ok_and(|status| status.success());
        assert!(built, "the demo builds");
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
        "admin setup",
        "login",
        "whoami",
        "show",
        "set",
        "delete",
        "doctor",
        "logout",
    ] {
        let step = format!("epigraph {step}");
        assert!(stdout.contains(&step), "{step} in:\n{stdout}");
    }
    let held = stdout.contains("steps held.") && !stdout.contains("FAILED");
    assert!(held, "{stdout}");
    // At once, and not some time after its end.
    assert_eq!(place.files(), [""; 0]);
    assert_eq!(place.processes(), [""; 0]);
}

#[test]
fn an_option_it_does_not_know_is_an_error() {
    let place = Place::new();
    let output = place.demo(&["--frobnicate"]).output();
    let output = output.expect("the demo starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: scripts/demo"));
}

/// Starts a demo in a terminal, and waits until it asks whether to open epigraph.
fn in_a_terminal(place: &Place) -> Pty {
    let mut terminal = Pty::spawn(&place.demo(&[]), 100, 30);
    terminal.sees("q ends the demo");
    terminal
}

/// Fills in the page on which a code is approved, as a browser does.
fn approve_in_a_browser(place: &Place, page: &str, code: &str, person: &str) {
    let files = place.files().into_iter();
    let authority = files
        .map(|directory| Path::new(&directory).join("epigraph-demo-authority.pem"))
        .find(|file| file.is_file())
        .expect("the demo's certificate authority is a file");
    let browser = ca::http_client(&authority);
    let sent = browser
        .post(page)
        .body(format!("user_code={code}&person={person}&decision=approve"))
        .send();
    let answer = runtime().block_on(sent).expect("the page answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[test]
fn a_person_signs_in_keeps_a_quote_and_finds_it_again() {
    let place = Place::new();
    let mut terminal = in_a_terminal(&place);
    let shown = terminal.screen();
    let page = shown
        .split_whitespace()
        .find(|word| word.ends_with("/activate"))
        .expect("the address of the page");

    terminal.key(Key::Enter);
    terminal.sees("Log in");
    terminal.key(Key::Enter);
    terminal.sees("Enter this code there:");
    let shown = terminal.screen();
    let code = shown
        .split_whitespace()
        .find(|word| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_uppercase()))
        .expect("a code of eight capitals");
    assert!(shown.contains(page));
    approve_in_a_browser(&place, page, code, "nora");

    terminal.sees("Welcome, Nora Barnacle!");
    terminal.sees("Enter write");
    terminal.key(Key::Char('e'));
    terminal.sees("Esc");
    terminal.type_("I thought he was a Swedish sailor.");
    terminal.key(Key::Enter);
    terminal.sees("Your quote is wonderful");
    terminal.key(Key::Char('q'));
    terminal.sees("Enter opens epigraph again");
    assert!(!terminal.alternate_screen());
    terminal.key(Key::Enter);
    terminal.sees("Welcome, Nora Barnacle!");
    terminal.sees("I thought he was a Swedish sailor.");
    terminal.key(Key::Char('q'));
    // What is typed while the program gives the terminal back is no one's.
    terminal.sees_that("asks again", |screen| {
        let asked = "Enter opens epigraph again, q ends the demo:";
        screen.contents().matches(asked).count() == 2
    });
    terminal.type_("q\r");
    assert!(terminal.exit_status().success());
    assert_eq!(place.files(), [""; 0]);
    place.is_clean();
}

#[test]
fn a_demo_that_approves_by_itself_ends_by_ctrl_c() {
    let place = Place::new();
    let mut terminal = in_a_terminal(&place);
    terminal.type_("a\r");
    terminal.sees("Log in");
    terminal.key(Key::Enter);
    terminal.sees("Enter this code there:");
    terminal.sees("Welcome, James Joyce!");
    terminal.key(Key::Char('q'));
    terminal.sees("Enter opens epigraph again");
    terminal.key(Key::Ctrl('c'));
    assert_eq!(terminal.exit_status().exit_code(), 130);
    assert_eq!(place.files(), [""; 0]);
    place.is_clean();
}

#[test]
fn a_killed_demo_ends_epigraph_and_restores_the_terminal() {
    // As in real life, a shell has the terminal: if the demo had it, its end would be that of the terminal as well.
    const SHELL: &str = r#"sh -c 'echo $$ >"$1"; exec "$0"' "$0" "$1"; read -r line"#;
    for signal in [Signal::KILL, Signal::TERM] {
        let place = Place::new();
        let elsewhere = Scratch::new("demo-test-shell");
        let file = elsewhere.path().join("id");
        let mut shell = Command::new("sh");
        shell.args(["-c", SHELL]).arg(program()).arg(&file);
        let mut terminal = Pty::spawn(shell.env("TMPDIR", place.path()), 100, 30);
        terminal.sees("q ends the demo");
        terminal.key(Key::Enter);
        terminal.sees("Log in");
        assert!(terminal.alternate_screen());
        let id = fs::read_to_string(file).expect("the shell wrote it");
        let demo = id.trim().parse().ok().and_then(Pid::from_raw);
        kill_process(demo.expect("a process id"), signal).expect("the demo is there");
        terminal.sees_that("gives the terminal back", |screen| {
            !screen.alternate_screen()
        });
        place.is_clean();
        assert!(terminal.line_mode(), "{signal:?}");
    }
}

#[test]
fn a_closed_terminal_ends_the_demo_and_all_of_it() {
    let place = Place::new();
    let mut terminal = in_a_terminal(&place);
    terminal.key(Key::Enter);
    terminal.sees("Log in");
    // What the system sends to whatever has the terminal when it closes.
    terminal.signal(Signal::HUP);
    terminal.exit_status();
    place.is_clean();
}
