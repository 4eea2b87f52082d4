//! The table itself.

use crossterm::event::KeyCode::{
    self, Backspace, Char, Delete, Down, End, Enter, Esc, F, Home, Left, PageDown, PageUp, Right,
    Up,
};

use super::{
    Action::{
        self, Answer, BreakLine, Cancel, CopyAddress, CopyCode, CopyQuote, Discard, Edit, Erase,
        Go, Help, KeepMine, LeaveEditor, LeaveHelp, LogIn, NewCode, OpenBrowser, Quit, Redo,
        Redraw, Reload, Save, SignOut, Suspend, TakeTheirs, Undelete, Undo,
    },
    Binding, Chord, Scroll, Section,
};
use crate::editor::Motion;

/// Every key of the program.
#[rustfmt::skip] // a table is read by its columns
pub(super) const BINDINGS: &[Binding] = &[
    row(Section::Quote, &[char('e'), key(Enter)], Edit, "edit", "Write the quote, or go on with your unsaved text."),
    row(Section::Quote, &[char('d'), key(Delete)], Action::Delete, "delete", "Delete the quote. Asks once."),
    row(Section::Quote, &[char('u')], Undelete, "undo", "Bring back the quote that was just deleted."),
    row(Section::Quote, &[char('x')], Discard, "discard draft", "Discard your unsaved text. Asks once."),
    row(Section::Quote, &[char('c')], CopyQuote, "copy", "Copy the quote to the clipboard of your terminal."),
    row(Section::Session, &[char('r')], Reload, "reload", "Read the quote again."),
    // Its word is in the user bar.
    row(Section::Session, &[char('s')], SignOut, "", "Sign out."),
    row(Section::Writing, &[key(Enter), ctrl('s')], Save, "Save Quote", "Save the quote."),
    row(Section::Writing, &[Chord::alt(Enter), ctrl('j')], BreakLine, "new line", "Start a new line."),
    row(Section::Writing, &[key(Esc)], LeaveEditor, "leave", "Leave. Your unsaved text is kept."),
    row(Section::Writing, &[key(Left)], Go(Motion::Left), "", "One character left."),
    row(Section::Writing, &[key(Right)], Go(Motion::Right), "", "One character right."),
    row(Section::Writing, &[key(Up)], Go(Motion::Up), "", "One row up."),
    row(Section::Writing, &[key(Down)], Go(Motion::Down), "", "One row down."),
    row(Section::Writing, &[Chord::ctrl(Left), Chord::alt(Left), alt('b')], Go(Motion::WordLeft), "", "One word left."),
    row(Section::Writing, &[Chord::ctrl(Right), Chord::alt(Right), alt('f')], Go(Motion::WordRight), "", "One word right."),
    row(Section::Writing, &[key(Home), ctrl('a')], Go(Motion::LineStart), "", "To the start of the line."),
    row(Section::Writing, &[key(End), ctrl('e')], Go(Motion::LineEnd), "", "To the end of the line."),
    row(Section::Writing, &[key(PageUp)], Go(Motion::PageUp), "", "One screen up."),
    row(Section::Writing, &[key(PageDown)], Go(Motion::PageDown), "", "One screen down."),
    row(Section::Writing, &[Chord::ctrl(Home)], Go(Motion::TextStart), "", "To the start of the text."),
    row(Section::Writing, &[Chord::ctrl(End)], Go(Motion::TextEnd), "", "To the end of the text."),
    row(Section::Writing, &[key(Backspace), ctrl('h')], Erase(Motion::Left), "", "Delete the character before the cursor."),
    row(Section::Writing, &[key(Delete), ctrl('d')], Erase(Motion::Right), "", "Delete the character at the cursor."),
    row(Section::Writing, &[ctrl('w'), Chord::alt(Backspace)], Erase(Motion::WordLeft), "", "Delete to the start of the word."),
    row(Section::Writing, &[alt('d'), Chord::ctrl(Delete)], Erase(Motion::WordRight), "", "Delete to the end of the word."),
    row(Section::Writing, &[ctrl('u')], Erase(Motion::LineStart), "", "Delete to the start of the line."),
    row(Section::Writing, &[ctrl('k')], Erase(Motion::LineEnd), "", "Delete to the end of the line."),
    row(Section::Writing, &[ctrl('_'), alt('u')], Undo, "", "Undo."),
    row(Section::Writing, &[ctrl('y'), ctrl('r'), alt('e')], Redo, "", "Redo."),
    row(Section::Conflict, &[char('k')], KeepMine, "keep mine", "Save your text in place of the other."),
    row(Section::Conflict, &[char('t')], TakeTheirs, "take theirs", "Discard your text and keep the other."),
    row(Section::Conflict, &[char('e'), key(Esc)], Edit, "go on editing", "Go on writing your text; saving it replaces the other."),
    row(Section::Question, &[char('y')], Answer(true), "yes", "Yes."),
    row(Section::Question, &[char('n'), key(Esc)], Answer(false), "no", "No. Nothing changes."),
    row(Section::SignedOut, &[key(Enter), char('l')], LogIn, "Log in", "Log in with Okta."),
    row(Section::SignedOut, &[char('r')], Reload, "try again", "Look for your session again."),
    row(Section::Code, &[char('o')], OpenBrowser, "open", "Open the address in the browser of this machine."),
    row(Section::Code, &[char('c')], CopyCode, "copy code", "Copy the code to the clipboard of your terminal."),
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
    row(Section::Always, &[ctrl('c')], Quit, "", "Quit, also while writing. Your unsaved text is kept."),
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

const fn alt(c: char) -> Chord {
    Chord::alt(Char(c))
}
