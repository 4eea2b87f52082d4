//! The headless commands, whole: the real binary between a stand-in for Okta and a real PostgreSQL.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{
    ca::{Ca, stranger, trusted},
    okta::{Answer, Endpoint, Person, Server},
    postgres::{Database, Url},
    program::{Home, Ran},
    pty::{Key, Pty},
    stage::{INVITATION, Stage},
    wait_until,
};

const QUOTE: &str = "Mistakes are the portals of discovery.\n\n    — James Joyce, “Ulysses” 🚪";

/// Writes a program for `EDITOR`; the file to edit is its `$1`.
fn editor(stage: &mut Stage, script: &str) {
    let path = stage.home.write("editor.sh", script.as_bytes());
    stage.home.set("EDITOR", format!("sh '{}'", path.display()));
}

/// The text that a failed `set --edit` has kept, from the place that it told.
#[track_caller]
fn kept_text(stage: &Stage, ran: &Ran) -> String {
    let (_, rest) = ran
        .stderr
        .split_once("is kept in ")
        .expect("the place is told");
    let (path, _) = rest.split_once(".txt").expect("a text file");
    let path = PathBuf::from(format!("{path}.txt"));
    assert!(stage.kept().contains(&path));
    fs::read_to_string(path).expect("a text")
}

fn json(ran: Ran) -> Value {
    serde_json::from_str(&ran.data()).expect("one JSON value")
}

#[tokio::test]
async fn the_whole_story() {
    let stage = Stage::new().await;
    stage
        .run(&["whoami"])
        .fails(3, &["you are not signed in", "epigraph login"]);
    stage.run(&["show"]).fails(3, &["epigraph login"]);

    let mut login = stage.login(&["login", "--json"]);
    let code = login.next();
    assert_eq!(code["event"], "code");
    assert_eq!(code["verification_uri"], stage.okta.activate_page());
    let user_code = code["user_code"].as_str().expect("a code");
    assert!(
        code["verification_uri_complete"]
            .as_str()
            .is_some_and(|uri| uri.ends_with(user_code))
    );
    let expires_at = code["expires_at"].as_str().expect("a time");
    assert!(chrono::DateTime::parse_from_rfc3339(expires_at).expect("a time") > chrono::Utc::now());
    assert_eq!(login.next(), serde_json::json!({"event": "pending"}));
    stage.approve();
    let signed_in = loop {
        let event = login.next();
        if event["event"] != "pending" {
            break event;
        }
    };
    assert_eq!(
        signed_in,
        serde_json::json!({"event": "signed_in", "name": "James Joyce", "id": Person::James.id()})
    );
    let ended = login.end();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), ""),
        "{ended:?}"
    );

    let who = json(stage.run(&["whoami", "--json"]));
    assert_eq!(who["name"], "James Joyce");
    assert_eq!(who["id"], Person::James.id());
    assert_eq!(who["store"], "file");
    assert_eq!(who["issuer"], stage.okta.issuer(Server::Default));
    let until = who["id_token_expires_at"].as_str().expect("a time");
    assert!(chrono::DateTime::parse_from_rfc3339(until).expect("a time") > chrono::Utc::now());
    let who = stage.run(&["whoami"]).data();
    assert!(who.contains("James Joyce ("), "{who}");
    assert!(who.contains(" UTC, then renewed"), "{who}");

    stage
        .run(&["show"])
        .fails(5, &["there is no quote", "epigraph set"]);
    let none = stage.run(&["show", "--json"]);
    assert_eq!(none.code, Some(5));
    assert!(none.stdout.contains("\"exit_code\":5"), "{none:?}");
    stage
        .run(&["delete", "--yes"])
        .fails(5, &["there is no quote"]);

    assert_eq!(stage.run(&["set", QUOTE]).data(), "");
    assert_eq!(
        stage.run(&["show"]).data(),
        QUOTE,
        "byte for byte, and nothing added"
    );
    let shown = json(stage.run(&["show", "--json"]));
    assert_eq!(shown["quote"], QUOTE);
    let saved_at = shown["saved_at"].as_str().expect("a time");
    let age = chrono::Utc::now()
        - chrono::DateTime::parse_from_rfc3339(saved_at)
            .expect("a time")
            .to_utc();
    assert!((-5..300).contains(&age.num_seconds()), "saved {age} ago");
    assert_eq!(stage.rows(), format!("{}|{QUOTE}", Person::James.id()));

    // What was shown can be set again as it is; line ends of another system become our own.
    let input = stage.run(&["show"]).data().replace('\n', "\r\n") + "\r\n";
    assert_eq!(
        stage.home.run_with(&["set", "-"], input.as_bytes()).code,
        Some(0)
    );
    assert_eq!(stage.run(&["show"]).data(), QUOTE);
    assert_eq!(stage.run(&["set", "--", "-- a dash first"]).code, Some(0));
    assert_eq!(stage.run(&["show"]).data(), "-- a dash first");

    assert_eq!(stage.run(&["delete", "--yes"]).code, Some(0));
    assert_eq!(stage.rows(), "");
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    let out = stage.run(&["logout"]);
    assert_eq!(
        (out.code, out.stderr.as_str()),
        (Some(0), "signed out\n"),
        "{out:?}"
    );
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 0);
    assert_eq!(stage.kept(), Vec::<PathBuf>::new());
    stage.run(&["whoami"]).fails(3, &[]);
    assert_eq!(
        stage.run(&["logout"]).code,
        Some(0),
        "a second one is no error"
    );
}

