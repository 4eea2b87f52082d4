//! Sessions over doubles of Okta, vault and database, and over the real file vault and lock.

mod doubles;

use std::sync::atomic::Ordering;

use self::doubles::{Database, GRANTED, Memory, Okta, Scripted, World, user};
use super::*;
use crate::{config::Store, keyring::Keyring};

type OfDoubles = Session<Okta, Memory, Database>;

/// With no one signed in.
fn signed_out() -> (World, Arc<OfDoubles>) {
    let world = World::new();
    let session = world.session();
    (world, session)
}

/// With someone who signed in earlier, whose ID token has so many seconds left.
fn signed_in(left: i64) -> (World, Arc<OfDoubles>) {
    let (world, session) = signed_out();
    world.signed_in(left);
    (world, session)
}

async fn sign_in(session: &OfDoubles) -> Result<Restored, Failure> {
    session.request_code(&Progress::silent()).await?;
    session.await_approval(&Progress::silent()).await
}

async fn load(session: &Session<Okta, impl Vault, Database>) -> Result<Option<Saved>, Failure> {
    session.load(&Progress::silent()).await
}

/// The same, to be left running.
fn loads<V: Vault>(
    session: &Arc<Session<Okta, V, Database>>,
) -> impl Future<Output = Result<Option<Saved>, Failure>> + use<V> {
    let session = Arc::clone(session);
    async move { load(&session).await }
}

/// What is reported of some activities, those in which there is a failure.
fn hearing(failure: fn(Activity) -> Option<Failure>) -> (Progress, Arc<Mutex<Vec<Failure>>>) {
    let told = Arc::<Mutex<Vec<Failure>>>::default();
    let heard = Arc::clone(&told);
    let hear = move |activity| heard.lock().extend(failure(activity));
    (Progress::new(hear), told)
}

fn draft(text: &str) -> KeptDraft {
    KeptDraft {
        text: text.into(),
        based_on: Some("saved".into()),
    }
}

fn kind<T>(outcome: Result<T, Failure>) -> Option<Kind> {
    outcome.err().map(|failure| failure.kind)
}

#[tokio::test]
async fn a_warm_start_asks_okta_nothing_and_leaves_the_vault_alone() {
    let (world, session) = signed_in(3600);
    let restored = session
        .restore(&Progress::silent())
        .await
        .expect("read")
        .expect("signed in");
    assert_eq!(restored.user, user());
    load(&session).await.expect("loaded");
    load(&session).await.expect("loaded");
    assert_eq!(world.database.tokens(), ["id-1", "id-1"]);
    assert_eq!(world.okta.refreshes(), 0);
    assert_eq!(world.vault.0.reads.load(Ordering::SeqCst), 1);
    assert_eq!(world.vault.0.writes.load(Ordering::SeqCst), 0);
    assert!(!world.scratch.path().join("state").exists());
}

