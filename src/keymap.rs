//! The one table of keys: dispatch, hint line, help and the manual page come from it.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::{editor::Motion, platform::Platform};

use table::BINDINGS;

mod table;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Answer(bool),
    BreakLine,
    Cancel,
    /// Keeps the session in a file instead of the keyring.
    ChooseFile,
    CopyAddress,
    CopyCode,
    CopyQuote,
    CopySelection,
    Cut,
    /// Deletes up to where a motion leads, and keeps it for [`Action::PutBack`].
    CutTo(Motion),
    Delete,
    Discard,
    Edit,
    Erase(Motion),
    Go(Motion),
    Help,
    KeepMine,
    LeaveEditor,
    LeaveHelp,
    LogIn,
    NewCode,
    OpenBrowser,
    Paste,
    /// Puts back what was cut or copied last.
    PutBack,
    Quit,
    Redo,
    Redraw,
    Reload,
    Save,
    Scroll(Scroll),
    Select(Motion),
    SelectAll,
    SignOut,
    Suspend,
    SwapCharacters,
    TakeTheirs,
    Undelete,
    Undo,
}

/// Whether there is a shell to go back to.
const STOPS: bool = !matches!(Platform::HERE, Platform::Windows);

/// How far to scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scroll {
    Up,
    Down,
    PageUp,
    PageDown,
    Start,
    End,
}

/// What is in front of the person, as far as keys are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Something is under way that only quitting can leave.
    Busy,
    /// The quote is being read; writing need not wait for it.
    Loading,
    /// You are not signed in.
    SignedOut,
    /// A device code is being asked for.
    Requesting,
    /// A code is on the screen.
    Waiting,
    /// The quote could not be read.
    Unread,
    /// The quote, or the place for one.
    Quote,
    /// The text is being written.
    Writing,
    /// A question with yes and no.
    Asking,
    /// Two texts, of which one is to be kept.
    Conflict,
    /// The help.
    Help,
}

impl Context {
    /// Every context.
    pub const ALL: [Self; 11] = [
        Self::Busy,
        Self::Loading,
        Self::SignedOut,
        Self::Requesting,
        Self::Waiting,
        Self::Unread,
        Self::Quote,
        Self::Writing,
        Self::Asking,
        Self::Conflict,
        Self::Help,
    ];

    /// Returns the parts of the table that hold here, in the order of the hint line.
    pub fn sections(self) -> impl Iterator<Item = Section> {
        let own: &[Section] = match self {
            Self::Busy => &[],
            Self::Loading => &[Section::Quote],
            Self::SignedOut => &[Section::SignedOut],
            Self::Requesting => &[Section::SignIn],
            Self::Waiting => &[Section::Code, Section::SignIn],
            Self::Unread => &[Section::Session, Section::Quote],
            Self::Quote => &[Section::Quote, Section::Session, Section::Reading],
            Self::Writing => &[Section::Writing],
            Self::Asking => &[Section::Question],
            Self::Conflict => &[Section::Conflict, Section::Reading],
            Self::Help => &[Section::Help, Section::Reading],
        };
        let common: &[Section] = match self {
            Self::Help => &[Section::Always],
            Self::Writing => &[Section::Everywhere, Section::Always],
            _ => &[Section::Letters, Section::Everywhere, Section::Always],
        };
        own.iter().chain(common).copied()
    }
}

/// A part of the table, as the help groups it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Keys of the quote itself.
    Quote,
    /// Keys wherever someone is signed in and nothing is being written.
    Session,
    /// Keys that scroll.
    Reading,
    /// Keys of the editor.
    Writing,
    /// Keys where two texts are shown.
    Conflict,
    /// Keys where a question is asked.
    Question,
    /// Keys where no one is signed in.
    SignedOut,
    /// Keys while a code is on the screen.
    Code,
    /// Keys while a sign-in is under way.
    SignIn,
    /// Letters that work wherever letters are not text.
    Letters,
    /// Keys that work in the help and everywhere else.
    Always,
    /// Keys that work everywhere but in the help.
    Everywhere,
    /// Keys of the help.
    Help,
}

