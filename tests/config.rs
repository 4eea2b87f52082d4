//! The configuration as a person meets it: through the real binary, its files and its environment.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::program::Home;

const GOOD: &str = "issuer = \"https://localhost:1\"\nclient_id = \"0oa1\"\ndatabase_url = \"postgresql://u:hunter2@localhost:1/d\"\nstore = \"file\"\n";

/// With a good configuration and no one signed in, `whoami` ends with this.
const NOBODY: i32 = 3;

#[test]
fn nothing_configured_says_what_to_put_where() {
    let home = Home::new();
    let path = home.configure("");
    fs::remove_file(&path).expect("removed");
    for command in ["show", "whoami", "login", "logout"] {
        home.run(&[command]).fails(
            8,
            &[
                "error: the settings `issuer`, `client_id` and `database_url` are missing",
                &format!("hint: put them into {}:", path.display()),
                "AUTH_OKTA_ISSUER, AUTH_OKTA_ID, DATABASE_URL",
            ],
        );
    }
}

#[test]
fn the_file_of_the_platform_is_read_and_another_when_named() {
    let home = Home::new();
    home.configure(GOOD);
    home.run(&["whoami"])
        .fails(NOBODY, &["you are not signed in", "epigraph login"]);
    let other = home.write("other.toml", b"colour = \"red\"");
    home.run(&["--config", "other.toml", "whoami"])
        .fails(8, &["line 1: the key `colour` is unknown"]);
    fs::remove_file(other).expect("removed");
    home.run(&["whoami", "--config", "other.toml"])
        .fails(8, &["other.toml does not exist"]);
}

#[test]
fn the_guides_env_file_is_read_only_when_named() {
    let mut home = Home::new();
    home.write(
        ".env.local",
        b"AUTH_SECRET=\"x\"\nAUTH_OKTA_ISSUER=\"https://localhost:1\"\nAUTH_OKTA_ID=\"0oa1\"\nAUTH_OKTA_SECRET=\"s\"\nDATABASE_URL=\"postgresql://u:hunter2@localhost:1/d\"\n",
    );
    home.run(&["whoami"]).fails(8, &["are missing"]);
    home.run(&["--env-file", ".env.local", "--store", "file", "whoami"])
        .fails(NOBODY, &[]);
    home.set("AUTH_OKTA_ISSUER", "http://localhost:1");
    home.run(&["--env-file", ".env.local", "--store", "file", "whoami"])
        .fails(8, &["AUTH_OKTA_ISSUER", "starts with http://"]);
}

#[test]
fn a_password_that_others_can_read_is_warned_of() {
    let home = Home::new();
    let path = home.configure(GOOD);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
    let ran = home.run(&["whoami"]);
    ran.fails(NOBODY, &["warning: ", "chmod 600"]);
    assert!(!ran.stderr.contains("hunter2"));
}

#[test]
fn a_wrong_connection_string_is_refused_without_its_password() {
    for (url, says) in [
        (
            "postgresql://u:hunter2@db.example.com/d?sslmode=disable",
            "sslmode",
        ),
        ("mysql://u:hunter2@db.example.com/d", "postgresql://"),
        ("hunter2", ""),
    ] {
        let mut home = Home::new();
        home.configure(GOOD);
        home.set("DATABASE_URL", url);
        for command in [
            &["show"][..],
            &["admin", "migrate"],
            &["admin", "status"],
            &["set", "x"],
            &["delete", "--yes"],
        ] {
            let ran = home.run(command);
            ran.fails(8, &[says]);
            assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
        }
        home.run(&["whoami"]).fails(NOBODY, &[]);
    }
}
