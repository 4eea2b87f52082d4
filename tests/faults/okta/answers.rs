//! Every answer that is not Okta's, or not whole, at every place where it can come.

use std::{fs, thread, time::Duration};

use serde_json::json;

use super::Site;
use crate::support::{
    okta::{Answer, Endpoint, Okta},
    stage::{Login, Stage},
    wait_for,
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

const fn passes(name: &'static str, answer: fn() -> Answer) -> Fault {
    Fault {
        name,
        answer,
        times: 1,
        says: None,
    }
}

const fn told(says: &'static str, name: &'static str, answer: fn() -> Answer) -> Fault {
    Fault {
        says: Some(says),
        ..passes(name, answer)
    }
}

/// What is tried again, and comes again.
const fn lasts(says: &'static str, name: &'static str, answer: fn() -> Answer) -> Fault {
    Fault {
        times: 3,
        ..told(says, name, answer)
    }
}

const NOT_OKTAS: &str = "is not one of Okta's";
const PROBLEMS: &str = "having problems";
const BUSY: &str = "too many requests";

const FAULTS: [Fault; 14] = [
    passes("closes", Answer::close),
    passes("ends in the middle of the body", || {
        body("{\"issuer\": \"https://o").truncated()
    }),
    passes("a limit that ends soon", || Answer::rate_limited(1)),
    told(BUSY, "a limit that ends late", || Answer::rate_limited(600)),
    passes("a limit without an end", || busy(429)),
    lasts(BUSY, "a limit for good", || at_once(busy(429))),
    told(BUSY, "a limit until the end of time", || {
        let endless = busy(429).header("Retry-After", "18446744073709551615");
        endless.after(Duration::from_secs(1))
    }),
    lasts(PROBLEMS, "500", || at_once(busy(500))),
    lasts(PROBLEMS, "503 in HTML", || at_once(Answer::proxy_page(503))),
    told(NOT_OKTAS, "200 in HTML", || Answer::proxy_page(200)),
    told(NOT_OKTAS, "nothing", || body("")),
    told(NOT_OKTAS, "half of JSON", || {
        body("{\"keys\": [{\"kty\": \"R")
    }),
    told("redirect", "sent elsewhere", || {
        Answer::redirect("https://portal.example/")
    }),
    told("too large", "far too much", || body(&" ".repeat(2 << 20))),
];

/// What says that it is JSON.
fn body(text: &str) -> Answer {
    Answer::http(200, "application/json", text)
}

/// What may be tried again at once.
fn at_once(answer: Answer) -> Answer {
    answer.header("Retry-After", "0")
}

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
            let talk = login.interrupt().stderr;
            assert!(talk.contains(TRYING_AGAIN), "{}: {talk}", fault.name);
            continue;
        };
        let ran = home.run(&["login"]);
        match (endpoint, says == NOT_OKTAS) {
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
    thread::scope(|scope| {
        for fault in &FAULTS {
            scope.spawn(|| at_a_poll(fault));
        }
    });
}

fn at_a_poll(fault: &Fault) {
    let Site { okta, home } = Site::new();
    script(&okta, Endpoint::Keys, fault);
    // How long a poll waits for a limit to end has a test of its own.
    let waits = fault.name.contains("late") || fault.name.contains("of time");
    if !waits {
        okta.script(Endpoint::Token, (fault.answer)());
    }
    let login = Login::start(&mut home.command(&["login"]));
    wait_for("the poll", || okta.count(Endpoint::Token) > 0);
    okta.let_in(&okta.next_code());
    let ran = login.end();
    assert_eq!(ran.code, Some(0), "{}: {ran:?}", fault.name);
    let told = ran.stderr.contains(TRYING_AGAIN);
    assert!(told || waits, "{}: {ran:?}", fault.name);
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
    let login = Login::start(&mut home.command(&["login"]));
    okta.let_in(&okta.next_code());
    login.end().data();
    let path = home.session_file();
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

#[tokio::test]
async fn whatever_answers_in_oktas_place_is_named_and_ends_no_session() {
    let (renewing, checking) = tokio::join!(Stage::new(), Stage::new());
    thread::scope(|scope| {
        scope.spawn(|| at_the_beginning(Endpoint::Discovery));
        scope.spawn(|| at_the_beginning(Endpoint::DeviceAuthorize));
        scope.spawn(at_the_polls);
        scope.spawn(move || at_a_renewal(Endpoint::Token, &renewing));
        scope.spawn(move || at_a_renewal(Endpoint::Keys, &checking));
        scope.spawn(at_a_sign_out);
    });
}
