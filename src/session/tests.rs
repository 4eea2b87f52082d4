//! Sessions over doubles of Okta, vault and database, and over the real file vault and lock.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use chrono::Utc;
use secrecy::ExposeSecret;
use tokio::sync::Notify;

use super::*;
use crate::{config::Store, keyring::Keyring};

const SUB: &str = "00u1";

fn user() -> User {
    User {
        id: SUB.into(),
        name: "James Joyce".into(),
    }
}

/// An authorization server that rotates: only the newest refresh token is good.
#[derive(Clone, Default)]
struct Okta(Arc<OktaState>);

#[derive(Default)]
struct OktaState {
    refreshes: AtomicUsize,
    newest: AtomicUsize,
    revoked: Mutex<Vec<String>>,
    /// What the next refreshes answer instead.
    script: Mutex<VecDeque<Scripted>>,
    /// Where it is set, refreshes wait for it.
    gate: Mutex<Option<Arc<Notify>>>,
    began: Notify,
    offline: AtomicBool,
    no_refresh_token: AtomicBool,
    /// How long ID tokens live.
    lifetime: std::sync::atomic::AtomicI64,
}

enum Scripted {
    Fail(Kind),
    /// The ID token is not accepted, but the refresh token was rotated.
    RotateOnly,
}

impl Okta {
    fn new() -> Self {
        let okta = Self::default();
        okta.0.lifetime.store(3600, Ordering::SeqCst);
        okta
    }

    fn refreshes(&self) -> usize {
        self.0.refreshes.load(Ordering::SeqCst)
    }

    fn script(&self, scripted: Scripted) {
        self.0.script.lock().expect("free").push_back(scripted);
    }

    fn issue(&self) -> (IdToken, SecretString) {
        let number = self.0.newest.fetch_add(1, Ordering::SeqCst) + 1;
        let id_token = IdToken {
            token: format!("id-{number}").into(),
            expires_at: Utc::now().timestamp() + self.0.lifetime.load(Ordering::SeqCst),
            user: user(),
        };
        (id_token, format!("refresh-{number}").into())
    }
}

impl Identity for Okta {
    type Pending = ();

    async fn request_code(&self, _progress: &Progress) -> Result<(DeviceCode, ()), Failure> {
        let code = DeviceCode {
            user_code: "BCDFGHJK".into(),
            verification_uri: "https://org.okta.com/activate".into(),
            verification_uri_complete: None,
            expires_at: chrono::Local::now().fixed_offset(),
        };
        Ok((code, ()))
    }

    async fn await_approval(&self, (): &(), _progress: &Progress) -> Result<Tokens, Failure> {
        let (id_token, refresh_token) = self.issue();
        let without = self.0.no_refresh_token.load(Ordering::SeqCst);
        Ok(Tokens {
            id_token,
            refresh_token: (!without).then_some(refresh_token),
        })
    }

    async fn refresh(
        &self,
        refresh_token: &SecretString,
        user_id: &str,
        _progress: &Progress,
    ) -> Result<Refreshed, Failure> {
        self.0.refreshes.fetch_add(1, Ordering::SeqCst);
        self.0.began.notify_one();
        let gate = self.0.gate.lock().expect("free").clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        assert_eq!(user_id, SUB);
        let scripted = self.0.script.lock().expect("free").pop_front();
        if let Some(Scripted::Fail(kind)) = scripted {
            return Err(Failure::new(kind, "Scripted."));
        }
        let newest = format!("refresh-{}", self.0.newest.load(Ordering::SeqCst));
        if refresh_token.expose_secret() != newest {
            return Err(Failure::new(Kind::NotSignedIn, "Your session has ended."));
        }
        let (id_token, refresh_token) = self.issue();
        Ok(Refreshed {
            refresh_token: Some(refresh_token),
            id_token: match scripted {
                Some(Scripted::RotateOnly) => Err(Failure::new(Kind::Okta, "The clock is wrong.")),
                _ => Ok(id_token),
            },
        })
    }

    async fn revoke(&self, refresh_token: &SecretString) -> Result<(), Failure> {
        if self.0.offline.load(Ordering::SeqCst) {
            return Err(Failure::new(Kind::Unreachable, "Okta cannot be reached."));
        }
        let mut revoked = self.0.revoked.lock().expect("free");
        revoked.push(refresh_token.expose_secret().to_owned());
        Ok(())
    }
}

/// A vault that counts and can refuse.
#[derive(Clone, Default)]
struct Memory(Arc<MemoryState>);

