//! A person's home, with an Okta and a database for it, and a network of our own before each: what a story is played on.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    okta::Okta,
    postgres::{Database, Url, shared},
    program::{Home, Ran},
    proxy::Proxy,
    pty::{Key, Pty},
    secrets, wait_for,
};

/// What the screens say where there is no quote.
pub(crate) const INVITATION: &str = "Save an inspiring quote for yourself...";
/// What the screens say above a quote.
pub(crate) const WONDERFUL: &str = "Your quote is wonderful...";

/// The parts of a story. James Joyce's session is kept in a file, as on a machine without a keyring.
pub(crate) struct Stage {
    pub(crate) okta: Okta,
    pub(crate) database: Database<'static>,
    pub(crate) home: Home,
    /// What lies between the program and Okta.
    pub(crate) okta_network: Proxy,
    /// What lies between the program and the database.
    pub(crate) database_network: Proxy,
}

impl Stage {
    /// With no one signed in.
    pub(crate) async fn new() -> Self {
        let okta_network = Proxy::to_nowhere();
        let okta = Okta::start_behind(&okta_network);
        okta.configure(|settings| settings.interval = Some(1));
        let database = Database::trusting(&okta).await;
        let database_network = Proxy::to(shared().port());
        let stage = Self {
            okta,
            database,
            home: Home::new(),
            okta_network,
            database_network,
        };
        stage.configure("store = \"file\"");
        stage
    }

    /// With James Joyce signed in, who has no quote.
    pub(crate) async fn signed_in() -> Self {
        let stage = Self::new().await;
        stage.log_in();
        stage
    }

    /// The same with a quote.
    pub(crate) async fn with_quote(quote: &str) -> Self {
        let stage = Self::signed_in().await;
        assert_eq!(stage.run(&["set", quote]).code, Some(0));
        stage
    }

    /// Writes the configuration, with these lines added.
    pub(crate) fn configure(&self, more: &str) {
        let url = self.database.user().port(self.database_network.port());
        self.home.set_up(&self.okta, &url.to_string(), more);
    }

    /// Signs James Joyce in without the screens.
    pub(crate) fn log_in(&self) {
        let (login, _) = Login::with_code(&self.home);
        self.approve();
        assert_eq!(login.end().code, Some(0));
    }

    /// Starts a sign-in without the screens.
    pub(crate) fn login(&self, arguments: &[&str]) -> Login {
        Login::start(&mut self.home.command(arguments))
    }

    /// Approves the next code as James Joyce.
    pub(crate) fn approve(&self) {
        self.okta.let_in(&self.okta.next_code());
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(arguments)
    }

    /// Opens the screens.
    pub(crate) fn open(&self) -> Pty {
        Pty::spawn(&self.home.command::<&str>(&[]), 80, 24)
    }

    /// Opens the screens of someone who has no quote.
    #[track_caller]
    pub(crate) fn open_without_quote(&self) -> Pty {
        let mut screen = self.open();
        screen.sees(INVITATION);
        screen
    }

    /// Opens the screens of someone who has this quote.
    #[track_caller]
    pub(crate) fn open_reading(&self, quote: &str) -> Pty {
        let mut screen = self.open();
        screen.reads(quote);
        screen
    }

    /// Opens the screens, with the database at this address.
    pub(crate) fn open_at(&self, url: &Url) -> Pty {
        Pty::spawn(&self.home.command_at(url, &[]), 80, 24)
    }

    /// Waits until the database has seen all sessions of the person's role end. Until then it carries out what they sent.
    pub(crate) fn wait_for_the_end_of_sessions(&self) {
        wait_for("the database has seen the sessions end", || {
            self.database.sessions("true") == 0
        });
    }

    /// Opens the screens from a shell with job control.
    pub(crate) fn open_in_a_shell(&self) -> Pty {
        let program = self.home.command::<&str>(&[]);
        let mut shell = Command::new("bash");
        shell
            .args(["--norc", "--noprofile", "-i"])
            .env("PS1", "shell> ")
            .envs(self.home.variables());
        let mut screen = Pty::spawn(&shell, 80, 24);
        screen.sees("shell> ");
        screen.type_(&format!("{}\r", program.get_program().display()));
        screen
    }

    /// Opens the screens and signs James Joyce in there, who has no quote yet.
    pub(crate) fn open_signed_in(&self) -> Pty {
        let mut screen = self.open();
        self.sign_in(&mut screen);
        screen.sees(INVITATION);
        screen
    }

    /// Signs James Joyce in on the screens.
    pub(crate) fn sign_in(&self, screen: &mut Pty) {
        let code = self.ask_for_code(screen);
        self.okta.let_in(&code);
        screen.sees("Welcome, James Joyce!");
    }