#[tokio::test]
async fn not_signed_in_is_said_without_asking_the_database() {
    let (world, session) = signed_out();
    assert_eq!(session.restore(&Progress::silent()).await, Ok(None));
    assert_eq!(session.standing(&Progress::silent()).await, Ok(None));
    assert_eq!(kind(load(&session).await), Some(Kind::NotSignedIn));
    assert_eq!(world.database.connects.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refused_connection_beside_a_renewal_is_tried_once() {
    let (world, session) = signed_in(30);
    let database = &world.database;
    database.refuses_connections.store(true, Ordering::SeqCst);
    assert_eq!(kind(load(&session).await), Some(Kind::Database));
    assert_eq!(database.connects.load(Ordering::SeqCst), 1);
    assert_eq!(database.tokens(), [""; 0]);
    assert!(world.vault.text().contains("refresh-2"));
}

#[tokio::test]
async fn an_expired_token_is_renewed_while_the_database_connects() {
    let (world, session) = signed_in(59);
    load(&session).await.expect("loaded");
    assert_eq!(world.database.tokens(), ["id-2"]);
    assert_eq!(world.database.connects.load(Ordering::SeqCst), 1);
    assert!(world.vault.text().contains("refresh-2") && world.vault.text().contains("id-2"));
    // A new process finds it.
    load(&world.session()).await.expect("loaded");
    assert_eq!(world.okta.refreshes(), 1);
}

#[tokio::test]
async fn a_token_that_has_expired_for_the_database_is_renewed_once() {
    let (world, session) = signed_in(3600);
    world.database.expired.store(1, Ordering::SeqCst);
    load(&session).await.expect("loaded");
    assert_eq!(world.database.tokens(), ["id-1", "id-2"]);
    assert!(world.vault.text().contains("refresh-2") && world.vault.text().contains("id-2"));
    assert_eq!(world.okta.refreshes(), 1);

    // Its clock is wrong: another sign-in would not help, so the session stays.
    world.database.expired.store(2, Ordering::SeqCst);
    let failure = load(&session).await.expect_err("late");
    assert_eq!(failure.kind, Kind::Database, "{failure}");
    assert!(failure.what.contains("clock"), "{failure}");
    assert_eq!(world.database.tokens(), ["id-1", "id-2", "id-2", "id-3"]);
    assert!(
        session
            .standing(&Progress::silent())
            .await
            .expect("read")
            .is_some()
    );
}

#[tokio::test]
async fn another_processs_renewal_is_used_when_ours_is_refused() {
    let (world, session) = signed_in(3600);
    load(&session).await.expect("loaded");
    world.signed_in(3600);
    world.database.expired.store(1, Ordering::SeqCst);
    load(&session).await.expect("loaded");
    assert_eq!(world.database.tokens(), ["id-1", "id-1", "id-2"]);
    assert_eq!(world.okta.refreshes(), 0);
}

#[tokio::test]
async fn eight_operations_of_two_processes_renew_once_over_one_vault() {
    let world = World::new();
    let vault = |_| {
        Keyring::new(
            Store::File,
            &world.scratch.path().join("state"),
            "issuer",
            "client",
        )
    };
    world.signed_in(0);
    vault(0)
        .write(world.vault.text().into())
        .await
        .expect("written");
    let gate = world.okta.shut_gate();
    let sessions = [0, 1].map(|number| {
        Arc::new(Session::new(
            world.okta.clone(),
            vault(number),
            world.database.clone(),
            world.scratch.path().join("state"),
            "issuer client",
            true,
        ))
    });
    let operations: Vec<_> = (0..8)
        .map(|number| tokio::spawn(loads(&sessions[number % 2])))
        .collect();
    world.okta.0.began.notified().await;
    gate.notify_one();
    for operation in operations {
        assert_eq!(operation.await.expect("no panic"), Ok(None));
    }
    assert_eq!(world.okta.refreshes(), 1);
    assert!(world.database.tokens().iter().all(|token| token == "id-2"));
}

#[tokio::test]
async fn an_outage_at_okta_ends_no_session() {
    let (world, session) = signed_in(0);
    for failure in [Kind::Unreachable, Kind::Okta, Kind::Failed] {
        world.okta.script(Scripted::Fail(failure));
        assert_eq!(kind(load(&session).await), Some(failure));
        assert!(world.vault.text().contains("refresh-1"));
    }
    load(&session).await.expect("back again");
}

#[tokio::test]
async fn an_ended_session_empties_the_vault_and_keeps_the_draft() {
    let (world, session) = signed_in(0);
    session.restore(&Progress::silent()).await.expect("read");
    session.keep_draft(draft("unsaved")).await.expect("kept");
    world.okta.script(Scripted::End);
    assert_eq!(kind(load(&session).await), Some(Kind::NotSignedIn));
    assert_eq!(world.vault.text(), "");
    session
        .keep_draft(draft("unsaved and more"))
        .await
        .expect("kept");
    let restored = sign_in(&session).await.expect("signed in");
    assert_eq!(restored.draft, Some(draft("unsaved and more")));
}

#[tokio::test]
async fn a_token_rotated_elsewhere_is_adopted() {
    let (world, session) = signed_in(0);
    session.restore(&Progress::silent()).await.expect("read");
    let gate = world.okta.shut_gate();
    let loading = tokio::spawn(loads(&session));
    // A program without our lock renews while our own request is on its way.
    world.okta.0.began.notified().await;
    world.signed_in(0);
    gate.notify_one();
    world.okta.0.began.notified().await;
    gate.notify_one();
    assert_eq!(loading.await.expect("no panic"), Ok(None));
    assert_eq!(world.database.tokens(), ["id-3"]);
}

#[tokio::test]
async fn a_rotated_token_is_kept_though_its_id_token_is_rejected() {
    let (world, session) = signed_in(0);
    world.okta.script(Scripted::RotateOnly);
    assert_eq!(kind(load(&session).await), Some(Kind::Okta));
    assert!(world.vault.text().contains("refresh-2"));
    load(&session).await.expect("with the rotated one");
}

#[tokio::test]
async fn a_refresh_is_kept_though_its_caller_has_gone() {
    let (world, session) = signed_in(0);
    let gate = world.okta.shut_gate();
    let loading = tokio::spawn(loads(&session));
    world.okta.0.began.notified().await;
    loading.abort();
    assert!(loading.await.is_err_and(|error| error.is_cancelled()));
    *world.okta.0.gate.lock() = None;
    gate.notify_one();
    load(&session).await.expect("loaded");
    assert_eq!(world.okta.refreshes(), 1);
    assert!(world.vault.text().contains("refresh-2"));
}

#[tokio::test]
async fn the_end_waits_until_a_renewed_session_is_written() {
    let (world, session) = signed_in(0);
    let gate = world.okta.shut_gate();
    {
        let silent = Progress::silent();
        let abandoned = session.load(&silent);
        tokio::select! {
            _ = abandoned => panic!("the gate is shut"),
            () = world.okta.0.began.notified() => {}
        }
    }
    let ((), ()) = tokio::join!(finish_background_work(), async { gate.notify_one() });
    assert!(world.vault.text().contains("refresh-2"));
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_asks_the_person_is_waited_for_and_told() {
    let (world, session) = signed_out();
    let asked = Arc::new(tokio::sync::Notify::new());
    let progress = Progress::new({
        let asked = Arc::clone(&asked);
        move |activity| {
            if activity == Activity::KeyringAsks {
                asked.notify_one();
            }
        }
    });
    session.request_code(&progress).await.expect("a code");
    let shut = world.vault.0.gate.write().await;
    let answered = async {
        let told = tokio::time::timeout(std::time::Duration::from_secs(9), asked.notified());
        told.await.expect("it is told");
        drop(shut);
    };
    let ((), signed_in) = tokio::join!(answered, session.await_approval(&progress));
    signed_in.expect("it is kept");
}

#[tokio::test(start_paused = true)]
async fn a_start_tells_only_that_the_vault_asks_the_person() {
    let (world, session) = signed_in(600);
    world.vault.0.is_open.store(true, Ordering::SeqCst);
    let told = Arc::new(Mutex::new(Vec::new()));
    let progress = Progress::new({
        let told = Arc::clone(&told);
        move |activity| told.lock().push(activity)
    });
    world.vault.0.asks_at_reads.store(true, Ordering::SeqCst);
    let restored = session.restore(&progress).await;
    assert!(restored.expect("read").is_some());
    assert_eq!(*told.lock(), [Activity::KeyringAsks]);
}

#[tokio::test]
async fn a_vault_that_refuses_a_renewal_is_reported_once() {
    let (world, session) = signed_in(0);
    world.okta.0.lifetime.store(30, Ordering::SeqCst);
    world.vault.0.refuses_writes.store(true, Ordering::SeqCst);
    let (progress, told) = hearing(|activity| match activity {
        Activity::SessionNotKept(failure) => Some(failure),
        _ => None,
    });
    session.load(&progress).await.expect("loaded");
    world.vault.0.refuses_reads.store(true, Ordering::SeqCst);
    // With the token in memory; and the stale one in the vault is not used.
    session.load(&progress).await.expect("loaded");
    world.vault.0.refuses_reads.store(false, Ordering::SeqCst);
    session.load(&progress).await.expect("loaded");
    assert_eq!(world.okta.refreshes(), 3);
    let told: Vec<_> = told.lock().iter().map(|it| it.kind).collect();
    assert_eq!(told, [Kind::Vault]);
    world.vault.0.refuses_writes.store(false, Ordering::SeqCst);
    session.load(&progress).await.expect("loaded");
    assert!(world.vault.text().contains("refresh-5"));
}

#[tokio::test]
async fn a_locked_vault_ends_no_session() {
    let (world, session) = signed_in(0);
    session.restore(&Progress::silent()).await.expect("read");
    world.vault.0.refuses_reads.store(true, Ordering::SeqCst);
    assert_eq!(kind(load(&session).await), Some(Kind::Vault));
    assert_eq!(world.okta.refreshes(), 0);
    world.vault.0.refuses_reads.store(false, Ordering::SeqCst);
    load(&session).await.expect("unlocked");
}

#[tokio::test]
async fn what_another_process_did_to_the_session_is_noticed() {
    for (text, words) in [
        (None, "session was ended in another"),
        (
            Some(r#"{"version":1,"sub":"00u2","name":"Nora","refresh_token":"r"}"#),
            "Another person",
        ),
    ] {
        let (world, session) = signed_in(0);
        session.restore(&Progress::silent()).await.expect("read");
        *world.vault.0.secret.lock() = text.map(str::to_owned);
        let failure = load(&session).await.expect_err("ended");
        assert_eq!(failure.kind, Kind::NotSignedIn);
        assert!(failure.what.contains(words), "{failure}");
        assert_eq!(world.okta.refreshes(), 0);
        assert_eq!(world.vault.text(), text.unwrap_or_default());
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_replaced_by_a_sign_in_only() {
    for text in ["garbled", r#"{"version":2}"#] {
        let (world, session) = signed_out();
        world.vault.put(text);
        assert_eq!(
            kind(session.restore(&Progress::silent()).await),
            Some(Kind::Vault)
        );
        assert_eq!(kind(load(&session).await), Some(Kind::Vault));
        assert_eq!(world.vault.text(), text);
        sign_in(&session).await.expect("signed in");
        assert!(world.vault.text().contains("refresh-1"));
    }
}

#[tokio::test]
async fn no_browser_is_opened_for_a_session_that_cannot_be_kept() {
    let world = World::new();
    world.vault.0.refuses_reads.store(true, Ordering::SeqCst);
    let code = world.session().request_code(&Progress::silent()).await;
    assert_eq!(kind(code), Some(Kind::Vault));
}

#[tokio::test]
async fn a_sign_in_that_the_vault_does_not_take_is_revoked_and_said() {
    let (world, session) = signed_out();
    world.vault.0.refuses_writes.store(true, Ordering::SeqCst);
    assert_eq!(kind(sign_in(&session).await), Some(Kind::Vault));
    assert_eq!(world.okta.revoked(), ["refresh-1"]);
    assert_eq!(session.standing(&Progress::silent()).await, Ok(None));
}

#[tokio::test]
async fn a_session_that_another_one_replaces_is_revoked() {
    let (world, session) = signed_out();
    for revoked in [&[][..], &["refresh-1"], &["refresh-1", "refresh-2"]] {
        sign_in(&session).await.expect("signed in");
        assert_eq!(world.okta.revoked(), revoked);
    }
    // By another program, and while Okta cannot be reached, which keeps no one from signing in.
    sign_in(&world.session()).await.expect("signed in");
    assert_eq!(world.okta.revoked()[2..], ["refresh-3"]);
    world.okta.0.offline.store(true, Ordering::SeqCst);
    sign_in(&session).await.expect("signed in");
    assert_eq!(world.okta.revoked().len(), 3);
}

#[tokio::test]
async fn the_session_that_is_replaced_is_the_newest_of_it() {
    // Memory is ahead, or another one wrote meanwhile.
    for (another, newest) in [(false, "refresh-2"), (true, "refresh-3")] {
        let (world, session) = signed_in(30);
        world.vault.0.refuses_writes.store(true, Ordering::SeqCst);
        load(&session).await.expect("loaded");
        world.vault.0.refuses_writes.store(false, Ordering::SeqCst);
        if another {
            world.signed_in(3600);
        }
        sign_in(&session).await.expect("signed in");
        assert_eq!(world.okta.revoked(), [newest]);
    }
}

#[tokio::test]
async fn every_renewal_asks_for_the_scopes_that_were_granted() {
    let (world, session) = signed_out();
    world.okta.0.lifetime.store(30, Ordering::SeqCst);
    sign_in(&session).await.expect("signed in");
    load(&session).await.expect("loaded");
    load(&world.session()).await.expect("loaded");
    let asked = world.okta.0.scopes.lock().clone();
    assert_eq!(asked, [Some(GRANTED.to_owned()), Some(GRANTED.to_owned())]);
    // Nothing is known of an older release's session.
    let (world, session) = signed_in(30);
    load(&session).await.expect("loaded");
    assert_eq!(*world.okta.0.scopes.lock(), [None]);
}

#[tokio::test]
async fn a_session_that_others_may_read_is_told_of() {
    let (world, session) = signed_out();
    world.vault.0.is_open.store(true, Ordering::SeqCst);
    let restored = sign_in(&session).await.expect("signed in");
    assert_eq!(restored.warnings, world.vault.warning().as_slice());
    let (progress, told) = hearing(|activity| match activity {
        Activity::Unguarded(failure) => Some(failure),
        _ => None,
    });
    let session = world.session();
    for _ in 0..2 {
        session.load(&progress).await.expect("loaded");
    }
    let told = told.lock().clone();
    assert_eq!(told, world.vault.warning().as_slice());
}

#[tokio::test]
async fn a_session_without_a_refresh_token_is_short_and_says_why() {
    let (world, session) = signed_out();
    world.okta.0.no_refresh_token.store(true, Ordering::SeqCst);
    world.okta.0.lifetime.store(30, Ordering::SeqCst);
    let restored = sign_in(&session).await.expect("signed in");
    let cure = restored.warnings.first().and_then(|it| it.cure.as_deref());
    assert!(cure.is_some_and(|it| it.contains("Refresh Token")));
    let standing = session.standing(&Progress::silent()).await.expect("read");
    assert!(standing.is_some_and(|it| !it.renews));
    assert_eq!(kind(load(&session).await), Some(Kind::NotSignedIn));
    assert_eq!(world.okta.refreshes(), 0);
}

#[tokio::test]
async fn a_sign_out_leaves_no_trace_here_and_revokes_there() {
    let (world, session) = signed_out();
    sign_in(&session).await.expect("signed in");
    session.keep_draft(draft("unsaved")).await.expect("kept");
    assert_eq!(session.sign_out().await, Ok(SignOutOutcome::Revoked));
    assert_eq!(world.okta.revoked(), ["refresh-1"]);
    assert_eq!(world.vault.text(), "");
    assert_eq!(session.standing(&Progress::silent()).await, Ok(None));
    assert_eq!(sign_in(&session).await.expect("signed in").draft, None);
}

#[tokio::test]
async fn a_sign_out_works_offline_and_of_an_entry_that_cannot_be_read() {
    let world = World::new();
    world.signed_in(3600);
    world.okta.0.offline.store(true, Ordering::SeqCst);
    for kind in [Kind::Unreachable, Kind::Vault] {
        let outcome = world.session().sign_out().await.expect("emptied");
        let SignOutOutcome::OnlyLocally(failure) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(failure.kind, kind);
        assert_eq!(world.vault.text(), "");
        world.vault.put("garbled");
    }
}

#[tokio::test]
async fn a_sign_out_revokes_the_token_that_another_process_rotated() {
    let (world, session) = signed_in(3600);
    session.restore(&Progress::silent()).await.expect("read");
    world.signed_in(3600);
    session.sign_out().await.expect("emptied");
    assert_eq!(world.okta.revoked(), ["refresh-2"]);
}

/// Over a window that was left open, for example.
#[tokio::test]
async fn a_sign_out_spares_the_session_of_another_person() {
    let (world, session) = signed_in(3600);
    session.restore(&Progress::silent()).await.expect("read");
    let theirs = r#"{"version":1,"sub":"00u2","name":"Nora","refresh_token":"hers"}"#;
    world.vault.put(theirs);
    let nora = world.session();
    nora.restore(&Progress::silent()).await.expect("read");
    nora.keep_draft(draft("Riverrun")).await.expect("kept");
    drop(nora);
    assert_eq!(session.sign_out().await, Ok(SignOutOutcome::Revoked));
    assert_eq!(world.vault.text(), theirs);
    assert_eq!(world.okta.revoked(), ["refresh-1"]);
    let restored = world
        .session()
        .restore(&Progress::silent())
        .await
        .expect("read");
    let kept = restored.and_then(|restored| restored.draft);
    assert_eq!(kept, Some(draft("Riverrun")));
}

#[tokio::test]
async fn what_stays_in_a_vault_that_cannot_be_emptied_is_revoked() {
    let world = World::new();
    world.signed_in(3600);
    world.vault.0.refuses_writes.store(true, Ordering::SeqCst);
    assert_eq!(kind(world.session().sign_out().await), Some(Kind::Vault));
    assert_eq!(world.okta.revoked(), ["refresh-1"]);
}

#[tokio::test]
async fn a_sign_out_revokes_the_token_that_the_vault_never_took() {
    let (world, session) = signed_in(0);
    world.vault.0.refuses_writes.store(true, Ordering::SeqCst);
    load(&session).await.expect("loaded");
    assert_eq!(kind(session.sign_out().await), Some(Kind::Vault));
    assert_eq!(world.okta.revoked(), ["refresh-2"]);
}

/// Esc, while a keyring takes its time.
#[tokio::test]
async fn a_sign_in_that_is_given_up_while_it_is_being_kept_is_undone() {
    let (world, session) = signed_out();
    let held_up = world.vault.0.gate.write().await;
    let being_kept = async {
        while world.vault.0.writes.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = sign_in(&session) => panic!("too early: {outcome:?}"),
        () = being_kept => {}
    }
    tokio::join!(session.abandon_sign_in(), async { drop(held_up) });
    assert_eq!(world.vault.text(), "");
    assert_eq!(world.okta.revoked().len(), 1);
    assert_eq!(session.restore(&Progress::silent()).await, Ok(None));
}

#[tokio::test]
async fn an_approval_without_a_code_is_refused() {
    let (_world, session) = signed_out();
    let silent = Progress::silent();
    session.request_code(&silent).await.expect("a code");
    session.abandon_sign_in().await;
    let approved = session.await_approval(&silent).await;
    assert_eq!(kind(approved), Some(Kind::Failed));
}
