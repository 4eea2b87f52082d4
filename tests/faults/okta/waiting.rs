//! An Okta that takes the connection and says nothing: no one burns a core over it, and everybody can leave.

use std::{fs, process::Child, thread, time::Duration};

use super::{NOWHERE, Site, copy_of};
use crate::{
    faults::{are_idle, ends_within_a_second, interrupted},
    support::{
        okta::{Answer, Endpoint, Okta, Rotation},
        program::Home,
        pty::{Key, Pty},
        stage::{INVITATION, Stage, quits},
        wait_for,
    },
};

const TYPED: &str = "Silence, exile, and cunning";

/// A process that waits, and how it came to that.
enum Waiting {
    OnScreen(Pty),
    Headless(Child),
}

impl Waiting {
    fn id(&self) -> u32 {
        match self {
            Self::OnScreen(screen) => screen.id(),
            Self::Headless(child) => child.id(),
        }
    }

    /// Leaves, within a second.
    fn leave(self, what: &str, key: Key) {
        match self {
            Self::Headless(child) => drop(interrupted(what, child)),
            Self::OnScreen(mut screen) => {
                screen.key(key);
                ends_within_a_second(&format!("{key:?} while waiting for {what}"), &mut screen, 0);
                if what == "a revocation" {
                    screen.sees("the sign-out was not confirmed");
                }
            }
        }
    }
}

fn open(home: &Home) -> Pty {
    Pty::spawn(&home.command::<&str>(&[]), 80, 24)
}

fn begin(home: &Home, arguments: &[&str]) -> Child {
    Home::start(&mut home.command(arguments))
}

fn start(home: &Home, arguments: &[&str]) -> Waiting {
    Waiting::Headless(begin(home, arguments))
}

/// Does something that asks an endpoint, and waits until that has happened and no one answers.
fn unanswered<T>(okta: &Okta, endpoint: Endpoint, ask: impl FnOnce() -> T) -> T {
    asked(okta, endpoint, Answer::silence(), ask)
}

/// The same with any answer.
fn asked<T>(okta: &Okta, endpoint: Endpoint, answer: Answer, ask: impl FnOnce() -> T) -> T {
    let before = okta.count(endpoint);
    okta.script(endpoint, answer);
    let asked = ask();
    wait_for("it is asked", || okta.count(endpoint) > before);
    asked
}

/// A home of its own with a copy of the session, for which an hour has passed.
fn later(stage: &Stage) -> Home {
    let home = copy_of(stage);
    super::an_hour_passes(&home);
    home
}

