//! Who is signed in: tokens, refresh, rotation, and the lock between processes. Owns the traits of what it stands on.

mod draft;
mod entry;
mod keeper;
mod lock;
mod seen;

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;
use secrecy::SecretString;

use crate::{
    account::{Activity, DeviceCode, KeptDraft, Restored, SignOutOutcome, User},
    background::{begin, finish},
    failure::{Failure, Kind},
    private_file::short_hash,
    quote::{DeleteOutcome, Quote, SaveOutcome, Saved},
};

use self::{
    draft::{Drafts, Left},
    keeper::Keeper,
};

pub(crate) use self::seen::LastSeen;
pub use crate::background::finish_background_work;

/// Where an operation reports what it waits for. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Activity) + Send + Sync>);

impl Progress {
    /// Makes a reporter that hands every activity to `report`.
    pub fn new(report: impl Fn(Activity) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// Makes a reporter that says nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    /// Makes a reporter that says no more than that the keyring asks the person: for what is looked up before anything else.
    fn of_questions(&self) -> Self {
        let reporter = self.clone();
        Self::new(move |activity| {
            if activity == Activity::KeyringAsks {
                reporter.report(activity);
            }
        })
    }

    /// Reports what is being waited for.
    pub fn report(&self, activity: Activity) {
        if let Activity::SessionNotKept(failure) | Activity::Unguarded(failure) = &activity {
            failure.log();
        }
        (self.0)(activity);
    }
}

/// An ID token that passed every check.
#[derive(Clone, Debug)]
pub struct IdToken {
    /// The token, as it was signed.
    pub token: SecretString,
    /// When it expires, in seconds since 1970 (`exp`).
    pub expires_at: i64,
    /// Whom it names.
    pub user: User,
}

/// What a sign-in brought.
#[derive(Debug)]
pub struct Tokens {
    /// Who signed in.
    pub id_token: IdToken,
    /// The refresh token, where one came back.
    pub refresh_token: Option<SecretString>,
    /// The scopes that were granted, where fewer may have been than were asked for (RFC 6749 section 5.1).
    pub scope: Option<String>,
}

/// What a refresh brought. A rotated refresh token counts even where the ID token beside it is not accepted: the old one is dead.
#[derive(Debug)]
pub struct Refreshed {
    /// The refresh token that replaces the old one, where one came back.
    pub refresh_token: Option<SecretString>,
    /// The new ID token, which names the same person.
    pub id_token: Result<IdToken, Failure>,
}

/// The identity provider. Each method fails when it refuses or cannot be reached, in words for a person.
pub trait Identity: Send + Sync + 'static {
    /// A sign-in under way: it holds the device code, which is a secret.
    type Pending: Send + Sync + 'static;

    /// Asks for a device code (RFC 8628 section 3.1).
    fn request_code(
        &self,
        progress: &Progress,
    ) -> impl Future<Output = Result<(DeviceCode, Self::Pending), Failure>> + Send;

    /// Polls until the person has approved (RFC 8628 section 3.4). Dropping the future ends the polling.
    fn await_approval(
        &self,
        pending: &Self::Pending,
        progress: &Progress,
    ) -> impl Future<Output = Result<Tokens, Failure>> + Send;

    /// Exchanges a refresh token (RFC 6749 section 6), for the scopes that were granted where they are known. The new ID token
    /// must name `user_id`.
    fn refresh(
        &self,
        refresh_token: &SecretString,
        scope: Option<&str>,
        user_id: &str,
        progress: &Progress,
    ) -> impl Future<Output = Result<Refreshed, NotRenewed>> + Send;