#[derive(Default)]
struct MemoryState {
    secret: Mutex<Option<String>>,
    reads: AtomicUsize,
    writes: AtomicUsize,
    refuses_writes: AtomicBool,
    refuses_reads: AtomicBool,
}

impl Memory {
    fn text(&self) -> String {
        self.0
            .secret
            .lock()
            .expect("free")
            .clone()
            .unwrap_or_default()
    }

    fn put(&self, text: &str) {
        *self.0.secret.lock().expect("free") = Some(text.into());
    }

    fn locked() -> Failure {
        Failure::new(Kind::Vault, "The keyring is waiting to be unlocked.")
    }
}

impl Vault for Memory {
    async fn read(&self) -> Result<Option<SecretString>, Failure> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        if self.0.refuses_reads.load(Ordering::SeqCst) {
            return Err(Self::locked());
        }
        Ok(self.0.secret.lock().expect("free").clone().map(Into::into))
    }

    async fn write(&self, secret: SecretString) -> Result<(), Failure> {
        self.0.writes.fetch_add(1, Ordering::SeqCst);
        if self.0.refuses_writes.load(Ordering::SeqCst) {
            return Err(Self::locked());
        }
        self.put(secret.expose_secret());
        Ok(())
    }

    async fn clear(&self) -> Result<(), Failure> {
        if self.0.refuses_writes.load(Ordering::SeqCst) {
            return Err(Self::locked());
        }
        *self.0.secret.lock().expect("free") = None;
        Ok(())
    }

    fn place(&self) -> String {
        "memory".into()
    }
}

/// A database that remembers with which tokens it was asked.
#[derive(Clone, Default)]
struct Database {
    tokens: Arc<Mutex<Vec<String>>>,
    connects: Arc<AtomicUsize>,
}

impl Quotes for Database {
    async fn connect(&self, _progress: &Progress) {
        self.connects.fetch_add(1, Ordering::SeqCst);
    }

    async fn load(
        &self,
        id_token: &SecretString,
        user_id: &str,
        _progress: &Progress,
    ) -> Result<Option<Saved>, Failure> {
        assert_eq!(user_id, SUB);
        let mut tokens = self.tokens.lock().expect("free");
        tokens.push(id_token.expose_secret().to_owned());
        Ok(None)
    }

    async fn save(
        &self,
        _id_token: &SecretString,
        _user_id: &str,
        _quote: &Quote,
        _based_on: Option<&str>,
        _progress: &Progress,
    ) -> Result<SaveOutcome, Failure> {
        Ok(SaveOutcome::Conflict(None))
    }

    async fn delete(
        &self,
        _id_token: &SecretString,
        _user_id: &str,
        _based_on: Option<&str>,
        _progress: &Progress,
    ) -> Result<DeleteOutcome, Failure> {
        Ok(DeleteOutcome::Deleted)
    }
}

struct World {
    okta: Okta,
    vault: Memory,
    database: Database,
    scratch: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            okta: Okta::new(),
            vault: Memory::default(),
            database: Database::default(),
            scratch: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// What a process of its own would have.
    fn session(&self) -> Arc<Session<Okta, Memory, Database>> {
        Arc::new(Session::new(
            self.okta.clone(),
            self.vault.clone(),
            self.database.clone(),
            self.scratch.path().join("state"),
            "issuer client",
        ))
    }

    /// Somebody signed in earlier, and the ID token has `left` seconds.
    fn signed_in(&self, left: i64) {
        let (id_token, refresh_token) = self.okta.issue();
        let entry = entry::Entry {
            user: user(),
            refresh_token: Some(refresh_token),
            id_token: Some((id_token.token, Utc::now().timestamp() + left)),
        };
        self.vault.put(entry.encode(None).expose_secret());
    }
}

async fn sign_in(session: &Session<Okta, Memory, Database>) -> Result<Restored, Failure> {
    session.request_code(&Progress::silent()).await?;
    session.await_approval(&Progress::silent()).await
}

fn kind<T>(outcome: Result<T, Failure>) -> Option<Kind> {
    outcome.err().map(|failure| failure.kind)
}

