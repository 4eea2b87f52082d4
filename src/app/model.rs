//! What the program knows: which screen, and what the person has in front of them. No secret is in here.

use crate::{
    editor::Editor,
    failure::Failure,
    keymap::{Action, Context},
    quote::Saved,
};

use super::{Activity, DeviceCode, Effect, KeptDraft, User};

/// What the screens must know about where they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The database in a few words, such as "neondb · direct".
    pub database: String,
    /// Whether a browser on this machine can show something to the person.
    pub can_open_browser: bool,
    /// Whether the person asked for no colours.
    pub no_color: bool,
}

/// The size of the terminal in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

/// Everything that the screens show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Where the program runs.
    pub about: About,
    /// The size of the terminal.
    pub size: Size,
    /// Which screen it is.
    pub screen: Screen,
    /// What the person must be told, until their next key.
    pub notice: Option<Notice>,
    /// What is being waited for, where it was reported.
    pub activity: Option<Activity>,
    /// How far the help is scrolled, while it lies over the screen.
    pub help: Option<usize>,
    /// Whether there is a text besides, which no window has taken up yet.
    pub(super) more_drafts: bool,
    /// That drafts cannot be kept is said once.
    pub(super) draft_failure_told: bool,
}

/// Something that the person must be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it is bad news.
    pub tone: Tone,
    /// One or more sentences.
    pub text: String,
}

/// A change that was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A text is on its way to the database.
    Save,
    /// The quote is being deleted.
    Delete,
    /// The session is being ended.
    SignOut,
}

/// Good news or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something was done.
    Info,
    /// Something went wrong.
    Failure,
}

/// Where the person is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The vault is being asked for a session.
    Restoring,
    /// The vault could not be read.
    Unrestored,
    /// You are not signed in. What somebody had not saved when the session ended waits here.
    SignedOut {
        /// What was not saved.
        unsaved: Option<Unsaved>,
    },
    /// Okta is being asked for a device code.
    Requesting {
        /// What was not saved.
        unsaved: Option<Unsaved>,
    },
    /// The code is on the screen.
    Waiting {
        /// The code.
        code: DeviceCode,
        /// What was not saved.
        unsaved: Option<Unsaved>,
    },
    /// Somebody is signed in.
    SignedIn {
        /// Who.
        user: User,
        /// What they are doing.
        pane: Pane,
    },
    /// The session is being ended; if it cannot be, the person is back in the pane.
    SigningOut {
        /// Who.
        user: User,
        /// Where they came from.
        pane: Pane,
    },
}

/// What was not saved when a session ended, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaved {
    /// The `sub` of the person.
    pub user_id: String,
    /// The text.
    pub draft: Draft,
}

/// What somebody who is signed in is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The quote is being read for the first time.
    Loading(Option<Draft>),
    /// It is being read, and the person writes meanwhile.
    WritingAhead(Draft),
    /// It could not be read, and the person writes on: a letter must not become a key in the middle of a word.
    WritingUnread {
        /// Why.
        failure: Failure,
        /// What is being written.
        draft: Draft,
    },
    /// It is being read, and what was written meanwhile is to be saved then.
    SavingAhead(Draft),
    /// It could not be read.
    Unread {
        /// Why.
        failure: Failure,
        /// What was not saved.
        leftover: Option<Draft>,
    },
    /// The quote, or the place for one.
    Reading(Desk),
    /// The quote is being read again.
    Reloading(Desk),
    /// The quote is being deleted.
    Deleting(Desk),
    /// The deleted quote is being brought back.
    Undeleting(Desk),
    /// A question is asked about what lies under it.
    Asking {
        /// Which.
        question: Question,
        /// Where a "no" leads back to.
        under: Box<Pane>,
    },
    /// The text is being written.
    Editing(Sheet),
    /// The text is being saved; it stays on the screen, so that a failure loses nothing.
    Saving(Sheet),
    /// There are two texts, and the person chooses.
    Conflicted(Conflict),
}

/// A question with yes and no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Delete the quote?
    Delete,
    /// Throw the draft away?
    Discard,
    /// Sign out although there is a draft, here or left by another window?
    SignOut,
}

/// What lies before a person who reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desk {
    /// The quote as the database has it.
    pub saved: Option<Saved>,
    /// What was written and not saved.
    pub draft: Option<Draft>,
    /// The text that was deleted last, so that it can be brought back.
    pub deleted: Option<String>,
    /// How many rows of the quote are scrolled away.
    pub scroll: usize,
}

/// What lies before a person who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The quote as the database has it, as far as is known.
    pub saved: Option<Saved>,
    /// What is being written.
    pub draft: Draft,
}

/// A text that is not saved, and the text that it is to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The text and the cursor.
    pub editor: Editor,
    /// The saved text that the person had seen; `None` where there was none.
    pub based_on: Option<String>,
    /// What was sent before, and may have been saved without an answer.
    pub(super) in_question: Vec<String>,
}

