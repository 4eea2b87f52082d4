//! What Neon's proxy does and says, and its compute that sleeps.

use std::time::Duration;

use super::{give, write};
use crate::{
    faults::rounds,
    support::{
        neon::{Neon, Stage as At, Then},
        postgres::shared,
        program::{Home, Ran},
        pty::Key,
        stage::{Stage, quits},
    },
};

/// What passes, as Neon's proxy words it, and what a person is told if it does not: one text of each kind. That every text has its
/// meaning is tested where that is decided (`postgres::error`).
const PASSING: [(At, &str, &str); 4] = [
    (
        At::Authenticated,
        "Couldn't connect to compute node",
        "is being restarted",
    ),
    (At::Authenticated, "Control plane request failed", "outage"),
    (
        At::Authenticated,
        "project already has running conflicting operations, scheduling of new ones is prohibited",
        "busy with a change",
    ),
    (
        At::Secured,
        "Too many connections attempts",
        "has no free connections",
    ),
];

/// What stays as it is however often one tries, and what a person is told: again one of each kind.
const LASTING: [(At, &str, [&str; 2]); 6] = [
    (
        At::Authenticated,
        "password authentication failed for user 'joyce'",
        ["with this password", "Neon's console"],
    ),
    (At::Secured, DISABLED, ["is disabled", "can enable it"]),
    (
        At::Authenticated,
        "Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.",
        ["has used up its quota", "under Billing"],
    ),
    (
        At::Authenticated,
        "You have exceeded the limit of concurrently active endpoints. Please suspend some endpoints and try again.",
        ["as its plan allows", "suspend one"],
    ),
    (
        At::Secured,
        "This IP address 192.0.2.7 is not allowed to connect to this endpoint.",
        ["list of allowed addresses", "under IP Allow"],
    ),
    (
        At::Authenticated,
        "something that nobody has seen yet",
        ["something that nobody has seen yet (SQLSTATE XX000)", ""],
    ),
];

const DISABLED: &str = "The endpoint has been disabled. Enable it using Neon API and retry.";

/// Runs a command for each case, through a front of its own that was prepared for it, and returns how often it connected as well.
fn through_fronts<T>(
    stage: &Stage,
    arguments: &[&str],
    cases: &[T],
    prepare: impl Fn(&Neon, &T),
) -> Vec<(Ran, usize)> {
    let front = |case| {
        let neon = Neon::before(shared());
        prepare(&neon, case);
        neon
    };
    let fronts: Vec<_> = cases.iter().map(front).collect();
    let ran = Home::side_by_side(fronts.iter().map(|neon| {
        // Short, but not too short for a good connection on a busy machine.
        let url = stage.database.user().port(neon.port());
        let url = url.set("connect_timeout", "6");
        stage.home.command_at(&url, arguments)
    }));
    let connections = fronts.iter().map(Neon::connections);
    ran.into_iter().zip(connections).collect()
}

fn refusal(text: &str) -> Then {
    Then::Refusal(text.into())
}

#[tokio::test]
async fn what_passes_at_neons_proxy_is_tried_again_and_works() {
    let stage = Stage::signed_in().await;
    give(&stage, "Riverrun.");
    let ran = through_fronts(&stage, &["show"], &PASSING, |neon, (at, text, _)| {
        neon.once(*at, refusal(text));
    });
    for ((ran, connections), (_, text, _)) in ran.into_iter().zip(PASSING) {
        assert_eq!(
            (ran.data().as_str(), connections),
            ("Riverrun.", 2),
            "{text}"
        );
    }
}

#[tokio::test]
async fn what_does_not_pass_at_neons_proxy_is_told_after_six_tries() {
    let stage = Stage::signed_in().await;
    let ran = through_fronts(&stage, &["show"], &PASSING, |neon, (at, text, _)| {
        neon.always(Some((*at, refusal(text))));
    });
    for ((ran, connections), (_, text, says)) in ran.into_iter().zip(PASSING) {
        ran.fails(7, &[says, "hint: try again in a moment"]);
        assert_eq!(connections, 6, "{text}");
    }
}

#[tokio::test]
async fn a_lasting_refusal_of_neons_proxy_is_told_at_once() {
    let stage = Stage::signed_in().await;
    let save = ["set", "Riverrun."];
    let ran = through_fronts(&stage, &save, &LASTING, |neon, (at, text, _)| {
        neon.always(Some((*at, refusal(text))));
    });
    for ((ran, connections), (_, text, says)) in ran.into_iter().zip(LASTING) {
        ran.fails(11, &says);
        assert_eq!(connections, 1, "{text}");
    }
    assert_eq!(stage.rows(), "");
}

