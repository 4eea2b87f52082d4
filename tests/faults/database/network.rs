//! The way to the database fails, or leads to something else.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use super::{end_sessions, give, refusals::trusting, side_by_side, waits_for_a_lock, write};
use crate::{
    faults::rounds,
    support::{
        ca::{self, Validity},
        neon::{Neon, Stage as At, Then},
        pgbouncer::PgBouncer,
        postgres::{Cluster, Settings, shared},
        pty::{Key, Pty},
        stage::{Stage, ends},
        tls_front::TlsFront,
        wait_until,
    },
};

const CURE: &str = "hint: ";

#[tokio::test]
async fn a_connection_ended_mid_save_is_replaced_and_saves_once() {
    let stage = Stage::signed_in().await;
    give(&stage, "One");
    let mut screen = stage.open();
    screen.reads("One");
    // While no one used it.
    end_sessions(&stage);
    write(&mut screen, ", two");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "One, two");
    // While the statement waits for a lock.
    let owner = stage.database.owner_session().await;
    owner
        .batch_execute("begin; lock table public.user_messages in access exclusive mode")
        .await
        .expect("the owner may");
    write(&mut screen, ", three");
    screen.key(Key::Enter);
    wait_until("the save waits", || waits_for_a_lock(&stage).then_some(()));
    end_sessions(&stage);
    owner.batch_execute("commit").await.expect("it is open");
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "One, two, three");
}

/// Between the commit and its answer: it was done, and when it is looked at, it is not done again.
#[tokio::test]
async fn a_save_whose_answer_is_lost_is_found_done() {
    let stage = Stage::signed_in().await;
    give(&stage, "One");
    let mut screen = stage.open();
    screen.reads("One");
    write(&mut screen, ", two");
    stage.database_network.hold_answers(true);
    screen.key(Key::Enter);
    wait_until("the save is committed", || {
        (stage.quote() == "One, two").then_some(())
    });
    let written = "select create_ts from public.user_messages";
    let before = stage.database.query(written);
    stage.database_network.forget();
    stage.database_network.cut();
    stage.database_network.hold_answers(false);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "One, two");
    assert_eq!(stage.database.query(written), before);
    assert_eq!(stage.database_network.counts().connections, 1);
}

/// Turns "One" into "One, two" by a save that is committed, and of which no one on this side ever hears.
fn save_without_an_answer(stage: &Stage) -> Pty {
    give(stage, "One");
    let mut screen = stage.open();
    screen.reads("One");
    write(&mut screen, ", two");
    stage.database_network.hold_answers(true);
    screen.key(Key::Enter);
    wait_until("the save is committed", || {
        (stage.quote() == "One, two").then_some(())
    });
    lose_the_network(stage);
    screen.sees("it is unknown whether the quote was saved.");
    screen
}

/// The other outcome: the order to commit never arrived. Either way the screen does not claim to know, and reading again tells.
#[tokio::test]
async fn a_write_in_question_is_settled_by_reading_again() {
    let stage = Stage::signed_in().await;
    let mut screen = save_without_an_answer(&stage);
    screen.sees("Perhaps not saved. Your text is still here");
    screen.sees("One, two");
    assert!(
        !screen.screen().contains(" Not saved"),
        "{}",
        screen.screen()
    );
    assert!(
        stage
            .draft()
            .is_some_and(|draft| draft.contains("One, two"))
    );
    find_the_network(&stage);
    screen.key(Key::Esc);
    screen.sees("Press e to go on with it.");
    screen.key(Key::Char('r'));
    screen.sees("Your text is saved.");
    screen.reads("One, two");
    wait_until("the draft is gone", || {
        stage.draft().is_none().then_some(())
    });

    // The delete, at the same time as another program's save that never arrives.
    let mut other = stage.open();
    other.reads("One, two");
    write(&mut other, ", never");
    stage.database_network.hold_requests(true);
    stage.database_network.forget();
    other.key(Key::Enter);
    wait_until("the save is on its way", || {
        (stage.database_network.counts().requested > 0).then_some(())
    });
    screen.key(Key::Char('d'));
    screen.sees("Delete your quote?");
    let before = stage.database_network.counts().requested;
    screen.decides('y');
    wait_until("the delete is on its way", || {
        (stage.database_network.counts().requested > before).then_some(())
    });
    lose_the_network(&stage);
    screen.sees("it is unknown whether the quote was deleted.");
    screen.reads("One, two");
    other.sees("it is unknown whether the quote was saved.");
    find_the_network(&stage);
    assert_eq!(stage.quote(), "One, two");
    other.key(Key::Enter);
    other.sees("Saved.");
    screen.key(Key::Char('r'));
    screen.reads("One, two, never");
    assert_eq!(stage.quote(), "One, two, never");

    if rounds(0, 1) == 1 {
        a_save_stays_in_question_when_its_time_is_over().await;
    }
}

