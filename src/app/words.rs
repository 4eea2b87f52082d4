//! What the screens say of a state, in words, with the hint line and the help; what came of something is said where it is known.

use chrono::{DateTime, FixedOffset};

use super::{
    Activity,
    model::{Ahead, DeskOrder, Model, Notice, Over, Pane, Question, Safe, Screen, SignIn, Tone},
};
use crate::{
    keymap::{self, Action, Binding, Chord, Section},
    text,
};

/// Over a quote.
pub const WONDERFUL: &str = "Your quote is wonderful...";
/// Over the place for a quote.
pub const INVITATION: &str = "Save an inspiring quote for yourself...";
/// In the place for a quote.
pub const PLACEHOLDER: &str = "Mistakes are the portals of discovery - James Joyce";

/// Beside a quote that may have changed since.
pub const LAST_SEEN: &str = "last seen";

/// Where the quote could not be read.
pub const UNREAD: &str = "Your quote could not be read.";
/// Before the first quote.
pub const NO_QUOTE_YET: &str = "No quote is kept yet.";
/// The key that leads on from there.
pub const WRITE_FIRST: &str = "Enter writes your first one.";
/// Where there was a quote.
pub const NO_QUOTE: &str = "No quote is kept.";

/// Returns what stands over the main part, where someone is signed in.
#[must_use]
pub fn title(pane: &Pane) -> &'static str {
    match pane {
        Pane::Unread { ahead, .. } => match ahead {
            Ahead::Looking(_) => "Your quote",
            Ahead::Writing(_) | Ahead::ToSave(_) => INVITATION,
        },
        Pane::Quote { desk, .. } if desk.saved.is_some() => WONDERFUL,
        Pane::Editor { sheet, .. } if sheet.saved.is_some() => "Edit your quote",
        Pane::Quote { .. } | Pane::Editor { .. } => INVITATION,
        Pane::Choice(conflict) => match (&conflict.mine.based_on, &conflict.theirs) {
            (Some(_), Some(_)) => "Your quote was changed elsewhere.",
            (None, Some(_)) => "There is already a quote.",
            (_, None) => "Your quote was deleted elsewhere.",
        },
    }
}

/// Returns what is asked about two texts.
#[must_use]
pub const fn choice(theirs: bool) -> &'static str {
    if theirs {
        "Which one do you want to keep?"
    } else {
        "Do you want to keep your text?"
    }
}

/// Returns what the person is told beside what they look at: what became of something, then what is asked or waited for.
#[must_use]
pub fn said(model: &Model) -> Vec<Notice> {
    let failure = match &model.screen {
        Screen::SignedIn {
            pane:
                Pane::Unread {
                    failure: Some(failure),
                    ahead: Ahead::Looking(draft),
                    ..
                },
            ..
        } => {
            let safe = draft.as_ref().map_or(&Safe::NOTHING, |_| &Safe::DRAFT);
            Some(Notice::of_failure(UNREAD, safe, failure))
        }
        _ => None,
    };
    let asked = question(model).or_else(|| under_way(model));
    failure
        .into_iter()
        .chain(model.notice.clone())
        .chain(asked)
        .collect()
}

/// Returns the question that is asked, if one is.
fn question(model: &Model) -> Option<Notice> {
    let Screen::SignedIn {
        pane,
        over: Some(Over::Question(question)),
        ..
    } = &model.screen
    else {
        return None;
    };
    let (question, rest) = match question {
        Question::Delete => ("Delete your quote?", "You can undo it afterwards."),
        Question::Discard => ("Discard your unsaved text?", "This cannot be undone."),
        Question::SignOut if pane.unsaved().is_some() => {
            ("Sign out, and lose your unsaved text?", "")
        }
        Question::SignOut if model.more_drafts => {
            ("Sign out, and lose the unsaved text of another window?", "")
        }
        Question::SignOut => ("Sign out, here and at Okta?", "Your quote is kept."),
    };
    Some(Notice::new(Tone::Question, question, rest))
}

const APPROVAL: &str = "Waiting for your approval…";

/// Returns what is under way behind a quote that was seen before: it stands beside the text, which will hardly change.
pub(super) fn reading_again(model: &Model) -> Option<Notice> {
    let Screen::SignedIn {
        pane:
            Pane::Unread {
                failure: None,
                ahead: Ahead::Looking(_),
                seen: Some(_),
            },
        over: None,
        ..
    } = &model.screen
    else {
        return None;
    };
    under_way(model)
}

