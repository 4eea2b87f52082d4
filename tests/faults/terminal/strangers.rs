//! What strangers write, wherever it comes from: nothing of it may reach the terminal as anything but text.

use std::sync::Arc;

use serde_json::json;

use crate::support::{
    okta::{Answer, Endpoint, Person},
    pty::{Key, Pty},
    stage::Stage,
};

/// A title, a question to the terminal, both of its 8-bit forms, a bell, a turn of direction, and what follows shows that it got through.
const HOSTILE: &str =
    "Eve\x1b]0;owned\x07\x1b[6n\u{9b}6n\u{9d}0;x\u{9c}\u{202e}\x08\x1bP1$r\x1b\\\u{2066}end";

/// The same as SQL and TOML write it.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c.into(),
        c => format!("\\u{:04x}", u32::from(c)),
    };
    text.chars().map(escape).collect()
}

/// Expects that a terminal has been told nothing but what this program says itself.
#[track_caller]
fn is_harmless(what: &str, screen: &Pty) {
    let raw = screen.raw();
    let text = String::from_utf8(raw).expect("the output is UTF-8");
    // The screens ask the terminal themselves, once.
    let text = text.replacen("\x1b[H“\x1b[6n", "", 1);
    for obeyed in [
        "\x1b]", "\x1b[6n", "\x1bP", "\x07", "\x08", "\0", "\u{9b}", "\u{9c}", "\u{9d}",
        "\u{202e}", "\u{2066}",
    ] {
        assert!(!text.contains(obeyed), "{what}: {obeyed:?} in {text:?}");
    }
}

/// Runs a command on a terminal to its end.
#[track_caller]
fn on_a_terminal(stage: &Stage, what: &str, arguments: &[&str], shows: &str) {
    let mut screen = Pty::spawn(&stage.home.command(arguments), 200, 50);
    screen.exit_status();
    let told = screen.screen();
    let is_told = told.contains(shows);
    assert!(
        is_told,
        "{what}: {arguments:?} does not show {shows:?}:\n{told}"
    );
    is_harmless(what, &screen);
}

#[tokio::test]
async fn a_strangers_words_reach_no_terminal_as_anything_but_text() {
    let stage = Stage::new().await;
    stage.okta.configure(|settings| {
        settings.forge = Some(Arc::new(|_, claims| {
            for claim in ["name", "email", "preferred_username"] {
                claims[claim] = HOSTILE.into();
            }
        }));
    });

    // The name, at the sign-in and wherever someone is named.
    let mut login = Pty::spawn(&stage.home.command(&["login"]), 200, 60);
    stage.approve();
    login.exit_status();
    assert!(login.screen().contains("signed in as Eve"));
    is_harmless("the name at the sign-in", &login);
    for arguments in [&["whoami"][..], &["whoami", "--json"]] {
        on_a_terminal(&stage, "the name", arguments, "Eve");
    }

    // The row.
    stage.database.query(&format!(
        "insert into public.user_messages (user_id, message) values ('{}', U&'{}')",
        Person::James.id(),
        escaped(HOSTILE).replace("\\u", "\\")
    ));
    for arguments in [&["show"][..], &["show", "--json"]] {
        on_a_terminal(&stage, "the quote", arguments, "end");
    }
    let mut screen = stage.open();
    screen.sees("Welcome, Eve");
    screen.sees("end");
    screen.key(Key::Char('e'));
    screen.sees("Enter Save Quote");
    screen.key(Key::Enter);
    screen.sees("end");
    is_harmless("the name and the quote on the screens", &screen);
    drop(screen);

    // What the database says when it refuses. Where it repeats the quote, that is left out.
    stage.database.query(&format!(
        "update public.user_messages set message = 'no stranger';
         create function public.refuse() returns trigger language plpgsql as $$
         begin raise exception using message = U&'{0}', detail = U&'{0}', hint = U&'{0}', errcode = 'P0001'; end $$;
         create trigger refuse before insert or update or delete on public.user_messages
         for each row execute function public.refuse()",
        escaped(HOSTILE).replace("\\u", "\\")
    ));
    on_a_terminal(&stage, "the database", &["set", "x"], "Eve");
    on_a_terminal(&stage, "the database", &["delete", "--yes"], "Eve");
    let mut screen = stage.open_reading("no stranger");
    screen.deletes();
    screen.sees("Eve");
    screen.sees_no_more("Deleting…");
    is_harmless("the database's words on the screens", &screen);
}

