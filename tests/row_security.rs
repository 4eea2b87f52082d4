//! What a person meets when the database checks who is asking: the real binary, between a stand-in for Okta and a real PostgreSQL.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::support::{
    okta::{Endpoint, Okta, Person, Server},
    postgres::Database,
    program::{Home, Ran},
    pty::{Key, Pty},
    stage::Login,
    token, wait_until,
};

/// A home in which James Joyce is signed in, with a database that trusts his Okta.
struct Stage {
    okta: Okta,
    database: Database<'static>,
    home: Home,
}

impl Stage {
    /// His tokens last this long; under a minute every command renews them.
    async fn with_tokens_for(seconds: i64) -> Self {
        let okta = Okta::start();
        okta.configure(|settings| {
            settings.interval = Some(1);
            settings.token_lifetime = seconds;
        });
        let database = Database::trusting(&okta).await;
        let mut home = Home::new();
        home.set("EPIGRAPH_ADMIN_DATABASE_URL", database.owner_url());
        let stage = Self {
            okta,
            database,
            home,
        };
        stage.configure(&stage.database.user_url());
        let (sign_in, _) = Login::with_code(&stage.home);
        let code = stage.okta.next_code();
        stage
            .okta
            .approve(&code, Person::James)
            .expect("the code works");
        assert_eq!(sign_in.end().code, Some(0));
        stage
    }

    fn configure(&self, database_url: &str) {
        self.home.configure(&format!(
            "issuer = \"{}\"\nclient_id = \"{}\"\ndatabase_url = \"{database_url}\"\nstore = \"file\"\n",
            self.okta.issuer(Server::Default),
            self.okta.client_id(),
        ));
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(arguments)
    }

    fn open(&self) -> Pty {
        Pty::spawn(&self.home.command::<&str>(&[]), 100, 24)
    }

    fn rows(&self) -> String {
        self.database
            .query("select user_id, message from public.user_messages order by 1")
    }

    /// What `doctor` says about a part: its status and what it found.
    fn doctor(&self, check: &str) -> (String, String) {
        let report: Value =
            serde_json::from_str(&self.run(&["doctor", "--json"]).stdout).expect("one JSON value");
        let line = report["checks"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|line| line["part"] == "database" && line["check"] == check)
            .unwrap_or_else(|| panic!("no {check} in {report}"));
        let text = |name: &str| line[name].as_str().expect("a text").to_owned();
        (text("status"), text("found"))
    }
}

#[tokio::test]
async fn a_key_that_the_database_lacks_costs_no_text() {
    let stage = Stage::with_tokens_for(30).await;
    let mut screen = stage.open();
    screen.sees("Save an inspiring quote for yourself...");
    screen.writes("Think you're escaping and run into yourself.");
    stage.okta.replace_keys();
    screen.key(Key::Enter);
    screen.sees("Not saved, but kept.");
    screen.sees("epigraph admin keys");
    screen.sees("Think you're escaping");
    stage.run(&["show"]).fails(
        11,
        &[
            "a key that this database does not know",
            "epigraph admin keys",
        ],
    );
    assert_eq!(stage.rows(), "");

    stage.run(&["admin", "keys"]).data();
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(
        stage.rows(),
        format!(
            "{}|Think you're escaping and run into yourself.",
            Person::James.id()
        )
    );
}

#[tokio::test]
async fn doctor_warns_of_a_key_that_okta_publishes_ahead() {
    let stage = Stage::with_tokens_for(3600).await;
    let (status, found) = stage.doctor("signing keys");
    assert_eq!(
        (status.as_str(), found.as_str()),
        ("ok", "all 2 that Okta publishes are known")
    );
    stage.okta.rotate_keys();
    let (status, found) = stage.doctor("signing keys");
    assert_eq!(status, "warning");
    assert!(found.contains("does not know 1 of the 3 keys"), "{found}");
    stage.okta.replace_keys();
    let (status, found) = stage.doctor("signing keys");
    assert_eq!(status, "failed");
    assert!(found.contains("none of the keys"), "{found}");
    stage.run(&["admin", "keys"]).data();
    assert_eq!(stage.doctor("signing keys").0, "ok");
}

