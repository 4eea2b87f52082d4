//! The session in the keyring of a Linux desktop, in good and in bad health.

use std::{
    fs,
    os::unix::net::UnixListener,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    okta::{Endpoint, Okta, Person, Server},
    postgres::Database,
    program::Home,
    secret_service::{Health, SecretService},
    stage::{Login, Stage},
    wait_for,
};

/// Someone with a desktop, before they sign in.
fn at_home(okta: &Okta, keyring: &SecretService) -> Home {
    okta.configure(|settings| settings.interval = Some(1));
    let mut home = Home::new();
    home.set("AUTH_OKTA_ISSUER", okta.issuer(Server::Default));
    home.set("AUTH_OKTA_ID", okta.client_id());
    home.set("DBUS_SESSION_BUS_ADDRESS", keyring.address());
    home
}

fn sign_in(okta: &Okta, home: &Home, person: Person) {
    let (sign_in, _) = Login::with_code(home);
    let approved = okta.approve(&okta.next_code(), person);
    approved.expect("the code is good");
    sign_in.end().data();
}

#[tokio::test]
async fn the_session_is_in_the_keyring_and_nowhere_else() {
    let okta = Okta::start();
    let keyring = SecretService::start(Health::Unlocked);
    let database = Database::trusting(&okta).await;
    let mut home = at_home(&okta, &keyring);
    home.set("DATABASE_URL", database.user_url());
    let log = home.path().join("log").display().to_string();
    home.set("EPIGRAPH_LOG", "trace");

    sign_in(&okta, &home, Person::James);
    let kept = keyring.secrets("service", "epigraph");
    assert_eq!(kept.len(), 1, "one entry");
    let secrets = okta.issued_secrets();
    assert!(secrets.iter().any(|secret| kept[0].contains(secret)));

    // New processes find it there, and ask Okta nothing.
    let asked = okta.client_requests();
    assert!(home.run(&["whoami"]).data().contains("James Joyce"));
    home.run(&["--log", &log, "set", "Mistakes."]).data();
    assert_eq!(home.run(&["show"]).data(), "Mistakes.");
    assert_eq!(okta.client_requests(), asked);
    assert!(fs::metadata(&log).is_ok_and(|log| log.len() > 0));
    // No file of the home holds a secret, which is looked at when it is left; and this is the one kind that might.
    assert_eq!(home.file_of("session-"), None);

    home.run(&["logout"]).data();
    assert_eq!(keyring.secrets("service", "epigraph"), [""; 0]);
    assert_eq!(okta.live_refresh_tokens(Person::James), 0);
    home.run(&["whoami"]).fails(3, &["epigraph login"]);
}

#[test]
fn a_second_sign_in_replaces_the_entry() {
    let okta = Okta::start();
    let keyring = SecretService::start(Health::Unlocked);
    let home = at_home(&okta, &keyring);
    sign_in(&okta, &home, Person::James);
    let first = keyring.secrets("service", "epigraph");
    sign_in(&okta, &home, Person::James);
    let second = keyring.secrets("service", "epigraph");
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    // What it replaced has ended at Okta as well, whoever signs in.
    assert_eq!(okta.live_refresh_tokens(Person::James), 1);
    sign_in(&okta, &home, Person::Nora);
    assert_eq!(okta.live_refresh_tokens(Person::James), 0);
    home.run(&["logout"]).data();
    assert_eq!(okta.live_refresh_tokens(Person::Nora), 0);
}

/// Longer than the three seconds that a keyring may take, on a busy machine; much shorter than the minutes that these take.
const NOT_FOR_EVER: Duration = Duration::from_secs(30);

/// Runs a command that ends for want of a keyring.
#[track_caller]
fn is_refused(home: &Home, command: &str, says: &[&str]) {
    let start = Instant::now();
    home.run(&[command]).fails(9, says);
    assert!(start.elapsed() < NOT_FOR_EVER, "{command} hangs");
}

/// An empty keyring answers that it contains no session, locked or not; only a write tells.
#[test]
fn a_keyring_that_keeps_nothing_is_told_before_the_browser() {
    let file = "store = \"file\"";
    let refuses: [(Health, &[&str]); 7] = [
        (Health::Locked, &["waiting to be unlocked", "unlock it"]),
        (Health::WaitingForPassword, &["waiting to be unlocked"]),
        (Health::Empty, &["no default collection", file]),
        (Health::Absent, &["no keyring here", "--store file"]),
        (Health::Hung, &["does not answer", file]),
        (Health::NeverStarts, &["does not answer"]),
        (
            Health::Denied,
            &["denied access to epigraph", "allow it", "--store file"],
        ),
    ];
    thread::scope(|scope| {
        for (health, says) in refuses {
            scope.spawn(move || {
                let okta = Okta::start();
                let keyring = SecretService::start(health);
                let mut home = at_home(&okta, &keyring);
                // A database that no one ever asks.
                home.set("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/none");
                is_refused(&home, "login", says);
                if health == Health::Denied {
                    is_refused(&home, "whoami", says);
                    is_refused(&home, "show", says);
                }
                // No one is asked to approve what cannot be kept.
                assert_eq!(okta.count(Endpoint::DeviceAuthorize), 0, "{health:?}");
                if health == Health::Empty {
                    let ran = home.run(&["doctor"]);
                    assert!(says.iter().all(|says| ran.stdout.contains(says)), "{ran:?}");
                }
            });
        }
    });
}

