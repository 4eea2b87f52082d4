//! Running epigraph: with the demo's configuration, and never longer than the demo.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{process::Child, time::timeout};

use crate::{
    stage::Stage,
    support::{PATIENCE, guardian::Scratch, postgres::program},
};

/// A running epigraph. It has our process group, because that has the terminal.
pub(crate) struct Running {
    pub(crate) child: Child,
    id: u32,
    scratch: Scratch,
}

impl Stage<'_> {
    /// A command line of epigraph with the demo's surroundings.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> tokio::process::Command {
        let mut command = self.surrounded(&self.epigraph);
        command.arg("--config").arg(&self.config).args(arguments);
        command
    }

    /// A command line of the example `notes`, which finds its configuration by itself.
    pub(crate) fn notes(&self, arguments: &[&str]) -> Result<tokio::process::Command, String> {
        let home = self.state.join("home");
        let directory = home.join(if cfg!(target_os = "macos") {
            "Library/Application Support/epigraph"
        } else {
            "epigraph"
        });
        fs::create_dir_all(&directory)
            .and_then(|()| fs::copy(&self.config, directory.join("config.toml")))
            .map_err(|error| error.to_string())?;
        let mut command = self.surrounded(&self.epigraph.with_file_name("examples/notes"));
        if cfg!(target_os = "macos") {
            command.env("HOME", home);
        } else {
            command.env("XDG_CONFIG_HOME", home);
        }
        command.args(arguments);
        Ok(command)
    }

    fn surrounded(&self, program: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program);
        // What the person has set for their own epigraph would win over the demo's configuration.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("AUTH_OKTA_")
                || name.starts_with("EPIGRAPH_")
                || name == "DATABASE_URL"
            {
                command.env_remove(name);
            }
        }
        command.env("SSL_CERT_FILE", &self.authority);
        // Only where the state is kept moves: a browser that epigraph opens is to find the person's own profile.
        if cfg!(target_os = "macos") {
            command.env("HOME", &self.state);
        } else {
            command.env("XDG_STATE_HOME", &self.state);
        }
        // No proxy leads to this machine's own loopback interface.
        for name in ["NO_PROXY", "no_proxy"] {
            command.env(name, "localhost,127.0.0.1");
        }
        command
    }

    /// The owner's command that sets everything up.
    pub(crate) fn setup(&self) -> tokio::process::Command {
        let mut command = self.command(["admin", "setup"]);
        command.env("EPIGRAPH_ADMIN_DATABASE_URL", self.database.owner_url());
        command
    }

    /// Starts a command line.
    pub(crate) fn start(&self, mut command: tokio::process::Command) -> Result<Running, String> {
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.epigraph.display()))?;
        let id = child.id().expect("it was just started");
        self.scratch.watch(id);
        Ok(Running {
            child,
            id,
            scratch: self.scratch.clone(),
        })
    }

    /// `psql` with the connection string that the set-up has handed out.
    pub(crate) fn psql(&self, sql: &str) -> Result<tokio::process::Command, String> {
        let text = fs::read_to_string(&self.config).map_err(|error| error.to_string())?;
        let mut lines = text.lines();
        let url = lines.find_map(|line| line.strip_prefix("database_url = "));
        let url = url.and_then(|url| url::Url::parse(url.trim_matches('"')).ok());
        let url = url.ok_or("the configuration has no database_url")?;
        // Everybody sees a command line.
        let script = self.scratch.path().join("script.sql");
        fs::write(&script, sql).map_err(|error| error.to_string())?;
        let mut command = tokio::process::Command::new(program("psql"));
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(script)
            .env("PGHOST", url.host_str().unwrap_or_default())
            .env("PGPORT", url.port().unwrap_or(5432).to_string())
            .env("PGUSER", url.username())
            .env("PGPASSWORD", url.password().unwrap_or_default())
            .env("PGDATABASE", url.path().trim_start_matches('/'))
            .env("PGSSLMODE", "verify-full")
            .env("PGSSLROOTCERT", &self.authority);
        Ok(command)
    }

    /// Runs a command line without a terminal to its end.
    pub(crate) async fn run(&self, mut command: tokio::process::Command) -> Result<Output, String> {
        let ended = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let ended = timeout(PATIENCE, ended).await;
        let ended = ended.map_err(|_| format!("it did not end within {PATIENCE:?}"))?;
        ended.map_err(|error| error.to_string())
    }
}

impl Running {
    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Result<ExitStatus, String> {
        self.child.wait().await.map_err(|error| error.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let process = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        let mut ended = || !matches!(self.child.try_wait(), Ok(None));
        if let Some(process) = process
            && !ended()
        {
            // TERM lets it give the terminal back, and CONT lets it hear of that if it is stopped.
            kill_process(process, Signal::TERM).ok();
            kill_process(process, Signal::CONT).ok();
            let deadline = Instant::now() + Duration::from_secs(5);
            while !ended() {
                if Instant::now() > deadline {
                    kill_process(process, Signal::KILL).ok();
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.scratch.forget(self.id);
    }
}
