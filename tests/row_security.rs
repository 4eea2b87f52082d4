//! What a person meets when the database checks who is asking: the real binary, between a stand-in for Okta and a real PostgreSQL.

use serde_json::Value;

use crate::support::{pty::Key, stage::Stage};

impl Stage {
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
async fn doctor_warns_of_a_key_that_okta_publishes_ahead() {
    let mut stage = Stage::signed_in().await;
    let owner_url = stage.database.owner_url();
    stage.home.set("EPIGRAPH_ADMIN_DATABASE_URL", owner_url);
    let (status, found) = stage.doctor("signing keys");
    assert_eq!(status, "ok");
    assert_eq!(found, "all 2 that Okta publishes are known");
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
async fn an_owners_connection_string_is_warned_of() {
    let mut stage = Stage::signed_in().await;
    stage.run(&["set", "mine"]).data();
    stage.database.query(
        "insert into public.user_messages (user_id, message) values ('00u-another', 'theirs')",
    );
    let ran = stage.run(&["show"]);
    assert!(!ran.stderr.contains("warning"), "{ran:?}");
    assert_eq!(stage.doctor("role").0, "ok");

    let owner_url = stage.database.owner_url();
    stage.home.set("DATABASE_URL", owner_url);
    let says = ["so it opens every row", "epigraph admin invite"];
    assert_eq!(stage.run(&["show"]).says(&says), "mine");
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
    let stage = Stage::signed_in().await;
    stage
        .database
        .query("alter table public.user_messages disable row level security");
    let ran = stage.run(&["show"]);
    // Nobody has a right on it.
    assert!(!ran.stderr.contains("warning"), "{ran:?}");
    stage.database.grant_on_table();
    let says = "warning: this database does not check who is asking";
    stage.run(&["set", "mine"]).says(&[says]);
    assert_eq!(stage.doctor("row security").0, "warning");
}