/// Returns what is under way, if anything is, and what it waits for.
fn under_way(model: &Model) -> Option<Notice> {
    let mut then = "";
    let by_screen = match &model.screen {
        Screen::Restoring => "Looking for your session…",
        Screen::SignedOut { sign_in, .. } => match sign_in {
            SignIn::Idle | SignIn::VaultFailed => return None,
            SignIn::ChoosingFile => "Writing down your choice…",
            SignIn::Requesting => "Asking Okta for a code…",
            SignIn::Waiting(_) => APPROVAL,
        },
        Screen::SignedIn {
            over: Some(Over::SigningOut),
            ..
        } => "Signing out…",
        Screen::SignedIn { pane, .. } => match pane {
            Pane::Unread {
                failure: None,
                ahead,
                ..
            } => {
                if matches!(ahead, Ahead::ToSave(_)) {
                    then = "Then yours is saved.";
                }
                "Reading your quote…"
            }
            Pane::Quote {
                order: Some(DeskOrder::Reload),
                ..
            } => "Reading your quote…",
            Pane::Quote {
                order: Some(DeskOrder::Delete),
                ..
            } => "Deleting…",
            Pane::Quote {
                order: Some(DeskOrder::Undelete),
                ..
            } => "Bringing your quote back…",
            Pane::Editor { saving: true, .. } => "Saving…",
            _ => return None,
        },
    };
    let waits_for = match model.activity {
        None
        | Some(
            Activity::WaitingForApproval | Activity::SessionNotKept(_) | Activity::Unguarded(_),
        ) => "",
        Some(Activity::AskingKeyring) => "Asking the keyring…",
        Some(Activity::KeyringAsks) => {
            "Your computer asks in a window whether epigraph may use your keyring…"
        }
        Some(Activity::AskingOkta) if by_screen == APPROVAL => "",
        Some(Activity::AskingOkta) => "Asking Okta…",
        Some(Activity::RetryingOkta) => "Okta does not answer; trying again…",
        Some(Activity::ConnectingDatabase) => "Connecting to the database…",
        Some(Activity::WakingDatabase) => "Waking the database…",
        Some(Activity::RetryingDatabase) => "The database does not answer; trying again…",
    };
    let rest = [waits_for, then].join(" ");
    Some(Notice::new(Tone::Info, by_screen, rest.trim()))
}

/// How a hint looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It is the next likely step.
    Next,
    /// It is the answer that destroys something.
    Destroys,
    /// It is one of the others.
    Plain,
}

/// Returns the keys of the hint line with their words, as things are: the next likely step first.
#[must_use]
pub fn hints(model: &Model) -> Vec<(Chord, &'static str, Weight)> {
    let context = model.context();
    let writes = context == keymap::Context::Writing;
    let mut hints: Vec<_> = keymap::bindings(context)
        .filter(|binding| {
            // Where letters are keys, the same is done by one of them.
            let doubled = matches!(binding.section, Section::Everywhere | Section::Always);
            // What a choice keeps, its key stands on.
            let elsewhere = matches!(binding.action, Action::KeepMine | Action::TakeTheirs);
            (writes || !doubled) && !elsewhere && model.offers(binding.action)
        })
        .map(|binding| (binding, hint(model, binding)))
        .filter(|(_, word)| !word.is_empty())
        .collect();
    // What was just deleted is likely to be wanted back.
    hints.sort_by_key(|(binding, _)| binding.action != Action::Undelete);
    let hints = hints.into_iter().enumerate();
    hints
        .map(|(at, (binding, word))| {
            let weight = match at {
                0 => weight(model, binding.action),
                _ => Weight::Plain,
            };
            (key_of(model, binding), word, weight)
        })
        .collect()
}

/// Says how the first hint looks. The buttons of the log-in screen and of a choice stand elsewhere.
fn weight(model: &Model, action: Action) -> Weight {
    let destroys = match &model.screen {
        Screen::SignedIn {
            over: Some(Over::Question(question)),
            pane,
            ..
        } => *question != Question::SignOut || pane.unsaved().is_some() || model.more_drafts,
        _ => false,
    };
    match action {
        Action::Answer(true) if destroys => Weight::Destroys,
        Action::Answer(true)
        | Action::Edit
        | Action::LeaveHelp
        | Action::OpenBrowser
        | Action::Reload
        | Action::Save
        | Action::Undelete
            if model.context() != keymap::Context::Conflict =>
        {
            Weight::Next
        }
        _ => Weight::Plain,
    }
}

