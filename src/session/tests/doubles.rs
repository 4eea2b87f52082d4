//! Okta, vault and database, as much of them as a session sees.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};

use chrono::Utc;
use secrecy::ExposeSecret;
use tokio::sync::Notify;

use super::super::*;

pub(super) const SUB: &str = "00u1";
/// The scopes that are granted at a sign-in.
pub(super) const GRANTED: &str = "openid offline_access";

pub(super) fn user() -> User {
    User {
        id: SUB.into(),
        name: "James Joyce".into(),
    }
}

/// An authorization server that rotates: only the newest refresh token is good.
#[derive(Clone, Default)]
pub(super) struct Okta(pub(super) Arc<OktaState>);

#[derive(Default)]
pub(super) struct OktaState {
    pub(super) refreshes: AtomicUsize,
    pub(super) newest: AtomicUsize,
    pub(super) revoked: Mutex<Vec<String>>,
    /// What the refreshes asked for.
    pub(super) scopes: Mutex<Vec<Option<String>>>,
    /// What the next refreshes answer instead.
    pub(super) script: Mutex<VecDeque<Scripted>>,
    /// Where it is set, refreshes wait for it.
    pub(super) gate: Mutex<Option<Arc<Notify>>>,
    pub(super) began: Notify,
    pub(super) offline: AtomicBool,
    pub(super) no_refresh_token: AtomicBool,
    /// How long ID tokens live.
    pub(super) lifetime: AtomicI64,
}

pub(super) enum Scripted {
    Fail(Kind),
    End,
    /// The ID token is not accepted, but the refresh token was rotated.
    RotateOnly,
}

fn ended() -> NotRenewed {
    NotRenewed::Ended {
        failure: Failure::new(Kind::NotSignedIn, "Your session has ended."),
        one_was_lost: false,
    }
}

impl Okta {
    pub(super) fn new() -> Self {
        let okta = Self::default();
        okta.0.lifetime.store(3600, Ordering::SeqCst);
        okta
    }

    pub(super) fn refreshes(&self) -> usize {
        self.0.refreshes.load(Ordering::SeqCst)
    }

    pub(super) fn script(&self, scripted: Scripted) {
        self.0.script.lock().push_back(scripted);
    }

    pub(super) fn revoked(&self) -> Vec<String> {
        self.0.revoked.lock().clone()
    }

    /// Has refreshes wait until they are let through.
    pub(super) fn shut_gate(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        *self.0.gate.lock() = Some(Arc::clone(&gate));
        gate
    }

    pub(super) fn issue(&self) -> (IdToken, SecretString) {
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
            scope: Some(GRANTED.into()),
        })
    }

    async fn refresh(
        &self,
        refresh_token: &SecretString,
        scope: Option<&str>,
        user_id: &str,
        _progress: &Progress,
    ) -> Result<Refreshed, NotRenewed> {
        let asked = scope.map(Into::into);
        self.0.scopes.lock().push(asked);
        self.0.refreshes.fetch_add(1, Ordering::SeqCst);
        self.0.began.notify_one();
        let gate = self.0.gate.lock().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        assert_eq!(user_id, SUB);
        let scripted = self.0.script.lock().pop_front();
        match scripted {
            Some(Scripted::Fail(kind)) => return Err(Failure::new(kind, "Scripted.").into()),
            Some(Scripted::End) => return Err(ended()),
            _ => {}
        }
        let newest = format!("refresh-{}", self.0.newest.load(Ordering::SeqCst));
        if refresh_token.expose_secret() != newest {
            return Err(ended());
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
        let mut revoked = self.0.revoked.lock();
        revoked.push(refresh_token.expose_secret().to_owned());
        Ok(())
    }
}

/// A vault that counts and can refuse.
#[derive(Clone, Default)]
pub(super) struct Memory(pub(super) Arc<MemoryState>);

#[derive(Default)]
pub(super) struct MemoryState {
    pub(super) secret: Mutex<Option<String>>,
    pub(super) reads: AtomicUsize,
    pub(super) writes: AtomicUsize,
    pub(super) refuses_writes: AtomicBool,
    pub(super) refuses_reads: AtomicBool,
    /// Takes as long as a person does.
    pub(super) asks_at_reads: AtomicBool,
    pub(super) is_open: AtomicBool,
    /// Who holds it for writing holds writes up.
    pub(super) gate: tokio::sync::RwLock<()>,
}

