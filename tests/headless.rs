//! The headless commands, whole: the real binary between a stand-in for Okta and a real PostgreSQL.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::PathBuf,
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{
    ca::{Ca, stranger, trusted},
    okta::{Answer, Endpoint, Person, Server},
    program::{Home, Ran},
    pty::{Key, Pty},
    stage::{INVITATION, Stage},
    wait_until,
};

const QUOTE: &str = "Mistakes are the portals of discovery.\n\n    — James Joyce, “Ulysses” 🚪";

impl Ran {
    /// Expects success, with these words beside what was printed, which is returned.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> String {
        for part in words {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:?}");
        }
        self.data()
    }
}

/// Writes a program for `EDITOR`; the file to edit is its `$1`.
fn editor(stage: &mut Stage, script: &str) {
    let path = stage.home.write("editor.sh", script.as_bytes());
    stage.home.set("EDITOR", format!("sh '{}'", path.display()));
}

/// Runs an editor to its end.
fn edited(stage: &mut Stage, script: &str) -> Ran {
    editor(stage, script);
    stage.run(&["set", "--edit"])
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

/// How far away a time is that was printed.
fn seconds_until(time: &Value) -> i64 {
    let time = chrono::DateTime::parse_from_rfc3339(time.as_str().expect("a text"));
    (time.expect("a time").to_utc() - chrono::Utc::now()).num_seconds()
}

/// The texts that are kept for an editor, or of what was typed.
fn texts_kept(stage: &Stage) -> Vec<PathBuf> {
    let mut kept = stage.kept();
    kept.retain(|path| path.extension() == Some("txt".as_ref()));
    kept
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
    let complete = code["verification_uri_complete"].as_str();
    assert!(complete.is_some_and(|uri| uri.ends_with(user_code)));
    assert!(seconds_until(&code["expires_at"]) > 0);
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
    assert_eq!(login.end().data(), "");

    let who = json(stage.run(&["whoami", "--json"]));
    assert_eq!(who["name"], "James Joyce");
    assert_eq!(who["id"], Person::James.id());
    assert_eq!(who["store"], "file");
    assert_eq!(who["issuer"], stage.okta.issuer(Server::Default));
    assert!(seconds_until(&who["id_token_expires_at"]) > 0);
    let who = stage.run(&["whoami"]).data();
    assert!(who.contains("James Joyce ("), "{who}");
    assert!(who.contains(" UTC, then renewed"), "{who}");

    let none = ["there is no quote", "epigraph set"];
    stage.run(&["show"]).fails(5, &none);
    stage.run(&["delete", "--yes"]).fails(5, &none[..1]);
    let none = stage.run(&["show", "--json"]);
    assert_eq!(none.code, Some(5));
    assert!(none.stdout.contains("\"exit_code\":5"), "{none:?}");

    assert_eq!(stage.run(&["set", QUOTE]).data(), "");
    // Byte for byte, and nothing added.
    assert_eq!(stage.run(&["show"]).data(), QUOTE);
    let shown = json(stage.run(&["show", "--json"]));
    assert_eq!(shown["quote"], QUOTE);
    let age = -seconds_until(&shown["saved_at"]);
    assert!((-5..300).contains(&age), "saved {age} s ago");
    assert_eq!(stage.rows(), format!("{}|{QUOTE}", Person::James.id()));

    // What was shown can be set again as it is; line ends of another system become our own.
    let input = stage.run(&["show"]).data().replace('\n', "\r\n") + "\r\n";
    stage.home.run_with(&["set", "-"], input.as_bytes()).data();
    assert_eq!(stage.run(&["show"]).data(), QUOTE);
    stage.run(&["set", "--", "-- a dash first"]).data();
    assert_eq!(stage.run(&["show"]).data(), "-- a dash first");
    // What another program has put there is piped as it is, whatever a terminal would make of it.
    stage.database.query(
        "update public.user_messages set message = E'red \\x1b[31m\\u009b1m \\u202e end\\n'",
    );
    let text = "red \x1b[31m\u{9b}1m \u{202e} end\n";
    assert_eq!(stage.run(&["show"]).data(), text);
    assert_eq!(json(stage.run(&["show", "--json"]))["quote"], text);

    stage.run(&["delete", "--yes"]).data();
    assert_eq!(stage.rows(), "");
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    let out = stage.run(&["logout"]);
    assert_eq!(out.stderr, "signed out\n");
    out.data();
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 0);
    assert_eq!(stage.kept(), Vec::<PathBuf>::new());
    stage.run(&["whoami"]).fails(3, &[]);
    // A second one is no error.
    stage.run(&["logout"]).data();
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
    let told = ended.says(&[
        &format!("\n    {}\n", stage.okta.activate_page()),
        &format!("\n    {code}\n"),
        "works until ",
        " UTC. Approve it",
        "only if you started this sign-in yourself",
        "signed in as James Joyce",
    ]);
    assert_eq!(told, "");
    let again = stage.login(&["login"]);
    stage.approve();
    let ended = again.end();
    let says = "James Joyce is signed in; signing in again";
    assert!(ended.stderr.starts_with(says), "{ended:?}");
    ended.data();
}

