//! What the program knows: which screen, and what the person has in front of them. No secret is in here.

use std::{fmt, ops::Range};

use crate::{
    editor::Editor,
    failure::{Failure, Kind},
    keymap::{Action, Context},
    quote::Saved,
    text::{difference, line_ends},
};

use super::{Activity, DeviceCode, Effect, KeptDraft, User};

/// What the screens must know about where they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The database in a few words, such as "neondb · direct".
    pub database: String,
    /// The host where people sign in.
    pub okta: String,
    /// Whether a browser on this machine can show something to the person.
    pub can_open_browser: bool,
    /// Whether the session is kept in a keyring, and could be kept in a file.
    pub has_keyring: bool,
    /// What the screens do without.
    pub without: Without,
    /// What is wrong with the terminal from the start.
    pub warning: Option<Failure>,
}

/// What the screens do without, because the person or the terminal asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// `NO_COLOR` is set.
    pub colours: bool,
    /// A screen reader may read frames aloud.
    pub frames: bool,
    /// The terminal's letters have none, as those of the Linux console.
    pub round_corners: bool,
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
    /// What was cut or copied last in the editor.
    pub(super) cut: Cut,
    /// Whether there is a text besides, which no window has taken up yet.
    pub(super) more_drafts: bool,
    /// That drafts cannot be kept is said once.
    pub(super) draft_failure_told: bool,
}

/// Something that the person must be told: the outcome first, in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What kind of news it is.
    pub tone: Tone,
    /// What came of it, in one to five words where it is bad news.
    pub outcome: String,
    /// Whether their text is safe, which key helps, and why it is so. It may be empty.
    pub rest: String,
}

impl Notice {
    /// Says what came of something, and more about it.
    pub(crate) fn new(tone: Tone, outcome: impl Into<String>, rest: impl Into<String>) -> Self {
        Self {
            tone,
            outcome: outcome.into(),
            rest: rest.into(),
        }
    }
}

/// What a failure leaves safe, in the two lengths that there may be room for.
#[derive(Debug)]
pub(super) struct Safe {
    /// A sentence, which may name the key that tries again.
    in_full: &'static str,
    /// What is added to the outcome, where reason and cure take the room.
    in_short: &'static str,
}

impl Safe {
    /// Nothing was at stake.
    pub(super) const NOTHING: Self = Self {
        in_full: "",
        in_short: "",
    };
    /// What was sent is still in the editor.
    pub(super) const TO_SEND: Self = Self {
        in_full: "Your text is still here: Enter tries again.",
        in_short: ", but kept",
    };
    /// What is being written is still in the editor.
    pub(super) const WRITING: Self = Self {
        in_full: "Your text is still here.",
        in_short: "; your text is kept",
    };
    /// A draft waits beside what is read.
    pub(super) const DRAFT: Self = Self {
        in_full: "Your unsaved text is kept.",
        in_short: "; your text is kept",
    };
    /// A draft waits for the same person.
    pub(super) const UNTIL_SIGN_IN: Self = Self {
        in_full: "Your unsaved text is kept for your next sign-in.",
        in_short: "; your text is kept",
    };
}

impl Notice {
    /// Says what did not come about, and in at most two sentences what matters most of this: whether the text is safe, why it
    /// failed, and what to do.
    pub(super) fn of_failure(outcome: &str, safe: &Safe, failure: &Failure) -> Self {
        let bare = outcome.trim_end_matches('.');
        // It may say in full what came of it.
        let why = match failure.what.strip_prefix(bare) {
            Some(".") => "",
            Some(more) => more.trim_start_matches([':', ' ']),
            None => &failure.what,
        };
        // A key on the screen is the cure already.
        let is_told = matches!(failure.kind, Kind::Unreachable | Kind::NotSignedIn);
        let cure = failure
            .cure
            .as_deref()
            .filter(|_| !is_told || safe.in_full.is_empty());
        let (outcome, parts) = match cure {
            Some(cure) => (format!("{bare}{}.", safe.in_short), [why, cure]),
            None => (outcome.to_owned(), [safe.in_full, why]),
        };
        let told: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Self::new(Tone::Failure, outcome, told.join(" "))
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.outcome.as_str(), self.rest.as_str()];
        let told: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        f.write_str(&told.join(" "))
    }
}

/// What was cut or copied last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) text: String,
    /// Whether the last key cut it: what the next one cuts is joined to it.
    pub(super) grows: bool,
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
    /// Something was done, or is under way.
    Info,
    /// Something is asked, or can be undone.
    Question,
    /// Something is not as the person may think.
    Warning,
    /// Something went wrong.
    Failure,
}