impl Section {
    /// Every section, in the order of the help.
    pub const ALL: [Self; 13] = [
        Self::Quote,
        Self::Session,
        Self::Writing,
        Self::Conflict,
        Self::Question,
        Self::SignedOut,
        Self::Code,
        Self::SignIn,
        Self::Reading,
        Self::Letters,
        Self::Everywhere,
        Self::Always,
        Self::Help,
    ];

    /// Returns what the help calls it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Quote => "Your quote",
            Self::Session => "Signed in",
            Self::Reading => "Scrolling",
            Self::Writing => "Writing",
            Self::Conflict => "Two texts",
            Self::Question => "Questions",
            Self::SignedOut => "Signed out",
            Self::Code => "Signing in: the code",
            Self::SignIn => "Signing in",
            Self::Letters => "Except while writing",
            Self::Everywhere => "Everywhere",
            Self::Always => "Everywhere, help included",
            Self::Help => "Help",
        }
    }

    /// Returns its rows of the table.
    pub fn bindings(self) -> impl Iterator<Item = &'static Binding> {
        BINDINGS
            .iter()
            .filter(move |binding| binding.section == self)
            .filter(|binding| STOPS || binding.action != Action::Suspend)
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Where it holds.
    pub section: Section,
    /// The keys, the one that is shown first.
    pub keys: &'static [Chord],
    /// What they ask for.
    pub action: Action,
    /// The word in the hint line; empty where there is none.
    pub hint: &'static str,
    /// The sentence in the help.
    pub help: &'static str,
}

/// A key with its modifiers. Characters have Shift in them, but for letters with Ctrl, where some terminals tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl Chord {
    const fn with(modifiers: KeyModifiers, code: KeyCode) -> Self {
        Self { code, modifiers }
    }

    pub(crate) const fn plain(code: KeyCode) -> Self {
        Self::with(KeyModifiers::NONE, code)
    }

    const fn ctrl(code: KeyCode) -> Self {
        Self::with(KeyModifiers::CONTROL, code)
    }

    const fn ctrl_shift(code: KeyCode) -> Self {
        Self::with(KeyModifiers::CONTROL.union(KeyModifiers::SHIFT), code)
    }

    const fn alt(code: KeyCode) -> Self {
        Self::with(KeyModifiers::ALT, code)
    }

    const fn shift(code: KeyCode) -> Self {
        Self::with(KeyModifiers::SHIFT, code)
    }

    /// Returns the chord of a key event; `None` for a key that was let go, and with the keys that belong to the desktop.
    #[must_use]
    pub fn of(event: KeyEvent) -> Option<Self> {
        let told = event.modifiers;
        if event.kind == KeyEventKind::Release
            || told.intersects(KeyModifiers::SUPER | KeyModifiers::HYPER)
        {
            return None;
        }
        let mut modifiers =
            told & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        modifiers.set(
            KeyModifiers::ALT,
            told.intersects(KeyModifiers::ALT | KeyModifiers::META),
        );
        let plain = modifiers - KeyModifiers::SHIFT;
        let code = match event.code {
            // Ctrl-/ is the same byte as Ctrl-_ on most terminals, and Windows calls it Ctrl-7.
            KeyCode::Char('7' | '/') if plain == KeyModifiers::CONTROL => KeyCode::Char('_'),
            KeyCode::Char(c) if !plain.is_empty() => KeyCode::Char(c.to_ascii_lowercase()),
            code => code,
        };
        match code {
            KeyCode::Char(c) if c.is_alphabetic() && plain == KeyModifiers::CONTROL => {}
            KeyCode::Char(_) | KeyCode::BackTab => modifiers = plain,
            _ => {}
        }
        Some(Self { code, modifiers })
    }

    /// Returns the letter that is pressed with Ctrl alone.
    pub(crate) fn control(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers == KeyModifiers::CONTROL => Some(c),
            _ => None,
        }
    }

    /// Returns the event of the key.
    #[cfg(test)]
    pub(crate) fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }

    /// Returns the character that it types, where it types one.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        self.typed_at(Platform::HERE == Platform::Windows)
    }

    /// `AltGr` arrives as Ctrl and Alt together in a console of Windows, and with a character that no one reaches without it.
    fn typed_at(self, console: bool) -> Option<char> {
        let alt_gr = KeyModifiers::CONTROL | KeyModifiers::ALT;
        let types = self.modifiers.is_empty() || console && self.modifiers == alt_gr;
        match self.code {
            KeyCode::Char(c) if types && !c.is_control() => Some(c),
            KeyCode::Tab if self.modifiers.is_empty() => Some('\t'),
            _ => None,
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("Ctrl-")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("Alt-")?;
        }
        if self.modifiers.contains(KeyModifiers::SHIFT) {
            f.write_str("Shift-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.modifiers.is_empty() => write!(f, "{c}"),
            KeyCode::Char(c) => write!(f, "{}", c.to_ascii_uppercase()),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            KeyCode::Delete => f.write_str("Del"),
            KeyCode::F(n) => write!(f, "F{n}"),
            code => write!(f, "{code:?}"),
        }
    }
}

