//! The way to the database fails, or leads to something else.

use std::{
    io::{Read, Write},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use super::{TOUCH, give, is_saved, looking_at, save, write};
use crate::{
    faults::rounds,
    support::{
        ca::{self, Ca, Validity},
        free_port,
        neon::{Neon, Stage as At, Then},
        pgbouncer::PgBouncer,
        postgres::{Cluster, LOCK, Settings, Url, shared},
        program::{Home, Ran},
        pty::{Key, Pty},
        served::listen,
        stage::{INVITATION, Stage, quits},
        tls_front::TlsFront,
        wait_for,
    },
};

const CURE: &str = "hint: ";

#[tokio::test]
async fn a_connection_ended_mid_save_is_replaced_and_saves_once() {
    let (stage, mut screen) = looking_at("One").await;
    // While no one used it.
    stage.database.end_sessions();
    save(&mut screen, ", two");
    is_saved(&stage, &mut screen, "One, two");
    // While the statement waits for a lock.
    let owner = stage.database.owner_begins(LOCK).await;
    save(&mut screen, ", three");
    wait_for("the save waits", || stage.database.waits_for_a_lock());
    stage.database.end_sessions();
    owner.batch_execute("commit").await.expect("it is open");
    is_saved(&stage, &mut screen, "One, two, three");
}

/// Between the commit and its answer: it was done, and when it is looked at, it is not done again.
#[tokio::test]
async fn a_save_whose_answer_is_lost_is_found_done() {
    let (stage, mut screen) = save_without_an_answer().await;
    let written = "select create_ts from public.user_messages";
    let before = stage.database.query(written);
    stage.database_network.forget();
    stage.database_network.cut();
    stage.database_network.hold_answers(false);
    is_saved(&stage, &mut screen, "One, two");
    assert_eq!(stage.database.query(written), before);
    assert_eq!(stage.database_network.counts().connections, 1);
}

/// Turns "One" into "One, two" by a save that is committed, and of which no one on this side has heard.
async fn save_without_an_answer() -> (Stage, Pty) {
    let (stage, mut screen) = looking_at("One").await;
    write(&mut screen, ", two");
    stage.database_network.hold_answers(true);
    screen.key(Key::Enter);
    wait_for("the save is committed", || stage.quote() == "One, two");
    (stage, screen)
}

/// The same, and no one ever will.
async fn save_in_question() -> (Stage, Pty) {
    let (stage, mut screen) = save_without_an_answer().await;
    stage.database_network.lose();
    screen.sees("it is unknown whether the quote was saved.");
    (stage, screen)
}

/// The other outcome: the order to commit never arrived. Either way the screen does not claim to know, and reading again tells.
#[tokio::test]
async fn a_write_in_question_is_settled_by_reading_again() {
    let (stage, mut screen) = save_in_question().await;
    screen.sees("Perhaps not saved. Your text is still here");
    screen.sees("One, two");
    screen.sees_no_more(" Not saved");
    stage.keeps("One, two");
    find_the_network(&stage);
    screen.key(Key::Esc);
    screen.sees("Press e to go on with it.");
    screen.key(Key::Char('r'));
    screen.sees("Your text is saved.");
    screen.reads("One, two");
    stage.keeps_no_draft();

    // The delete, at the same time as another program's save that never arrives.
    let mut other = stage.open_reading("One, two");
    write(&mut other, ", never");
    stage.database_network.hold_requests(true);
    stage.database_network.forget();
    other.key(Key::Enter);
    wait_for("the save is on its way", || {
        stage.database_network.counts().requested > 0
    });
    screen.key(Key::Char('d'));
    screen.sees("Delete your quote?");
    let before = stage.database_network.counts().requested;
    screen.decides('y');
    wait_for("the delete is on its way", || {
        stage.database_network.counts().requested > before
    });
    stage.database_network.lose();
    screen.sees("it is unknown whether the quote was deleted.");
    screen.reads("One, two");
    other.sees("it is unknown whether the quote was saved.");
    find_the_network(&stage);
    assert_eq!(stage.quote(), "One, two");
    other.saves();
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
    let (stage, mut screen) = save_in_question().await;
    find_the_network(&stage);
    screen.type_(", three");
    screen.sees("One, two, three");
    screen.key(Key::Enter);
    screen.sees_that("saves it, or asks which to keep", |screen| {
        let shown = screen.contents();
        shown.contains("Saved.") || shown.contains("elsewhere")
    });
    is_saved(&stage, &mut screen, "One, two, three");
    stage.keeps_no_draft();
}

/// What was deleted is nowhere else by then.
#[tokio::test]
async fn a_deleted_quote_on_its_way_back_is_kept_whatever_cuts_it_off() {
    let stage = Stage::signed_in().await;
    for killed in [true, false] {
        give(&stage, "One");
        let mut screen = stage.open_reading("One");
        screen.deletes();
        screen.sees("Your quote is deleted.");
        stage.database_network.hold_requests(true);
        screen.key(Key::Char('u'));
        screen.sees("Bringing your quote back…");
        if killed {
            stage.keeps("One");
            screen.signal(Signal::KILL);
            screen.exit_status();
        } else {
            quits(&mut screen);
            screen.sees("the save was not confirmed");
        }
        find_the_network(&stage);
        stage.database_network.cut();
        // The request that was held may have arrived at last.
        stage.wait_for_the_end_of_sessions();
        stage.database.query("delete from public.user_messages");
        let mut screen = stage.open();
        screen.sees("Here is your unsaved text.");
        screen.sees("One");
        screen.key(Key::Enter);
        is_saved(&stage, &mut screen, "One");
        quits(&mut screen);
    }
}

/// The minute that an operation may take ends while the answer is outstanding, after nothing had been sent for most of it.
async fn a_save_stays_in_question_when_its_time_is_over() {
    let (stage, mut screen) = looking_at("One").await;
    write(&mut screen, ", two");
    let owner = stage.database.owner_begins(TOUCH).await;
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
    is_saved(&stage, &mut screen, "One, two");
}

fn find_the_network(stage: &Stage) {
    stage.database_network.hold_answers(false);
    stage.database_network.hold_requests(false);
    stage.database_network.refuse(false);
}

/// A laptop slept, or a router forgot: the connection looks open, and nothing comes through it.
#[tokio::test]
async fn a_connection_that_died_in_silence_is_given_up_after_a_moment() {
    let (stage, mut screen) = looking_at("One").await;
    stage.database_network.silence();
    save(&mut screen, ", two");
    is_saved(&stage, &mut screen, "One, two");
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
    let url = cluster.trusting(&stage.okta).await.user();
    let mut screen = stage.open_at(&url);
    screen.sees(INVITATION);
    save(&mut screen, "One");
    screen.sees("Saved.");
    write(&mut screen, ", two");
    cluster.stop();
    screen.key(Key::Enter);
    screen.sees("The database does not answer; trying again…");
    cluster.start_again();
    screen.sees("Saved.");
    let saved = cluster.query(&url.database, "select message from public.user_messages");
    assert_eq!(saved, "One, two");
}

#[tokio::test]
async fn something_that_is_no_postgresql_is_told_from_one() {
    let stage = Stage::signed_in().await;
    let web = "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n";
    let garbage = "\u{1}\u{2}\u{3}".repeat(2_000);
    let speaks = |says: &str| answering(says.as_bytes().to_vec());
    let secure = TlsFront::before(speaks(web), ca::localhost());
    let user = |port| stage.database.user().port(port);
    let plain = |port| {
        let url = user(port).without("sslrootcert");
        url.without("channel_binding").set("sslmode", "disable")
    };
    let no_tls = "does not offer TLS";
    let not_understood = "answers in a way that is not understood";
    for (url, code, says) in [
        // The stand-in for Okta speaks HTTP over TLS, as any web site does.
        (user(stage.okta_network.port()), 7, "hung up"),
        (user(speaks(web)), 7, no_tls),
        (user(speaks(&garbage)), 7, no_tls),
        (
            user(secure.port()).set("sslnegotiation", "direct"),
            11,
            not_understood,
        ),
        (plain(speaks(web)), 11, not_understood),
        (plain(speaks(&garbage)), 11, not_understood),
    ] {
        show_at(&stage, &url).fails(code, &[says, CURE]);
    }
}

/// Shows the quote of the database at this address.
fn show_at(stage: &Stage, url: &Url) -> Ran {
    Home::side_by_side([stage.home.command_at(url, &["show"])]).remove(0)
}

/// Whoever connects is told this, and is let go.
fn answering(says: Vec<u8>) -> u16 {
    let (listener, port) = listen();
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
    let stage = Stage::signed_in().await;
    let user = |port| stage.database.user().port(port);
    let front = |ca: &Ca, name, validity| {
        let front = TlsFront::before(shared().port(), &ca.leaf(&[name], validity));
        user(front.port()).set("sslnegotiation", "direct")
    };
    let (trusted, here) = (ca::trusted(), "localhost");
    let nobody = user(free_port());
    let mut lost = stage.database.user();
    lost.host = "nowhere.invalid".into();
    let plaintext = Cluster::start(Settings {
        plaintext: true,
        ..Settings::default()
    });
    let cases = [
        (
            front(ca::stranger(), here, Validity::Current),
            "is not trusted by this machine",
        ),
        (front(trusted, here, Validity::Expired), "has expired"),
        (front(trusted, here, Validity::NotYet), "not valid yet"),
        (
            front(trusted, "db.example", Validity::Current),
            "for another name than localhost",
        ),
        (
            user(plaintext.port()),
            "does not offer TLS, so nothing was sent to it",
        ),
        (nobody.clone(), "nothing is listening on localhost"),
        (
            lost,
            "no address was found for the database's host nowhere.invalid",
        ),
    ];
    let save = |url| stage.home.command_at(url, &["set", "One"]);
    let ran = Home::side_by_side(cases.iter().map(|(url, _)| save(url)));
    for (ran, (_, says)) in ran.iter().zip(&cases) {
        ran.fails(7, &[says, CURE]);
    }
    assert_eq!(stage.rows(), "");
    // At the screens, with a text at stake.
    let mut screen = stage.open_at(&nobody);
    screen.sees("Nothing is listening on");
    quits(&mut screen);
}

/// The person's way to the database through a pooler.
fn through(stage: &Stage, pooler: &PgBouncer) -> Url {
    let url = stage.database.user().port(pooler.port());
    url.without("channel_binding")
}

/// PgBouncer in transaction mode, as behind Neon's `-pooler` hosts: what it says itself.
#[tokio::test]
async fn what_a_pooler_says_itself_is_understood() {
    let stage = Stage::signed_in().await;
    give(&stage, "Pooled.");
    let pooler = PgBouncer::start(shared(), 1, &[&stage.database]);
    let url = through(&stage, &pooler);
    assert_eq!(show_at(&stage, &url).data(), "Pooled.");
    let [mut wrong, mut unknown, mut elsewhere] = [(); 3].map(|()| url.clone());
    wrong.password = "wrong".into();
    unknown.user = "nobody_at_all".into();
    elsewhere.database = "nowhere".into();
    let bound = url.clone().set("channel_binding", "require");
    let optioned = url.set("options", "-c work_mem=4MB");
    for (url, says) in [
        (wrong, "with this password"),
        (unknown, CURE),
        (elsewhere, "database nowhere"),
        (bound, "channel binding"),
        (optioned, "refuses the options"),
    ] {
        show_at(&stage, &url).fails(11, &[says, CURE]);
    }
}

/// The one server connection that the pooler may use is someone else's for a while (`query_wait_timeout`).
#[tokio::test]
async fn a_pooler_without_a_server_connection_is_waited_for() {
    let stage = Stage::signed_in().await;
    give(&stage, "Pooled.");
    let pooler = PgBouncer::start_with(shared(), 1, &[&stage.database], "query_wait_timeout = 1\n");
    let url = through(&stage, &pooler);
    let (ran, slept) = thread::scope(|scope| {
        let another = scope.spawn(|| stage.database.psql(&url, "select 'slept', pg_sleep(3)"));
        let sleeps = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
        wait_for("another has it", || stage.database.query(sleeps) == "1");
        let ran = show_at(&stage, &url);
        (ran, another.join().expect("psql ends"))
    });
    assert!(slept.contains("slept"), "{slept}");
    assert!(ran.stderr.contains("trying again"), "{ran:?}");
    assert_eq!(ran.data(), "Pooled.");
}