/// Everybody who waits for Okta, by what for.
struct Crowd {
    waiting: Vec<(&'static str, Waiting)>,
    /// Where the one lives who wrote [`TYPED`] and saves it.
    author: Home,
    /// Where the others live, and an Okta that is having problems.
    _homes: Vec<Home>,
    _outage: Site,
}

/// Brings processes into every state in which one waits for Okta.
fn crowd(stage: &Stage) -> Crowd {
    let okta = &stage.okta;
    let mut waiting = Vec::new();
    let mut homes = Vec::new();
    let outage = Site::new();
    for okta in [okta, &outage.okta] {
        okta.configure(|settings| settings.interval = Some(5));
    }

    let nobody = Home::new();
    super::configure(&nobody, okta, NOWHERE);
    let asks = |home: &Home| {
        let mut screen = open(home);
        screen.sees("Enter Log in");
        screen.key(Key::Enter);
        Waiting::OnScreen(screen)
    };
    for endpoint in [Endpoint::Discovery, Endpoint::DeviceAuthorize] {
        let screen = unanswered(okta, endpoint, || asks(&nobody));
        let login = unanswered(okta, endpoint, || start(&nobody, &["login"]));
        waiting.extend([("a code", screen), ("a code", login)]);
    }

    let home = later(stage);
    let screen = unanswered(okta, Endpoint::Token, || Waiting::OnScreen(open(&home)));
    let show = start(&home, &["show"]);
    waiting.extend([("a renewal", screen), ("another's renewal", show)]);
    homes.push(home);
    let home = later(stage);
    let show = unanswered(okta, Endpoint::Token, || start(&home, &["show"]));
    let screen = Waiting::OnScreen(open(&home));
    waiting.extend([("a renewal", show), ("another's renewal", screen)]);
    homes.push(home);

    // Whose token is as good as expired as soon as it comes.
    okta.configure(|settings| {
        settings.rotation = Rotation::Static;
        settings.token_lifetime = 30;
    });
    let author = later(stage);
    let mut screen = open(&author);
    screen.sees(INVITATION);
    screen.writes(TYPED);
    screen.sees(TYPED);
    unanswered(okta, Endpoint::Token, || screen.key(Key::Enter));
    screen.sees(TYPED);
    waiting.push(("a save", Waiting::OnScreen(screen)));

    let home = copy_of(stage);
    let screen = unanswered(okta, Endpoint::Revoke, || {
        let mut screen = open(&home);
        screen.sees(INVITATION);
        screen.signs_out();
        Waiting::OnScreen(screen)
    });
    homes.push(home);
    let home = copy_of(stage);
    let logout = unanswered(okta, Endpoint::Revoke, || start(&home, &["logout"]));
    homes.push(home);
    waiting.extend([("a revocation", screen), ("a revocation", logout)]);

    for _ in 0..50 {
        outage.okta.script(Endpoint::Token, Answer::proxy_page(503));
    }
    for (home, okta, what) in [
        (&nobody, okta, "an approval"),
        (&outage.home, &outage.okta, "the end of an outage"),
    ] {
        let screen = asks(home);
        okta.next_code();
        let login = start(home, &["login"]);
        okta.next_code();
        waiting.extend([(what, screen), (what, login)]);
    }
    homes.push(nobody);
    Crowd {
        waiting,
        author,
        _homes: homes,
        _outage: outage,
    }
}

#[tokio::test]
async fn waiting_for_okta_costs_no_cpu_and_quits_within_a_second() {
    let stage = Stage::signed_in().await;
    for (key, watched) in [(Key::Char('q'), true), (Key::Ctrl('c'), false)] {
        let crowd = crowd(&stage);
        if watched {
            let ids = crowd.waiting.iter().map(|(what, it)| (*what, it.id()));
            are_idle(&ids.collect::<Vec<_>>());
        }
        thread::scope(|scope| {
            for (what, it) in crowd.waiting {
                scope.spawn(move || it.leave(what, key));
            }
        });
        let draft = crowd.author.file_of("draft-");
        let draft = draft.and_then(|path| fs::read_to_string(path).ok());
        assert!(draft.is_some_and(|draft| draft.contains(TYPED)));
    }
}

#[tokio::test]
async fn a_silent_or_endless_okta_is_given_up() {
    let stage = Stage::signed_in().await;
    let okta = &stage.okta;
    let in_time = "cannot be reached: it did not answer in time";
    let slowly: fn() -> Answer = || {
        Answer::http(200, "application/json", vec![b' '; 1000]).slowly(Duration::from_millis(300))
    };
    // All of them have the same session.
    okta.configure(|settings| {
        settings.rotation = Rotation::Static;
        settings.published_for = "no-store";
    });
    let mut given_up = Vec::new();
    let nobody = Home::new();
    super::configure(&nobody, okta, NOWHERE);
    let mut homes = Vec::new();
    for answer in [Answer::silence as fn() -> Answer, slowly] {
        for endpoint in [Endpoint::Discovery, Endpoint::DeviceAuthorize] {
            let login = asked(okta, endpoint, answer(), || begin(&nobody, &["login"]));
            given_up.push((login, 7, in_time));
        }
        for endpoint in [Endpoint::Token, Endpoint::Keys] {
            let home = later(&stage);
            let both = [Endpoint::Token, Endpoint::Keys].map(|it| (it, okta.count(it)));
            let show = asked(okta, endpoint, answer(), || begin(&home, &["show"]));
            wait_for("it has asked for both", || {
                both.iter()
                    .all(|(endpoint, before)| okta.count(*endpoint) > *before)
            });
            given_up.push((show, 7, in_time));
            homes.push(home);
        }
        let home = copy_of(&stage);
        let logout = asked(okta, Endpoint::Revoke, answer(), || {
            begin(&home, &["logout"])
        });
        given_up.push((logout, 0, "lives on until it expires"));
        homes.push(home);
    }
    // Who polls goes on.
    let login = stage.login(&["login"]);
    asked(okta, Endpoint::Token, Answer::silence(), || ());
    let code = okta.next_code();
    // On the screens, with a text at stake.
    let writer = copy_of(&stage);
    let mut screen = open(&writer);
    screen.sees(INVITATION);
    screen.writes("Mistakes");
    screen.saves();
    super::an_hour_passes(&writer);
    quits(&mut screen);
    let mut screen = asked(okta, Endpoint::Token, Answer::silence(), || open(&writer));
    screen.sees("Asking Okta…");

    okta.let_in(&code);
    for (process, code, says) in given_up {
        let ran = Home::end_of(process);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.stderr.contains(says), "{ran:?}");
    }
    screen.sees(in_time);
    screen.key(Key::Char('r'));
    screen.reads("Mistakes");
    quits(&mut screen);
    let ran = login.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("Okta does not answer; trying again"));
}