#[tokio::test]
async fn a_front_that_falls_silent_is_given_up_and_tried_again() {
    let stage = Stage::signed_in().await;
    give(&stage, "Riverrun.");
    let stages = [At::Dialled, At::Secured, At::Authenticated];
    let ran = through_fronts(&stage, &["show"], &stages, |neon, at| {
        neon.once(*at, Then::Silence);
    });
    for (ran, connections) in ran {
        assert_eq!(ran.data(), "Riverrun.");
        assert!(connections >= 2);
    }
}

/// Half a second is what Neon's documentation promises, five what it admits, and thirty more than a start may take here:
/// then the second connection finds a compute that runs.
#[tokio::test]
async fn a_compute_that_has_to_start_is_waited_for() {
    let stage = Stage::signed_in().await;
    let neon = Neon::before(shared());
    stage.database_network.lead_to(neon.port());
    let starts: &[u64] = if rounds(0, 1) == 0 {
        &[500, 2_000]
    } else {
        &[500, 5_000, 30_000]
    };
    for (number, start) in starts.iter().enumerate() {
        give(&stage, &format!("Riverrun {number}."));
        let takes = Duration::from_millis(*start);
        neon.always(Some((At::Authenticated, Then::ColdStart(takes))));
        let mut screen = stage.open();
        if takes > Duration::from_secs(1) {
            screen.sees("Waking the database…");
        }
        screen.reads(&format!("Riverrun {number}."));
        quits(&mut screen);
    }
}

/// The wait ends in the middle of a word: "t" and "k" are keys where two texts are shown, "s" and "y" where none could be
/// read.
#[tokio::test]
async fn text_written_while_a_compute_starts_stays_text() {
    let stage = Stage::signed_in().await;
    give(&stage, "Riverrun.");
    let neon = Neon::before(shared());
    let url = stage.database.user().port(neon.port());
    let url = url.set("connect_timeout", "2");

    neon.always(Some((At::Authenticated, Then::Silence)));
    let mut screen = stage.open_at(&url);
    screen.sees("Waking the database…");
    write(&mut screen, "the sly");
    neon.always(Some((At::Authenticated, refusal(DISABLED))));
    screen.sees("is disabled");
    screen.sees("your text is kept.");
    screen.type_(" style s yet q");
    screen.sees("the sly style s yet q");
    neon.always(None);
    screen.key(Key::Enter);
    screen.sees("k keep mine");
    screen.sees("Riverrun.");
    screen.key(Key::Ctrl('c'));
    screen.exit_status();

    let takes = Duration::from_secs(1);
    neon.always(Some((At::Authenticated, Then::ColdStart(takes))));
    let mut screen = stage.open_at(&url);
    screen.sees("e go on writing");
    screen.writes(", thin");
    screen.sees("There is already another text.");
    screen.type_("ks tk");
    screen.sees("the sly style s yet q, thinks tk");
    assert_eq!(stage.quote(), "Riverrun.");
    screen.key(Key::Enter);
    screen.sees("k keep mine");
    screen.sees("Riverrun.");
    screen.decides('k');
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "the sly style s yet q, thinks tk");
}

/// Neon ends the sessions of a compute that no one used for five minutes (57P01), and starts it for whoever comes next.
#[tokio::test]
async fn a_compute_that_was_suspended_while_idle_is_woken_by_the_save() {
    let stage = Stage::signed_in().await;
    let neon = Neon::before(shared());
    stage.database_network.lead_to(neon.port());
    let mut screen = stage.open_without_quote();
    write(&mut screen, "Sir Tristram, violer d'amores");
    stage.database.end_sessions();
    let takes = Duration::from_millis(1_500);
    neon.always(Some((At::Authenticated, Then::ColdStart(takes))));
    screen.key(Key::Enter);
    screen.sees("Waking the database…");
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "Sir Tristram, violer d'amores");
    stage.keeps_no_draft();
}

/// With every round: the half minute that a start may take, twice, and then the end of the minute that an operation may take.
#[tokio::test]
async fn a_front_that_stays_silent_is_told_in_the_end() {
    let stage = Stage::signed_in().await;
    let neon = Neon::before(shared());
    let whole = rounds(0, 1) == 1;
    let url = stage.database.user().port(neon.port());
    let (url, told) = if whole {
        (url, "took too long to open a connection")
    } else {
        let url = url.set("connect_timeout", "2");
        (url, "The database does not answer; trying again…")
    };
    let screens = [At::Dialled, At::Secured, At::Authenticated].map(|at| {
        neon.always(Some((at, Then::Silence)));
        let mut screen = stage.open_at(&url);
        screen.sees("Waking the database…");
        screen
    });
    for mut screen in screens {
        screen.sees(told);
        quits(&mut screen);
    }
}
