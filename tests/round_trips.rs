//! How often the network is crossed: the one cost of a program without a server that its user feels.

use std::time::Duration;

use crate::support::{
    ca,
    person::{Person, conflict, saved},
    postgres::{Cluster, Database, Settings, Url, literal, shared, shared_18},
    proxy::Proxy,
    pty::{Key, Pty},
    stage::{INVITATION, Stage},
    tls_front::TlsFront,
};

/// Long beside what this machine does in between, so that what is sent at once counts as one.
const DELAY: Duration = Duration::from_millis(50);

/// `PostgreSQL` up to 17 makes OpenSSL's clients begin the TLS handshake twice: its only group is not the one that they guess.
fn extra(cluster: &Cluster) -> usize {
    usize::from(cluster.version() < 180_000)
}

#[tokio::test]
async fn an_operation_on_an_open_connection_is_one_round_trip() {
    let database = Database::migrated().await;
    let proxy = Proxy::to(shared().port());
    proxy.delay(DELAY);
    let joyce = Person::new("00u-joyce", &database.user().port(proxy.port()).to_string());
    let count = || {
        let counts = proxy.counts();
        proxy.forget();
        (counts.connections, counts.round_trips)
    };
    joyce.connect().await;
    count();
    assert_eq!(joyce.load().await, None);
    assert_eq!(count(), (0, 1), "load");
    saved(joyce.save("one", None).await);
    assert_eq!(count(), (0, 1), "first save");
    saved(joyce.save(&"long ".repeat(12_000), Some("one")).await);
    assert_eq!(count(), (0, 1), "save of 60 kB");
    conflict(joyce.save("three", Some("one")).await);
    assert_eq!(count(), (0, 1), "conflict");
    joyce.delete(None).await;
    assert_eq!(count(), (0, 1), "delete");
}

#[tokio::test]
async fn a_start_costs_no_more_than_it_must() {
    let database = Database::migrated().await;
    let proxy = Proxy::to(shared().port());
    proxy.delay(DELAY);
    let start = || Person::new("00u-joyce", &database.user().port(proxy.port()).to_string());
    start().load().await;
    let ours = proxy.counts();
    // TCP, the question for TLS, TLS, the start with the first message of SCRAM, the last one with the operation.
    let (costs, extra) = (ours.round_trips, extra(shared()));
    assert_eq!((ours.connections, costs), (1, 5 + extra));

    // What writes waits until it is known who answers.
    proxy.forget();
    saved(start().save("Yes.", None).await);
    let writing = proxy.counts();
    assert_eq!((writing.connections, writing.round_trips), (1, 6 + extra));

    // A program that everybody knows, through the same proxy.
    proxy.forget();
    let through = database.user().port(proxy.port());
    assert_eq!(database.psql(&through, "select 1"), "1\n");
    assert!(costs <= proxy.counts().round_trips);
}

#[tokio::test]
async fn direct_tls_saves_one() {
    let database = shared_18().migrated().await;
    let proxy = Proxy::to(shared_18().port());
    proxy.delay(DELAY);
    let url = database.user().port(proxy.port());
    let url = url.set("sslnegotiation", "direct").to_string();
    let joyce = Person::new("00u-joyce", &url);
    assert_eq!(joyce.load().await, None);
    let counts = proxy.counts();
    // TCP, TLS, and two that are full.
    assert_eq!((counts.connections, counts.round_trips), (1, 4));
}

/// A pooler in between ends TLS, so nothing can be bound to it.
#[tokio::test]
async fn what_was_assumed_wrongly_is_learnt_once() {
    let cluster = Cluster::without_tls();
    let database = cluster.migrated().await;
    let front = TlsFront::before(cluster.port(), ca::localhost());
    let proxy = Proxy::to(front.port());
    proxy.delay(DELAY);
    let url = database.user().over_tls_at(proxy.port());
    let joyce = Person::new("00u-joyce", &url.to_string());
    assert_eq!(joyce.load().await, None);
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.round_trips), (2, 3 + 4));
    proxy.cut();
    proxy.forget();
    assert_eq!(joyce.load().await, None);
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.round_trips), (1, 4));
}

