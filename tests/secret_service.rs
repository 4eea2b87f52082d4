//! The session in the keyring of a Linux desktop, in good and in bad health.

use std::{
    fs,
    os::unix::net::UnixListener,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    okta::{Endpoint, Okta, Person, Server},
    postgres::Database,
    program::Home,
    secret_service::{Health, SecretService},
    stage::{Login, Stage},
    wait_until,
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

fn sign_in(okta: &Okta, home: &Home) {
    sign_in_as(okta, home, Person::James);
}

fn sign_in_as(okta: &Okta, home: &Home, person: Person) {
    let (sign_in, code) = Login::with_code(home);
    let code = code["user_code"].as_str().expect("a code");
    okta.approve(code, person).expect("the code is good");
    sign_in.end().data();
}

/// The files below a directory that hold one of the secrets.
fn files_with(directory: &Path, secrets: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, secrets));
        } else {
            let bytes = fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            if secrets.iter().any(|secret| text.contains(secret)) {
                found.push(path.display().to_string());
            }
        }
    }
    found
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

    sign_in(&okta, &home);
    let kept = keyring.secrets("service", "epigraph");
    assert_eq!(kept.len(), 1, "one entry");
    let secrets = okta.issued_secrets();
    assert!(secrets.iter().any(|secret| kept[0].contains(secret)));
    assert_eq!(files_with(home.path(), &secrets), [""; 0]);

    // New processes find it there, and ask Okta nothing.
    let asked = okta.client_requests();
    assert!(home.run(&["whoami"]).data().contains("James Joyce"));
    home.run(&[
        "--log",
        &log,
        "set",
        "Mistakes are the portals of discovery.",
    ])
    .data();
    let shown = home.run(&["show"]).data();
    assert!(shown.contains("portals of discovery"));
    assert_eq!(okta.client_requests(), asked);
    assert!(fs::metadata(&log).is_ok_and(|log| log.len() > 0));
    assert_eq!(files_with(home.path(), &secrets), [""; 0]);

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
    sign_in(&okta, &home);
    let first = keyring.secrets("service", "epigraph");
    sign_in(&okta, &home);
    let second = keyring.secrets("service", "epigraph");
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    // What it replaced has ended at Okta as well, whoever signs in.
    assert_eq!(okta.live_refresh_tokens(Person::James), 1);
    sign_in_as(&okta, &home, Person::Nora);
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

#[track_caller]
fn nobody_signs_in(health: Health, says: &[&str]) {
    let okta = Okta::start();
    let keyring = SecretService::start(health);
    let home = at_home(&okta, &keyring);
    is_refused(&home, "login", says);
    assert_eq!(
        okta.count(Endpoint::DeviceAuthorize),
        0,
        "nobody is asked to approve what cannot be kept"
    );
}

/// An empty keyring answers that it contains no session, locked or not; only a write tells.
#[test]
fn a_locked_keyring_asks_to_be_unlocked() {
    nobody_signs_in(Health::Locked, &["waiting to be unlocked", "unlock it"]);
}

#[test]
fn a_keyring_prompt_without_an_answer_is_given_up() {
    nobody_signs_in(Health::WaitingForPassword, &["waiting to be unlocked"]);
}

#[test]
fn a_session_in_a_keyring_that_locks_is_not_lost() {
    let okta = Okta::start();
    let keyring = SecretService::start(Health::Unlocked);
    let home = at_home(&okta, &keyring);
    sign_in(&okta, &home);
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
    sign_in(&okta, &home);
    looks(&["answers and contains a session"]);
    keyring.lock();
    looks(&["is locked", "Unlock it"]);
}

#[test]
fn a_keyring_without_a_collection_says_so() {
    let says = ["no default collection", "store = \"file\""];
    nobody_signs_in(Health::Empty, &says);
    let keyring = SecretService::start(Health::Empty);
    let ran = at_home(&Okta::start(), &keyring).run(&["doctor"]);
    assert!(says.iter().all(|says| ran.stdout.contains(says)), "{ran:?}");
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
            is_refused(
                &home,
                command,
                &["no message bus answers at DBUS_SESSION", "new terminal"],
            );
        }
    }
    assert_eq!(okta.count(Endpoint::DeviceAuthorize), 0);
}

#[test]
fn no_keyring_names_the_file_as_the_choice() {
    nobody_signs_in(Health::Absent, &["no keyring here", "--store file"]);
}

#[test]
fn a_hung_keyring_is_given_up() {
    nobody_signs_in(Health::Hung, &["does not answer", "store = \"file\""]);
}

#[test]
fn a_keyring_that_never_starts_is_given_up() {
    nobody_signs_in(Health::NeverStarts, &["does not answer"]);
}

/// What the tests above rely on: otherwise they could pass for the wrong reason.
#[test]
fn the_keyring_is_as_ordered() {
    let store = |service: &SecretService, value: &str| {
        let mut command = Command::new("sh");
        let script = "printf %s \"$0\" | timeout 2 secret-tool store --label=test service other";
        command.args(["-c", script, value]);
        service.offer(&mut command);
        command.output().expect("sh starts").status.success()
    };
    let open = SecretService::start(Health::Unlocked);
    assert!(store(&open, "first"));
    assert_eq!(open.secrets("service", "other"), ["first"]);
    assert!(open.secrets("service", "another").is_empty());
    for health in [
        Health::Locked,
        Health::WaitingForPassword,
        Health::Absent,
        Health::Hung,
        Health::NeverStarts,
    ] {
        let service = SecretService::start(health);
        assert!(!store(&service, "second"), "{health:?}");
    }
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
        wait_until("the connection has ended", || {
            (network.open() == 0).then_some(())
        });
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
