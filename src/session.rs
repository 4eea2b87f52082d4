//! Who is signed in: tokens, refresh, rotation, and the lock between processes. Owns the traits of what it stands on.

use std::{future::Future, sync::Arc};

use secrecy::SecretString;

use crate::{
    app::{Activity, DeleteOutcome, DeviceCode, Restored, SaveOutcome, User},
    failure::Failure,
    quote::{Quote, Saved},
};

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

    /// Reports what is being waited for.
    pub fn report(&self, activity: Activity) {
        (self.0)(activity);
    }
}

/// Tokens as Okta issued them, after every check of the ID token.
pub struct Tokens {
    /// The ID token, as it was signed.
    pub id_token: SecretString,
    /// When the ID token expires, in seconds since 1970 (`exp`).
    pub expires_at: i64,
    /// The refresh token, where one came back.
    pub refresh_token: Option<SecretString>,
    /// Whom the ID token names.
    pub user: User,
}

/// The identity provider.
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

    /// Exchanges a refresh token. The new ID token must name `user_id`.
    /// A failure of kind `NotSignedIn` means `invalid_grant`: the session is over. Every other one leaves it as it is.
    fn refresh(
        &self,
        refresh_token: &SecretString,
        user_id: &str,
        progress: &Progress,
    ) -> impl Future<Output = Result<Tokens, Failure>> + Send;

    /// Revokes a refresh token (RFC 7009).
    fn revoke(
        &self,
        refresh_token: &SecretString,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Where the session's secret is kept between runs: the OS keyring, or the explicit file.
/// The methods take three seconds at most and never block the caller's thread.
pub trait Vault: Send + Sync + 'static {
    /// Reads the secret; `None` where there is none.
    fn read(&self) -> impl Future<Output = Result<Option<SecretString>, Failure>> + Send;

    /// Writes the secret.
    fn write(&self, secret: SecretString) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Removes the secret (no error where there is none).
    fn clear(&self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Says in a few words where the secret is kept, for `whoami` and `doctor`.
    fn place(&self) -> String;
}

/// The person's row. Every operation is one pipelined transaction that carries the ID token; they are all idempotent.
pub trait Quotes: Send + Sync + 'static {
    /// Makes sure that a connection is open, so that it can be made while a token is refreshed. Its failure shows at the next operation.
    fn connect(&self, progress: &Progress) -> impl Future<Output = ()> + Send;

    /// Reads the quote of `user_id`.
    fn load(
        &self,
        id_token: &SecretString,
        user_id: &str,
        progress: &Progress,
    ) -> impl Future<Output = Result<Option<Saved>, Failure>> + Send;

    /// Writes the quote if the row still is `based_on` (`None`: no row), or already is the new text.
    fn save(
        &self,
        id_token: &SecretString,
        user_id: &str,
        quote: &Quote,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> impl Future<Output = Result<SaveOutcome, Failure>> + Send;

    /// Deletes the row if its text is `based_on`; `None` deletes whatever is there.
    fn delete(
        &self,
        id_token: &SecretString,
        user_id: &str,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> impl Future<Output = Result<DeleteOutcome, Failure>> + Send;
}

/// A session over an identity provider, a vault and the person's row. What the screens and the headless commands share.
pub struct Session<I, V, Q> {
    _parts: (I, V, Q),
}

/// Where the session stands, without asking anybody but the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who is signed in.
    pub user: User,
    /// When the kept ID token expires, in seconds since 1970; `None` where none is kept.
    pub id_token_expires_at: Option<i64>,
}

impl<I: Identity, V: Vault, Q: Quotes> Session<I, V, Q> {
    /// Makes a session. `state_dir` holds the lock and the draft; `key` tells issuer and client apart in file names.
    pub fn new(identity: I, vault: V, quotes: Q, state_dir: std::path::PathBuf, key: &str) -> Self {
        let _ = (state_dir, key);
        Self {
            _parts: (identity, vault, quotes),
        }
    }

    /// Says who is signed in, from the vault alone.
    pub async fn standing(&self) -> Result<Option<Standing>, Failure> {
        todo!()
    }

    /// Says who is signed in, from the vault alone, with what was typed and never saved.
    pub async fn restore(&self) -> Result<Option<Restored>, Failure> {
        todo!()
    }

    /// Forgets the sign-in under way, and its device code.
    pub async fn abandon_sign_in(&self) {
        todo!()
    }

    /// Keeps what is being typed, so that it survives the process, for the person who is signed in.
    pub async fn keep_draft(&self, text: &str) -> Result<(), Failure> {
        let _ = text;
        todo!()
    }

    /// Removes the draft of the person who is signed in.
    pub async fn drop_draft(&self) -> Result<(), Failure> {
        todo!()
    }

    /// Asks for a device code and remembers it as the sign-in under way.
    pub async fn request_code(&self, progress: &Progress) -> Result<DeviceCode, Failure> {
        let _ = progress;
        todo!()
    }

    /// Waits for the approval of the sign-in under way, and keeps its tokens. The answer has the draft of that person.
    pub async fn await_approval(&self, progress: &Progress) -> Result<Restored, Failure> {
        let _ = progress;
        todo!()
    }

    /// Ends the session: revokes the refresh token, empties the vault, removes the draft.
    pub async fn sign_out(&self) -> Result<crate::app::SignOutOutcome, Failure> {
        todo!()
    }

    /// Reads the quote.
    pub async fn load(&self, progress: &Progress) -> Result<Option<Saved>, Failure> {
        let _ = progress;
        todo!()
    }

    /// Writes the quote; see [`Quotes::save`].
    pub async fn save(
        &self,
        quote: &Quote,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> Result<SaveOutcome, Failure> {
        let _ = (quote, based_on, progress);
        todo!()
    }

    /// Deletes the quote; see [`Quotes::delete`].
    pub async fn delete(
        &self,
        based_on: Option<&str>,
        progress: &Progress,
    ) -> Result<DeleteOutcome, Failure> {
        let _ = (based_on, progress);
        todo!()
    }
}