impl Tone {
    /// Says whether it is news that a person must not miss.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Warning | Self::Failure)
    }
}

/// Where the person is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The vault is being asked for a session.
    Restoring,
    /// You are not signed in.
    SignedOut {
        /// What was not saved when the session ended.
        unsaved: Option<Unsaved>,
        /// How far the way back in has been gone.
        sign_in: SignIn,
    },
    /// You are signed in.
    SignedIn {
        /// Who.
        user: User,
        /// What they are doing.
        pane: Pane,
        /// What takes the keys from the pane. Where it comes to nothing, the person is back in the pane.
        over: Option<Over>,
    },
}

/// How far a sign-in has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// None is under way.
    Idle,
    /// None can be: the vault would not keep the session.
    VaultFailed,
    /// The vault is being given up for a file.
    ChoosingFile,
    /// Okta is being asked for a device code.
    Requesting,
    /// The code is on the screen.
    Waiting(DeviceCode),
}

/// What lies over a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A question is asked.
    Question(Question),
    /// The session is being ended.
    SigningOut,
}

/// What was not saved when a session ended, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaved {
    /// The `sub` of the person.
    pub user_id: String,
    /// The text.
    pub draft: Draft,
}

/// What someone who is signed in is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pane {
    /// It is not known what is saved.
    Unread {
        /// Why the quote could not be read; `None` while it is being read.
        failure: Option<Failure>,
        /// What the person does meanwhile.
        ahead: Ahead,
        /// What they saw last.
        seen: Option<Saved>,
    },
    /// The quote, or the place for one.
    Quote {
        /// What lies before the person.
        desk: Desk,
        /// What was ordered and is not answered.
        order: Option<DeskOrder>,
    },
    /// The text is being written.
    Editor {
        /// What lies before the person.
        sheet: Sheet,
        /// Whether it is being saved; it stays on the screen, so that a failure loses nothing.
        saving: bool,
    },
    /// There are two texts, and the person chooses.
    Choice(Conflict),
}

/// What a person does before it is known what is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// They look on. What they had not saved waits.
    Looking(Option<Draft>),
    /// They write, also when the quote cannot be read: a letter must not become a key in the middle of a word.
    Writing(Draft),
    /// They want this saved as soon as it is known what it replaces.
    ToSave(Draft),
}

/// An order about the quote that is on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeskOrder {
    /// Read it again.
    Reload,
    /// Delete it.
    Delete,
    /// Bring the deleted one back.
    Undelete,
}

/// A question with yes and no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Delete the quote?
    Delete,
    /// Throw the draft away?
    Discard,
    /// Sign out? What is not saved, here or in another window, goes with the session.
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
    pub(super) unconfirmed: Vec<String>,
}