#[tokio::test]
async fn a_login_on_a_terminal_shows_a_qr_code_where_it_fits() {
    let stage = Stage::new().await;
    for (columns, rows, fits) in [(100, 60, true), (100, 10, false)] {
        let mut pty = Pty::spawn(&stage.home.command(&["login"]), columns, rows);
        pty.sees("Waiting for your approval");
        let is_drawn = String::from_utf8_lossy(&pty.raw()).contains('▀');
        assert_eq!(is_drawn, fits, "in {rows} rows");
        pty.signal(Signal::INT);
        assert_eq!(pty.exit_status().exit_code(), 130);
    }
}

#[tokio::test]
async fn an_app_without_the_refresh_grant_ends_no_session() {
    let stage = Stage::new().await;
    stage.okta.configure(|settings| {
        settings.refresh_grant = false;
        settings.token_lifetime = 30;
    });
    stage.log_in();
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
    let mut hear = |ran: Ran| told.extend([ran.stdout, ran.stderr]);
    let logged =
        |stage: &Stage, arguments: &[&str]| stage.run(&[&["--log", "log"], arguments].concat());
    let login = stage.login(&["--log", "log", "login", "--json"]);
    stage.approve();
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
        hear(logged(&stage, arguments));
    }
    stage
        .okta
        .script(Endpoint::Token, Answer::error(400, "invalid_request", "no"));
    hear(logged(&stage, &["show"]));
    let url = stage.database.user_url();
    let nowhere = url.replace("localhost", "nowhere.invalid");
    stage.home.set("DATABASE_URL", nowhere);
    hear(logged(&stage, &["show"]));
    stage.home.unset("DATABASE_URL");
    hear(logged(&stage, &["logout"]));
    let log = fs::read_to_string(stage.home.path().join("log")).expect("a log");
    // There is something to look through.
    assert!(log.len() > 1000 && told.contains("James Joyce"));
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
            let got_out = told.contains(part) || log.contains(part);
            assert!(!got_out, "a part of a secret got out");
        }
    }
    assert!(!log.contains("the text of the quote"));
}

