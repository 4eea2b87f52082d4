//! The configuration as a person meets it: through the real binary, its files and its environment.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{program::Home, pty::Pty};

const GOOD: &str = "issuer = \"https://localhost:1\"\nclient_id = \"0oa1\"\ndatabase_url = \"postgresql://u:hunter2@localhost:1/d\"\nstore = \"file\"\n";

/// With a good configuration and no one signed in, `whoami` ends with this.
const NOBODY: i32 = 3;

#[test]
fn nothing_configured_says_what_to_put_where() {
    let home = Home::new();
    let path = home.configure("");
    fs::remove_file(&path).expect("removed");
    let says = [
        "error: epigraph is not set up on this computer",
        "epigraph use config.toml",
        "epigraph admin setup",
        &path.display().to_string(),
        "AUTH_OKTA_ISSUER, AUTH_OKTA_ID and DATABASE_URL",
    ];
    for command in ["show", "whoami", "login", "logout"] {
        home.run(&[command]).fails(8, &says);
    }
    let examined = home.run(&["doctor"]);
    let times = examined.stdout.matches("is not set up").count();
    assert_eq!((examined.code, times), (Some(8), 1), "{examined:?}");
}

#[test]
fn a_configuration_that_was_sent_is_put_in_its_place() {
    let home = Home::new();
    let place = home.configure("");
    fs::remove_dir_all(place.parent().expect("a directory")).expect("removed");
    let sent = home.write("sent.toml", GOOD.as_bytes());
    home.run(&["use", "sent.toml"]).says(&[
        &format!("the configuration is in {}", place.display()),
        "sent.toml is not needed any more",
        "next: epigraph login",
    ]);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let modes = (mode(&place), mode(place.parent().expect("one")));
    assert_eq!(modes, (0o600, 0o700));
    home.run(&["whoami"]).fails(NOBODY, &[]);
    // The same is no other, and is open to others no more.
    fs::set_permissions(&place, fs::Permissions::from_mode(0o644)).expect("a mode");
    home.run(&["use", "sent.toml"]).data();
    assert_eq!(mode(&place), 0o600);

    // What is no configuration replaces nothing, and another one only where the person says so.
    let example = include_str!("../config.example.toml");
    let no_port = GOOD.replace("localhost:1/d", "h:x/d");
    for (text, says) in [
        ("colour = \"red\"", "the key `colour` is unknown"),
        (example, "still the one of the example"),
        ("issuer = \"https://localhost:1\"", "are missing"),
        (&no_port, "is not a number from 1 to 65535"),
    ] {
        home.write("sent.toml", text.as_bytes());
        home.run(&["use", "sent.toml", "--yes"]).fails(8, &[says]);
    }
    home.run(&["use", "no-such.toml"])
        .fails(2, &["cannot be read"]);
    home.run(&["sent.toml"])
        .fails(2, &["run `epigraph use sent.toml`"]);
    let ran = home.run(&["no-such.toml"]);
    assert!(
        ran.code == Some(2) && !ran.stderr.contains("epigraph use"),
        "{ran:?}"
    );
    let other = GOOD.replace("0oa1", "0oa2");
    fs::write(&sent, &other).expect("written");
    home.run(&["use", "sent.toml"])
        .fails(2, &["another configuration is in", "--yes"]);
    assert_eq!(fs::read_to_string(&place).expect("there"), GOOD);
    let answered = |answers: &[(&str, &str)]| {
        let mut screen = Pty::spawn(&home.command(&["use", "sent.toml"]), 200, 24);
        for (question, answer) in answers {
            screen.sees(question);
            screen.type_(answer);
        }
        screen.exit_status().exit_code()
    };
    assert_eq!(answered(&[("Replace the other configuration", "\r")]), 1);
    assert_eq!(fs::read_to_string(&place).expect("there"), GOOD);
    let agreed = [
        ("Replace the other configuration", "y\r"),
        ("Log in now? [Y/n]", "n\r"),
    ];
    assert_eq!(answered(&agreed), 0);
    assert_eq!(fs::read_to_string(&place).expect("there"), other);
    // The end of the input is no wish to log in, and what is no answer is none.
    assert_eq!(answered(&[("Log in now? [Y/n]", "\x04")]), 0);
    let unclear = [
        ("Log in now? [Y/n]", "what?\r"),
        ("Answer y or n. Log in now?", "n\r"),
    ];
    assert_eq!(answered(&unclear), 0);
    fs::write(&sent, GOOD).expect("written");
    assert_eq!(home.run(&["use", "sent.toml", "--yes"]).code, Some(0));
    assert_eq!(fs::read_to_string(&place).expect("there"), GOOD);
}

#[test]
fn what_fingers_type_for_a_command_is_that_command() {
    let home = Home::new();
    home.configure(GOOD);
    for (typed, meant) in [
        ("get", "show"),
        ("cat", "show"),
        ("signout", "logout"),
        ("rm", "delete"),
    ] {
        let [typed, meant] = [typed, meant].map(|name| home.run(&[name]));
        assert_eq!((typed.code, typed.stderr), (meant.code, meant.stderr));
    }
    let helps = [("signin", "login"), ("edit", "set")].map(|(typed, meant)| {
        let told = |name| home.run(&[name, "--help"]);
        (told(typed).code, told(meant).code)
    });
    assert_eq!(helps, [(Some(0), Some(0)); 2]);
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
    home.run(&["whoami"]).fails(8, &["is not set up"]);
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
        for command in [&["show"][..], &["admin", "status"], &["set", "x"]] {
            let ran = home.run(command);
            ran.fails(8, &[says]);
            assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
        }
        home.run(&["whoami"]).fails(NOBODY, &[]);
    }
}

/// What `src/config/env_file.rs` is compared with.
#[test]
fn the_web_app_reads_env_files_as_it_is_said_to() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("support/next_env/values.json")).expect("cases");
    let files: Vec<_> = cases.iter().map(|case| &case["file"]).collect();
    let files = serde_json::to_string(&files).expect("JSON");
    let place = concat!(env!("CARGO_TARGET_TMPDIR"), "/next_env");
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/support/next_env/values.mjs"
    );
    let mut node = Command::new("node")
        .args([script, place])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/setup has installed it");
    node.stdin
        .take()
        .expect("a pipe")
        .write_all(files.as_bytes())
        .expect("it reads");
    let read = node.wait_with_output().expect("it ends").stdout;
    let read: Vec<Value> = serde_json::from_slice(&read).expect("JSON");
    for (case, read) in cases.iter().zip(&read) {
        assert_eq!(&case["values"], read, "{}", case["file"]);
    }
    assert_eq!(cases.len(), read.len());
}
