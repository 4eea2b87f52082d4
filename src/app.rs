//! What the program is, and how it changes: `Msg -> update(&mut Model) -> Vec<Effect>`. No I/O, no clock, no threads.

use chrono::{DateTime, FixedOffset};
use crossterm::event::Event;

use crate::{
    failure::Failure,
    quote::{Quote, Saved},
};

pub use model::{
    About, Ahead, Conflict, Desk, DeskOrder, Draft, Model, Notice, Order, Over, Pane, Question,
    Screen, Sheet, SignIn, Size, Tone, Unsaved,
};
pub use typing::{may_go_on, take_in};
pub use update::{init, update};

pub mod geometry;
mod model;
mod saving;
mod settle;
mod typing;
mod update;
pub mod words;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

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

/// What is being waited for, as shown in the status line. Reported while an effect is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The keyring is being read or written.
    AskingKeyring,
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
    /// Nothing is waited for, but the person must hear it once: the database does not hold them to their own row.
    Unguarded(Failure),
}

/// How a save ended when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveOutcome {
    /// The row now holds the text.
    Saved(Saved),
    /// The row is not what the text was based on: nothing was written. `None` means that it was deleted.
    Conflict(Option<Saved>),
}

/// How a delete ended when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The row is gone (also when it was gone before).
    Deleted,
    /// The row is not what was on the screen: nothing was deleted.
    Conflict(Saved),
}

/// How a sign-out ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignOutOutcome {
    /// Okta revoked the refresh token, and every local trace is gone.
    Revoked,
    /// Every local trace is gone, but Okta could not be told: why.
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

/// An order to the world. Plain data: it can be compared, printed and replayed, and never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Look in the vault for a session.
    Restore,
    /// Ask Okta for a device code.
    RequestCode,
    /// Wait until the person has approved the code.
    AwaitApproval,
    /// Forget the device code under way.
    AbandonSignIn,
    /// Revoke the session and remove its traces.
    SignOut,
    /// Read the quote.
    Load,
    /// Write the quote if the row still is what it was based on (`None`: no row).
    Save {
        /// The new text.
        quote: Quote,
        /// The text on which it was based.
        based_on: Option<String>,
    },
    /// Delete the row if its text still is this.
    Delete {
        /// The text that was on the screen.
        based_on: String,
    },
    /// Keep what is being typed in the draft file.
    KeepDraft(KeptDraft),
    /// Remove the draft file.
    DropDraft,
    /// Open an `https` address in the browser.
    OpenBrowser(String),
    /// Hand a text to the clipboard of the terminal. The loop's own work, as the rest of them.
    Copy(String),
    /// Draw every cell anew.
    Redraw,
    /// Give the terminal back and stop, until the shell says to go on.
    Suspend,
    /// End the program.
    Quit,
}

/// A fact: what happened, in the past tense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Msg {
    /// A key, a paste, or a new size.
    Terminal(Event),
    /// Characters were typed in one moment, with the ends of lines between them.
    Typed(String),
    /// The vault was read. The draft is what an earlier run left unsaved.
    Restored(Result<Option<Restored>, Failure>),
    /// An effect under way reports what it waits for.
    Progressed(Activity),
    /// Okta issued a device code.
    CodeIssued(Result<DeviceCode, Failure>),
    /// The person approved, or the sign-in ended otherwise.
    SignedIn(Result<Restored, Failure>),
    /// The session was ended, or not.
    SignedOut(Result<SignOutOutcome, Failure>),
    /// The quote was read.
    Loaded(Result<Option<Saved>, Failure>),
    /// The quote was written, or not.
    Saved(Result<SaveOutcome, Failure>),
    /// The quote was deleted, or not.
    Deleted(Result<DeleteOutcome, Failure>),
    /// The draft file could not be written: said once.
    DraftFailed(Failure),
    /// The browser was started, or not.
    BrowserOpened(Result<(), Failure>),
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
    /// Something that the person must hear at once (a warning), in a sentence.
    pub warning: Option<String>,
}