#[tokio::test]
async fn a_warm_start_asks_okta_nothing_and_leaves_the_vault_alone() {
    let world = World::new();
    world.signed_in(3600);
    let session = world.session();
    let restored = session.restore().await.expect("read").expect("signed in");
    assert_eq!(restored.user, user());
    session.load(&Progress::silent()).await.expect("loaded");
    session.load(&Progress::silent()).await.expect("loaded");
    assert_eq!(
        *world.database.tokens.lock().expect("free"),
        ["id-1", "id-1"]
    );
    assert_eq!(world.okta.refreshes(), 0);
    assert_eq!(world.vault.0.reads.load(Ordering::SeqCst), 1);
    assert_eq!(world.vault.0.writes.load(Ordering::SeqCst), 0);
    assert!(!world.scratch.path().join("state").exists());
}

#[tokio::test]
async fn nobody_signed_in_is_said_without_asking_the_database() {
    let world = World::new();
    let session = world.session();
    assert_eq!(session.restore().await, Ok(None));
    assert_eq!(session.standing().await, Ok(None));
    assert_eq!(
        kind(session.load(&Progress::silent()).await),
        Some(Kind::NotSignedIn)
    );
    assert_eq!(world.database.connects.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_expired_token_is_renewed_beside_the_connection_and_the_rotated_one_is_kept() {
    let world = World::new();
    world.signed_in(59);
    let session = world.session();
    session.load(&Progress::silent()).await.expect("loaded");
    assert_eq!(*world.database.tokens.lock().expect("free"), ["id-2"]);
    assert_eq!(world.database.connects.load(Ordering::SeqCst), 1);
    assert!(world.vault.text().contains("refresh-2") && world.vault.text().contains("id-2"));
    // A new process finds it.
    world
        .session()
        .load(&Progress::silent())
        .await
        .expect("loaded");
    assert_eq!(world.okta.refreshes(), 1);
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
    let gate = Arc::new(Notify::new());
    *world.okta.0.gate.lock().expect("free") = Some(Arc::clone(&gate));
    let sessions = [0, 1].map(|number| {
        Arc::new(Session::new(
            world.okta.clone(),
            vault(number),
            world.database.clone(),
            world.scratch.path().join("state"),
            "issuer client",
        ))
    });
    let operations: Vec<_> = (0..8)
        .map(|number| {
            let session = Arc::clone(&sessions[number % 2]);
            tokio::spawn(async move { session.load(&Progress::silent()).await })
        })
        .collect();
    world.okta.0.began.notified().await;
    gate.notify_one();
    for operation in operations {
        assert_eq!(operation.await.expect("no panic"), Ok(None));
    }
    assert_eq!(world.okta.refreshes(), 1);
    assert!(
        world
            .database
            .tokens
            .lock()
            .expect("free")
            .iter()
            .all(|token| token == "id-2")
    );
}

#[tokio::test]
async fn an_outage_at_okta_ends_no_session() {
    let world = World::new();
    world.signed_in(0);
    let session = world.session();
    for failure in [Kind::Unreachable, Kind::Okta, Kind::Failed] {
        world.okta.script(Scripted::Fail(failure));
        assert_eq!(kind(session.load(&Progress::silent()).await), Some(failure));
        assert!(world.vault.text().contains("refresh-1"));
    }
    session.load(&Progress::silent()).await.expect("back again");
}

#[tokio::test]
async fn an_ended_session_empties_the_vault_and_keeps_the_draft() {
    let world = World::new();
    world.signed_in(0);
    let session = world.session();
    session.restore().await.expect("read");
    session.keep_draft("unsaved").await.expect("kept");
    world.okta.script(Scripted::Fail(Kind::NotSignedIn));
    assert_eq!(
        kind(session.load(&Progress::silent()).await),
        Some(Kind::NotSignedIn)
    );
    assert_eq!(world.vault.text(), "");
    session.keep_draft("unsaved and more").await.expect("kept");
    let restored = sign_in(&session).await.expect("signed in");
    assert_eq!(restored.draft.as_deref(), Some("unsaved and more"));
}

#[tokio::test]
async fn a_token_that_a_stranger_rotated_is_adopted_instead_of_ending_the_session() {
    let world = World::new();
    world.signed_in(0);
    let session = world.session();
    session.restore().await.expect("read");
    let gate = Arc::new(Notify::new());
    *world.okta.0.gate.lock().expect("free") = Some(Arc::clone(&gate));
    let loading = tokio::spawn({
        let session = Arc::clone(&session);
        async move { session.load(&Progress::silent()).await }
    });
    // A program without our lock renews while our own request is on its way.
    world.okta.0.began.notified().await;
    world.signed_in(0);
    gate.notify_one();
    world.okta.0.began.notified().await;
    gate.notify_one();
    assert_eq!(loading.await.expect("no panic"), Ok(None));
    assert_eq!(*world.database.tokens.lock().expect("free"), ["id-3"]);
}

#[tokio::test]
async fn a_rotated_token_is_kept_also_where_its_id_token_is_not_accepted() {
    let world = World::new();
    world.signed_in(0);
    world.okta.script(Scripted::RotateOnly);
    let session = world.session();
    assert_eq!(
        kind(session.load(&Progress::silent()).await),
        Some(Kind::Okta)
    );
    assert!(world.vault.text().contains("refresh-2"));
    session
        .load(&Progress::silent())
        .await
        .expect("with the rotated one");
}

#[tokio::test]
async fn a_refresh_that_nobody_waits_for_any_more_is_kept_all_the_same() {
    let world = World::new();
    world.signed_in(0);
    let session = world.session();
    let gate = Arc::new(Notify::new());
    *world.okta.0.gate.lock().expect("free") = Some(Arc::clone(&gate));
    let loading = tokio::spawn({
        let session = Arc::clone(&session);
        async move { session.load(&Progress::silent()).await }
    });
    world.okta.0.began.notified().await;
    loading.abort();
    assert!(loading.await.is_err_and(|error| error.is_cancelled()));
    *world.okta.0.gate.lock().expect("free") = None;
    gate.notify_one();
    session.load(&Progress::silent()).await.expect("loaded");
    assert_eq!(world.okta.refreshes(), 1);
    assert!(world.vault.text().contains("refresh-2"));
}

#[tokio::test]
async fn a_vault_that_refuses_a_renewed_session_is_told_once_and_the_session_goes_on() {
    let world = World::new();
    world.signed_in(0);
    world.okta.0.lifetime.store(30, Ordering::SeqCst);
    world.vault.0.refuses_writes.store(true, Ordering::SeqCst);
    let session = world.session();
    let told = Arc::new(Mutex::new(Vec::new()));
    let progress = Progress::new({
        let told = Arc::clone(&told);
        move |activity| {
            if let Activity::SessionNotKept(failure) = activity {
                told.lock().expect("free").push(failure.kind);
            }
        }
    });
    session.load(&progress).await.expect("loaded");
    world.vault.0.refuses_reads.store(true, Ordering::SeqCst);
    session
        .load(&progress)
        .await
        .expect("loaded with the token in memory");
    world.vault.0.refuses_reads.store(false, Ordering::SeqCst);
    session
        .load(&progress)
        .await
        .expect("the stale one in the vault is not used");
    assert_eq!(world.okta.refreshes(), 3);
    assert_eq!(*told.lock().expect("free"), [Kind::Vault]);
    world.vault.0.refuses_writes.store(false, Ordering::SeqCst);
    session.load(&progress).await.expect("loaded");
    assert!(world.vault.text().contains("refresh-5"));
}

#[tokio::test]
async fn a_locked_vault_ends_no_session() {
    let world = World::new();
    world.signed_in(0);
    let session = world.session();
    session.restore().await.expect("read");
    world.vault.0.refuses_reads.store(true, Ordering::SeqCst);
    assert_eq!(
        kind(session.load(&Progress::silent()).await),
        Some(Kind::Vault)
    );
    assert_eq!(world.okta.refreshes(), 0);
    world.vault.0.refuses_reads.store(false, Ordering::SeqCst);
    session.load(&Progress::silent()).await.expect("unlocked");
}

#[tokio::test]
async fn what_another_process_did_to_the_session_is_noticed() {
    for (text, words) in [
        (None, "signed out in another"),
        (
            Some(r#"{"version":1,"sub":"00u2","name":"Nora","refresh_token":"r"}"#),
            "somebody else",
        ),
    ] {
        let world = World::new();
        world.signed_in(0);
        let session = world.session();
        session.restore().await.expect("read");
        *world.vault.0.secret.lock().expect("free") = text.map(str::to_owned);
        let failure = session.load(&Progress::silent()).await.expect_err("ended");
        assert_eq!(failure.kind, Kind::NotSignedIn);
        assert!(failure.what.contains(words), "{failure}");
        assert_eq!(world.okta.refreshes(), 0);
        assert_eq!(world.vault.text(), text.unwrap_or_default());
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_replaced_by_a_sign_in_only() {
    for text in ["garbled", r#"{"version":2}"#] {
        let world = World::new();
        world.vault.put(text);
        let session = world.session();
        assert_eq!(kind(session.restore().await), Some(Kind::Vault));
        assert_eq!(
            kind(session.load(&Progress::silent()).await),
            Some(Kind::Vault)
        );
        assert_eq!(world.vault.text(), text);
        sign_in(&session).await.expect("signed in");
        assert!(world.vault.text().contains("refresh-1"));
    }
}

#[tokio::test]
async fn nobody_is_sent_to_the_browser_for_a_session_that_cannot_be_kept() {
    let world = World::new();
    world.vault.0.refuses_reads.store(true, Ordering::SeqCst);
    assert_eq!(
        kind(world.session().request_code(&Progress::silent()).await),
        Some(Kind::Vault)
    );
}

#[tokio::test]
async fn a_sign_in_that_the_vault_does_not_take_is_revoked_and_said() {
    let world = World::new();
    world.vault.0.refuses_writes.store(true, Ordering::SeqCst);
    let session = world.session();
    assert_eq!(kind(sign_in(&session).await), Some(Kind::Vault));
    assert_eq!(*world.okta.0.revoked.lock().expect("free"), ["refresh-1"]);
    assert_eq!(session.standing().await, Ok(None));
}

#[tokio::test]
async fn without_a_refresh_token_the_session_is_short_and_the_person_is_told_why() {
    let world = World::new();
    world.okta.0.no_refresh_token.store(true, Ordering::SeqCst);
    world.okta.0.lifetime.store(30, Ordering::SeqCst);
    let session = world.session();
    let restored = sign_in(&session).await.expect("signed in");
    assert!(
        restored
            .warning
            .is_some_and(|it| it.contains("Refresh Token"))
    );
    assert!(
        session
            .standing()
            .await
            .expect("read")
            .is_some_and(|it| !it.renews)
    );
    assert_eq!(
        kind(session.load(&Progress::silent()).await),
        Some(Kind::NotSignedIn)
    );
    assert_eq!(world.okta.refreshes(), 0);
}

#[tokio::test]
async fn a_sign_out_leaves_no_trace_here_and_revokes_there() {
    let world = World::new();
    let session = world.session();
    sign_in(&session).await.expect("signed in");
    session.keep_draft("unsaved").await.expect("kept");
    assert_eq!(session.sign_out().await, Ok(SignOutOutcome::Revoked));
    assert_eq!(*world.okta.0.revoked.lock().expect("free"), ["refresh-1"]);
    assert_eq!(world.vault.text(), "");
    assert_eq!(session.standing().await, Ok(None));
    assert_eq!(sign_in(&session).await.expect("signed in").draft, None);
}

#[tokio::test]
async fn a_sign_out_works_offline_and_of_an_entry_that_cannot_be_read() {
    let world = World::new();
    world.signed_in(3600);
    world.okta.0.offline.store(true, Ordering::SeqCst);
    let outcome = world.session().sign_out().await.expect("emptied");
    assert!(
        matches!(outcome, SignOutOutcome::OnlyLocally(failure) if failure.kind == Kind::Unreachable)
    );
    assert_eq!(world.vault.text(), "");
    world.vault.put("garbled");
    let outcome = world.session().sign_out().await.expect("emptied");
    assert!(matches!(outcome, SignOutOutcome::OnlyLocally(failure) if failure.kind == Kind::Vault));
    assert_eq!(world.vault.text(), "");
}

#[tokio::test]
async fn a_sign_out_revokes_the_token_that_another_process_rotated() {
    let world = World::new();
    world.signed_in(3600);
    let session = world.session();
    session.restore().await.expect("read");
    world.signed_in(3600);
    session.sign_out().await.expect("emptied");
    assert_eq!(*world.okta.0.revoked.lock().expect("free"), ["refresh-2"]);
}

#[tokio::test]
async fn a_vault_that_cannot_be_emptied_is_said_after_a_sign_out() {
    let world = World::new();
    world.signed_in(3600);
    world.vault.0.refuses_writes.store(true, Ordering::SeqCst);
    assert_eq!(kind(world.session().sign_out().await), Some(Kind::Vault));
}

#[tokio::test]
async fn an_approval_without_a_code_is_refused() {
    let world = World::new();
    let session = world.session();
    session
        .request_code(&Progress::silent())
        .await
        .expect("a code");
    session.abandon_sign_in().await;
    assert_eq!(
        kind(session.await_approval(&Progress::silent()).await),
        Some(Kind::Failed)
    );
}