/// Who goes on writing after such a save, and saves again, is not told that someone else has changed the quote.
#[tokio::test]
async fn a_save_after_one_that_stayed_in_question_takes_its_place() {
    let stage = Stage::signed_in().await;
    let mut screen = save_without_an_answer(&stage);
    find_the_network(&stage);
    screen.type_(", three");
    screen.sees("One, two, three");
    screen.key(Key::Enter);
    screen.sees_that("saves it, or asks which to keep", |screen| {
        let shown = screen.contents();
        shown.contains("Saved.") || shown.contains("elsewhere")
    });
    assert!(screen.screen().contains("Saved."), "{}", screen.screen());
    assert_eq!(stage.quote(), "One, two, three");
    wait_until("the draft is gone", || {
        stage.draft().is_none().then_some(())
    });
}

/// What was deleted is nowhere else by then.
#[tokio::test]
async fn a_deleted_quote_on_its_way_back_is_kept_whatever_cuts_it_off() {
    let stage = Stage::signed_in().await;
    for killed in [true, false] {
        give(&stage, "One");
        let mut screen = stage.open();
        screen.reads("One");
        screen.key(Key::Char('d'));
        screen.sees("Delete your quote?");
        screen.decides('y');
        screen.sees("Your quote is deleted.");
        stage.database_network.hold_requests(true);
        screen.key(Key::Char('u'));
        screen.sees("Bringing your quote back…");
        if killed {
            wait_until("the text is kept", || {
                stage.draft()?.contains("One").then_some(())
            });
            screen.signal(Signal::KILL);
            screen.exit_status();
        } else {
            screen.key(Key::Char('q'));
            ends(&mut screen, 0);
            assert!(
                screen.screen().contains("the save was not confirmed"),
                "{}",
                screen.screen()
            );
        }
        find_the_network(&stage);
        stage.database_network.cut();
        // The request that was held may have arrived at last.
        stage.wait_for_the_end_of_sessions();
        stage
            .database
            .query("delete from public.user_messages returning user_id");
        let mut screen = stage.open();
        screen.sees("Here is your unsaved text.");
        screen.sees("One");
        screen.key(Key::Enter);
        screen.sees("Saved.");
        assert_eq!(stage.quote(), "One");
        screen.key(Key::Char('q'));
        ends(&mut screen, 0);
    }
}

/// The minute that an operation may take ends while the answer is outstanding, after nothing had been sent for most of it.
async fn a_save_stays_in_question_when_its_time_is_over() {
    let stage = Stage::signed_in().await;
    give(&stage, "One");
    let mut screen = stage.open();
    screen.reads("One");
    write(&mut screen, ", two");
    let owner = stage.database.owner_session().await;
    owner
        .batch_execute("begin; update public.user_messages set message = message")
        .await
        .expect("the owner may");
    let neon = Neon::before(shared());
    let takes = Duration::from_secs(25);
    neon.always(Some((At::Authenticated, Then::ColdStart(takes))));
    neon.once(At::Dialled, Then::Silence);
    stage.database_network.lead_to(neon.port());
    stage.database_network.cut();
    screen.key(Key::Enter);
    screen.sees("The database does not answer; trying again…");
    screen.sees("it is unknown whether the quote was saved.");
    screen.sees("Perhaps not saved. Your text is still here");
    owner.batch_execute("rollback").await.expect("it is open");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "One, two");
}

fn lose_the_network(stage: &Stage) {
    stage.database_network.refuse(true);
    stage.database_network.cut();
}

fn find_the_network(stage: &Stage) {
    stage.database_network.hold_answers(false);
    stage.database_network.hold_requests(false);
    stage.database_network.refuse(false);
}