#[tokio::test]
async fn a_plain_login_says_what_to_do_and_warns_of_phishing() {
    let stage = Stage::new().await;
    let login = stage.login(&["login"]);
    let code = stage.okta.next_code();
    stage
        .okta
        .approve(&code, Person::James)
        .expect("the code works");
    let ended = login.end();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), ""),
        "{ended:?}"
    );
    let address = format!("\n    {}\n", stage.okta.activate_page());
    for part in [
        address.as_str(),
        &format!("\n    {code}\n"),
        "works until ",
        " UTC. Approve it",
        "only if you started this sign-in yourself",
        "signed in as James Joyce",
    ] {
        assert!(ended.stderr.contains(part), "{part:?} is not in {ended:?}");
    }
    let again = stage.login(&["login"]);
    stage.approve();
    let ended = again.end();
    assert_eq!(ended.code, Some(0));
    assert!(
        ended
            .stderr
            .starts_with("James Joyce is signed in; signing in again"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_login_on_a_terminal_shows_a_qr_code_where_it_fits() {
    let stage = Stage::new().await;
    for (columns, rows, fits) in [(100, 60, true), (100, 10, false)] {
        let mut pty = Pty::spawn(&stage.home.command(&["login"]), columns, rows);
        pty.sees("Waiting for your approval");
        assert_eq!(
            pty.raw().windows(3).any(|bytes| bytes == "▀".as_bytes()),
            fits
        );
        pty.signal(Signal::INT);
        assert_eq!(pty.exit_status().exit_code(), 130);
    }
}

#[tokio::test]
async fn a_login_that_fails_ends_with_its_code_and_keeps_nothing() {
    let stage = Stage::new().await;
    let mut login = stage.login(&["login", "--json"]);
    login.next();
    stage
        .okta
        .deny(&stage.okta.next_code())
        .expect("the code works");
    let ended = login.end();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let last: Value =
        serde_json::from_str(ended.stdout.lines().last().unwrap_or_default()).expect("an event");
    assert_eq!(
        (&last["event"], &last["exit_code"]),
        (&"failed".into(), &4.into())
    );

    let mut login = stage.login(&["login", "--json"]);
    login.next();
    stage.okta.expire_codes();
    let ended = login.end();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("hint: "));

    let mut login = stage.login(&["login", "--json"]);
    login.next();
    login.signal(Signal::INT);
    let ended = login.end();
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (Some(130), ""),
        "{ended:?}"
    );
    stage.run(&["whoami"]).fails(3, &[]);
    assert_eq!(stage.kept(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_okta_refuses_is_told_with_its_cure() {
    let stage = Stage::new().await;
    let refused = |says: &[&str]| {
        let ran = stage.run(&["login"]);
        ran.fails(10, says);
        assert!(ran.stderr.contains("hint: "), "{ran:?}");
    };
    stage
        .okta
        .configure(|settings| settings.device_grant = false);
    refused(&["Device Authorization"]);
    stage.okta.configure(|settings| {
        settings.device_grant = true;
        settings.dpop = true;
    });
    let login = stage.login(&["login"]);
    stage.approve();
    let ended = login.end();
    assert_eq!(ended.code, Some(10), "{ended:?}");
    assert!(ended.stderr.contains("DPoP"), "{ended:?}");
    stage.okta.configure(|settings| {
        settings.dpop = false;
        settings.unassigned.insert(Person::James);
    });
    let login = stage.login(&["login"]);
    let _ = stage.okta.approve(&stage.okta.next_code(), Person::James);
    let ended = login.end();
    assert!(matches!(ended.code, Some(4 | 10)), "{ended:?}");
    assert!(ended.stderr.contains("assign"), "{ended:?}");
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_issuer_are_told() {
    let mut stage = Stage::new().await;
    stage.home.set("AUTH_OKTA_ID", "0oaUnknown");
    stage.run(&["login"]).fails(10, &["hint: "]);
    stage.home.unset("AUTH_OKTA_ID");
    for (path, code) in [("/", 8), ("/oauth2/other", 8), ("/oauth2/default/", 8)] {
        stage.home.set(
            "AUTH_OKTA_ISSUER",
            format!("{}{path}", stage.okta.issuer(Server::Org)),
        );
        stage.run(&["login"]).fails(code, &["hint: "]);
    }
}

#[tokio::test]
async fn a_warm_start_asks_okta_nothing() {
    let stage = Stage::signed_in().await;
    let before = stage.okta.client_requests();
    assert_eq!(stage.run(&["set", QUOTE]).code, Some(0));
    for _ in 0..3 {
        assert_eq!(stage.run(&["show"]).data(), QUOTE);
    }
    assert_eq!(stage.run(&["whoami"]).code, Some(0));
    assert_eq!(stage.run(&["delete", "--yes"]).code, Some(0));
    assert_eq!(stage.okta.client_requests(), before);
}

#[tokio::test]
async fn an_expired_id_token_is_renewed_and_the_rotated_one_kept() {
    let stage = Stage::new().await;
    // Shorter than the margin, so that every command renews it.
    stage
        .okta
        .configure(|settings| settings.token_lifetime = 30);
    let login = stage.login(&["login"]);
    stage.approve();
    assert_eq!(login.end().code, Some(0));
    for round in 0..3 {
        let before = stage.okta.count(Endpoint::Token);
        stage.run(&["show"]).fails(5, &[]);
        assert_eq!(
            stage.okta.count(Endpoint::Token),
            before + 1,
            "round {round}"
        );
    }
    stage.okta.revoke_all(Person::James);
    stage.run(&["show"]).fails(3, &["epigraph login"]);
}

#[tokio::test]
async fn an_app_without_the_refresh_grant_ends_no_session() {
    let stage = Stage::new().await;
    stage.okta.configure(|settings| {
        settings.refresh_grant = false;
        settings.token_lifetime = 30;
    });
    let login = stage.login(&["login"]);
    stage.approve();
    assert_eq!(login.end().code, Some(0));
    stage.run(&["show"]).fails(10, &["Refresh Token"]);
    stage
        .okta
        .configure(|settings| settings.refresh_grant = true);
    stage.run(&["show"]).fails(5, &[]);
}

#[tokio::test]
async fn no_secret_is_in_any_output_or_in_the_log_at_its_most_verbose() {
    let mut stage = Stage::new().await;
    stage.okta.configure(|settings| {
        settings.client_secret = Some("a-client-secret-of-the-test".into());
        settings.token_lifetime = 30;
    });
    stage
        .home
        .set("AUTH_OKTA_SECRET", "a-client-secret-of-the-test");
    stage.home.set("EPIGRAPH_LOG", "trace");
    stage.home.set("RUST_LOG", "trace");
    stage.home.set("RUST_BACKTRACE", "full");
    let mut told = String::new();
    let login = stage.login(&["--log", "log", "login", "--json"]);
    stage.approve();
    let mut hear = |ran: Ran| told.extend([ran.stdout, ran.stderr]);
    hear(login.end());
    for arguments in [
        &["set", "the text of the quote"][..],
        &["show"],
        &["show", "--json"],
        &["whoami"],
        &["whoami", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["admin", "migrate"],
        &["delete", "--yes"],
    ] {
        let mut whole = vec!["--log", "log"];
        whole.extend(arguments);
        hear(stage.run(&whole));
    }
    stage
        .okta
        .script(Endpoint::Token, Answer::error(400, "invalid_request", "no"));
    hear(stage.run(&["--log", "log", "show"]));
    stage.home.set(
        "DATABASE_URL",
        stage
            .database
            .user_url()
            .replace("localhost", "nowhere.invalid"),
    );
    hear(stage.run(&["--log", "log", "show"]));
    stage.home.unset("DATABASE_URL");
    hear(stage.run(&["--log", "log", "logout"]));
    let log = fs::read_to_string(stage.home.path().join("log")).expect("a log");
    assert!(
        log.len() > 1000 && told.contains("James Joyce"),
        "there is something to look through"
    );
    for line in log.lines() {
        assert!(line.contains(" epigraph"), "not this program's own: {line}");
    }
    let mut secrets = stage.okta.issued_secrets();
    assert!(secrets.len() > 6, "tokens were issued");
    secrets.push(stage.database.user_password().to_owned());
    for secret in secrets {
        assert!(!told.contains(&secret), "an output holds a secret");
        assert!(!log.contains(&secret), "the log holds a secret");
        // Nor the claims of a token without its signature.
        for part in secret.split('.').filter(|part| part.len() > 40) {
            assert!(
                !told.contains(part) && !log.contains(part),
                "a part of a secret got out"
            );
        }
    }
    assert!(
        !log.contains("the text of the quote"),
        "the log holds the quote"
    );
}

#[tokio::test]
async fn logout_works_offline_and_says_that_okta_was_not_told() {
    let stage = Stage::signed_in().await;
    let Stage {
        okta,
        okta_network,
        database,
        home,
        ..
    } = stage;
    drop((okta, okta_network));
    drop(database);
    let ran = home.run(&["logout"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("signed out on this computer"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("warning: your session at Okta lives on until it expires"),
        "{ran:?}"
    );
    home.run(&["whoami"]).fails(3, &[]);
}

#[tokio::test]
async fn an_outage_of_okta_ends_no_session() {
    let stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", QUOTE]).code, Some(0));
    let Stage {
        okta,
        okta_network,
        database,
        database_network,
        home,
    } = stage;
    drop((okta, okta_network));
    assert_eq!(
        home.run(&["show"]).data(),
        QUOTE,
        "the ID token still works"
    );
    home.run(&["login"]).fails(7, &["hint: "]);
    assert_eq!(home.run(&["whoami"]).code, Some(0));
    drop((database, database_network));
}

#[tokio::test]
async fn what_the_database_refuses_is_told_with_its_cure() {
    let mut stage = Stage::signed_in().await;
    let password = stage.database.user_password().to_owned();
    let with = |change: fn(&mut Url)| {
        let mut url = stage.database.user();
        change(&mut url);
        url.to_string()
    };
    for (url, code, says) in [
        (with(|url| url.password = "wrong".into()), 11, "password"),
        (with(|url| url.database = "nowhere".into()), 11, "nowhere"),
        (
            with(|url| url.host = "nowhere.invalid".into()),
            7,
            "nowhere.invalid",
        ),
        (with(|url| url.port = 1), 7, "port 1"),
    ] {
        stage.home.set("DATABASE_URL", url);
        let ran = stage.run(&["show"]);
        ran.fails(code, &[says, "hint: "]);
        assert!(!ran.stderr.contains(&password), "a password is shown");
    }
    stage.home.unset("DATABASE_URL");
    stage.database.query("drop table public.user_messages");
    stage.run(&["show"]).fails(11, &["epigraph admin setup"]);
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused_at_both_ends() {
    let mut stage = Stage::signed_in().await;
    stage.home.set(
        "SSL_CERT_FILE",
        crate::support::ca::stranger()
            .pem_path()
            .display()
            .to_string(),
    );
    stage.run(&["login"]).fails(7, &["certificate"]);
    let url = stage.database.user().without("sslrootcert").to_string();
    stage.home.set("DATABASE_URL", url);
    stage.run(&["show"]).fails(7, &["certificate"]);
}

#[tokio::test]
async fn the_owners_string_comes_from_option_variable_or_input() {
    let mut stage = Stage::new().await;
    let empty = Database::new();
    stage.home.set("DATABASE_URL", empty.user_url());
    stage.run(&["admin", "migrate"]).fails(11, &["hint: "]);
    let ran = stage.home.run_with(
        &["admin", "migrate", "--database-url", "-"],
        format!("{}\n", empty.owner_url()).as_bytes(),
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("applied"), "{ran:?}");
    stage
        .home
        .set("EPIGRAPH_ADMIN_DATABASE_URL", empty.owner_url());
    let ran = stage.run(&["admin", "migrate"]);
    assert!(ran.stderr.contains("nothing to do"), "{ran:?}");
    assert_eq!(ran.data(), "");
    stage.home.unset("EPIGRAPH_ADMIN_DATABASE_URL");
    assert_eq!(
        stage
            .run(&["admin", "migrate", "--database-url", &empty.owner_url()])
            .data(),
        ""
    );
}

#[tokio::test]
async fn a_quote_is_piped_as_it_is_and_harmless_on_a_terminal() {
    let stage = Stage::signed_in().await;
    stage.database.query(&format!(
        "insert into public.user_messages (user_id, message) values ('{}', E'red \\x1b[31m\\u009b1m \\u202e end\\n')",
        Person::James.id()
    ));
    let text = "red \x1b[31m\u{9b}1m \u{202e} end\n";
    assert_eq!(stage.run(&["show"]).data(), text);
    assert_eq!(json(stage.run(&["show", "--json"]))["quote"], text);
    let mut pty = Pty::spawn(&stage.home.command(&["show"]), 80, 24);
    pty.sees("end");
    assert!(pty.exit_status().success());
    let raw = String::from_utf8(pty.raw()).expect("UTF-8");
    assert!(!raw.contains(['\x1b', '\u{9b}', '\u{202e}']), "{raw:?}");
}

#[tokio::test]
async fn delete_asks_once_on_a_terminal() {
    let stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", "a quote to delete"]).code, Some(0));
    for (answer, code, left) in [("n\r", 1, true), ("\r", 1, true), ("y\r", 0, false)] {
        let mut pty = Pty::spawn(&stage.home.command(&["delete"]), 80, 24);
        pty.sees("a quote to delete");
        pty.sees("Delete this quote? [y/N]");
        pty.type_(answer);
        assert_eq!(pty.exit_status().exit_code(), code, "{answer:?}");
        assert_eq!(stage.rows().is_empty(), !left, "{answer:?}");
    }
}

#[tokio::test]
async fn the_editor_begins_with_the_quote_and_its_text_is_saved() {
    let mut stage = Stage::signed_in().await;
    editor(
        &mut stage,
        "printf 'first line\\nsecond line\\n' > \"$1\"\n",
    );
    let ran = stage.run(&["set", "--edit"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(stage.run(&["show"]).data(), "first line\nsecond line");
    editor(
        &mut stage,
        "sed -i.old 's/second/third/' \"$1\"; rm \"$1.old\"\nenv > env.txt\nls -l \"$1\" > ls.txt\n",
    );
    stage.home.set("DATABASE_URL", stage.database.user_url());
    stage.home.set("AUTH_OKTA_SECRET", "");
    stage
        .home
        .set("EPIGRAPH_ADMIN_DATABASE_URL", "postgresql://x");
    let ran = stage.run(&["set", "--edit"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(stage.run(&["show"]).data(), "first line\nthird line");
    let environment = fs::read_to_string(stage.home.path().join("env.txt")).expect("written");
    assert!(environment.contains("HOME="));
    for name in [
        "DATABASE_URL",
        "AUTH_OKTA_SECRET",
        "EPIGRAPH_ADMIN_DATABASE_URL",
    ] {
        assert!(!environment.contains(name), "{name} got to the editor");
    }
    let mode = fs::read_to_string(stage.home.path().join("ls.txt")).expect("written");
    assert!(mode.starts_with("-rw-------"), "{mode}");
    assert_eq!(
        stage.kept().len(),
        1,
        "only the session is kept: {:?}",
        stage.kept()
    );
}

#[tokio::test]
async fn an_editor_that_fails_loses_nothing() {
    let mut stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", "what was there"]).code, Some(0));

    stage.home.unset("EDITOR");
    stage
        .run(&["set", "--edit"])
        .fails(2, &["no editor is set", "EDITOR=nano"]);
    stage.home.set("EDITOR", "no-such-editor --wait");
    stage.run(&["set", "--edit"]).fails(
        1,
        &[
            "the editor `no-such-editor --wait` was not found",
            "EDITOR=nano",
        ],
    );
    editor(&mut stage, "exit 3");
    let ran = stage.run(&["set", "--edit"]);
    ran.fails(1, &["ended with exit code 3, so nothing was saved"]);
    assert!(!ran.stderr.contains("is kept in"), "nothing was written");

    editor(&mut stage, "printf 'a new text' > \"$1\"; exit 3");
    let ran = stage.run(&["set", "--edit"]);
    ran.fails(1, &["ended with exit code 3"]);
    assert_eq!(kept_text(&stage, &ran), "a new text");

    for (script, code, says, text) in [
        ("printf '' > \"$1\"", 2, "the quote is empty", ""),
        (
            "printf 'a\\033b' > \"$1\"",
            2,
            "control character U+001B in line 1",
            "a\x1bb",
        ),
    ] {
        editor(&mut stage, script);
        let ran = stage.run(&["set", "--edit"]);
        ran.fails(code, &[says]);
        assert_eq!(kept_text(&stage, &ran), text);
    }
    editor(&mut stage, "printf 'caf\\351' > \"$1\"");
    stage.run(&["set", "--edit"]).fails(
        2,
        &["the editor is not valid UTF-8 at byte 3", "is kept in"],
    );

    // One that was looked at, one that ends at once, and one that writes only then.
    editor(&mut stage, "sleep 1.1");
    let ran = stage.run(&["set", "--edit"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), "nothing was changed\n")
    );
    editor(
        &mut stage,
        "(sleep 0.5; printf later > \"$1\") > /dev/null 2>&1 &",
    );
    let ran = stage.run(&["set", "--edit"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for words in [
        "changed nothing before it ended",
        "--wait\"",
        "nothing was changed\n",
    ] {
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
    wait_until("what was written later is there", || {
        (kept_text(&stage, &ran) == "later").then_some(())
    });

    // One that removes the file, moves it away, or leaves something else in its place.
    for script in [
        "rm \"$1\"",
        "mv \"$1\" \"$1.moved\"",
        "rm \"$1\"; mkfifo \"$1\"",
        "rm \"$1\"; mkdir \"$1\"",
    ] {
        editor(&mut stage, script);
        let ran = stage.run(&["set", "--edit"]);
        ran.fails(1, &["left no text at"]);
        assert!(!ran.stderr.contains("is kept in"), "{script}: {ran:?}");
    }
    // One that writes a new file in its place, and puts a mark at its start as on Windows.
    editor(
        &mut stage,
        "printf '\\357\\273\\277new\\r\\n' > \"$1.new\"; mv \"$1.new\" \"$1\"",
    );
    assert_eq!(stage.run(&["set", "--edit"]).code, Some(0));
    assert_eq!(stage.run(&["show"]).data(), "new");
    assert_eq!(stage.run(&["set", "what was there"]).code, Some(0));
    assert_eq!(stage.run(&["show"]).data(), "what was there");
}

#[tokio::test]
async fn what_is_typed_for_set_is_kept_whatever_ends_it() {
    let stage = Stage::signed_in().await;
    let typing = |text: &str| {
        let mut screen = Pty::spawn(&stage.home.command(&["set", "-"]), 200, 24);
        screen.sees("end it with Ctrl-D");
        screen.type_(text);
        screen
    };
    let texts = || -> Vec<String> {
        let texts = stage
            .kept()
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
        texts
            .map(|path| fs::read_to_string(path).expect("a text"))
            .collect()
    };

    let mut screen = typing("typed and saved\n\x04");
    screen.sees("saved");
    assert_eq!(screen.exit_status().exit_code(), 0);
    assert_eq!(stage.quote(), "typed and saved");
    assert_eq!(texts(), [""; 0]);

    // Nothing is left of nothing.
    let mut screen = typing("\x04");
    screen.sees("error: ");
    assert_eq!(screen.exit_status().exit_code(), 2);
    assert_eq!(texts(), [""; 0]);

    for (ends, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut screen = typing("one\ntwo\n");
        wait_until("the lines are in the file", || {
            (texts() == ["one\ntwo\n"]).then_some(())
        });
        screen.signal(ends);
        screen.sees("Your text is kept in ");
        assert_eq!(screen.exit_status().exit_code(), code);
        assert_eq!(texts(), ["one\ntwo\n"]);
        for path in stage.kept() {
            if path.extension().is_some_and(|extension| extension == "txt") {
                fs::remove_file(path).expect("it is there");
            }
        }
    }

    assert_eq!(stage.run(&["logout"]).code, Some(0));
    let mut screen = typing("not signed in\n\x04");
    screen.sees("Your text is kept in ");
    assert_eq!(screen.exit_status().exit_code(), 3);
    assert_eq!(texts(), ["not signed in\n"]);
    assert_eq!(stage.quote(), "typed and saved");
}

#[tokio::test]
async fn a_change_elsewhere_while_the_editor_is_open_is_a_conflict() {
    let mut stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", "before"]).code, Some(0));
    editor(
        &mut stage,
        "printf mine > \"$1\"\ntouch opened\nwhile [ -e \"$1\" ] && [ ! -e go ]; do sleep 0.05; done\n",
    );
    let child = Home::start(stage.home.command(&["set", "--edit"]).stdin(Stdio::null()));
    let opened = stage.home.path().join("opened");
    wait_until("the editor is open", || opened.exists().then_some(()));
    stage
        .database
        .query("update public.user_messages set message = 'theirs'");
    stage.home.write("go", b"");
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    ran.fails(6, &["changed elsewhere", "nothing was overwritten"]);
    assert_eq!(kept_text(&stage, &ran), "mine");
    assert_eq!(stage.run(&["show"]).data(), "theirs");
}

#[tokio::test]
async fn ctrl_c_belongs_to_the_editor_while_it_is_open() {
    let mut stage = Stage::signed_in().await;
    editor(
        &mut stage,
        "trap 'printf interrupted > \"$1\"; exit 0' INT\necho open\nwhile [ -e \"$1\" ]; do sleep 0.05; done\n",
    );
    let mut pty = Pty::spawn(&stage.home.command(&["set", "--edit"]), 80, 24);
    pty.sees("open");
    pty.send(b"\x03");
    pty.sees("saved");
    assert!(pty.exit_status().success());
    assert_eq!(stage.run(&["show"]).data(), "interrupted");
}

/// Whoever ends this program alone has the editor still.
#[tokio::test]
async fn an_editor_that_outlives_the_program_keeps_its_file() {
    let mut stage = Stage::signed_in().await;
    editor(
        &mut stage,
        "trap '' HUP\necho open\nwhile [ -e \"$1\" ] && [ ! -e told ]; do sleep 0.05; done\nprintf Mistakes. >> \"$1\"\n",
    );
    let mut pty = Pty::spawn(&stage.home.command(&["set", "--edit"]), 80, 24);
    pty.sees("open");
    // The program alone: the shell before the editor would hear of it as well, and end sooner or later than the program.
    let program = Pid::from_raw(pty.id().cast_signed()).expect("a process");
    kill_process(program, Signal::TERM).expect("it runs");
    pty.sees("Your editor is left open");
    let kept = stage.kept();
    let file = kept
        .iter()
        .find(|path| path.extension() == Some("txt".as_ref()));
    let file = file.expect("the file that the editor has open");
    stage.home.write("told", b"");
    wait_until("the editor saves", || {
        fs::read_to_string(file)
            .is_ok_and(|text| text == "Mistakes.")
            .then_some(())
    });
    assert_eq!(pty.exit_status().exit_code(), 143);
}

#[tokio::test]
async fn doctor_looks_at_everything_and_says_what_is_wrong() {
    let stage = Stage::signed_in().await;
    let report = json(stage.run(&["doctor", "--json"]));
    assert_eq!(report["ok"], true, "{report:#}");
    let checks = report["checks"].as_array().expect("checks");
    for part in ["configuration", "keyring", "okta", "database"] {
        assert!(
            checks.iter().any(|check| check["part"] == part),
            "{part} is not in {report:#}"
        );
    }
    for check in checks {
        assert!(
            check["ms"].is_u64() && check["found"].is_string(),
            "{check}"
        );
        assert!(
            ["ok", "warning", "failed"].contains(&check["status"].as_str().unwrap_or_default())
        );
    }
    let plain = stage.run(&["doctor"]);
    assert!(plain.stderr.contains("everything works"), "{plain:?}");
    assert_eq!(
        plain
            .data()
            .lines()
            .filter(|line| !line.starts_with("  "))
            .count(),
        checks.len()
    );

    let Stage {
        okta,
        okta_network,
        database,
        database_network,
        home,
    } = stage;
    drop((okta, okta_network));
    let ran = home.run(&["doctor", "--json"]);
    assert_eq!(ran.code, Some(7), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
    assert_eq!(report["ok"], false);
    let of = |part: &str, status: &str| {
        report["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .any(|check| check["part"] == part && check["status"] == status)
    };
    assert!(
        of("okta", "failed") && !of("database", "failed") && of("database", "ok"),
        "{report:#}"
    );
    drop((database, database_network));
    home.configure("isuer = \"x\"");
    let ran = home.run(&["doctor"]);
    assert_eq!(ran.code, Some(8));
    assert!(
        ran.stdout.contains("failed") && ran.stdout.contains("did you mean `issuer`?")
            || ran.stdout.contains("Did you mean `issuer`?"),
        "{ran:?}"
    );
}

/// For a shell's greeting: no database wakes from it.
#[tokio::test]
async fn a_quote_seen_here_is_shown_again_without_the_network() {
    let stage = Stage::signed_in().await;
    let cached = |arguments: &[&str]| {
        let all: Vec<_> = ["show", "--cached"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        stage.run(&all)
    };
    cached(&[]).fails(
        5,
        &["no quote has been seen on this computer", "epigraph show"],
    );
    assert_eq!(stage.run(&["set", "Yes I said"]).code, Some(0));
    stage.database_network.forget();
    let shown = cached(&[]);
    assert_eq!((shown.code, shown.stdout.as_str()), (Some(0), "Yes I said"));
    let json: Value = serde_json::from_str(&cached(&["--json"]).stdout).expect("JSON");
    assert_eq!(json["quote"], "Yes I said");
    assert_eq!(stage.database_network.counts().connections, 0);

    // It is what was seen, from wherever it came, and goes with the quote and with the session.
    stage
        .database
        .query("update public.user_messages set message = 'No'");
    assert_eq!(cached(&[]).stdout, "Yes I said");
    assert_eq!(stage.run(&["show"]).stdout, "No");
    assert_eq!(cached(&[]).stdout, "No");
    assert_eq!(stage.run(&["delete", "--yes"]).code, Some(0));
    assert_eq!(cached(&[]).code, Some(5));
    assert_eq!(stage.run(&["set", "Yes"]).code, Some(0));
    assert_eq!(stage.run(&["logout"]).code, Some(0));
    assert_eq!(cached(&[]).code, Some(5));
}

#[tokio::test]
async fn a_seen_quote_is_kept_for_no_one_else() {
    let stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", "Yes I said"]).code, Some(0));
    let kept = || {
        let entries = fs::read_dir(stage.state()).expect("it is there");
        entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().contains("/seen-"))
            .collect::<Vec<_>>()
    };
    let mode = fs::metadata(&kept()[0])
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // Another person, in place of the first.
    let login = stage.login(&["login"]);
    let code = stage.okta.next_code();
    stage
        .okta
        .approve(&code, Person::Nora)
        .expect("the code works");
    assert_eq!(login.end().code, Some(0));
    let mut screen = stage.open();
    screen.sees(INVITATION);
    assert!(!screen.screen().contains("Yes I said"));
    screen.key(Key::Char('q'));
    screen.exit_status();
    assert_eq!(stage.run(&["show", "--cached"]).code, Some(5));

    assert_eq!(stage.run(&["set", "Mine"]).code, Some(0));
    assert_eq!(kept().len(), 1);
    stage.configure("store = \"file\"\nlast_seen = \"off\"");
    assert_eq!(stage.run(&["show", "--cached"]).code, Some(5));
    assert_eq!(stage.run(&["show"]).stdout, "Mine");
    assert!(kept().is_empty());
}

#[tokio::test]
async fn certificates_on_one_line_are_certificates() {
    let mut stage = Stage::signed_in().await;
    let pem = |ca: &Ca| fs::read_to_string(ca.pem_path()).expect("a certificate");
    let pems = [pem(stranger()), pem(trusted())];
    let glued = pems.map(|pem| pem.trim_end().to_owned()).concat();
    let path = stage.home.write("glued.pem", glued.as_bytes());
    stage.home.set("SSL_CERT_FILE", path.display().to_string());
    let examined = stage.run(&["doctor"]);
    assert!(
        examined.stdout.contains("is the issuer it says it is"),
        "{examined:?}"
    );
}

#[tokio::test]
async fn a_proxy_that_takes_no_password_is_told_as_such() {
    let mut stage = Stage::signed_in().await;
    for (offers, told) in [
        (
            "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM",
            "takes no user name and password, but only Negotiate, NTLM",
        ),
        (
            "Proxy-Authenticate: NTLM\r\nproxy-authenticate: basic realm=\"corp\"",
            "asks for a user name and a password",
        ),
    ] {
        let proxy = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = proxy.local_addr().expect("an address").port();
        let answer = format!(
            "HTTP/1.1 407 Proxy Authentication Required\r\n{offers}\r\nContent-Length: 0\r\n\r\n"
        );
        std::thread::spawn(move || {
            for stream in proxy.incoming().flatten() {
                let mut asked = BufReader::new(&stream).lines();
                while asked
                    .next()
                    .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                {}
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        let url = format!("http://nora:hunter2@127.0.0.1:{port}");
        stage.home.set("HTTPS_PROXY", url);
        let examined = stage.run(&["doctor"]);
        let shown = format!("requests to Okta go through http://127.0.0.1:{port}");
        assert!(examined.stdout.contains(&shown), "{examined:?}");
        assert!(examined.stdout.contains(told), "{examined:?}");
        assert!(!format!("{examined:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_named_and_not_passed_over() {
    let mut stage = Stage::signed_in().await;
    stage
        .home
        .set("ALL_PROXY", "socks://nora:hunter2@127.0.0.1:1080/");
    for command in ["doctor", "login"] {
        let ran = stage.run(&[command]);
        let told = [ran.stdout, ran.stderr].concat();
        assert_eq!(ran.code, Some(8), "{told}");
        assert!(told.contains("ALL_PROXY names no proxy"), "{told}");
        assert!(!told.contains("hunter2"));
    }
}