impl Memory {
    pub(super) fn text(&self) -> String {
        self.0.secret.lock().clone().unwrap_or_default()
    }

    pub(super) fn put(&self, text: &str) {
        *self.0.secret.lock() = Some(text.into());
    }

    fn locked() -> Failure {
        Failure::new(Kind::Vault, "The keyring is waiting to be unlocked.")
    }
}

impl Vault for Memory {
    async fn read(&self) -> Result<Option<SecretString>, Failure> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        if self.0.asks_at_reads.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_secs(9)).await;
        }
        if self.0.refuses_reads.load(Ordering::SeqCst) {
            return Err(Self::locked());
        }
        Ok(self.0.secret.lock().clone().map(Into::into))
    }

    async fn write(&self, secret: SecretString) -> Result<(), Failure> {
        self.0.writes.fetch_add(1, Ordering::SeqCst);
        let _open = self.0.gate.read().await;
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
        *self.0.secret.lock() = None;
        Ok(())
    }

    fn asks_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(3))
    }

    fn warning(&self) -> Option<Failure> {
        let is_open = self.0.is_open.load(Ordering::SeqCst);
        is_open.then(|| Failure::new(Kind::Vault, "Others may read your session."))
    }

    fn location(&self) -> String {
        "memory".into()
    }
}

/// A database that remembers with which tokens it was asked.
#[derive(Clone, Default)]
pub(super) struct Database {
    pub(super) tokens: Arc<Mutex<Vec<String>>>,
    pub(super) connects: Arc<AtomicUsize>,
    /// How many of the next tokens it takes for expired, whatever they say.
    pub(super) expired: Arc<AtomicUsize>,
    pub(super) refuses_connections: Arc<AtomicBool>,
}

impl Database {
    pub(super) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().clone()
    }
}

impl Quotes for Database {
    async fn connect(&self, _progress: &Progress) -> Result<(), Refused> {
        self.connects.fetch_add(1, Ordering::SeqCst);
        if self.refuses_connections.load(Ordering::SeqCst) {
            return Err(Failure::new(Kind::Database, "The password is wrong.").into());
        }
        Ok(())
    }

    async fn load(
        &self,
        id_token: &SecretString,
        _progress: &Progress,
    ) -> Result<Option<Saved>, Refused> {
        let mut tokens = self.tokens.lock();
        tokens.push(id_token.expose_secret().to_owned());
        let expired = self.expired.load(Ordering::SeqCst);
        if expired > 0 {
            self.expired.store(expired - 1, Ordering::SeqCst);
            return Err(Refused::TokenExpired);
        }
        Ok(None)
    }

    async fn save(
        &self,
        _id_token: &SecretString,
        _quote: &Quote,
        _based_on: Option<&str>,
        _progress: &Progress,
    ) -> Result<SaveOutcome, Refused> {
        Ok(SaveOutcome::Conflict(None))
    }

    async fn delete(
        &self,
        _id_token: &SecretString,
        _based_on: Option<&str>,
        _progress: &Progress,
    ) -> Result<DeleteOutcome, Refused> {
        Ok(DeleteOutcome::Deleted)
    }
}

pub(super) struct World {
    pub(super) okta: Okta,
    pub(super) vault: Memory,
    pub(super) database: Database,
    pub(super) scratch: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            okta: Okta::new(),
            vault: Memory::default(),
            database: Database::default(),
            scratch: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// What a process of its own would have.
    pub(super) fn session(&self) -> Arc<Session<Okta, Memory, Database>> {
        Arc::new(Session::new(
            self.okta.clone(),
            self.vault.clone(),
            self.database.clone(),
            self.scratch.path().join("state"),
            "issuer client",
            true,
        ))
    }

    /// Someone signed in earlier, and the ID token has `left` seconds.
    pub(super) fn signed_in(&self, left: i64) {
        let (id_token, refresh_token) = self.okta.issue();
        let entry = entry::Entry {
            user: user(),
            refresh_token: Some(refresh_token),
            scope: None,
            id_token: Some((id_token.token, Utc::now().timestamp() + left)),
        };
        self.vault.put(entry.encode(None).expose_secret());
    }
}