/// A laptop slept, or a router forgot: the connection looks open, and nothing comes through it.
#[tokio::test]
async fn a_connection_that_died_in_silence_is_given_up_after_a_moment() {
    let stage = Stage::signed_in().await;
    give(&stage, "One");
    let mut screen = stage.open();
    screen.reads("One");
    stage.database_network.silence();
    write(&mut screen, ", two");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    assert_eq!(stage.quote(), "One, two");
    assert_eq!(stage.database_network.counts().connections, 2);
}

#[tokio::test]
async fn a_network_that_lets_bytes_through_one_by_one_is_enough() {
    let stage = Stage::signed_in().await;
    give(&stage, "Drop by drop.");
    stage
        .database_network
        .trickle(Some(Duration::from_micros(50)));
    assert_eq!(stage.run(&["show"]).data(), "Drop by drop.");
    assert_eq!(stage.run(&["set", "Drip."]).code, Some(0));
    stage.database_network.trickle(None);
    assert_eq!(stage.quote(), "Drip.");
}

/// With an open connection, and while someone writes.
#[tokio::test]
async fn a_database_that_restarts_is_waited_for() {
    let stage = Stage::signed_in().await;
    let mut cluster = Cluster::start(Settings::default());
    let url = trusting(&cluster, &stage.okta).await.user();
    let database = url.database.clone();
    let mut command = stage.home.command::<&str>(&[]);
    command.env("DATABASE_URL", url.to_string());
    let mut screen = Pty::spawn(&command, 80, 24);
    screen.sees("Save an inspiring quote");
    write(&mut screen, "One");
    screen.key(Key::Enter);
    screen.sees("Saved.");
    write(&mut screen, ", two");
    cluster.stop();
    screen.key(Key::Enter);
    screen.sees("The database does not answer; trying again…");
    cluster.start_again();
    screen.sees("Saved.");
    assert_eq!(
        cluster.query(&database, "select message from public.user_messages"),
        "One, two"
    );
}

#[tokio::test]
async fn something_that_is_no_postgresql_is_told_from_one() {
    let mut stage = Stage::signed_in().await;
    let web = "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n";
    let garbage = "\u{1}\u{2}\u{3}".repeat(2_000);
    let speaks = |says: &str| answering(says.as_bytes().to_vec());
    let plain =
        |url: crate::support::postgres::Url| url.without("sslrootcert").without("channel_binding");
    let secure = TlsFront::before(speaks(web), ca::localhost());
    let user = || stage.database.user();
    let cases = [
        // The stand-in for Okta speaks HTTP over TLS, as any web site does.
        (user().port(stage.okta_network.port()), 7, "hung up"),
        (user().port(speaks(web)), 7, "does not offer TLS"),
        (user().port(speaks(&garbage)), 7, "does not offer TLS"),
        (
            user().port(secure.port()).set("sslnegotiation", "direct"),
            11,
            "answers in a way that is not understood",
        ),
        (
            plain(user()).port(speaks(web)).set("sslmode", "disable"),
            11,
            "answers in a way that is not understood",
        ),
        (
            plain(user())
                .port(speaks(&garbage))
                .set("sslmode", "disable"),
            11,
            "answers in a way that is not understood",
        ),
    ];
    for (url, code, says) in cases {
        stage.home.set("DATABASE_URL", url.to_string());
        stage.run(&["show"]).fails(code, &[says, CURE]);
    }
}

/// Whoever connects is told this, and is let go.
fn answering(says: Vec<u8>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            // What a client sends first, so that its end is no reset.
            let _sent = client.read(&mut [0; 4096]);
            client.write_all(&says).ok();
        }
    });
    port
}