/// Returns the key that is shown of a row of the table. An empty screen says that Enter writes.
fn key_of(model: &Model, binding: &Binding) -> Chord {
    let at = usize::from(binding.action == Action::Edit && is_empty(model));
    binding.keys.get(at).copied().unwrap_or(binding.keys[0])
}

/// Says whether there is neither a quote nor a text that waits.
#[must_use]
pub fn is_empty(model: &Model) -> bool {
    matches!(
        &model.screen,
        Screen::SignedIn { pane: Pane::Quote { desk, .. }, .. }
            if desk.saved.is_none() && desk.draft.is_none() && desk.deleted.is_none()
    )
}

/// Returns the word of a key: that of the table, or one that fits better as things are.
fn hint(model: &Model, binding: &Binding) -> &'static str {
    let Screen::SignedIn { pane, over, .. } = &model.screen else {
        return binding.hint;
    };
    match (binding.action, pane) {
        (Action::Answer(true), _) => match over {
            Some(Over::Question(Question::Delete)) => "Delete Quote",
            Some(Over::Question(Question::Discard)) => "Discard",
            Some(Over::Question(Question::SignOut)) => "Sign out",
            Some(Over::SigningOut) | None => binding.hint,
        },
        (
            Action::Edit,
            Pane::Unread {
                failure,
                ahead,
                seen,
            },
        ) => match ahead.unsaved() {
            Some(_) => "go on writing",
            None if seen.is_some() => binding.hint,
            None if failure.is_some() => "write ahead",
            None => "write",
        },
        (Action::Edit, Pane::Quote { desk, .. }) => match (&desk.draft, &desk.saved) {
            (Some(_), _) => "go on writing",
            (None, Some(_)) => binding.hint,
            (None, None) => "write",
        },
        (Action::Reload, Pane::Unread { .. }) => "try again",
        _ => binding.hint,
    }
}

/// Says when a quote was saved, and on which day, for where there is little room.
#[must_use]
pub fn saved(at: &DateTime<FixedOffset>) -> [String; 2] {
    ["%-d %B %Y, %H:%M", "%-d %B %Y"].map(|form| format!("saved {}", at.format(form)))
}

/// Says when a quote was saved, beside another one.
#[must_use]
pub fn saved_lately(at: &DateTime<FixedOffset>) -> String {
    format!("saved {}", at.format("%-d %b, %H:%M"))
}

/// Says until when a code works.
#[must_use]
pub fn works_until(at: &DateTime<FixedOffset>) -> String {
    format!("The code works until {}.", text::time_of_day(at))
}

/// A line of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelpLine {
    /// Between two parts.
    Blank,
    /// The name of a part.
    Title(&'static str),
    /// Keys, and what they do; either may go on without the other.
    Keys(String, String),
}

/// Returns how wide the column of the keys is in the help.
#[must_use]
pub fn help_keys(columns: usize) -> usize {
    24.min(columns / 2)
}

/// Returns the help: the whole table of keys, with those first that hold on the screen under it.
#[must_use]
pub fn help(model: &Model, columns: usize) -> Vec<HelpLine> {
    let here: Vec<_> = model.context_under_help().sections().collect();
    let elsewhere = Section::ALL
        .into_iter()
        .filter(|section| !here.contains(section));
    let mut lines = Vec::new();
    for section in here.iter().copied().chain(elsewhere) {
        if !lines.is_empty() {
            lines.push(HelpLine::Blank);
        }
        lines.push(HelpLine::Title(section.title()));
        for binding in section.bindings() {
            let keys = binding
                .keys
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            let mut keys = text::rows(&keys, help_keys(columns).saturating_sub(1));
            let mut words = text::rows(binding.help, columns.saturating_sub(help_keys(columns)));
            loop {
                let (keys, words) = (keys.next(), words.next());
                if keys.or(words).is_none() {
                    break;
                }
                let row = |row: Option<&str>| row.unwrap_or_default().to_owned();
                lines.push(HelpLine::Keys(row(keys), row(words)));
            }
        }
    }
    lines
}