/// Two texts, of which one is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What the person wrote.
    pub mine: Draft,
    /// What the database has.
    pub theirs: Option<Saved>,
    /// How many rows of both are scrolled away.
    pub scroll: usize,
}

impl Model {
    /// Returns which keys hold.
    #[must_use]
    pub fn context(&self) -> Context {
        if self.help.is_some() {
            return Context::Help;
        }
        self.context_under_help()
    }

    /// Returns which keys hold, or will once the help is left.
    #[must_use]
    pub fn context_under_help(&self) -> Context {
        match &self.screen {
            Screen::Restoring | Screen::SigningOut { .. } => Context::Busy,
            Screen::Unrestored | Screen::SignedOut { .. } => Context::SignedOut,
            Screen::Requesting { .. } => Context::Requesting,
            Screen::Waiting { .. } => Context::Waiting,
            Screen::SignedIn { pane, .. } => match pane {
                Pane::Loading(_) => Context::Loading,
                Pane::SavingAhead(_)
                | Pane::Reloading(_)
                | Pane::Deleting(_)
                | Pane::Undeleting(_)
                | Pane::Saving(_) => Context::Busy,
                Pane::Unread { .. } => Context::Unread,
                Pane::Reading(_) => Context::Quote,
                Pane::Asking { .. } => Context::Asking,
                Pane::WritingAhead(_) | Pane::WritingUnread { .. } | Pane::Editing(_) => {
                    Context::Writing
                }
                Pane::Conflicted(_) => Context::Conflict,
            },
        }
    }

    /// Says whether an action makes sense as things are; its key does nothing and is not shown where it doesn't.
    #[must_use]
    pub fn offers(&self, action: Action) -> bool {
        match (action, &self.screen) {
            (Action::Reload, Screen::SignedOut { .. })
            | (
                Action::Delete | Action::CopyQuote | Action::Undelete | Action::Discard,
                Screen::SignedIn {
                    pane: Pane::Loading(_),
                    ..
                },
            ) => false,
            (Action::OpenBrowser, Screen::Waiting { code, .. }) => {
                self.about.can_open_browser && code.address().starts_with("https://")
            }
            (
                action,
                Screen::SignedIn {
                    pane: Pane::Reading(desk),
                    ..
                },
            ) => match action {
                Action::Delete | Action::CopyQuote => desk.saved.is_some(),
                Action::Undelete => desk.saved.is_none() && desk.deleted.is_some(),
                Action::Discard => desk.draft.is_some(),
                _ => true,
            },
            _ => true,
        }
    }

    /// Says what was ordered and is not answered.
    #[must_use]
    pub fn order(&self) -> Option<Order> {
        match &self.screen {
            Screen::SignedIn { pane, .. } => match pane {
                Pane::Saving(_) | Pane::Undeleting(_) => Some(Order::Save),
                Pane::Deleting(_) => Some(Order::Delete),
                _ => None,
            },
            Screen::SigningOut { .. } => Some(Order::SignOut),
            _ => None,
        }
    }

    /// Returns what was written and is not saved.
    #[must_use]
    pub fn unsaved_text(&self) -> Option<String> {
        Some(self.unsaved()?.editor.text().to_owned())
    }

    /// Says whether what was written may be saved by now: it was sent, and nobody answered.
    #[must_use]
    pub fn is_unsaved_in_question(&self) -> bool {
        self.order() == Some(Order::Save)
            || self.unsaved().is_some_and(|draft| {
                let text = draft.editor.text();
                draft.in_question.iter().any(|sent| sent == text)
            })
    }

    /// Returns the order that keeps what was written and is not saved: for an end in which the last order got lost.
    #[must_use]
    pub fn keep_unsaved(&self) -> Option<Effect> {
        Some(Effect::KeepDraft(self.unsaved()?.to_file()))
    }

    fn unsaved(&self) -> Option<Draft> {
        match self.screen.clone() {
            // Whoever signs out was asked before.
            Screen::Restoring | Screen::Unrestored | Screen::SigningOut { .. } => None,
            Screen::SignedOut { unsaved }
            | Screen::Requesting { unsaved }
            | Screen::Waiting { unsaved, .. } => unsaved.map(|unsaved| unsaved.draft),
            Screen::SignedIn { pane, .. } => pane.unsaved(),
        }
    }

    /// Says whether a text that is not saved goes with the session.
    pub(super) fn would_lose_text(&self, pane: &Pane) -> bool {
        pane.has_unsaved() || self.more_drafts
    }

    /// Says whether something was written that is not saved.
    #[must_use]
    pub fn has_unsaved(&self) -> bool {
        match &self.screen {
            Screen::Restoring | Screen::Unrestored | Screen::SigningOut { .. } => false,
            Screen::SignedOut { unsaved }
            | Screen::Requesting { unsaved }
            | Screen::Waiting { unsaved, .. } => unsaved.is_some(),
            Screen::SignedIn { pane, .. } => pane.has_unsaved(),
        }
    }
}

