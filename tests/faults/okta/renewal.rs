//! Staying signed in: one renewal among many processes, and what is lost on the way.

use std::{fs, sync::Arc, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{an_hour_passes, forget_okta, is_kept, session_file};
use crate::{
    faults::rounds,
    support::{
        okta::{Answer, Endpoint, Person},
        program::{Home, Ran},
        proxy::{Break, Fuse, Way},
        pty::Key,
        stage::{Stage, ends},
        wait_until,
    },
};

const QUOTE: &str = "Think you're escaping and run into yourself.";
const CUT_OFF: &str = "an earlier renewal was cut off before its answer was kept";

async fn with_a_quote() -> Stage {
    let stage = Stage::signed_in().await;
    assert_eq!(stage.run(&["set", QUOTE]).code, Some(0));
    stage
}

/// Starts `show` this many times at once.
fn shows(stage: &Stage, number: usize) -> Vec<std::process::Child> {
    (0..number)
        .map(|_| Home::start(&mut stage.home.command(&["show"])))
        .collect()
}

fn ends_of(processes: Vec<std::process::Child>) -> Vec<Ran> {
    processes
        .into_iter()
        .map(|process| process.wait_with_output().expect("it ends").into())
        .collect()
}

/// Starts a process whose renewal is under way, and gets this answer.
fn renewing(stage: &Stage, answer: Answer) -> std::process::Child {
    let before = stage.okta.count(Endpoint::Token);
    stage.okta.script(Endpoint::Token, answer);
    let process = shows(stage, 1).remove(0);
    wait_until("it renews", || {
        (stage.okta.count(Endpoint::Token) > before).then_some(())
    });
    process
}

fn kill(mut process: std::process::Child) {
    process.kill().expect("it runs");
    process.wait().expect("it is our child");
}

#[tokio::test]
async fn eight_processes_that_need_a_renewal_make_one() {
    let stage = with_a_quote().await;
    // Whoever came second with a token that was replaced would sign everybody out.
    stage
        .okta
        .configure(|settings| settings.grace = Duration::ZERO);
    for round in 0..rounds(4, 100) {
        an_hour_passes(&stage.home);
        let before = stage.okta.count(Endpoint::Token);
        for ran in ends_of(shows(&stage, 8)) {
            assert_eq!(ran.data(), QUOTE, "round {round}");
        }
        assert_eq!(
            stage.okta.count(Endpoint::Token),
            before + 1,
            "round {round}"
        );
        assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    }
}

#[tokio::test]
async fn a_process_killed_while_it_renews_ends_no_session() {
    let stage = with_a_quote().await;
    for (grace, answer, lost) in [
        // Okta never saw the request.
        (Duration::ZERO, Answer::silence as fn() -> Answer, false),
        // It did, and takes the old token for a moment longer.
        (Duration::from_secs(30), Answer::held, false),
        // It did, and the new token is gone.
        (Duration::ZERO, Answer::held, true),
    ] {
        stage.okta.configure(|settings| settings.grace = grace);
        an_hour_passes(&stage.home);
        let before = stage.okta.count(Endpoint::Token);
        let renewing = renewing(&stage, answer());
        let others = shows(&stage, 7);
        kill(renewing);
        let ran = ends_of(others);
        if lost {
            let told = ran.iter().filter(|ran| ran.stderr.contains(CUT_OFF));
            assert_eq!(told.count(), 1, "{ran:?}");
            for ran in ran {
                ran.fails(3, &["hint: ", "epigraph login"]);
            }
        } else {
            for ran in ran {
                assert_eq!(ran.data(), QUOTE);
            }
        }
        assert_eq!(stage.okta.count(Endpoint::Token), before + 2);
    }
    // It is said once, of the session that it was: not after a renewal that was kept, nor after another sign-in.
    for cut_off in [false, true] {
        stage.log_in();
        an_hour_passes(&stage.home);
        if cut_off {
            kill(renewing(&stage, Answer::silence()));
            stage.log_in();
        } else {
            assert_eq!(stage.run(&["show"]).data(), QUOTE);
        }
        an_hour_passes(&stage.home);
        stage.okta.revoke_all(Person::James);
        let ran = stage.run(&["show"]);
        ran.fails(3, &["your session has ended"]);
        assert!(!ran.stderr.contains(CUT_OFF), "{cut_off}: {ran:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_renewal_loses_no_text() {
    let stage = Stage::new().await;
    let mut screen = stage.open_with_quote(QUOTE);
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
    // From now on, a token is as good as expired as soon as it comes.
    stage
        .okta
        .configure(|settings| settings.token_lifetime = 30);
    an_hour_passes(&stage.home);
    let mut screen = stage.open();
    screen.sees(QUOTE);
    screen.sees_no_more("Reading your quote…");

    screen.writes(" One");
    stage.okta.script(Endpoint::Token, Answer::lost());
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), format!("{QUOTE} One"));

    stage
        .okta
        .configure(|settings| settings.grace = Duration::ZERO);
    stage.okta.script(Endpoint::Token, Answer::lost());
    screen.writes(" Two");
    screen.key(Key::Enter);
    screen.sees("cut off before its answer was kept");
    screen.sees("Your unsaved text is kept for your next sign-in.");
    is_kept(&stage, "One Two");
    assert_eq!(stage.quote(), format!("{QUOTE} One"));
    stage.sign_in(&mut screen);
    screen.sees("One Two");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), format!("{QUOTE} One Two"));
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
    assert_eq!(stage.draft(), None);
}