    /// Begins a sign-in on the screens, and returns the code that they show.
    #[track_caller]
    pub(crate) fn ask_for_code(&self, screen: &mut Pty) -> String {
        screen.sees("Enter Log in");
        screen.key(Key::Enter);
        let code = self.okta.next_code();
        screen.sees(&code);
        code
    }

    /// Opens the screens, signs in there, and saves a quote.
    pub(crate) fn open_with_quote(&self, quote: &str) -> Pty {
        let mut screen = self.open_signed_in();
        screen.writes(quote);
        screen.key(Key::Enter);
        screen.sees("Saved.");
        screen
    }

    /// The text of the one quote in the database.
    pub(crate) fn quote(&self) -> String {
        self.database
            .query("select message from public.user_messages")
    }

    /// Every row in the database.
    pub(crate) fn rows(&self) -> String {
        self.database
            .query("select user_id, message from public.user_messages order by 1")
    }

    /// The directory for state.
    pub(crate) fn state(&self) -> PathBuf {
        self.home.state()
    }

    /// What is kept in the directory for state, but for the lock, the quote that was last seen and what Okta publishes.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state()).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_apart = ["lock", "seen", "server", "config.toml"];
            // One that is being written has a dot before its name.
            let name = name.trim_start_matches('.');
            !is_apart.iter().any(|apart| name.starts_with(apart))
        });
        paths.sort();
        paths
    }

    /// The draft file, whole, once it has its name.
    pub(crate) fn draft(&self) -> Option<String> {
        self.draft_files().first().and_then(|path| read_draft(path))
    }

    /// All that the draft files of all windows hold.
    pub(crate) fn drafts(&self) -> String {
        let files = self.draft_files();
        files.iter().filter_map(|path| read_draft(path)).collect()
    }

    /// Waits until a text is in a draft file.
    #[track_caller]
    pub(crate) fn keeps(&self, text: &str) {
        wait_for(&format!("{text:?} is in a draft file"), || {
            self.drafts().contains(text)
        });
    }

    /// Waits until no draft is kept.
    #[track_caller]
    pub(crate) fn keeps_no_draft(&self) {
        wait_for("the draft is gone", || self.draft().is_none());
    }

    /// The draft files. One that is still being written has another name.
    fn draft_files(&self) -> Vec<PathBuf> {
        let mut kept = self.kept();
        kept.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("draft-") && name.ends_with(".json")
        });
        kept
    }
}

/// Reads a draft file, which is gone when the home is looked through for secrets.
fn read_draft(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    secrets::none_in("a draft file", text.as_bytes());
    Some(text)
}

/// Expects that a program has ended like this, and left the terminal as it was.
#[track_caller]
pub(crate) fn ends(screen: &mut Pty, code: u32) {
    assert_eq!(
        screen.exit_status().exit_code(),
        code,
        "{}",
        screen.screen()
    );
    is_clean(screen);
}

/// Quits a program that has no text at stake.
#[track_caller]
pub(crate) fn quits(screen: &mut Pty) {
    screen.key(Key::Char('q'));
    ends(screen, 0);
}

/// Expects the terminal to be as it was before the program.
#[track_caller]
pub(crate) fn is_clean(screen: &Pty) {
    assert!(!screen.alternate_screen(), "the alternate screen is on");
    assert!(!screen.bracketed_paste(), "pastes are in brackets");
    assert!(!screen.hide_cursor(), "the cursor is hidden");
    assert!(screen.line_mode(), "the terminal is raw");
}

/// A sign-in without the screens that is under way.
pub(crate) struct Login {
    child: Child,
    events: BufReader<std::process::ChildStdout>,
}

impl Login {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = Home::start(command);
        let events = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, events }
    }

    /// Starts `login --json`, and reads the event that brings the code.
    #[track_caller]
    pub(crate) fn with_code(home: &Home) -> (Self, Value) {
        let mut login = Self::start(&mut home.command(&["login", "--json"]));
        let event = login.next();
        assert_eq!(event["event"], "code", "{event}");
        (login, event)
    }

    /// Ends it by Ctrl-C.
    pub(crate) fn interrupt(self) -> Ran {
        self.signal(Signal::INT);
        self.end()
    }

    /// Waits for the next event of `login --json`.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        let mut line = String::new();
        self.events.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| {
            let mut talk = String::new();
            let _ = self
                .child
                .stderr
                .take()
                .expect("piped")
                .read_to_string(&mut talk);
            panic!("{line:?} is no event ({error}); it said {talk}")
        })
    }

    /// Waits until it ends.
    pub(crate) fn end(mut self) -> Ran {
        let mut stdout = String::new();
        self.events.read_to_string(&mut stdout).expect("UTF-8");
        secrets::none_in("what a sign-in printed", stdout.as_bytes());
        let output = self.child.wait_with_output().expect("it ends");
        Ran {
            stdout,
            ..output.into()
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(id).expect("a process id"), signal).expect("it runs");
    }
}
