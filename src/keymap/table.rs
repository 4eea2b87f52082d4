//! Every key of the program, with its place, its action and its words.

use crossterm::event::KeyCode::{
    self, Backspace, Char, Delete, Down, End, Enter, Esc, F, Home, Insert, Left, PageDown, PageUp,
    Right, Up,
};

use super::{
    Action::{
        self, Answer, BreakLine, Cancel, ChooseFile, CopyAddress, CopyCode, CopyQuote,
        CopySelection, Cut, CutTo, Discard, Edit, Erase, Go, Help, KeepMine, LeaveEditor,
        LeaveHelp, LogIn, NewCode, OpenBrowser, Paste, PutBack, Quit, Redo, Redraw, Reload, Save,
        SelectAll, SignOut, Suspend, SwapCharacters, TakeTheirs, Undelete, Undo,
    },
    Binding, Chord, Scroll, Section,
};
use crate::{editor::Motion, platform::Platform};

/// On Windows no shell is there that a program could be stopped for, and Ctrl-Z is what it is in every editor.
const UNDO: &[Chord] = match Platform::HERE {
    Platform::Windows => &[ctrl('z'), ctrl('_'), alt('u')],
    Platform::Linux | Platform::MacOs => &[ctrl('_'), alt('u')],
};

/// Every key of the program.
#[rustfmt::skip] // a table is read by its columns
pub(super) const BINDINGS: &[Binding] = &[
    row(Section::Quote, &[char('e'), key(Enter)], Edit, "edit", "Write the quote, or go on with your unsaved text."),
    row(Section::Quote, &[char('d'), key(Delete)], Action::Delete, "delete", "Delete the quote. Asks once."),
    row(Section::Quote, &[char('u')], Undelete, "undo", "Bring back the quote that was just deleted."),
    row(Section::Quote, &[char('x')], Discard, "discard draft", "Discard your unsaved text. Asks once."),
    row(Section::Quote, &[char('c')], CopyQuote, "copy", "Copy the quote to the clipboard."),
    row(Section::Session, &[char('r')], Reload, "reload", "Read the quote again."),
    // Its word is in the user bar.
    row(Section::Session, &[char('s')], SignOut, "", "Sign out. Asks once."),
    row(Section::Writing, &[key(Enter), ctrl('s'), Chord::ctrl(Enter)], Save, "Save Quote", "Save the quote."),
    row(Section::Writing, &[ctrl('j'), Chord::shift(Enter), Chord::alt(Enter)], BreakLine, "new line", "Start a new line."),
    row(Section::Writing, &[key(Esc)], LeaveEditor, "keep as draft", "Back. Your unsaved text is kept."),
    row(Section::Writing, &[key(Left), ctrl('b')], Go(Motion::Left), "", "One character left."),
    row(Section::Writing, &[key(Right), ctrl('f')], Go(Motion::Right), "", "One character right."),
    row(Section::Writing, &[key(Up), ctrl('p')], Go(Motion::Up), "", "One row up."),
    row(Section::Writing, &[key(Down), ctrl('n')], Go(Motion::Down), "", "One row down."),
    row(Section::Writing, &[Chord::ctrl(Left), Chord::alt(Left), alt('b')], Go(Motion::WordLeft), "", "One word left."),
    row(Section::Writing, &[Chord::ctrl(Right), Chord::alt(Right), alt('f')], Go(Motion::WordRight), "", "One word right."),
    row(Section::Writing, &[key(Home), ctrl('a')], Go(Motion::RowStart), "", "To the start of the row; again: of the line."),
    row(Section::Writing, &[key(End), ctrl('e')], Go(Motion::RowEnd), "", "To the end of the row; again: of the line."),
    row(Section::Writing, &[key(PageUp)], Go(Motion::PageUp), "", "One screen up."),
    row(Section::Writing, &[key(PageDown)], Go(Motion::PageDown), "", "One screen down."),
    row(Section::Writing, &[Chord::ctrl(Home), alt('<')], Go(Motion::TextStart), "", "To the start of the text."),
    row(Section::Writing, &[Chord::ctrl(End), alt('>')], Go(Motion::TextEnd), "", "To the end of the text."),
    row(Section::Writing, &[Chord::shift(Left)], Action::Select(Motion::Left), "", "Select. So does Shift with all other keys that move."),
    row(Section::Writing, &[alt('a'), ctrl_shift('a')], SelectAll, "", "Select everything."),
    row(Section::Writing, &[ctrl('x'), Chord::shift(Delete)], Cut, "", "Cut what is selected."),
    row(Section::Writing, &[alt('w'), Chord::ctrl(Insert), ctrl_shift('c')], CopySelection, "", "Copy what is selected."),
    row(Section::Writing, &[ctrl('v'), Chord::shift(Insert), ctrl_shift('v')], Paste, "", "Paste from the clipboard."),
    row(Section::Writing, &[ctrl('y')], PutBack, "", "Put back what was cut or copied last."),
    row(Section::Writing, &[key(Backspace), ctrl('h')], Erase(Motion::Left), "", "Delete the character before the cursor."),
    row(Section::Writing, &[key(Delete), ctrl('d')], Erase(Motion::Right), "", "Delete the character at the cursor."),
    row(Section::Writing, &[ctrl('w'), Chord::alt(Backspace), Chord::ctrl(Backspace)], CutTo(Motion::WordLeft), "", "Cut to the start of the word."),
    row(Section::Writing, &[alt('d'), Chord::ctrl(Delete)], CutTo(Motion::WordRight), "", "Cut to the end of the word."),
    row(Section::Writing, &[ctrl('u')], CutTo(Motion::LineStart), "", "Cut to the start of the line."),
    row(Section::Writing, &[ctrl('k')], CutTo(Motion::LineEnd), "", "Cut to the end of the line."),
    row(Section::Writing, &[ctrl('t')], SwapCharacters, "", "Swap the two characters at the cursor."),
    row(Section::Writing, UNDO, Undo, "", "Undo."),
    row(Section::Writing, &[ctrl('r'), alt('e'), ctrl_shift('z')], Redo, "", "Redo."),
    row(Section::Conflict, &[char('k')], KeepMine, "keep mine", "Save your text in place of the other."),
    row(Section::Conflict, &[char('t')], TakeTheirs, "take theirs", "Discard your text and keep the other."),
    row(Section::Conflict, &[char('e'), key(Esc)], Edit, "go on editing", "Go on writing your text; saving it replaces the other."),
    row(Section::Question, &[char('y')], Answer(true), "yes", "Yes."),
    row(Section::Question, &[char('n'), key(Esc)], Answer(false), "no", "No. Nothing changes."),
    row(Section::SignedOut, &[key(Enter), char('l')], LogIn, "Log in", "Log in with Okta."),
    row(Section::SignedOut, &[char('f')], ChooseFile, "use a file", "Keep your session in a file that only you can read, where no keyring works."),
    row(Section::SignedOut, &[char('r')], Reload, "try again", "Look for your session again."),
    row(Section::Code, &[char('o'), key(Enter)], OpenBrowser, "open", "Open the address in the browser of this machine."),
    row(Section::Code, &[char('c')], CopyCode, "copy code", "Copy the code to the clipboard."),
    row(Section::Code, &[char('a')], CopyAddress, "copy address", "Copy the address, with the code in it where Okta gives one."),
    row(Section::Code, &[char('n')], NewCode, "new code", "Ask for a new code."),
    row(Section::SignIn, &[key(Esc)], Cancel, "cancel", "Cancel the sign-in."),
    row(Section::Reading, &[key(Up)], Action::Scroll(Scroll::Up), "", "Scroll up."),
    row(Section::Reading, &[key(Down)], Action::Scroll(Scroll::Down), "", "Scroll down."),
    row(Section::Reading, &[key(PageUp)], Action::Scroll(Scroll::PageUp), "", "Scroll up a screen."),
    row(Section::Reading, &[key(PageDown), char(' ')], Action::Scroll(Scroll::PageDown), "", "Scroll down a screen."),
    row(Section::Reading, &[key(Home)], Action::Scroll(Scroll::Start), "", "Scroll to the start."),
    row(Section::Reading, &[key(End)], Action::Scroll(Scroll::End), "", "Scroll to the end."),
    row(Section::Letters, &[char('?')], Help, "help", "Show this help."),
    row(Section::Letters, &[char('q')], Quit, "quit", "Quit. Your unsaved text is kept."),
    row(Section::Everywhere, &[key(F(1))], Help, "help", "Show this help, also while writing."),
    row(Section::Always, &[ctrl('c')], Quit, "quit", "Quit, also while writing. Your unsaved text is kept."),
    row(Section::Always, &[ctrl('z')], Suspend, "", "Back to the shell; fg returns."),
    row(Section::Always, &[ctrl('l')], Redraw, "", "Redraw the screen."),
    row(Section::Help, &[key(Esc), char('?'), char('q'), key(F(1))], LeaveHelp, "back", "Leave the help."),
];

const fn row(
    section: Section,
    keys: &'static [Chord],
    action: Action,
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        section,
        keys,
        action,
        hint,
        help,
    }
}

const fn key(code: KeyCode) -> Chord {
    Chord::plain(code)
}

const fn char(c: char) -> Chord {
    Chord::plain(Char(c))
}

const fn ctrl(c: char) -> Chord {
    Chord::ctrl(Char(c))
}

const fn ctrl_shift(c: char) -> Chord {
    Chord::ctrl_shift(Char(c))
}

const fn alt(c: char) -> Chord {
    Chord::alt(Char(c))
}