#[tokio::test]
async fn however_a_server_asks_for_the_password_it_is_answered() {
    let cluster = Cluster::start(Settings::default());
    let database = cluster.migrated().await;
    let user = database.user_name();
    for (method, encryption, connections) in [
        ("scram-sha-256", "scram-sha-256", 1),
        ("md5", "scram-sha-256", 1),
        ("md5", "md5", 2),
        ("password", "md5", 2),
        ("trust", "md5", 2),
    ] {
        cluster.let_in(&format!("hostssl all all 127.0.0.1/32 {method}\n"));
        let proxy = Proxy::to(cluster.port());
        let url = database.user().port(proxy.port());
        let mut url = url.without("channel_binding");
        database.query(&format!(
            "set password_encryption = '{encryption}'; alter role {user} password {}",
            literal(&url.password)
        ));
        let load = async |url: &Url| Person::new("00u-joyce", &url.to_string()).try_load().await;
        let loaded = load(&url).await;
        assert!(matches!(loaded, Ok(None)), "{method}: {loaded:?}");
        assert_eq!(proxy.counts().connections, connections, "{method}");
        url.password = "another".into();
        match load(&url).await {
            Ok(_) => assert_eq!(method, "trust"),
            Err(failure) => assert!(failure.what.contains("with this password"), "{failure}"),
        }
    }
}

/// Once, it waits for an answer in vain.
#[tokio::test]
async fn a_server_that_drops_what_comes_early_is_asked_in_turn() {
    let mut stage = Stage::signed_in().await;
    let cluster = Cluster::without_tls();
    let database = cluster.migrated().await;
    let front = TlsFront::before_one_message_at_a_time(cluster.port(), ca::localhost());
    let proxy = Proxy::to(front.port());
    let url = database.user().over_tls_at(proxy.port());
    let url = url.set("connect_timeout", "3").to_string();
    stage.home.set("DATABASE_URL", url);
    for connections in [3, 1] {
        proxy.forget();
        let shown = stage.run(&["show"]);
        // It trusts another Okta, and says so.
        assert_eq!(shown.code, Some(11), "{shown:?}");
        assert_eq!(proxy.counts().connections, connections);
    }
}

/// What a command reads goes with the authentication, so a write costs one round trip more than a look.
#[tokio::test]
async fn a_command_costs_a_start_and_a_write_one_more() {
    let stage = Stage::signed_in().await;
    let (network, asked) = (&stage.database_network, stage.okta.client_requests());
    network.delay(DELAY);
    for (command, code, round_trips) in [
        (&["show"][..], 5, 5),
        (&["set", "Yes."], 0, 6),
        (&["set", "Yes, I said."], 0, 6),
        (&["show"], 0, 5),
        (&["show", "--cached"], 0, 0),
        (&["delete", "--yes"], 0, 6),
    ] {
        network.forget();
        assert_eq!(stage.run(command).code, Some(code), "{command:?}");
        let counts = network.counts();
        let tls = if round_trips > 0 { extra(shared()) } else { 0 };
        assert_eq!(counts.round_trips, round_trips + tls, "{command:?}");
        assert!(counts.connections <= 1);
    }
    // A warm start asks Okta nothing.
    assert_eq!(stage.okta.client_requests(), asked);
}

#[tokio::test]
async fn a_screen_costs_a_start_and_one_round_trip_for_each_change() {
    let stage = Stage::signed_in().await;
    let (network, okta) = (&stage.database_network, &stage.okta);
    network.delay(DELAY);
    let asked = okta.client_requests();
    let mut screen = stage.open();
    screen.sees(INVITATION);
    let mut round_trips = vec![network.counts().round_trips];
    let mut count = |screen: &mut Pty, text: &str| {
        screen.sees(text);
        round_trips.push(network.counts().round_trips);
    };
    screen.writes("Yes.");
    count(&mut screen, "Enter Save Quote");
    screen.key(Key::Enter);
    count(&mut screen, "Saved.");
    // Nothing is asked for what is known.
    screen.key(Key::Char('?'));
    count(&mut screen, "Sign out");
    screen.key(Key::Esc);
    screen.sees("e edit");
    stage
        .database
        .query("update public.user_messages set message = 'No.'");
    screen.key(Key::Char('r'));
    count(&mut screen, "No.");
    screen.key(Key::Char('d'));
    screen.decides('y');
    count(&mut screen, INVITATION);
    let start = 5 + extra(shared());
    assert_eq!(
        round_trips,
        [start, start, start + 1, start + 1, start + 2, start + 3]
    );
    assert_eq!(okta.client_requests(), asked);
    screen.key(Key::Char('s'));
    screen.decides('y');
    screen.sees("Enter Log in");
    // Revoking: where that is done, Okta has said before.
    assert_eq!(okta.client_requests(), asked + 1);
    assert_eq!(network.counts().round_trips, start + 3);
}
