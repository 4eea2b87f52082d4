//! Staying signed in: one renewal among many processes, and what is lost on the way.

use std::{fs, process::Child, sync::Arc, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{an_hour_passes, forget_okta};
use crate::{
    faults::rounds,
    support::{
        okta::{Answer, Endpoint, Okta, Person},
        program::Home,
        proxy::{Break, Fuse, Way},
        pty::{Key, Pty},
        stage::{Stage, ends, quits},
        wait_for,
    },
};

const QUOTE: &str = "Think you're escaping and run into yourself.";
const CUT_OFF: &str = "an earlier renewal was cut off before its answer was kept";

/// A program that needs a new token for everything: one is as good as expired as soon as it comes.
async fn always_renewing(quote: &str) -> (Stage, Pty) {
    let stage = Stage::signed_in().await;
    stage.okta.tokens_end_at_once();
    assert_eq!(stage.run(&["set", quote]).code, Some(0));
    an_hour_passes(&stage.home);
    let mut screen = stage.open_reading(quote);
    screen.sees_no_more("Reading your quote…");
    (stage, screen)
}

fn show(stage: &Stage) -> Child {
    Home::start(&mut stage.home.command(&["show"]))
}

/// Starts a process whose renewal is under way, and gets this answer.
fn renewing(stage: &Stage, answer: Answer) -> Child {
    let before = stage.okta.count(Endpoint::Token);
    stage.okta.script(Endpoint::Token, answer);
    let process = show(stage);
    wait_for("it renews", || stage.okta.count(Endpoint::Token) > before);
    process
}

fn kill(mut process: Child) {
    process.kill().expect("it runs");
    process.wait().expect("it is our child");
}

#[tokio::test]
async fn eight_processes_that_need_a_renewal_make_one() {
    let stage = Stage::with_quote(QUOTE).await;
    // Whoever came second with a token that was replaced would sign everybody out.
    stage.okta.refresh_tokens_work_once();
    for round in 0..rounds(4, 100) {
        an_hour_passes(&stage.home);
        let before = stage.okta.count(Endpoint::Token);
        let shows = (0..8).map(|_| stage.home.command(&["show"]));
        for ran in Home::side_by_side(shows) {
            assert_eq!(ran.data(), QUOTE, "round {round}");
        }
        let renewals = stage.okta.count(Endpoint::Token) - before;
        assert_eq!(renewals, 1, "round {round}");
        assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
    }
}

#[tokio::test]
async fn a_process_killed_while_it_renews_ends_no_session() {
    let stage = Stage::with_quote(QUOTE).await;
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
        let others = [(); 7].map(|()| show(&stage));
        kill(renewing);
        let ran = others.map(Home::end_of);
        let told = ran.iter().filter(|ran| ran.stderr.contains(CUT_OFF));
        assert_eq!(told.count(), usize::from(lost), "{ran:?}");
        for ran in ran {
            if lost {
                ran.fails(3, &["hint: ", "epigraph login"]);
            } else {
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
    let (stage, mut screen) = always_renewing(QUOTE).await;
    screen.writes(" One");
    stage.okta.script(Endpoint::Token, Answer::lost());
    screen.saves();
    assert_eq!(stage.quote(), format!("{QUOTE} One"));

    stage.okta.refresh_tokens_work_once();
    stage.okta.script(Endpoint::Token, Answer::lost());
    screen.writes(" Two");
    screen.key(Key::Enter);
    screen.sees("cut off before its answer was kept");
    screen.sees("Your unsaved text is kept for your next sign-in.");
    stage.keeps("One Two");
    assert_eq!(stage.quote(), format!("{QUOTE} One"));
    stage.sign_in(&mut screen);
    screen.sees("One Two");
    screen.saves();
    assert_eq!(stage.quote(), format!("{QUOTE} One Two"));
    quits(&mut screen);
    assert_eq!(stage.draft(), None);
}

#[tokio::test]
async fn a_renewal_that_is_cut_at_any_byte_is_made_again() {
    /// More than a renewal with its discovery sends, or is sent.
    const MOST: u32 = 6_000;
    let stage = Stage::with_quote(QUOTE).await;
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
    let (stage, mut screen) = always_renewing("Mistakes").await;
    screen.writes(" are the portals");
    let before = stage.rows();
    let okta = &stage.okta;
    let answers = |answer| okta.script(Endpoint::Token, answer);
    let forges = |forgery: Forgery| {
        okta.configure(|settings| settings.forge = Some(Arc::new(forgery)));
    };
    let cases: [(&dyn Fn(), &str); 5] = [
        (
            &|| answers(Answer::rate_limited(600)),
            "is receiving too many requests at the moment.",
        ),
        (
            &|| answers(Answer::proxy_page(200)),
            "is not one of Okta's (HTTP status 200).",
        ),
        (
            &|| answers(Answer::error(400, "invalid_client", "No such client.")),
            "Okta does not know this client id.",
        ),
        (&|| forges(names_another), "with another person's ID token."),
        (&|| forges(names_no_one), "it lacks a required claim."),
    ];
    for (fails, says) in cases {
        fails();
        screen.key(Key::Enter);
        screen.sees(says);
        screen.sees("Not saved");
        screen.sees("Edit your quote");
        screen.sees("Mistakes are the portals");
        stage.keeps("Mistakes are the portals");
        assert_eq!(stage.rows(), before);
        screen.type_(".");
        screen.key(Key::Backspace);
    }
    okta.configure(|settings| settings.forge = None);
    screen.saves();
    assert_eq!(stage.quote(), "Mistakes are the portals");
    quits(&mut screen);
    assert_eq!(stage.draft(), None);
}

type Forgery = fn(&mut Value, &mut Value);

fn names_another(_: &mut Value, claims: &mut Value) {
    claims["sub"] = json!("00u2somebodyelse");
}

pub(super) fn names_no_one(_: &mut Value, claims: &mut Value) {
    drop(claims.as_object_mut().expect("claims").remove("sub"));
}

#[tokio::test]
async fn a_rejected_id_token_is_explained_and_ends_no_session() {
    let stage = Stage::with_quote(QUOTE).await;
    stage.okta.refresh_tokens_work_once();
    let okta = &stage.okta;
    let forgeries: [(Forgery, &str); 3] = [
        (names_another, "another person's ID token"),
        (names_no_one, "it lacks a required claim"),
        (|_, it| it["aud"] = json!("0oaOther"), "for another app"),
    ];
    for (forgery, says) in forgeries {
        an_hour_passes(&stage.home);
        let forge = Arc::new(forgery);
        okta.configure(|settings| settings.forge = Some(forge));
        stage.run(&["show"]).fails(10, &[says, "hint: "]);
    }
    okta.configure(|settings| settings.forge = None);
    assert_eq!(stage.run(&["show"]).data(), QUOTE);
    for change in [Okta::rotate_keys as fn(&Okta), Okta::replace_keys] {
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
        for _ in 0..2 {
            okta.script(Endpoint::Keys, Answer::json(200, &answer));
        }
        let ran = stage.run(&["show"]);
        assert!(matches!(ran.code, Some(7 | 10)), "{ran:?}");
        assert!(ran.stderr.contains("hint: "), "{ran:?}");
    }
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 1);
}

#[tokio::test]
async fn a_renewal_without_an_id_token_asks_for_a_sign_in() {
    let stage = Stage::with_quote(QUOTE).await;
    an_hour_passes(&stage.home);
    let answer = json!({"token_type": "Bearer", "access_token": "x", "expires_in": 3600});
    let answer = Answer::json(200, &answer);
    stage.okta.script(Endpoint::Token, answer);
    let says = ["without an ID token", "epigraph login"];
    stage.run(&["show"]).fails(3, &says);
}

#[tokio::test]
async fn a_token_used_elsewhere_is_adopted_or_ends_the_session() {
    let (stage, mut screen) = always_renewing("Mistakes").await;
    stage.okta.refresh_tokens_work_once();
    let backup = fs::read(stage.home.session_file()).expect("a session");

    // Another process has renewed it meanwhile, more than once.
    for _ in 0..2 {
        assert_eq!(stage.run(&["show"]).data(), "Mistakes");
    }
    screen.writes("!");
    screen.saves();
    assert_eq!(stage.quote(), "Mistakes!");

    // A backup was played back: Okta takes whoever shows the old token for a thief.
    stage.home.write(stage.home.session_file(), &backup);
    let says = ["your session has ended", "epigraph login"];
    stage.run(&["show"]).fails(3, &says);
    assert_eq!(stage.okta.live_refresh_tokens(Person::James), 0);
    screen.writes("?");
    screen.key(Key::Enter);
    screen.sees("Your unsaved text is kept for your next sign-in.");
    stage.keeps("Mistakes!?");
    stage.sign_in(&mut screen);
    screen.sees("Mistakes!?");
    screen.signal(Signal::TERM);
    ends(&mut screen, 128 + 15);
    stage.keeps("Mistakes!?");
}
