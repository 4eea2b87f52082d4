//! Keeps the tokens: in memory, in the vault, and renewed when they run out.

use std::{
    path::PathBuf,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chrono::Utc;
use parking_lot::{Mutex, MutexGuard};
use secrecy::{ExposeSecret, SecretString};

use super::{Identity, NotRenewed, Progress, Refreshed, Tokens, Vault, entry::Entry, lock};
use crate::{
    account::{Activity, SignOutOutcome},
    failure::{Failure, Kind},
};

/// An ID token that runs out sooner than this is renewed first: an operation takes its time.
const MARGIN_SECONDS: i64 = 60;
/// A person who signs out waits for no other process, and not long for Okta.
const SIGN_OUT_PATIENCE: Duration = Duration::from_secs(10);

/// What is left to do after a sign-out on this machine.
pub(super) struct SignedOut {
    pub(super) user_id: Option<String>,
    /// Whether the vault is empty now.
    pub(super) emptied: Result<(), Failure>,
    /// The token to revoke; a failure where the vault would not tell.
    pub(super) refresh_token: Result<Option<SecretString>, Failure>,
}

pub(super) struct Keeper<I, V> {
    pub(super) identity: I,
    pub(super) vault: V,
    lock: PathBuf,
    memory: Mutex<Memory>,
    /// One renewal at a time in this process.
    renewing: tokio::sync::Mutex<()>,
    told_not_kept: AtomicBool,
}

#[derive(Default)]
struct Memory {
    session: Option<Known>,
    /// Outlives the session: what was typed is kept for this person.
    last_user_id: Option<String>,
}

#[derive(Clone)]
struct Known {
    entry: Entry,
    /// The refresh token in the vault as this process last read or wrote it. Another one there now is another process's doing.
    in_vault: Option<SecretString>,
}

impl Known {
    fn from_vault(entry: Entry) -> Self {
        Self {
            in_vault: entry.refresh_token.clone(),
            entry,
        }
    }

    /// The vault refused the newest refresh token, so memory is ahead of it.
    fn is_ahead(&self) -> bool {
        !self.entry.same_refresh_token(self.in_vault.as_ref())
    }

    /// The ID token, where it is valid and not the one that was refused.
    fn id_token(&self, refused: Option<&SecretString>) -> Option<SecretString> {
        let (token, expires_at) = self.entry.id_token.as_ref()?;
        let is_refused =
            refused.is_some_and(|refused| refused.expose_secret() == token.expose_secret());
        let is_current = *expires_at > Utc::now().timestamp() + MARGIN_SECONDS;
        (is_current && !is_refused).then(|| token.clone())
    }
}

impl<I: Identity, V: Vault> Keeper<I, V> {
    pub(super) fn new(identity: I, vault: V, lock: PathBuf) -> Self {
        Self {
            identity,
            vault,
            lock,
            memory: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            told_not_kept: AtomicBool::new(false),
        }
    }

    pub(super) fn last_user_id(&self) -> Option<String> {
        self.memory().last_user_id.clone()
    }

    /// Fails where the vault could not keep a session, so that no one signs in for nothing. What it holds does not matter.
    pub(super) async fn vault_answers(&self, progress: &Progress) -> Result<(), Failure> {
        progress.report(Activity::AskingKeyring);
        self.waiting(self.vault.would_keep(), progress).await
    }

    /// Waits for the vault, and says when it is probably the vault that waits for the person.
    async fn waiting<T>(&self, vault: impl Future<Output = T>, progress: &Progress) -> T {
        let mut vault = pin!(vault);
        if let Some(limit) = self.vault.asks_after() {
            match tokio::time::timeout(limit, &mut vault).await {
                Ok(done) => return done,
                Err(_) => progress.report(Activity::KeyringAsks),
            }
        }
        vault.await
    }

    /// Says whether the session is known without the vault.
    pub(super) fn has_read_vault(&self) -> bool {
        self.memory().session.is_some()
    }

    /// The session from memory, else from the vault.
    pub(super) async fn entry(&self, progress: &Progress) -> Result<Option<Entry>, Failure> {
        if let Some(known) = &self.memory().session {
            return Ok(Some(known.entry.clone()));
        }
        progress.report(Activity::AskingKeyring);
        let entry = self.waiting(self.read(), progress).await?;
        if let Some(entry) = &entry {
            self.remember(Known::from_vault(entry.clone()));
            if let Some(warning) = self.vault.warning() {
                progress.report(Activity::Unguarded(warning));
            }
        }
        Ok(entry)
    }

    /// A valid ID token for the next operation, another one than was refused; `None` where it must be renewed first.
    pub(super) async fn id_token(
        &self,
        refused: Option<&SecretString>,
        progress: &Progress,
    ) -> Result<Option<SecretString>, Failure> {
        if self.entry(progress).await?.is_none() {
            return Err(not_signed_in());
        }
        let memory = self.memory();
        let known = memory.session.as_ref();
        Ok(known.and_then(|known| known.id_token(refused)))
    }

    /// Renews the ID token, unless someone else has meanwhile. Must run to its end once it has begun.
    pub(super) async fn renew(
        &self,
        refused: Option<&SecretString>,
        progress: &Progress,
    ) -> Result<SecretString, Failure> {
        let _only = self.renewing.lock().await;
        let known = self.memory().session.clone().ok_or_else(not_signed_in)?;
        if let Some(id_token) = known.id_token(refused) {
            return Ok(id_token);
        }
        let lock = lock::take(&self.lock, lock::PATIENCE).await?;
        let mut known = self.catch_up(known).await?;
        if let Some(id_token) = known.id_token(refused) {
            return Ok(id_token);
        }
        let was_cut_off = lock.begin().await;
        for last in [false, true] {
            let Some(refresh_token) = known.entry.refresh_token.clone() else {
                self.forget().await;
                lock.end().await;
                return Err(ran_out());
            };
            let Entry { user, scope, .. } = &known.entry;
            let refreshed =
                self.identity
                    .refresh(&refresh_token, scope.as_deref(), &user.id, progress);
            match refreshed.await {
                Ok(refreshed) => {
                    let outcome = self.keep(known, refreshed, progress).await;
                    if !self.is_ahead() {
                        lock.end().await;
                    }
                    return outcome;
                }
                Err(NotRenewed::Failed(failure)) => return Err(failure),
                Err(NotRenewed::Ended {
                    failure,
                    one_was_lost,
                }) => {
                    // A program that knows no lock may have rotated the token.
                    let now = self.catch_up(known).await?;
                    if last || now.entry.same_refresh_token(Some(&refresh_token)) {
                        self.forget().await;
                        lock.end().await;
                        return Err(if was_cut_off || one_was_lost {
                            after_a_lost_answer(failure)
                        } else {
                            failure
                        });
                    }
                    known = now;
                }
            }
        }
        Err(not_signed_in())
    }

    /// Keeps the session of a person who just signed in, or revokes it where the vault does not take it.
    pub(super) async fn sign_in(&self, tokens: Tokens, progress: &Progress) -> Result<(), Failure> {
        let _only = self.renewing.lock().await;
        let entry = Entry {
            user: tokens.id_token.user,
            refresh_token: tokens.refresh_token,
            scope: tokens.scope,
            id_token: Some((tokens.id_token.token, tokens.id_token.expires_at)),
        };
        progress.report(Activity::AskingKeyring);
        let mut superseded = None;
        let kept = match lock::take(&self.lock, lock::PATIENCE).await {
            Ok(lock) => {
                superseded = self.newest_refresh_token().await;
                let written = self.waiting(self.write(&entry), progress).await;
                lock.end().await;
                written
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = kept {
            // What was revoked must not look like a session later on. The failure is known already.
            let _ = self
                .vault
                .withdraw(entry.encode(self.vault.capacity()))
                .await;
            self.revoke(Ok(entry.refresh_token)).await;
            return Err(failure);
        }
        self.told_not_kept.store(false, Ordering::Relaxed);
        superseded = superseded.filter(|old| !entry.same_refresh_token(Some(old)));
        self.remember(Known::from_vault(entry));
        // What no one can sign out of any more must not live on at Okta. That this fails is for the log: the person is signed in.
        self.revoke(Ok(superseded)).await;
        Ok(())
    }

    /// The refresh token of the session that there is, whoever's it is: from the vault where another process wrote it, or where
    /// memory has none.
    async fn newest_refresh_token(&self) -> Option<SecretString> {
        let known = self.memory().session.clone();
        match (self.read().await, known) {
            (Ok(Some(entry)), Some(known))
                if !entry.same_refresh_token(known.in_vault.as_ref()) =>
            {
                entry.refresh_token
            }
            (_, Some(known)) => known.entry.refresh_token,
            (found, None) => found.ok()??.refresh_token,
        }
    }

    /// Ends a session that was kept although the person had given the sign-in up. Waits for one that is being kept.
    pub(super) async fn undo_sign_in(&self) {
        let was_kept = {
            let _only = self.renewing.lock().await;
            self.memory().session.is_some()
        };
        if was_kept {
            let signed_out = self.sign_out().await;
            self.revoke(signed_out.refresh_token).await;
        }
    }

    /// Removes every trace on this machine but the draft.
    pub(super) async fn sign_out(&self) -> SignedOut {
        let _only = self.renewing.lock().await;
        // Without the lock, a renewal under way elsewhere could bring the session back; with a hung one, no one could sign out.
        let lock = lock::take(&self.lock, SIGN_OUT_PATIENCE).await;
        let in_vault = self.read().await;
        let known = self.memory().session.take();
        if let (Some(known), Ok(Some(entry))) = (&known, &in_vault)
            && known.entry.user.id != entry.user.id
        {
            // Someone else signed in meanwhile, in another process: that session is not this person's to end.
            return SignedOut {
                user_id: Some(known.entry.user.id.clone()),
                emptied: Ok(()),
                refresh_token: Ok(known.entry.refresh_token.clone()),
            };
        }
        let user_id = match &in_vault {
            Ok(Some(entry)) => Some(entry.user.id.clone()),
            _ => self.last_user_id(),
        };
        let refresh_token = match (known, in_vault) {
            (Some(known), _) if known.is_ahead() => Ok(known.entry.refresh_token),
            (_, Ok(Some(entry))) => Ok(entry.refresh_token),
            (Some(known), _) => Ok(known.entry.refresh_token),
            (None, Ok(None)) => Ok(None),
            (None, Err(failure)) => Err(failure),
        };
        let emptied = self.vault.clear().await;
        if let Ok(lock) = lock {
            lock.end().await;
        }
        SignedOut {
            user_id,
            emptied,
            refresh_token,
        }
    }

    /// Revokes a refresh token at Okta, and does not wait for ever.
    pub(super) async fn revoke(
        &self,
        refresh_token: Result<Option<SecretString>, Failure>,
    ) -> SignOutOutcome {
        let token = match refresh_token {
            Ok(Some(token)) => token,
            Ok(None) => return SignOutOutcome::Revoked,
            Err(failure) => return SignOutOutcome::OnlyLocally(failure),
        };
        match tokio::time::timeout(SIGN_OUT_PATIENCE, self.identity.revoke(&token)).await {
            Ok(Ok(())) => SignOutOutcome::Revoked,
            Ok(Err(failure)) => {
                failure.log();
                SignOutOutcome::OnlyLocally(failure)
            }
            Err(_) => {
                silent().log();
                SignOutOutcome::OnlyLocally(silent())
            }
        }
    }

    /// Takes over what another process has written since. Memory wins only where the vault refused it and no one wrote after that.
    async fn catch_up(&self, known: Known) -> Result<Known, Failure> {
        let entry = match self.read().await {
            Err(_) if known.is_ahead() => return Ok(known),
            Err(failure) => return Err(failure),
            Ok(None) if known.in_vault.is_none() => return Ok(known),
            Ok(None) => {
                self.memory().session = None;
                return Err(signed_out_elsewhere());
            }
            Ok(Some(entry)) => entry,
        };
        if entry.user.id != known.entry.user.id {
            self.memory().session = None;
            return Err(somebody_else());
        }
        if known.is_ahead() && entry.same_refresh_token(known.in_vault.as_ref()) {
            return Ok(known);
        }
        let known = Known::from_vault(entry);
        self.remember(known.clone());
        Ok(known)
    }

    async fn keep(
        &self,
        known: Known,
        refreshed: Refreshed,
        progress: &Progress,
    ) -> Result<SecretString, Failure> {
        let mut entry = known.entry;
        if refreshed.refresh_token.is_some() {
            entry.refresh_token = refreshed.refresh_token;
        }
        let accepted = refreshed.id_token.map(|token| {
            entry.user = token.user;
            entry.id_token = Some((token.token, token.expires_at));
        });
        let in_vault = match self.waiting(self.write(&entry), progress).await {
            Ok(()) => entry.refresh_token.clone(),
            Err(failure) => {
                if !self.told_not_kept.swap(true, Ordering::Relaxed) {
                    progress.report(Activity::SessionNotKept(not_kept(&failure)));
                }
                known.in_vault
            }
        };
        let known = Known { entry, in_vault };
        // A token that is fresh from Okta is used whatever the margin: a shorter one is not to be had.
        let id_token = known
            .entry
            .id_token
            .as_ref()
            .map(|(token, _)| token.clone());
        self.remember(known);
        accepted?;
        id_token.ok_or_else(not_signed_in)
    }

    /// Says whether the vault refused the newest refresh token.
    pub(super) fn is_ahead(&self) -> bool {
        self.memory().session.as_ref().is_some_and(Known::is_ahead)
    }

    /// Writes down what the vault refused, where it answers again. Must run to its end once it has begun.
    pub(super) async fn write_again(&self) {
        let _only = self.renewing.lock().await;
        let known = self.memory().session.clone();
        let Some(known) = known.filter(Known::is_ahead) else {
            return;
        };
        let Ok(held) = lock::take(&self.lock, Duration::ZERO).await else {
            return;
        };
        if self.vault.read().await.is_err() {
            return;
        }
        let Ok(known) = self.catch_up(known).await else {
            return;
        };
        if known.is_ahead() && self.write(&known.entry).await.is_ok() {
            self.told_not_kept.store(false, Ordering::Relaxed);
            self.remember(Known::from_vault(known.entry));
            held.end().await;
        }
    }

    /// Ends the session on this machine. The entry is dead, and one that stays in the vault only ends the next start in the same way.
    async fn forget(&self) {
        self.memory().session = None;
        if let Err(failure) = self.vault.clear().await {
            failure.log();
        }
    }

    async fn read(&self) -> Result<Option<Entry>, Failure> {
        let secret = self.vault.read().await?;
        secret.map(|secret| Entry::decode(&secret)).transpose()
    }

    async fn write(&self, entry: &Entry) -> Result<(), Failure> {
        self.vault.write(entry.encode(self.vault.capacity())).await
    }

    fn remember(&self, known: Known) {
        let mut memory = self.memory();
        memory.last_user_id = Some(known.entry.user.id.clone());
        memory.session = Some(known);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock()
    }
}

/// Adds to the news that a session has ended why that may be: who shows a refresh token that was replaced is taken for a thief.
fn after_a_lost_answer(mut ended: Failure) -> Failure {
    ended.what.truncate(ended.what.trim_end_matches('.').len());
    ended.what += "; an earlier renewal was cut off before its answer was kept, which may be why.";
    ended
}

pub(super) fn not_kept(failure: &Failure) -> Failure {
    let what = format!(
        "Your session was renewed, but lasts only as long as this program: {}",
        failure.what
    );
    Failure {
        what,
        ..failure.clone()
    }
}

pub(super) fn silent() -> Failure {
    Failure::new(Kind::Unreachable, "Okta did not answer in time.").cure(
        "An administrator can end the session there: Directory › People › the person › Clear sessions and revoke tokens.",
    )
}

pub(super) fn signed_out_elsewhere() -> Failure {
    Failure::new(
        Kind::NotSignedIn,
        "Your session was ended in another epigraph.",
    )
    .cure("Sign in again.")
}

pub(super) fn somebody_else() -> Failure {
    Failure::new(
        Kind::NotSignedIn,
        "Another person has signed in, in another epigraph.",
    )
    .cure("Sign in again.")
}

pub(super) fn not_signed_in() -> Failure {
    Failure::new(Kind::NotSignedIn, "You are not signed in.").cure("Sign in first.")
}

/// There was no refresh token from the start.
pub(super) fn ran_out() -> Failure {
    Failure::new(
        Kind::NotSignedIn,
        "Your session has run out, and Okta gave it no refresh token.",
    )
    .cure(
        "Sign in again; for longer sessions an administrator can tick Refresh Token: Applications › the app › General › Grant type.",
    )
}
