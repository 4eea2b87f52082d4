//! Models, people and keys for tests.

use chrono::{DateTime, FixedOffset};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::{
    About, DeviceCode, Effect, KeptDraft, Model, Msg, Pane, Restored, SaveOutcome, Screen, Seen,
    SignIn, Size, User, Without, init, take_in, update,
};
use crate::{
    failure::{Failure, Kind},
    quote::{DeleteOutcome, Quote, Saved},
};

pub(crate) fn about() -> About {
    About {
        database: "neondb · direct".into(),
        okta: "dev-12345678.okta.com".into(),
        can_open_browser: true,
        has_keyring: true,
        without: Without::default(),
        warning: None,
    }
}

/// Stands for a bug: it comes with a certain text.
pub(super) fn may_have_a_bug(screen: &Screen) {
    if let Screen::SignedIn { pane, .. } = screen {
        let text = pane.unsaved().map_or("", |draft| draft.editor.text());
        assert!(!text.contains("(fault)"), "a bug in an update");
    }
}

pub(crate) fn at(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).expect("a time")
}

pub(crate) fn joyce() -> User {
    User {
        id: "00u1joyce".into(),
        name: "James Joyce".into(),
    }
}

pub(crate) fn saved(text: &str) -> Saved {
    Saved {
        text: text.into(),
        saved_at: at("2026-05-03T14:02:00+02:00"),
    }
}

pub(crate) fn code() -> DeviceCode {
    DeviceCode {
        user_code: "WDJBMJHT".into(),
        verification_uri: "https://dev-12345678.okta.com/activate".into(),
        verification_uri_complete: Some(
            "https://dev-12345678.okta.com/activate?user_code=WDJBMJHT".into(),
        ),
        expires_at: at("2026-05-03T14:32:00+02:00"),
    }
}

pub(crate) fn restored(draft: Option<&str>) -> Restored {
    Restored {
        user: joyce(),
        draft: draft.map(|text| kept(text, None)),
        more_drafts: false,
        warnings: Vec::new(),
        seen: None,
    }
}

pub(crate) fn kept(text: &str, based_on: Option<&str>) -> KeptDraft {
    KeptDraft {
        text: text.into(),
        based_on: based_on.map(str::to_owned),
    }
}

pub(crate) fn unreachable() -> Failure {
    Failure::new(Kind::Unreachable, "The database does not answer.")
        .cure("Check your network, and try again.")
}

/// A failure after which no one knows whether the change was made.
pub(crate) fn unconfirmed() -> Failure {
    Failure {
        unconfirmed: true,
        ..unreachable()
    }
}

/// A failure that someone has to do something about.
pub(crate) fn refused() -> Failure {
    Failure::new(Kind::Database, "The database is read-only.").cure("Use that of the primary.")
}

pub(crate) fn session_over() -> Failure {
    Failure::new(Kind::NotSignedIn, "Your session has ended.").cure("Log in again.")
}

/// Makes the model of a fresh start.
pub(crate) fn started(columns: u16, rows: u16) -> Model {
    init(about(), Size { columns, rows }).0
}

/// Makes the model of someone who reads: a quote, or the place for one.
pub(crate) fn reading(columns: u16, rows: u16, quote: Option<&str>) -> Model {
    let mut model = started(columns, rows);
    update(&mut model, Msg::Restored(Ok(Some(restored(None)))));
    update(&mut model, Msg::Loaded(Ok(quote.map(saved))));
    model
}

/// Makes the model of someone who writes on in what is read, on a screen of the usual size.
pub(crate) fn writing(quote: Option<&str>, text: &str) -> Model {
    let mut model = reading(80, 24, quote);
    press(&mut model, "e");
    write(&mut model, text);
    model
}

/// Makes the model of someone who has deleted a quote.
pub(crate) fn deleted(quote: &str) -> Model {
    let mut model = reading(80, 24, Some(quote));
    press(&mut model, "d y");
    update(&mut model, Msg::Deleted(Ok(DeleteOutcome::Deleted)));
    model
}

/// Signs someone in, from the screen that offers it.
pub(crate) fn sign_in(model: &mut Model, as_whom: Restored) -> Vec<Effect> {
    press(model, "Enter");
    update(model, Msg::CodeIssued(Ok(code())));
    update(model, Msg::SignedIn(Ok(as_whom)))
}

/// The order to save a text in place of another.
pub(crate) fn save(text: &str, based_on: Option<&str>) -> Effect {
    Effect::Save {
        quote: Quote::new(text).expect("a quote"),
        based_on: based_on.map(str::to_owned),
    }
}

/// Makes the model of someone to whom a code is shown.
pub(crate) fn waiting(columns: u16, rows: u16) -> Model {
    let mut model = started(columns, rows);
    update(&mut model, Msg::Restored(Ok(None)));
    press(&mut model, "Enter");
    update(&mut model, Msg::CodeIssued(Ok(code())));
    model
}

/// Makes the model of someone whose save met another text.
pub(crate) fn conflicted(columns: u16, rows: u16, mine: &str, theirs: Option<&str>) -> Model {
    let mut model = reading(columns, rows, Some("As it was."));
    press(&mut model, "e Ctrl-U");
    update(&mut model, Msg::Terminal(Event::Paste(mine.into())));
    press(&mut model, "Enter");
    update(
        &mut model,
        Msg::Saved(Ok(SaveOutcome::Conflict(theirs.map(saved)))),
    );
    model
}

/// Presses keys, written as the help writes them, with blanks between. Returns the effects of the last one.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys.split_whitespace() {
        effects = press_key(model, key_event(key));
    }
    effects
}

/// Presses a key, as it comes from the terminal.
pub(crate) fn press_key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    take_in(model, &mut [Event::Key(key)].into(), &mut Seen::Yes)
}

/// Types a text, a key per character.
pub(crate) fn write(model: &mut Model, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for c in text.chars() {
        effects = press_key(model, KeyEvent::from(KeyCode::Char(c)));
    }
    effects
}

pub(crate) fn key_event(name: &str) -> KeyEvent {
    let (modifiers, name) = match name.split_once('-') {
        Some(("Ctrl", name)) => (KeyModifiers::CONTROL, name.to_lowercase()),
        Some(("Alt", name)) => (KeyModifiers::ALT, name.to_lowercase()),
        Some(("Shift", name)) => (KeyModifiers::SHIFT, name.to_lowercase()),
        _ => (KeyModifiers::NONE, name.to_owned()),
    };
    let code = match name.to_lowercase().as_str() {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "space" => KeyCode::Char(' '),
        "backspace" => KeyCode::Backspace,
        "left" => KeyCode::Left,
        "pgdn" => KeyCode::PageDown,
        "down" => KeyCode::Down,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "f1" => KeyCode::F(1),
        _ => {
            let mut chars = name.chars();
            let key = chars.next().expect("a key");
            assert_eq!(chars.next(), None, "no key is called {name}");
            KeyCode::Char(key)
        }
    };
    KeyEvent::new(code, modifiers)
}

/// Returns the code of a model on which one is shown.
pub(crate) fn code_on_screen(model: &mut Model) -> &mut DeviceCode {
    match &mut model.screen {
        Screen::SignedOut {
            sign_in: SignIn::Waiting(code),
            ..
        } => code,
        other => panic!("no code is shown: {other:?}"),
    }
}

/// Returns the pane of a model on which someone is signed in.
pub(crate) fn pane(model: &Model) -> &Pane {
    match &model.screen {
        Screen::SignedIn { pane, .. } => pane,
        other => panic!("nobody is signed in: {other:?}"),
    }
}