impl Pane {
    /// Says whether something was written that is not saved.
    #[must_use]
    pub fn has_unsaved(&self) -> bool {
        match self {
            Self::Loading(leftover) | Self::Unread { leftover, .. } => leftover.is_some(),
            Self::WritingAhead(draft)
            | Self::WritingUnread { draft, .. }
            | Self::SavingAhead(draft) => draft.is_worth_keeping(),
            Self::Reading(desk)
            | Self::Reloading(desk)
            | Self::Deleting(desk)
            | Self::Undeleting(desk) => desk.draft.is_some(),
            Self::Asking { under, .. } => under.has_unsaved(),
            Self::Editing(sheet) | Self::Saving(sheet) => sheet.draft.is_worth_keeping(),
            Self::Conflicted(_) => true,
        }
    }

    /// Returns what was written and is not saved, where it is worth keeping.
    pub(super) fn unsaved(&self) -> Option<Draft> {
        self.has_unsaved().then(|| self.clone().into_draft())?
    }

    /// Returns what was written and not saved.
    pub(super) fn into_draft(self) -> Option<Draft> {
        match self {
            Self::Loading(leftover) | Self::Unread { leftover, .. } => leftover,
            Self::WritingAhead(draft)
            | Self::WritingUnread { draft, .. }
            | Self::SavingAhead(draft) => Some(draft).filter(Draft::is_worth_keeping),
            Self::Reading(desk)
            | Self::Reloading(desk)
            | Self::Deleting(desk)
            | Self::Undeleting(desk) => desk.draft,
            Self::Asking { under, .. } => under.into_draft(),
            Self::Editing(sheet) | Self::Saving(sheet) => Some(sheet.draft),
            Self::Conflicted(conflict) => Some(conflict.mine),
        }
    }
}

impl Desk {
    /// Says whether what is not saved is the text that was deleted, on its way back.
    pub(super) fn brings_back(&self) -> bool {
        match (&self.draft, &self.deleted) {
            (Some(draft), Some(deleted)) => same_text(draft.editor.text(), deleted),
            _ => false,
        }
    }

    /// Lays a quote, or none, before the person.
    pub(super) fn with(saved: Option<Saved>) -> Self {
        Self {
            saved,
            ..Self::default()
        }
    }
}

impl Sheet {
    /// Lays what is being written beside what is saved, which was not known until now.
    pub(super) fn with(saved: Option<Saved>, mut draft: Draft) -> Self {
        draft.recognizes(saved.as_ref());
        Self { saved, draft }
    }

    /// Says whether what is being written was begun on what is saved.
    pub(super) fn replaces_what_is_saved(&self) -> bool {
        let saved = self.saved.as_ref().map(|saved| saved.text.as_str());
        self.draft.based_on.as_deref() == saved
    }
}

impl Draft {
    /// Starts from a saved text, or from nothing.
    pub(super) fn of(saved: Option<&Saved>) -> Self {
        let text = saved.map(|saved| saved.text.as_str());
        Self {
            based_on: text.map(str::to_owned),
            ..Self::of_a_new_quote(text.unwrap_or_default())
        }
    }

    /// Starts from a text for which there is no row.
    pub(super) fn of_a_new_quote(text: &str) -> Self {
        Self {
            editor: Editor::new(text),
            based_on: None,
            in_question: Vec::new(),
        }
    }

    /// Takes up what the draft file kept.
    pub(super) fn from_file(kept: KeptDraft) -> Self {
        Self {
            based_on: kept.based_on,
            ..Self::of_a_new_quote(&kept.text)
        }
    }

    /// Returns what the draft file is to keep.
    pub(super) fn to_file(&self) -> KeptDraft {
        KeptDraft {
            text: self.editor.text().to_owned(),
            based_on: self.based_on.clone(),
        }
    }

    /// Goes on from what is saved, where that is what was sent before: nobody else has changed it. Says whether it is.
    pub(super) fn recognizes(&mut self, saved: Option<&Saved>) -> bool {
        let sent = |saved: &&Saved| {
            self.in_question
                .iter()
                .any(|sent| same_text(sent, &saved.text))
        };
        let Some(saved) = saved.filter(sent) else {
            return false;
        };
        self.in_question.clear();
        self.based_on = Some(saved.text.clone());
        true
    }

    /// Says whether the text differs from what it started from, and is not blank.
    #[must_use]
    pub fn is_worth_keeping(&self) -> bool {
        let text = self.editor.text();
        let unchanged = self
            .based_on
            .as_deref()
            .is_some_and(|base| same_text(base, text));
        !unchanged && !text.trim().is_empty()
    }
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

/// Says whether two texts are the same but for their line ends: the editor makes them one kind.
pub(super) fn same_text(one: &str, other: &str) -> bool {
    one == other
        || one.replace("\r\n", "\n").replace('\r', "\n")
            == other.replace("\r\n", "\n").replace('\r', "\n")
}
