//! Signing in while Okta refuses, is silent for a while, or cannot be reached.

use std::{process::Child, sync::Arc, thread, time::Duration};

use serde_json::{Value, json};

use super::Site;
use crate::{
    faults::rounds,
    support::{
        okta::{Answer, Endpoint, Okta, Person, Server},
        program::{Home, Ran},
        pty::{Key, Pty},
        stage::{Stage, ends},
        wait_until,
    },
};

/// What a server says of itself, with this changed.
fn metadata(okta: &Okta, changes: &Value) -> Answer {
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
    for (answer, endpoint, code, says) in [
        (
            &(|| metadata(okta, &json!({"issuer": "https://evil.example"}))) as &dyn Fn() -> Answer,
            Endpoint::Discovery,
            8,
            "but the server there calls itself https://evil.example.",
        ),
        (
            &|| metadata(okta, &json!({"token_endpoint": "http://localhost/token"})),
            Endpoint::Discovery,
            10,
            "reports an address that is not https.",
        ),
        (
            &|| metadata(okta, &json!({"device_authorization_endpoint": null})),
            Endpoint::Discovery,
            10,
            "does not offer device sign-in.",
        ),
        (
            &|| Answer::proxy_page(200),
            Endpoint::Discovery,
            8,
            "is not an Okta authorization server.",
        ),
        (
            &|| Answer::redirect("https://portal.example/"),
            Endpoint::DeviceAuthorize,
            7,
            "answered, with a redirect (HTTP status 302).",
        ),
        (
            &|| Answer::rate_limited(600),
            Endpoint::DeviceAuthorize,
            7,
            "is receiving too many requests at the moment.",
        ),
        (
            &|| Answer::error(400, "unauthorized_client", ""),
            Endpoint::DeviceAuthorize,
            10,
            "does not have the grant type Device Authorization.",
        ),
        (
            &|| Answer::json(200, &json!({"device_code": "", "user_code": "ABCD"})),
            Endpoint::DeviceAuthorize,
            10,
            "Okta issued an unusable code",
        ),
    ] {
        okta.script(endpoint, answer());
        stage
            .run(&["login"])
            .fails(code, &[says.trim_end_matches('.')]);
        okta.script(endpoint, answer());
        screen.key(Key::Enter);
        screen.sees(says);
        screen.sees("Enter Log in");
    }
    let none = metadata(okta, &json!({"device_authorization_endpoint": null}));
    okta.script(Endpoint::Discovery, none);
    super::forget_okta(&stage.home);
    stage.run(&["login"]).fails(
        10,
        &[
            "does not offer device sign-in",
            "hint: ask an administrator",
        ],
    );
    stage.sign_in(&mut screen);
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
}

fn end_of(process: Child) -> Ran {
    process.wait_with_output().expect("it ends").into()
}

#[tokio::test]
async fn an_okta_that_cannot_be_reached_is_told_and_ends_no_session() {
    let mut stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", "Mistakes"]).code, Some(0));
    let mut screen = stage.open();
    screen.reads("Mistakes");
    super::an_hour_passes(&stage.home);
    let kept = stage.kept();

    stage
        .home
        .set("AUTH_OKTA_ISSUER", "https://nowhere.invalid/oauth2/default");
    let nowhere = Home::start(&mut stage.home.command(&["login"]));
    stage.home.unset("AUTH_OKTA_ISSUER");

    stage.okta_network.refuse(true);
    stage.okta_network.cut();
    let refused = "cannot be reached: the connection was refused or cut off";
    let login = Home::start(&mut stage.home.command(&["login"]));
    let mut again = stage.open();
    let show = stage.run(&["show"]);
    show.fails(7, &[refused, "hint: check the network"]);
    end_of(login).fails(7, &[refused, "hint: check the network"]);
    again.sees(refused);
    again.sees("r try again");
    stage.okta_network.refuse(false);
    again.key(Key::Char('r'));
    again.reads("Mistakes");
    again.key(Key::Char('q'));
    ends(&mut again, 0);

    end_of(nowhere).fails(
        7,
        &[
            "Okta (nowhere.invalid) cannot be reached: its name cannot be resolved",
            "hint: check the network, and the spelling of the issuer",
        ],
    );
    assert_eq!(stage.kept(), kept);
    assert_eq!(stage.run(&["show"]).data(), "Mistakes");
}

