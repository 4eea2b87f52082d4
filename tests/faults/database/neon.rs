//! What Neon's proxy does and says, and its compute that sleeps.

use std::{collections::BTreeSet, process::Command, time::Duration};

use super::{end_sessions, give, side_by_side, write};
use crate::{
    faults::rounds,
    support::{
        neon::{Neon, Stage as At, Then},
        postgres::shared,
        pty::{Key, Pty},
        stage::{INVITATION, Stage, ends},
        wait_until,
    },
};

const BUSY: &str = "has no free connections";
const RESTARTING: &str = "is being restarted";

/// What passes, as Neon's proxy words it, and what a person is told if it doesn't.
const PASSING: [(At, &str, &str); 16] = [
    (
        At::Authenticated,
        "Couldn't connect to compute node",
        RESTARTING,
    ),
    (At::Authenticated, "Control plane request failed", "outage"),
    (
        At::Authenticated,
        "Your project already has running operations. Please wait until they complete, and then try again.",
        "busy with a change",
    ),
    (
        At::Authenticated,
        "project already has running conflicting operations, scheduling of new ones is prohibited",
        "busy with a change",
    ),
    (
        At::Authenticated,
        "endpoint is temporarily unavailable. Check your quotas and/or contact our support.",
        "temporarily unavailable",
    ),
    (At::Secured, "Too many connections attempts", BUSY),
    (
        At::Authenticated,
        "Failed to acquire permit to connect to the database. Too many database connection attempts are currently ongoing.",
        BUSY,
    ),
    (
        At::Secured,
        "Too many connections to this endpoint. Please try again later.",
        BUSY,
    ),
    (At::Secured, "Authentication timed out", "took too long"),
    (At::Authenticated, "early eof", RESTARTING),
    (
        At::Authenticated,
        "Connection terminated unexpectedly",
        RESTARTING,
    ),
    // What the compute itself says when it is connected to; the proxy takes its SQLSTATE away.
    (At::Authenticated, "sorry, too many clients already", BUSY),
    (
        At::Authenticated,
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        BUSY,
    ),
    (
        At::Authenticated,
        "the database system is starting up",
        RESTARTING,
    ),
    (
        At::Authenticated,
        "the database system is shutting down",
        RESTARTING,
    ),
    (
        At::Authenticated,
        "terminating connection due to administrator command",
        RESTARTING,
    ),
];

/// What stays as it is however often one tries, and what a person is told.
const LASTING: [(At, &str, [&str; 2]); 14] = [
    (
        At::Authenticated,
        "password authentication failed for user 'joyce'",
        ["with this password", "Neon's console"],
    ),
    (
        At::Secured,
        "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for SNI support or pass the endpoint ID (first part of the domain name) as a parameter: '?options=endpoint%3D<endpoint-id>'. See more at https://neon.tech/sni",
        ["which database is meant", "Neon's console"],
    ),
    (
        At::Secured,
        "The requested endpoint could not be found, or you don't have access to it. Please check the provided ID and try again.",
        ["no endpoint of this name", "Neon's console"],
    ),
    (
        At::Secured,
        "endpoint cannot be found",
        ["no endpoint of this name", "Neon's console"],
    ),
    (
        At::Secured,
        "The endpoint has been disabled. Enable it using Neon API and retry.",
        ["is disabled", "its owner can enable it"],
    ),
    (
        At::Secured,
        "endpoint is disabled",
        ["is disabled", "its owner can enable it"],
    ),
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
        At::Secured,
        "This connection is trying to access this endpoint from a blocked network.",
        ["from this network", "under Network Security"],
    ),
    (
        At::Secured,
        "VPC endpoint ID is not specified. This endpoint requires a VPC endpoint ID to connect.",
        ["from a private network only", "under Network Security"],
    ),
    (
        At::Secured,
        "Inconsistent project name inferred from SNI ('ep-one-1') and project option ('ep-two-2').",
        ["two different endpoints", "Neon's console"],
    ),
    (
        At::Secured,
        "connection is insecure (try using `sslmode=require`)",
        ["without TLS", "sslmode=require"],
    ),
    (
        At::Authenticated,
        "something that nobody has seen yet",
        ["something that nobody has seen yet (SQLSTATE XX000)", ""],
    ),
];

/// The command through a front of its own.
fn through(stage: &Stage, neon: &Neon, arguments: &[&str]) -> Command {
    let mut command = stage.home.command(arguments);
    let url = stage.database.user().port(neon.port());
    command.env("DATABASE_URL", url.to_string());
    command
}

#[tokio::test]
async fn what_passes_at_neons_proxy_is_tried_again_and_works() {
    let stage = Stage::signed_in().await;
    give(&stage, "Riverrun.");
    let fronts = PASSING.map(|(at, text, _)| {
        let neon = Neon::before(shared());
        neon.once(at, Then::Refusal(text.into()));
        neon
    });
    let commands = fronts.iter().map(|neon| through(&stage, neon, &["show"]));
    for ((ran, neon), (_, text, _)) in side_by_side(commands).iter().zip(&fronts).zip(PASSING) {
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), "Riverrun."),
            "{text}: {ran:?}"
        );
        assert_eq!(neon.connections(), 2, "{text}");
    }
}

