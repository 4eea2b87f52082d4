//! A person's account as every layer speaks of it: who is signed in, with what draft, the code to approve, what is being waited
//! for, how a sign-out ends. Plain data without a secret.

use chrono::{DateTime, FixedOffset};

use crate::{failure::Failure, quote::Saved};

/// The person who is signed in, from the claims of the ID token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The ID token's `sub`: the key of the person's row.
    pub id: String,
    /// What to call the person: `name`, else `preferred_username`, else `email`, else `sub`.
    pub name: String,
}

/// What a person needs to approve a sign-in (RFC 8628 section 3.2). The device code itself stays in `okta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// The code to type at the verification address.
    pub user_code: String,
    /// Where to type it.
    pub verification_uri: String,
    /// The address that has the code in it, where the provider gives one.
    pub verification_uri_complete: Option<String>,
    /// When the code stops working, in local time.
    pub expires_at: DateTime<FixedOffset>,
}

impl DeviceCode {
    /// Returns the address to open: with the code in it where there is one.
    #[must_use]
    pub fn address(&self) -> &str {
        self.verification_uri_complete
            .as_deref()
            .unwrap_or(&self.verification_uri)
    }
}

/// What is being waited for, as shown under the text. Reported while an effect is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The keyring is being read or written.
    AskingKeyring,
    /// The keyring takes so long that it is probably asking the person in a window of its own.
    KeyringAsks,
    /// A request to Okta is on its way.
    AskingOkta,
    /// Okta was polled and the person has not approved yet.
    WaitingForApproval,
    /// Okta cannot be reached, or says it is busy; the next try is under way.
    RetryingOkta,
    /// A connection to the database is being made.
    ConnectingDatabase,
    /// The database takes longer than a connection does: Neon is starting its compute.
    WakingDatabase,
    /// The database failed for now; the next try is under way.
    RetryingDatabase,
    /// Nothing is waited for, but the person must hear it once: a renewed session could not be kept in the vault.
    /// It goes on for as long as this process runs.
    SessionNotKept(Failure),
    /// Nothing is waited for, but the person must hear it once: the database does not hold people to their own row, or
    /// others may read the session.
    Unguarded(Failure),
}

/// How a sign-out ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignOutOutcome {
    /// Okta revoked the refresh token, and every local trace is gone.
    Revoked,
    /// Every local trace is gone, but Okta could not be reached: why.
    OnlyLocally(Failure),
}

/// A text that is not saved, as the draft file keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDraft {
    /// The text.
    pub text: String,
    /// The saved text that the person had seen; `None` where there was none.
    pub based_on: Option<String>,
}

/// A session: who, and the text that an earlier run left unsaved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Who is signed in.
    pub user: User,
    /// What was typed and never saved, from the draft file.
    pub draft: Option<KeptDraft>,
    /// Whether there is another one, which no window has taken up: it would go with the session.
    pub more_drafts: bool,
    /// What the person must hear at once.
    pub warnings: Vec<Failure>,
    /// The quote as this person last saw it on this machine.
    pub seen: Option<Saved>,
}