/// Returns the rows that hold in a context, in the order of the hint line.
pub(crate) fn bindings(context: Context) -> impl Iterator<Item = &'static Binding> {
    context.sections().flat_map(Section::bindings)
}

/// Returns what a key asks for in a context. Shift selects with whatever moves, and changes nothing else.
#[must_use]
pub(crate) fn action(context: Context, chord: Chord) -> Option<Action> {
    let exact = |chord: Chord| {
        bindings(context)
            .find(|binding| binding.keys.contains(&chord))
            .map(|binding| binding.action)
    };
    let without_shift = || {
        let is_key = !matches!(chord.code, KeyCode::Char(_));
        let shifted = is_key && chord.modifiers.contains(KeyModifiers::SHIFT);
        let modifiers = chord.modifiers - KeyModifiers::SHIFT;
        match shifted.then(|| exact(Chord { modifiers, ..chord }))?? {
            Action::Go(motion) => Some(Action::Select(motion)),
            action => Some(action),
        }
    };
    exact(chord).or_else(without_shift)
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_context() {
        for context in Context::ALL {
            let mut seen: Vec<(Chord, Action)> = Vec::new();
            for binding in bindings(context) {
                for key in binding.keys {
                    if let Some((_, other)) = seen.iter().find(|(chord, _)| chord == key) {
                        panic!("{key} is {other:?} and {:?} in {context:?}", binding.action);
                    }
                    seen.push((*key, binding.action));
                }
            }
        }
    }

    #[test]
    fn every_key_can_be_pressed_somewhere_and_is_in_the_help() {
        for binding in BINDINGS {
            assert!(
                Context::ALL
                    .iter()
                    .any(|context| context.sections().any(|section| section == binding.section)),
                "{binding:?} holds nowhere"
            );
            assert!(Section::ALL.contains(&binding.section));
            assert!(
                binding.help.ends_with('.') && !binding.keys.is_empty(),
                "{binding:?}"
            );
        }
    }

    #[test]
    fn every_context_can_be_left_and_explains_itself() {
        for context in Context::ALL {
            let has = |wanted| bindings(context).any(|binding| binding.action == wanted);
            assert!(has(Action::Quit), "{context:?}");
            assert!(has(Action::Help) || has(Action::LeaveHelp), "{context:?}");
            assert_eq!(has(Action::Suspend), STOPS, "{context:?}");
        }
    }

    #[test]
    fn no_key_of_the_editor_is_text() {
        for binding in bindings(Context::Writing) {
            for key in binding.keys {
                for console in [false, true] {
                    assert_eq!(key.typed_at(console), None, "{key}");
                }
            }
        }
    }

    #[test]
    fn every_chord_is_what_a_terminal_can_send() {
        for binding in BINDINGS {
            for key in binding.keys {
                assert_eq!(Chord::of(key.event()), Some(*key), "{key}");
            }
        }
    }

    #[test]
    fn alt_gr_types_its_character_in_a_console() {
        let at = |modifiers| Chord {
            code: KeyCode::Char('@'),
            modifiers,
        };
        let alt_gr = at(KeyModifiers::CONTROL | KeyModifiers::ALT);
        assert_eq!(alt_gr.typed_at(true), Some('@'));
        assert_eq!(alt_gr.typed_at(false), None);
        for one in [KeyModifiers::CONTROL, KeyModifiers::ALT] {
            assert_eq!(at(one).typed_at(true), None, "{one:?}");
        }
    }

    #[test]
    fn a_key_that_is_let_go_means_nothing() {
        let event =
            KeyEvent::new_with_kind(KeyCode::Enter, KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(Chord::of(event), None);
    }
}