/// Two texts, of which one is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What the person wrote.
    pub mine: Draft,
    /// What the database has.
    pub theirs: Option<Saved>,
    /// The words of each that the other has not, in bytes of the text.
    pub differing: [Vec<Range<usize>>; 2],
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
            Screen::Restoring => Context::Busy,
            Screen::SignedOut { sign_in, .. } => match sign_in {
                SignIn::Idle | SignIn::VaultFailed => Context::SignedOut,
                SignIn::ChoosingFile => Context::Busy,
                SignIn::Requesting => Context::Requesting,
                SignIn::Waiting(_) => Context::Waiting,
            },
            Screen::SignedIn { pane, over, .. } => match over {
                Some(Over::Question(_)) => Context::Asking,
                Some(Over::SigningOut) => Context::Busy,
                None => pane.context(),
            },
        }
    }

    /// Says whether a choice lies before the person that loses something: only a key that was pressed after it could be
    /// seen makes it.
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(self.context(), Context::Asking | Context::Conflict)
    }

    /// Says whether an action makes sense as things are; its key does nothing and is not shown where it doesn't.
    #[must_use]
    pub fn offers(&self, action: Action) -> bool {
        match (action, &self.screen) {
            // What is in no file but here stays: a session that is looked up may be another person's.
            (Action::Reload, Screen::SignedOut { unsaved, sign_in }) => {
                *sign_in == SignIn::VaultFailed && unsaved.is_none()
            }
            (Action::ChooseFile, Screen::SignedOut { sign_in, .. }) => {
                *sign_in == SignIn::VaultFailed && self.about.has_keyring
            }
            (
                Action::OpenBrowser,
                Screen::SignedOut {
                    sign_in: SignIn::Waiting(code),
                    ..
                },
            ) => self.about.can_open_browser && code.address().starts_with("https://"),
            (action, Screen::SignedIn { pane, .. }) => pane.offers(action),
            _ => true,
        }
    }

    /// Says what was ordered and is not answered.
    #[must_use]
    pub fn order(&self) -> Option<Order> {
        let Screen::SignedIn { pane, over, .. } = &self.screen else {
            return None;
        };
        match pane {
            _ if *over == Some(Over::SigningOut) => Some(Order::SignOut),
            Pane::Editor { saving: true, .. } => Some(Order::Save),
            Pane::Quote { order, .. } => match order {
                Some(DeskOrder::Undelete) => Some(Order::Save),
                Some(DeskOrder::Delete) => Some(Order::Delete),
                Some(DeskOrder::Reload) | None => None,
            },
            _ => None,
        }
    }

    /// Returns what was written and is not saved, where it is worth keeping.
    #[must_use]
    pub fn unsaved(&self) -> Option<&Draft> {
        match &self.screen {
            Screen::Restoring => None,
            Screen::SignedOut { unsaved, .. } => unsaved.as_ref().map(|unsaved| &unsaved.draft),
            // A person who signs out was asked before.
            Screen::SignedIn { pane, over, .. } => {
                pane.unsaved().filter(|_| *over != Some(Over::SigningOut))
            }
        }
    }

    /// Says whether what was written may be saved by now: it was sent, and no one answered.
    #[must_use]
    pub fn may_be_saved_already(&self) -> bool {
        self.order() == Some(Order::Save)
            || self.unsaved().is_some_and(|draft| {
                let text = draft.editor.text();
                draft.unconfirmed.iter().any(|sent| sent == text)
            })
    }

    /// Returns the order that keeps what was written and is not saved: for an end in which the last order got lost.
    #[must_use]
    pub fn keep_unsaved(&self) -> Option<Effect> {
        Some(Effect::KeepDraft(self.unsaved()?.to_file()))
    }

    /// Says something, unless there is bad news that the person has not yet dismissed with a key.
    pub(super) fn say(&mut self, words: impl Into<String>) {
        self.tell(Notice::new(Tone::Info, words, ""));
    }

    /// Says something, unless there is bad news that the person has not yet dismissed with a key.
    pub(super) fn tell(&mut self, notice: Notice) {
        if notice.tone.is_bad() || !matches!(&self.notice, Some(notice) if notice.tone.is_bad()) {
            self.notice = Some(notice);
        }
    }

    /// Says what is not as the person may think.
    pub(super) fn warn(&mut self, outcome: impl Into<String>, rest: impl Into<String>) {
        self.tell(Notice::new(Tone::Warning, outcome, rest));
    }

    /// Says what did not come about, why, and what to do.
    pub(super) fn fail(&mut self, outcome: &str, failure: &Failure) {
        self.fail_safely(outcome, &Safe::NOTHING, failure);
    }

    /// Says what did not come about, whether the text is safe, why, and what to do.
    pub(super) fn fail_safely(&mut self, outcome: &str, safe: &Safe, failure: &Failure) {
        self.tell(Notice::of_failure(outcome, safe, failure));
    }

    /// Says what went wrong beside what is said already.
    pub(super) fn warn_as_well(&mut self, outcome: &str, failure: &Failure) {
        match &mut self.notice {
            Some(notice) if notice.tone.is_bad() => {
                let rest = format!("{} {failure}", notice.rest);
                rest.trim_start().clone_into(&mut notice.rest);
            }
            _ if outcome.is_empty() => {
                let cure = failure.cure.clone().unwrap_or_default();
                self.warn(failure.what.clone(), cure);
            }
            _ => self.warn(outcome, failure.to_string()),
        }
    }
}

impl Screen {
    /// No one is signed in, and nothing is done about it.
    pub(super) fn signed_out(unsaved: Option<Unsaved>) -> Self {
        Self::SignedOut {
            unsaved,
            sign_in: SignIn::Idle,
        }
    }

    /// Someone is signed in, and the pane has the keys.
    pub(super) fn signed_in(user: User, pane: Pane) -> Self {
        Self::SignedIn {
            user,
            pane,
            over: None,
        }
    }
}

impl Pane {
    /// Shows a quote, or the place for one.
    pub(super) fn quote(desk: Desk) -> Self {
        Self::Quote { desk, order: None }
    }

    /// Lets the person write.
    pub(super) fn writing(sheet: Sheet) -> Self {
        Self::Editor {
            sheet,
            saving: false,
        }
    }

    /// Lets the person choose between two texts.
    pub(super) fn choice(mine: Draft, theirs: Option<Saved>) -> Self {
        let other = theirs.as_ref().map_or("", |theirs| theirs.text.as_str());
        let differing = difference::words(mine.editor.text(), other);
        Self::Choice(Conflict {
            mine,
            theirs,
            differing,
            scroll: 0,
        })
    }