/// Opens the screens and asks for a code.
fn with_code(stage: &Stage) -> (Pty, String) {
    let mut screen = stage.open();
    screen.sees("Enter Log in");
    screen.key(Key::Enter);
    let code = stage.okta.next_code();
    screen.sees(&code);
    (screen, code)
}

#[tokio::test]
async fn a_code_that_comes_to_nothing_says_why_and_the_next_one_works() {
    let stage = Stage::new().await;
    let okta = &stage.okta;
    let (mut screen, code) = with_code(&stage);
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
                okta.approve(code, Person::James).expect("known");
            },
            "Okta no longer accepts this code: it was already used, or withdrawn.",
        ),
        (
            &|code| {
                let empty = json!({"keys": []});
                okta.script(Endpoint::Keys, Answer::json(200, &empty));
                okta.configure(|settings| {
                    settings.forge = Some(Arc::new(|_, claims| {
                        claims.as_object_mut().expect("claims").remove("sub");
                    }));
                });
                okta.approve(code, Person::James).expect("known");
            },
            "it lacks a required claim.",
        ),
        (
            &|code| {
                okta.configure(|settings| {
                    settings.forge = None;
                    settings.unpublished_key = true;
                });
                okta.approve(code, Person::James).expect("known");
            },
            "signed with a key that the authorization server does not publish.",
        ),
    ] {
        let code = if screen.screen().contains(&code) {
            code.clone()
        } else {
            screen.key(Key::Enter);
            okta.next_code()
        };
        screen.sees(&code);
        happens(&code);
        screen.sees(says);
        screen.sees("Enter Log in");
        assert_eq!(stage.kept(), Vec::<std::path::PathBuf>::new());
    }
    okta.configure(|settings| settings.unpublished_key = false);
    stage.sign_in(&mut screen);
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
}

#[test]
fn slow_down_slows_the_polling_until_the_code_expires() {
    let Site { okta, home } = Site::new();
    okta.configure(|settings| settings.expires_in = 4);
    for _ in 0..9 {
        okta.script(
            Endpoint::Token,
            Answer::error(400, "slow_down", "The device is polling too frequently."),
        );
    }
    home.run(&["login"])
        .fails(4, &["the code expired", "hint: sign in again"]);
    let polls: Vec<_> = okta
        .requests()
        .into_iter()
        .filter(|request| request.endpoint == Endpoint::Token)
        .map(|request| request.at)
        .collect();
    // After one second, and not for six more, by when it has ended.
    assert_eq!(polls.len(), 2);
    assert!(polls[1] - polls[0] > Duration::from_secs(2));
}

#[tokio::test]
async fn a_network_lost_during_approval_costs_nothing() {
    let stage = Stage::new().await;
    let outage = Duration::from_secs(rounds(1, 120).into());
    let (mut screen, code) = with_code(&stage);
    let mut headless = stage.login(&["login", "--json"]);
    assert_eq!(headless.next()["event"], "code");
    let other = stage.okta.next_code();
    stage.okta_network.refuse(true);
    stage.okta_network.cut();
    screen.sees("Okta does not answer; trying again…");
    for code in [&code, &other] {
        stage.okta.approve(code, Person::James).expect("known");
    }
    thread::sleep(outage);
    assert!(screen.screen().contains(&code), "{}", screen.screen());
    stage.okta_network.refuse(false);
    screen.sees("Welcome, James Joyce!");
    let ran = headless.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("Okta does not answer; trying again"));
    assert!(ran.stdout.contains("\"signed_in\""), "{ran:?}");
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
}

#[tokio::test]
async fn a_connection_that_died_in_silence_is_not_used_again() {
    let stage = Stage::new().await;
    stage.okta.configure(|settings| settings.interval = Some(3));
    let login = Home::start(&mut stage.home.command(&["login"]));
    let code = stage.okta.next_code();
    wait_until("it has polled", || {
        (stage.okta.count(Endpoint::Token) > 0).then_some(())
    });
    thread::sleep(Duration::from_millis(500));
    stage.okta_network.silence();
    stage.okta.approve(&code, Person::James).expect("known");
    let ran = end_of(login);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stderr.contains("does not answer"), "{ran:?}");
}
