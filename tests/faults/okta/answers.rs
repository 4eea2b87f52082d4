//! Every answer that is not Okta's, or not whole, at every place where it can come.

use std::{fs, thread, time::Duration};

use serde_json::json;

use super::Site;
use crate::support::{
    okta::{Answer, Endpoint, Okta, Person},
    program::{Home, Ran},
    stage::{Login, Stage},
    wait_until,
};

const TRYING_AGAIN: &str = "Okta does not answer; trying again";

/// An answer that Okta would not give on a good day.
struct Fault {
    name: &'static str,
    answer: fn() -> Answer,
    /// How many times it comes.
    times: usize,
    /// What is said of it; nothing where the next try has the true answer.
    says: Option<&'static str>,
}

const fn fault(
    name: &'static str,
    answer: fn() -> Answer,
    times: usize,
    says: Option<&'static str>,
) -> Fault {
    Fault {
        name,
        answer,
        times,
        says,
    }
}

const NOT_OKTAS: Option<&str> = Some("is not one of Okta's");
const OUT_OF_ORDER: Option<&str> = Some("having problems");
const BUSY: Option<&str> = Some("too many requests");

const FAULTS: [Fault; 14] = [
    fault("closes", Answer::close, 1, None),
    fault(
        "ends in the middle of the body",
        || Answer::http(200, "application/json", "{\"issuer\": \"https://o").truncated(),
        1,
        None,
    ),
    fault(
        "a limit that ends soon",
        || Answer::rate_limited(1),
        1,
        None,
    ),
    fault(
        "a limit that ends late",
        || Answer::rate_limited(600),
        1,
        BUSY,
    ),
    fault("a limit without an end", || busy(429), 1, None),
    fault(
        "a limit for good",
        || busy(429).header("Retry-After", "0"),
        3,
        BUSY,
    ),
    fault(
        "a limit until the end of time",
        || {
            busy(429)
                .header("Retry-After", "18446744073709551615")
                .after(Duration::from_secs(1))
        },
        1,
        BUSY,
    ),
    fault(
        "500",
        || busy(500).header("Retry-After", "0"),
        3,
        OUT_OF_ORDER,
    ),
    fault(
        "503 in HTML",
        || Answer::proxy_page(503).header("Retry-After", "0"),
        3,
        OUT_OF_ORDER,
    ),
    fault("200 in HTML", || Answer::proxy_page(200), 1, NOT_OKTAS),
    fault(
        "nothing",
        || Answer::http(200, "application/json", ""),
        1,
        NOT_OKTAS,
    ),
    fault(
        "half of JSON",
        || Answer::http(200, "application/json", "{\"keys\": [{\"kty\": \"R"),
        1,
        NOT_OKTAS,
    ),
    fault(
        "sent elsewhere",
        || Answer::redirect("https://portal.example/"),
        1,
        Some("redirect"),
    ),
    fault(
        "far too much",
        || Answer::http(200, "application/json", vec![b' '; 2 * 1024 * 1024]),
        1,
        Some("too large"),
    ),
];

fn busy(status: u16) -> Answer {
    Answer::json(
        status,
        &json!({"errorCode": "E0000047", "errorSummary": "API call exceeded rate limit due to too many requests."}),
    )
}

fn script(okta: &Okta, endpoint: Endpoint, fault: &Fault) {
    for _ in 0..fault.times {
        okta.script(endpoint, (fault.answer)());
    }
}

/// Tries every fault where a sign-in begins.
fn at_the_beginning(endpoint: Endpoint) {
    let Site { okta, home } = Site::new();
    for fault in &FAULTS {
        script(&okta, endpoint, fault);
        super::forget_okta(&home);
        let Some(says) = fault.says else {
            let mut login = Login::start(&mut home.command(&["login", "--json"]));
            assert_eq!(login.next()["event"], "code", "{}", fault.name);
            let ended = login.interrupt();
            assert!(
                ended.stderr.contains(TRYING_AGAIN),
                "{}: {ended:?}",
                fault.name
            );
            continue;
        };
        let ran = home.run(&["login"]);
        match (endpoint, Some(says) == NOT_OKTAS) {
            // What is no authorization server at all may well be the wrong address.
            (Endpoint::Discovery, true) => {
                ran.fails(8, &["not an Okta authorization server", "proxy"]);
            }
            _ => ran.fails(7, &[says, "hint: "]),
        }
    }
    assert_eq!(okta.count(Endpoint::Token), 0);
}