    /// Revokes a refresh token (RFC 7009).
    fn revoke(
        &self,
        refresh_token: &SecretString,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Where the session's secret is kept between runs: the OS keyring, or the explicit file.
/// The methods never block the caller's thread, and take three seconds at most, or a minute where a person may be asked. They fail
/// with [`Kind::Vault`] when it is absent, locked or refuses.
pub trait Vault: Send + Sync + 'static {
    /// Reads the secret; `None` where there is none.
    fn read(&self) -> impl Future<Output = Result<Option<SecretString>, Failure>> + Send;

    /// Writes the secret.
    fn write(&self, secret: SecretString) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Removes the secret (no error where there is none).
    fn clear(&self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Removes a secret whose write was given up, and may yet take effect. Another secret stays.
    fn withdraw(&self, _secret: SecretString) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// After how long it is probably asking the person, in a window of its own; `None` where it does not wait for an answer.
    fn asks_after(&self) -> Option<Duration> {
        None
    }

    /// Fails where a secret could not be kept now: a locked keyring may well say that it holds none.
    fn would_keep(&self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { self.read().await.map(drop) }
    }

    /// Keeps secrets in a file from now on, on this computer also in later runs: the person chose it. Where there is no other
    /// place, nothing changes.
    fn choose_file(&self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Says in a few words where the secret is kept, for `whoami` and `doctor`.
    fn location(&self) -> String;

    /// The longest secret in bytes, where there is a limit.
    fn capacity(&self) -> Option<usize> {
        None
    }

    /// Something that the person must hear about the vault.
    fn warning(&self) -> Option<Failure> {
        None
    }
}

/// Why an operation on the person's row came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// For the database, whose clock decides, the ID token has expired. Nothing was done, and a newer token may do.
    TokenExpired,
    /// Whatever else: it stands in words.
    Failed(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Why Okta issued no new tokens for a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRenewed {
    /// The refresh token is dead (`invalid_grant`, RFC 6749 section 5.2), and the session over.
    Ended {
        /// Why that may be.
        failure: Failure,
        /// The request was sent before and not answered: the provider may have carried it out.
        one_was_lost: bool,
    },
    /// Whatever else: the session stays as it is.
    Failed(Failure),
}

impl From<Failure> for NotRenewed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The person's row. Every operation is one pipelined transaction that carries the ID token; they are all idempotent,
/// and fail when the token has expired for the database, or the database refuses or cannot be reached.
pub trait Quotes: Send + Sync + 'static {
    /// Begins to reach the server, as far as that needs neither a token nor a password: while the vault is read. No one waits for it,
    /// and its failure is that of the operation that follows, or of none.
    fn head_start(&self) {}

    /// Makes sure that a connection is open, so that it can be made while a token is refreshed.
    fn connect(&self, progress: &Progress) -> impl Future<Output = Result<(), Refused>> + Send;

    /// Reads the quote of the person whom the token names.
    fn load(
        &self,
        id_token: &SecretString,
        progress: &Progress,
    ) -> impl Future<Output = Result<Option<Saved>, Refused>> + Send;

    /// Writes the quote if the row still is `based_on` (`None`: no row), or already is the new text.
    fn save(
        &self,
        id_token: &SecretString,
        quote: &Quote,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> impl Future<Output = Result<SaveOutcome, Refused>> + Send;

    /// Deletes the row if its text is `based_on`; `None` deletes whatever is there.
    fn delete(
        &self,
        id_token: &SecretString,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> impl Future<Output = Result<DeleteOutcome, Refused>> + Send;
}

/// A session over an identity provider, a vault and the person's row. What the screens and the headless commands share.
pub struct Session<I: Identity, V, Q> {
    keeper: Arc<Keeper<I, V>>,
    pub(crate) quotes: Q,
    drafts: Drafts,
    seen: LastSeen,
    /// The sign-in under way.
    pending: Mutex<Option<Arc<I::Pending>>>,
}

/// Where the session stands, without asking anybody but the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who is signed in.
    pub user: User,
    /// When the kept ID token expires, in seconds since 1970; `None` where none is kept.
    pub id_token_expires_at: Option<i64>,
    /// Whether Okta renews it without the person. If not, the session ends with the ID token.
    pub renews: bool,
}

impl<I: Identity, V: Vault, Q> Session<I, V, Q> {
    /// Makes a session. `state_dir` holds the lock, the draft and, where that is wanted, the quote that was last seen; `key` tells
    /// issuer and client apart in file names: any text that is another one for each pair.
    pub fn new(
        identity: I,
        vault: V,
        quotes: Q,
        state_dir: PathBuf,
        key: &str,
        keeps_last_seen: bool,
    ) -> Self {
        let lock = state_dir.join(format!("lock-{}", short_hash(key)));
        Self {
            keeper: Arc::new(Keeper::new(identity, vault, lock)),
            quotes,
            seen: LastSeen::new(&state_dir, key, keeps_last_seen),
            drafts: Drafts::new(state_dir, key),
            pending: Mutex::default(),
        }
    }

    /// Keeps what the person has seen, for the next start. No one waits for it but the end of the program.
    fn note(&self, seen: Option<&Saved>) {
        if let Some(user_id) = self.keeper.last_user_id() {
            begin(self.seen.note(seen.map(|saved| (user_id, saved.clone()))));
        }
    }

    /// Says who is signed in, from the vault alone.
    ///
    /// # Errors
    /// When the vault cannot be read, or holds something that this version did not write.
    pub async fn standing(&self, progress: &Progress) -> Result<Option<Standing>, Failure> {
        let entry = self.keeper.entry(&progress.of_questions()).await?;
        Ok(entry.map(|entry| Standing {
            id_token_expires_at: entry.id_token.as_ref().map(|(_, expires_at)| *expires_at),
            renews: entry.refresh_token.is_some(),
            user: entry.user,
        }))
    }

    /// Keeps the session in a file from now on, because the person chose it.
    ///
    /// # Errors
    /// When that choice cannot be written down.
    pub async fn choose_file(&self) -> Result<(), Failure> {
        self.keeper.vault.choose_file().await
    }

    /// Asks for a device code and remembers it as the sign-in under way.
    ///
    /// # Errors
    /// When Okta refuses or cannot be reached, or when the vault could not keep the session afterwards.
    pub async fn request_code(&self, progress: &Progress) -> Result<DeviceCode, Failure> {
        self.keeper.vault_answers(progress).await?;
        let (code, pending) = self.keeper.identity.request_code(progress).await?;
        *self.pending.lock() = Some(Arc::new(pending));
        Ok(code)
    }

    /// Waits for the approval of the sign-in under way, and keeps its tokens. The answer has what that person typed at the screens of
    /// `epigraph` and has not saved; another program has no use for it, and leaves it.
    ///
    /// # Errors
    /// When the sign-in was denied, expired or refused, or the vault does not take the session.
    pub async fn await_approval(&self, progress: &Progress) -> Result<Restored, Failure> {
        let pending = self.pending().ok_or_else(no_sign_in)?;
        let tokens = self
            .keeper
            .identity
            .await_approval(&pending, progress)
            .await?;
        self.forget_code();
        let short = tokens.refresh_token.is_none().then(no_refresh_token);
        let user = tokens.id_token.user.clone();
        let keeper = Arc::clone(&self.keeper);
        let progress = progress.clone();
        finish(async move { keeper.sign_in(tokens, &progress).await }).await?;
        let warnings = short.into_iter().chain(self.keeper.vault.warning());
        Ok(self.restored(user, warnings).await)
    }

    /// Gives the sign-in under way up, also where it was approved in that very moment and is being kept.
    pub async fn abandon_sign_in(&self) {
        self.forget_code();
        let keeper = Arc::clone(&self.keeper);
        // Where it fails there is nothing that the person could do about it.
        let undoing = begin(async move { keeper.undo_sign_in().await });
        undoing.await.ok();
    }

    fn forget_code(&self) {
        *self.pending.lock() = None;
    }

    /// Ends the session: empties the vault, removes the draft, and revokes the refresh token.
    ///
    /// # Errors
    /// When the vault could not be emptied.
    pub async fn sign_out(&self) -> Result<SignOutOutcome, Failure> {
        self.forget_code();
        let keeper = Arc::clone(&self.keeper);
        let (drafts, seen) = (self.drafts.clone(), self.seen.clone());
        finish(async move {
            let signed_out = keeper.sign_out().await;
            seen.note(None).await;
            let dropped = match &signed_out.user_id {
                Some(user_id) => drafts.drop_all(user_id).await,
                None => Ok(()),
            };
            // Also where a trace stays here: a revoked token opens nothing.
            let outcome = keeper.revoke(signed_out.refresh_token).await;
            signed_out.emptied.and(dropped)?;
            Ok(outcome)
        })
        .await
    }

    /// Keeps what is being typed, so that it survives the process, for the person who is or was signed in.
    ///
    /// # Errors
    /// When the draft file cannot be written.
    pub async fn keep_draft(&self, draft: KeptDraft) -> Result<(), Failure> {
        match self.keeper.last_user_id() {
            Some(user_id) => self.drafts.keep(&user_id, draft).await,
            None => Ok(()),
        }
    }

    /// Removes the draft of the person who is or was signed in.
    ///
    /// # Errors
    /// When the draft file cannot be removed.
    pub async fn drop_draft(&self) -> Result<(), Failure> {
        match self.keeper.last_user_id() {
            Some(user_id) => self.drafts.drop(&user_id).await,
            None => Ok(()),
        }
    }

    /// Says in a few words where the session is kept.
    #[must_use]
    pub fn location(&self) -> String {
        self.keeper.vault.location()
    }

    fn pending(&self) -> Option<Arc<I::Pending>> {
        self.pending.lock().clone()
    }

    async fn restored(&self, user: User, warnings: impl IntoIterator<Item = Failure>) -> Restored {
        let (seen, left) = tokio::join!(self.seen.read(&user.id), self.drafts.read(&user.id));
        let (draft, more_drafts, told) = match left {
            Ok(Left { draft, more }) => (draft, more, more.then(another_draft)),
            Err(failure) => (None, false, Some(failure)),
        };
        Restored {
            user,
            draft,
            more_drafts,
            warnings: warnings.into_iter().chain(told).collect(),
            seen,
        }
    }
}

impl<I: Identity, V: Vault, Q: Quotes> Session<I, V, Q> {
    /// Says who is signed in, from the vault alone, with what was typed and never saved.
    ///
    /// # Errors
    /// When the vault cannot be read, or holds something that this version did not write.
    pub async fn restore(&self, progress: &Progress) -> Result<Option<Restored>, Failure> {
        let progress = progress.of_questions();
        let (entry, ()) = tokio::join!(self.keeper.entry(&progress), self.head_start());
        let Some(entry) = entry? else {
            return Ok(None);
        };
        Ok(Some(
            self.restored(entry.user, self.keeper.vault.warning()).await,
        ))
    }

    /// Reads the quote.
    ///
    /// # Errors
    /// When you are not signed in, or Okta or the database refuses or cannot be reached.
    pub async fn load(&self, progress: &Progress) -> Result<Option<Saved>, Failure> {
        let load = |id_token| async move { self.quotes.load(&id_token, progress).await };
        let loaded = self.admitted(progress, load).await?;
        self.note(loaded.as_ref());
        Ok(loaded)
    }

    /// Writes the quote; see [`Quotes::save`].
    ///
    /// # Errors
    /// When you are not signed in, or Okta or the database refuses or cannot be reached.
    pub async fn save(
        &self,
        quote: &Quote,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> Result<SaveOutcome, Failure> {
        let save =
            |id_token| async move { self.quotes.save(&id_token, quote, based_on, progress).await };
        let outcome = self.admitted(progress, save).await?;
        match &outcome {
            SaveOutcome::Saved(saved) => self.note(Some(saved)),
            SaveOutcome::Conflict(theirs) => self.note(theirs.as_ref()),
        }
        Ok(outcome)
    }

    /// Deletes the quote; see [`Quotes::delete`].
    ///
    /// # Errors
    /// When you are not signed in, or Okta or the database refuses or cannot be reached.
    pub async fn delete(
        &self,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> Result<DeleteOutcome, Failure> {
        let delete =
            |id_token| async move { self.quotes.delete(&id_token, based_on, progress).await };
        let outcome = self.admitted(progress, delete).await?;
        match &outcome {
            DeleteOutcome::Conflict(theirs) => self.note(Some(theirs)),
            DeleteOutcome::Deleted => self.note(None),
        }
        Ok(outcome)
    }

    /// Does something with a valid ID token. One that has expired for the database, whose clock decides, is renewed once.
    pub(crate) async fn admitted<T, F: Future<Output = Result<T, Refused>>>(
        &self,
        progress: &Progress,
        operation: impl Fn(SecretString) -> F,
    ) -> Result<T, Failure> {
        let id_token = self.id_token(None, progress).await?;
        let refused = id_token.clone();
        let outcome = operation(id_token).await;
        if self.keeper.is_ahead() {
            // The vault may take by now what it refused. No one waits for it.
            let keeper = Arc::clone(&self.keeper);
            begin(async move { keeper.write_again().await });
        }
        match outcome {
            Ok(value) => return Ok(value),
            Err(Refused::Failed(failure)) => return Err(failure),
            Err(Refused::TokenExpired) => {}
        }
        tracing::info!(target: "epigraph", "the database says that the session has expired");
        let id_token = self.id_token(Some(refused), progress).await?;
        operation(id_token).await.map_err(for_good)
    }

    /// Returns a valid ID token, another one than was refused. Where it must be renewed, the database is connected to meanwhile:
    /// the slower one counts, not the sum.
    async fn id_token(
        &self,
        refused: Option<SecretString>,
        progress: &Progress,
    ) -> Result<SecretString, Failure> {
        let kept = self.keeper.id_token(refused.as_ref(), progress);
        let (kept, ()) = tokio::join!(kept, self.head_start());
        if let Some(id_token) = kept? {
            return Ok(id_token);
        }
        let keeper = Arc::clone(&self.keeper);
        let reporter = progress.clone();
        let renewing = finish(async move { keeper.renew(refused.as_ref(), &reporter).await });
        let connecting = async { Ok(self.quotes.connect(progress).await) };
        let (id_token, connected) = tokio::try_join!(renewing, connecting)?;
        connected.map_err(for_good)?;
        Ok(id_token)
    }

    /// Reaches the database while the vault is read, which may take as long. Not where no one is signed in, as far as can be told
    /// without the vault: a person who has never seen a quote, or has signed out, has nothing to do with the database.
    async fn head_start(&self) {
        if !self.keeper.has_read_vault() && self.seen.is_there().await {
            self.quotes.head_start();
        }
    }
}

fn another_draft() -> Failure {
    Failure::new(Kind::Failed, "You have another unsaved text.")
        .cure("It comes back in another window, or at the next start.")
}

fn no_refresh_token() -> Failure {
    Failure::new(Kind::Failed, "Okta gave no refresh token.").cure(
        "You will have to sign in again after an hour, as a rule; an administrator can change that: Applications › the app › General › Grant type › Refresh Token.",
    )
}

/// Says why an operation came to nothing with a token that is new.
fn for_good(refused: Refused) -> Failure {
    match refused {
        // Another sign-in would change nothing.
        Refused::TokenExpired => wrong_clock(),
        Refused::Failed(failure) => failure,
    }
}

fn no_sign_in() -> Failure {
    Failure::new(Kind::Failed, "There is no sign-in under way.")
        .cure("Sign in again with a new code.")
}

fn wrong_clock() -> Failure {
    Failure::new(
        Kind::Database,
        "The database says that even a new session has expired: its clock or Okta's is wrong.",
    )
    .cure("Tell the owner of the database.")
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod tests;