#[tokio::test]
async fn words_in_oktas_name_reach_no_terminal_as_anything_but_text() {
    let stage = Stage::new().await;
    // What Okta says when it refuses, as OAuth and as Okta's own API.
    let page = format!("<title>{HOSTILE}</title>");
    let api_error = json!({"errorCode": HOSTILE, "errorSummary": HOSTILE});
    let invalid = || Answer::error(400, "invalid_request", HOSTILE);
    let refuses = |answer| stage.okta.script(Endpoint::DeviceAuthorize, answer);
    // First: a document that is good is kept.
    let discovery = Answer::http(403, "text/html", page);
    stage.okta.script(Endpoint::Discovery, discovery);
    on_a_terminal(&stage, "Okta", &["login"], "error: ");
    for answer in [
        invalid(),
        Answer::error(400, HOSTILE, HOSTILE),
        Answer::json(403, &api_error),
    ] {
        refuses(answer);
        on_a_terminal(&stage, "Okta", &["login"], "error: ");
    }
    let mut screen = stage.open();
    screen.sees("Enter Log in");
    refuses(invalid());
    screen.key(Key::Enter);
    screen.sees("Eve");
    is_harmless("Okta's words on the screens", &screen);

    // A code and an address that are none.
    let code = json!({
        "device_code": "a-device-code-of-a-stranger",
        "user_code": HOSTILE,
        "verification_uri": format!("https://localhost/{HOSTILE}"),
        "verification_uri_complete": format!("https://localhost/{HOSTILE}"),
        "expires_in": 1,
    });
    refuses(Answer::json(200, &code));
    screen.key(Key::Enter);
    screen.sees_no_more("Asking Okta");
    is_harmless("a code on the screens", &screen);
    screen.key(Key::Ctrl('c'));
    screen.exit_status();
}

#[tokio::test]
async fn a_strangers_settings_reach_no_terminal_as_anything_but_text() {
    let stage = Stage::new().await;
    let okta = "https://localhost:1";
    let database = "postgresql://u:p@localhost/d";
    let both = |okta: &str, id: &str, database: &str| {
        format!("issuer = \"{okta}\"\nclient_id = \"{id}\"\ndatabase_url = \"{database}\"\n")
    };
    let settings = [
        both("https://EVE", "x", database),
        both("EVE", "EVE", database),
        both(okta, "x", "postgresql://u:p@EVE/d"),
        both(okta, "x", "postgresql://EVE:p@localhost/EVE"),
        both(okta, "x", "postgresql://u:p@localhost/d?EVE=1&sslmode=EVE"),
        both(okta, "x", "EVE"),
        "\"EVE\" = 1\n".into(),
        "store = \"EVE\"\n".into(),
    ];
    let settings = settings.map(|settings| settings.replace("EVE", &escaped(HOSTILE)));
    // As it is, where TOML does not allow it.
    let raw = [
        format!("issuer = \"{HOSTILE}\"\n"),
        format!("{HOSTILE} = 1\n"),
    ];
    for settings in settings.into_iter().chain(raw) {
        stage.home.configure(&settings);
        for arguments in [&["login"][..], &["doctor"], &[]] {
            let mut screen = Pty::spawn(&stage.home.command(arguments), 200, 50);
            // The screens may well come up: a name that cannot be looked up is told when it is.
            screen.sees_that("says something", |screen| {
                !screen.contents().trim().is_empty()
            });
            if screen.alternate_screen() {
                screen.sees("…");
                screen.key(Key::Ctrl('c'));
            }
            screen.exit_status();
            is_harmless(&settings, &screen);
        }
    }
    stage.home.configure(&both(okta, "0oa", database));
    for arguments in [
        &["--config", HOSTILE, "show"][..],
        &["--env-file", HOSTILE, "show"],
        &["--log", "no/such/\x1b[6n\x1b]0;owned\x07/Eve", "show"],
        &["--store", HOSTILE, "show"],
        &[HOSTILE],
        &["show", HOSTILE],
    ] {
        on_a_terminal(&stage, "an argument", arguments, "Eve");
    }
}
