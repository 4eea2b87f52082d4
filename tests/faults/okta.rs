//! What fails at Okta, and on the way to it.

mod answers;
#[cfg(target_os = "linux")]
mod clocks;
mod kept;
mod renewal;
mod sign_in;
#[cfg(target_os = "linux")]
mod waiting;

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::support::{
    okta::{Okta, Server},
    program::Home,
    stage::Stage,
    wait_until,
};

/// A database that no one ever asks.
const NOWHERE: &str = "postgresql://nobody:none@127.0.0.1:1/none";

/// A person's home and an Okta for it, without a database: for what ends before one is asked.
struct Site {
    okta: Okta,
    home: Home,
}

impl Site {
    fn new() -> Self {
        let okta = Okta::start();
        okta.configure(|settings| settings.interval = Some(1));
        let home = Home::new();
        configure(&home, &okta, NOWHERE);
        Self { okta, home }
    }
}

fn configure(home: &Home, okta: &Okta, database: &str) {
    home.configure(&format!(
        "issuer = \"{}\"\nclient_id = \"{}\"\ndatabase_url = \"{database}\"\nstore = \"file\"\n",
        okta.issuer(Server::Default),
        okta.client_id(),
    ));
}

/// A home of its own with a copy of the session, as on another machine.
#[cfg(target_os = "linux")]
fn copy_of(stage: &Stage) -> Home {
    let home = Home::new();
    let database = stage.database.user().port(stage.database_network.port());
    configure(&home, &stage.okta, &database.to_string());
    let session = session_file(&stage.home);
    let kept = fs::read(&session).expect("a session");
    let path = session
        .strip_prefix(stage.home.path())
        .expect("below the home");
    let directory = home.path().join(path.parent().expect("a directory"));
    fs::create_dir_all(directory).expect("a directory");
    home.write(path, &kept);
    home
}

/// The file of this kind that is kept in a home.
fn file_of(home: &Home, kind: &str) -> Option<PathBuf> {
    let state = home.path().join(if cfg!(target_os = "macos") {
        "Library/Application Support/epigraph/state"
    } else {
        ".local/state/epigraph"
    });
    let entries = fs::read_dir(state).ok()?;
    entries
        .map(|entry| entry.expect("an entry").path())
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(kind)
        })
}

/// The file that holds the session.
#[track_caller]
fn session_file(home: &Home) -> PathBuf {
    file_of(home, "session-").expect("a session is kept")
}

/// Removes what is kept of what Okta publishes, so that the next program asks for it.
fn forget_okta(home: &Home) {
    if let Some(path) = file_of(home, "server-") {
        fs::remove_file(path).expect("removed");
    }
}

/// Lets the hour pass after which the kept ID token has to be renewed.
fn an_hour_passes(home: &Home) {
    let path = session_file(home);
    let kept = fs::read(&path).expect("a session");
    let mut kept: Value = serde_json::from_slice(&kept).expect("JSON");
    kept["exp"] = 0.into();
    home.write(path, kept.to_string().as_bytes());
}

/// Waits until a text as it is typed is in the draft file.
#[track_caller]
fn is_kept(stage: &Stage, text: &str) {
    wait_until(&format!("{text:?} is in the draft file"), || {
        stage.draft()?.contains(text).then_some(())
    });
}
