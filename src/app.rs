//! What the program is, and how it changes: `Msg -> update(&mut Model) -> Vec<Effect>`. No I/O, no clock, no threads.

use crossterm::event::Event;

use crate::{
    account::{Activity, DeviceCode, KeptDraft, Restored, SignOutOutcome, User},
    failure::Failure,
    quote::{DeleteOutcome, Quote, SaveOutcome, Saved},
};

pub use model::{
    About, Ahead, Conflict, Desk, DeskOrder, Draft, Model, Notice, Order, Over, Pane, Question,
    Screen, Sheet, SignIn, Size, Tone, Unsaved, Without,
};
pub use typing::{Seen, echo, may_go_on, take_in};
pub use update::{init, update};

mod clipboard;
pub mod geometry;
mod model;
mod outcomes;
mod saving;
mod scrolling;
mod typing;
mod update;
pub mod words;
mod writing;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

/// An order to the world. Plain data: it can be compared, printed and replayed, and never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Look in the vault for a session.
    Restore,
    /// Keep the session in a file from now on: this computer has no keyring that works.
    ChooseFile,
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
    /// Put a text in the clipboard.
    Copy(Copied, String),
    /// Read the clipboard.
    ReadClipboard,
    /// Hand a text to the clipboard of the terminal. The loop's own work, as the rest of them.
    CopyByTerminal(String),
    /// Draw every cell anew.
    Redraw,
    /// Give the terminal back and stop, until the shell says to go on.
    Suspend,
    /// End the program.
    Quit,
}

/// What a person copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Copied {
    Address,
    Code,
    Quote,
    Selection,
}

/// A clipboard that has taken a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clipboard {
    /// The system's own.
    System,
    /// The buffers of tmux, which also hands it to its terminal.
    Tmux,
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
    /// The session is kept in a file from now on, or not.
    FileChosen(Result<(), Failure>),
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
    /// A text is in a clipboard, or it is still to be handed to the terminal.
    Copied(Copied, Result<Clipboard, String>),
    /// The clipboard was read; `None` where there is none, or nothing in it.
    ClipboardRead(Option<String>),
}