/// Tries every fault in the place of an answer to a poll, and of the keys: none of them ends the sign-in.
fn at_the_polls() {
    let polls: Vec<_> = FAULTS
        .iter()
        .map(|fault| {
            thread::spawn(|| {
                let Site { okta, home } = Site::new();
                script(&okta, Endpoint::Keys, fault);
                // How long a poll waits for a limit to end has a test of its own.
                let waits = fault.name.contains("late") || fault.name.contains("of time");
                if !waits {
                    okta.script(Endpoint::Token, (fault.answer)());
                }
                let login = Home::start(&mut home.command(&["login"]));
                wait_until("the poll", || {
                    (okta.count(Endpoint::Token) > 0).then_some(())
                });
                okta.approve(&okta.next_code(), Person::James)
                    .expect("known");
                let ran = Ran::from(login.wait_with_output().expect("it ends"));
                assert_eq!(ran.code, Some(0), "{}: {ran:?}", fault.name);
                let told = ran.stderr.contains(TRYING_AGAIN);
                assert!(told || waits, "{}: {ran:?}", fault.name);
            })
        })
        .collect();
    polls.into_iter().for_each(joined);
}

/// Tries every fault where the session is renewed: none of them ends it.
fn at_a_renewal(endpoint: Endpoint, stage: &Stage) {
    stage.log_in();
    for fault in &FAULTS {
        script(&stage.okta, endpoint, fault);
        super::forget_okta(&stage.home);
        super::an_hour_passes(&stage.home);
        let ran = stage.run(&["show"]);
        match fault.says {
            None => assert_eq!(ran.code, Some(5), "{}: {ran:?}", fault.name),
            Some(says) => {
                assert!(ran.stderr.contains(says), "{}: {ran:?}", fault.name);
                ran.fails(7, &["hint: "]);
            }
        }
    }
    super::an_hour_passes(&stage.home);
    stage.run(&["show"]).fails(5, &["there is no quote"]);
}

/// Tries every fault where the session is revoked: it is gone from this machine, and whether Okta was told is said.
fn at_a_sign_out() {
    let Site { okta, home } = Site::new();
    let mut login = Login::start(&mut home.command(&["login", "--json"]));
    login.next();
    okta.approve(&okta.next_code(), Person::James)
        .expect("known");
    login.end().data();
    let path = super::session_file(&home);
    let kept = fs::read(&path).expect("a session");
    for fault in &FAULTS {
        home.write(&path, &kept);
        script(&okta, Endpoint::Revoke, fault);
        let ran = home.run(&["logout"]);
        assert_eq!(ran.code, Some(0), "{}: {ran:?}", fault.name);
        // To a revocation, Okta answers nothing.
        let told = fault.says.is_none() || fault.name == "nothing";
        let says = if told {
            "signed out\n"
        } else {
            "warning: your session at Okta lives on until it expires"
        };
        assert!(ran.stderr.contains(says), "{}: {ran:?}", fault.name);
        assert!(!path.exists(), "{}", fault.name);
    }
    home.run(&["show"]).fails(3, &["you are not signed in"]);
}

#[track_caller]
fn joined(thread: thread::JoinHandle<()>) {
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[tokio::test]
async fn whatever_answers_in_oktas_place_is_named_and_ends_no_session() {
    let (renewing, checking) = tokio::join!(Stage::new(), Stage::new());
    let endpoints = [
        thread::spawn(|| at_the_beginning(Endpoint::Discovery)),
        thread::spawn(|| at_the_beginning(Endpoint::DeviceAuthorize)),
        thread::spawn(at_the_polls),
        thread::spawn(move || at_a_renewal(Endpoint::Token, &renewing)),
        thread::spawn(move || at_a_renewal(Endpoint::Keys, &checking)),
        thread::spawn(at_a_sign_out),
    ];
    endpoints.into_iter().for_each(joined);
}
