//! The real binary, run by a person with a home of their own and an environment that holds only what is put into it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};

use super::{
    PROGRAM, ca,
    guardian::Scratch,
    okta::{Okta, Server},
    postgres::Url,
    secrets,
};

/// Someone who runs the program. What it keeps goes when this is dropped.
pub(crate) struct Home {
    scratch: Scratch,
    variables: BTreeMap<String, String>,
    /// Files that a test put here, which may hold what the program's own may not.
    given: RefCell<Vec<PathBuf>>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    /// Makes an empty home.
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new("home");
        let authority = ca::trusted().pem_path();
        let variables = [
            ("HOME", scratch.path().display().to_string()),
            // Neither the tests' own keyring nor the desktop's.
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent".into()),
            ("SSL_CERT_FILE", authority.display().to_string()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("TZ", "UTC".into()),
        ];
        let variables = variables
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        Self {
            scratch,
            variables,
            given: RefCell::default(),
        }
    }

    /// Sets a variable for the runs that follow.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Has programs that are started by their names be looked for here first.
    pub(crate) fn search_here_first(&mut self) {
        let path = std::env::var("PATH").unwrap_or_default();
        self.set("PATH", format!("{}:{path}", self.path().display()));
    }

    /// Takes a variable away.
    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// The home directory.
    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Writes the configuration file that is found without being named.
    pub(crate) fn configure(&self, text: &str) -> PathBuf {
        let directory = self.path().join(if cfg!(target_os = "macos") {
            "Library/Application Support/epigraph"
        } else {
            ".config/epigraph"
        });
        fs::create_dir_all(&directory).expect("a directory");
        self.write(directory.join("config.toml"), text.as_bytes())
    }

    /// Writes the configuration for this Okta and this database, with more lines.
    pub(crate) fn set_up(&self, okta: &Okta, database: &str, more: &str) {
        let (issuer, id) = (okta.issuer(Server::Default), okta.client_id());
        self.configure(&format!(
            "issuer = \"{issuer}\"\nclient_id = \"{id}\"\ndatabase_url = \"{database}\"\n{more}\n"
        ));
    }

    /// The variables that its programs are given.
    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Writes a file that only its owner may read, and returns its whole path.
    pub(crate) fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;

        let path = self.path().join(path);
        self.given.borrow_mut().push(path.clone());
        fs::write(&path, bytes).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// The program with these arguments, ready to be run.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ran {
        self.command(arguments)
            .output()
            .expect("the program starts")
            .into()
    }

    /// Runs the program to its end with this on its standard input.
    pub(crate) fn run_with<A: AsRef<OsStr>>(&self, arguments: &[A], input: &[u8]) -> Ran {
        let mut child = Self::start(self.command(arguments).stdin(Stdio::piped()));
        let mut pipe = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        // The program may stop reading before the end, or never begin.
        let writer = thread::spawn(move || drop(pipe.write_all(&input)));
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the input is written");
        output.into()
    }

    /// Starts a command and leaves it running.
    pub(crate) fn start(command: &mut Command) -> Child {
        command.spawn().expect("the program starts")
    }

    /// Waits until what was started ends.
    pub(crate) fn end_of(child: Child) -> Ran {
        child.wait_with_output().expect("it ends").into()
    }

    /// Runs commands side by side, and returns how they ended.
    pub(crate) fn side_by_side(commands: impl IntoIterator<Item = Command>) -> Vec<Ran> {
        let start = |mut command| Self::start(&mut command);
        let started: Vec<_> = commands.into_iter().map(start).collect();
        started.into_iter().map(Self::end_of).collect()
    }

    /// The program with these arguments, and with the database at this address.
    pub(crate) fn command_at(&self, url: &Url, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("DATABASE_URL", url.to_string());
        command
    }

    /// The directory for state.
    pub(crate) fn state(&self) -> PathBuf {
        self.path().join(if cfg!(target_os = "macos") {
            "Library/Application Support/epigraph/state"
        } else {
            ".local/state/epigraph"
        })
    }

    /// The file whose name begins like this in the directory for state.
    pub(crate) fn file_of(&self, kind: &str) -> Option<PathBuf> {
        let entries = fs::read_dir(self.state()).ok()?;
        let mut paths = entries.map(|entry| entry.expect("an entry").path());
        paths.find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(kind)
        })
    }

    /// The file that holds the session.
    #[track_caller]
    pub(crate) fn session_file(&self) -> PathBuf {
        self.file_of("session-").expect("a session is kept")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !thread::panicking() {
            secrets::none_below(self.path(), &self.given.borrow());
        }
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        secrets::none_in("what a command printed", &output.stdout);
        secrets::none_in("what a command said", &output.stderr);
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("the output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("the talk is UTF-8"),
        }
    }
}

impl Ran {
    /// Expects success, and returns what was printed.
    #[track_caller]
    pub(crate) fn data(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Expects an exit code, an error that says this, and nothing on standard output.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.contains("error: "), "{self:?}");
        for part in says {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:?}");
        }
        assert_eq!(self.stdout, "", "{self:?}");
    }
}