#[tokio::test]
async fn a_blocked_person_is_told_so_and_loses_nothing() {
    let stage = Stage::with_tokens_for(3600).await;
    stage.run(&["set", "one"]).data();
    stage.run(&["admin", "block", Person::James.id()]).data();
    for command in [&["show"][..], &["set", "two"], &["delete", "--yes"]] {
        stage
            .run(command)
            .fails(11, &["has blocked you", "ask the owner"]);
    }
    stage.run(&["admin", "unblock", Person::James.id()]).data();
    assert_eq!(stage.run(&["show"]).data(), "one");
}

#[tokio::test]
async fn an_owners_connection_string_is_warned_of() {
    let stage = Stage::with_tokens_for(3600).await;
    stage.run(&["set", "mine"]).data();
    stage.database.query(
        "insert into public.user_messages (user_id, message) values ('00u-another', 'theirs')",
    );
    let ran = stage.run(&["show"]);
    assert!(!ran.stderr.contains("warning"), "{ran:?}");
    assert_eq!(stage.doctor("role").0, "ok");

    stage.configure(&stage.database.owner_url());
    let ran = stage.run(&["show"]);
    assert!(ran.stderr.contains("so it opens every row"), "{ran:?}");
    assert!(ran.stderr.contains("epigraph admin invite"), "{ran:?}");
    assert_eq!(ran.data(), "mine");
    let (status, found) = stage.doctor("role");
    assert_eq!(status, "warning");
    assert!(found.contains("opens every row"), "{found}");
    let mut screen = stage.open();
    screen.sees("mine");
    screen.sees("so it opens every row");
    assert!(!screen.screen().contains("theirs"));
    // It is said once, and not at every reading.
    screen.key(Key::Char('r'));
    screen.sees("Up to date.");
    assert!(!screen.screen().contains("opens every row"));

    stage.run(&["delete", "--yes"]).data();
    assert_eq!(stage.rows(), "00u-another|theirs");
}

#[tokio::test]
async fn a_database_without_row_security_is_warned_of() {
    let stage = Stage::with_tokens_for(3600).await;
    stage
        .database
        .query("alter table public.user_messages disable row level security");
    let ran = stage.run(&["show"]);
    assert!(
        !ran.stderr.contains("warning"),
        "nobody has a right on it: {ran:?}"
    );
    stage.database.grant_on_table();
    let ran = stage.run(&["set", "mine"]);
    assert!(
        ran.stderr
            .contains("warning: this database does not check who is asking"),
        "{ran:?}"
    );
    assert_eq!(ran.code, Some(0));
    assert_eq!(stage.doctor("row security").0, "warning");
}

#[tokio::test]
async fn a_token_that_the_database_finds_expired_is_renewed() {
    let stage = Stage::with_tokens_for(2).await;
    let session = session_file(&stage.home);
    let text = fs::read_to_string(&session).expect("a text");
    let mut kept: Value = serde_json::from_str(&text).expect("JSON");
    let expires_at = kept["exp"].as_i64().expect("a number");
    // As if the clock of this machine were late.
    kept["exp"] = (expires_at + 3600).into();
    fs::write(&session, kept.to_string()).expect("it is ours");
    wait_until("the token expires", || {
        (token::now() > expires_at).then_some(())
    });
    stage
        .okta
        .configure(|settings| settings.token_lifetime = 3600);
    let asked = stage.okta.count(Endpoint::Token);
    let ran = stage.run(&["set", "late"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "saved\n"));
    assert_eq!(stage.okta.count(Endpoint::Token), asked + 1);
    assert!(stage.rows().ends_with("|late"));
}

fn session_file(home: &Home) -> PathBuf {
    let directory = home.path().join(if cfg!(target_os = "macos") {
        "Library/Application Support/epigraph/state"
    } else {
        ".local/state/epigraph"
    });
    fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("session-")
        })
        .expect("a kept session")
}