#[test]
fn a_session_in_a_keyring_that_locks_is_not_lost() {
    let okta = Okta::start();
    let keyring = SecretService::start(Health::Unlocked);
    let home = at_home(&okta, &keyring);
    sign_in(&okta, &home, Person::James);
    keyring.lock();
    for command in ["whoami", "login"] {
        is_refused(&home, command, &["waiting to be unlocked"]);
    }
    assert_eq!(okta.live_refresh_tokens(Person::James), 1);
}

/// A keyring that no one was asked to unlock is not waiting for anyone.
#[test]
fn doctor_sees_a_keyring_that_can_keep_no_session() {
    let okta = Okta::start();
    let mut keyring = SecretService::start(Health::WaitingForPassword);
    let home = at_home(&okta, &keyring);
    let looks = |says: &[&str]| {
        let start = Instant::now();
        let ran = home.run(&["doctor"]);
        assert!(start.elapsed() < NOT_FOR_EVER, "doctor hangs");
        assert!(says.iter().all(|says| ran.stdout.contains(says)), "{ran:?}");
    };
    looks(&["is locked", "Unlock it"]);
    keyring.start_again();
    sign_in(&okta, &home, Person::James);
    looks(&["answers and contains a session"]);
    keyring.lock();
    looks(&["is locked", "Unlock it"]);
}

#[test]
fn a_bus_out_of_reach_is_told_from_no_keyring() {
    let okta = Okta::start();
    let keyring = SecretService::start(Health::Unlocked);
    let mut home = at_home(&okta, &keyring);
    // Where a socket was, where one is that no one listens at, and what is no address.
    let stale = home.path().join("stale");
    drop(UnixListener::bind(&stale).expect("a socket"));
    for address in [
        "unix:path=/nowhere/bus".to_owned(),
        format!("unix:path={}", stale.display()),
        "nonsense".to_owned(),
    ] {
        home.set("DBUS_SESSION_BUS_ADDRESS", address);
        for command in ["login", "whoami"] {
            let says = ["no message bus answers at DBUS_SESSION", "new terminal"];
            is_refused(&home, command, &says);
        }
    }
    assert_eq!(okta.count(Endpoint::DeviceAuthorize), 0);
}

/// What the tests above rely on: otherwise they could pass for the wrong reason.
#[test]
fn the_keyring_is_as_ordered() {
    let store = |service: &SecretService, value: &str| service.stores(value, &["service", "other"]);
    let open = SecretService::start(Health::Unlocked);
    assert!(store(&open, "first"));
    assert_eq!(open.secrets("service", "other"), ["first"]);
    assert!(open.secrets("service", "another").is_empty());
    thread::scope(|scope| {
        for health in [
            Health::Locked,
            Health::WaitingForPassword,
            Health::Absent,
            Health::Hung,
            Health::NeverStarts,
        ] {
            scope.spawn(move || {
                let service = SecretService::start(health);
                assert!(!store(&service, "second"), "{health:?}");
            });
        }
    });
}

/// It is told nothing before it is known for whom, and no one is asked where no one is signed in.
#[tokio::test]
async fn the_database_is_reached_while_the_keyring_is_read() {
    let mut stage = Stage::new().await;
    let keyring = SecretService::start(Health::Unlocked);
    stage.configure("");
    let address = keyring.address().to_owned();
    stage.home.set("DBUS_SESSION_BUS_ADDRESS", address);
    let run = |arguments: &[&str]| {
        let network = &stage.database_network;
        // The command before may still be saying goodbye.
        wait_for("the connection has ended", || network.open() == 0);
        network.forget();
        let code = stage.run(arguments).code;
        let counts = network.counts();
        (code, counts.connections, counts.requested > 0)
    };
    assert_eq!(run(&["show"]), (Some(3), 0, false));
    stage.log_in();
    assert_eq!(run(&["set", "Yes."]), (Some(0), 1, true));
    keyring.hang(true);
    assert_eq!(run(&["show"]), (Some(9), 1, false));
    keyring.hang(false);
    assert_eq!(run(&["show"]), (Some(0), 1, true));
    assert_eq!(run(&["logout"]), (Some(0), 0, false));
    assert_eq!(run(&["show"]), (Some(3), 0, false));
}
