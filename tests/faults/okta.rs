//! What fails at Okta, and on the way to it.

mod answers;
#[cfg(target_os = "linux")]
pub(super) mod clocks;
mod kept;
mod renewal;
pub(crate) mod sign_in;
#[cfg(target_os = "linux")]
mod waiting;

use std::fs;

use serde_json::Value;

#[cfg(target_os = "linux")]
use crate::support::stage::Stage;
use crate::support::{okta::Okta, program::Home};

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
    home.set_up(okta, database, "store = \"file\"");
}

/// A home of its own with a copy of the session, as on another machine.
#[cfg(target_os = "linux")]
fn copy_of(stage: &Stage) -> Home {
    let home = Home::new();
    let database = stage.database.user().port(stage.database_network.port());
    configure(&home, &stage.okta, &database.to_string());
    let session = stage.home.session_file();
    let kept = fs::read(&session).expect("a session");
    fs::create_dir_all(home.state()).expect("a directory");
    let name = session.file_name().expect("a name");
    home.write(home.state().join(name), &kept);
    home
}

/// Removes what is kept of what Okta publishes, so that the next program asks for it.
fn forget_okta(home: &Home) {
    if let Some(path) = home.file_of("server-") {
        fs::remove_file(path).expect("removed");
    }
}

/// Lets the hour pass after which the kept ID token has to be renewed.
fn an_hour_passes(home: &Home) {
    let path = home.session_file();
    let kept = fs::read(&path).expect("a session");
    let mut kept: Value = serde_json::from_slice(&kept).expect("JSON");
    kept["exp"] = 0.into();
    home.write(path, kept.to_string().as_bytes());
}