#[tokio::test]
async fn logout_works_offline_and_says_that_okta_was_not_told() {
    let stage = Stage::signed_in().await;
    let home = stage.home;
    drop((stage.okta, stage.okta_network, stage.database));
    home.run(&["logout"]).says(&[
        "signed out on this computer",
        "warning: your session at Okta lives on until it expires",
    ]);
    home.run(&["whoami"]).fails(3, &[]);
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
    for (script, saved) in [
        (
            "printf 'first line\\nsecond line\\n' > \"$1\"",
            "first line\nsecond line",
        ),
        (
            "sed -i.old 's/second/third/' \"$1\"; rm \"$1.old\"; env > env.txt",
            "first line\nthird line",
        ),
    ] {
        edited(&mut stage, script).data();
        assert_eq!(stage.run(&["show"]).data(), saved);
    }
    let environment = fs::read_to_string(stage.home.path().join("env.txt"));
    assert!(environment.is_ok_and(|all| all.contains("HOME=")));
    let kept = stage.kept();
    assert_eq!(kept.len(), 1, "only the session is kept: {kept:?}");
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
    let says = "the editor `no-such-editor --wait` was not found";
    stage
        .run(&["set", "--edit"])
        .fails(1, &[says, "EDITOR=nano"]);
    let ran = edited(&mut stage, "exit 3");
    ran.fails(1, &["ended with exit code 3, so nothing was saved"]);
    assert!(!ran.stderr.contains("is kept in"), "nothing was written");

    for (script, code, says, text) in [
        (
            "printf 'a new text' > \"$1\"; exit 3",
            1,
            "ended with exit code 3",
            "a new text",
        ),
        ("printf '' > \"$1\"", 2, "the quote is empty", ""),
        (
            "printf 'a\\033b' > \"$1\"",
            2,
            "control character U+001B in line 1",
            "a\x1bb",
        ),
    ] {
        let ran = edited(&mut stage, script);
        ran.fails(code, &[says]);
        assert_eq!(kept_text(&stage, &ran), text);
    }
    let says = "the editor is not valid UTF-8 at byte 3";
    edited(&mut stage, "printf 'caf\\351' > \"$1\"").fails(2, &[says, "is kept in"]);

    // One that was looked at, one that ends at once, and one that writes only then.
    let ran = edited(&mut stage, "sleep 1.1");
    assert_eq!(ran.stderr, "nothing was changed\n");
    ran.data();
    let later = "(sleep 0.5; printf later > \"$1\") > /dev/null 2>&1 &";
    let ran = edited(&mut stage, later);
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
        let ran = edited(&mut stage, script);
        ran.fails(1, &["left no text at"]);
        assert!(!ran.stderr.contains("is kept in"), "{script}: {ran:?}");
    }
    // One that writes a new file in its place, and puts a mark at its start as on Windows.
    let new = "printf '\\357\\273\\277new\\r\\n' > \"$1.new\"; mv \"$1.new\" \"$1\"";
    edited(&mut stage, new).data();
    assert_eq!(stage.run(&["show"]).data(), "new");
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
        let read = |path| fs::read_to_string(path).expect("a text");
        texts_kept(&stage).into_iter().map(read).collect()
    };

    // Nothing is left of nothing.
    for (text, shown, code) in [
        ("typed and saved\n\x04", "saved", 0),
        ("\x04", "error: ", 2),
    ] {
        let mut screen = typing(text);
        screen.sees(shown);
        assert_eq!(screen.exit_status().exit_code(), code);
        assert_eq!(stage.quote(), "typed and saved");
        assert_eq!(texts(), [""; 0]);
    }

    for (ends, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut screen = typing("one\ntwo\n");
        wait_until("the lines are in the file", || {
            (texts() == ["one\ntwo\n"]).then_some(())
        });
        screen.signal(ends);
        screen.sees("Your text is kept in ");
        assert_eq!(screen.exit_status().exit_code(), code);
        assert_eq!(texts(), ["one\ntwo\n"]);
        for path in texts_kept(&stage) {
            fs::remove_file(path).expect("it is there");
        }
    }

    stage.run(&["logout"]).data();
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
    // The one that the editor has open.
    let file = texts_kept(&stage).remove(0);
    stage.home.write("told", b"");
    wait_until("the editor saves", || {
        let text = fs::read_to_string(&file).ok()?;
        (text == "Mistakes.").then_some(())
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
        let is_there = checks.iter().any(|check| check["part"] == part);
        assert!(is_there, "{part} is not in {report:#}");
    }
    for check in checks {
        let is_whole = check["ms"].is_u64() && check["found"].is_string();
        assert!(is_whole && check["status"] == "ok", "{check}");
    }
    let lines = stage.run(&["doctor"]).says(&["everything works"]);
    let lines = lines.lines().filter(|line| !line.starts_with("  "));
    assert_eq!(lines.count(), checks.len());

    // What does not work is told from what does.
    stage.okta_network.refuse(true);
    let ran = stage.run(&["doctor", "--json"]);
    assert_eq!(ran.code, Some(7), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
    assert_eq!(report["ok"], false);
    let of = |part, status| {
        let mut checks = report["checks"].as_array().expect("checks").iter();
        checks.any(|check| check["part"] == part && check["status"] == status)
    };
    assert!(of("okta", "failed") && of("database", "ok"), "{report:#}");
    assert!(!of("database", "failed"), "{report:#}");
    stage.home.configure("isuer = \"x\"");
    let ran = stage.run(&["doctor"]);
    assert_eq!(ran.code, Some(8));
    for words in ["failed", "Did you mean `issuer`?"] {
        assert!(ran.stdout.contains(words), "{ran:?}");
    }
}

/// For a shell's greeting: no database wakes from it.
#[tokio::test]
async fn a_quote_seen_here_is_shown_again_without_the_network() {
    let stage = Stage::signed_in().await;
    let cached = || stage.run(&["show", "--cached"]);
    let says = ["no quote has been seen on this computer", "epigraph show"];
    cached().fails(5, &says);
    stage.run(&["set", "Yes I said"]).data();
    stage.database_network.forget();
    assert_eq!(cached().data(), "Yes I said");
    let shown = json(stage.run(&["show", "--cached", "--json"]));
    assert_eq!(shown["quote"], "Yes I said");
    assert_eq!(stage.database_network.counts().connections, 0);

    // It is what was seen, from wherever it came, and goes with the quote and with the session.
    stage
        .database
        .query("update public.user_messages set message = 'No'");
    assert_eq!(cached().data(), "Yes I said");
    assert_eq!(stage.run(&["show"]).data(), "No");
    assert_eq!(cached().data(), "No");
    stage.run(&["delete", "--yes"]).data();
    cached().fails(5, &[]);
    stage.run(&["set", "Yes"]).data();
    stage.run(&["logout"]).data();
    cached().fails(5, &[]);
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
