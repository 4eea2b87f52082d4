//! Signing in while Okta refuses, is silent for a while, or cannot be reached.

use std::{sync::Arc, thread, time::Duration};

use serde_json::{Value, json};

use super::renewal::names_no_one;
use crate::{
    faults::rounds,
    support::{
        okta::{Answer, Endpoint, Okta, Server},
        pty::Key,
        stage::{Login, Stage, quits},
        wait_for,
    },
};

/// What a server says of itself, with this changed.
pub(crate) fn metadata(okta: &Okta, changes: &Value) -> Answer {
    let issuer = okta.issuer(Server::Default);
    let mut document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/v1/token"),
        "jwks_uri": format!("{issuer}/v1/keys"),
        "device_authorization_endpoint": format!("{issuer}/v1/device/authorize"),
        "revocation_endpoint": format!("{issuer}/v1/revoke"),
    });
    for (name, value) in changes.as_object().expect("an object") {
        document[name] = value.clone();
    }
    Answer::json(200, &document)
}

#[tokio::test]
async fn an_unusable_server_is_named_and_a_key_tries_again() {
    let stage = Stage::new().await;
    let okta = &stage.okta;
    let mut screen = stage.open();
    screen.sees("Enter Log in");
    let other_server = json!({"issuer": "https://evil.example"});
    let no_tls = json!({"token_endpoint": "http://localhost/token"});
    let no_device = json!({"device_authorization_endpoint": null});
    let no_code = json!({"device_code": "", "user_code": "ABCD"});
    let discovery = |changes| (Endpoint::Discovery, metadata(okta, changes));
    for (answer, code, says) in [
        (
            &(|| discovery(&other_server)) as &dyn Fn() -> (Endpoint, Answer),
            8,
            "but the server there calls itself https://evil.example.",
        ),
        (
            &|| discovery(&no_tls),
            10,
            "reports an address that is not https.",
        ),
        (
            &|| discovery(&no_device),
            10,
            "does not offer device sign-in.",
        ),
        (
            &|| (Endpoint::DeviceAuthorize, Answer::json(200, &no_code)),
            10,
            "Okta issued an unusable code",
        ),
    ] {
        let fails = || {
            let (endpoint, answer) = answer();
            okta.script(endpoint, answer);
        };
        fails();
        let says_so = says.trim_end_matches('.');
        stage.run(&["login"]).fails(code, &[says_so, "hint: "]);
        fails();
        screen.key(Key::Enter);
        screen.sees(says);
        screen.sees("Enter Log in");
    }
    stage.sign_in(&mut screen);
    quits(&mut screen);
}

#[tokio::test]
async fn an_okta_that_cannot_be_reached_is_told_and_ends_no_session() {
    let stage = Stage::with_quote("Mistakes").await;
    super::an_hour_passes(&stage.home);
    let kept = stage.kept();

    let mut nowhere = stage.home.command(&["login"]);
    nowhere.env("AUTH_OKTA_ISSUER", "https://nowhere.invalid/oauth2/default");
    let nowhere = Login::start(&mut nowhere);

    stage.okta_network.lose();
    let refused = "cannot be reached: the connection was refused or cut off";
    let login = stage.login(&["login"]);
    let mut again = stage.open();
    for ran in [stage.run(&["show"]), login.end()] {
        ran.fails(7, &[refused, "hint: check the network"]);
    }
    again.sees(refused);
    again.sees("r try again");
    stage.okta_network.refuse(false);
    again.key(Key::Char('r'));
    again.reads("Mistakes");
    quits(&mut again);

    let says = [
        "Okta (nowhere.invalid) cannot be reached: its name cannot be resolved",
        "hint: check the network, and the spelling of the issuer",
    ];
    nowhere.end().fails(7, &says);
    assert_eq!(stage.kept(), kept);
    assert_eq!(stage.run(&["show"]).data(), "Mistakes");
}

#[tokio::test]
async fn a_code_that_comes_to_nothing_says_why_and_the_next_one_works() {
    let stage = Stage::new().await;
    let okta = &stage.okta;
    let mut screen = stage.open();
    for (happens, says) in [
        (
            &(|code: &str| okta.deny(code).expect("known")) as &dyn Fn(&str),
            "The sign-in was denied in the browser.",
        ),
        (
            &|_| okta.expire_codes(),
            "The code expired before it was approved.",
        ),
        // The person has approved, and Okta's answer is lost: a code works once.
        (
            &|code| {
                okta.script(Endpoint::Token, Answer::lost());
                okta.let_in(code);
            },
            "Okta no longer accepts this code: it was already used, or withdrawn.",
        ),
        (
            &|code| {
                let empty = json!({"keys": []});
                okta.script(Endpoint::Keys, Answer::json(200, &empty));
                okta.configure(|settings| settings.forge = Some(Arc::new(names_no_one)));
                okta.let_in(code);
            },
            "it lacks a required claim.",
        ),
        (
            &|code| {
                okta.configure(|settings| {
                    settings.forge = None;
                    settings.unpublished_key = true;
                });
                okta.let_in(code);
            },
            "signed with a key that the authorization server does not publish.",
        ),
    ] {
        happens(&stage.ask_for_code(&mut screen));
        screen.sees(says);
        screen.sees("Enter Log in");
        assert!(stage.kept().is_empty());
    }
    okta.configure(|settings| settings.unpublished_key = false);
    stage.sign_in(&mut screen);
    quits(&mut screen);
}

#[tokio::test]
async fn a_network_lost_during_approval_costs_nothing() {
    let stage = Stage::new().await;
    let outage = Duration::from_secs(rounds(1, 120).into());
    let mut screen = stage.open();
    let code = stage.ask_for_code(&mut screen);
    let mut headless = stage.login(&["login", "--json"]);
    assert_eq!(headless.next()["event"], "code");
    let other = stage.okta.next_code();
    stage.okta_network.lose();
    screen.sees("Okta does not answer; trying again…");
    for code in [&code, &other] {
        stage.okta.let_in(code);
    }
    thread::sleep(outage);
    screen.sees(&code);
    stage.okta_network.refuse(false);
    screen.sees("Welcome, James Joyce!");
    let ran = headless.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("Okta does not answer; trying again"));
    assert!(ran.stdout.contains("\"signed_in\""), "{ran:?}");
    quits(&mut screen);
}

#[tokio::test]
async fn a_connection_that_died_in_silence_is_not_used_again() {
    let stage = Stage::new().await;
    stage.okta.configure(|settings| settings.interval = Some(3));
    let login = stage.login(&["login"]);
    let code = stage.okta.next_code();
    wait_for("it has polled", || stage.okta.count(Endpoint::Token) > 0);
    thread::sleep(Duration::from_millis(500));
    stage.okta_network.silence();
    stage.okta.let_in(&code);
    let ran = login.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stderr.contains("does not answer"), "{ran:?}");
}