#[tokio::test]
async fn a_renewal_that_is_cut_at_any_byte_is_made_again() {
    /// More than a renewal with its discovery sends, or is sent.
    const MOST: u32 = 6_000;
    let stage = with_a_quote().await;
    for round in 0..rounds(8, 160) {
        let fuse = Fuse {
            way: [Way::Request, Way::Answer][round as usize % 2],
            // Spread over all of it, whatever the number of rounds.
            after: (round * 1_597 % MOST) as usize,
            then: [Break::Closed, Break::Reset][round as usize / 2 % 2],
            refuse: false,
        };
        an_hour_passes(&stage.home);
        forget_okta(&stage.home);
        stage.okta_network.fuse(Some(fuse));
        let ran = stage.run(&["show"]);
        stage.okta_network.fuse(None);
        assert_eq!(ran.code, Some(0), "{fuse:?}: {ran:?}");
    }
}

#[tokio::test]
async fn a_save_whose_renewal_fails_returns_to_the_text() {
    let stage = Stage::new().await;
    stage
        .okta
        .configure(|settings| settings.token_lifetime = 30);
    let mut screen = stage.open_with_quote("Mistakes");
    screen.writes(" are the portals");
    let before = stage.rows();
    let forge = |claims: fn(&mut Value)| {
        stage.okta.configure(|settings| {
            settings.forge = Some(Arc::new(move |_, it| claims(it)));
        });
    };
    for (fails, says) in [
        (
            &(|| {
                stage
                    .okta
                    .script(Endpoint::Token, Answer::rate_limited(600));
            }) as &dyn Fn(),
            "is receiving too many requests at the moment.",
        ),
        (
            &|| stage.okta.script(Endpoint::Token, Answer::proxy_page(200)),
            "is not one of Okta's (HTTP status 200).",
        ),
        (
            &|| {
                stage.okta.script(
                    Endpoint::Token,
                    Answer::error(
                        400,
                        "invalid_client",
                        "Invalid value for 'client_id' parameter.",
                    ),
                );
            },
            "Okta does not know this client id.",
        ),
        (
            &|| forge(|claims| claims["sub"] = json!("00u2somebodyelse")),
            "with another person's ID token.",
        ),
        (
            &|| forge(|claims| drop(claims.as_object_mut().expect("claims").remove("sub"))),
            "it lacks a required claim.",
        ),
        (
            &|| {
                stage.okta.configure(|settings| {
                    settings.forge = None;
                    settings.clock_offset = 3600;
                });
            },
            "The clock of this machine is 60 minutes slow, so Okta's tokens cannot be checked.",
        ),
        (
            &|| {
                stage.okta.configure(|settings| {
                    settings.clock_offset = 0;
                    settings.unpublished_key = true;
                });
            },
            "signed with a key that the authorization server does not publish.",
        ),
    ] {
        fails();
        screen.key(Key::Enter);
        screen.sees(says);
        screen.sees("Not saved");
        screen.sees("Edit your quote");
        screen.sees("Mistakes are the portals");
        is_kept(&stage, "Mistakes are the portals");
        assert_eq!(stage.rows(), before);
        screen.type_(".");
        screen.key(Key::Backspace);
    }
    stage
        .okta
        .configure(|settings| settings.unpublished_key = false);
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "Mistakes are the portals");
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
    assert_eq!(stage.draft(), None);
}