#[tokio::test]
async fn an_untrusted_or_unreachable_server_is_sent_nothing() {
    let mut stage = Stage::signed_in().await;
    let stranger = ca::stranger().leaf(&["localhost"], Validity::Current);
    let leaf = |names: &[&str], validity| ca::trusted().leaf(names, validity);
    let front = |leaf| TlsFront::before(shared().port(), leaf);
    let user = || stage.database.user().set("sslnegotiation", "direct");
    let nobody = crate::support::free_port();
    let mut lost = stage.database.user();
    lost.host = "nowhere.invalid".into();
    let plaintext = Cluster::start(Settings {
        plaintext: true,
        ..Settings::default()
    });
    let cases = [
        (
            user().port(front(&stranger).port()),
            "is not trusted by this machine",
        ),
        (
            user().port(front(&leaf(&["localhost"], Validity::Expired)).port()),
            "has expired",
        ),
        (
            user().port(front(&leaf(&["localhost"], Validity::NotYet)).port()),
            "not valid yet",
        ),
        (
            user().port(front(&leaf(&["db.example"], Validity::Current)).port()),
            "for another name than localhost",
        ),
        (
            stage.database.user().port(plaintext.port()),
            "does not offer TLS, so nothing was sent to it",
        ),
        (
            stage.database.user().port(nobody),
            "Nothing is listening on localhost",
        ),
        (
            lost,
            "No address was found for the database's host nowhere.invalid",
        ),
    ];
    let commands = cases.iter().map(|(url, _)| {
        let mut command = stage.home.command(&["set", "One"]);
        command.env("DATABASE_URL", url.to_string());
        command
    });
    let ran = side_by_side(commands);
    for (ran, (_, says)) in ran.iter().zip(&cases) {
        let mut says = (*says).to_owned();
        says[..1].make_ascii_lowercase();
        ran.fails(7, &[&says, CURE]);
    }
    assert_eq!(stage.rows(), "");
    // At the screens, with a text at stake.
    stage
        .home
        .set("DATABASE_URL", user().port(nobody).to_string());
    let mut screen = stage.open();
    screen.sees("Nothing is listening on");
    screen.key(Key::Char('q'));
    ends(&mut screen, 0);
}

/// PgBouncer in transaction mode, as behind Neon's `-pooler` hosts: what it says itself.
#[tokio::test]
async fn what_a_pooler_says_itself_is_understood() {
    let stage = Stage::signed_in().await;
    give(&stage, "Pooled.");
    let pooler = PgBouncer::start(shared(), 1, &[&stage.database]);
    let url = || {
        stage
            .database
            .user()
            .port(pooler.port())
            .without("channel_binding")
    };
    let through = |url: crate::support::postgres::Url, arguments: &[&str]| {
        let mut command = stage.home.command(arguments);
        command.env("DATABASE_URL", url.to_string());
        side_by_side([command]).remove(0)
    };
    assert_eq!(through(url(), &["show"]).data(), "Pooled.");
    let mut wrong = url();
    wrong.password = "wrong".into();
    through(wrong, &["show"]).fails(11, &["with this password", CURE]);
    let mut unknown = url();
    unknown.user = "nobody_at_all".into();
    through(unknown, &["show"]).fails(11, &[CURE]);
    let mut elsewhere = url();
    elsewhere.database = "nowhere".into();
    through(elsewhere, &["show"]).fails(11, &["database nowhere", CURE]);
    let bound = url().set("channel_binding", "require");
    through(bound, &["show"]).fails(11, &["channel binding", CURE]);
    let optioned = url().set("options", "-c work_mem=4MB");
    through(optioned, &["show"]).fails(11, &["refuses the options", CURE]);
}

/// The one server connection that the pooler may use is someone else's for a while (`query_wait_timeout`).
#[tokio::test]
async fn a_pooler_without_a_server_connection_is_waited_for() {
    let stage = Stage::signed_in().await;
    give(&stage, "Pooled.");
    let pooler = PgBouncer::start_with(shared(), 1, &[&stage.database], "query_wait_timeout = 1\n");
    let url = stage
        .database
        .user()
        .port(pooler.port())
        .without("channel_binding");
    let mut command = stage.home.command(&["show"]);
    command.env("DATABASE_URL", url.to_string());
    let (ran, slept) = thread::scope(|scope| {
        let somebody = scope.spawn(|| stage.database.psql(&url, "select 'slept', pg_sleep(3)"));
        wait_until("somebody has it", || {
            let sleeps = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
            (stage.database.query(sleeps) == "1").then_some(())
        });
        let ran = side_by_side([command]).remove(0);
        (ran, somebody.join().expect("psql ends"))
    });
    assert!(slept.contains("slept"), "{slept}");
    assert!(ran.stderr.contains("trying again"), "{ran:?}");
    assert_eq!(ran.data(), "Pooled.");
}