    fn context(&self) -> Context {
        match self {
            Self::Unread { failure, ahead, .. } => match ahead {
                Ahead::Looking(_) if failure.is_some() => Context::Unread,
                Ahead::Looking(_) => Context::Loading,
                Ahead::Writing(_) => Context::Writing,
                Ahead::ToSave(_) => Context::Busy,
            },
            Self::Quote { order: Some(_), .. } | Self::Editor { saving: true, .. } => Context::Busy,
            Self::Quote { .. } => Context::Quote,
            Self::Editor { .. } => Context::Writing,
            Self::Choice(_) => Context::Conflict,
        }
    }

    fn offers(&self, action: Action) -> bool {
        match (action, self) {
            (
                Action::Delete | Action::CopyQuote | Action::Undelete | Action::Discard,
                Self::Unread { .. },
            ) => false,
            (Action::Delete | Action::CopyQuote, Self::Quote { desk, .. }) => desk.saved.is_some(),
            (Action::Undelete, Self::Quote { desk, .. }) => {
                desk.saved.is_none() && desk.deleted.is_some()
            }
            (Action::Discard, Self::Quote { desk, .. }) => desk.draft.is_some(),
            _ => true,
        }
    }

    /// Returns what was written and is not saved, where it is worth keeping.
    pub(super) fn unsaved(&self) -> Option<&Draft> {
        match self {
            Self::Unread { ahead, .. } => ahead.unsaved(),
            Self::Quote { desk, .. } => desk.draft.as_ref(),
            Self::Editor { sheet, .. } => {
                Some(&sheet.draft).filter(|draft| draft.is_worth_keeping())
            }
            Self::Choice(conflict) => Some(&conflict.mine),
        }
    }

    /// Returns what stands in the editor, while it is being written and while it is being saved.
    pub(super) fn in_editor(&self) -> Option<&Draft> {
        match self {
            Self::Unread {
                ahead: Ahead::Writing(draft) | Ahead::ToSave(draft),
                ..
            }
            | Self::Editor {
                sheet: Sheet { draft, .. },
                ..
            } => Some(draft),
            _ => None,
        }
    }

    /// Returns the same, to be changed.
    pub(super) fn in_editor_mut(&mut self) -> Option<&mut Draft> {
        match self {
            Self::Unread {
                ahead: Ahead::Writing(draft) | Ahead::ToSave(draft),
                ..
            }
            | Self::Editor {
                sheet: Sheet { draft, .. },
                ..
            } => Some(draft),
            _ => None,
        }
    }
}

impl Ahead {
    /// Returns what was written and is not saved, where it is worth keeping.
    pub(super) fn unsaved(&self) -> Option<&Draft> {
        match self {
            Self::Looking(draft) => draft.as_ref(),
            Self::Writing(draft) | Self::ToSave(draft) => {
                Some(draft).filter(|draft| draft.is_worth_keeping())
            }
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
            unconfirmed: Vec::new(),
        }
    }

    /// Takes up what the draft file kept.
    pub(super) fn from_file(kept: KeptDraft) -> Self {
        Self {
            based_on: kept.based_on,
            ..Self::of_a_new_quote(&kept.text)
        }
    }

    /// Orders that the draft file holds what is worth keeping.
    pub(super) fn kept(&self) -> Effect {
        if self.is_worth_keeping() {
            Effect::KeepDraft(self.to_file())
        } else {
            Effect::DropDraft
        }
    }

    /// Returns what the draft file is to keep.
    pub(super) fn to_file(&self) -> KeptDraft {
        KeptDraft {
            text: self.editor.text().to_owned(),
            based_on: self.based_on.clone(),
        }
    }

    /// Goes on from what is saved, where that is what was sent before: no one else has changed it. Says whether it is.
    pub(super) fn recognizes(&mut self, saved: Option<&Saved>) -> bool {
        let sent = |saved: &&Saved| {
            self.unconfirmed
                .iter()
                .any(|sent| same_text(sent, &saved.text))
        };
        let Some(saved) = saved.filter(sent) else {
            return false;
        };
        self.unconfirmed.clear();
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

/// Says whether two texts are the same but for their line ends: the editor makes them one kind.
pub(super) fn same_text(one: &str, other: &str) -> bool {
    // Asked at every key, also in a long text, which seldom has any but one kind.
    one == other
        || [one, other].iter().any(|text| text.contains('\r')) && line_ends(one) == line_ends(other)
}