type Forgery = fn(&mut Value, &mut Value);

#[tokio::test]
async fn a_rejected_id_token_is_explained_and_ends_no_session() {
    let stage = with_a_quote().await;
    stage
        .okta
        .configure(|settings| settings.grace = Duration::ZERO);
    let forgeries: [(Forgery, &str); 6] = [
        (
            |_, it| it["sub"] = json!("00u2somebodyelse"),
            "another person's ID token",
        ),
        (|_, it| it["sub"] = json!(""), "it has no subject"),
        (
            |_, it| drop(it.as_object_mut().expect("claims").remove("sub")),
            "it lacks a required claim",
        ),
        (
            |_, it| it["iss"] = json!("https://evil.example"),
            "from another issuer",
        ),
        (|_, it| it["aud"] = json!("0oaOther"), "for another app"),
        (
            |header, _| header["alg"] = json!("HS256"),
            "of a kind that epigraph does not support",
        ),
    ];
    for (forgery, says) in forgeries {
        an_hour_passes(&stage.home);
        stage
            .okta
            .configure(|settings| settings.forge = Some(Arc::new(forgery)));
        stage.run(&["show"]).fails(10, &[says, "hint: "]);
    }
    stage.okta.configure(|settings| settings.forge = None);
    assert_eq!(stage.run(&["show"]).data(), QUOTE);
    for change in [
        super::Okta::rotate_keys as fn(&super::Okta),
        super::Okta::replace_keys,
    ] {
        an_hour_passes(&stage.home);
        change(&stage.okta);
        // The database must know the new keys as well, which is the owner's weekly job.
        let ran = stage.run(&["show"]);
        assert!(
            ran.code == Some(0) || ran.stderr.contains("epigraph admin keys"),
            "{ran:?}"
        );
    }
    for answer in [json!({"keys": []}), json!({})] {
        an_hour_passes(&stage.home);
        forget_okta(&stage.home);
        stage
            .okta
            .script(Endpoint::Keys, Answer::json(200, &answer));
        stage
            .okta
            .script(Endpoint::Keys, Answer::json(200, &answer));
        let ran = stage.run(&["show"]);
        assert!(matches!(ran.code, Some(7 | 10)), "{ran:?}");
        assert!(ran.stderr.contains("hint: "), "{ran:?}");
    }
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
}

#[tokio::test]
async fn a_renewal_without_an_id_token_asks_for_a_sign_in() {
    let stage = with_a_quote().await;
    an_hour_passes(&stage.home);
    let answer = json!({"token_type": "Bearer", "access_token": "x", "expires_in": 3600});
    stage
        .okta
        .script(Endpoint::Token, Answer::json(200, &answer));
    stage
        .run(&["show"])
        .fails(3, &["without an ID token", "epigraph login"]);
}

#[tokio::test]
async fn a_token_used_elsewhere_is_adopted_or_ends_the_session() {
    let stage = Stage::new().await;
    stage
        .okta
        .configure(|settings| settings.grace = Duration::ZERO);
    let mut screen = stage.open_with_quote("Mistakes");
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
    stage
        .okta
        .configure(|settings| settings.token_lifetime = 30);
    an_hour_passes(&stage.home);
    let mut screen = stage.open();
    screen.reads("Mistakes");
    let backup = fs::read(session_file(&stage.home)).expect("a session");

    // Another process has renewed it meanwhile, more than once.
    for _ in 0..2 {
        assert_eq!(stage.run(&["show"]).data(), "Mistakes");
    }
    screen.writes("!");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "Mistakes!");

    // A backup was played back: Okta takes whoever shows the old token for a thief.
    stage.home.write(session_file(&stage.home), &backup);
    stage
        .run(&["show"])
        .fails(3, &["your session has ended", "epigraph login"]);
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 0);
    screen.writes("?");
    screen.key(Key::Enter);
    screen.sees("Your unsaved text is kept for your next sign-in.");
    is_kept(&stage, "Mistakes!?");
    stage.sign_in(&mut screen);
    screen.sees("Mistakes!?");
    screen.signal(Signal::TERM);
    ends(&mut screen, 128 + 15);
    is_kept(&stage, "Mistakes!?");
}