/// Every day one text of each meaning.
#[tokio::test]
async fn what_does_not_pass_at_neons_proxy_is_told_after_six_tries() {
    let stage = Stage::signed_in().await;
    let mut meanings = BTreeSet::new();
    let tried: Vec<_> = PASSING
        .into_iter()
        .filter(|(_, _, says)| meanings.insert(*says) || rounds(0, 1) == 1)
        .collect();
    let fronts: Vec<_> = tried
        .iter()
        .map(|(at, text, _)| {
            let neon = Neon::before(shared());
            neon.always(Some((*at, Then::Refusal((*text).into()))));
            neon
        })
        .collect();
    let commands = fronts.iter().map(|neon| through(&stage, neon, &["show"]));
    for ((ran, neon), (_, text, says)) in side_by_side(commands).iter().zip(&fronts).zip(tried) {
        ran.fails(7, &[says, "hint: try again in a moment"]);
        assert_eq!(neon.connections(), 6, "{text}");
    }
}

#[tokio::test]
async fn a_lasting_refusal_of_neons_proxy_is_told_at_once() {
    let stage = Stage::signed_in().await;
    let fronts = LASTING.map(|(at, text, _)| {
        let neon = Neon::before(shared());
        neon.always(Some((at, Then::Refusal(text.into()))));
        neon
    });
    let commands = fronts
        .iter()
        .map(|neon| through(&stage, neon, &["set", "Riverrun."]));
    for ((ran, neon), (_, text, says)) in side_by_side(commands).iter().zip(&fronts).zip(LASTING) {
        ran.fails(11, &says);
        assert_eq!(neon.connections(), 1, "{text}");
    }
    assert_eq!(stage.rows(), "");
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
        screen.key(Key::Char('q'));
        screen.exit_status();
    }
}

/// The wait ends in the middle of a word: "t" and "k" are keys where two texts are shown, "s" and "y" where none could be
/// read.
#[tokio::test]
async fn text_written_while_a_compute_starts_stays_text() {
    let stage = Stage::signed_in().await;
    give(&stage, "Riverrun.");
    let neon = Neon::before(shared());
    let mut command = stage.home.command::<&str>(&[]);
    let url = stage.database.user().port(neon.port());
    command.env("DATABASE_URL", url.set("connect_timeout", "2").to_string());

    neon.always(Some((At::Authenticated, Then::Silence)));
    let mut screen = Pty::spawn(&command, 80, 24);
    screen.sees("Waking the database…");
    write(&mut screen, "the sly");
    let refusal = LASTING[4].1.into();
    neon.always(Some((At::Authenticated, Then::Refusal(refusal))));
    screen.sees(LASTING[4].2[0]);
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
    let mut screen = Pty::spawn(&command, 80, 24);
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
    let mut screen = stage.open();
    screen.sees(INVITATION);
    write(&mut screen, "Sir Tristram, violer d'amores");
    end_sessions(&stage);
    let takes = Duration::from_millis(1_500);
    neon.always(Some((At::Authenticated, Then::ColdStart(takes))));
    screen.key(Key::Enter);
    screen.sees("Waking the database…");
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "Sir Tristram, violer d'amores");
    wait_until("the draft is gone", || {
        stage.draft().is_none().then_some(())
    });
}

/// `connect_timeout` makes the wait short, but not too short for a good connection on a busy machine.
#[tokio::test]
async fn a_front_that_falls_silent_is_given_up_and_tried_again() {
    let stage = Stage::signed_in().await;
    give(&stage, "Riverrun.");
    let fronts = [At::Dialled, At::Secured, At::Authenticated].map(|at| {
        let neon = Neon::before(shared());
        neon.once(at, Then::Silence);
        neon
    });
    let commands = fronts.iter().map(|neon| {
        let mut command = stage.home.command(&["show"]);
        let url = stage.database.user().port(neon.port());
        command.env("DATABASE_URL", url.set("connect_timeout", "6").to_string());
        command
    });
    for (ran, neon) in side_by_side(commands).into_iter().zip(&fronts) {
        assert_eq!(ran.data(), "Riverrun.");
        assert!(neon.connections() >= 2);
    }
}

/// With every round: the half minute that a start may take, twice, and then the end of the minute that an operation may take.
#[tokio::test]
async fn a_front_that_stays_silent_is_told_in_the_end() {
    let stage = Stage::signed_in().await;
    let neon = Neon::before(shared());
    let whole = rounds(0, 1) == 1;
    let url = stage.database.user().port(neon.port());
    let url = if whole {
        url
    } else {
        url.set("connect_timeout", "2")
    };
    let mut command = stage.home.command::<&str>(&[]);
    command.env("DATABASE_URL", url.to_string());
    let mut screens: Vec<_> = [At::Dialled, At::Secured, At::Authenticated]
        .into_iter()
        .map(|at| {
            neon.always(Some((at, Then::Silence)));
            let mut screen = Pty::spawn(&command, 80, 24);
            screen.sees("Waking the database…");
            screen
        })
        .collect();
    for screen in &mut screens {
        screen.sees(if whole {
            "took too long to open a connection"
        } else {
            "The database does not answer; trying again…"
        });
        screen.key(Key::Char('q'));
        ends(screen, 0);
    }
}
