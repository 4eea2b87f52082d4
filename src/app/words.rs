//! What the screens say about the model, in words.

use chrono::{DateTime, FixedOffset};

use super::{
    Activity,
    model::{Ahead, DeskOrder, Model, Over, Pane, Question, Screen, SignIn, Tone},
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

/// Returns what is going on, for the status line: bad news or good, then what is being waited for, or the question.
#[must_use]
pub fn status(model: &Model) -> Vec<(Tone, String)> {
    let notice = model
        .notice
        .iter()
        .map(|notice| (notice.tone, notice.text.clone()));
    let rest = question(model).or_else(|| {
        let waiting = waiting_for(model)?;
        Some(match &model.screen {
            Screen::SignedIn {
                pane:
                    Pane::Unread {
                        ahead: Ahead::ToSave(_),
                        ..
                    },
                ..
            } => format!("{waiting} Then yours is saved."),
            _ => waiting.to_owned(),
        })
    });
    notice.chain(rest.map(|text| (Tone::Info, text))).collect()
}

/// Returns the question that is asked, if one is.
fn question(model: &Model) -> Option<String> {
    let Screen::SignedIn {
        pane,
        over: Some(Over::Question(question)),
        ..
    } = &model.screen
    else {
        return None;
    };
    let words = match question {
        Question::Delete => "Delete your quote?",
        Question::Discard => "Discard your unsaved text?",
        Question::SignOut if pane.unsaved().is_some() => "Sign out, and lose your unsaved text?",
        Question::SignOut if model.more_drafts => {
            "Sign out, and lose the unsaved text of another window?"
        }
        Question::SignOut => "Sign out, here and at Okta?",
    };
    Some(words.to_owned())
}

const APPROVAL: &str = "Waiting for your approval…";

/// Returns what is being waited for, if anything is.
fn waiting_for(model: &Model) -> Option<&'static str> {
    let by_screen = match &model.screen {
        Screen::Restoring => "Looking for your session…",
        Screen::VaultFailed => return None,
        Screen::SignedOut { sign_in, .. } => match sign_in {
            SignIn::Idle => return None,
            SignIn::Requesting => "Asking Okta for a code…",
            SignIn::Waiting(_) => APPROVAL,
        },
        Screen::SignedIn {
            over: Some(Over::SigningOut),
            ..
        } => "Signing out…",
        Screen::SignedIn { pane, .. } => match pane {
            Pane::Unread { failure: None, .. }
            | Pane::Quote {
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
    Some(match model.activity {
        None
        | Some(
            Activity::WaitingForApproval | Activity::SessionNotKept(_) | Activity::Unguarded(_),
        ) => by_screen,
        Some(Activity::AskingKeyring) => "Asking the keyring…",
        Some(Activity::AskingOkta) if by_screen == APPROVAL => by_screen,
        Some(Activity::AskingOkta) => "Asking Okta…",
        Some(Activity::RetryingOkta) => "Okta does not answer; trying again…",
        Some(Activity::ConnectingDatabase) => "Connecting to the database…",
        Some(Activity::WakingDatabase) => "Waking the database…",
        Some(Activity::RetryingDatabase) => "The database does not answer; trying again…",
    })
}

/// Returns the keys of the hint line with their words, as things are.
pub fn hints(model: &Model) -> impl Iterator<Item = (Chord, &'static str)> {
    keymap::bindings(model.context()).filter_map(|binding| {
        let word = hint(model, binding);
        let doubled = binding.action == Action::Help
            && binding.section == Section::Everywhere
            && model.context() != keymap::Context::Writing;
        (!word.is_empty() && !doubled && model.offers(binding.action))
            .then(|| (binding.keys[0], word))
    })
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
        (Action::Edit, Pane::Unread { ahead, .. }) => match ahead.unsaved() {
            Some(_) => "go on writing",
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

/// Says when a quote was saved.
#[must_use]
pub fn saved_at(at: &DateTime<FixedOffset>) -> String {
    format!("saved {}", at.format("%-d %B %Y, %H:%M"))
}

/// Says on which day a quote was saved, where there is little room.
#[must_use]
pub fn saved_on(at: &DateTime<FixedOffset>) -> String {
    format!("saved {}", at.format("%-d %B %Y"))
}

/// Says until when a code works.
#[must_use]
pub fn works_until(at: &DateTime<FixedOffset>) -> String {
    format!("It works until {}.", at.format("%H:%M"))
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

fn rows(text: &str, columns: usize) -> Vec<String> {
    let rows = text::wrap(text, columns).into_iter();
    rows.map(|row| text[row].trim_end().to_owned()).collect()
}

/// Returns the help: the whole table of keys, with those first that hold on the screen under it.
#[must_use]
pub fn help(model: &Model, columns: usize) -> Vec<HelpLine> {
    let here = model.context_under_help().sections();
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
            let keys = rows(&keys, help_keys(columns).saturating_sub(1));
            let words = rows(binding.help, columns.saturating_sub(help_keys(columns)));
            for at in 0..keys.len().max(words.len()) {
                let row = |rows: &[String]| rows.get(at).cloned().unwrap_or_default();
                lines.push(HelpLine::Keys(row(&keys), row(&words)));
            }
        }
    }
    lines
}
